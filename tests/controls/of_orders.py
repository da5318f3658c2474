"""Orders that fall, are suspended or are pressed; appeals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain.case import CaseState
from tests.controls.ways import (
    CLOCK,
    DUE_PROCESS,
    OF_CLOCK,
    OF_REVIEW,
    OF_USERS,
    ORDERS,
    OVERVIEW,
    REVIEW,
    Control,
    both,
    each_item,
    folds,
    forgets,
    gives,
    instead,
    pages_nobody,
)


def _first_report_only(real: Any) -> Any:
    def with_report(case: Any, *given: Any, **named: Any) -> Any:
        return (case, ()) if case.sequence else real(case, *given, **named)

    return with_report


CONTROLS: tuple[Control, ...] = (
    *(
        Control(
            f"a fallen order lifts nothing: {effect}",
            "what only a withdrawn or annulled order held is lifted at once, and that is reported",
            OVERVIEW,
            gives("domain.cancellations._lifts", what=False),
            f"{ORDERS}test_what_only_a_fallen_order_held_is_lifted_and_that_is_reported[{effect}]",
        )
        for effect in ("withdrawn", "annulled")
    ),
    Control(
        "other orders are overlooked",
        "a measure that another case holds as well stays",
        OVERVIEW,
        instead(
            "domain.cancellations._stop",
            made=lambda real: (
                lambda case, item, effect_of, standing, *rest: real(
                    case, item, effect_of, replace(standing, held_by_others=()), *rest
                )
            ),
        ),
        f"{ORDERS}test_what_another_order_holds_stays",
    ),
    Control(
        "own terms fall with the order",
        "a measure that rests on the platform's own terms stays",
        OVERVIEW,
        instead(
            "domain.cancellations._stop",
            made=lambda real: lambda case, item, *rest: real(case, item.but(ground="local_law"), *rest),
        ),
        f"{ORDERS}test_what_rests_on_the_platforms_own_terms_stays",
    ),
    Control(
        "what was remedied comes back",
        "an item whose fault was remedied is not published again",
        OVERVIEW,
        instead("domain.cancellations._lifts", made=lambda _real: lambda effect_of, _item: effect_of is not None),
        f"{ORDERS}test_what_was_remedied_is_not_published_again",
    ),
    Control(
        "a missing effect is a withdrawal",
        "without an effect nothing in force is touched, and a person is alerted to ask",
        OVERVIEW,
        instead(
            "domain.cancellations._stop",
            made=lambda real: lambda case, item, effect_of, *rest: real(case, item, effect_of or "withdrawn", *rest),
        ),
        f"{ORDERS}test_a_cancellation_without_an_effect_lifts_nothing_and_people_are_told",
    ),
    Control(
        "what was cancelled is decided all the same",
        "with a cancellation undecided items stop",
        OVERVIEW,
        folds("arrivals.Cancelled", state=CaseState.QUEUED),
        f"{ORDERS}test_nothing_is_decided_any_more_of_what_was_cancelled",
    ),
    Control(
        "a measure on an order that fell",
        "a measure on the ground of local law is refused for an item whose order fell",
        DUE_PROCESS,
        gives("domain.deciding.check_orders", what=True),
        f"{ORDERS}test_no_measure_rests_on_an_order_that_fell",
    ),
    Control(
        "one person acts on an order that fell",
        "a measure for an item whose order fell takes two persons",
        DUE_PROCESS,
        forgets("order_fell"),
        f"{ORDERS}test_no_measure_rests_on_an_order_that_fell",
    ),
    Control(
        "an amendment leaves what was decided",
        "what was decided but not carried out is void with a new revision",
        OVERVIEW,
        both(
            gives("domain.holding.is_current", what=True),
            gives("domain.fold.Case.void"),
        ),
        f"{ORDERS}test_an_amendment_takes_back_what_was_not_carried_out",
    ),
    Control(
        "what is named no longer stays",
        "items that a new revision no longer names are lifted",
        OVERVIEW,
        instead("domain.arrivals.stop", made=lambda _real: lambda _case, item, *_: (item, [])),
        f"{ORDERS}test_what_an_amendment_no_longer_names_is_lifted",
    ),
    *(
        Control(
            f"news changes nothing: {what}",
            "what has not begun waits for a second person",
            DUE_PROCESS,
            instead(f"domain.commands.{place}.withhold", made=lambda _real: lambda change, case, *_: (change, case)),
            f"{ORDERS}{test}",
        )
        for what, place, test in (
            ("a suspension", "remedies", "test_a_suspension_holds_back_what_has_not_begun"),
            ("an instruction", "office", "test_an_instruction_holds_back_what_one_person_decided"),
        )
    ),
    Control(
        "pressed, and alone",
        "after a recorded instruction a measure takes a second person",
        DUE_PROCESS,
        folds("office.Instructed", flags=lambda _case: {}),
        f"{ORDERS}test_a_measure_after_an_instruction_takes_two_persons",
    ),
    Control(
        "an alarm that nobody hears",
        "an alarm pages a lead and a lawyer, in every state of a case",
        DUE_PROCESS,
        pages_nobody("office.AlarmRaised"),
        f"{ORDERS}test_an_alarm_calls_a_lead_and_a_lawyer_in_every_state",
    ),
    Control(
        "nobody at night",
        "a notice that takes two persons while no approver is on duty pages people at intake",
        DUE_PROCESS,
        gives("domain.arrivals.lacks_approver", what=False),
        f"{ORDERS}test_a_night_without_an_approver_is_found_out_at_intake",
    ),
    Control(
        "a letter acts by itself",
        "a letter changes nothing until somebody other than its typist has vouched for it",
        OF_REVIEW,
        folds("arrivals.LetterEntered", items=each_item(status="lifted", measure="")),
        f"{REVIEW}test_a_letter_about_a_running_case_changes_nothing_by_itself",
    ),
    Control(
        "a contest decides",
        "what follows from a contest that was granted, a person decides, and people are told",
        OF_CLOCK,
        pages_nobody("remedies.ContestSettled"),
        f"{ORDERS}test_a_contest_decides_nothing",
    ),
    Control(
        "a suspension lifts",
        "a suspension lifts nothing by itself",
        OF_CLOCK,
        folds("remedies.SuspensionConfirmed", items=each_item(status="lifted", measure="")),
        f"{CLOCK}test_a_suspension_lifts_nothing",
    ),
    Control(
        "the first decider decides the appeal",
        "an appeal is never decided by the first decider",
        OF_USERS,
        gives("domain.appeals._check_other"),
        f"{ORDERS}test_whoever_decided_first_never_decides_the_appeal",
    ),
    Control(
        "a reversal is not reported",
        "after a reversal the regulator gets a corrected final report with the next `sequence`",
        OF_USERS,
        instead("domain.holding.with_report", made=_first_report_only),
        f"{ORDERS}test_an_appeal_that_succeeds_lifts_and_is_reported",
    ),
    Control(
        "an appeal waits in silence",
        "people are alerted two days before an appeal is due, and when it is past",
        OF_USERS,
        pages_nobody("remedies.Appealed"),
        f"{ORDERS}test_people_are_told_of_an_appeal_that_waits",
    ),
)
