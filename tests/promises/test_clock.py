"""The clock: nothing but a suspension moves it, each step comes once, and its end removes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.driver import DAY, HEAD, HOUR, LEAD, M1, Driver


def _clock(office: Driver, case: str) -> dict[str, Any]:
    return dict(office.case(case)["clock"])


def _pages(office: Driver) -> list[str]:
    """What people are paged for, once the worker has looked and delivered."""
    office.watch()
    office.deliver()
    return office.pages()


def _written(office: Driver, seconds: int) -> str:
    return datetime.fromtimestamp(office.clock() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_amendment_leaves_the_term_of_a_running_case(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, notice = office.issue(), office.notice()
    due = _clock(office, case)["due_at"]
    office.wait(HOUR)
    office.amend(notice)
    assert office.case(case)["revision"] == 2
    assert _clock(office, case)["due_at"] == due


def test_an_amendment_of_an_ended_case_gets_a_term_of_its_own(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, notice = office.issue(), office.notice()
    office.cancel(notice["notice_id"])
    office.wait(2 * DAY)
    office.amend(notice)
    assert _clock(office, case)["decide_left_s"] == DAY


def test_a_reminder_does_not_move_the_clock(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    before = _clock(office, case)
    office.remind(office.notice()["notice_id"], 2)
    assert office.case(case)["level"] == 2
    assert _clock(office, case) == before


def test_a_question_of_ours_stops_no_clock(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.ask(M1, case, office.claim(M1, case))
    office.wait(12 * HOUR)
    assert _clock(office, case)["decide_left_s"] == 12 * HOUR
    assert "due.before_12h" in _pages(office)


def test_looking_and_claiming_start_no_clock(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.wait(HOUR)
    office.view(M1, case)
    office.claim(M1, case)
    assert _clock(office, case)["decide_left_s"] == 23 * HOUR


def test_each_step_comes_once(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.wait(HOUR)
    assert _pages(office).count("due.unclaimed_1h") == 1
    assert _pages(office).count("due.unclaimed_1h") == 1


def test_a_step_for_unclaimed_cases_leaves_a_claimed_one_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.claim(M1, office.issue())
    office.wait(HOUR)
    assert _pages(office) == []


def test_steps_that_were_missed_are_one_page_to_the_widest_audience(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.wait(19 * HOUR)
    office.claim()
    assert _pages(office) == ["due.before_6h"]
    assert office.pager.alerts[-1].audience == ("moderator", "lead")


def test_the_head_is_paged_before_the_end(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.wait(DAY - 1800)
    assert _pages(office) == ["due.before_30m"]
    assert office.pager.alerts[-1].audience == ("moderator", "lead", "head")


def test_people_are_paged_every_hour_after_the_end(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.wait(DAY)
    _pages(office)
    for hour in range(1, 4):
        office.wait(HOUR)
        assert _pages(office)[-1] == f"due.overdue.{hour}"


def test_the_end_of_the_term_removes_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.wait(30 * HOUR)
    assert _pages(office)
    assert office.case(case)["state"] == "queued"
    assert office.platform.calls == []


def test_working_days_leave_out_the_weekend(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.wait(3 * DAY)  # a Friday
    case = office.issue(kind="recommendation")
    assert _clock(office, case)["due_at"] == "2026-12-02T18:59:59Z", "the end of Wednesday in Almaty"


def test_a_shorter_time_that_is_asked_for_orders_the_queue_and_is_not_the_statutory_one(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue(1)
    office.wait(1)
    asked = office.issue(2, deadline={"hours": 2})
    assert _clock(office, asked)["decide_left_s"] == DAY
    office.claim(M1)
    assert office.case(asked)["state"] == "claimed", "the most urgent one is handed out first"


def test_a_measure_that_falls_is_lifted_on_a_clock_of_its_own(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    office.wait(5 * DAY)
    office.cancel(office.notice()["notice_id"])
    assert office.case(case)["lift_due_at"] == _written(office, HOUR)


def test_the_second_clock_runs_until_the_receipt(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.regulator_is_down()
    office.decide(case, "none")
    office.wait(HOUR)
    assert (_clock(office, case)["decide_left_s"], _clock(office, case)["receipt_left_s"]) == (DAY, 23 * HOUR)


def test_a_contest_pauses_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.contest(HEAD, case)
    office.wait(12 * HOUR)
    assert "due.before_12h" in _pages(office)
    assert not _clock(office, case)["paused"]


def test_a_suspension_has_no_effect_before_a_second_person_confirms_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.suspend(HEAD, case)
    office.wait(12 * HOUR)
    assert "due.before_12h" in _pages(office)
    assert not _clock(office, case)["paused"]


def test_a_suspension_pauses_the_term_and_leaves_the_stored_one(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    due = _clock(office, case)["due_at"]
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case)
    office.wait(20 * HOUR)
    assert [page for page in _pages(office) if page.startswith("due.")] == []
    assert _clock(office, case)["unpaused_due_at"] == due
    assert _clock(office, case)["decide_left_s"] == DAY


def test_a_suspension_lifts_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case)
    office.deliver()
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case)
    office.deliver()
    assert office.items(case)["1"]["status"] == "in_force"
    assert len(office.platform.calls) == 1


def test_a_clock_that_is_set_takes_no_page_away(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    due = _clock(office, case)["due_at"]
    _pages(office)
    office.clock.step(25 * HOUR)
    assert {"clock_stepped", "unsure.due.overdue.1"} <= set(_pages(office))
    assert _clock(office, case)["due_at"] == due
    office.wait(600)
    office.clock.step(-25 * HOUR)
    _pages(office)
    office.wait(DAY - 600)
    assert "again.due.due" in _pages(office)


def test_nothing_is_erased_on_a_clock_that_may_be_ahead(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case, "none")
    _pages(office)
    assert office.case(case)["state"] == "closed"
    office.clock.step(400 * DAY)
    _pages(office)
    office.retention()
    assert "erased" not in office.history(case)


def test_health_says_when_nobody_watches(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.watch()
    assert "watcher_silent" not in office.health()["attention"]
    office.wait(301)
    assert "watcher_silent" in office.health()["attention"]
