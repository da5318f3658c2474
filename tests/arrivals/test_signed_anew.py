"""A message that was refused for the time of its signature is admitted when the same bytes come signed in order.

The simulated week found it: a regulator whose clock was wrong pushed an order, the push went into quarantine as stale,
and the feed's copy of the very same message was answered as a repeat. Nobody could decide the order any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_key, regulator_signing_key
from kz_compliance_sdk.wire.signature import sign
from kz_compliance_sdk.wire.v1 import MessageData
from tests.case_makers import proposal, refusal
from tests.driver import HOUR, Driver
from tests.scene import HEAD, LEAD, LEGAL, PROFILE, Host, World, signed

NOTICE = builders.notice(1)
LATE_S = 900


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "desk.sqlite3")


@pytest.fixture
def host(world: World) -> Iterator[Host]:
    store = world.open_store()
    yield Host(world, store)
    store.close()


def _stale_then_fresh(world: World, host: Host, data: MessageData, name: str) -> tuple[int, int, int]:
    """The statuses of a push that is late, of the same bytes signed anew, and of those once more."""
    headers, body = signed(world, data, name)
    world.clock.advance(LATE_S)
    stale = host.deliver_push(headers, body)
    fresh = _signed_now(world, name, body)
    return stale.status, host.deliver_push(fresh, body).status, host.deliver_push(fresh, body).status


def _signed_now(world: World, name: str, body: bytes) -> list[tuple[str, str]]:
    target = f"{builders.HOST}/notices"
    headers = sign(regulator_signing_key(PROFILE), PROFILE, "POST", target, body, world.clock(), name, "n")
    return [("content-type", "application/json"), *headers]


def test_a_notice_is_admitted_once_its_signature_is_in_time_and_keeps_its_first_receipt(
    world: World, host: Host
) -> None:
    began = world.clock()
    assert _stale_then_fresh(world, host, NOTICE, "msg-1") == (422, 202, 200)
    case = host.case(NOTICE.notice_id)
    assert (case.state, case.quarantine_no, case.received_at) == (CaseState.QUEUED, 0, began + LATE_S)
    (row,) = host.records(case.id).inbox
    assert (row.exit, row.status, row.received_at, row.deliveries) == ("accepted", 202, began + LATE_S, 3)
    assert host.history(case.id)[:2] == ["quarantined", "admitted"]
    host.drain()
    assert [kind for kind, *_ in world.regulator.books.values()] == ["acknowledgement"]
    host.check_chains()


def test_a_key_that_is_not_valid_yet_proves_the_order_and_loses_none(tmp_path: Path) -> None:
    """A regulator that rotates an hour early, or a platform that entered the wrong day."""
    world = World(tmp_path / "desk.sqlite3")
    begins = world.clock() + HOUR
    world.keys = (replace(regulator_key(PROFILE), not_before=begins),)
    store = world.open_store()
    host = Host(world, store)
    headers, body = signed(world, NOTICE, "msg-1")
    early = host.deliver_push(headers, body)
    assert (early.status, json.loads(early.body)["code"]) == (422, "key_not_yet_valid")
    (case,) = host.cases()
    assert (case.state, case.received_at) == (CaseState.QUARANTINED, world.clock())
    world.clock.advance(HOUR)
    assert host.deliver_push(_signed_now(world, "msg-1", body), body).status == 202
    assert host.case(NOTICE.notice_id).received_at == begins - HOUR
    host.check_chains()
    store.close()


@pytest.mark.parametrize(("name", "status"), [("msg.1", 422), ("msg-1", 202)])
def test_a_webhook_id_with_a_dot_is_kept_and_flagged(world: World, host: Host, name: str, status: int) -> None:
    """Where a dot stands, what is signed does not say where the id ends and the time begins."""
    answer = host.push(NOTICE, name)
    assert answer.status == status
    (case,) = host.cases()
    if status == 422:
        assert json.loads(answer.body)["code"] == "id_dotted"
        assert (case.state, case.flags) == (CaseState.QUARANTINED, ("id_dotted",))
        assert host.push(NOTICE, "msg-2").status == 202
    assert host.case(NOTICE.notice_id).state is CaseState.QUEUED
    host.check_chains()


def test_a_cancellation_takes_effect_once_its_signature_is_in_time(world: World, host: Host) -> None:
    host.push(NOTICE, "msg-1")
    cancellation = builders.cancellation(NOTICE)
    assert _stale_then_fresh(world, host, cancellation, "msg-2") == (422, 202, 200)
    (case,) = [case for case in host.cases() if case.quarantine_no == 0]
    assert case.state is CaseState.CANCELLED
    assert [row.message_id for row in host.records(case.id).inbox] == ["msg-1", "msg-2"]
    host.check_chains()


def test_a_message_that_came_in_order_is_a_repeat_however_late_its_copy_is_signed(world: World, host: Host) -> None:
    """The control: what took effect takes none again, and what contradicts stays in quarantine."""
    headers, body = signed(world, NOTICE, "msg-1")
    assert host.deliver_push(headers, body).status == 202
    world.clock.advance(LATE_S)
    assert host.deliver_push(headers, body).status == 200
    assert host.deliver_push(_signed_now(world, "msg-1", body), body).status == 200
    other = NOTICE.model_copy(update={"reference_number": "another"})
    headers, body = signed(world, other, "msg-2")
    assert [host.deliver_push(headers, body).status for _ in range(2)] == [409, 409]
    assert host.deliver_push(_signed_now(world, "msg-2", body), body).status == 409
    assert sorted(case.state for case in host.cases()) == [CaseState.QUARANTINED, CaseState.QUEUED]


@pytest.mark.slow
def test_what_came_late_is_no_remnant_of_an_erased_case(world: World, host: Host) -> None:
    """It first came before the erasure, and is about the case only since."""
    host.push(NOTICE, "msg-1")
    host.decide(proposal(refusal("1")))
    host.drain()
    case = host.case(NOTICE.notice_id)
    bodies = {}
    for name, revision in (("msg-2", 1), ("msg-3", 2), ("msg-4", 3), ("msg-5", 3)):
        headers, bodies[name] = signed(world, NOTICE.model_copy(update={"revision": revision}), name)
        world.clock.advance(LATE_S)
        assert host.deliver_push(headers, bodies[name]).status == 422
    _erase(world, host, case.id)
    statuses = [host.deliver_push(_signed_now(world, name, body), body).status for name, body in bodies.items()]
    assert statuses == [200, 202, 202, 200]
    host.drain()
    host.check_chains()


def test_an_unusable_message_that_was_erased_stays_so_and_people_are_told(world: World, host: Host) -> None:
    """What was received is never written anew, and no case can be decided without its notice."""
    headers, body = signed(world, NOTICE, "msg-1")
    world.clock.advance(LATE_S)
    assert host.deliver_push(headers, body).status == 422
    (aside,) = host.cases()
    host.take(LEAD, aside.id, commands.SettleQuarantine("an old one"))
    host.drain()
    _erase(world, host, aside.id)
    assert host.deliver_push(_signed_now(world, "msg-1", body), body).status == 422
    host.drain()
    assert [case.id for case in host.cases()] == [aside.id]
    assert "erased_message" in [alert.reason for alert in world.pager.alerts]
    host.check_chains()


def _erase(world: World, host: Host, case_id: str) -> None:
    world.clock.advance(1)
    host.take(LEGAL, case_id, commands.AskErasure("subject_request"))
    host.take(HEAD, case_id, commands.Erase())
    world.clock.advance(1)


def test_what_fired_in_quarantine_does_not_fire_again_once_its_notice_can_be_used(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.break_off(1)
    office.wait(HOUR + 1)
    office.watch()
    case = office.issue(1)
    office.wait(60)
    office.watch()
    assert office.history(case).count("escalated") == 1
    office.wait(12 * HOUR)
    office.watch()
    assert office.history(case).count("escalated") == 2
