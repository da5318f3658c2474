"""Deciding items alike: where that is handy, and where it is off."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import deciding, proposal_checks
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.events.review import Proposed
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
