"""Who may take which step, as data; and who counts as another person, for every step that takes a second one.

Who took the first step is what the case's chain says. Another person has another id. Where it is known by which account
the first one came in, the second one's must be known too, and be another: whoever holds one account holds every id
behind it. Where it is not known, the id alone decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.errors import NotAllowed

HEAD = "head"


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Which roles may take which step, and which steps the head of the office never takes, whatever else they are."""

    may: Mapping[str, frozenset[str]]
    never_head: frozenset[str]

    def allows(self, actor: Actor, step: str) -> bool:
        """Whether `check` lets the actor take this step."""
        held = actor.roles & self.may.get(step, frozenset())
        return bool(held) and not (HEAD in actor.roles and step in self.never_head)

    def check(self, actor: Actor, step: str) -> None:
        """Raises NotAllowed unless one of the actor's roles may take this step, and with the code `head` for the head
        where one person ends something for good."""
        if not actor.roles & self.may.get(step, frozenset()):
            allowed = ", ".join(sorted(self.may.get(step, frozenset()))) or "nobody"
            raise NotAllowed(f"{actor.id} may not {step.replace('_', ' ')}: that takes one of these roles: {allowed}")
        if HEAD in actor.roles and step in self.never_head:
            raise NotAllowed(
                "the head of the office can be pressed in person and never decides alone: ask a lead or a lawyer.",
                code="head",
            )


_REVIEWERS = frozenset({"moderator", "lead", "legal"})
_OFFICE = _REVIEWERS | {HEAD}
REVIEW_POLICY = ReviewPolicy(
    MappingProxyType(
        {
            "claim": _OFFICE,
            "look": _OFFICE,
            "record_legal_check": _REVIEWERS,
            "propose": _OFFICE,
            "approve": frozenset({"lead", "legal"}),
            "send_back": frozenset({"lead", "legal"}),
            "undo": _REVIEWERS,
            "reopen": frozenset({"lead", "legal"}),
            "report_interim": frozenset({"lead", "legal"}),
            "request_clarification": _REVIEWERS,
            "enter": _OFFICE,
            "authenticate": _OFFICE,
            "correct_receipt": frozenset({"lead", "legal", "head"}),
            "settle_quarantine": frozenset({"lead", "legal"}),
            "deliver_by_hand": _OFFICE,
            "acknowledge": _OFFICE,
            "note": _OFFICE,
            "contest": frozenset({"lead", "legal", "head"}),
            "suspend": frozenset({"lead", "legal", "head"}),
            "confirm_suspension": frozenset({"lead", "legal"}),
            "record_undoable": frozenset({"lead", "legal"}),
            "raise_alarm": _OFFICE,
            "record_instruction": _OFFICE,
            "hand_over": frozenset({"legal"}),
            "rule_out_demand": frozenset({"legal"}),
            "evidence": _OFFICE,
            "disclose": frozenset({"lead", "legal", "head"}),
            "delay_user_notice": frozenset({"legal"}),
            "receive_appeal": _OFFICE,
            "decide_appeal": frozenset({"lead", "legal"}),
            "withdraw_appeal": _REVIEWERS,
            "hold": frozenset({"lead", "legal", "head"}),
            "end_hold": frozenset({"legal", "head"}),
            "erase": frozenset({"legal", "head"}),
            "export": frozenset({"legal", "head"}),
        }
    ),
    never_head=frozenset({"approve", "decide_appeal", "hand_over", "settle_quarantine", "withdraw_appeal"}),
)

ROLES: frozenset[str] = frozenset().union(*REVIEW_POLICY.may.values())
"""Every role that some step asks for."""


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
