"""What leaves: in force before it is reported, once, in order, without end, and every try on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kz_compliance_sdk.ports import Failed, InForce, RetryAt, Unknown
from tests.driver import CLERK, DAY, HEAD, HOUR, LEAD, LEGAL, M1, M2, Document, Driver
from tests.promises.refusing import refused

SAME = [{"item_id": "1", "url": "https://social.example/p/1"}]
OTHER = [{"item_id": "2", "url": "https://social.example/p/1"}]


def _sends(office: Driver, kind: str) -> list[str]:
    """The ids under which messages of a kind were sent, each time."""
    known = {one["message"] for case in office.cases() for one in office.messages(case["case"], kind)}
    return [one for one in office.regulator.sends if one in known]


def _tries(office: Driver, case: str, kind: str) -> list[str]:
    return [attempt["result"] for one in office.messages(case, kind) for attempt in one["attempts"]]


def _message(office: Driver, case: str, kind: str) -> Document:
    return office.messages(case, kind)[-1]


def test_nothing_is_reported_before_it_is_in_force(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.platform_fails("1")
    office.decide(case)
    office.deliver()
    assert office.reports() == []
    assert office.messages(case, "report") == []


def test_what_is_settled_is_reported_early_only_if_a_person_says_so(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, 2)
    office.platform_fails("1")
    office.decide(case)
    office.deliver()
    assert office.items(case)["2"]["status"] == "in_force", "one that is stuck holds no other back"
    office.wait(DAY - 60)
    office.watch()
    office.deliver()
    assert "interim_offered" in office.pages()
    assert office.reports() == []
    office.report_interim(LEAD, case)
    office.deliver()
    assert [(item["outcome"]) for item in office.reports()[-1]["items"]] == ["pending", "removed"]
    assert not office.reports()[-1]["final"]


def test_effects_on_one_object_wait_for_each_other(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first, second = office.issue(1, SAME), office.issue(2, OTHER)
    office.platform_fails("1")
    office.decide(first)
    office.decide(second)
    office.deliver()
    assert {version for _, _, version in office.platform.calls} == {1}


def test_an_unknown_outcome_is_looked_up_before_it_is_sent_again(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.regulator.faults.append(lambda message: (office.regulator.record(message), Unknown("reset"))[1])
    office.issue()
    office.deliver()
    office.wait(60)
    office.deliver()
    (case,) = office.cases()
    assert _message(office, case["case"], "acknowledgement")["state"] == "done"
    assert len(_sends(office, "acknowledgement")) == 1


def test_a_message_has_the_same_id_on_every_try(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.regulator.faults += [lambda _message: RetryAt("503")] * 3
    for _ in range(5):
        office.deliver()
        office.wait(900)
    assert len(office.regulator.sends) == 4
    assert set(office.regulator.sends) == {_message(office, case, "acknowledgement")["message"]}


def test_every_try_is_recorded(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.regulator.faults += [lambda _message: RetryAt("503")] * 2
    for _ in range(3):
        office.deliver()
        office.wait(900)
    assert _tries(office, case, "acknowledgement") == ["retry", "retry", "delivered"]


def test_tries_become_denser_as_the_deadline_nears(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.deliver()
    office.regulator_is_down()
    office.decide(case, "none")
    office.deliver()
    office.wait(DAY - 120)
    for _ in range(12):
        office.deliver()
        office.wait(10)
    assert len(_sends(office, "report")) >= 6


def test_nothing_that_is_owed_is_given_up(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case, "none")
    office.regulator_is_down()
    for _ in range(3):
        office.deliver()
        office.wait(DAY)
    office.deliver()
    office.regulator.faults.clear()
    office.wait(HOUR)
    office.deliver()
    assert office.case(case)["state"] == "closed"
    assert office.case(case)["clock"]["late"]


def test_only_the_receipt_for_the_final_report_closes_a_case(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.regulator.faults += [lambda one: RetryAt("503") if one.kind == "report" else None] * 5
    office.decide(case, "none")
    office.deliver()
    assert _message(office, case, "acknowledgement")["state"] == "done"
    assert office.case(case)["state"] == "decided"


def test_what_is_refused_for_good_is_parked_shown_and_decided_anew(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.deliver()
    office.regulator_refuses()
    office.decide(case, "none")
    office.deliver()
    assert _message(office, case, "report")["state"] == "parked"
    assert "parked_messages" in office.health()["attention"]
    assert "report_rejected" in office.pages()
    assert office.case(case)["state"] == "queued"


def test_an_overtaken_report_is_not_sent_for_the_first_time(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, notice = office.issue(), office.notice()
    office.deliver()
    office.regulator.faults.append(lambda _message: Unknown("reset"))
    office.decide(case, "none")
    office.deliver()
    office.amend(notice)
    office.wait(HOUR)
    office.deliver()
    assert office.reports() == []
    assert _message(office, case, "report")["state"] == "void"


def test_a_regulator_that_does_not_answer_is_left_alone_but_for_one_probe(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.regulator_is_down()
    for n in range(1, 9):
        office.issue(n)
    office.deliver()
    office.wait(900)
    before = len(office.regulator.sends)
    office.desk.deliver()
    assert len(office.regulator.sends) - before == 1


def test_a_time_that_cannot_be_parks_what_came_with_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.platform.faults.append(lambda _effect: InForce(1))
    office.decide(case)
    office.deliver()
    assert _message(office, case, "enforce")["state"] == "parked"
    assert "answer_unusable" in office.pages()
    assert office.reports() == []


def test_a_letter_is_delivered_when_a_person_records_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.enter(CLERK)
    office.authenticate(M2, case)
    office.decide(case)
    office.deliver()
    assert office.case(case)["state"] == "enforced"
    office.record_delivery(HEAD, _message(office, case, "report")["message"])
    assert office.case(case)["state"] == "closed"


def _gone(_effect: Any) -> Failed:
    return Failed("the object is gone", permanent=True)


def test_what_can_never_be_carried_out_goes_back_to_review(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.platform.faults.append(_gone)
    office.decide(case)
    office.deliver()
    assert office.case(case)["state"] == "queued"
    assert "enforce_failed" in office.pages()


def test_what_must_be_lifted_is_never_given_up(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    office.platform.faults += [_gone] * 3
    office.cancel(office.notice()["notice_id"])
    for _ in range(4):
        office.deliver()
        office.wait(900)
    assert office.items(case)["1"]["status"] == "lifted"
    assert "restore_stuck" in office.pages()


def test_a_report_that_was_worded_before_does_not_leave_after_a_demand_was_handed_over(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, 2)
    office.deliver()
    office.regulator_is_down()
    office.platform_fails("1")
    office.decide(case)
    office.deliver()
    office.report_interim(LEAD, case)
    office.push(
        "notice.clarified",
        {
            "notice_id": office.notice()["notice_id"],
            "in_reply_to": "11111111-1111-5111-8111-111111111111",
            "answers": [{"text": [{"lang": "ru", "text": "Сообщите, кто это написал."}]}],
            "user_data": "who wrote this",
        },
    )
    assert "user_data_demand" in office.case(case)["flags"]
    office.platform.faults[:] = [_gone]
    office.wait(HOUR)
    office.deliver()
    office.claim(LEGAL, case)
    office.refer_demand(LEGAL, case)
    office.regulator.faults.clear()
    office.wait(HOUR)
    office.deliver()
    assert office.reports() == []


def test_a_demand_for_user_data_is_a_lawyers_and_only_acknowledged(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.push("notice.issued", {**office.notice(), "user_data": "who wrote this"})
    (case,) = (one["case"] for one in office.cases())
    with refused("user_data_demand"):
        office.claim(M1, case)
    with refused("user_data_demand"):
        office.propose(LEGAL, case, office.claim(LEGAL, case))
    office.deliver()
    assert {kind for kind, _, _ in office.regulator.books.values()} == {"acknowledgement"}


def test_answering_by_hand_ends_no_undo_window(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue()
    office.deliver()
    office.decide(case, "none")
    office.answer_by_hand(LEGAL, case)
    office.deliver()
    assert [one["state"] for one in office.messages(case, "report")] == ["queued"]
    office.undo(M1, case)
    assert office.case(case)["state"] == "queued"
    office.decide(case, "none")
    office.wait(60)
    office.deliver()
    assert [one["state"] for one in office.messages(case, "report")][-1] == "waiting"
