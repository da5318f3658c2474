"""What a proposal must hold, and when it takes a second person."""

from __future__ import annotations

from typing import Any

import pytest

from kz_compliance_sdk.domain import commands, deciding
from kz_compliance_sdk.domain.actor import HEAD, STAFF, Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.domain.decision import (
    QUESTIONS,
    Decision,
    ItemDecision,
    LegalCheck,
    Proposal,
    Wording,
)
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.proposal_checks import check_items, check_proposal, rests_on
from kz_compliance_sdk.domain.report import CannotComply, Contest, Statement
from kz_compliance_sdk.errors import InvalidInput, NotAllowed
from tests.case_makers import (
    M1,
    NOBODY,
    T0,
    YES,
    a_notice,
    claimed,
    context,
    measure,
    opened,
    proposal,
    proposed,
    refusal,
    stamp,
)
from tests.scene import Host

OPEN = frozenset({"1", "2"})
LANGUAGES = ("kk", "ru")


def _worded(item: ItemDecision, **wording: object) -> ItemDecision:
    return item.model_copy(update={"wording": item.wording.model_copy(update=wording)})


def _with(item: ItemDecision, **changes: object) -> ItemDecision:
    return item.model_copy(update=changes)


def _first(item: ItemDecision) -> Proposal:
    return proposal(item, refusal("2"))


RU = (Statement(lang="ru", text="Да."),)
_CASES: dict[str, tuple[Proposal, str, str]] = {
    "an item that is not open": (proposal(measure("1"), refusal("2"), refusal("9")), "items", "read the case again"),
    "an item twice": (proposal(measure("1"), refusal("1"), refusal("2")), "items", "once"),
    "an open item left out": (proposal(measure("1")), "items", "Decide each item"),
    "text that nobody checked": (proposal(measure("1"), refusal("2"), text_checked=False), "text_checked", "true"),
    "an outcome that is not the action's": (
        _first(_worded(measure("1"), outcome="labelled")),
        "items[0].wording.outcome",
        "'removed'",
    ),
    "a measure reported as refused": (
        _first(_worded(measure("1"), outcome="refused", refusal_code="overbroad")),
        "items[0].wording.outcome",
        "'removed'",
    ),
    "a measure without a ground": (_first(_with(measure("1"), ground=None)), "items[0].ground", "local_law"),
    "local law beyond Kazakhstan": (
        _first(_with(measure("1"), scope=("*",))),
        "items[0].scope",
        "terms_of_service",
    ),
    "local law abroad as well": (
        _first(_with(measure("1"), scope=("KZ", "RU"))),
        "items[0].scope",
        "terms_of_service",
    ),
    "local law against the finding": (
        _first(_with(measure("1"), finding="not_illegal")),
        "items[0].finding",
        "terms_of_service",
    ),
    "removed, and nothing was done": (
        proposal(measure("1"), _worded(refusal("2"), outcome="removed", refusal_code=None)),
        "items[1].wording.outcome",
        "not_found",
    ),
    "pending is no decision": (
        proposal(measure("1"), _worded(refusal("2"), outcome="pending", refusal_code=None)),
        "items[1].wording.outcome",
        "cannot_comply",
    ),
    "no reasons for the regulator": (
        _first(_worded(measure("1"), statement_of_reasons=())),
        "items[0].wording.statement_of_reasons",
        "kk, ru",
    ),
    "reasons that say nothing": (_first(measure("1", reasons=" \n")), "items[0].reasons", "what was seen"),
    **{
        f"reasons that no eye sees, {text!a}": (
            _first(measure("1", reasons=text)),
            "items[0].reasons",
            "what was seen",
        )
        for text in (
            "\u200b\u2060",
            "\u3164",
            "\u2800 \uffa0",
            "\u00ad",
            "\ufeff\u200d",
            "...",
            " - ",
            "\u0301",
            "\ufffc",
            "\U0001d159",
        )
    },
    "a refusal without reasons": (
        proposal(measure("1"), refusal("2", reasons=" ")),
        "items[1].reasons",
        "what was seen",
    ),
    "reasons that tell the regulator nothing": (
        _first(_worded(measure("1"), statement_of_reasons=(*RU, Statement(lang="kk", text=" ")))),
        "items[0].wording.statement_of_reasons[1].text",
        "leave this language out",
    ),
    "reasons in another language": (
        _first(_worded(measure("1"), statement_of_reasons=(Statement(lang="de", text="Ja."),))),
        "items[0].wording.statement_of_reasons",
        "kk, ru",
    ),
    "a refusal without its code": (
        _first(_worded(refusal("1"), refusal_code=None)),
        "items[0].wording.refusal_code",
        "Fill it in",
    ),
    "a refusal code without a refusal": (
        _first(_worded(measure("1"), refusal_code="overbroad")),
        "items[0].wording.refusal_code",
        "Leave it out",
    ),
    "cannot comply without saying why": (
        _first(_worded(refusal("1"), outcome="cannot_comply", refusal_code=None)),
        "items[0].wording.cannot_comply",
        "Fill it in",
    ),
    "contested without saying where": (
        _first(_worded(refusal("1"), outcome="contested", refusal_code=None)),
        "items[0].wording.contest",
        "Fill it in",
    ),
    "a measure without the legal check": (
        proposal(measure("1"), refusal("2"), legal_check=None),
        "legal_check",
        "no or unclear",
    ),
    **{
        f"local law although {question.name} bars it": (
            proposal(measure("1"), refusal("2"), legal_check=YES.model_copy(update={question.name: question.bars})),
            f"legal_check.{question.name}",
            "your own terms",
        )
        for question in QUESTIONS
    },
}


