"""Which rules ask for a second person, alone and in pairs, and how a decision and its event say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import deciding
from kz_compliance_sdk.domain.audit import Actor, AuditEvent
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.content import reference_digest, references
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.legal_check import LegalCheck, RecordedCheck, recorded
from kz_compliance_sdk.domain.reviewed import ContentSeen
from kz_compliance_sdk.domain.second_person import RULES, asked_for, says
from kz_compliance_sdk.domain.words import LANGUAGES, words
from tests.unit.case_makers import (
    HEAD,
    M1,
    M2,
    POLICY,
    T0,
    YES,
    a_notice,
    claimed,
    context,
    events,
    measure,
    opened,
    proposal,
    refusal,
    stamp,
)

CATEGORY = "illegal_gambling"
"""One moderator decides it."""
FLAGS = tuple(sorted(POLICY.four_eyes_flags))
ALL = (*RULES, *FLAGS)
ROW = POLICY.categories[CATEGORY]
LEGAL_TOO = POLICY.safeguards.legal_review_flags
"""Flags that call for a lawyer as well."""


@dataclass
class Scene:
    """A moderator's measure on an ordinary notice of three items, until a rule makes it another."""

    actor: Actor = M1
    flags: tuple[str, ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    safeguards: dict[str, Any] = field(default_factory=dict)
    legal_check: LegalCheck = YES
    checks: tuple[RecordedCheck, ...] = ()
    measure: dict[str, Any] = field(default_factory=dict)
    unseen: bool = False
    fell: bool = False
    lifts: bool = False


def _doubt(of: Scene) -> None:
    of.legal_check = YES.model_copy(update={"clarity": "unclear"})


def _contradict(of: Scene) -> None:
    of.checks = (recorded(opened(), YES.model_copy(update={"authority": "no"}), (), stamp(T0, M2)),)


def _own_terms(of: Scene, **more: Any) -> None:
    of.measure |= {"ground": "terms_of_service", **more}


def _lift(of: Scene) -> None:
    of.lifts = True
    of.policy["four_eyes_lifting"] = True


def _fall(of: Scene) -> None:
    of.fell = True
    _own_terms(of)


def _flag(name: str, of: Scene) -> None:
    of.flags += (name,)


MAKES: dict[str, Callable[[Scene], object]] = {
    "head_of_office": lambda of: setattr(of, "actor", HEAD),
    "content_unseen": lambda of: setattr(of, "unseen", True),
    "order_fell": _fall,
    "check_unclear": _doubt,
    "check_contradicted": _contradict,
    "legal_review": lambda of: of.safeguards.update(legal_review_flags=LEGAL_TOO | {"late_revision"}),
    "approver_outside": lambda of: of.safeguards.update(approver_outside_always=True),
    "lifting": _lift,
    "always": lambda of: of.policy.update(four_eyes_always=True),
    "worldwide": lambda of: _own_terms(of, scope=("*",)),
    "category": lambda of: of.policy.update(categories={CATEGORY: ROW.model_copy(update={"four_eyes": True})}),
    **{name: partial(_flag, name) for name in FLAGS},
}
"""What makes each rule ask."""


NOTICE = a_notice(3, category=CATEGORY)
CASE = opened(NOTICE)
SEEN = {
    item.number: ContentSeen(
        item.number, item.item_id, 1, stamp(T0).keyed(reference_digest(named)), "", "", False, "timeout", M1.id, T0
    )
    for item in CASE.items
    for named in [references(CASE, NOTICE)[item.item_id]]
}
"""Looks that failed."""


def decided(of: Scene) -> tuple[Decision, CaseState, list[AuditEvent]]:
    safeguards = POLICY.safeguards.model_copy(update=of.safeguards)
    policy = POLICY.model_copy(update={**of.policy, "safeguards": safeguards})
    case = claimed(CASE.but(flags=("late_revision", *of.flags)), actor=of.actor)
    first, second, third = case.items
    second = second.but(fell="withdrawn") if of.fell else second
    third = third.but(measure="remove", status="open") if of.lifts else third
    case = case.but(items=(first, second, third))
    chosen = proposal(
        *(measure(item.item_id, **of.measure) for item in (first, second)),
        refusal(third.item_id),
        legal_check=of.legal_check,
    )
    given = replace(context(NOTICE, policy=policy), checks=of.checks, seen=SEEN if of.unseen else {})
    change, after, decision = deciding.propose(case, case.lease_token, chosen, given, stamp=stamp(T0, of.actor))
    return decision, after.state, events(change)


def expected(rules: Iterable[str]) -> tuple[str, ...]:
    asked = set(rules)
    if asked & LEGAL_TOO:
        asked.add("legal_review")
    return tuple(rule for rule in ALL if rule in asked)


def asked(rules: Iterable[str]) -> tuple[str, ...]:
    scene = Scene()
    for rule in rules:
        MAKES[rule](scene)
    decision, state, written = decided(scene)
    (event,) = [one for one in written if one.kind == "propose"]
    told = json.loads(event.content)["data"]
    assert tuple(told["rules"]) == decision.rules == tuple(json.loads(decision.body)["rules"])
    assert told["policy"] == decision.policy == json.loads(decision.body)["policy"]
    assert decision.needs_approval == bool(decision.rules) == (state is CaseState.IN_APPROVAL)
    return decision.rules


def test_no_rule_asks_about_an_ordinary_measure() -> None:
    assert asked(()) == ()


@pytest.mark.parametrize("rule", ALL)
def test_each_rule_alone_is_named(rule: str) -> None:
    assert asked([rule]) == expected([rule])


def test_each_pair_of_rules_is_named_whole() -> None:
    wrong = [pair for pair in combinations(ALL, 2) if asked(pair) != expected(pair)]
    assert wrong == []


def test_all_rules_at_once_are_named_in_their_order() -> None:
    assert asked(ALL) == ALL


# ------------------------------------------------------------------------------------- what is told of it


def _told(*facts: dict[str, Any], kind: str = "propose") -> list[AuditEvent]:
    _, state, (event, *_) = decided(Scene())
    assert state is CaseState.DECIDED
    return [replace(event, kind=one.pop("kind", kind), content=json.dumps({"data": one}).encode()) for one in facts]


def test_the_events_tell_what_asked_and_how_many_notices_had_come() -> None:
    came = {"kind": "open", "volume": 300, "volume_limit": 299}
    first = {"decision": 1, "policy": "2026", "category": "fraud", "rules": ["category"]}
    second = {"decision": 2, "policy": "2027", "category": "drugs", "rules": ["always", "volume_unusual"]}
    known = _told(came, first, second)
    before, after = asked_for(known, 1), asked_for(known, 2)
    assert (before["policy"], before["rules"], before["volume"]) == ("2026", ["category"], None)
    assert before["says"] == ["the category fraud"]
    assert (after["policy"], after["category"], after["rules"]) == ("2027", "drugs", ["always", "volume_unusual"])
    assert (after["volume"], after["volume_limit"]) == (300, 299)
    assert "300 notices" in after["says"][1]
    assert "299 are usual" in after["says"][1]


def test_what_was_withheld_says_so_beside_what_asked_before() -> None:
    known = _told({"decision": 1, "policy": "2026", "category": "fraud", "rules": []})
    known += _told({"kind": "withhold", "decision": 1, "policy": "2027", "rules": ["withheld"]})
    asked = asked_for(known, 1)
    assert (asked["policy"], asked["category"], asked["rules"]) == ("2027", "fraud", ["withheld"])


@pytest.mark.parametrize("rules", [None, 7, "category", [7, None, ["category"]], ["Ivan Ivanov, 12"]])
def test_nothing_but_codes_is_taken_from_an_event_that_somebody_changed(rules: object) -> None:
    known = _told({"decision": 1, "policy": "by Ivan Ivanov", "category": ["x"], "rules": rules})
    asked = asked_for(known, 1)
    assert (asked["policy"], asked["category"], asked["rules"], asked["says"]) == ("", "", [], [])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_rule_has_words_of_its_own(lang: str) -> None:
    said = says({"rules": ALL, "category": "fraud", "volume": 3, "volume_limit": 2}, words(lang, "cases"))
    assert len(set(said)) == len(ALL)
    assert not set(said) & set(ALL), "a rule that nobody has put into words is told by its code"


def test_no_code_is_a_flags_as_well() -> None:
    assert not set(RULES) & set(FLAG_MEANINGS)


def test_the_page_about_review_has_each_rule_with_its_meaning() -> None:
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "review.md").read_text(encoding="utf-8")
    assert [rule for rule in ALL if f"\n| `{rule}` | " not in page] == []
