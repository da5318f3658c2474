"""What holds when an order is pressed on a person: who never decides alone, and what anybody can do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands, deciding
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState
from kz_compliance_sdk.domain.decision import Decision, ItemDecision
from kz_compliance_sdk.domain.events.review import Approved
from kz_compliance_sdk.domain.policy import Policy, PolicyFragment, SafeguardsFragment, tighten
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.transitions import TRANSITIONS
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from tests.case_makers import (
    HEAD,
    LEAD,
    LEGAL,
    M1,
    M2,
    NOBODY,
    POLICY,
    T0,
    a_notice,
    claimed,
    context,
    events,
    in_state,
    measure,
    messages,
    opened,
    proposal,
    quarantined,
    refusal,
    stamp,
    taken,
)

TOLD = commands.RecordInstruction(
    given_by="a colonel", unit="a unit", channel="in person", given_at=T0, said="remove it before noon"
)


def proposed(
    by: Actor,
    category: str = "illegal_gambling",
    flags: tuple[str, ...] = (),
    item: ItemDecision | None = None,
    policy: Policy = POLICY,
) -> tuple[Case, Decision, deciding.Context]:
    notice = a_notice(category=category)
    case = claimed(opened(notice, flags=flags), actor=by)
    given = context(notice, policy=policy)
    chosen = proposal(item or measure("1"))
    _, after, decision = deciding.propose(case, case.lease_token, chosen, given, stamp=stamp(T0, by))
    return after, decision, given


def approved(by: Actor, case: Case, decision: Decision, given: deciding.Context) -> Case:
    at = stamp(T0, by)
    commands.Approve(decision.digest).allow(by)
    return deciding.approve(case, decision.digest, decision, given, (), stamp=at)[1]


def refused(by: Actor, *made: Any) -> str:
    with pytest.raises(NotAllowed) as error:
        approved(by, *made)
    return error.value.code


# ------------------------------------------------------------------------------------------- the head


def test_what_the_head_proposes_takes_a_second_person_whatever_policy_says() -> None:
    assert proposed(M1)[0].state is CaseState.DECIDED, "the control: a moderator decides this alone"
    for item in (measure("1"), refusal("1")):
        case, decision, given = proposed(HEAD, item=item)
        assert (case.state, decision.needs_approval) == (CaseState.IN_APPROVAL, True)
        assert approved(LEAD, case, decision, given).state is CaseState.DECIDED


def test_another_role_beside_it_makes_the_head_no_sole_decider_and_no_approver() -> None:
    both = Actor("boss", frozenset({"head", "lead", "legal"}))
    assert proposed(both)[0].state is CaseState.IN_APPROVAL
    made = proposed(M1, "election_rules")
    assert refused(both, *made) == "head"
    assert refused(HEAD, *made) == "not_allowed"


# ------------------------------------------------------------------------------------------- legal review


@pytest.mark.parametrize(("category", "flags"), [("personal_data", ()), ("fraud", ("url_wildcard:1",))])
def test_a_measure_with_legal_review_takes_a_lawyer_among_those_who_decide(
    category: str, flags: tuple[str, ...]
) -> None:
    made = proposed(M1, category, flags)
    assert made[0].state is CaseState.IN_APPROVAL
    assert refused(LEAD, *made) == "legal_review"
    assert approved(LEGAL, *made).state is CaseState.DECIDED


def test_a_lawyer_who_proposes_is_the_lawyer() -> None:
    case, decision, _ = proposed(LEGAL, "personal_data")
    assert (case.state, decision.by_legal) == (CaseState.DECIDED, True)
    made = proposed(LEGAL, "election_rules")
    assert made[0].state is CaseState.IN_APPROVAL, "four eyes stay four"
    assert approved(LEAD, *made).state is CaseState.DECIDED


def test_a_refusal_needs_no_lawyer() -> None:
    assert proposed(M1, "personal_data", item=refusal("1"))[0].state is CaseState.DECIDED
    assert approved(LEAD, *proposed(M1, "election_rules", item=refusal("1"))).state is CaseState.DECIDED


def test_that_a_lawyer_proposed_is_covered_by_the_digest() -> None:
    _, decision, _ = proposed(M1, "personal_data")
    assert decision.digest != decision.model_copy(update={"by_legal": True}).digest
    by_lawyer = proposed(LEGAL, "personal_data")[1]
    assert Decision.model_validate_json(by_lawyer.body).by_legal


# ------------------------------------------------------------------------------------------- from outside


def outside(**asked: Any) -> Policy:
    return tighten(POLICY, PolicyFragment(safeguards=SafeguardsFragment(**asked)))


@pytest.mark.parametrize(
    "asked",
    [
        {"approver_outside_always": True},
        {"approver_outside_categories": frozenset({"illegal_gambling"})},
        {"approver_outside_flags": frozenset({"instruction_recorded"})},
    ],
)
def test_an_approver_can_be_required_from_outside_the_country(asked: dict[str, Any]) -> None:
    made = proposed(M1, flags=("instruction_recorded",), policy=outside(**asked))
    assert made[0].state is CaseState.IN_APPROVAL
    abroad = replace(LEAD, country="DE")
    assert refused(LEAD, *made) == "approver_inside"
    assert refused(replace(LEAD, country="KZ"), *made) == "approver_inside"
    change, case = deciding.approve(made[0], made[1].digest, made[1], made[2], (), stamp=stamp(T0, abroad))
    assert case.state is CaseState.DECIDED
    assert [told.actor for told in events(change) if isinstance(told.event, Approved)] == [abroad]


def test_a_refusal_needs_nobody_abroad() -> None:
    policy = outside(approver_outside_always=True)
    assert proposed(M1, item=refusal("1"), policy=policy)[0].state is CaseState.DECIDED
    assert proposed(M1, policy=policy)[0].state is CaseState.IN_APPROVAL


# --------------------------------------------------------------------------- alarms and instructions


@pytest.mark.parametrize("state", CaseState)
def test_the_alarm_can_be_raised_and_an_instruction_recorded_in_every_state(state: CaseState) -> None:
    change, case = taken(in_state(state), commands.RaiseAlarm("they are in the room"), stamp(T0, HEAD))
    assert case.state is state
    (alert,) = messages(change, "page")
    assert b'"audience":["lead","legal"]' in alert.body
    assert b"room" not in alert.body
    change, case = taken(in_state(state), TOLD, stamp(T0, HEAD))
    assert (case.state, case.flags) == (state, ("instruction_recorded",))


def test_what_was_said_is_sealed_and_only_there() -> None:
    change, case = taken(opened(), TOLD, stamp(T0, M1))
    (event,) = events(change)
    assert event.words == {
        "given_by": b"a colonel",
        "unit": b"a unit",
        "channel": b"in person",
        "said": b"remove it before noon",
    }
    for word in ("colonel", "noon", "in person"):
        assert word not in repr(event.event)
        assert all(word not in alert.body.decode() for alert in messages(change))
    assert "colonel" not in str(case)


def test_a_recorded_instruction_brings_in_a_second_person() -> None:
    assert proposed(M1, flags=("instruction_recorded",))[0].state is CaseState.IN_APPROVAL


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"given_by": " "}, "given_by"),
        ({"channel": ""}, "channel"),
        ({"said": ""}, "said"),
        ({"given_at": T0 + 1}, "given_at"),
    ],
)
def test_an_instruction_that_says_nothing_is_refused(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        taken(opened(), replace(TOLD, **changed), stamp(T0, M1))
    assert error.value.field == field


def test_a_stranger_raises_no_alarm() -> None:
    with pytest.raises(NotAllowed):
        taken(opened(), commands.RaiseAlarm("x"), stamp(T0, NOBODY))


# ------------------------------------------------------------------------------- demands for user data


def demand(**changes: Any) -> Case:
    return opened(flags=("user_data_demand",)).but(**changes)


def test_only_a_lawyer_takes_a_demand_for_user_data() -> None:
    for actor in (M1, LEAD, HEAD):
        with pytest.raises(NotAllowed) as error:
            claimed(demand(), actor=actor)
        assert error.value.code == "user_data_demand"
    assert claimed(demand(), actor=LEGAL).state is CaseState.CLAIMED


def test_not_even_a_lawyer_answers_it_here() -> None:
    case, notice = claimed(demand(), actor=LEGAL), a_notice()
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    for item in (measure("1"), refusal("1")):
        with pytest.raises(NotAllowed) as error:
            deciding.propose(case, 1, proposal(item), context(notice), stamp=stamp(T0, LEGAL))
        assert error.value.code == "user_data_demand"
    with pytest.raises(NotAllowed) as error:
        taken(
            case,
            commands.RequestClarification(1, (question,), text_checked=True),
            stamp(T0, LEGAL),
            told=context(notice),
        )
    assert error.value.code == "user_data_demand"
    made = proposed(M1, "election_rules")
    marked = made[0].but(flags=(*made[0].flags, "user_data_demand"))
    assert refused(LEGAL, marked, *made[1:]) == "user_data_demand"


def test_handing_it_over_ends_the_case_and_tells_nobody_outside() -> None:
    change, case = taken(demand(), commands.ReferDemand("filed under 12"), stamp(T0, LEGAL))
    assert (case.state, case.closed_at, case.watch_at) == (CaseState.CLOSED, T0, None)
    assert messages(change) == []
    assert [item.status for item in case.items] == ["stopped"]


def test_handing_it_over_leaves_what_an_earlier_decision_put_in_force() -> None:
    standing = ItemState("1", 1, status="open", measure="remove", object_key="url:x")
    for holds, status in (((("url:x", 1),), "in_force"), ((), "stopped")):
        _, case = taken(demand(items=(standing,)), commands.ReferDemand("filed"), stamp(T0, LEGAL), holds=holds)
        assert [item.status for item in case.items] == [status]
    pending = ItemState("1", 1, status="lifting", measure="remove", object_key="url:x")
    with pytest.raises(IllegalMove, match="under way"):
        taken(demand(items=(pending,)), commands.ReferDemand("filed"), stamp(T0, LEGAL))


def test_a_lawyer_can_say_that_it_is_none_and_then_two_decide() -> None:
    _, case = taken(demand(), commands.RuleOutDemand("it names no user"), stamp(T0, LEGAL))
    assert case.flags == ("demand_ruled_out",)
    assert proposed(M1, flags=case.flags)[0].state is CaseState.IN_APPROVAL


def test_an_effect_in_flight_holds_the_hand_over_up() -> None:
    notice = a_notice()
    given = context(notice)
    change, _, _ = deciding.propose(claimed(opened(notice)), 1, proposal(measure("1")), given, stamp=stamp(T0, M1))
    with pytest.raises(IllegalMove, match="under way"):
        taken(demand(), commands.ReferDemand("filed"), stamp(T0, LEGAL), messages=messages(change, "enforce"))


@pytest.mark.parametrize("step", [commands.ReferDemand, commands.RuleOutDemand])
def test_both_take_a_lawyer_reasons_and_a_demand(step: Any) -> None:
    for actor in (M2, LEAD, HEAD):
        with pytest.raises(NotAllowed):
            taken(demand(), step("reasons"), stamp(T0, actor))
    with pytest.raises(InvalidInput):
        taken(demand(), step(" "), stamp(T0, LEGAL))
    with pytest.raises(IllegalMove, match="nothing marks"):
        taken(opened(), step("reasons"), stamp(T0, LEGAL))


def test_a_head_who_is_a_lawyer_as_well_hands_nothing_over_alone() -> None:
    """It ends the case, and nobody looks at it after that. Whom a lawyer lets go on is decided by two."""
    both = Actor("both", frozenset({"head", "legal"}))
    with pytest.raises(NotAllowed, match="never decides alone") as refused:
        taken(demand(), commands.ReferDemand("filed under 12"), stamp(T0, both))
    assert refused.value.code == "head"
    _, case = taken(demand(), commands.RuleOutDemand("it names no user"), stamp(T0, both))
    assert proposed(M1, flags=case.flags)[0].state is CaseState.IN_APPROVAL


@pytest.mark.parametrize("beside", ["lead", "legal"])
def test_a_head_with_another_role_settles_no_quarantine_alone(beside: str) -> None:
    """It ends an authentic message for good, and nobody looks at it after that."""
    with pytest.raises(NotAllowed, match="never decides alone"):
        taken(quarantined(), commands.SettleQuarantine("called"), stamp(T0, Actor("both", frozenset({"head", beside}))))
    _, case = taken(quarantined(), commands.SettleQuarantine("called"), stamp(T0, Actor("one", frozenset({beside}))))
    assert case.state is CaseState.CLOSED


def test_no_row_leads_from_a_hand_over_to_a_report() -> None:
    assert {row.target for row in TRANSITIONS if row.verb == "hand_over"} == {CaseState.CLOSED}
