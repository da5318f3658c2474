"""The driver of the tests itself: each of its methods does what its name says, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.errors import NotAllowed
from tests.driver import CLERK, HEAD, LEAD, LEGAL, M1, M2, VISITOR, Driver


@pytest.mark.slow
def test_a_notice_goes_its_way_and_comes_back_by_an_appeal(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue(1, 2)
    office.decide(case)
    office.deliver()
    assert office.case(case)["state"] == "decided", "no measure leaves inside the undo window"
    office.wait(61)
    office.deliver()
    assert office.case(case)["state"] == "closed"
    assert [item["outcome"] for item in office.reports()[-1]["items"]] == ["removed", "removed"]
    office.reverse(LEAD, office.appeal(case))
    office.deliver()
    assert office.items(case)["1"]["status"] == "lifted"
    assert ("1", "restored") in office.messenger.kinds()
    assert office.faults() == []


def test_letters_questions_and_orders_that_fall(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.enter(M1, 3)
    office.authenticate(M2, case)
    question = office.ask(M1, case, office.claim(M1, case))
    letter = office.enter_answer(CLERK, case, question)
    office.vouch(LEAD, case, letter)
    assert office.case(case)["state"] == "queued"
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case)
    assert office.case(case)["clock"]["paused"]
    office.vouch(LEAD, case, office.enter_cancellation(CLERK, case))
    assert office.case(case)["state"] == "cancelled"
    office.contest(HEAD, case)
    office.settle_contest(LEAD, case)
    office.end_suspension(LEAD, case)
    office.deliver()
    office.ask_erasure(LEGAL, case)
    office.erase(HEAD, case)
    assert office.case(case)["audit"][-1]["kind"] == "erased"


def test_what_an_authority_sends_afterwards(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice, case = office.notice(9), office.issue(9)
    assert office.amend(notice)["status"] == 202
    assert office.case(case)["revision"] == 2
    office.remind(notice["notice_id"], 2)
    office.announce_sanction([notice["notice_id"]])
    office.settle_quarantine(LEAD, office.break_off(17))
    office.deliver()
    assert {"amended", "sanction.warning"} <= set(office.pages())
    office.stop()
    office.start()
    assert office.case(case)["level"] == 2


def test_a_refused_step_leaves_no_trace(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    before = office.fingerprint()
    with pytest.raises(NotAllowed):
        office.claim(VISITOR, case)
    assert office.fingerprint() == before
    office.claim(M1, case)
    assert office.fingerprint() != before
