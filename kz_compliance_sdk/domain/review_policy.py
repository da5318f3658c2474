"""Who may take which step, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kz_compliance_sdk.domain.actor import Actor
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
