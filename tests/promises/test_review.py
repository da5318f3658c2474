"""People decide: who may, with whom, on what, and how it is taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.driver import CLERK, HEAD, LEAD, LEGAL, M1, M2, VISITOR, Driver, Person, legal_check
from tests.promises.refusing import refused

POLITICAL = "mass_riots"
"""A category with legal review and four eyes."""


def test_the_most_urgent_case_is_handed_out_first(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first = office.issue(1)
    office.wait(60)
    office.issue(2)
    office.claim(M1)
    assert office.case(first)["state"] == "claimed"


def test_a_lease_that_ran_out_writes_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    token = office.claim(M1, case)
    office.wait(office.policy.lease_s)
    before = office.case(case)
    with refused("lease_lost"):
        office.propose(M1, case, token)
    assert office.case(case) == before


def test_the_token_of_an_earlier_lease_is_good_for_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    earlier = office.claim(M1, case)
    office.release(M1, case, earlier)
    office.claim(M1, case)
    with refused("lease_lost"):
        office.propose(M1, case, earlier)


def test_a_measure_takes_a_notice_whose_authenticity_is_verified(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.enter(M1)
    with refused("unverified"):
        office.propose(M1, case, office.claim(M1, case))


def _asked(office: Driver, by: Person) -> None:
    case = office.issue()
    office.ask(by, case, office.claim(by, case))


def _recalled(office: Driver, by: Person) -> None:
    case = office.issue()
    office.ask(M1, case, office.claim(M1, case))
    office.recall(by, case)


def _proposed(office: Driver) -> str:
    case = office.issue(category=POLITICAL)
    office.propose(LEGAL, case, office.claim(LEGAL, case))
    return case


UNFIT: dict[str, Callable[[Driver], object]] = {
    "send back": lambda office: office.send_back(M1, _proposed(office)),
    "question": lambda office: _asked(office, HEAD),
    "recall": lambda office: _recalled(office, HEAD),
    "approve": lambda office: office.approve(M1, _proposed(office)),
    "full pack": lambda office: office.evidence(M1, office.issue(), full=True),
}


@pytest.mark.parametrize("step", UNFIT)
def test_a_step_takes_one_of_its_roles(step: str, tmp_path: Path) -> None:
    with refused("not_allowed"):
        UNFIT[step](Driver(tmp_path))


def _vouched(office: Driver, by: Person) -> None:
    office.authenticate(by, office.enter(M1))


def _corrected(office: Driver, by: Person) -> None:
    office.correct_receipt(by, office.enter(LEAD), office.clock() - 60)


def _letter_vouched(office: Driver, by: Person) -> None:
    case = office.issue()
    office.vouch(by, case, office.enter_cancellation(M1, case))


def _confirmed(office: Driver, by: Person) -> None:
    case = office.issue()
    office.suspend(LEAD, case)
    office.confirm_suspension(by, case)


def _erased(office: Driver, by: Person) -> None:
    case = office.issue()
    office.cancel(office.notice()["notice_id"])
    office.deliver()
    office.ask_erasure(LEGAL, case)
    office.erase(by, case)


def _appeal_ended(office: Driver, by: Person) -> None:
    case = office.issue()
    office.decide(case, by=LEAD)
    office.deliver()
    office.uphold(by, office.appeal(case))


def _approved(office: Driver, by: Person) -> None:
    case = office.issue(category=POLITICAL)
    office.propose(LEGAL, case, office.claim(LEGAL, case))
    office.approve(by, case)


SECOND = {
    "vouching": (_vouched, M1),
    "correcting a receipt": (_corrected, LEAD),
    "vouching for a letter": (_letter_vouched, M1),
    "confirming a suspension": (_confirmed, LEAD),
    "agreeing to an erasure": (_erased, LEGAL),
    "ending an appeal": (_appeal_ended, LEAD),
    "approving": (_approved, LEGAL),
}


@pytest.mark.parametrize("step", SECOND)
def test_a_second_person_is_another_one(step: str, tmp_path: Path) -> None:
    take: Callable[[Driver, Person], None]
    take, first = SECOND[step]
    with refused("four_eyes"):
        take(Driver(tmp_path), first)


def test_one_account_is_never_two_persons(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    office.propose(LEGAL.behind("a@office"), case, office.claim(LEGAL.behind("a@office"), case))
    with refused("same_account"):
        office.approve(LEAD.behind("a@office"), case)
    with refused("account_unknown"):
        office.approve(LEAD, case)
    office.approve(LEAD.behind("b@office"), case)


def test_political_speech_takes_two_persons(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    office.propose(LEGAL, case, office.claim(LEGAL, case))
    office.deliver()
    assert office.case(case)["state"] == "in_approval"
    assert office.platform.calls == []


def test_legal_review_takes_a_lawyer(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    office.propose(M1, case, office.claim(M1, case))
    with refused("legal_review"):
        office.approve(LEAD, case)
    office.approve(LEGAL, case)


def test_an_approver_outside_the_country_can_be_required(tmp_path: Path) -> None:
    outside = Driver(tmp_path).policy.safeguards.model_copy(update={"approver_outside_always": True})
    office = Driver(tmp_path, name="outside.sqlite3", safeguards=outside)
    case = office.issue()
    office.propose(M1, case, office.claim(M1, case))
    for country in ("", "KZ"):
        with refused("approver_inside"):
            office.approve(Person("far", "lead", country=country), case)
    office.approve(Person("far", "lead", country="DE"), case)


def test_what_the_head_proposes_takes_a_second_person(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.propose(HEAD, case, office.claim(HEAD, case))
    assert office.case(case)["state"] == "in_approval"


def test_the_head_never_approves_whatever_else_they_are(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    office.propose(LEGAL, case, office.claim(LEGAL, case))
    with refused("head"):
        office.approve(Person("boss", "head lead legal"), case)


def test_an_approval_is_of_what_was_seen(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    seen = office.propose(LEGAL, case, office.claim(LEGAL, case))
    office.send_back(LEAD, case)
    office.propose(LEGAL, case, office.claim(LEGAL, case), "none")
    with refused("conflict"):
        office.approve(LEAD, case, seen)


def test_a_measure_takes_an_answered_legal_check(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    with refused("invalid_input"):
        office.propose(M1, case, office.claim(M1, case), legal=99)


@pytest.mark.parametrize("answer", ["protected_speech", "proportionate"])
def test_an_answer_that_bars_local_law_bars_the_measure(answer: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    barring = {answer: {"yes": "no", "no": "yes"}[legal_check().answers[answer]]}
    with refused("invalid_input"):
        office.propose(M1, case, office.claim(M1, case), legal=barring)


def test_own_terms_are_no_way_round_the_check(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    own: dict[str, Any] = {"ground": "terms_of_service", "legal": {"authority": "no"}}
    token = office.claim(M1, case)
    with refused("invalid_input"):
        office.propose(M1, case, token, **own)
    said = {"outcome": "removed", "statement_of_reasons": [{"lang": "ru", "text": "Так."}]}
    office.propose(M1, case, token, **own, wording={**said, "legal_provision": "our terms, 4.2"})
    assert office.case(case)["state"] == "in_approval"


def test_what_is_unclear_takes_a_second_person(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.propose(M1, case, office.claim(M1, case), legal={"clarity": "unclear"})
    assert office.case(case)["state"] == "in_approval"


def test_nobody_overrules_anothers_answers_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.check_law(LEGAL, case, proportionate="no")
    office.propose(M1, case, office.claim(M1, case))
    assert office.case(case)["state"] == "in_approval"


@pytest.mark.parametrize(
    "said",
    [
        {"finding": "not_illegal"},
        {"reasons": "  "},
        {"scope": ("*",)},
        {"ground": None},
    ],
    ids=["finding", "reasons", "scope", "ground"],
)
def test_a_proposal_that_contradicts_itself_is_refused(said: dict[str, Any], tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    with refused("invalid_input"):
        office.propose(M1, case, office.claim(M1, case), **said)


def test_a_measure_applies_in_kazakhstan_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    assert office.items(case)["1"]["scope"] == ["KZ"]
    assert office.reports()[-1]["items"][0]["territorial_scope"] == ["KZ"]


def test_a_measure_beyond_kazakhstan_takes_two_persons(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.propose(M1, case, office.claim(M1, case), ground="terms_of_service", scope=("*",))
    assert office.case(case)["state"] == "in_approval"


def test_what_leaves_was_read_by_a_person(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    with refused("invalid_input"):
        office.propose(M1, case, office.claim(M1, case), text_checked=False)


@pytest.mark.parametrize("text", ["Пишите на a.b@social.example", "Звоните +7 701 123-45-67", "Удалено у @petrov"])
def test_what_leaves_names_nobody(text: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, [{"item_id": "1", "url": "https://social.example/@petrov/1", "account_ref": "@petrov"}])
    token = office.claim(M1, case)
    said = {"outcome": "removed", "statement_of_reasons": [{"lang": "ru", "text": text}]}
    with refused("identity"):
        office.propose(M1, case, token, wording=said)


def test_each_item_of_a_legal_review_has_its_own_reasons(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, 2, category=POLITICAL)
    with refused("bulk_off"):
        office.propose(LEGAL, case, office.claim(LEGAL, case))


def test_content_that_changed_is_not_acted_on(tmp_path: Path) -> None:
    office = Driver(tmp_path, can_look=True)
    case = office.issue(1, [{"item_id": "1", "url": "https://social.example/p/1"}])
    office.decide(case)
    office.content.write("https://social.example/p/1", "something else")
    office.deliver()
    assert office.platform.calls == []
    assert office.case(case)["state"] == "queued"


def test_nothing_leaves_inside_the_undo_window(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue()
    office.decide(case)
    office.wait(59)
    office.deliver()
    assert office.platform.calls == []
    office.undo(M1, case)
    office.wait(60)
    office.deliver()
    assert office.platform.calls == []
    assert office.case(case)["state"] == "queued"


def test_what_has_begun_is_not_undone(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue()
    office.decide(case)
    office.platform_fails("1")
    office.wait(60)
    office.desk.deliver()
    with refused("illegal_move"):
        office.undo(M1, case)


def test_reopening_lifts_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    office.reopen(LEAD, case)
    office.deliver()
    assert len(office.platform.calls) == 1
    assert office.items(case)["1"]["measure"] == "remove"


def test_a_letter_about_a_running_case_changes_nothing_by_itself(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    letter = office.enter_cancellation(CLERK, case)
    office.deliver()
    assert office.items(case)["1"]["status"] == "in_force"
    office.vouch(M2, case, letter)
    office.deliver()
    assert office.items(case)["1"]["status"] == "lifted"


def test_what_can_never_be_lifted_is_not_reported_as_restored(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    office.platform_fails("1")
    office.cancel(office.notice()["notice_id"])
    with refused("illegal_move"):
        office.record_undoable(LEAD, case)
    office.desk.deliver()
    office.record_undoable(LEAD, case)
    office.deliver()
    assert [item["outcome"] for item in office.reports()[-1]["items"]] == ["cannot_comply"]


def test_a_refusal_beside_a_measure_is_undone_with_it(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue(items=2)
    office.decide(case, items={"1": {}, "2": {"action": "none"}})
    office.undo(M1, case)
    assert [one["status"] for one in office.items(case).values()] == ["open", "open"]


def test_a_case_whose_lease_ran_out_is_claimed_by_its_name(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    earlier = office.claim(M1, case)
    office.wait(office.policy.lease_s)
    assert office.claim(M2, case) != earlier
    assert office.case(case)["lease"]["owner"] == "m2"
    with refused("lease_lost"):
        office.propose(M1, case, earlier)


def test_a_proposal_is_sent_back_by_the_digest_that_was_seen(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    seen = office.propose(LEGAL, case, office.claim(LEGAL, case))
    office.send_back(LEAD, case)
    office.propose(LEGAL, case, office.claim(LEGAL, case), "none")
    with refused("conflict"):
        office.send_back(LEAD, case, seen)
    assert office.case(case)["state"] == "in_approval"


def test_what_is_not_proposed_is_not_sent_back(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category=POLITICAL)
    seen = office.propose(LEGAL, case, office.claim(LEGAL, case))
    office.send_back(LEAD, case)
    with refused("illegal_move"):
        office.send_back(LEAD, case, seen)


def test_an_instruction_calls_a_lead_and_a_lawyer(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.record_instruction(M1, office.issue())
    office.deliver()
    assert office.pages() == ["instruction_recorded"]


def test_the_platform_is_told_the_object_as_the_notice_names_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, [{"item_id": "1", "url": "https://social.example/p/1"}])
    office.decide(case)
    (message,) = office.messages(case, "enforce")
    told = json.loads(message["body"])
    assert (told["url"], told["object_id"], told["account_ref"]) == ("https://social.example/p/1", "", "")


def test_a_measure_is_lifted_by_a_decision_against_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    office.reopen(LEAD, case)
    office.decide(case, "none")
    office.deliver()
    assert [verb for verb, _, _ in office.platform.calls] == ["enforce", "restore"]
    assert office.case(case)["state"] == "closed"


def test_who_may_not_vouch_learns_not_even_whether_there_is_such_a_case(tmp_path: Path) -> None:
    with refused("not_allowed"):
        Driver(tmp_path).authenticate(VISITOR, "no-such-case")
