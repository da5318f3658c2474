"""Why a decision takes a second person: the rules that ask for one, and what was recorded of them.

Each rule has one code. Beside these there is a rule for each flag that a policy names in `four_eyes_flags`: its code is
the flag's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.duress import LEGAL
from kz_compliance_sdk.domain.events.arrivals import Opened
from kz_compliance_sdk.domain.events.review import Proposed, Withheld
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.proposal_checks import RestsOn
from kz_compliance_sdk.domain.review_policy import HEAD
from kz_compliance_sdk.domain.words import Words, words

_HEAD_PROPOSED: Final = "head_of_office"
_VOLUME: Final = "volume_unusual"


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


def said_openly(rules: Iterable[str]) -> tuple[str, ...]:
    """These rules but for the one that says who proposed: that is told by the roles of that person alone."""
    return tuple(rule for rule in rules if rule != _HEAD_PROPOSED)


def asked_for(of: fold.Case, events: Iterable[Stamped], version: int) -> dict[str, Any]:
    """What the events `of` a case tell of why a decision takes a second person: `rules`, the version of the `policy`,
    the `category` then; where unusually many notices asked for it, how many came before (`volume`), and how many are
    usual (`volume_limit`). That the head proposed is told where the people are."""
    found: dict[str, Any] = {"policy": "", "category": "", "volume": None, "volume_limit": None}
    rules: list[str] = []
    volume: dict[str, int | None] = {}
    case = fold.Case(of.platform, of.stream)
    for on in events:
        fold.apply(case, on)
        match on.event:
            case Opened(came=came) if came.volume_limit:
                volume = {"volume": came.volume, "volume_limit": came.volume_limit}
            case Proposed(decision=said) if said == version:
                found |= {"policy": on.event.policy, "category": case.category}
                by_head = on.event.four_eyes and on.who is not None and HEAD in on.who.roles
                rules += [*([_HEAD_PROPOSED] if by_head else []), *on.event.rules]
            case Withheld() if case.decision == version and case.state is CaseState.IN_APPROVAL:
                rules.append("withheld")
    if _VOLUME in rules:
        found |= volume
    return found | {"rules": rules}


def in_words(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `asked_for` found, with each rule in English words (`says`)."""
    return {**asked, "says": says(asked, words("en", "cases"))}


def says(asked: Mapping[str, Any], say: Words) -> list[str]:
    """Each rule of `asked_for` in words."""
    values = {name: asked[name] for name in ("category", "volume", "volume_limit")}
    return [say("rule", rule, **values) for rule in asked["rules"]]
