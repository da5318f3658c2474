"""What is evidence: every table and column is in the list, and a row may only go on as it says."""

from __future__ import annotations

from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.statements import sqlite_statements
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain.evidence import entry_of, grown
from kz_compliance_sdk.domain.evidence_rows import Seen, Since
from kz_compliance_sdk.domain.evidence_tables import CHAIN, NO_EVIDENCE, TABLES

AT = 1_795_500_000


def test_every_table_and_every_column_is_in_the_list() -> None:
    """If this fails, say in `evidence_tables.py` of the new table or column whether it is evidence, and if not, why."""
    assert sqlite_statements().inserts.keys() == metadata.tables.keys() == TABLES.keys() | CHAIN | NO_EVIDENCE.keys()
    for name, table in TABLES.items():
        listed = {"platform_id", *table.key, *table.fixed, *table.changing, *table.ignored} | ({table.lock} - {""})
        columns = {column.name for column in metadata.tables[name].columns}
        assert columns - {"case_id"} == listed - {"case_id"}, name
        assert not set(table.fixed) & set(table.changing)
    assert all(why for why in NO_EVIDENCE.values())
    assert all(why for table in TABLES.values() for why in table.ignored.values())


def _message(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys((*TABLES["outbox"].changing, *TABLES["outbox"].ignored))
    row |= {"id": "m-1", "kind": "report", "body": b"{}", "created_at": AT, "lane": "", "lane_seq": 0, "item_id": ""}
    return row | {"state": "queued", "attempts": 1, "lease_token": 1, "next_attempt_at": AT} | changes


def _attempt(**changes: Any) -> dict[str, Any]:
    row = {"message_id": "m-1", "number": 1, "started_at": AT, "ended_at": AT + 1, "result": "retry", "detail": "503"}
    return row | changes


def _seen(**rows: dict[str, Any]) -> Seen:
    entries = [entry_of("salt", name, row) for name, row in rows.items()]
    return Seen("salt", {entry.name: entry for entry in entries})


def _faults(seen: Seen, rows: dict[str, list[dict[str, Any]]], *, moved: bool = False) -> list[str]:
    return grown(seen, rows, Since(moved=moved, at=AT + 100))[2]


LATER: dict[str, tuple[dict[str, Any], bool]] = {
    "the same": ({}, True),
    "was leased": ({"state": "leased", "lease_token": 2, "attempts": 2}, True),
    "was voided since": ({"state": "void", "settled_at": AT + 101}, True),
    "was voided before": ({"state": "void", "settled_at": AT + 9}, False),
    "was never tried again": ({"state": "done"}, False),
    "another receipt": ({"receipt": b"r"}, False),
    "another body": ({"body": b"[]", "lease_token": 2, "attempts": 2}, False),
    "only its schedule": ({"next_attempt_at": AT + 900}, True),
}


@pytest.mark.parametrize("name", LATER)
def test_a_message_goes_on_only_by_being_tried_or_voided(name: str) -> None:
    changes, fine = LATER[name]
    found = _faults(_seen(outbox=_message()), {"outbox": [_message(**changes)]})
    assert (found == []) is fine, found
    if not fine:
        assert "the row m-1 of outbox" in found[0]


def test_a_row_that_went_on_is_held_against_what_it_is_now() -> None:
    """What the next look compares is this one's: else a row could go back to what it was before."""
    leased = _message(state="leased", lease_token=2, attempts=2)
    seen = _seen(outbox=_message())
    assert grown(seen, {"outbox": [_message()]}, Since(moved=False, at=AT + 100))[0] == []
    for row in (leased, _message(refusals=1), _message(lease_token=2)):
        assert grown(seen, {"outbox": [row]}, Since(moved=False, at=AT + 100))[0] == [entry_of("salt", "outbox", row)]


def _received(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys((*TABLES["inbox"].fixed, *TABLES["inbox"].changing, *TABLES["inbox"].ignored))
    row |= {"sender": "s", "message_id": "m", "body_sha256": "00", "source": "pushed", "received_at": AT}
    return row | {"body": b"{}", "proof": b"{}", "data_key": b"k", "case_id": "c"} | changes


def test_a_key_of_a_message_that_was_destroyed_never_comes_back() -> None:
    destroyed = _received(data_key=b"")
    assert _faults(_seen(inbox=destroyed), {"inbox": [destroyed]}, moved=True) == []
    (fault,) = _faults(_seen(inbox=destroyed), {"inbox": [_received()]}, moved=True)
    assert fault == "the data key of the row s m 00 of inbox is another: a checkpoint saw it otherwise"


def test_what_came_before_the_last_look_comes_in_only_where_an_event_names_it() -> None:
    row = _received()
    named = frozenset({("s", "m", "00")})

    def faults(received_at: int, named: frozenset[tuple[str, ...]] = frozenset()) -> list[str]:
        since = Since(moved=True, at=AT + 100, named=named)
        return grown(_seen(), {"inbox": [{**row, "received_at": received_at}]}, since)[2]

    assert "was added" in faults(AT)[0]
    assert faults(AT, named) == []
    assert faults(AT + 100) == []


def test_what_is_settled_never_changes_again() -> None:
    done = _message(state="done", settled_at=AT, receipt=b"r")
    again = _message(state="done", settled_at=AT, receipt=b"r", attempts=9, lease_token=9)
    assert _faults(_seen(outbox=done), {"outbox": [again]}, moved=True)


def test_an_attempt_is_added_only_by_the_message_being_tried() -> None:
    seen = _seen(outbox=_message(attempts=1), attempts=_attempt())
    assert _faults(seen, {"outbox": [_message()], "attempts": [_attempt(), _attempt(number=2)]}) == []
    seen = _seen(outbox=_message(attempts=2), attempts=_attempt())
    assert _faults(seen, {"outbox": [_message(attempts=2)], "attempts": [_attempt(), _attempt(number=2)]})


def test_an_attempt_may_come_late_only_before_one_that_was_not_recorded() -> None:
    late = [_attempt(), _attempt(number=2)]
    for result, fine in (("unrecorded", True), ("retry", False)):
        seen = _seen(outbox=_message(attempts=2), attempts=_attempt(number=2, result=result))
        found = _faults(seen, {"outbox": [_message(attempts=2)], "attempts": [late[0], {**late[1], "result": result}]})
        assert (found == []) is fine, found


def test_a_lost_attempt_may_come_back_and_no_other() -> None:
    message = {"outbox": [_message()]}
    lost = _seen(outbox=_message(), attempts=_attempt(result="lost"))
    assert _faults(lost, {**message, "attempts": [_attempt(result="delivered")]}) == []
    kept = _seen(outbox=_message(), attempts=_attempt())
    assert _faults(kept, {**message, "attempts": [_attempt(result="delivered")]})


def test_a_row_that_is_gone_is_named_whatever_its_case_did() -> None:
    seen = _seen(attempts=_attempt())
    assert _faults(seen, {"attempts": [_attempt()]}) == [], "the control"
    for moved in (False, True):
        assert "of attempts is gone" in _faults(seen, {"attempts": []}, moved=moved)[0]


def test_nothing_older_than_the_last_look_comes_in_by_itself() -> None:
    page = _message(id="m-2", kind="page", created_at=AT)
    assert _faults(_seen(outbox=_message()), {"outbox": [_message(), page]})
    assert _faults(_seen(outbox=_message()), {"outbox": [_message(), {**page, "created_at": AT + 100}]}) == []


def test_text_that_is_no_text_breaks_nothing() -> None:
    odd = _message(body="not bytes", lane="\udcff", state=7.5)
    assert _faults(_seen(outbox=_message()), {"outbox": [odd]})
