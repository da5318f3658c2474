"""Why a decision takes a second person: the rules that ask for one, and what was recorded of them.

Each rule has one code. Beside these there is a rule for each flag that a policy names in `four_eyes_flags`: its code is
the flag's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kz_compliance_sdk.domain.audit import Actor, AuditEvent, told
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.duress import LEGAL
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.lawfulness import RestsOn
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.review_policy import HEAD
from kz_compliance_sdk.domain.words import Words, words

__all__ = ["OF_THE_PROPOSER", "RULES", "asked_for", "asking", "code", "says"]

RULES: Final = (
    "head_of_office",
    "content_unseen",
    "order_fell",
    "check_unclear",
    "check_contradicted",
    "legal_review",
    "approver_outside",
    "lifting",
    "always",
    "worldwide",
    "category",
)
"""The codes of the rules, in the order in which a decision names them; those of flags follow, by name."""

OF_THE_PROPOSER: Final = frozenset({"head_of_office"})
"""Those that say who proposed."""

_VOLUME: Final = "volume_unusual"
_CODE = re.compile(r"[A-Za-z0-9_.+/:-]{1,100}")


def asking(
    case: Case,
    proposal: Proposal,
    policy: Policy,
    actor: Actor,
    *,
    legal: RestsOn | None,
    unseen: bool,
    without_order: bool,
) -> tuple[str, ...]:
    """The rules that ask for a second person on this proposal of this person; none if one person decides.

    `unseen` says that nobody could look at what a measure is about, `without_order` that the order about it fell.
    """
    marks = codes(case.flags)
    acts = any(item.is_measure for item in proposal.items)
    in_force = {item.item_id for item in case.items if item.measure}
    lifts = any(item.item_id in in_force and not item.is_measure for item in proposal.items)
    asked = {
        "head_of_office": HEAD in actor.roles,
        "content_unseen": unseen,
        "order_fell": without_order,
        "check_unclear": legal is not None and legal.unclear,
        "check_contradicted": legal is not None and legal.contradicted,
        "legal_review": acts and LEGAL not in actor.roles and policy.needs_legal_review(case.category, marks),
        "approver_outside": acts and policy.safeguards.needs_outside(case.category, marks),
        "lifting": lifts and policy.four_eyes_lifting,
    }
    worldwide = any(item.worldwide for item in proposal.items)
    own = tuple(rule for rule, asks in asked.items() if asks)
    return own + policy.four_eyes_rules(case.category, worldwide=worldwide, flags=marks)


def asked_for(events: Sequence[AuditEvent], version: int, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What the events of a case tell of why a decision takes a second person: `rules`, the version of the `policy`, the
    `category` then; where unusually many notices asked for it, how many came before (`volume`), and how many are usual
    (`volume_limit`); each rule in English words (`says`). Only codes and numbers are taken from the events, whatever
    stands there; no rule that is in `without`."""
    found: dict[str, Any] = {"policy": "", "category": "", "volume": None, "volume_limit": None}
    rules: list[str] = []
    volume: dict[str, int | None] = {}
    for event, data in told(events):
        if event.kind == "open":
            volume = {name: _number(data.get(name)) for name in ("volume", "volume_limit")}
        if event.kind in ("propose", "reverse", "withhold") and data.get("decision") == version:
            found |= {name: code(data[name]) for name in ("policy", "category") if name in data}
            rules += _rules(data)
    if _VOLUME in rules:
        found |= volume
    found["rules"] = [rule for rule in rules if rule not in without]
    return found | {"says": says(found, words("en", "cases"))}


def says(asked: Mapping[str, Any], say: Words) -> list[str]:
    """Each rule of `asked_for` in words."""
    values = {name: asked[name] for name in ("category", "volume", "volume_limit")}
    return [say("rule", rule, **values) for rule in asked["rules"]]


def _rules(data: Mapping[str, Any]) -> list[str]:
    rules = data.get("rules")
    named = rules if isinstance(rules, list) else []
    return [rule for rule in map(code, named) if rule]


def code(value: object) -> str:
    """The value if it is a code; empty for whatever reads like words."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def _number(value: object) -> int | None:
    return value if type(value) is int else None
