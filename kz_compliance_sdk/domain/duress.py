"""Who may decide when an order is pressed on a person in a room.

Nobody who can be reached by the pressure decides alone: the head of the office never approves and never decides
without a second person, a lawyer is among those who decide where policy says so, and an approver can be required from
outside the country.
"""

from __future__ import annotations

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.steps import check_answerable
from kz_compliance_sdk.errors import NotAllowed

LEGAL = "legal"


def check_approver(case: Case, decision: Decision, policy: Policy, actor: Actor) -> None:
    """Refuse an approver who may not be the second person of this decision. Raises NotAllowed with the code
    `legal_review`, `approver_inside` or `user_data_demand`."""
    check_answerable(case)
    if not any(item.is_measure for item in decision.proposal.items):
        return
    marks = codes(case.flags)
    if policy.needs_legal_review(case.category, marks) and not decision.by_legal and LEGAL not in actor.roles:
        raise NotAllowed(
            "this case has legal review: a measure takes somebody with the role legal among those who decide. Ask a "
            "lawyer to approve it, or send it back and let a lawyer propose.",
            code="legal_review",
            reference=case.id,
        )
    if policy.safeguards.needs_outside(case.category, marks) and not is_outside(actor, policy):
        raise NotAllowed(
            "this measure needs an approver outside the country, and your account says no such place.",
            code="approver_inside",
            reference=case.id,
        )


def is_outside(actor: Actor, policy: Policy) -> bool:
    """Whether the actor is known to be outside the policy's country."""
    return actor.country not in ("", policy.country)
