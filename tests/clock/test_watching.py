"""One watch: what it says that it did, what it goes on with when a case fails it, and whom it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import holding, review_policy
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.services import deadlines
from kz_compliance_sdk.services.deadlines import Watched, watch
from tests.case_makers import a_notice
from tests.delivery.test_contained_faults import failing_for, stuck_case
from tests.scene import M1, PLATFORM, Host, World

HOUR = 3600
STEPS = 4
"""So many of the packaged ladder's steps are due an hour before the end, if nobody looked before."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def issued(host: Host, *seeds: int) -> None:
    for seed in seeds:
        host.push(a_notice(seed=seed), f"m-{seed}")


def pages(host: Host, case_id: str) -> list[dict[str, Any]]:
    """The alerts about a case that wait to be sent."""
    found: list[OutboxMessage] = list(host.records(case_id).messages)
    return [json.loads(message.body) for message in found if message.kind == "page"]


def beats(host: Host) -> dict[str, int]:
    return {beat.part: beat.at for beat in host.store.queries(PLATFORM).health(host.world.clock()).heartbeats}


def test_a_watch_says_how_many_cases_it_looked_at_and_how_many_steps_fired(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    issued(host, 1, 2, 3)
    assert host.watch() == Watched(0, 0)
    host.world.clock.advance(23 * HOUR)
    assert host.watch() == Watched(3, 3 * STEPS)
    assert host.watch() == Watched(0, 0), "each comes once"
    assert beats(host) == {"watcher": host.world.clock()}
    assert caplog.text == "", "no case was taken alone"


def test_more_cases_than_one_commit_takes_are_all_looked_at(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_AT_ONCE", 2)
    issued(host, 1, 2, 3, 4, 5)
    host.world.clock.advance(23 * HOUR)
    assert host.watch() == Watched(5, 5 * STEPS)


def test_a_watch_for_another_time_fires_what_is_due_then(host: Host) -> None:
    issued(host, 1)
    now = host.world.clock()
    assert watch(host.store, PLATFORM, host.policy, now) == Watched(0, 0)
    assert watch(host.store, PLATFORM, host.policy, now + 23 * HOUR) == Watched(1, STEPS)


def test_only_a_watch_that_is_to_beats(host: Host) -> None:
    watch(host.store, PLATFORM, host.policy, beat=False)
    assert beats(host) == {}
    host.watch()
    assert beats(host) == {"watcher": host.world.clock()}


@pytest.mark.parametrize("beat", [True, False])
def test_a_watch_that_takes_each_case_alone_beats_as_it_would_have(
    host: Host, monkeypatch: pytest.MonkeyPatch, beat: bool
) -> None:
    issued(host, 1, 2)
    host.world.clock.advance(23 * HOUR)
    failing_for(monkeypatch, holding, "escalate", host.case(a_notice(seed=1).notice_id).id)
    assert watch(host.store, PLATFORM, host.policy, beat=beat) == Watched(2, STEPS)
    assert beats(host) == ({"watcher": host.world.clock()} if beat else {})


def test_an_interim_report_is_offered_by_the_watch_alone(host: Host) -> None:
    """With the step that is due, and in one commit: no case is taken alone for it."""
    case = stuck_case(host)
    host.world.clock.advance(23 * HOUR + HOUR - 60)
    assert host.watch() == Watched(1, STEPS)
    assert "interim_offered" in host.history(case.id)
    assert "escalated" in host.history(case.id)
    told = [alert["reason"] for alert in pages(host, case.id)]
    assert told.count("interim_offered") == 1
    assert "report_stuck" not in told


def test_a_case_whose_report_fails_is_escalated_and_people_are_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = stuck_case(host)
    failing_for(monkeypatch, holding, "offer_interim", case.id)
    host.world.clock.advance(23 * HOUR + HOUR - 60)
    assert host.watch() == Watched(1, STEPS)
    (alert,) = [one for one in pages(host, case.id) if one["reason"] == "report_stuck"]
    assert (alert["audience"], alert["level"]) == (["moderator", "lead"], 50)


def test_a_case_that_fails_altogether_is_put_off_by_five_minutes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    issued(host, 1)
    case = host.case(a_notice().notice_id)
    failing_for(monkeypatch, holding, "escalate", case.id)
    host.world.clock.advance(23 * HOUR)
    assert host.watch() == Watched(1, 0)
    after = host.case(a_notice().notice_id)
    assert (after.watch_at, after.version) == (host.world.clock() + 300, case.version + 1)
    (alert,) = [one for one in pages(host, case.id) if one["reason"] == "watch_stuck"]
    assert (alert["audience"], alert["level"]) == (["lead", "head"], 50)
    assert host.watch() == Watched(0, 0)
    host.world.clock.advance(300)
    assert host.watch() == Watched(1, 0)


def test_a_case_that_cannot_even_be_put_off_counts_as_none(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    issued(host, 1, 2)
    host.world.clock.advance(23 * HOUR)
    case_id = host.case(a_notice(seed=1).notice_id).id
    failing_for(monkeypatch, holding, "escalate", case_id)
    monkeypatch.setattr(deadlines, "stuck", lambda *_, **__: 1 / 0)
    assert host.watch() == Watched(1, STEPS)
    assert "a watch failed and takes each case alone: ValueError" in caplog.text
    assert caplog.text.count(f"case {case_id} could not be watched: ") == 3


def test_a_lease_that_ran_out_is_freed_though_nobody_claims(host: Host) -> None:
    issued(host, 1)
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.world.clock.advance(host.policy.lease_s - 1)
    host.watch()
    assert host.case(a_notice().notice_id).state is CaseState.CLAIMED
    host.world.clock.advance(1)
    host.watch()
    assert host.case(a_notice().notice_id).state is CaseState.QUEUED


def test_leases_that_cannot_be_freed_stop_no_clock(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    issued(host, 1)
    host.taking.claim(M1).result()
    host.world.clock.advance(23 * HOUR)
    monkeypatch.setattr(review_policy, "expire", lambda *_, **__: 1 / 0)
    assert host.watch().cases == 1
    assert "leases that ran out could not be freed: ZeroDivisionError" in caplog.text


def test_the_control_a_store_that_fails_ends_the_watch(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is full")

    issued(host, 1)
    host.taking.claim(M1).result()
    host.world.clock.advance(23 * HOUR)
    monkeypatch.setattr(review_policy, "expire", full)
    with pytest.raises(StoreError):
        host.watch()