def _check(chosen: Proposal) -> None:
    check_items(chosen, OPEN)
    check_proposal(chosen, LANGUAGES)
    rests_on(opened(), chosen, (), stamp())


@pytest.mark.parametrize("name", _CASES)
def test_a_bad_proposal_is_refused_with_its_field_and_the_remedy(name: str) -> None:
    bad, field, remedy = _CASES[name]
    with pytest.raises(InvalidInput) as refused:
        _check(bad)
    assert refused.value.field == field
    assert remedy in refused.value.remedy


_GOOD: dict[str, Proposal] = {
    "a measure and a refusal": proposal(measure("1"), refusal("2")),
    "own terms worldwide": _first(measure("1", ground="terms_of_service", scope=("*",), finding="not_assessed")),
    "own terms against the finding": _first(measure("1", ground="terms_of_service", finding="not_illegal")),
    "own terms although the check says no": proposal(
        _worded(measure("1", ground="terms_of_service"), legal_provision="our terms, 4.2"),
        refusal("2"),
        legal_check=YES.model_copy(update={"authority": "no"}),
    ),
    "in part": _first(_worded(measure("1"), outcome="partially_complied")),
    "a regional tag of a language of the notice": _first(
        _worded(measure("1"), statement_of_reasons=(Statement(lang="ru-KZ", text="Да."),))
    ),
    "no measure needs no legal check": proposal(refusal("1"), refusal("2"), legal_check=None),
    "cannot comply, and why": _first(
        _worded(
            refusal("1"),
            outcome="cannot_comply",
            refusal_code=None,
            cannot_comply=CannotComply(reason="force_majeure", details="Пожар."),
        )
    ),
    "contested, and where": _first(
        _worded(
            refusal("1"),
            outcome="contested",
            refusal_code=None,
            contest=Contest(body="District court (sample)", reference="1-1", filed_at=T0),
        )
    ),
}


@pytest.mark.parametrize("name", _GOOD)
def test_a_whole_proposal_passes(name: str) -> None:
    _check(_GOOD[name])


def test_a_measure_applies_in_kazakhstan_alone_unless_somebody_says_otherwise() -> None:
    assert measure("1").scope == ("KZ",)
    assert not measure("1").worldwide
    assert measure("1", scope=("*",)).worldwide
    assert measure("1", scope=("KZ", "RU")).worldwide
    assert not refusal("1", scope=("*",)).worldwide


# ------------------------------------------------------------------------------------------- four eyes


def _state(
    category: str = "illegal_gambling",
    flags: tuple[str, ...] = (),
    item: ItemDecision | None = None,
    legal_check: LegalCheck = YES,
) -> CaseState:
    notice = a_notice(category=category)
    case = claimed(opened(notice, flags=flags))
    chosen = proposal(item or measure("1"), legal_check=legal_check)
    _, after, decision = deciding.propose(case, case.lease_token, chosen, context(notice), stamp=stamp(T0, M1))
    assert decision.needs_approval == (after.state is CaseState.IN_APPROVAL)
    return after.state


def test_an_ordinary_measure_is_decided_by_one_person() -> None:
    assert _state() is CaseState.DECIDED


@pytest.mark.parametrize("category", ["election_rules", "false_information", "terrorism_extremism", "never_heard_of"])
def test_political_and_unknown_categories_take_two(category: str) -> None:
    assert _state(category) is CaseState.IN_APPROVAL


def test_a_refusal_in_a_political_category_takes_two_as_well() -> None:
    assert _state("election_rules", item=refusal("1")) is CaseState.IN_APPROVAL


def test_a_worldwide_measure_takes_two() -> None:
    assert _state(item=measure("1", ground="terms_of_service", scope=("*",))) is CaseState.IN_APPROVAL


@pytest.mark.parametrize("flag", ["category_not_mandated", "basis_unknown", "basis_unknown:1"])
def test_a_flag_of_the_policy_takes_two_whatever_item_it_is_about(flag: str) -> None:
    assert _state(flags=(flag,)) is CaseState.IN_APPROVAL


