"""People decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from tests.controls.ways import (
    DUE_PROCESS,
    LAW,
    OF_A_STEP,
    OF_CLOCK,
    OF_DELIVERY,
    OF_PRIVACY,
    OF_REVIEW,
    OF_USERS,
    OVERVIEW,
    REVIEW,
    RULES,
    Control,
    Seam,
    each_item,
    folds,
    forgets,
    gives,
    heads_like_others,
    instead,
    roles_unchecked,
)


def _scenes_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """What broken code made is for nobody else."""
    patch.setattr("tests.table.test_table.SHELVES", {})
    patch.setattr("tests.table.test_table.made_by_all", lambda base: Path(mkdtemp(dir=base)))


def _in_the_table(seam: Seam) -> Seam:
    def breaks(patch: pytest.MonkeyPatch) -> None:
        _scenes_of_its_own(patch)
        seam(patch)

    return breaks


def _as_somebody_else(real: Any) -> Any:
    def approve(*given: Any, stamp: Any) -> Any:
        return real(*given, stamp=replace(stamp, actor=replace(stamp.actor, id=f"not-{stamp.actor.id}")))

    return approve


def _the_last_first(real: Any) -> Any:
    def fetch(shared: Any, platform: str, category: str | None, _least: int, odd: list[str]) -> Any:
        free = real(shared, platform, category, 8, odd)
        free.cases.reverse()
        return free

    return fetch


CONTROLS: tuple[Control, ...] = (
    *(
        Control(
            f"roles unchecked: {named}",
            "a step is taken only by who has one of its roles",
            "reference/roles.md",
            roles_unchecked(step),
            f"{REVIEW}test_a_step_takes_one_of_its_roles[{named}]",
        )
        for named, step in (
            ("send back", "send back"),
            ("question", "request clarification"),
            ("recall", "recall"),
            ("approve", "approve"),
            ("full pack", "disclose"),
        )
    ),
    Control(
        "roles unchecked, in the table",
        "each end of each step is the one in the table",
        "reference/roles.md",
        _in_the_table(roles_unchecked("disclose")),
        f"{OF_A_STEP}[evidence_full]",
    ),
    Control(
        "the last case first",
        "a claim gives the most urgent free case",
        OF_REVIEW,
        instead("adapters.sql.statements.Shared._fetch_free", made=_the_last_first),
        f"{REVIEW}test_the_most_urgent_case_is_handed_out_first",
    ),
    Control(
        "an expired lease honoured",
        "somebody whose lease ran out gets `LeaseLost`, and nothing is written",
        OF_REVIEW,
        instead(
            "domain.review_policy.check_lease",
            "domain.deciding.check_lease",
            made=lambda check: lambda case, token, stamp: check(case, token, replace(stamp, at=0)),
        ),
        f"{REVIEW}test_a_lease_that_ran_out_writes_nothing",
    ),
    Control(
        "any token is good",
        "a late request of an earlier holder is not mistaken for the present one's",
        OF_REVIEW,
        instead(
            "domain.deciding.propose",
            made=lambda real: lambda case, _token, *rest, **named: real(case, case.lease_token, *rest, **named),
        ),
        f"{REVIEW}test_the_token_of_an_earlier_lease_is_good_for_nothing",
    ),
    Control(
        "letters are taken for signed",
        "no measure before somebody other than the typist has recorded how authenticity was checked",
        OF_REVIEW,
        instead(
            "domain.deciding.propose",
            made=lambda real: lambda case, *given, **named: real(case.but(authenticity="signed"), *given, **named),
        ),
        f"{REVIEW}test_a_measure_takes_a_notice_whose_authenticity_is_verified",
    ),
    *(
        Control(
            f"one person: {step}",
            "a second person is another person than the first",
            page,
            instead(place, made=lambda check: lambda first, *rest: check([], *rest)),
            f"{REVIEW}test_a_second_person_is_another_one[{step}]",
        )
        for step, page, place in (
            ("vouching", OF_REVIEW, "domain.letters_in.check_another"),
            ("correcting a receipt", OF_CLOCK, "domain.commands.arrivals.check_another"),
            ("vouching for a letter", OF_REVIEW, "domain.letters_in.check_another"),
            ("confirming a suspension", OF_CLOCK, "domain.commands.remedies.check_another"),
            ("agreeing to an erasure", OF_PRIVACY, "domain.commands.office.check_another"),
            ("ending an appeal", OF_USERS, "domain.appeals.check_another"),
        )
    ),
    Control(
        "the proposer approves",
        "the proposer cannot approve; that is checked before an event says so",
        OF_REVIEW,
        instead("domain.deciding.approve", made=_as_somebody_else),
        f"{REVIEW}test_a_second_person_is_another_one[approving]",
    ),
    Control(
        "accounts count for nothing",
        "one account is never two pairs of eyes",
        DUE_PROCESS,
        instead(
            "domain.review_policy.check_another",
            made=lambda check: lambda first, *rest: check([replace(one, account="") for one in first], *rest),
        ),
        f"{REVIEW}test_one_account_is_never_two_persons",
    ),
    *(
        Control(
            f"a decision forgets a rule: {rule}",
            "a decision holds the code of each rule that asked for a second person",
            OF_REVIEW,
            forgets(rule),
            f"tests/review/test_second_person.py::test_each_rule_alone_is_named[{rule}]",
        )
        for rule in (*RULES, "volume_unusual")
    ),
    *(
        Control(
            f"a gap is no flag: {code}",
            "a measure on an order that lacks what is essential takes a lawyer and a second person",
            DUE_PROCESS,
            gives("services.admission.gaps", what=()),
            "tests/review/test_care.py::"
            f"test_an_order_that_lacks_what_is_essential_takes_a_lawyer_and_a_second_person[{code}]",
        )
        for code in (
            "expert_group_missing",
            "reasons_missing",
            "law_not_cited",
            "addressee_missing",
            "kind_not_entitled",
        )
    ),
    Control(
        "what no eye sees says something",
        "reasons in which no letter, digit or symbol is to be seen are refused",
        OF_REVIEW,
        gives("domain.review_policy.says_something", what=True),
        "tests/review/test_decision.py::"
        "test_a_bad_proposal_is_refused_with_its_field_and_the_remedy[reasons that say nothing]",
    ),
    Control(
        "four eyes for nothing",
        "what may touch political speech has a second pair of eyes",
        LAW,
        gives("domain.deciding.asking", what=()),
        f"{REVIEW}test_political_speech_takes_two_persons",
    ),
    Control(
        "a lawyer is not asked",
        "where a case has legal review a measure takes a lawyer among the two",
        DUE_PROCESS,
        gives("domain.deciding.check_approver"),
        f"{REVIEW}test_legal_review_takes_a_lawyer",
    ),
    Control(
        "any place is outside",
        "an approver can be required from outside the country",
        DUE_PROCESS,
        gives("domain.deciding.check_approver"),
        f"{REVIEW}test_an_approver_outside_the_country_can_be_required",
    ),
    Control(
        "the head decides alone",
        "the head of the office is never the sole decider",
        DUE_PROCESS,
        forgets("head_of_office"),
        f"{REVIEW}test_what_the_head_proposes_takes_a_second_person",
    ),
    Control(
        "the head approves",
        "the head never approves, whatever other roles the account has",
        DUE_PROCESS,
        instead("domain.actor.Roles.check", made=heads_like_others),
        f"{REVIEW}test_the_head_never_approves_whatever_else_they_are",
    ),
    Control(
        "an approval of whatever is there",
        "an approval names the digest of the proposal that was seen",
        OF_REVIEW,
        instead(
            "domain.deciding.approve",
            made=lambda real: (
                lambda case, _digest, decision, *rest, **named: real(case, decision.digest, decision, *rest, **named)
            ),
        ),
        f"{REVIEW}test_an_approval_is_of_what_was_seen",
    ),
    Control(
        "no legal check",
        "no measure without an answered legal check",
        OF_REVIEW,
        gives("domain.deciding.rests_on"),
        f"{REVIEW}test_a_measure_takes_an_answered_legal_check",
    ),
    *(
        Control(
            f"an answer bars nothing: {answer}",
            "an answer that bars local law rules out a measure on that ground",
            OF_REVIEW,
            gives("domain.proposal_checks.barring", what=()),
            f"{REVIEW}test_an_answer_that_bars_local_law_bars_the_measure[{answer}]",
        )
        for answer in ("protected_speech", "proportionate")
    ),
    Control(
        "own terms round the check",
        "against such an answer it takes two persons",
        OF_REVIEW,
        gives("domain.proposal_checks.barring", what=()),
        f"{REVIEW}test_own_terms_are_no_way_round_the_check",
    ),
    Control(
        "unclear is clear enough",
        'an "unclear" anywhere brings in a second person',
        OF_REVIEW,
        gives("domain.proposal_checks.is_unclear", what=False),
        f"{REVIEW}test_what_is_unclear_takes_a_second_person",
    ),
    Control(
        "answers overruled alone",
        "nobody overrules another's answers alone",
        OF_REVIEW,
        gives("domain.proposal_checks._is_contradicted", what=False),
        f"{REVIEW}test_nobody_overrules_anothers_answers_alone",
    ),
    *(
        Control(
            f"contradictions pass: {what}",
            "contradictions are refused with the field and the remedy",
            OF_REVIEW,
            gives("domain.deciding.check_proposal"),
            f"{REVIEW}test_a_proposal_that_contradicts_itself_is_refused[{what}]",
        )
        for what in ("finding", "reasons", "scope")
    ),
    Control(
        "worldwide by default",
        "a measure that rests on local law applies in Kazakhstan alone",
        OF_REVIEW,
        folds("review.Decided", items=each_item(scope=("*",))),
        f"{REVIEW}test_a_measure_applies_in_kazakhstan_alone",
    ),
    Control(
        "one person worldwide",
        "a measure outside Kazakhstan takes a second person",
        LAW,
        forgets("worldwide"),
        f"{REVIEW}test_a_measure_beyond_kazakhstan_takes_two_persons",
    ),
    Control(
        "nobody read what leaves",
        "whoever proposes confirms that the outgoing text names no user and no reporter",
        DUE_PROCESS,
        gives("domain.deciding.check_proposal"),
        f"{REVIEW}test_what_leaves_was_read_by_a_person",
    ),
    *(
        Control(
            f"names pass: {text}",
            "a text that holds an account, an address or a number of somebody is refused",
            DUE_PROCESS,
            gives("domain.proposal_checks._Named.found_in"),
            f"{REVIEW}test_what_leaves_names_nobody[{text}]",
        )
        for text in ("Пишите на a.b@social.example", "Звоните +7 701 123-45-67", "Удалено у @petrov")
    ),
    Control(
        "bulk under legal review",
        "under legal review measures whose reasons were copied from item to item are refused",
        DUE_PROCESS,
        gives("domain.proposal_checks.is_off", what=False),
        f"{REVIEW}test_each_item_of_a_legal_review_has_its_own_reasons",
    ),
    Control(
        "whatever the content is now",
        "if the content is another, nothing is carried out",
        OF_DELIVERY,
        gives("services.delivery.Delivery._other_content"),
        f"{REVIEW}test_content_that_changed_is_not_acted_on",
    ),
    Control(
        "no undo window",
        "nothing is carried out before the undo window has passed",
        OVERVIEW,
        instead("domain.fold.Case.owe_effect", made=lambda real: lambda case, *given, **_named: real(case, *given)),
        f"{REVIEW}test_nothing_leaves_inside_the_undo_window",
    ),
    Control(
        "undo whenever",
        "after the first attempt has begun there is nothing to undo",
        OF_REVIEW,
        instead(
            "domain.deciding.undo",
            made=lambda real: (
                lambda case, messages, *rest, **named: real(
                    case, [one.but(state="queued", attempts=0) for one in messages], *rest, **named
                )
            ),
        ),
        f"{REVIEW}test_what_has_begun_is_not_undone",
    ),
    Control(
        "reopening forgets what is in force",
        "measures in force stay until the new decision says otherwise",
        OF_REVIEW,
        folds("review.Reopened", items=each_item(measure="")),
        f"{REVIEW}test_reopening_lifts_nothing",
    ),
    Control(
        "what is gone is called restored",
        "a report never says `restored` of a measure that can never be lifted",
        OF_REVIEW,
        instead(
            "domain.messages._gone",
            made=lambda real: (
                lambda name, item, case: real(name, item, case).model_copy(
                    update={"outcome": "restored", "action": "restore", "cannot_comply": None}
                )
            ),
        ),
        f"{REVIEW}test_what_can_never_be_lifted_is_not_reported_as_restored",
    ),
    Control(
        "scopes unchecked",
        "who may see the cases of some categories or authorities sees, claims and decides no other",
        "guides/api.md",
        gives("faces.dashboard.access.Person.sees", what=True),
        "tests/api/test_api.py::test_who_is_scoped_sees_and_gets_no_other_case",
    ),
)
