"""Who is paged when a notice arrives that nobody may be there to approve."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kz_compliance_sdk.domain.audit import Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.legal_flags import USER_DATA_DEMAND, codes
from kz_compliance_sdk.domain.messages import page
from kz_compliance_sdk.domain.policy import ApproverDuty, Policy

__all__ = ["approvers_on_duty", "pages_at_intake"]

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


def pages_at_intake(case: Case, policy: Policy, stamp: Stamp) -> Change:
    """The pages that go out with the notice itself: a demand for user data goes to a lawyer; a notice that needs a
    second person while no approver is on duty calls one. Nothing for any other."""
    if USER_DATA_DEMAND in case.flags:
        return (page(case, "user_data_demand", ("legal", "lead"), 50, stamp),)
    roster = policy.safeguards.approver_duty
    if not roster or approvers_on_duty(roster, stamp.at):
        return ()
    marks = codes(case.flags)
    needed = (
        policy.needs_four_eyes(case.category, worldwide=False, flags=marks)
        or policy.needs_legal_review(case.category, marks)
        or policy.safeguards.needs_outside(case.category, marks)
    )
    return (page(case, "no_approver_on_duty", _ALL, 50, stamp),) if needed else ()
