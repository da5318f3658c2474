"""Who is paged when a notice arrives that nobody may be there to approve."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kz_compliance_sdk.domain.audit import Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND, codes
from kz_compliance_sdk.domain.messages import with_page
from kz_compliance_sdk.domain.policy import ApproverDuty, Policy
from kz_compliance_sdk.domain.results import after

__all__ = ["approvers_on_duty", "lacks_approver", "pages_at_intake", "with_pages_at_intake"]

_ALL = ("lead", "legal", "head")


def approvers_on_duty(roster: Iterable[ApproverDuty], at: int) -> int:
    """How many approvers are on duty at `at` (UTC seconds), by a roster in the time of Almaty."""
    now = datetime.fromtimestamp(at, almaty())
    minute, today = f"{now:%H:%M}", now.isoweekday()
    yesterday = (now - timedelta(days=1)).isoweekday()
    return sum(
        duty.approvers
        for duty in roster
        if (
            today in duty.days and duty.starts <= minute < duty.ends
            if duty.starts < duty.ends
            else (today in duty.days and minute >= duty.starts) or (yesterday in duty.days and minute < duty.ends)
        )
    )


def pages_at_intake(case: Case, policy: Policy, at: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Of what people are paged with the notice itself, and who is: a demand for user data goes to a lawyer; a notice
    that needs a second person while no approver is on duty (at `at`, UTC seconds) calls one. Nothing for any other."""
    if USER_DATA_DEMAND in case.flags:
        return ((USER_DATA_DEMAND, ("legal", "lead")),)
    return (("no_approver_on_duty", _ALL),) if lacks_approver(case.category, case.flags, policy, at) else ()


def lacks_approver(category: str, flags: tuple[str, ...], policy: Policy, at: int) -> bool:
    """Whether a notice needs a second person while no approver is on duty at `at` (UTC seconds)."""
    roster = policy.safeguards.approver_duty
    if not roster or approvers_on_duty(roster, at):
        return False
    marks = codes(flags)
    return (
        policy.needs_four_eyes(category, worldwide=False, flags=marks)
        or policy.needs_legal_review(category, marks)
        or policy.safeguards.needs_outside(category, marks)
    )


def with_pages_at_intake(change: Change, case: Case, policy: Policy, stamp: Stamp) -> tuple[Change, Case]:
    """The change that a message made of a case, with those pages, and the case after it."""
    for reason, audience in pages_at_intake(case, policy, stamp.at):
        change = with_page(change, case, reason, audience, 50, stamp)
    return change, after(case, change)
