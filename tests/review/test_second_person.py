"""Which rules ask for a second person, alone and in pairs, and how a decision and its event say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from kz_compliance_sdk.domain import deciding, fold
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import Happened
from kz_compliance_sdk.domain.content import reference_digest, references
from kz_compliance_sdk.domain.decision import ContentSeen, Decision, LegalCheck, RecordedCheck, recorded
from kz_compliance_sdk.domain.events import READERS
from kz_compliance_sdk.domain.events.arrivals import Amended, Came, Demanded, Opened
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.review import Decided, Proposed, Withheld
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.ledger import Sealed, Stamped
from kz_compliance_sdk.domain.proposal_checks import asked_for, in_words, said_openly, says
from kz_compliance_sdk.domain.words import LANGUAGES, words
from tests.case_makers import (
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
from tests.controls.ways import RULES

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
    of.legal_check = of.legal_check.model_copy(update={"clarity": "unclear"})


def _bar(of: Scene) -> None:
    of.legal_check = of.legal_check.model_copy(update={"authority": "no"})
    said = measure("1").wording.model_copy(update={"legal_provision": "our terms, 4.2"})
    _own_terms(of, wording=said)


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
    "check_barred": _bar,
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


def decided(of: Scene) -> tuple[Decision, CaseState, list[Happened]]:
    safeguards = POLICY.safeguards.model_copy(update=of.safeguards)
    policy = POLICY.model_copy(update={**of.policy, "safeguards": safeguards})
    case = claimed(CASE, actor=of.actor).but(flags=("late_revision", *of.flags))
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
    (told,) = [one.event for one in written if isinstance(one.event, Proposed)]
    assert decision.rules == tuple(json.loads(decision.body)["rules"])
    assert (told.rules, told.four_eyes) == (said_openly(decision.rules), bool(decision.rules))
    assert told.policy == decision.policy == json.loads(decision.body)["policy"]
    assert decision.needs_approval == bool(decision.rules) == (state is CaseState.IN_APPROVAL)
    return decision.rules


def test_no_rule_asks_about_an_ordinary_measure() -> None:
    assert asked(()) == ()


@pytest.mark.parametrize("rule", ALL)
def test_each_rule_alone_is_named(rule: str) -> None:
    assert asked([rule]) == expected([rule])


@pytest.mark.slow
def test_each_pair_of_rules_is_named_whole() -> None:
    wrong = [pair for pair in combinations(ALL, 2) if asked(pair) != expected(pair)]
    assert wrong == []


def test_all_rules_at_once_are_named_in_their_order() -> None:
    assert asked(ALL) == ALL


# ------------------------------------------------------------------------------------- what is told of it


OPENED = Opened(
    authority="ministry",
    notice="KZ-1",
    revision=1,
    kind="prescription",
    category="fraud",
    demanded=Demanded(issued_at=T0, authority_type="authorised_body", legal_basis=("other",), requested="remove"),
    languages=("ru",),
    came=Came(key="0" * 32, body="1" * 32, source="pushed", volume=300, volume_limit=299),
    received_at=T0,
    escalates_from=T0,
    due_at=T0,
    policy="2026",
    items=(),
)


def _proposed(decision: int, policy: str, *rules: str, by: Actor = M1) -> tuple[Event, Actor]:
    parts = {"proposal": Sealed(cls="erasable", mac="0" * 64)}
    four_eyes = bool(rules) or by is HEAD
    said = Proposed(
        decision=decision, revision=1, policy=policy, rules=rules, four_eyes=four_eyes, items=(), parts=parts
    )
    return said, by


def _told(*happened: Event | tuple[Event, Actor]) -> list[Stamped]:
    by_whom = [one if isinstance(one, tuple) else (one, M1) for one in happened]
    return [Stamped(n, T0, 1, 0, by, one.called, one, bytes(32)) for n, (one, by) in enumerate(by_whom, 1)]


CASE_FOLD = fold.Case("social", "case/1")
_SAME = ("authority", "notice", "kind", "demanded", "languages", "came", "policy", "items")


def test_the_events_tell_what_asked_and_how_many_notices_had_come() -> None:
    amended = Amended(
        **{name: getattr(OPENED, name) for name in _SAME},
        revision=2,
        category="drugs",
    )
    second = _proposed(2, "2027", "always", "volume_unusual")
    known = _told(OPENED, _proposed(1, "2026", "category"), amended, second)
    before, after = (in_words(asked_for(CASE_FOLD, known, version)) for version in (1, 2))
    assert (before["policy"], before["rules"], before["volume"]) == ("2026", ["category"], None)
    assert before["says"] == ["the category fraud"]
    assert (after["policy"], after["category"], after["rules"]) == ("2027", "drugs", ["always", "volume_unusual"])
    assert (after["volume"], after["volume_limit"]) == (300, 299)
    assert "300 notices" in after["says"][1]
    assert "299 are usual" in after["says"][1]


def test_that_the_head_proposed_is_told_where_the_people_are_and_nowhere_else() -> None:
    known = _told(OPENED, _proposed(1, "2026", "category", by=HEAD))
    assert asked_for(CASE_FOLD, known, 1)["rules"] == ["head_of_office", "category"]
    assert asked_for(CASE_FOLD, [structs.replace(on, who=None) for on in known], 1)["rules"] == ["category"]
    assert said_openly(("head_of_office", "category")) == ("category",)


def test_what_was_withheld_says_so_beside_what_asked_before() -> None:
    known = _told(
        OPENED, _proposed(1, "2026"), Decided(decision=1, policy="2026", not_before=T0, items=()), Withheld(items=())
    )
    asked = asked_for(CASE_FOLD, known, 1)
    assert (asked["policy"], asked["category"], asked["rules"]) == ("2026", "fraud", ["withheld"])


@pytest.mark.parametrize("rules", [None, 7, "category", [7, None, ["category"]], ["Ivan Ivanov, 12"]])
def test_nothing_but_codes_is_taken_from_an_event_that_somebody_changed(rules: object) -> None:
    said = {"decision": 1, "revision": 1, "policy": "2026", "items": []}
    read = READERS["proposed", 1]
    assert read(json.dumps({**said, "rules": ["category"]})).rules == ("category",)
    with pytest.raises(msgspec.ValidationError):
        read(json.dumps({**said, "rules": rules}))
    with pytest.raises(msgspec.ValidationError):
        read(json.dumps({**said, "policy": "by Ivan Ivanov"}))


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
