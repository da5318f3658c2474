# ruff: noqa: S608  every statement is made of names in this file, and of ids
"""A message that comes before its notice lies in a stream of its own: nobody without the ledger's key makes one up,
moves it, lets it take effect twice or takes it away in silence, and its words go when their time is over.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.keys import DataKey
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.change import CursorMoved, InboxRow
from kz_compliance_sdk.domain.events.arrivals import Came, Lodged
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, LedgerKeys, Part, Roster, link, seal
from kz_compliance_sdk.domain.received import received_in, repeats_of
from kz_compliance_sdk.domain.values import MESSAGES
from kz_compliance_sdk.services.sweep import Swept
from tests.driver import CLERK, DAY, HEAD, LEAD, LEGAL, Driver
from tests.ledger.otherwise import attack
from tests.ledger.stored import MASTER, NEW

pytestmark = pytest.mark.writes_by_itself
SALT = bytes(16)
OPEN = "notice_id <> '' OR lodged_at IS NOT NULL"
KEY = b"\x00" + b"f" * 32
"""A data key that nothing wraps."""
FORGED = {
    "id": "made-up",
    "type": "notice.cancelled",
    "api_version": "1",
    "platform_id": "social",
    "data": {
        "notice_id": "",
        "revision": 1,
        "effect": "withdrawn",
        "reference_number": "7-1",
        "issued_at": "2026-11-24T07:00:00Z",
        "reasons": [{"lang": "ru", "text": "Отозвано."}],
    },
    "sent_at": "2026-11-24T07:00:00Z",
}


def office_in(folder: Path) -> Driver:
    """One with a master key and a ledger key, as they should be."""
    return Driver(folder, keys=MASTER, ledger_keys=LedgerKeys((NEW,)))


def read(office: Driver, sql: str, *values: Any) -> list[Any]:
    with closing(choose_driver().module.connect(f"file:{office.path}?mode=ro", uri=True)) as raw:
        return list(raw.execute(sql, values).fetchall())


def waits_in(office: Driver, n: int = 2) -> str:
    """The stream of a cancellation that waits for the notice `n`."""
    before = {name for (name,) in read(office, "SELECT name FROM streams")}
    assert office.cancel(office.notice(n)["notice_id"])["status"] == 202
    (name,) = {name for (name,) in read(office, "SELECT name FROM streams WHERE name LIKE 'message/%'")} - before
    return str(name)


def forge(office: Driver, notice: str, key: LedgerKey | None) -> str:
    """Put a cancellation there that no authority wrote, with all that belongs to it; the name of its stream."""
    data = {**FORGED["data"], "notice_id": notice}  # type: ignore[dict-item]
    body = json.dumps({**FORGED, "data": data}, ensure_ascii=False).encode()
    proof = json.dumps({"authorities": [office.notice()["issuing_authority"]["id"]]}).encode()
    name, words = f"message/{'f' * 32}", {"message": ("erasable", body), "proof": ("kept", proof)}
    parts = [Part(one, cls, SALT, said) for one, (cls, said) in words.items()]  # type: ignore[arg-type]
    came = Came(key="f" * 32, body=hashlib.sha256(body).hexdigest(), source="pushed", sender="sample-regulator")
    sealed = {part.name: seal(part) for part in parts}
    event = Lodged(kind="notice.cancelled", came=came, notice=notice, parts=sealed)
    made = link(
        office.platform_id,
        name,
        1,
        office.clock(),
        event,
        kind=event.called,
        version=1,
        before=FIRST,
        roster=Roster(),
        key=key,
    )
    attack(office, "INSERT INTO streams VALUES (999, ?, ?)", office.platform_id, name)
    columns = (made.at, made.kind, made.content, made.people, made.hash, made.mac, made.key_id)
    attack(office, "INSERT INTO events VALUES (999, 1, ?, ?, ?, ?, ?, ?, ?)", *columns)
    last = "SELECT platform, max(n) + 1, 999, 1, ? FROM log WHERE platform = ?"
    attack(office, f"INSERT INTO log {last}", made.hash, office.platform_id)
    for part in parts:
        bound = f"kz-compliance/part/v1\n{office.platform_id}\n{name}\n1\n{part.name}\n{part.cls}".encode()
        data_ = DataKey(KEY[1:]).encrypt(part.salt + part.data, bound, bytes(12))
        attack(office, "INSERT INTO parts VALUES (999, 1, ?, ?, ?)", part.name, part.cls, data_)
        attack(office, "INSERT INTO keys VALUES (999, ?, ?, '')", part.cls, KEY)
    put_row(office, "f" * 32, notice)
    return name


def put_row(office: Driver, message: str, notice: str) -> None:
    values = "f" * 32, "f" * 32, office.platform_id, message, notice
    attack(office, "INSERT INTO inbox VALUES (999, ?, ?, ?, '', ?, 1, ?, 1)", *values)


# ------------------------------------------------------------------------------------------------ what is made up


def made_up(office: Driver, notice: str) -> str:
    put_row(office, "made-up", notice)
    return "message/made-up"


def moved(office: Driver, notice: str) -> str:
    name = waits_in(office, 3)
    attack(office, "UPDATE inbox SET notice_id = ? WHERE message <> ''", notice)
    return name


def taken_twice(office: Driver, notice: str) -> str:
    """One that has taken effect, and would again in the case of another notice."""
    name = waits_in(office, 3)
    office.issue(3)
    office.deliver()
    attack(office, "UPDATE inbox SET notice_id = ?, lodged_at = 1 WHERE message = ?", notice, name[8:])
    return name


def not_proved(office: Driver, notice: str) -> str:
    return forge(office, notice, None)


def of_another_key(office: Driver, notice: str) -> str:
    return forge(office, notice, LedgerKey(b"f" * 32))


def under_a_bare_key(office: Driver, notice: str) -> str:
    """The bytes of one that waits, taken for others under a key that nothing wraps."""
    name = waits_in(office)
    of_it = "stream = (SELECT n FROM streams WHERE name = ?)"
    attack(office, f"UPDATE keys SET wrapped = ? WHERE {of_it}", KEY, name)
    return name


def edited(office: Driver, notice: str) -> str:
    name = waits_in(office, 3)
    new, of_it = "CAST(replace(content, ?, ?) AS BLOB)", "stream = (SELECT n FROM streams WHERE name = ?)"
    attack(office, f"UPDATE events SET content = {new} WHERE {of_it}", office.notice(3)["notice_id"], notice, name)
    attack(office, "UPDATE inbox SET notice_id = ? WHERE message <> ''", notice)
    return name


MADE_UP = {
    one.__name__: one for one in (made_up, moved, taken_twice, not_proved, of_another_key, under_a_bare_key, edited)
}
BROKEN = ("not_proved", "of_another_key", "under_a_bare_key", "edited")
"""Those that leave a stream on which nothing can be decided."""


@pytest.mark.parametrize("how", MADE_UP)
def test_what_no_authority_wrote_of_a_notice_waits_for_it_in_vain_and_is_told(tmp_path: Path, how: str) -> None:
    office = office_in(tmp_path)
    office.issue()
    office.deliver()
    notice = office.notice(2)["notice_id"]
    name = MADE_UP[how](office, notice)
    assert any(name in fault for fault in office.faults())
    case = office.issue(2)
    assert office.standing(case)["state"] == "queued"
    office.deliver()
    assert (name, "case_unreadable") in {(one.case_reference, one.reason) for one in office.pager.alerts}


@pytest.mark.parametrize("how", MADE_UP)
def test_the_sweep_mends_a_row_that_makes_a_message_wait_or_tells_of_its_stream(tmp_path: Path, how: str) -> None:
    office = office_in(tmp_path)
    office.issue()
    office.deliver()
    name = MADE_UP[how](office, office.notice(2)["notice_id"])
    swept = office.desk.sweep()
    told = (swept.broken, swept.mended)
    if how == "under_a_bare_key":
        assert told == ((), ()), "its words alone do not open: the verification names them, and its notice tells"
        return
    assert told == (((name,), ()) if how in BROKEN else ((), (name,)))
    office.deliver()
    assert ("case_unreadable" if how in BROKEN else "row_mended") in office.pages()
    if how not in BROKEN:
        assert (office.desk.sweep().mended, office.faults()) == ((), [])


# --------------------------------------------------------------------------------------------- what is taken away


def test_a_row_that_is_gone_comes_back_and_the_message_takes_effect(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    assert office.desk.sweep() == Swept(), "the control: untouched"
    attack(office, "DELETE FROM inbox")
    assert [name in fault for fault in office.faults()] == [True]
    assert office.desk.sweep() == Swept(0, ((name, ("row",)),))
    assert office.faults() == []
    assert office.standing(office.issue(2))["state"] == "cancelled"


KEPT_APART = {
    "its own row was gone when its notice came": "DELETE FROM inbox",
    "the row of its case lied when it came": "UPDATE cases SET notice_id = 'another'",
    "the row of its case was gone when it came": "DELETE FROM cases",
}


@pytest.mark.parametrize("how", KEPT_APART)
def test_a_cancellation_that_a_lie_kept_from_its_notice_takes_effect_within_the_hour(tmp_path: Path, how: str) -> None:
    """Else what was annulled would be removed all the same."""
    office, sql = office_in(tmp_path), KEPT_APART[how]
    if sql.endswith("inbox"):
        name = waits_in(office)
        attack(office, sql)
        case = office.issue(2)
    else:
        case = office.issue(2)
        attack(office, sql)
        name = waits_in(office)
    assert kinds(office, name) == ["lodged"], "the control: it waits in vain"
    assert (name, ("waited",)) in office.desk.sweep().lies
    assert (kinds(office, name), office.standing(case)["state"]) == (["lodged", "joined"], "cancelled")
    office.deliver()
    assert "row_mended" in office.pages()
    assert (office.desk.sweep(), office.faults()) == (Swept(1), [])


def test_what_waits_for_a_later_revision_goes_on_waiting_whatever_the_sweep_finds(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    case, notice = office.issue(), office.notice()
    office.cancel(notice["notice_id"], revision=2)
    assert office.desk.sweep() == Swept(1)
    assert office.standing(case)["state"] == "queued"
    office.amend(notice)
    assert office.standing(case)["state"] == "cancelled"


@pytest.mark.parametrize("value", [b"\xff\0", 5, "~"])
def test_a_row_that_names_its_stream_by_no_text_is_told_and_holds_nothing_up(tmp_path: Path, value: object) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    attack(office, "UPDATE inbox SET message = ?", value)
    assert any(name in fault for fault in office.faults()), "a walk that never ended"
    assert (name, ("row",)) in office.desk.sweep().lies
    assert office.faults() == []


@pytest.mark.parametrize("column", ["message", "notice_id", "body", "lodged_at", "seq"])
def test_a_row_with_a_text_that_is_none_is_told_and_holds_nothing_up(tmp_path: Path, column: str) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    attack(office, f"UPDATE inbox SET {column} = CAST(? AS TEXT)", b"\xff")
    assert any(name in fault for fault in office.faults())
    assert (name, ("row",)) in office.desk.sweep().lies


@pytest.mark.parametrize("value", [b"\xff\0", b"\xff\xff"])
def test_a_row_of_no_stream_by_no_text_is_told(tmp_path: Path, value: bytes) -> None:
    office = office_in(tmp_path)
    waits_in(office)
    attack(office, "INSERT INTO inbox VALUES (999, 'k', 'b', ?, '', ?, 1, '', NULL)", office.platform_id, value)
    assert any("inbox" in fault for fault in office.faults())


def test_the_same_message_does_not_come_twice_where_its_rows_were_taken_away(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    body = json.dumps({**FORGED, "data": {**FORGED["data"], "notice_id": office.notice()["notice_id"]}})  # type: ignore[dict-item]
    first = office.push_bytes(body.encode(), "made-up")
    attack(office, "DELETE FROM inbox")
    office.wait(1)
    assert office.push_bytes(body.encode(), "made-up") == {**first, "status": 200}
    assert read(office, "SELECT count(*) FROM events WHERE kind = 'lodged'") == [(1,)]
    office.desk.sweep()
    assert office.standing(office.issue())["state"] == "cancelled"


def test_one_whose_bytes_are_damaged_holds_up_no_other(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    office.remind(office.notice(2)["notice_id"])
    attack(
        office,
        "UPDATE parts SET bytes = zeroblob(200)"
        f" WHERE name = 'message' AND stream = (SELECT n FROM streams WHERE name = '{name}')",
    )
    assert any(name in fault for fault in office.faults())
    case = office.issue(2)
    office.deliver()
    assert office.standing(case)["state"] == "queued"
    told = {(one.case_reference, one.reason) for one in office.pager.alerts}
    assert {(name, "case_unreadable"), (case, "reminded")} <= told


# ------------------------------------------------------------------------------------------------- what it comes to


def kinds(office: Driver, name: str) -> list[str]:
    of_it = "SELECT kind FROM events WHERE stream = (SELECT n FROM streams WHERE name = ?) ORDER BY seq"
    return [kind for (kind,) in read(office, of_it, name)]


def test_what_waited_takes_effect_once_and_says_so_in_both_streams(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    assert kinds(office, name) == ["lodged"]
    case = office.issue(2)
    assert office.standing(case)["state"] == "cancelled"
    assert kinds(office, name) == ["lodged", "joined"]
    assert kinds(office, f"case/{case}")[:2] == ["opened", "cancelled"]
    assert read(office, f"SELECT * FROM inbox WHERE {OPEN}") == []
    assert office.faults() == []


def test_the_words_of_one_that_took_effect_go_with_those_of_its_case(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    case = office.issue(2)
    office.deliver()
    held = "SELECT count(bytes) FROM parts WHERE class = 'erasable' AND stream = (SELECT n FROM streams WHERE name = ?)"
    assert read(office, held, name) == [(1,)]
    office.ask_erasure(LEGAL, case)
    office.erase(HEAD, case)
    assert (read(office, held, name), kinds(office, name)[-1]) == ([(0,)], "erased")
    assert office.faults() == []
    assert office.desk.sweep().lies == ()


def test_what_waits_in_vain_is_erased_when_its_time_is_over_and_waits_no_more(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    office.announce_sanction([])
    office.wait(3 * 365 * DAY)
    office.retention()
    assert kinds(office, name) == ["lodged", "erased"]
    assert read(office, "SELECT count(bytes) FROM parts WHERE class = 'erasable'") == [(0,)]
    assert read(office, f"SELECT * FROM inbox WHERE {OPEN}") == []
    assert office.standing(office.issue(2))["state"] == "queued"
    assert office.faults() == []


def test_what_waits_in_vain_is_erased_in_the_very_second_that_its_time_is_over(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    office.wait(office.desk.settings.retention.unmatched_days * DAY - 1)
    office.retention()
    assert kinds(office, name) == ["lodged"]
    office.wait(1)
    office.retention()
    assert kinds(office, name) == ["lodged", "erased"]


def test_what_a_row_calls_old_is_not_erased_before_its_time(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    name = waits_in(office)
    attack(office, "UPDATE inbox SET lodged_at = 1")
    office.retention()
    assert kinds(office, name) == ["lodged"]


@pytest.mark.slow
def test_a_letter_that_was_typed_in_is_read_from_the_chain_of_its_case(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    case = office.issue()
    letter = office.enter_cancellation(CLERK, case)
    attack(office, "DELETE FROM inbox")
    office.vouch(LEAD, case, letter)
    assert office.standing(case)["state"] == "cancelled"


# --------------------------------------------------------------------------------------------------- its answer

REPEATS = {
    "a notice": lambda office: office.push("notice.issued", office.notice(), "m"),
    "a notice that is known": lambda office: office.push("notice.issued", office.notice(4), "m"),
    "what cannot be used": lambda office: office.push("notice.issued", {**office.notice(), "items": []}, "m"),
    "a contradiction": lambda office: office.push("notice.issued", office.notice(4, items=2), "m"),
    "a cancellation": lambda office: office.cancel(office.notice(4)["notice_id"]),
    "one that waits": lambda office: office.cancel(office.notice(2)["notice_id"]),
    "a sanction": lambda office: office.announce_sanction([]),
}


@pytest.mark.parametrize("what", REPEATS)
def test_what_comes_again_gets_its_first_answer_from_the_ledger(tmp_path: Path, what: str) -> None:
    office = office_in(tmp_path)
    office.issue(4)
    sent: list[tuple[Any, ...]] = []
    push_bytes = office.push_bytes

    def pushed(body: bytes, message_id: str, **how: Any) -> dict[str, Any]:
        sent.append((body, message_id))
        return push_bytes(body, message_id, **how)

    office.push_bytes = pushed  # type: ignore[method-assign]
    first = REPEATS[what](office)
    office.wait(60)
    again = [push_bytes(*sent[0]) for _ in range(2)]
    expected = {**first, "status": 200 if first["status"] < 300 else first["status"]}
    assert again == [expected, expected]
    if first["status"] == 422 or what == "a contradiction":
        assert "case_reference" not in first
        return
    (row,) = received(office, sent[0][0])
    assert (row.deliveries, row.status) == (3, first["status"])
    assert json.loads(row.reply) == {name: said for name, said in first.items() if name != "status"}


def received(office: Driver, body: bytes) -> list[InboxRow]:
    """What came with exactly these bytes, whoever took it."""
    desk, platform = office.desk, office.platform_id
    queries = desk.store.queries(platform)

    def repeats(key: str, digest: str) -> int:
        name = repeats_of(key, digest)
        return int(desk.store.submit(platform, lambda tx: ((), tx.known(CursorMoved, name).cursor)).result() or 0)

    rows = [row for case_id in queries.case_ids() for row in queries.records(case_id).inbox]
    for chain in queries.streams_beside(MESSAGES):
        rows += received_in(chain.stream, chain.words, repeats)
    return [row for row in rows if row.body == body]


def test_a_row_that_lies_about_an_answer_gives_none_and_is_told(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    case, other = office.issue(1), office.issue(2)
    office.deliver()
    before = "SELECT key, body FROM inbox WHERE case_id = ?"
    ((key, body),) = read(office, before, case)
    attack(office, "UPDATE inbox SET key = ?, body = ? WHERE case_id = ?", key, body, other)
    attack(office, "DELETE FROM inbox WHERE case_id = ?", case)
    assert office.push("notice.issued", office.notice(), "msg-1")["case_reference"] == case
    office.deliver()
    assert (other, "case_unreadable") in {(one.case_reference, one.reason) for one in office.pager.alerts}
    assert len(office.cases()) == 2
    assert {one for one, lies in office.desk.sweep().lies if "inbox" in lies} >= {other}
    assert office.faults() == []


def test_a_counter_that_was_edited_costs_nothing_else(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    office.announce_sanction([])
    body, name = b"{}", "m-1"
    office.push_bytes(body, name)
    office.push_bytes(body, name)
    attack(office, "UPDATE cursors SET cursor = 'x'")
    assert office.push_bytes(body, name)["status"] == 422
    assert office.faults() == []
