"""The table of moves is complete, holds nothing twice, and nothing else moves a case."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from itertools import product

import pytest

from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.case import Case, move, opened
from kz_compliance_sdk.domain.transitions import ENDED, SOURCES, TRANSITIONS, CaseState, is_legal
from kz_compliance_sdk.errors import IllegalMove
from tests.unit.case_makers import in_state, stamp

VERBS = sorted({row.verb for row in TRANSITIONS})
ROWS = {(row.source, row.verb, row.target) for row in TRANSITIONS}
SOURCE_STATES: tuple[CaseState | None, ...] = (None, *CaseState)


def _take(source: CaseState | None, verb: str, target: CaseState) -> tuple[Case, AuditEvent]:
    if source is not None:
        return move(in_state(source), verb, target, stamp(), {})
    case = in_state(target)
    start = ("state", "version", "audit_seq", "audit_head", "platform_id", "id")
    rest = {field.name: getattr(case, field.name) for field in fields(case) if field.name not in start}
    return opened(verb, target, stamp(), {}, platform_id=case.platform_id, case_id=case.id, **rest)


@pytest.mark.parametrize("source", SOURCE_STATES)
def test_a_case_takes_exactly_the_moves_of_the_table(source: CaseState | None) -> None:
    """Every (state, verb, target) of the whole product: a row moves the case, anything else is refused."""
    version = 0 if source is None else in_state(source).version
    for verb, target in product([*VERBS, "vanish"], CaseState):
        if (source, verb, target) in ROWS:
            moved, event = _take(source, verb, target)
            assert (moved.state, moved.version) == (target, version + 1)
            assert (event.kind, event.hash) == (verb, moved.audit_head)
        else:
            with pytest.raises(IllegalMove) as refused:
                _take(source, verb, target)
            assert refused.value.reference == "case-1"


@pytest.mark.parametrize(("state", "verb"), sorted(product(CaseState, VERBS)))
def test_a_refused_verb_says_from_where_it_leads_on(state: CaseState, verb: str) -> None:
    legal = any(is_legal(state, verb, target) for target in CaseState)
    assert legal == (state in SOURCES[verb])
    if not legal:
        with pytest.raises(IllegalMove) as refused:
            move(in_state(state), verb, CaseState.CLOSED, stamp(), {})
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
