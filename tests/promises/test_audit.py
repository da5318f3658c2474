"""The ledger: every step is in it, no personal text is, and what is changed behind its back is found."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.ledger import hash_of
from kz_compliance_sdk.evidence.verify_pack import verified
from tests.driver import LEGAL, M1, Driver
from tests.evidence.scene import opened, signed_anew
from tests.unguarded import unguard


def _tamper(office: Driver, statement: str) -> None:
    """Change the file as somebody who can write to it."""
    with closing(sqlite3.connect(office.path)) as connection, connection:
        unguard(connection)
        assert connection.execute(statement).rowcount


def test_every_step_is_an_event(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.view(M1, case)
    office.decide(case)
    office.deliver()
    decided = ["opened", "viewed", "claimed", "legally_checked", "proposed", "decided"]
    assert office.history(case)[:6] == decided
    left = ["begun"] * 4 + [
        "counted",
        "measure_in_force",
        "receipt",
        "receipt",
        "reported",
        "user_notice_owed",
        "user_told",
    ]
    assert sorted(office.history(case)[6:]) == left
    assert office.faults() == []


def test_what_people_wrote_is_in_the_chain_as_a_digest_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case, reasons="the girl of the third floor")
    events = office.case(case)["audit"]
    assert "third floor" in office.case(case)["decisions"][0]["proposal"]["items"][0]["reasons"]
    assert [event["kind"] for event in events if "third floor" in event["content"]] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET people = CAST(replace(CAST(people AS TEXT), 'm1', 'm2') AS BLOB) WHERE kind = 'claimed'",
        "DELETE FROM events WHERE kind = 'claimed'",
        "UPDATE cases SET due_at = due_at + 1",
        "DELETE FROM parts WHERE name = 'proposal'",
        "DELETE FROM inbox",
        "UPDATE parts SET bytes = NULL WHERE name = 'message'",
    ],
    ids=["event", "no event", "due time", "decision", "message", "text"],
)
def test_what_is_changed_behind_its_back_is_found(statement: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.decide(office.issue())
    assert office.faults() == []
    _tamper(office, statement)
    assert office.faults() != []


def test_a_try_that_was_told_is_held(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.regulator_is_down()
    case = office.issue()
    office.deliver()
    assert office.history(case) == ["opened", "begun", "tried"]
    assert office.faults() == []
    _tamper(office, "UPDATE attempts SET result = 'delivered'")
    assert office.faults() != []


def test_a_chain_that_was_told_otherwise_with_its_hashes_is_held_by_the_checkpoint(tmp_path: Path) -> None:
    """No ledger key is set here: without a checkpoint nothing would show it."""
    office = Driver(tmp_path)
    case = office.issue()
    office.view(M1, case)
    office.checkpoint()
    assert office.faults() == []
    with closing(sqlite3.connect(office.path)) as connection, connection:
        unguard(connection)
        (stream, seq, content, people, _), (*_, before) = connection.execute(
            "SELECT stream, seq, content, people, hash FROM events"
            " WHERE stream = (SELECT n FROM streams WHERE name = ?) ORDER BY seq DESC LIMIT 2",
            (f"case/{case}",),
        ).fetchall()
        at = json.loads(content)["at"]
        content = content.replace(b'"at":%d' % at, b'"at":%d' % (at + 1))
        told = hash_of(before, content, people)
        here = "WHERE stream = ? AND seq = ?"
        given = (at + 1, content, told, stream, seq)
        connection.execute(f"UPDATE events SET at = ?, content = ?, hash = ? {here}", given)  # noqa: S608
        connection.execute(f"UPDATE log SET hash = ? {here}", (told, stream, seq))  # noqa: S608
    assert any("the checkpoint 1 has another root" in fault for fault in office.faults())


def test_an_old_backup_is_found_by_a_checkpoint_that_was_kept_elsewhere(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue(1)
    office.checkpoint()
    office.stop()
    backup = office.path.read_bytes()
    office.start()
    office.issue(2)
    outside = office.checkpoint()
    office.stop()
    office.path.write_bytes(backup)
    Path(f"{office.path}.mark").unlink()  # what lies beside the store was put back as well
    office.start()
    assert office.faults() == [], "nothing inside can show it"
    assert any("older than the checkpoint" in fault for fault in office.faults(outside))


def test_a_report_carries_the_head_and_the_last_checkpoint(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.deliver()
    made = json.loads(office.checkpoint())
    heads = {office.case(case)["audit_head"]}
    token = office.claim(M1, case)
    office.propose(M1, case, token, "none")
    office.deliver()
    heads |= {event["hash"] for event in office.case(case)["audit"]}
    (report,) = office.reports()
    assert report["audit_head"] in heads
    assert report.get("checkpoint", {}).get("size") == made["size"]


def test_whoever_takes_a_pack_out_is_on_record(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.evidence(LEGAL, case, full=True)
    last = office.case(case)["audit"][-1]
    assert (last["kind"], last["actor"]) == ("disclosed", "legal")


def test_a_page_of_a_pack_that_contradicts_its_events_is_refused(tmp_path: Path) -> None:
    """Whoever signs it anew, and with the list of files that fits it."""
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue()
    office.decide(case)
    files = opened(office.evidence(LEGAL, case))
    page = files["report.html"].replace(b"</h1>", b"</h1><p>Nothing was decided.</p>", 1)
    assert page != files["report.html"]
    assert verified(signed_anew(files), None).problems == []
    found = verified(signed_anew({**files, "report.html": page}), None).problems
    assert [(wrong.code, wrong.where) for wrong in found] == [("page", "report.html")]
