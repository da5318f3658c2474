"""Who counts as another person, for every step that takes a second one; and who may decide what.

Who took the first step is what the case's chain says. Another person has another id. Where it is known by which account
the first one came in, the second one's must be known too, and be another: whoever holds one account holds every id
behind it. Where it is not known, the id alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from kz_compliance_sdk.domain.actor import STAFF, Actor, Stamp, roles
from kz_compliance_sdk.domain.case import Case, CaseState, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import office, review
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND, codes
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.messages import step
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.values import says_something
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, LeaseLost, NotAllowed


def who_decided(stream: Stream, *versions: int) -> tuple[Actor, ...]:
    """Who proposed or approved the decisions of these versions."""
    decisions = [stream.case.decisions[version] for version in versions]
    proposed = [(one.person, one.account) for one in decisions]
    approved = [(one.approved_by, one.approved_account) for one in decisions if one.approved_by]
    return tuple(stream.roster.who(*by) for by in proposed + approved)


def who_typed(stream: Stream) -> Actor:
    """Who typed the notice in that the case rests on; nobody for one that came otherwise."""
    return stream.roster.who(*stream.case.typist)


def who_suspended(stream: Stream, number: int) -> tuple[Actor, ...]:
    """Who recorded the suspension of this number; nobody, if there is none."""
    held = stream.case.suspensions.get(number)
    return (stream.roster.who(held.person, held.account),) if held is not None else ()


def check_no_proposer(proposers: Iterable[Actor], actor: Actor, case_id: str) -> None:
    """Raise NotAllowed unless this is another person than who proposed."""
    check_another(proposers, actor, "nobody approves their own proposal.", case_id)


def check_another(first: Iterable[Actor], second: Actor, own: str, case_id: str) -> None:
    """Raise NotAllowed unless `second` is another person than each of the first: with the code `four_eyes` and the
    words `own` for the same id, else `same_account` or `account_unknown`."""
    for person in first:
        if person.id == second.id:
            raise NotAllowed(own, code="four_eyes", reference=case_id)
        if not person.account:
            continue
        if not second.account:
            raise NotAllowed(
                f"that takes a second person, and nobody said by which account {second.id} came in; {person.id} came "
                "in by a known one. Set Actor.account to what your own authentication knows.",
                code="account_unknown",
                reference=case_id,
            )
        if person.account == second.account:
            raise NotAllowed(
                f"that takes a second person, and {person.id} came in by the account {person.account!r} as well.",
                code="same_account",
                reference=case_id,
            )


# -------------------------------------------------------------------------------------------------------------- steps
# What people do with a case: each step takes a case and returns the `Change` that records it.
#
# What is never answered here: a demand for data of a user is no removal notice, and goes to a lawyer.


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
    if LEGAL not in actor.roles:
        check_answerable(case)


def is_given_to(case: Case, actor: Actor) -> bool:
    """Whether a free case is given to this person as the most urgent one: what only a lawyer takes, or somebody else is
    to take care of, must not stand in everybody's way."""
    return (LEGAL in actor.roles or USER_DATA_DEMAND not in case.flags) and case.assigned_to in ("", actor.id)


def claim(case: Case, *, lease_s: int, stamp: Stamp) -> tuple[Change, Case]:
    """Give the case to the moderator for `lease_s` seconds, under a token that is higher than any before."""
    check_claimer(case, stamp.actor)
    if case.lease_owner:
        raise IllegalMove(held_by(case, stamp.actor), reference=case.id)
    token, expires = case.lease_token + 1, stamp.at + lease_s
    return step(case, "claim", happened(case, review.Claimed(token=token, until=expires), stamp))


def held_by(case: Case, actor: Actor) -> str:
    """Who has the case in hand, and what somebody else can do about it."""
    until = f"until {local(case.lease_expires_at or 0)}"
    if case.lease_owner == actor.id:
        return f"you hold this case already, {until}: go on with it, renew or release it."
    return (
        f"{case.lease_owner} holds this case {until}. Then it is free again; before that they release it, or somebody "
        f"with the role lead or legal takes it over, with reasons: kz-compliance cases take-over {case.id}"
    )


def take_over(case: Case, reasons: str, *, lease_s: int, stamp: Stamp) -> tuple[Change, Case]:
    """Give the case that a colleague holds to who takes it out of their hand: their token is worth nothing any more."""
    check_claimer(case, stamp.actor)
    taken = review.TakenOver(token=case.lease_token + 1, until=stamp.at + lease_s)
    return step(case, "take_over", happened(case, taken, stamp, {"reasons": reasons}))


def whose(person: str, keyed: Callable[..., str]) -> str:
    """By what the cases of a person are found that were assigned to them."""
    return keyed("assigned", person)


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
    if not says_something(text):
        raise InvalidInput("it is empty.", field=field, remedy=remedy)


Form = Literal["redacted", "full"]
_DISCLOSES = roles("lead", "legal", "head")

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
    (_DISCLOSES if form == "full" else STAFF).check(stamp.actor, "disclose" if form == "full" else "evidence")
    if form == "full":
        need(reason, "reason", "Say who receives the pack with the names in it, and on what ground.")
    texts = {"reason": reason} if says_something(reason) else None
    return step(case, "disclose", happened(case, office.Disclosed(form=form, language=lang), stamp, texts))


# ------------------------------------------------------------------------------------------------------------- duress
# Who may decide when an order is pressed on a person in a room.
#
# Nobody who can be reached by the pressure decides alone: the head of the office never approves and never decides
# without a second person, a lawyer is among those who decide where policy says so, and an approver can be required from
# outside the country.


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
