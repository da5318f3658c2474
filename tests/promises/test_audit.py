"""The audit trail: every step is in it, no personal text is, and what is changed behind its back is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.driver import LEGAL, M1, Driver
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
    decided = ["open", "view", "claim", "propose"]
    left = ["measure_in_force", "receipt", "receipt", "report", "tell_user", "user_notice"]
    assert office.history(case)[:4] == decided
    assert sorted(office.history(case)[4:]) == left
    assert office.faults() == []


def test_what_people_wrote_is_in_the_chain_as_a_digest_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case, reasons="the girl of the third floor")
    events = office.case(case)["audit"]
    assert any("third floor" in text for event in events for text in event["texts"].values())
    assert [event["kind"] for event in events if "third floor" in event["content"]] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET content = CAST(replace(CAST(content AS TEXT), 'm1', 'm2') AS BLOB) WHERE kind = 'claim'",
        "DELETE FROM audit WHERE kind = 'claim'",
        "UPDATE cases SET due_at = due_at + 1",
        "DELETE FROM parts WHERE name = 'proposal'",
        "DELETE FROM inbox",
        "DELETE FROM sealed_texts",
    ],
    ids=["event", "no event", "due time", "decision", "message", "text"],
)
def test_what_is_changed_behind_its_back_is_found(statement: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.decide(office.issue())
    assert office.faults() == []
    _tamper(office, statement)
    assert office.faults() != []


def test_a_row_of_which_no_event_speaks_is_held_by_the_checkpoint(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.decide(office.issue())
    office.deliver()
    office.checkpoint()
    assert office.faults() == []
    _tamper(office, "UPDATE attempts SET ended_at = ended_at + 1")
    assert office.faults() != []


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
    office.start()
    assert office.faults() == [], "nothing inside can show it"
    assert any("older than the checkpoint" in fault for fault in office.faults(outside))


def test_a_report_carries_the_head_and_the_last_checkpoint(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.deliver()
    office.checkpoint()
    heads = {office.case(case)["audit_head"]}
    token = office.claim(M1, case)
    office.propose(M1, case, token, "none")
    office.deliver()
    heads |= {event["hash"] for event in office.case(case)["audit"]}
    (report,) = office.reports()
    assert report["audit_head"] in heads
    assert report.get("checkpoint", {}).get("size") == 1


def test_whoever_takes_a_pack_out_is_on_record(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.evidence(LEGAL, case, full=True)
    last = office.case(case)["audit"][-1]
    assert (last["kind"], last["actor"]) == ("disclose", "legal")
