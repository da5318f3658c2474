"""What people do with a case: each step takes a case and returns the `Change` that records it.

What is never answered here: a demand for data of a user is no removal notice, and goes to a lawyer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.events import office, review
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.messages import step
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, LeaseLost, NotAllowed


def check_answerable(case: Case) -> None:
    """Refuse whatever would answer a demand for user data. Raises NotAllowed."""
    if USER_DATA_DEMAND in case.flags:
        raise NotAllowed(
            "this asks for data of a user and is never answered through this library: a lawyer hands it over, or "
            "records that it is no such demand.",
            code="user_data_demand",
            reference=case.id,
        )


def check_claimer(case: Case, actor: Actor) -> None:
    """Only a lawyer takes a demand for user data into hand. Raises NotAllowed."""
    if "legal" not in actor.roles:
        check_answerable(case)


def claim(case: Case, *, lease_s: int, stamp: Stamp) -> tuple[Change, Case]:
    """Give the case to the moderator for `lease_s` seconds, under a token that is higher than any before."""
    REVIEW_POLICY.check(stamp.actor, "claim")
    check_claimer(case, stamp.actor)
    token, expires = case.lease_token + 1, stamp.at + lease_s
    return step(case, "claim", happened(case, review.Claimed(token=token, until=expires), stamp))


def expire(case: Case, *, stamp: Stamp) -> Change:
    """The lease ran out: back to the queue, visibly."""
    if case.lease_expires_at is None or case.lease_expires_at > stamp.at:
        raise IllegalMove("the lease has not run out.", reference=case.id)
    return step(case, "expire", happened(case, review.Expired(), stamp))[0]


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


def need(text: str, field: str, remedy: str) -> None:
    """Raises InvalidInput for a text that says nothing."""
    if not text.strip():
        raise InvalidInput("it is empty.", field=field, remedy=remedy)


Form = Literal["redacted", "full"]

VIEW_AGAIN_AFTER_S = 900
"""For how long, in seconds, one recorded view of a person stands for all: a page that is loaded anew adds nothing."""


def is_seen(events: Iterable[Stamped], actor: Actor, now: int) -> bool:
    """Whether a view of this person was recorded within `VIEW_AGAIN_AFTER_S` before `now` (UTC seconds)."""
    since = now - VIEW_AGAIN_AFTER_S
    recent = (on for on in events if on.at > since and isinstance(on.event, office.Viewed))
    return any(on.who is not None and on.who.id == actor.id for on in recent)


def view(case: Case, *, stamp: Stamp) -> tuple[Change, Case]:
    """A person looked at the case. It is recorded and never refused: who may look is for the host to say.

    Neither a lease nor an approval depends on it: both name what they hold by a token or a digest.
    """
    return step(case, "view", happened(case, office.Viewed(), stamp))


def disclose(case: Case, form: Form, lang: str, reason: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """A person takes an evidence pack of the case out. A full one names people, so it takes a reason and a role that
    answers for it: raises NotAllowed, InvalidInput."""
    REVIEW_POLICY.check(stamp.actor, "disclose" if form == "full" else "evidence")
    if form == "full":
        need(reason, "reason", "Say who receives the pack with the names in it, and on what ground.")
    texts = {"reason": reason} if reason.strip() else None
    return step(case, "disclose", happened(case, office.Disclosed(form=form, language=lang), stamp, texts))
