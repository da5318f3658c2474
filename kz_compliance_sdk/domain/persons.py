"""Who counts as another person, for every step that takes a second one.

Who took the first step is what the case's chain says. Another person has another id. Where it is known by which account
the first one came in, the second one's must be known too, and be another: whoever holds one account holds every id
behind it. Where it is not known, the id alone decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.errors import NotAllowed


def who_decided(stream: Stream, *versions: int) -> tuple[Actor, ...]:
    """Who proposed or approved the decisions of these versions."""
    decisions = [stream.case.decisions[version] for version in versions]
    proposed = [(one.person, one.account) for one in decisions]
    approved = [(one.approved_by, one.approved_account) for one in decisions if one.approved_by]
    return tuple(stream.roster.who(*by) for by in proposed + approved)


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
