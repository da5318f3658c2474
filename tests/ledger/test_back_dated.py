"""Events that say they are older than they are: named while no checkpoint has them, and said for good afterwards."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.evidence.verify_store import AuditVerdict, verify
from tests.case_makers import a_notice, proposal, refusal
from tests.scene import M1, PLATFORM, Host

DAY = 86_400


def verdict(host: Host) -> AuditVerdict:
    return verify(host.store.queries(PLATFORM), PLATFORM)


def said_of_late(host: Host) -> list[str]:
    return [one for one in verdict(host).not_provable if "older than a checkpoint" in one]


def test_a_case_that_was_made_up_for_an_earlier_day_is_told_of_after_the_next_checkpoint_too(host: Host) -> None:
    """Whoever writes history needs only to wait for the worker's next checkpoint."""
    clock = host.world.clock
    host.push(a_notice(seed=1), "m1")
    clock.advance(10 * DAY)
    host.proof.run()
    clock.advance(-5 * DAY)
    host.push(a_notice(seed=7), "m7")
    made_up = host.case(a_notice(seed=7).notice_id)
    clock.advance(5 * DAY + 600)
    assert {fault.case_id for fault in verdict(host).faults} == {made_up.id}
    assert host.proof.run() is not None
    assert verdict(host).faults == ()
    (said,) = said_of_late(host)
    assert "1 event of 1 case" in said
    assert f"event 1 of {made_up.id}" in said
    clock.advance(600)
    host.push(a_notice(seed=8), "m8")
    clock.advance(600)
    host.proof.run()
    assert said_of_late(host) == [said], "time does not wash it away"


def test_a_step_that_was_put_behind_a_checkpoint_is_told_of(host: Host) -> None:
    clock = host.world.clock
    host.push(a_notice(seed=1), "m1")
    clock.advance(600)
    host.proof.run()
    host.push(a_notice(seed=2), "m2")
    clock.advance(600)
    host.proof.run()
    clock.advance(-300)
    lease = host.taking.claim(M1).result()
    assert lease is not None
    clock.advance(900)
    host.proof.run()
    (said,) = said_of_late(host)
    assert f"event 2 of {lease.case.id}" in said


@pytest.mark.slow
def test_daily_work_between_checkpoints_is_never_told_of(host: Host) -> None:
    """The control."""
    for seed in range(1, 5):
        host.push(a_notice(seed=seed), f"m{seed}")
        host.proof.run()
        host.world.clock.advance(1200)
        host.decide(proposal(refusal("1")))
        host.world.clock.advance(1200)
        host.proof.run()
        host.drain()
        host.world.clock.advance(1200)
        host.proof.run()
    assert verdict(host).faults == ()
    assert said_of_late(host) == []
