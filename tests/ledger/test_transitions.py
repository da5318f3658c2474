"""The table of moves is complete, holds nothing twice, and nothing else moves a case."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from kz_compliance_sdk.domain.case import check_move
from kz_compliance_sdk.domain.transitions import ENDED, SOURCES, TRANSITIONS, CaseState, is_legal
from kz_compliance_sdk.errors import IllegalMove
from tests.case_makers import in_state

VERBS = sorted({row.verb for row in TRANSITIONS})
ROWS = {(row.source, row.verb, row.target) for row in TRANSITIONS}


@pytest.mark.parametrize("source", CaseState)
def test_a_case_takes_exactly_the_moves_of_the_table(source: CaseState) -> None:
    """Every (state, verb, target) of the whole product: a row moves the case, anything else is refused."""
    for verb, target in product([*VERBS, "vanish"], CaseState):
        if (source, verb, target) in ROWS:
            check_move(in_state(source), verb, target)
        else:
            with pytest.raises(IllegalMove) as refused:
                check_move(in_state(source), verb, target)
            assert refused.value.reference == "case-1"


@pytest.mark.parametrize(("state", "verb"), sorted(product(CaseState, VERBS)))
def test_a_refused_verb_says_from_where_it_leads_on(state: CaseState, verb: str) -> None:
    legal = any(is_legal(state, verb, target) for target in CaseState)
    assert legal == (state in SOURCES[verb])
    if not legal:
        with pytest.raises(IllegalMove) as refused:
            check_move(in_state(state), verb, CaseState.CLOSED)
        sources = sorted(source for source in SOURCES[verb] if source)
        place = ", ".join(sources) or "no state"
        assert f"the case is {state}: {verb.replace('_', ' ')} is possible from {place}." in str(refused.value)


def test_no_row_is_written_twice_and_each_says_why() -> None:
    twice = [row for row, n in Counter((r.source, r.verb, r.target) for r in TRANSITIONS).items() if n > 1]
    assert not twice
    assert all(row.why.strip() for row in TRANSITIONS)


def test_every_state_can_be_reached() -> None:
    reached: set[CaseState | None] = {None}
    while more := {row.target for row in TRANSITIONS if row.source in reached} - reached:
        reached |= more
    assert reached == {None, *CaseState}


def test_from_every_state_a_case_can_end() -> None:
    ends: set[CaseState | None] = set(ENDED)
    while more := {row.source for row in TRANSITIONS if row.target in ends} - ends:
        ends |= more
    assert ends == {None, *CaseState}


def test_no_state_is_called_overdue() -> None:
    """Being late is computed from the deadline: it decides nothing by itself."""
    assert not [state for state in CaseState if "due" in state or "late" in state]


def test_only_a_person_closes_or_decides() -> None:
    """Nothing that a clock does leads to a decision, an end, or a measure."""
    assert {row.target is row.source for row in TRANSITIONS if row.verb == "escalate"} == {True}
