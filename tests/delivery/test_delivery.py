"""Delivery when things go wrong for a while: whose turn it is, what is recorded, who is told, and what is not sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import change, holding
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import (
    LEASE_S,
    PARK_AFTER_REFUSED_S,
    Attempt,
    EndpointState,
    Leased,
    OutboxMessage,
    Write,
)
from kz_compliance_sdk.domain.messages import REGULATOR
from kz_compliance_sdk.ports import Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.scene import PLATFORM, Host, World

HOUR = 3600


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def down(_message: OutboxMessage) -> Sent:
    return RetryAt("status_503")


def lost(_message: OutboxMessage) -> Sent:
    return Unknown("reset")


def refused(_message: OutboxMessage) -> Sent:
    return Rejected("status_404", "status 404", final=False)


def refused_for_good(_message: OutboxMessage) -> Sent:
    return Rejected("schema", "status 422")


def answers(host: Host, result: Callable[[OutboxMessage], Sent] | None) -> None:
    """What the regulator answers from now on; None: as it should."""
    regulator = host.world.regulator
    regulator.faults = [] if result is None else [result] * 10_000


def passes(host: Host, seconds: int, step: int = 5) -> None:
    """The worker goes on for so long."""
    for _ in range(seconds // step):
        host.delivery.drain_once()
        host.world.clock.advance(step)


def decided(host: Host, seed: int = 1) -> str:
    """A case whose acknowledgement is in hand and whose only measure is decided; its notice id."""
    notice = a_notice(seed=seed)
    host.push(notice, f"m-{seed}")
    host.drain()
    host.decide(proposal(measure(notice.items[0].item_id)))
    return notice.notice_id


def attempts(host: Host, notice_id: str, kind: str) -> list[Attempt]:
    queries, case = host.store.queries(PLATFORM), host.case(notice_id)
    ids = {message.id for message in queries.records(case.id).messages if message.kind == kind}
    return sorted((a for a in queries.records(case.id).attempts if a.message_id in ids), key=lambda a: a.number)


def alerted(host: Host) -> list[str]:
    host.drain()
    return [alert.reason for alert in host.world.pager.alerts]


def save(host: Host, *writes: Write) -> None:
    host.store.submit(PLATFORM, lambda _tx: (writes, None)).result()


def endpoint(host: Host) -> EndpointState:
    return host.store.submit(PLATFORM, lambda tx: ((), tx.known(EndpointState, REGULATOR))).result()


# ------------------------------------------------------------------------------------- what cannot be understood


@pytest.mark.parametrize(
    "answer",
    [None, True, "done", RetryAt("later")],
    ids=["nothing", "true", "text", "another port's"],
)
@pytest.mark.slow
def test_an_enforcer_that_answers_nothing_useful_is_a_failure_that_people_learn_of(host: Host, answer: object) -> None:
    notice_id = decided(host)
    host.world.platform.faults = []
    host.world.platform.enforce = lambda _effect: answer  # type: ignore[method-assign, assignment, return-value]
    passes(host, 300)
    found = attempts(host, notice_id, "enforce")
    assert [a.number for a in found] == list(range(1, len(found) + 1))
    assert len(found) >= 5
    assert {a.result for a in found} == {"failed"}
    assert type(answer).__name__ in found[0].detail
    assert "enforce_stuck" in alerted(host)
    del host.world.platform.enforce
    passes(host, 20 * 60, 60)
    assert host.case(notice_id).state is CaseState.CLOSED


@pytest.mark.slow
def test_a_result_that_cannot_be_recorded_is_told_and_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    notice_id = decided(host)

    def failing(*_: Any) -> Any:
        raise ValueError("a text of the notice")

    with monkeypatch.context() as patched:
        patched.setattr(holding, "measure_in_force", failing)
        passes(host, 60)
        found = attempts(host, notice_id, "enforce")
        assert [a.number for a in found] == list(range(1, len(found) + 1))
        assert len(found) >= 3
        assert {a.result for a in found} == {"unrecorded"}
        assert found[0].detail.startswith("in_force; then ValueError at test_delivery.py:")
    assert "ValueError at test_delivery.py" in caplog.text
    assert "a text of the notice" not in caplog.text + found[0].detail
    assert "stuck" in alerted(host)
    passes(host, 20 * 60, 60)
    assert host.case(notice_id).state is CaseState.CLOSED


@pytest.mark.slow
def test_a_message_that_cannot_even_be_leased_keeps_no_other_from_leaving(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [a_notice(seed=seed) for seed in (1, 2)]
    for number, notice in enumerate(notices):
        host.push(notice, f"m-{number}")
    for notice in notices:
        host.decide(proposal(measure(notice.items[0].item_id)))
    poisoned, other = (notice.notice_id for notice in notices)
    is_current, case_id = holding.is_current, host.case(poisoned).id

    def failing(case: Any, message: OutboxMessage) -> bool:
        if message.case_id == case_id:
            raise ValueError("whatever")
        return is_current(case, message)

    monkeypatch.setattr(holding, "is_current", failing)
    passes(host, 60)
    assert host.case(other).state is CaseState.CLOSED
    assert host.case(poisoned).state is CaseState.DECIDED
    assert {a.result for a in attempts(host, poisoned, "enforce")} == {"unrecorded"}
    assert "stuck" in alerted(host)


# ------------------------------------------------------------------------------------------- attempts without an end


def test_an_attempt_whose_process_died_leaves_a_row(host: Host) -> None:
    notice_id = decided(host)
    for _ in range(5):
        leased = [message for message in host.delivery.lease(8) if message.kind == "enforce"]
        assert len(leased) == 1
        host.world.clock.advance(LEASE_S)
    host.drain()
    found = attempts(host, notice_id, "enforce")
    assert [a.result for a in found] == ["lost"] * 5 + ["in_force"]
    assert [a.ended_at - a.started_at for a in found[:5]] == [LEASE_S] * 5
    assert "enforce_stuck" in alerted(host)
    assert host.case(notice_id).state is CaseState.CLOSED


def test_a_call_that_comes_back_after_its_lease_still_says_what_became_of_it(host: Host) -> None:
    """It changes nothing else: whoever took the message over decides."""
    notice_id = decided(host)
    (late,) = [message for message in host.delivery.lease(8) if message.kind == "enforce"]
    host.world.clock.advance(LEASE_S)
    host.delivery.lease(8)
    assert [a.result for a in attempts(host, notice_id, "enforce")] == ["lost"]
    assert not host.delivery.deliver(late)
    assert [a.result for a in attempts(host, notice_id, "enforce")] == ["in_force"]
    assert host.case(notice_id).state is CaseState.DECIDED


def test_a_call_that_comes_back_once_another_has_finished_says_so_too(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """The case went on meanwhile: that is no fault of the attempt."""
    notice_id = decided(host)
    (late,) = [message for message in host.delivery.lease(8) if message.kind == "enforce"]
    host.world.clock.advance(LEASE_S)
    host.drain()
    assert host.case(notice_id).state is CaseState.CLOSED
    assert not host.delivery.deliver(late)
    assert sorted(a.result for a in attempts(host, notice_id, "enforce")) == ["in_force", "in_force"]
    assert "could not be recorded" not in caplog.text
    host.check_chains()


# -------------------------------------------------------------------------------------------------- the breaker


@pytest.mark.slow
def test_what_was_learnt_from_messages_with_much_time_does_not_hold_up_one_with_little(host: Host) -> None:
    """Fresh acknowledgements open the breaker for a quarter of an hour, and minutes before its deadline a case is
    decided."""
    old = a_notice(seed=1)
    host.push(old, "m-1")
    host.drain()
    host.world.clock.advance(23 * HOUR - 1800)
    answers(host, down)
    for seed in range(2, 6):
        host.push(a_notice(seed=seed), f"m-{seed}")
    passes(host, 84 * 60, 60)
    due_at = host.case(old.notice_id).due_at
    assert due_at - host.world.clock() == 360
    assert endpoint(host).open_until - host.world.clock() > 300
    answers(host, None)
    host.decide(proposal(measure(old.items[0].item_id)))
    passes(host, 60)
    assert host.case(old.notice_id).state is CaseState.CLOSED
    assert due_at - host.world.clock() >= 300


@pytest.mark.slow
def test_one_message_that_always_fails_does_not_speak_for_the_endpoint(host: Host) -> None:
    """It is the most urgent one, and after an outage it still fails: the probe is one that was tried less."""
    answers(host, down)
    cases = []
    for seed in range(1, 9):
        host.push(a_notice(seed=seed), f"m-{seed}")
        host.world.clock.advance(1)
        cases.append(host.case(a_notice(seed=seed).notice_id).id)
    passes(host, HOUR, 20)

    def fails_for_the_first(message: OutboxMessage) -> Sent:
        return RetryAt("status_500") if message.case_id == cases[0] else host.world.regulator.record(message)

    answers(host, fails_for_the_first)
    passes(host, HOUR, 20)
    delivered = {m.case_id for c in cases for m in host.records(c).messages if m.state == "done"}
    assert delivered == set(cases[1:])


@pytest.mark.writes_by_itself
def test_after_an_outage_the_most_urgent_leaves_first(host: Host) -> None:
    """The control is the order in which they would leave by the time of their next attempt."""
    order = [3, 1, 4, 2]
    for seed in order:
        host.push(a_notice(seed=seed), f"m-{seed}")
        host.world.clock.advance(1)
    by_time = [host.case(a_notice(seed=seed).notice_id).id for seed in order]
    due = {}
    for place, case_id in enumerate(by_time):
        (message,) = [m for m in host.records(case_id).messages if m.kind == "acknowledgement"]
        due[case_id, message.id] = message.deadline_at
        urgent = message.but(deadline_at=host.world.clock() + HOUR * (10 - place))
        save(host, Leased(urgent, urgent.lease_token))
    leased = host.delivery.lease(3)
    assert [m.case_id for m in leased if m.endpoint == REGULATOR] == by_time[:0:-1]
    for (case_id, name), at in due.items():
        (message,) = [m for m in host.records(case_id).messages if m.id == name]
        save(host, Leased(message.but(deadline_at=at), message.lease_token))


# ------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.slow
def test_refusals_that_pass_within_the_hour_send_no_case_back(host: Host) -> None:
    notice_id = decided(host)
    answers(host, refused)
    passes(host, 600, 5)
    case = host.case(notice_id)
    assert case.state is CaseState.ENFORCED
    assert endpoint(host).failures >= change.OPENS_AFTER
    assert alerted(host).count("regulator_refuses") == 1
    answers(host, None)
    passes(host, HOUR, 60)
    assert host.case(notice_id).state is CaseState.CLOSED


@pytest.mark.slow
def test_refusals_that_do_not_pass_park_the_message_after_an_hour(host: Host) -> None:
    notice_id = decided(host)
    answers(host, refused)
    passes(host, PARK_AFTER_REFUSED_S + 30 * 60, 30)
    case = host.case(notice_id)
    assert case.state is CaseState.QUEUED
    assert "report_rejected" in case.flags
    found = attempts(host, notice_id, "report")
    assert {a.result for a in found} == {"rejected"}
    assert PARK_AFTER_REFUSED_S <= found[-1].ended_at - found[0].ended_at <= PARK_AFTER_REFUSED_S + 900
    told = alerted(host)
    assert told.index("regulator_refuses") < told.index("report_rejected")


@pytest.mark.slow
def test_a_message_that_alone_is_refused_is_told_after_five_times(host: Host) -> None:
    """The others get through, so that the endpoint is not to blame."""
    notice_id = decided(host)
    case_id = host.case(notice_id).id

    def refuses_one(message: OutboxMessage) -> Sent:
        return refused(message) if message.case_id == case_id else host.world.regulator.record(message)

    answers(host, refuses_one)
    for seed in range(2, 25):
        host.push(a_notice(seed=seed), f"m-{seed}")
        passes(host, 10)
    assert {"report_refused", "regulator_refuses"} & set(alerted(host)) == {"report_refused"}
    assert host.case(notice_id).state is CaseState.ENFORCED


def test_a_refusal_for_good_parks_at_once(host: Host) -> None:
    notice_id = decided(host)
    answers(host, refused_for_good)
    passes(host, 10)
    assert host.case(notice_id).state is CaseState.QUEUED
    assert endpoint(host).failures == 0


# ------------------------------------------------------------------------------------------- what was overtaken


@pytest.mark.parametrize("fault", [lost, down], ids=["it may have arrived", "it has not arrived"])
@pytest.mark.slow
def test_a_final_report_that_a_cancellation_overtook_is_not_sent_any_more(
    host: Host, fault: Callable[[OutboxMessage], Sent]
) -> None:
    notice_id = decided(host)
    answers(host, fault)
    host.delivery.drain_once()
    leased = [m for m in host.delivery.lease(8) if m.kind == "report"]
    host.push(builders.cancellation(a_notice(seed=1), "annulled"), "m-2")
    for message in leased:  # it was on its way when the cancellation came
        host.delivery.deliver(message)
    answers(host, None)
    passes(host, 600, 10)
    assert [r["items"][0]["outcome"] for r in host.world.regulator.reports()] == ["restored"]
    sent = host.records(host.case(notice_id).id).messages
    states = {m.lane_seq: m.state for m in sent if m.kind == "report"}
    assert states == {1: "void", 2: "done"}
    assert host.case(notice_id).state is CaseState.CLOSED


@pytest.mark.slow
def test_the_regulators_copy_of_an_overtaken_report_is_taken_for_what_it_is(host: Host) -> None:
    """The control: it did arrive, so its receipt is in hand, and the next report follows it."""
    notice_id = decided(host)

    def arrives(message: OutboxMessage) -> Sent:
        host.world.regulator.record(message)
        return Unknown("reset")

    answers(host, arrives)
    host.delivery.drain_once()
    leased = [m for m in host.delivery.lease(8) if m.kind == "report"]
    host.push(builders.cancellation(a_notice(seed=1), "annulled"), "m-2")
    for message in leased:
        host.delivery.deliver(message)
    answers(host, None)
    passes(host, 600, 10)
    assert [r["items"][0]["outcome"] for r in host.world.regulator.reports()] == ["removed", "restored"]
    assert host.case(notice_id).state is CaseState.CLOSED
