"""What leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import Attempt, EndpointState
from kz_compliance_sdk.ports import Delivered, Failed, InForce
from tests.controls.ways import (
    DELIVERY,
    DUE_PROCESS,
    OF_CLOCK,
    OF_DELIVERY,
    OVERVIEW,
    RELIABILITY,
    Control,
    both,
    folds,
    gives,
    instead,
    is_now,
    without,
)


def _own_ids_for_each_try(real: Any) -> Any:
    return lambda delivery, one: real(delivery, one.but(id=f"{one.id}-{one.attempts}"))


def _never_looked_up(real: Any) -> Any:
    return lambda delivery, one: real(delivery, one.but(maybe_arrived=False))


def _failures_taken_for_success(real: Any) -> Any:
    def checked(message: Any, result: Any, now: int) -> Any:
        return InForce(now) if isinstance(result, Failed) else real(message, result, now)

    return checked


def _given_up(real: Any) -> Any:
    def later(now: int, attempts: int, deadline_at: int | None, jitter: float) -> int:
        over = deadline_at is not None and now >= deadline_at
        return now + 10**9 if over else int(real(now, attempts, deadline_at, jitter))

    return later


def _alone(_real: Any) -> Any:
    """Each effect has a lane of its own, whatever else is to be done with its object."""
    return lambda *_: ("", 0)


def _opened_before(real: Any) -> Any:
    """An hour that is open was opened before whatever is due."""

    def hour(paging: Any, tx: Any, audience: Any) -> Any:
        found = real(paging, tx, audience)
        return replace(found, at=1) if found.at else found

    return hour


def _each_counts(real: Any) -> Any:
    """A call that fails is as many failures as it has lines."""

    def failures(one: Any, pages: Any) -> Any:
        return replace(one, failures=one.failures * len(pages)) if isinstance(one, EndpointState) else one

    def alerted(outcomes: Any, tx: Any, pages: Any, *given: Any, **named: Any) -> Any:
        writes, settled = real(outcomes, tx, pages, *given, **named)
        return tuple(failures(one, pages) for one in writes), settled

    return alerted


def _parked_at_once(real: Any) -> Any:
    def again(outcomes: Any, message: Any, result: Any, now: int) -> Any:
        return message.but(state="parked") if isinstance(result, Failed) else real(outcomes, message, result, now)

    return again


PAGING = "tests/delivery/test_paging.py::"

CONTROLS: tuple[Control, ...] = (
    Control(
        "what is for now waits for the hour",
        "what is for now, level 50 or more, leaves at once where people can do something about it",
        OF_CLOCK,
        gives("services.paging.Paging._is_urgent", what=False),
        f"{PAGING}test_what_people_must_see_to_now_is_never_held",
    ),
    Control(
        "news of a decided case waits",
        "what people or an authority did is for now in a decided case too",
        OF_CLOCK,
        is_now("services.paging._OF_MACHINERY", (object,)),
        f"{PAGING}test_news_of_people_to_a_decided_case_does_not_wait",
    ),
    Control(
        "an alert for each case",
        "what becomes due for the same people within an hour, and can wait, leaves with its end, as one",
        OF_CLOCK,
        gives("services.paging.Paging._can_wait", what=False),
        f"{PAGING}test_where_all_is_decided_and_the_regulator_is_late_the_steps_wait",
    ),
    Control(
        "what was due is put off by another worker",
        "the first alert to an audience leaves at once",
        OF_CLOCK,
        instead("services.paging.Paging._hour", made=_opened_before),
        f"{PAGING}test_two_workers_tell_nothing_twice_and_hold_nothing_that_was_due",
    ),
    Control(
        "each alert of a failed call counts",
        "a call that fails counts once, and all of its alerts are tried again at once",
        OF_DELIVERY,
        instead("services.outcomes.Outcomes.alerted", made=_each_counts),
        f"{PAGING}test_what_could_not_be_told_is_told_again_together_and_counts_once",
    ),
    Control(
        "an outage in silence",
        "when nothing has reached the regulator for 15 minutes the lead and the head are alerted once",
        OF_DELIVERY,
        gives("services.deadlines.tell_outage", what=((), False)),
        f"{PAGING}test_an_outage_of_the_regulator_is_told_once_and_so_is_its_end",
    ),
    Control(
        "a failure is in force",
        "a report that says so is queued only when the platform has answered `in force since`",
        OF_DELIVERY,
        instead("services.delivery.checked", made=_failures_taken_for_success),
        f"{DELIVERY}test_nothing_is_reported_before_it_is_in_force",
    ),
    Control(
        "nothing early",
        "if the deadline comes near, an interim report is offered to people",
        OF_DELIVERY,
        gives("domain.holding.interim_due", what=False),
        f"{DELIVERY}test_what_is_settled_is_reported_early_only_if_a_person_says_so",
    ),
    Control(
        "no order for an object",
        "an effect waits until the earlier one on its object is settled",
        OVERVIEW,
        both(
            instead("adapters.sql.rows.lane_of", "domain.messages.lane_of", made=_alone),
            gives("domain.believed._in_its_lane", what=True),
        ),
        f"{DELIVERY}test_effects_on_one_object_wait_for_each_other",
    ),
    Control(
        "sent again without a look",
        "before anything is sent again the regulator is asked whether it holds the message",
        OF_DELIVERY,
        instead("services.delivery.Delivery._call", made=_never_looked_up),
        f"{DELIVERY}test_an_unknown_outcome_is_looked_up_before_it_is_sent_again",
    ),
    Control(
        "an id for each try",
        "a message has the same id on every try, and each confirmation is in the regulator's books once",
        RELIABILITY,
        instead("services.delivery.Delivery._call", made=_own_ids_for_each_try),
        f"{DELIVERY}test_a_message_has_the_same_id_on_every_try",
    ),
    Control(
        "tries are not recorded",
        "every attempt is recorded",
        OF_DELIVERY,
        without("services.outcomes.Outcomes.record", Attempt),
        f"{DELIVERY}test_every_try_is_recorded",
    ),
    Control(
        "nothing is taken behind a result",
        "what came of a call is recorded and the next message of its endpoint taken in hand in one commit",
        OF_DELIVERY,
        gives("services.delivery.Delivery._following", what=((), None)),
        "tests/delivery/test_taking_the_next.py::test_a_result_is_recorded_with_the_next_message_in_one_commit",
    ),
    Control(
        "as seldom near the deadline",
        "attempts become denser as the deadline nears",
        OF_DELIVERY,
        instead(
            "services.outcomes.next_attempt_at",
            "domain.change.next_attempt_at",
            made=lambda _real: lambda now, *_: now + 900,
        ),
        f"{DELIVERY}test_tries_become_denser_as_the_deadline_nears",
    ),
    Control(
        "given up past the deadline",
        "nothing that is owed is given up",
        OF_DELIVERY,
        instead("services.outcomes.next_attempt_at", made=_given_up),
        f"{DELIVERY}test_nothing_that_is_owed_is_given_up",
    ),
    Control(
        "any receipt closes",
        "a case is closed by the receipt for its final report",
        OVERVIEW,
        folds("delivery.Receipt", state=CaseState.CLOSED),
        f"{DELIVERY}test_only_the_receipt_for_the_final_report_closes_a_case",
    ),
    Control(
        "a refusal is dropped",
        "a refused final report sends the case back to review, and people are alerted",
        OF_DELIVERY,
        gives("domain.holding.reject", what=()),
        f"{DELIVERY}test_what_is_refused_for_good_is_parked_shown_and_decided_anew",
    ),
    Control(
        "an overtaken report leaves",
        "a report that was overtaken is not sent for the first time",
        OF_DELIVERY,
        gives("services.delivery.is_superseded", what=False),
        f"{DELIVERY}test_an_overtaken_report_is_not_sent_for_the_first_time",
    ),
    Control(
        "no breaker",
        "after five failures in a row one message at a time goes through as a probe",
        OF_DELIVERY,
        is_now("domain.change.OPENS_AFTER", 10**6),
        f"{DELIVERY}test_a_regulator_that_does_not_answer_is_left_alone_but_for_one_probe",
    ),
    Control(
        "1970 is a time like any other",
        "a time that cannot be parks its message, and people are alerted",
        OF_DELIVERY,
        gives("services.outcomes.wrong_time", what=""),
        f"{DELIVERY}test_a_time_that_cannot_be_parks_what_came_with_it",
    ),
    Control(
        "letters deliver themselves",
        "only the record of a person is the receipt for a letter",
        OF_DELIVERY,
        instead(
            "adapters.by_hand.ByHand.send",
            made=lambda _real: lambda _self, message: Delivered("by itself", message.created_at, b"{}"),
        ),
        f"{DELIVERY}test_a_letter_is_delivered_when_a_person_records_it",
    ),
    Control(
        "nobody hears of what cannot be done",
        "a measure that can never be carried out goes back to review, and people are alerted",
        OF_DELIVERY,
        gives("domain.holding.measure_failed", what=()),
        f"{DELIVERY}test_what_can_never_be_carried_out_goes_back_to_review",
    ),
    Control(
        "a lifting is given up",
        "what must be lifted is never given up",
        OF_DELIVERY,
        instead("services.outcomes.Outcomes._again", made=_parked_at_once),
        f"{DELIVERY}test_what_must_be_lifted_is_never_given_up",
    ),
    Control(
        "reports leave after a hand-over",
        "of a demand for user data nothing leaves but the acknowledgement",
        DUE_PROCESS,
        instead(
            "domain.commands.office.tried",
            made=lambda real: lambda messages, _kinds, stamp: real(messages, ("clarification",), stamp),
        ),
        f"{DELIVERY}test_a_report_that_was_worded_before_does_not_leave_after_a_demand_was_handed_over",
    ),
    Control(
        "everybody takes a demand for user data",
        "a demand for user data is claimed by a lawyer alone",
        DUE_PROCESS,
        gives("domain.review_policy.check_claimer"),
        f"{DELIVERY}test_a_demand_for_user_data_is_a_lawyers_and_only_acknowledged",
    ),
    Control(
        "a demand for user data is answered",
        "a demand for user data is never answered through this library",
        DUE_PROCESS,
        gives("domain.deciding.check_answerable"),
        f"{DELIVERY}test_a_demand_for_user_data_is_a_lawyers_and_only_acknowledged",
    ),
)
