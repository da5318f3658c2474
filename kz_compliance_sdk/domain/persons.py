"""Who counts as another person, for every step that takes a second one.

Another person has another id. Where it is known by which account the first one came in, the second one's must be known
too, and be another: whoever holds one account holds every id behind it. Where it is not known, the id alone decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kz_compliance_sdk.domain.audit import Actor, AuditEvent, told
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Person:
    """Who took an earlier step: the id, and the account that they came in by, empty if nobody said."""

    id: str
    account: str = ""


def who_took(events: Sequence[AuditEvent], *kinds: str, **facts: object) -> tuple[Person, ...]:
    """The persons behind the events of these kinds that hold these facts, in their order."""
    return tuple(
        Person(event.actor, str(data.get("account", "")))
        for event, data in told(events)
        if event.kind in kinds and all(data.get(name) == value for name, value in facts.items())
    )


def who_decided(events: Sequence[AuditEvent], *versions: int) -> tuple[Person, ...]:
    """Who proposed or approved the decisions of these versions."""
    took = (who_took(events, "propose", "approve", "reverse", decision=version) for version in versions)
    return tuple(person for persons in took for person in persons)


def check_no_proposer(decision: Decision, events: Sequence[AuditEvent], actor: Actor) -> None:
    """Raise NotAllowed unless this is another person than who proposed the decision."""
    first = Person(decision.proposed_by), *who_decided(events, decision.version)
    check_another(first, actor, "nobody approves their own proposal.", decision.case_id)


def check_another(first: Iterable[Person], second: Actor, own: str, case_id: str) -> None:
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
