"""The clock and the ladder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.clock import Pause
from tests.controls.ways import (
    CLOCK,
    LAW,
    OF_CLOCK,
    OVERVIEW,
    RELIABILITY,
    STATES,
    Control,
    both,
    folds,
    gives,
    instead,
    is_now,
    leaves,
)


def _due_as_asked(real: Any) -> Any:
    def times(*given: Any) -> dict[str, Any]:
        got = real(*given)
        return {**got, "due_at": got["requested_due_at"] or got["due_at"]}

    return times


CONTROLS: tuple[Control, ...] = (
    Control(
        "a row says how the clock stood",
        "no row makes a clock one that was set",
        "concepts/clock.md",
        instead("domain.clock_steps.Seen.until", made=lambda _real: lambda seen, at, _now: replace(seen, wall=at)),
        "tests/clock/test_rows_of_the_clock.py::test_no_row_makes_a_clock_one_that_was_set[looked at long ago]",
    ),
    Control(
        "an amendment restarts the clock",
        "the due time does not move for an amendment while the case runs",
        OF_CLOCK,
        is_now("domain.arrivals.ENDED", frozenset(CaseState)),
        f"{CLOCK}test_an_amendment_leaves_the_term_of_a_running_case",
    ),
    Control(
        "an ended case keeps its old term",
        "a case that had ended gets the term from the new receipt",
        OVERVIEW,
        is_now("domain.arrivals.ENDED", frozenset()),
        f"{CLOCK}test_an_amendment_of_an_ended_case_gets_a_term_of_its_own",
    ),
    Control(
        "a reminder moves the clock",
        "the due time does not move for a reminder",
        OF_CLOCK,
        folds("arrivals.Reminded", due_at=lambda case: case.due_at + 60),
        f"{CLOCK}test_a_reminder_does_not_move_the_clock",
    ),
    Control(
        "a question moves the clock",
        "the due time does not move for a question of ours",
        OF_CLOCK,
        folds("review.Asked", due_at=lambda case: case.due_at + 60),
        f"{CLOCK}test_a_question_of_ours_stops_no_clock",
    ),
    Control(
        "the clock starts with the claim",
        "the clock starts at receipt, never when somebody opens the case",
        OF_CLOCK,
        folds("review.Claimed", due_at=lambda case: case.due_at + 3600),
        f"{CLOCK}test_looking_and_claiming_start_no_clock",
    ),
    Control(
        "a step comes again",
        "each due step fires exactly once",
        OF_CLOCK,
        instead(
            "domain.holding.moved",
            made=lambda real: lambda case, *given, **named: real(case, *given, **{**named, "watch_at": case.watch_at}),
        ),
        f"{CLOCK}test_each_step_comes_once",
    ),
    Control(
        "`unclaimed_1h` on a claimed case",
        "a step for unclaimed cases leaves a claimed one alone",
        LAW,
        gives("domain.holding.is_untouched", what=True),
        f"{CLOCK}test_a_step_for_unclaimed_cases_leaves_a_claimed_one_alone",
    ),
    Control(
        "missed steps go to the last one's audience",
        "steps that are past already become one alert to the widest audience among them",
        OF_CLOCK,
        instead("domain.clock.merged", made=lambda real: lambda steps: real(steps[:1])),
        f"{CLOCK}test_steps_that_were_missed_are_one_page_to_the_widest_audience",
    ),
    Control(
        "the head is not paged",
        "half an hour before the end the head of the office is paged",
        LAW,
        is_now("domain.clock.AUDIENCES", ("moderator", "lead")),
        f"{CLOCK}test_the_head_is_paged_before_the_end",
    ),
    Control(
        "silence after the end",
        "every hour after the end people are paged, until the case is closed",
        LAW,
        instead(
            "domain.clock.next_step_at",
            made=lambda real: (
                lambda ladder, **given: (
                    given["after"] + 10**8 if given["after"] >= given["due_at"] else real(ladder, **given)
                )
            ),
        ),
        f"{CLOCK}test_people_are_paged_every_hour_after_the_end",
    ),
    Control(
        "the end of the term ends the case",
        "passing the deadline alerts people and moves nothing by itself",
        STATES,
        both(folds("office.Escalated", state=CaseState.CLOSED), gives("domain.case.is_legal", what=True)),
        f"{CLOCK}test_the_end_of_the_term_removes_nothing",
    ),
    Control(
        "weekends are working days",
        "working days leave out weekends and holidays",
        LAW,
        gives("domain.policy.Calendar.is_working", what=True),
        f"{CLOCK}test_working_days_leave_out_the_weekend",
    ),
    Control(
        "a wish is taken for the law",
        "a shorter time that the notice asks for is never the statutory one",
        OF_CLOCK,
        instead("domain.arrivals._times", made=_due_as_asked),
        f"{CLOCK}test_a_shorter_time_that_is_asked_for_orders_the_queue_and_is_not_the_statutory_one",
    ),
    Control(
        "a wish orders nothing",
        "a shorter time that the notice asks for orders the queue",
        OF_CLOCK,
        instead("domain.fold.urgent_at", made=lambda _real: lambda due_at, _requested: due_at),
        f"{CLOCK}test_a_shorter_time_that_is_asked_for_orders_the_queue_and_is_not_the_statutory_one",
    ),
    Control(
        "a lifting takes a day",
        "a measure that a cancellation lifts has a clock of its own",
        OF_CLOCK,
        instead("domain.cancellations.lift_due_at", made=lambda _real: lambda _case, _policy, at: at + 86_400),
        f"{CLOCK}test_a_measure_that_falls_is_lifted_on_a_clock_of_its_own",
    ),
    Control(
        "decided is done",
        "the second clock runs until the receipt for the final report",
        OF_CLOCK,
        instead(
            "domain.running_time.clock_view",
            made=lambda real: lambda **given: real(**{**given, "receipt_at": given["decided_at"]}),
        ),
        f"{CLOCK}test_the_second_clock_runs_until_the_receipt",
    ),
    Control(
        "a contest pauses the ladder",
        "a contest pauses nothing",
        OF_CLOCK,
        leaves("domain.commands.remedies.RecordContest.decide", watch_at=lambda case: case.watch_at + 86_400),
        f"{CLOCK}test_a_contest_pauses_nothing",
    ),
    Control(
        "one person suspends",
        "a suspension has no effect until somebody else confirms it",
        OF_CLOCK,
        is_now("domain.clock.Suspension.pause", property(lambda one: Pause(one.from_at, one.ends_at))),
        f"{CLOCK}test_a_suspension_has_no_effect_before_a_second_person_confirms_it",
    ),
    Control(
        "a suspension pauses nothing",
        "a suspension order pauses the term, and the stored time stays",
        OF_CLOCK,
        is_now("domain.clock.Suspension.pause", None),
        f"{CLOCK}test_a_suspension_pauses_the_term_and_leaves_the_stored_one",
    ),
    Control(
        "nobody looks at the clock",
        "a clock that is set takes no escalation away, and people are told",
        RELIABILITY,
        gives("services.deadlines.step_between"),
        f"{CLOCK}test_a_clock_that_is_set_takes_no_page_away",
    ),
    Control(
        "the due time follows the clock",
        "the stored due time does not move with a clock that is set",
        OF_CLOCK,
        folds("office.ClockStepped", due_at=lambda case: case.due_at + 60),
        f"{CLOCK}test_a_clock_that_is_set_takes_no_page_away",
    ),
    Control(
        "a clock ahead erases",
        "nothing is erased on a clock that may be ahead",
        OF_CLOCK,
        instead("services.privacy.time_passed", made=lambda _real: lambda tx: tx.now),
        f"{CLOCK}test_nothing_is_erased_on_a_clock_that_may_be_ahead",
    ),
    Control(
        "a silent watcher is fine",
        "health says when the last watch is more than five minutes old",
        OF_CLOCK,
        is_now("services.health.SILENT_AFTER_S", 10**9),
        f"{CLOCK}test_health_says_when_nobody_watches",
    ),
)
