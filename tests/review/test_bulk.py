"""Deciding items alike: where that is handy, and where it is off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kz_compliance_sdk.domain import deciding, proposal_checks
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.events.review import Proposed
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.errors import InvalidInput, NotAllowed
from tests.case_makers import (
    LEGAL,
    M1,
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


def alike(case: Case) -> list[str]:
    made = proposal_checks.alike(case, POLICY, measure("any", reasons="the same"), legal_check=YES, text_checked=True)
    return [item.item_id for item in made.items]


def test_all_open_items_are_decided_alike_and_each_is_logged_by_itself() -> None:
    notice = a_notice(items=3)
    case = claimed(opened(notice))
    assert alike(case) == ["1", "2", "3"]
    made = proposal_checks.alike(case, POLICY, measure("any", reasons="the same"), legal_check=YES, text_checked=True)
    change, _, _ = deciding.propose(case, 1, made, context(notice), stamp=stamp(T0, M1))
    (proposed,) = [told.event for told in events(change) if isinstance(told.event, Proposed)]
    assert [judged.item for judged in proposed.items] == [1, 2, 3]


@pytest.mark.parametrize(("category", "flags"), [("election_rules", ()), ("fraud", ("volume_unusual",))])
def test_bulk_is_off_with_legal_review(category: str, flags: tuple[str, ...]) -> None:
    with pytest.raises(NotAllowed) as error:
        alike(opened(a_notice(items=2, category=category), flags=flags))
    assert error.value.code == "bulk_off"
    assert alike(opened(a_notice(items=1, category=category), flags=flags)) == ["1"], "one item is no bulk"


@pytest.mark.parametrize("copied", ["the same", "The  same", " THE SAME\n", "The same.", "(the-same)"])
def test_copied_reasons_are_refused_where_bulk_is_off(copied: str) -> None:
    notice = a_notice(items=2, category="election_rules")
    case = claimed(opened(notice), actor=LEGAL)
    chosen = proposal(measure("1", reasons="the same"), measure("2", reasons=copied))
    with pytest.raises(InvalidInput) as error:
        deciding.propose(case, 1, chosen, context(notice), stamp=stamp(T0, LEGAL))
    assert (error.value.code, error.value.field) == ("bulk_off", "items[1].reasons")
    own = proposal(measure("1", reasons="the same"), measure("2", reasons="another"))
    deciding.propose(case, 1, own, context(notice), stamp=stamp(T0, LEGAL))


@pytest.mark.parametrize("category", ["election_rules", "fraud"])
def test_twenty_items_are_refused_for_one_reason_in_one_step(category: str) -> None:
    notice = a_notice(items=20, category=category)
    case = claimed(opened(notice), actor=M1)
    made = proposal_checks.alike(case, POLICY, refusal("any", reasons="one"), legal_check=None, text_checked=True)
    assert len(made.items) == 20
    _, after, _ = deciding.propose(case, 1, made, context(notice), stamp=stamp(T0, M1))
    assert after.state is not CaseState.CLAIMED


def test_the_control_a_guard_that_looks_at_refusals_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ItemDecision, "is_measure", True)
    with pytest.raises(NotAllowed) as refused:
        test_twenty_items_are_refused_for_one_reason_in_one_step("election_rules")
    assert refused.value.code == "bulk_off"


def effort(category: str, items: int, decided: ItemDecision, flags: Sequence[str] = ()) -> tuple[int, int, int]:
    """The people, the steps after the claim and the fields that it takes to decide every item of a notice so."""
    notice = a_notice(items=items, category=category)
    case = claimed(opened(notice, flags=tuple(flags)), actor=LEGAL)
    is_bulk = items == 1 or not (decided.is_measure and proposal_checks.is_off(case, POLICY))
    check = YES if decided.is_measure else None
    if is_bulk:
        chosen = proposal_checks.alike(case, POLICY, decided, legal_check=check, text_checked=True)
    else:
        each = [decided.model_copy(update={"item_id": str(n), "reasons": f"{n}"}) for n in range(1, items + 1)]
        chosen = proposal(*each, legal_check=check)
    _, after, _ = deciding.propose(case, 1, chosen, context(notice), stamp=stamp(T0, LEGAL))
    people = 2 if after.state is CaseState.IN_APPROVAL else 1
    written = chosen.items[:1] if is_bulk else chosen.items
    fields = sum(len(_leaves(one.model_dump(exclude_defaults=True))) for one in written)
    return people, people, fields + (len(check.answers) if check is not None else 0)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    return [leaf for inner in value for leaf in _leaves(inner)] if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize("items", [1, 20])
@pytest.mark.parametrize("category", sorted(POLICY.categories))
def test_refusing_is_never_harder_than_removing(category: str, items: int) -> None:
    refusing, removing = effort(category, items, refusal("1")), effort(category, items, measure("1"))
    assert all(one <= other for one, other in zip(refusing, removing, strict=True)), (refusing, removing)


@pytest.mark.parametrize("items", [1, 20])
@pytest.mark.parametrize("flag", sorted(FLAG_MEANINGS.keys() - {"user_data_demand"}))
def test_refusing_is_never_harder_whatever_is_wrong_with_an_order(flag: str, items: int) -> None:
    removing = effort("fraud", items, measure("1"), [flag])
    assert all(one <= other for one, other in zip(effort("fraud", items, refusal("1"), [flag]), removing, strict=True))


def test_of_what_is_refused_beside_a_measure_no_reasons_are_asked_for_twice() -> None:
    notice = a_notice(items=3, category="election_rules")
    case = claimed(opened(notice), actor=LEGAL)
    chosen = proposal(measure("1", reasons="same"), refusal("2", reasons="same"), refusal("3", reasons="same"))
    deciding.propose(case, 1, chosen, context(notice), stamp=stamp(T0, LEGAL))


def test_copied_reasons_are_fine_elsewhere() -> None:
    notice = a_notice(items=2)
    case = claimed(opened(notice), actor=LEGAL)
    chosen = proposal(measure("1", reasons="the same"), measure("2", reasons="the same"))
    deciding.propose(case, 1, chosen, context(notice), stamp=stamp(T0, LEGAL))
