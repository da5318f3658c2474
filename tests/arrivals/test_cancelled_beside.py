"""A cancellation that names only what was stopped or settled before: whoever has the case in hand keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.errors import LeaseLost
from kz_compliance_sdk.ports import Failed
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_key
from tests.arrivals.test_second_messages import about
from tests.case_makers import measure, proposal, refusal
from tests.scene import LEAD, M1, PROFILE, Host, World

TOLD = {"flags", "pages"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3"))


def _one_stopped(host: Host, *, category: str = "illegal_gambling") -> Notice:
    notice = about("A", "B", category=category)
    host.push(notice, "m-1")
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-2")
    return notice


def _same_but_told(before: Case, after: Case) -> bool:
    return before.but(**{name: getattr(after, name) for name in TOLD}) == after


def test_a_claimed_case_stays_with_its_holder(host: Host) -> None:
    notice = _one_stopped(host)
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-3")
    case = host.case(notice.notice_id)
    assert case.state is CaseState.CLAIMED
    assert _same_but_told(lease.case, case)
    assert host.history(case.id)[-1] == "cancelled"
    host.take(M1, case.id, commands.Propose(lease.token, proposal(measure("2"))))
    host.check_chains()


def test_so_it_does_when_what_it_names_was_refused(host: Host) -> None:
    notice = about("A")
    host.push(notice, "m-1")
    host.decide(proposal(refusal("1")))
    answer = builders.clarification(notice, "ask").model_copy(update={"items": about("A", "B").items[1:]})
    host.push(answer, "m-2")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.push(builders.cancellation(notice, "annulled", ("1",)), "m-3")
    (fallen,) = [item.but(fell="annulled") for item in lease.case.items if item.item_id == "1"]
    before = lease.case.but(items=tuple(fallen if item.item_id == "1" else item for item in lease.case.items))
    assert _same_but_told(before, host.case(notice.notice_id))


def test_what_waits_for_approval_and_a_question_that_was_asked_stay(host: Host) -> None:
    notice = _one_stopped(host, category="election_rules")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("2"))))
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-3")
    assert host.case(notice.notice_id).state is CaseState.IN_APPROVAL
    host.take(LEAD, lease.case.id, commands.SendBack(decided.digest, "ask first"))
    lease = host.taking.claim(M1).result()
    assert lease is not None
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-4")
    assert host.case(notice.notice_id).state is CaseState.AWAITING_ANSWER
    asked = [m for m in host.records(lease.case.id).messages if m.kind == "clarification"]
    assert [message.state for message in asked] == ["queued"]


@pytest.mark.parametrize("items", [("1", "2"), ("2",), None])
def test_what_is_said_of_an_open_item_is_seen_anew_although_it_changes_nothing(
    host: Host, items: tuple[str, ...] | None
) -> None:
    """A cancellation without an effect of a measure in force, which is being decided anew."""
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.take(LEAD, host.case(notice.notice_id).id, commands.Reopen("look again"))
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-2")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.push(builders.cancellation(notice, None, items), "m-3")
    assert host.case(notice.notice_id).state is CaseState.QUEUED
    with pytest.raises(LeaseLost):
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("2"))))


def test_a_cancellation_that_lifts_nothing_passes_over_no_step_of_a_lift_s_ladder(host: Host) -> None:
    """One item is lifted and another still to be removed: the time to lift leads, and a step of it is due."""
    notice = about("A", "B", "C")
    host.push(notice, "m-1")
    host.world.platform.faults += [lambda effect: Failed("busy") if effect.item_id == "2" else None] * 9
    host.decide(proposal(measure("1"), measure("2"), measure("3")))
    host.drain()
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-2")
    host.drain()
    (before,) = host.cases()
    assert (before.state, before.items[0].status) == (CaseState.LIFTING, "lifted")
    assert before.watch_at is not None
    host.world.clock.advance(before.watch_at - host.world.clock() + 30)
    host.push(builders.cancellation(notice, "remedied", ("3",)), "m-3")
    (after,) = host.cases()
    assert after.items[2].status == "kept"
    assert after.watch_at == before.watch_at


@pytest.mark.parametrize(
    ("authority", "reason"),
    [("sample-court", "cancelled_by_another_authority"), (None, "waits_for_its_notice")],
)
def test_a_cancellation_by_another_authority_than_the_notices_lifts_nothing_and_pages(
    host: Host, authority: str | None, reason: str
) -> None:
    """It may be about a notice of its own under the same id. The control has no notice at all."""
    notice = about("A")
    if authority:
        host.push(notice, "m-1")
        key = regulator_key(PROFILE)
        host.world.keys = (replace(key, authorities=frozenset({authority})),)
    other = Host(host.world, host.store)
    assert other.push(builders.cancellation(notice), "m-2").status == 202
    other.drain()
    told = {line.reason for line in host.world.pager.alerts}
    assert reason in told
    assert len(told & {"cancelled_by_another_authority", "waits_for_its_notice"}) == 1
    assert [case.state for case in host.cases()] == ([CaseState.QUEUED] if authority else [])
    other.check_chains()
