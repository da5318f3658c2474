"""A case whose key does not open: people are told, and the clocks, effects and reports of all others go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.running_time import steps_of
from kz_compliance_sdk.transparency.publication import Transparency, TransparencyPolicy
from kz_compliance_sdk.transparency.report import Period
from tests.case_makers import a_notice, measure, proposal
from tests.privacy.test_retention import Desk
from tests.scene import M2, PLATFORM
from tests.store.conftest import tamper

HOUR = 3600
KEYS = MasterKeys({"m1": b"1" * 32}, "m1")
SPOILT_KEY = (
    "UPDATE keys SET wrapped = zeroblob(length(wrapped)) WHERE stream = (SELECT n FROM streams WHERE name = 'case/{}')"
)
SPOILT_CHAIN = "UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, '{}')"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk.sqlite3", keys=KEYS)
    yield made
    made.store.close()


def spoilt(desk: Desk, how: str, *, decided: bool = True) -> Case:
    """A case whose key, or whose chain, is not what was written, before anything of it has left."""
    desk.host.push(a_notice(seed=1), "m-1")
    if decided:
        desk.host.decide(proposal(measure("1")))
    case = desk.host.case(a_notice(seed=1).notice_id)
    tamper(desk.store, how.format(case.id))
    return case


def alerts(desk: Desk, case: Case) -> list[str]:
    return [one.reason for one in desk.world.pager.alerts if one.case_reference == case.id]


@pytest.mark.parametrize("how", [SPOILT_KEY, SPOILT_CHAIN])
def test_the_others_are_decided_carried_out_reported_and_watched(desk: Desk, how: str) -> None:
    bad = spoilt(desk, how)
    other, late = a_notice(seed=2), a_notice(seed=3)
    desk.host.push(other, "m-2")
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    assert desk.host.case(other.notice_id).state is CaseState.CLOSED
    desk.host.push(late, "m-3")
    desk.world.clock.advance(23 * HOUR)
    desk.host.watch()
    desk.host.drain()
    fired = steps_of(desk.store.queries(PLATFORM).records(desk.host.case(late.notice_id).id).stream.case)
    assert fired
    lease = desk.host.taking.claim(M2).result()
    assert lease is not None
    assert lease.case.notice_id == late.notice_id
    assert [key for key in desk.world.platform.effects if key] == [desk.host.case(other.notice_id).items[0].object_key]
    assert bad.id in {case.id for case in desk.store.queries(PLATFORM).cases().cases}


def test_a_message_is_taken_in_under_an_id_under_which_two_came_for_a_case_that_cannot_be_read(desk: Desk) -> None:
    """Its sender counts anew from one after each restart. People are told of that case once, and not twice in a
    breath: the second alert would have the database refuse the message."""
    one, other = a_notice(seed=1), a_notice(seed=2)
    desk.host.push(one, "m-1")
    desk.host.push(one.model_copy(update={"revision": 2}), "m-1")
    case = desk.host.case(one.notice_id)
    desk.host.drain()
    tamper(desk.store, SPOILT_CHAIN.format(case.id))
    assert desk.host.push(other, "m-1").status == 202
    desk.host.drain()
    assert alerts(desk, case).count("case_unreadable") == 1


def test_people_are_told_once_an_hour_and_the_list_marks_it(desk: Desk) -> None:
    bad = spoilt(desk, SPOILT_CHAIN)
    for _ in range(4):
        desk.host.drain()
        desk.host.watch()
    assert alerts(desk, bad) == ["case_unreadable"]
    desk.world.clock.advance(HOUR)
    for _ in range(2):
        desk.host.drain()
    assert alerts(desk, bad) == ["case_unreadable"] * 2
    (listed,) = desk.store.queries(PLATFORM).cases().cases
    assert listed.flags[-1] == "case_unreadable"


def test_an_alert_about_it_leaves_once(desk: Desk) -> None:
    bad = spoilt(desk, SPOILT_KEY, decided=False)
    desk.world.clock.advance(2 * HOUR)
    desk.host.watch()
    for _ in range(5):
        desk.host.drain()
        desk.world.clock.advance(300)
    told = [one for one in alerts(desk, bad) if one != "case_unreadable"]
    assert len(told) == len(set(told)) > 0
    assert desk.world.regulator.books == {}, "its receipt could not be kept, so it is not sent"


@pytest.mark.slow
@pytest.mark.writes_by_itself
def test_one_that_ended_counts_by_what_the_chain_says_in_the_open(desk: Desk) -> None:
    """The figures read no word of a notice: one whose bytes are damaged counts like any other."""
    start = desk.world.clock()
    desk.host.push(a_notice(seed=1), "m-1")
    desk.host.decide(proposal(measure("1")))
    under_way = desk.host.delivery.lease(8)
    tamper(desk.store, "UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE name = 'message'")
    assert all(map(desk.host.delivery.deliver, under_way))
    desk.host.drain()
    assert desk.host.case(a_notice(seed=1).notice_id).state is CaseState.CLOSED
    desk.host.push(a_notice(seed=2), "m-2")
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    figures = Transparency(desk.store, PLATFORM, TransparencyPolicy(3, 0, 365), ())
    period = Period(start - 10, desk.world.clock() + 10)
    assert figures.draft(period).value("demands") is not None
    counts = figures._counted(period, desk.world.clock()).counts
    assert counts["demands_by_progress"] == Counter(answered=2)
    assert counts["demands_not_told"] == Counter()


def test_the_control_a_case_that_opens_is_told_to_nobody(desk: Desk) -> None:
    spoilt(desk, "UPDATE cases SET revision = revision WHERE id = '{}'")
    desk.host.drain()
    desk.host.watch()
    assert [one.reason for one in desk.world.pager.alerts if one.reason == "case_unreadable"] == []
    assert desk.host.case(a_notice(seed=1).notice_id).state is CaseState.CLOSED