def test_any_other_flag_does_not() -> None:
    assert _state(flags=("late_revision",)) is CaseState.DECIDED


@pytest.mark.parametrize("question", [question.name for question in QUESTIONS])
def test_doubt_takes_two(question: str) -> None:
    doubt = YES.model_copy(update={question: "unclear"})
    assert _state(legal_check=doubt) is CaseState.IN_APPROVAL
    assert _state(item=refusal("1"), legal_check=doubt) is CaseState.DECIDED, "no measure, nothing to doubt"


# ---------------------------------------------------------------------------------- digests and roles


def test_the_digest_covers_everything_but_the_approval() -> None:
    _, _, decision = proposed(a_notice())
    approved = decision.model_copy(update={"approved_by": "lead", "approved_at": T0})
    assert approved.digest == decision.digest
    changes: tuple[dict[str, object], ...] = (
        {"case_id": "case-2"},
        {"version": 2},
        {"revision": 2},
        {"notice_sha256": "b" * 64},
        {"proposed_by": "m2"},
        {"proposed_at": T0 + 1},
        {"policy": "another"},
        {"category": "fraud"},
        {"rules": ("category",)},
        {"proposal": proposal(refusal("1"))},
        {"proposal": proposal(measure("1", reasons="another reason"))},
    )
    digests = {decision.model_copy(update=change).digest for change in changes}
    assert len(digests) == len(changes)
    assert decision.digest not in digests


def test_a_decision_comes_back_from_its_bytes_as_it_was() -> None:
    _, _, decision = proposed(a_notice(2))
    assert Decision.model_validate_json(decision.body).digest == decision.digest


def test_the_models_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="reporter"):
        Wording.model_validate({"outcome": "removed", "reporter": "A. B."})


@pytest.mark.parametrize("kind", [kind for kind in commands.KINDS if kind.may is not LEASE])
def test_each_step_takes_a_role(kind: type[commands.Command[Any]]) -> None:
    for role in STAFF.names:
        actor = Actor(role, frozenset({role}))
        assert kind.may.allows(actor) == (role in kind.may.names and not (role == HEAD and kind.may.never_head))
        if not kind.may.allows(actor):
            with pytest.raises(NotAllowed, match=kind.step):
                kind.may.check(actor, kind.step)
    with pytest.raises(NotAllowed):
        kind.may.check(NOBODY, kind.step)


def test_the_head_of_the_office_may_propose_and_ends_nothing() -> None:
    """The head can be pressed in person: what the head proposes takes a second person (test_duress.py)."""
    head = Actor("root", STAFF.names)
    final = (commands.Approve, commands.DecideAppeal, commands.ReferDemand, commands.SettleQuarantine)
    assert not [kind for kind in final if kind.may.allows(head)]
    only = Actor("head", frozenset({HEAD}))
    ends = (*final, commands.SendBack, commands.Undo, commands.Reopen, commands.RuleOutDemand, commands.WithdrawAppeal)
    assert not [kind for kind in ends if kind.may.allows(only)]
    may: tuple[type[commands.Command[Any]], ...] = (commands.Propose, commands.RaiseAlarm, commands.RecordInstruction)
    assert all(kind.may.allows(only) for kind in may)


def test_every_mistake_is_told_at_once() -> None:
    notice = a_notice(items=2)
    named = (Statement(lang="ru", text="Пишите на a@b.kz"),)
    chosen = proposal(
        measure("1", reasons="\u200b", ground=None),
        refusal("2", wording=Wording(outcome="refused", statement_of_reasons=named)),
        legal_check=None,
        text_checked=False,
    )
    with pytest.raises(InvalidInput) as refused:
        deciding.propose(claimed(opened(notice)), 1, chosen, context(notice), stamp=stamp(T0, M1))
    first = refused.value
    assert [one.field for one in (first, *first.more)] == [
        "text_checked",
        "items[0].reasons",
        "items[0].ground",
        "items[1].wording.refusal_code",
        "items[1].wording.statement_of_reasons[0].text",
        "legal_check",
    ]
    assert len(str(first).splitlines()) == 6, "a line for each"


@pytest.mark.parametrize("what", ["an item that is not open", "an item twice", "an open item left out"])
def test_at_the_desk_a_proposal_speaks_of_each_open_item_once(host: Host, what: str) -> None:
    proposed, field, remedy = _CASES[what]
    items = tuple(Item(item_id=name, object_id=f"post-{name}") for name in ("1", "2"))
    host.push(a_notice().model_copy(update={"items": items}), "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    with pytest.raises(InvalidInput) as refused:
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposed))
    assert refused.value.field == field
    assert remedy in (refused.value.remedy or "")
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(refusal("1"), refusal("2"))))
