"""What is taken to be sent: how much at once, for how long, under which token, and what is voided instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import change
from kz_compliance_sdk.domain.change import LEASE_S, EndpointState, OutboxMessage, Write
from kz_compliance_sdk.domain.messages import BY_HAND, ENFORCER, REGULATOR
from kz_compliance_sdk.domain.user_notices import MESSENGER
from kz_compliance_sdk.ports import EffectResult, Failed, Pending, RetryAt, Sent, Unknown
from kz_compliance_sdk.services.delivery import Drained
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.conftest import NOON
from tests.driver import Driver
from tests.objects import object_of
from tests.privacy.test_retention import sql
from tests.scene import PLATFORM, Host, World


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def issued(host: Host, *seeds: int) -> None:
    """So many acknowledgements are due."""
    for seed in seeds:
        host.push(a_notice(seed=seed), f"m-{seed}")


def kept(host: Host, kind: str, seed: int = 1) -> OutboxMessage:
    """A message as it is stored."""
    found = host.records(host.case(a_notice(seed=seed).notice_id).id).messages
    return [message for message in found if message.kind == kind][-1]


def save(host: Host, *writes: Write) -> None:
    host.store.submit(PLATFORM, lambda _tx: (writes, None)).result()


def failed(host: Host, times: int, open_until: int = 0) -> None:
    """The regulator failed so often in a row, and is left alone until then."""
    save(host, EndpointState(PLATFORM, REGULATOR, times, open_until, 0, "status_503"))


def endpoint(host: Host) -> EndpointState:
    return host.store.submit(PLATFORM, lambda tx: ((), tx.known(EndpointState, REGULATOR))).result()


def to_regulator(leased: list[OutboxMessage]) -> list[OutboxMessage]:
    return [message for message in leased if message.endpoint == REGULATOR]


def test_a_lease_is_one_attempt_for_two_minutes_under_the_next_token(host: Host) -> None:
    issued(host, 1)
    before, now = kept(host, "acknowledgement"), host.world.clock()
    (leased,) = to_regulator(host.delivery.lease(8))
    wanted = before.but(
        state="leased",
        attempts=before.attempts + 1,
        lease_token=before.lease_token + 1,
        lease_expires_at=now + LEASE_S,
        next_attempt_at=now + LEASE_S,
    )
    assert leased == wanted
    assert kept(host, "acknowledgement") == wanted
    assert to_regulator(host.delivery.lease(8)) == []
    host.world.clock.advance(LEASE_S - 1)
    assert to_regulator(host.delivery.lease(8)) == []
    host.world.clock.advance(1)
    (again,) = to_regulator(host.delivery.lease(8))
    assert (again.attempts, again.lease_token) == (leased.attempts + 1, leased.lease_token + 1)
    assert (leased.maybe_arrived, again.maybe_arrived) == (False, True), "whoever held it may have sent it"


@pytest.mark.parametrize(("limit", "busy", "taken"), [(2, 0, 2), (3, 2, 1), (2, 2, 0), (1, 2, 0), (8, 0, 3)])
def test_no_more_is_taken_than_calls_are_free(host: Host, limit: int, busy: int, taken: int) -> None:
    issued(host, 1, 2, 3)
    assert len(to_regulator(host.delivery.lease(limit, {REGULATOR: busy}))) == taken


def test_calls_to_one_endpoint_take_nothing_from_another(host: Host) -> None:
    issued(host, 1)
    assert len(to_regulator(host.delivery.lease(1, {ENFORCER: 1}))) == 1


def test_a_pass_says_what_it_came_to(host: Host) -> None:
    issued(host, 1, 2, 3)
    host.world.regulator.faults = [lambda _message: RetryAt("status_503")]
    assert host.delivery.drain_once() == Drained(leased=3, settled=2, retried=1)
    assert host.delivery.drain_once() == Drained(0, 0, 0)


def test_a_process_sends_to_what_it_has_a_way_to(host: Host) -> None:
    ways = host.delivery._ways
    assert ways.endpoints() == [ENFORCER, MESSENGER, REGULATOR, BY_HAND]
    assert host.delivery.can_tell_users()
    for none in (replace(ways, messenger=None), replace(ways, can_tell=lambda: False)):
        assert none.endpoints() == [ENFORCER, REGULATOR, BY_HAND]
    assert replace(ways, can_enforce=lambda: False).endpoints() == [MESSENGER, REGULATOR, BY_HAND]
    other = replace(ways, regulators={"other": host.world.regulator})
    assert other.endpoints() == [ENFORCER, MESSENGER, REGULATOR, BY_HAND, "other"]
    host.delivery._ways = replace(ways, messenger=None)
    assert not host.delivery.can_tell_users()


@pytest.mark.parametrize(("failures", "taken"), [(change.OPENS_AFTER - 1, 3), (change.OPENS_AFTER, 1)])
def test_an_open_breaker_lets_one_probe_through_for_the_time_of_its_lease(
    host: Host, failures: int, taken: int
) -> None:
    issued(host, 1, 2, 3)
    failed(host, failures, host.world.clock())
    assert len(to_regulator(host.delivery.lease(8))) == taken
    probing = endpoint(host).open_until - host.world.clock()
    assert probing == (LEASE_S if taken == 1 else 0)


def test_nothing_is_taken_while_the_breaker_is_open(host: Host) -> None:
    issued(host, 1)
    failed(host, change.OPENS_AFTER, host.world.clock() + 2)
    assert to_regulator(host.delivery.lease(8)) == []
    assert endpoint(host).open_until == host.world.clock() + 2


def test_no_probe_leaves_while_no_call_is_free(host: Host) -> None:
    issued(host, 1)
    failed(host, change.OPENS_AFTER)
    assert to_regulator(host.delivery.lease(2, {REGULATOR: 2})) == []
    assert endpoint(host).open_until == 0


def test_the_probe_is_the_message_that_was_tried_least(host: Host) -> None:
    """The control: the other is the more urgent one, and leaves first where the breaker is shut."""
    issued(host, 1)
    host.world.regulator.faults = [lambda _message: RetryAt("status_503")]
    host.delivery.drain_once()
    host.world.clock.advance(60)
    issued(host, 2)
    tried, fresh = kept(host, "acknowledgement", 1), kept(host, "acknowledgement", 2)
    assert (tried.attempts, fresh.attempts) == (1, 0)
    failed(host, change.OPENS_AFTER)
    assert [one.id for one in to_regulator(host.delivery.lease(1))] == [fresh.id]
    failed(host, 0)
    host.world.clock.advance(LEASE_S)
    assert [one.id for one in to_regulator(host.delivery.lease(1))] == [tried.id]


def test_the_platform_has_no_breaker(host: Host) -> None:
    """What fails on one object says nothing about the others."""
    issued(host, 1)
    host.decide(proposal(measure("1")))
    save(host, EndpointState(PLATFORM, ENFORCER, 99, host.world.clock() + 999, 0, "busy"))
    assert ENFORCER in {message.endpoint for message in host.delivery.lease(8)}


@pytest.mark.parametrize(("fault", "voided"), [(RetryAt("status_503"), True), (Unknown("reset"), False)])
def test_an_overtaken_report_is_voided_unless_it_may_have_arrived(host: Host, fault: Sent, voided: bool) -> None:
    """One that the regulator may hold is looked up first. A voided one has its time, and its line is gone."""
    issued(host, 1)
    host.drain()
    host.decide(proposal(measure("1")))
    host.world.regulator.faults = [lambda _message: fault] * 9
    host.delivery.drain_once()
    (report,) = [message for message in host.delivery.lease(8) if message.kind == "report"]
    host.push(builders.cancellation(a_notice(), "annulled"), "m-c")
    host.delivery.deliver(report)  # it was on its way when the cancellation came
    host.delivery.drain_once()
    queries = host.store.queries(PLATFORM)
    before, _ = sorted(
        (m for m in queries.records(report.case_id).messages if m.kind == "report"), key=lambda m: m.lane_seq
    )
    assert (before.id, before.state) == (report.id, "queued")
    host.world.clock.advance(600)
    host.delivery.lease(8)
    left = [one for one in queries.records(before.case_id).messages if one.id == before.id]
    assert left == [before], "a case whose notice to a user is voided is left to the next pass"
    host.delivery.lease(8)
    (after,) = [one for one in queries.records(before.case_id).messages if one.id == before.id]
    assert after.lease_token == (0 if voided else before.lease_token + 1)
    assert (after.state, after.settled_at) == (("void", host.world.clock()) if voided else ("leased", None))
    assert after.attempts == before.attempts + (not voided)


@pytest.mark.parametrize(("answer", "begun"), [(Pending(NOON + 60), True), (Failed("busy"), False)])
def test_an_effect_that_was_begun_may_have_changed_its_object(host: Host, answer: EffectResult, begun: bool) -> None:
    issued(host, 1)
    host.decide(proposal(measure("1")))
    host.world.platform.faults = [lambda _effect: answer]
    host.delivery.drain_once()
    assert kept(host, "enforce").attempts == 1
    assert kept(host, "enforce").maybe_arrived is begun


def test_what_is_lifted_is_restored_by_the_platform(host: Host) -> None:
    issued(host, 1)
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(builders.cancellation(a_notice(), "annulled"), "m-c")
    host.drain()
    assert [(what, version) for what, _, version in host.world.platform.calls] == [("enforce", 1), ("restore", 2)]


def test_a_channel_without_an_adapter_is_tried_again_and_says_so(host: Host) -> None:
    issued(host, 1)
    host.delivery._ways = replace(host.delivery._ways, regulators={})
    host.delivery.drain_once()
    attempts = host.records(kept(host, "acknowledgement").case_id).attempts
    found = [(one.result, one.detail) for one in attempts if one.message_id == kept(host, "acknowledgement").id]
    assert found == [("retry", "no regulator is configured for the channel 'regulator'")]


def test_an_alert_says_of_what_to_whom_and_where_to_look(host: Host) -> None:
    issued(host, 1)
    host.decide(proposal(measure("1")))
    host.world.platform.faults = [lambda _effect: None]
    host.world.clock.advance(23 * 3600)
    host.watch()
    host.drain()
    case = host.case(a_notice().notice_id)
    alert = host.world.pager.alerts[-1]
    assert (alert.case_reference, alert.link) == (case.id, f"https://desk.example/{case.id}")
    assert alert.due_at == case.due_at
    assert alert.audience
    assert alert.level > 0


@pytest.mark.slow
def test_what_can_never_be_lifted_makes_way_for_what_waits_behind_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first = office.issue(1, [{"item_id": "1", "url": "https://social.example/p/1"}])
    office.decide(first)
    office.deliver()
    office.platform.faults += [lambda effect: Failed("gone", permanent=True) if effect.version == 2 else None] * 9
    office.cancel(office.notice()["notice_id"])
    office.desk.deliver()
    second = office.issue(2, [{"item_id": "2", "url": "https://social.example/p/1"}])
    office.decide(second)
    office.wait(60)
    office.deliver()
    assert [one["state"] for one in office.messages(first, "restore")] == ["void"]
    assert office.items(first)["1"]["status"] == "kept"
    assert office.items(second)["2"]["status"] == "in_force"


@pytest.mark.slow
def test_what_something_else_came_to_hold_meanwhile_is_not_lifted(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first = office.issue(1, [{"item_id": "1", "url": "https://social.example/p/1"}])
    office.decide(first)
    office.deliver()
    second = office.issue(2, [{"item_id": "2", "url": "https://social.example/p/1"}])
    office.platform_fails("2")
    office.decide(second)
    office.deliver()
    office.cancel(office.notice()["notice_id"])
    assert [one["state"] for one in office.messages(first, "restore")] == ["queued"]
    office.platform.faults.clear()
    office.wait(60)
    office.deliver()
    assert [what for what, _, _ in office.platform.calls if what == "restore"] == []
    assert office.items(first)["1"]["status"] == "kept"
    assert [one["state"] for one in office.messages(first, "restore")] == ["void"]


def test_without_the_key_of_the_objects_alerts_and_acknowledgements_leave_all_the_same(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    issued(host, 1)
    host.decide(proposal(measure("1")))
    assert object_of(host.store, "object:1").seq == 0
    host.store.close()
    sql(host.world.path, "UPDATE platform_keys SET key = x'026d31' || x'fefdfc'")
    host = Host(host.world)
    host.drain()
    (case,) = host.cases()
    left = {one.kind: one.state for one in host.store.queries(PLATFORM).records(case.id).messages}
    assert left["acknowledgement"] == "done"
    assert "stuck" in [alert.reason for alert in host.world.pager.alerts]
    host.store.close()
