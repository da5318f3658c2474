"""What people do with a case: each step takes a case and returns the `Change` that records it."""

from __future__ import annotations

from collections.abc import Sequence

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.answerable import check_answerable, check_claimer
from kz_compliance_sdk.domain.case import NO_LEASE, Case, CaseState, happened, move
from kz_compliance_sdk.domain.change import (
    CaseWrite,
    Change,
)
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.identities import check_questions
from kz_compliance_sdk.domain.messages import clarification
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, LeaseLost


def claim(case: Case, *, lease_s: int, stamp: Stamp) -> tuple[Change, Case]:
    """Give the case to the moderator for `lease_s` seconds, under a token that is higher than any before."""
    REVIEW_POLICY.check(stamp.actor, "claim")
    check_claimer(case, stamp.actor)
    token, expires = case.lease_token + 1, stamp.at + lease_s
    tells = [happened(case, review.Claimed(token=token, until=expires), stamp)]
    claimed = move(
        case,
        "claim",
        CaseState.CLAIMED,
        lease_token=token,
        lease_owner=stamp.actor.id,
        lease_expires_at=expires,
        was_claimed=True,
    )
    return (CaseWrite(claimed), *tells), claimed


def expire(case: Case, *, stamp: Stamp) -> Change:
    """The lease ran out: back to the queue, visibly."""
    if case.lease_expires_at is None or case.lease_expires_at > stamp.at:
        raise IllegalMove("the lease has not run out.", reference=case.id)
    tells = [happened(case, review.Expired(), stamp)]
    freed = move(case, "expire", CaseState.QUEUED, **NO_LEASE)
    return (CaseWrite(freed), *tells)


def check_lease(case: Case, token: int, stamp: Stamp) -> None:
    if (
        case.state is not CaseState.CLAIMED
        or case.lease_token != token
        or case.lease_owner != stamp.actor.id
        or case.lease_expires_at is None
        or case.lease_expires_at <= stamp.at
    ):
        raise LeaseLost(
            f"the lease with token {token} is no longer yours: it ran out, or the case has moved on. "
            "Nothing was written; claim the case again.",
            reference=case.id,
        )


def renew(case: Case, token: int, *, lease_s: int, stamp: Stamp) -> tuple[Change, Case]:
    """Keep the lease for `lease_s` seconds from now. Raises LeaseLost."""
    check_lease(case, token, stamp)
    expires = stamp.at + lease_s
    tells = [happened(case, review.Renewed(until=expires), stamp)]
    renewed = move(case, "renew", CaseState.CLAIMED, lease_expires_at=expires)
    return (CaseWrite(renewed), *tells), renewed


def release(case: Case, token: int, *, stamp: Stamp) -> tuple[Change, Case]:
    """Give the case back to the queue. Raises LeaseLost."""
    check_lease(case, token, stamp)
    tells = [happened(case, review.Released(), stamp)]
    freed = move(case, "release", CaseState.QUEUED, **NO_LEASE)
    return (CaseWrite(freed), *tells), freed


def request_clarification(
    case: Case, token: int, questions: Sequence[Question], notice: Notice, *, text_checked: bool, stamp: Stamp
) -> tuple[Change, Case]:
    """Ask the authority what is missing. The clock runs on. Raises LeaseLost, NotAllowed, and InvalidInput for text
    that nobody has checked for identities."""
    REVIEW_POLICY.check(stamp.actor, "request_clarification")
    check_lease(case, token, stamp)
    check_answerable(case)
    if not questions:
        raise InvalidInput("there is no question.", field="questions", remedy="Ask at least one.")
    named = {item.item_id for item in case.items}
    for number, question in enumerate(questions):
        if question.item_id is not None and question.item_id not in named:
            raise InvalidInput(
                f"the notice names no item {question.item_id!r}.",
                field=f"questions[{number}].item_id",
                remedy="Name one of its items, or leave it out to ask about the whole notice.",
            )
        for place, said in enumerate(question.text):
            need(said.text, f"questions[{number}].text[{place}].text", "Write the question, or leave it out.")
    check_questions(case, questions, notice, text_checked=text_checked)
    case = case.but(questions=case.questions + 1)
    message = clarification(case, tuple(questions), stamp)
    tells = [happened(case, review.Asked(questions=len(questions)), stamp, {"body": message.body})]
    asked = move(case, "request_clarification", CaseState.AWAITING_ANSWER, **NO_LEASE)
    return (CaseWrite(asked), *tells, message), asked


def recall(case: Case, *, stamp: Stamp) -> tuple[Change, Case]:
    """Decide without waiting for the authority's answer any longer."""
    REVIEW_POLICY.check(stamp.actor, "request_clarification")
    tells = [happened(case, review.Recalled(), stamp)]
    back = move(case, "recall", CaseState.QUEUED)
    return (CaseWrite(back), *tells), back


def need(text: str, field: str, remedy: str) -> None:
    """Raises InvalidInput for a text that says nothing."""
    if not text.strip():
        raise InvalidInput("it is empty.", field=field, remedy=remedy)
