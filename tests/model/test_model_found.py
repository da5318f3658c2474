"""What the model of case and clock found in the library, each as the few steps that showed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.errors import IllegalMove, LeaseLost, NotAllowed
from tests.driver import DAY, HEAD, HOUR, LEAD, LEAD2, LEGAL, M1, Driver


def _fired(office: Driver, case: str) -> set[str]:
    return {one["step"] for one in office.case(case)["escalations"]}


def test_an_amendment_does_not_swallow_what_the_watch_had_not_come_to(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1)
    office.wait(25 * HOUR)
    office.amend(office.notice(1))
    assert {"due.before_12h", "due.due", "due.overdue.1"} <= _fired(office, case)
    assert office.case(case)["level"] == 70
    office.watch()
    office.deliver()
    assert office.pages().count("due.overdue.1") == 1, "once, and not again by the watch"


def test_an_amendment_repeats_nothing_that_has_fired(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue(1)
    office.wait(13 * HOUR)
    office.watch()
    office.amend(office.notice(1))
    office.watch()
    office.deliver()
    assert office.pages().count("due.before_12h") == 1


def test_the_lift_of_a_letter_that_lay_too_long_is_alerted_at_once(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1)
    office.decide(case)
    office.deliver()
    letter = office.enter_cancellation(M1, case)
    office.wait(2 * HOUR)
    office.vouch(LEAD, case, letter)
    office.watch()
    assert "due.due" in _fired(office, case)


def test_an_appeal_waits_while_the_lift_of_its_item_can_be_taken_back(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue(1)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.reopen(LEAD, case)
    appeal = office.appeal(case)
    office.propose(LEGAL, case, office.claim(LEGAL, case), "none")
    with pytest.raises(IllegalMove, match="undo window"):
        office.reverse(LEAD2, appeal)
    office.undo(M1, case)
    office.deliver()
    assert ("1", "appeal_decided") not in office.messenger.kinds(), "nobody was told of a lift that did not come"


def test_a_suspension_that_begins_after_the_term_ran_out_is_not_shown_as_a_pause(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1)
    office.wait(26 * HOUR)
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case)
    clock = office.case(case)["clock"]
    assert clock["late"]
    assert not clock["paused"]


def test_an_amendment_of_a_suspended_case_fires_nothing(tmp_path: Path) -> None:
    office, hours = Driver(tmp_path), {"hours": 6}
    case = office.issue(1, deadline=hours)
    office.suspend(HEAD, case)
    office.wait(61)
    office.confirm_suspension(LEAD, case)
    office.amend(office.notice(1, deadline=hours))
    assert _fired(office, case) == set()


@pytest.mark.slow
def test_what_stays_of_a_remedied_order_is_lifted_once_the_order_is_annulled(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.deliver()
    office.cancel(notice["notice_id"], "remedied")
    office.deliver()
    assert office.items(case)["1"]["measure"] == "remove"
    office.cancel(notice["notice_id"], "remedied")
    assert office.items(case)["1"]["status"] == "kept", "the same again changes nothing"
    office.cancel(notice["notice_id"], "annulled")
    office.deliver()
    assert (office.items(case)["1"]["status"], office.case(case)["state"]) == ("lifted", "closed")
    assert office.faults() == []


def test_what_stays_on_own_terms_stays_when_the_order_is_annulled(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case, ground="terms_of_service", finding="not_assessed")
    office.deliver()
    for effect in ("remedied", "annulled"):
        office.cancel(notice["notice_id"], effect)
        office.deliver()
    assert office.items(case)["1"]["measure"] == "remove"


def test_the_same_proposal_after_a_reopening_is_no_repeat_of_the_first(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1)
    token = office.claim(M1, case)
    office.propose(M1, case, token)
    office.deliver()
    office.reopen(LEAD, case)
    with pytest.raises(LeaseLost):
        office.propose(M1, case, token)


def _paused(office: Driver, hours: int) -> str:
    """A case whose term was paused until a time that the watch has not come to yet."""
    case = office.issue(1)
    office.suspend(HEAD, case, until_at=office.clock() + hours * HOUR)
    office.confirm_suspension(LEAD, case)
    return case


def test_a_second_suspension_does_not_hide_that_the_first_is_over(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _paused(office, 2)
    office.wait(3 * HOUR)
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case, 2)
    office.watch()
    office.deliver()
    assert office.pages().count("suspension_over") == 1


def test_an_amendment_after_a_pause_swallows_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _paused(office, 2)
    office.wait(16 * HOUR)
    office.amend(office.notice(1))
    assert "due.before_12h" in _fired(office, case)
    office.watch()
    office.deliver()
    assert office.pages().count("due.before_12h") == 1
    assert office.pages().count("suspension_over") == 1


def test_what_stays_of_an_order_that_fell_leaves_the_ladder_of_the_term_as_it_is(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.wait(11 * HOUR + 3000)
    office.deliver()
    office.cancel(notice["notice_id"], "remedied")
    office.wait(900)
    office.watch()
    assert (office.case(case)["state"], "due.before_12h" in _fired(office, case)) == ("lifted", True)


def test_a_reopened_case_still_escalates_by_the_time_that_was_asked_for(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, deadline={"hours": 6})
    office.decide(case, "none")
    office.wait(HOUR)
    office.deliver()
    office.reopen(LEAD, case)
    office.wait(4 * HOUR)
    office.watch()
    assert "requested.before_2h" in _fired(office, case)


def _item() -> dict[str, str]:
    return {"item_id": "1", "url": "https://social.example/p/x", "object_id": "post:x", "content_type": "post"}


def _amended(tmp_path: Path) -> tuple[Driver, dict[str, Any], str]:
    """A measure in force whose notice was amended: it is decided anew."""
    office = Driver(tmp_path, undo_window_s=60)
    notice = office.notice(1, 2)
    case = office.issue(1, 2)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.amend(notice)
    return office, notice, case


def _refused_anew(tmp_path: Path) -> tuple[Driver, str, str]:
    """A measure in force that a later decision takes back: the undo window of that decision runs."""
    office, notice, case = _amended(tmp_path)
    office.decide(case, "none")
    return office, notice["notice_id"], case


@pytest.mark.parametrize("effect", [None, "remedied"])
@pytest.mark.slow
def test_a_cancellation_that_changes_nothing_leaves_what_people_lift_as_it_is(
    tmp_path: Path, effect: str | None
) -> None:
    office, notice_id, case = _refused_anew(tmp_path)
    office.cancel(notice_id, effect, ("1",), 2)
    standing = office.standing(case)
    assert (standing["state"], standing["lift_due_at"]) == ("decided", None), "a cancellation lifted nothing of it"
    office.wait(61)
    office.deliver()
    assert [item["outcome"] for item in office.reports(notice_id)[-1]["items"]] == ["restored"] * 2


@pytest.mark.slow
def test_a_cancellation_that_changes_nothing_takes_back_no_interim_report(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice_id = office.notice(1, 2)["notice_id"]
    case = office.issue(1, 2)
    office.decide(case, items={"1": {}, "2": {"action": "none"}})
    office.deliver()
    office.platform_fails("1")
    office.cancel(notice_id, "withdrawn", ("1",))
    office.deliver()
    office.report_interim(LEAD, case)
    office.cancel(notice_id, None, ("1",))
    office.deliver()
    assert [one["final"] for one in office.reports(notice_id)] == [True, False]


@pytest.mark.slow
def test_a_reversal_beside_a_lift_takes_back_the_interim_report_that_says_the_measure_stands(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice_id = office.notice(1, 2)["notice_id"]
    case = office.issue(1, 2)
    office.decide(case)
    office.deliver()
    appeal = office.appeal(case, "2")
    office.cancel(notice_id, "withdrawn", ("1",))
    office.report_interim(LEAD, case)
    office.reverse(LEGAL, appeal)
    office.deliver()
    told = [(one["final"], [item["outcome"] for item in one["items"]]) for one in office.reports(notice_id)]
    assert told == [(True, ["removed"] * 2), (True, ["restored"] * 2)]
    assert office.faults() == []


def test_control_an_order_that_falls_beside_it_has_the_clock_of_a_lift(tmp_path: Path) -> None:
    office, notice_id, case = _refused_anew(tmp_path)
    office.cancel(notice_id, "annulled", ("1",), 2)
    standing = office.standing(case)
    assert (standing["state"], standing["lift_due_at"] is None) == ("lifting", False)


@pytest.mark.slow
def test_what_stays_for_another_order_alone_is_reported_so(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first, *_ = cases = [office.issue(n, [_item()]) for n in (1, 2)]
    for case in cases:
        office.decide(case)
        office.deliver()
    notice_id = office.notice(1)["notice_id"]
    for effect, reports in (("remedied", 2), ("remedied", 2), ("withdrawn", 3), ("withdrawn", 3)):
        office.cancel(notice_id, effect)
        office.deliver()
        assert len(office.reports(notice_id)) == reports, effect
    assert (office.items(first)["1"]["status"], office.platform.effects) == ("kept", {"object:post:x": "remove"})


def test_what_was_proposed_beside_a_lift_is_seen_anew_once_the_order_of_that_falls(tmp_path: Path) -> None:
    office, notice, case = _amended(tmp_path)
    office.decide(case, items={"1": {}, "2": {"action": "none"}})
    office.suspend(HEAD, case)
    assert office.standing(case)["state"] == "in_approval"
    office.cancel(notice["notice_id"], "withdrawn", ("2",), 2)
    assert office.standing(case)["state"] == "queued"


@pytest.mark.slow
def test_an_appeal_waits_for_a_new_measure_on_its_item_although_the_old_one_is_lifted(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.reverse(LEGAL, office.appeal(case))
    office.amend(notice)
    appeal = office.appeal(case)
    office.deliver()
    assert office.items(case)["1"]["measure"] is None
    office.decide(case)
    for end in (office.uphold, office.reverse):
        with pytest.raises(IllegalMove, match="under way"):
            end(LEAD, appeal)
    office.wait(61)
    office.deliver()
    office.reverse(LEAD, appeal)
    office.deliver()
    assert office.items(case)["1"]["status"] == "lifted"


@pytest.mark.parametrize("then", ["decided", "undone"])
@pytest.mark.slow
def test_who_decided_what_is_in_force_ends_no_appeal_that_came_after_a_later_decision(
    tmp_path: Path, then: str
) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case, by=LEGAL)
    office.wait(61)
    office.deliver()
    office.amend(notice)
    office.decide(case, by=M1)
    if then == "undone":
        office.undo(M1, case)
    appeal = office.appeal(case)
    if then == "undone":
        office.decide(case, by=M1)
    office.wait(61)
    office.deliver()
    for end in (office.uphold, office.reverse):
        with pytest.raises(NotAllowed, match="their own decision"):
            end(LEGAL, appeal)
    office.reverse(LEAD, appeal)


def test_a_proposal_that_was_sent_back_is_no_answer_while_the_authority_is_asked(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, category="election_rules")
    office.propose(M1, case, office.claim(M1, case))
    office.send_back(LEAD, case)
    token = office.claim(M1, case)
    office.ask(M1, case, token)
    with pytest.raises(LeaseLost):
        office.propose(M1, case, token)


def _suspended(office: Driver, case: str) -> None:
    """Its order is suspended for two hours."""
    office.suspend(HEAD, case, until_at=office.clock() + 2 * HOUR)
    office.confirm_suspension(LEAD, case)


def _ended_while_suspended(office: Driver) -> str:
    """A case that ended when a suspension was over that the watch had not come to yet."""
    case = office.issue(1)
    _suspended(office, case)
    office.propose(M1, case, office.claim(M1, case))
    office.approve(LEAD, case)
    office.wait(3 * HOUR)
    office.deliver()
    assert office.case(case)["state"] == "closed"
    return case


def _is_over(office: Driver, case: str) -> bool:
    office.watch()
    office.deliver()
    return "suspended" not in office.case(case)["flags"] and office.pages().count("suspension_over") == 1


def test_a_suspension_that_began_after_the_term_ran_out_is_over_at_its_end(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1)
    office.wait(26 * HOUR)
    office.watch()
    _suspended(office, case)
    office.wait(2 * HOUR - 1)
    assert not _is_over(office, case)
    office.wait(1)
    assert _is_over(office, case)


def test_a_suspension_that_ended_with_its_case_is_over_once_the_case_is_reopened(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended_while_suspended(office)
    office.reopen(LEAD, case)
    assert _is_over(office, case)


def test_an_amendment_of_an_ended_case_says_that_its_suspension_is_over(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended_while_suspended(office)
    office.amend(office.notice(1))
    assert "suspended" not in office.case(case)["flags"]
    assert _is_over(office, case)


def test_a_cancellation_that_lifts_nothing_puts_no_step_off(tmp_path: Path) -> None:
    office, hours = Driver(tmp_path), {"hours": 6}
    case = office.issue(1, deadline=hours)
    office.decide(case)
    office.deliver()
    office.amend(office.notice(1, deadline=hours))
    office.cancel(office.notice(1)["notice_id"], "remedied", revision=2)
    assert office.case(case)["state"] == "lifted"
    assert _fired(office, case) == set(), "the watch has not come to what is due by now"
    office.watch()
    assert "requested.before_6h" in _fired(office, case)


def test_a_cancellation_that_comes_again_keeps_nothing_longer(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice_id = office.notice(1)["notice_id"]
    case = office.issue(1)
    office.cancel(notice_id)
    office.deliver()
    office.wait(364 * DAY)
    office.cancel(notice_id, "annulled", ("1",))
    office.deliver()
    office.wait(DAY)
    office.retention()
    assert office.history(case)[-1] == "erased"


def test_a_pass_that_finds_a_message_overtaken_takes_what_else_is_due(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.cancel(notice["notice_id"])
    office.amend(notice)
    office.decide(case, "none")
    assert office.desk.deliver().leased, "the alerts, beside a lift that the amendment took back"
    office.deliver()
    assert office.pages()[-2:] == ["cancelled", "amended"]


def test_a_receipt_in_the_past_calls_people_also_where_the_term_of_working_days_ends_as_before(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.enter(M1, 1, kind="recommendation")
    office.correct_receipt(LEAD, case, office.clock() - 5 * HOUR)
    office.watch()
    assert _fired(office, case) == {"due.unclaimed_1h"}


def test_a_suspension_that_was_over_when_its_case_was_erased_keeps_no_revision_out(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice(1, 2)
    case = office.issue(1, 2)
    _suspended(office, case)
    office.cancel(notice["notice_id"])
    office.deliver()
    office.wait(365 * DAY)
    office.retention()
    assert office.standing(case)["erased"]
    assert office.amend(notice, items=notice["items"][:1])["status"] == 202
    assert (office.standing(case)["state"], list(office.items(case))) == ("queued", ["1"])


def test_undo_in_a_suspended_case_swallows_nothing_that_the_watch_had_not_come_to(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue(1)
    office.wait(26 * HOUR)
    office.decide(case, "none")
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case)
    office.undo(M1, case)
    office.watch()
    assert "due.overdue.2" in _fired(office, case)


def test_an_amendment_by_letter_that_was_dismissed_is_refused_like_any_letter(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1)
    office.enter(M1, 1, revision=2)
    [letter] = office.desk.letters_waiting(case)
    office.enter(LEAD, 1, revision=2)
    assert len(office.desk.letters_waiting(case)) == 1, "the same again is one letter"
    office.dismiss(LEAD, case, letter.message_id)
    with pytest.raises(IllegalMove, match="dismissed before"):
        office.enter(HEAD, 1, revision=2)
    office.enter(HEAD, 1, items=2, revision=2)
    assert "amendment_unverified" in office.case(case)["flags"], "of the same revision, and another letter"


def test_a_receipt_that_came_later_than_was_thought_calls_people_again_before_its_term_ends(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.enter(M1, 1)
    office.wait(9 * DAY)
    office.watch()
    office.correct_receipt(LEAD, case, office.clock() - 600)
    office.wait(13 * HOUR)
    office.watch()
    office.deliver()
    assert office.pages().count("due.before_12h") == 1
    office.wait(12 * HOUR)
    office.watch()
    office.deliver()
    assert office.pages()[-1] == "due.overdue.1"


def test_nobody_is_told_of_the_copy_behind_a_lift_that_an_amendment_overtook(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.wait(181 * DAY)
    office.cancel(notice["notice_id"], "annulled")
    office.amend(notice)
    assert office.items(case)["1"]["status"] == "open"
    office.watch()
    office.deliver()
    assert (office.items(case)["1"]["measure"], "preservation_ended" in office.pages()) == (None, False)


def test_a_receipt_corrected_into_the_past_of_a_suspension_calls_people_at_once(tmp_path: Path) -> None:
    """The term had run out before the order was suspended: it never stood still, and nobody had been called."""
    office = Driver(tmp_path)
    case = office.enter(M1, 1)
    office.suspend(LEAD, case, until_at=office.clock() + 2 * HOUR)
    office.confirm_suspension(LEGAL, case)
    office.correct_receipt(HEAD, case, office.clock() - 2 * DAY)
    office.watch()
    assert office.case(case)["level"] == 70


def test_a_receipt_corrected_after_a_suspension_calls_people_for_what_is_past_by_then(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.enter(M1, 1)
    office.suspend(LEAD, case, until_at=office.clock() + DAY)
    office.confirm_suspension(LEGAL, case)
    office.wait(26 * HOUR)
    office.correct_receipt(HEAD, case, office.clock() - 26 * HOUR - 20 * HOUR)
    office.watch()
    assert "due.unclaimed_1h" in _fired(office, case)


def test_nobody_is_told_to_delete_the_copy_that_a_decision_to_lift_needs(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.wait(181 * DAY)
    office.amend(notice)
    office.decide(case, "none")
    office.watch()
    office.deliver()
    assert "preservation_ended" not in office.pages()
    office.undo(M1, case)
    office.watch()
    office.deliver()
    assert "preservation_ended" in office.pages(), "what stays has its copy, and its time is over"


def test_a_suspension_that_was_over_when_its_order_was_annulled_is_told_of_with_the_next_watch(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice(1)
    case = office.issue(1)
    office.decide(case)
    office.deliver()
    office.suspend(HEAD, case, until_at=office.clock() + DAY)
    office.confirm_suspension(LEAD, case)
    office.wait(200 * DAY)
    office.cancel(notice["notice_id"], "annulled")
    office.watch()
    assert "suspended" not in office.case(case)["flags"]


def test_an_answer_that_opens_a_closed_case_makes_up_for_nothing_that_passed_meanwhile(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice(1)
    case = office.issue(1)
    question = office.ask(M1, case, office.claim(M1, case))
    office.recall(M1, case)
    office.decide(case)
    office.wait(26 * HOUR)
    office.deliver()
    office.clarify(notice["notice_id"], question, notice["items"])
    office.watch()
    assert office.case(case)["level"] == 0
    office.wait(HOUR)
    office.watch()
    assert office.case(case)["level"] == 70


def test_of_a_closed_case_that_a_cancellation_takes_up_it_is_asked_a_week_later_whether_it_is_still_suspended(
    tmp_path: Path,
) -> None:
    office = Driver(tmp_path)
    notice, case = office.notice(1), office.issue(1)
    office.decide(case, ground="terms_of_service", by=LEAD, approved_by=LEGAL)
    office.deliver()
    office.suspend(LEAD, case)
    office.confirm_suspension(LEGAL, case)
    office.wait(365 * DAY)
    office.regulator_is_down()
    office.cancel(notice["notice_id"], "annulled")
    office.wait(HOUR)
    office.watch()
    office.deliver()
    assert office.case(case)["state"] == "lifted"
    assert "suspension_open" not in office.pages()
    office.wait(7 * DAY)
    office.watch()
    office.deliver()
    assert "suspension_open" in office.pages()


def test_a_reopened_case_fires_no_step_of_the_second_in_which_it_was_reopened(tmp_path: Path) -> None:
    """Its suspension had ended, and nobody had come upon that."""
    office = Driver(tmp_path)
    notice, case = office.notice(1), office.issue(1)
    office.cancel(notice["notice_id"])
    office.suspend(LEAD, case, until_at=office.clock() + 2 * HOUR)
    office.confirm_suspension(LEGAL, case)
    office.wait(365 * DAY)
    office.reopen(LEAD, case, ["1"])
    office.watch()
    assert office.case(case)["level"] == 0
    assert office.pages().count("suspension_over") == 0
    office.deliver()
    assert office.pages().count("suspension_over") == 1
