"""A decision is taken back inside its window although the order of another item, or of one of its own, has fallen."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.errors import IllegalMove
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, effects, outcomes
from tests.case_makers import measure, proposal, refusal
from tests.remedies.test_appeals import SATIRE, appealed
from tests.scene import LEGAL, M1, M2, Host, World


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3", policy=kz_policy()))


def _pass_window(host: Host) -> None:
    host.world.clock.advance(host.policy.undo_window_s)
    host.drain()


def _in_force(host: Host, *again: ItemDecision) -> Notice:
    """Two measures in force, and a later decision whose window runs about those of its items that it names."""
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    _pass_window(host)
    named = tuple(item for item in notice.items if item.item_id in {one.item_id for one in again})
    host.push(builders.clarification(notice, "ask").model_copy(update={"items": named}), "m-2")
    host.decide(proposal(*again), M2)
    return notice


def _falls(host: Host, notice: Notice, item: str) -> Case:
    host.push(builders.cancellation(notice, "withdrawn", (item,)), f"m-falls-{item}")
    return host.case(notice.notice_id)


def _statuses(case: Case) -> list[str]:
    return [item.status for item in case.items]


@pytest.mark.slow
@pytest.mark.parametrize("first", [(), (measure("1", "label"),), (refusal("1"),)], ids=["older", "anew", "ended"])
def test_the_others_are_open_again_and_the_lift_goes_on(host: Host, first: tuple[ItemDecision, ...]) -> None:
    notice = _in_force(host, *first, measure("2", "label"))
    host.watch()
    before = host.case(notice.notice_id)
    case = _falls(host, notice, "1")
    assert (case.state, case.lift_due_at is None) == (CaseState.LIFTING, False)
    back = host.take(M2, case.id, commands.Undo())
    assert (back.state, _statuses(back)) == (CaseState.QUEUED, ["lifting", "open"])
    assert (back.decided_at, back.lift_due_at, back.watch_at) == (None, None, before.watch_at)
    host.decide(proposal(measure("2", "restrict_access")), M1)
    again = host.case(notice.notice_id)
    assert (again.state, again.lift_due_at, again.watch_at) == (CaseState.DECIDED, None, before.watch_at)
    _pass_window(host)
    assert host.case(notice.notice_id).state is CaseState.CLOSED
    assert effects(host) == {"A": "restore", "B": "restrict_access"}
    assert outcomes(host)["1"] == "restored"
    host.check_chains()


def test_what_stopped_before_it_was_carried_out_leaves_the_others_their_window(host: Host) -> None:
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    case = _falls(host, notice, "1")
    assert _statuses(host.take(M1, case.id, commands.Undo())) == ["stopped", "open"]


def test_the_window_ends_with_its_time(host: Host) -> None:
    notice = _in_force(host, measure("2", "label"))
    case = _falls(host, notice, "1")
    host.world.clock.advance(host.policy.undo_window_s)
    with pytest.raises(IllegalMove, match="window is over"):
        host.take(M2, case.id, commands.Undo())


def test_a_lift_alone_is_nothing_to_take_back(host: Host) -> None:
    notice = _in_force(host, measure("2", "label"))
    host.push(builders.cancellation(notice, "withdrawn"), "m-3")
    case = host.case(notice.notice_id)
    assert (case.state, _statuses(case)) == (CaseState.LIFTING, ["lifting", "lifting"])
    with pytest.raises(IllegalMove):
        host.take(M2, case.id, commands.Undo())


@pytest.mark.slow
def test_nor_is_what_an_appeal_lifts(host: Host) -> None:
    notice = _in_force(host, measure("2", "label"))
    _pass_window(host)
    case_id = host.case(notice.notice_id).id
    one = appealed(host, case_id, "1")
    host.take(
        LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "reverse", "satire", SATIRE)
    )
    assert host.case(notice.notice_id).state is CaseState.LIFTING
    with pytest.raises(IllegalMove, match="window is over"):
        host.take(M2, case_id, commands.Undo())
