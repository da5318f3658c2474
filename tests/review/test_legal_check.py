"""The legal check: seven questions as data, what their answers bar, versions, and who may overrule whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast, get_args

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.domain import commands, deciding, review_policy
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import case_after, happenings
from kz_compliance_sdk.domain.decision import QUESTIONS, Answer, LegalCheck, Proposal, RecordedCheck, barring, recorded
from kz_compliance_sdk.domain.events.review import LegallyChecked
from kz_compliance_sdk.domain.transitions import UNDECIDED
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from tests.case_makers import (
    HEAD,
    LEGAL,
    M1,
    M2,
    T0,
    YES,
    a_notice,
    claimed,
    context,
    events,
    measure,
    opened,
    proposal,
    proposed,
    quarantined,
    refusal,
    stamp,
    taken,
)


def test_every_question_is_asked_in_three_languages_and_is_a_field_of_the_check() -> None:
    assert [question.name for question in QUESTIONS] == [n for n in LegalCheck.model_fields if n != "note"]
    for question in QUESTIONS:
        assert set(question.text) == {"kk", "ru", "en"}
        assert all(text.endswith("?") for text in question.text.values())


@pytest.mark.parametrize("answer", get_args(Answer))
def test_the_same_answer_to_everything_never_lets_a_measure_on_local_law_through(answer: Answer) -> None:
    same = LegalCheck(**{question.name: answer for question in QUESTIONS})
    case = claimed(opened())
    chosen = proposal(measure("1"), legal_check=same)
    if answer == "unclear":
        _, after, _ = deciding.propose(case, case.lease_token, chosen, context(a_notice()), stamp=stamp(T0, M1))
        assert after.state is CaseState.IN_APPROVAL
    else:
        with pytest.raises(InvalidInput, match="yet a measure rests on local law"):
            deciding.propose(case, case.lease_token, chosen, context(a_notice()), stamp=stamp(T0, M1))


def test_all_seven_must_be_answered() -> None:
    answers = YES.model_dump(exclude={"note"})
    for name in answers:
        with pytest.raises(ValidationError, match=name):
            LegalCheck.model_validate({key: value for key, value in answers.items() if key != name})


def test_the_only_answers_without_an_obstacle_are_those_of_the_control() -> None:
    assert barring(YES) == []
    for question in QUESTIONS:
        assert barring(YES.model_copy(update={question.name: question.bars})) == [question.name]


# ------------------------------------------------------------------------------------------- recorded before


def _recorded(case: Case, check: LegalCheck, actor: Actor = LEGAL, *known: RecordedCheck) -> tuple[Case, RecordedCheck]:
    return case, recorded(case, check, known, stamp(T0, actor))


def _propose(case: Case, chosen: Proposal, *checks: RecordedCheck) -> tuple[CaseState, Proposal, RecordedCheck | None]:
    known = replace(context(a_notice(revision=max(1, case.revision))), checks=checks)
    change, after, decision = deciding.propose(case, case.lease_token, chosen, known, stamp=stamp(T0, M1))
    told = next((one.event for one in happenings(change) if isinstance(one.event, LegallyChecked)), None)
    answers = cast("Any", told.answers) if told is not None else {}
    new = RecordedCheck(case.id, told.check, told.revision, answers, M1.id, T0) if told is not None else None
    row = new or next((row for row in checks if row.version == chosen.legal_check), None)
    if row is not None:
        assert decision.legal_check is not None
        assert (decision.legal_check.version, decision.legal_check.digest) == (row.version, row.digest)
    return after.state, chosen, new


def test_a_check_is_recorded_with_its_person_its_revision_and_a_digest_over_all_of_it() -> None:
    case = claimed(opened())
    check = YES.model_copy(update={"note": "see the act"})
    change, row = taken(case, commands.RecordLegalCheck(check), stamp(T0, M2))
    assert case_after(case, change) == case
    assert (row.version, row.revision, row.answered_by, row.answered_at) == (1, 1, "m2", T0)
    assert b"see the act" not in row.body, "what people write is sealed, and lies in no other place"
    (told,) = events(change)
    assert (told.event, told.actor, told.at) == (LegallyChecked(check=1, revision=1, answers=dict(row.answers)), M2, T0)
    assert told.words == {"note": b"see the act"}
    assert row.check == YES


@pytest.mark.parametrize("actor", [HEAD, Actor("visitor")])
def test_only_reviewers_answer_it(actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        taken(opened(), commands.RecordLegalCheck(YES), stamp(T0, actor))


def test_it_is_answered_before_the_decision_and_for_a_notice() -> None:
    _, waiting, _ = proposed(a_notice(category="election_rules"))
    assert waiting.state in UNDECIDED
    with pytest.raises(IllegalMove):
        taken(waiting, commands.RecordLegalCheck(YES), stamp(T0, LEGAL))
    with pytest.raises(InvalidInput, match="no usable notice"):
        taken(quarantined(), commands.RecordLegalCheck(YES), stamp(T0, LEGAL))


def test_a_proposal_names_a_version_and_the_decision_its_digest() -> None:
    case, row = _recorded(claimed(opened()), YES)
    state, _, new = _propose(case, proposal(measure("1"), legal_check=1), row)
    assert state is CaseState.DECIDED
    assert new is None


def test_a_check_in_the_proposal_is_the_next_version_by_its_proposer() -> None:
    case, row = _recorded(claimed(opened()), YES)
    _, _, new = _propose(case, proposal(measure("1")), row)
    assert new is not None
    assert (new.version, new.answered_by) == (2, "m1")


def test_a_version_that_is_not_there_or_of_another_revision_is_refused_by_its_field() -> None:
    case, row = _recorded(claimed(opened()), YES)
    with pytest.raises(InvalidInput, match="no legal check of version 2") as refused:
        _propose(case, proposal(measure("1"), legal_check=2), row)
    assert refused.value.field == "legal_check"
    with pytest.raises(InvalidInput, match="revision 1 of the notice, and it is now revision 2"):
        _propose(case.but(revision=2), proposal(measure("1"), legal_check=1), row)


def test_a_recorded_answer_bars_as_one_in_the_proposal_does() -> None:
    case, row = _recorded(claimed(opened()), YES.model_copy(update={"protected_speech": "yes"}))
    with pytest.raises(InvalidInput) as refused:
        _propose(case, proposal(measure("1"), legal_check=1), row)
    assert refused.value.field == "legal_check.protected_speech"


def test_own_terms_are_no_way_round_an_answer_that_bars() -> None:
    case, row = _recorded(claimed(opened()), YES.model_copy(update={"protected_speech": "yes"}))
    own_terms = measure("1", ground="terms_of_service", finding="not_illegal")
    with pytest.raises(InvalidInput, match="which rule of your own terms") as refused:
        _propose(case, proposal(own_terms, legal_check=1), row)
    assert refused.value.field == "items[0].wording.legal_provision"
    ruled = own_terms.wording.model_copy(update={"legal_provision": "our terms, 4.2"})
    named = own_terms.model_copy(update={"wording": ruled})
    assert _propose(case, proposal(named, legal_check=1), row)[0] is CaseState.IN_APPROVAL
    unbarred = proposal(own_terms)
    assert _propose(claimed(opened()), unbarred)[0] is CaseState.DECIDED, "the control: nothing bars it"


def test_nobody_overrules_a_lawyers_answers_alone() -> None:
    """Whoever has answered otherwise about this revision brings in a second person, until they say otherwise."""
    case, against = _recorded(claimed(opened()), YES.model_copy(update={"authority": "no"}))
    assert _propose(case, proposal(measure("1")), against)[0] is CaseState.IN_APPROVAL
    assert _propose(case, proposal(refusal("1"), legal_check=None), against)[0] is CaseState.DECIDED
    case, later = _recorded(case, YES, LEGAL, against)
    assert later.version == 2
    assert _propose(case, proposal(measure("1")), against, later)[0] is CaseState.DECIDED


def test_ones_own_earlier_doubt_is_ones_own_to_settle() -> None:
    case, doubt = _recorded(claimed(opened()), YES.model_copy(update={"clarity": "unclear"}), M1)
    assert _propose(case, proposal(measure("1")), doubt)[0] is CaseState.DECIDED


def test_the_digest_of_a_decision_covers_the_version_it_rests_on() -> None:
    _, _, decision = proposed(a_notice())
    assert decision.legal_check is not None
    other = decision.legal_check.model_copy(update={"version": 9})
    assert decision.model_copy(update={"legal_check": other}).digest != decision.digest


def test_a_check_does_not_end_a_lease() -> None:
    case, _ = _recorded(claimed(opened()), YES)
    review_policy.check_lease(case, case.lease_token, stamp(T0, M1))
