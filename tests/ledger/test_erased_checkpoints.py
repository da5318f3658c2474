"""Personal data ends, and the checkpoints that saw it still hold: with the event that says so, and only with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.rewrapping import rewrap
from kz_compliance_sdk.evidence.verify_store import AuditVerdict, verify
from kz_compliance_sdk.testing import builders
from tests.case_makers import proposal, refusal
from tests.privacy.test_retention import Desk, fill, notice, sql
from tests.scene import PLATFORM
from tests.variants import variants

EMPTY = ("UPDATE parts SET bytes = NULL WHERE class = 'erasable'",)

OF_NO_CASE = "stream IN (SELECT n FROM streams WHERE name LIKE 'message/%')"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "desk.sqlite3")
    yield desk
    desk.store.close()


def _verify(desk: Desk) -> AuditVerdict:
    return verify(desk.store.queries(PLATFORM), PLATFORM, kept=b"\n".join(desk.world.witness.lines))


def _told(desk: Desk) -> str:
    return "; ".join(f"{fault.case_id} {fault.what}" for fault in _verify(desk).faults)


def _refused(desk: Desk, seed: int = 1) -> str:
    desk.host.push(notice(seed), f"msg-{seed}")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    return desk.host.case(notice(seed).notice_id).id


@pytest.mark.slow
def test_what_is_erased_changes_nothing_that_a_checkpoint_saw(desk: Desk) -> None:
    cases = fill(desk)
    first = desk.host.proof.checkpoint()
    assert _verify(desk).intact
    before = {case.id: desk.host.proof.prove(case.id) for case in cases}
    desk.later(400)
    assert len(desk.privacy.retention().cases) == len(cases)
    assert {case.id: desk.host.proof.prove(case.id) for case in cases} == before
    verdict = _verify(desk)
    assert (verdict.intact, verdict.checked, verdict.erased) == (True, len(cases), len(cases))
    desk.later(1)
    second = desk.host.proof.checkpoint()
    assert second.size > first.size
    assert _verify(desk).intact
    assert desk.host.proof.prove_growth(first.size)["checkpoint"]["size"] == second.size


@pytest.mark.slow
def test_the_same_emptying_without_its_event_is_a_fault_of_each_case(desk: Desk) -> None:
    """The control of the test above."""
    cases = fill(desk)
    desk.host.proof.checkpoint()
    sql(desk.world.path, *EMPTY)
    told = _told(desk)
    for case in cases:
        assert f"{case.id} event 1 of the stream is damaged: its part message was emptied" in told


def test_what_was_emptied_before_an_event_of_another_case_is_still_a_fault(desk: Desk) -> None:
    """An erasure excuses its own case alone."""
    one = _refused(desk, 1)
    desk.later(400)
    other = _refused(desk, 2)
    desk.host.proof.checkpoint()
    assert desk.privacy.retention().cases == (one,)
    assert _verify(desk).intact
    sql(desk.world.path, "UPDATE parts SET bytes = NULL WHERE class = 'erasable'")
    assert {fault.case_id for fault in _verify(desk).faults} == {other}


def test_what_comes_late_is_held_until_it_is_erased_in_its_turn(desk: Desk) -> None:
    case_id = _refused(desk)
    desk.host.proof.checkpoint()
    desk.later(400)
    desk.privacy.retention()
    desk.host.proof.checkpoint()
    desk.host.push(builders.cancellation(notice(1), "withdrawn"), "msg-late")
    desk.host.drain()
    desk.later(1)
    desk.host.proof.checkpoint()
    assert _verify(desk).intact
    assert desk.privacy.retention().cases == (case_id,)
    assert _verify(desk).intact
    desk.host.proof.checkpoint()
    assert _verify(desk).intact


@pytest.mark.slow
def test_a_message_of_no_case_that_was_emptied_otherwise_is_a_fault(desk: Desk) -> None:
    fill(desk)
    desk.host.proof.checkpoint()
    sql(desk.world.path, f"UPDATE parts SET bytes = NULL WHERE name = 'message' AND {OF_NO_CASE}")  # noqa: S608
    assert "its part message was emptied, and no event says so" in _told(desk)


def _sanctioned(desk: Desk) -> None:
    """A noted message of no case that a checkpoint saw, and that its retention emptied."""
    desk.host.push(builders.sanction(1), "msg-s")
    desk.host.drain()
    desk.host.proof.checkpoint()
    desk.later(400)
    assert desk.privacy.retention().unmatched == 1
    assert _verify(desk).intact


def test_the_checkpoint_after_a_message_of_no_case_was_emptied_contradicts_none(desk: Desk) -> None:
    _sanctioned(desk)
    desk.later(1)
    desk.host.proof.checkpoint()
    assert _told(desk) == ""
    desk.host.push(builders.sanction(2), "msg-t")
    desk.host.drain()
    desk.host.proof.checkpoint()
    assert _told(desk) == ""


def test_the_checkpoint_after_the_case_of_a_message_that_waited_was_erased_contradicts_none(desk: Desk) -> None:
    """Those of no case saw the message wait, and go on to the case."""
    desk.host.push(builders.sanction(2), "msg-before")
    desk.host.push(builders.cancellation(notice(1), "withdrawn"), "msg-early")
    desk.host.drain()
    desk.host.proof.checkpoint()
    desk.host.push(notice(1), "msg-1")
    desk.host.push(builders.sanction(1), "msg-s")
    desk.host.drain()
    (case,) = desk.host.cases()
    desk.host.proof.checkpoint()
    desk.later(400)
    assert desk.privacy.retention().cases == (case.id,)
    assert _verify(desk).intact
    desk.host.proof.checkpoint()
    assert _told(desk) == ""


LOOSE_KEYS = {"another": "CAST(x'00' || randomblob(32) AS BLOB)", "destroyed": "x''", "cut": "x'0001'"}


@pytest.mark.slow
@pytest.mark.parametrize("name", variants({name: name for name in LOOSE_KEYS}, "destroyed", "cut"))
def test_the_key_of_a_message_of_no_case_is_missed(name: str, desk: Desk) -> None:
    fill(desk)
    desk.host.proof.checkpoint()
    assert _verify(desk).intact
    sql(desk.world.path, f"UPDATE keys SET wrapped = {LOOSE_KEYS[name]} WHERE {OF_NO_CASE}")  # noqa: S608
    assert "its part message does not open" in _told(desk)


@pytest.mark.slow
def test_another_master_key_changes_nothing_that_a_checkpoint_saw(tmp_path: Path) -> None:
    one, both = {"a": b"a" * 32}, {"a": b"a" * 32, "b": b"b" * 32}
    desk = Desk(tmp_path / "desk.sqlite3", keys=MasterKeys(one, "a"))
    fill(desk)
    first = desk.host.proof.checkpoint()
    keys = MasterKeys(both, "b")
    assert rewrap(desk.store.writing, keys, desk.world.env().entropy).count > 0
    desk.store.close()
    desk.open(keys)
    assert _verify(desk).intact
    assert desk.host.proof.checkpoint() == first
    desk.store.close()
