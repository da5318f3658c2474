# Over 350 lines because it is one list: a seam for each promise.
"""Promises, broken on purpose: each control breaks one of them, and a named test must turn red.

Every seam by which a promise is broken lies in this file. To add a control, add a row to CONTROLS; `test_controls.py`
runs it. What a named test takes as arguments are built-in fixtures of pytest, and at most one parameter of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pytest

from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import CaseErased, CaseWrite
from kz_compliance_sdk.domain.clock import Pause
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.review_policy import HEAD
from kz_compliance_sdk.domain.user_notices import Plan
from kz_compliance_sdk.ports import Delivered, Failed, InForce

Seam = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Control:
    """A promise, the page under `docs/` that makes it, what breaks it, and the node id of the test that must notice."""

    name: str
    promise: str
    page: str
    breaks: Seam
    test: str


# ------------------------------------------------------------------------------------------------ ways to break


def _with(*places: str, made: Callable[[Any], Any]) -> Seam:
    """What `made` gives of the real thing stands in its place, at each place where it is called from."""

    def breaks(patch: pytest.MonkeyPatch) -> None:
        for place in places:
            owner, _, name = f"kz_compliance_sdk.{place}".rpartition(".")
            holder = resolve_name(owner)
            patch.setattr(holder, name, made(getattr(holder, name)))

    return breaks


def _gives(*places: str, what: Any = None) -> Seam:
    """It does nothing, and gives `what`."""
    return _with(*places, made=lambda _real: lambda *_given, **_named: what)


def _is(place: str, what: Any) -> Seam:
    """A number or a text has another value."""
    return _with(place, made=lambda _real: what)


def _case_after(place: str, **changes: Any) -> Seam:
    """A step leaves the case with `changes`; what is callable gets the case."""

    def changed(case: Any) -> Any:
        return case.but(**{name: value(case) if callable(value) else value for name, value in changes.items()})

    def made(real: Any) -> Any:
        def step(*given: Any, **named: Any) -> Any:
            gave = real(*given, **named)
            change, *rest = gave if isinstance(gave[0], tuple) else (gave,)
            writes = tuple(replace(one, case=changed(one.case)) if _is_case(one) else one for one in change)
            return (writes, *rest) if isinstance(gave[0], tuple) else writes

        return step

    return _with(place, made=made)


def _is_case(write: object) -> bool:
    return isinstance(write, CaseWrite)


def _without_messages(place: str, kind: type = OutboxMessage) -> Seam:
    """A step writes all but what it has to send, or other rows of a kind."""

    def made(real: Any) -> Any:
        def step(*given: Any, **named: Any) -> Any:
            gave = real(*given, **named)
            change, *rest = gave if isinstance(gave[0], tuple | list) else (gave,)
            kept = tuple(one for one in change if not isinstance(one, kind))
            return (kept, *rest) if rest else kept

        return step

    return _with(place, made=made)


def _scenes_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """What broken code made is for nobody else."""
    patch.setattr("tests.table.test_table.SHELVES", {})


def _in_the_table(seam: Seam) -> Seam:
    def breaks(patch: pytest.MonkeyPatch) -> None:
        _scenes_of_its_own(patch)
        seam(patch)

    return breaks


def _roles_unchecked(step: str) -> Seam:
    def made(check: Any) -> Any:
        return lambda policy, actor, asked: None if asked == step else check(policy, actor, asked)

    return _with("domain.review_policy.ReviewPolicy.check", made=made)


def _as_somebody_else(real: Any) -> Any:
    def approve(*given: Any, stamp: Any) -> Any:
        return real(*given, stamp=replace(stamp, actor=replace(stamp.actor, id=f"not-{stamp.actor.id}")))

    return approve


def _no_commit(real: Any) -> Any:
    def commit(transaction: Any) -> None:
        transaction.flush()
        transaction.rollback()

    return commit


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


def _alone(real: Any) -> Any:
    """Each effect has a lane of its own, whatever else is to be done with its object."""

    def effect(*given: Any, **named: Any) -> Any:
        return real(*given, **named).but(lane="")

    return effect


def _the_last_first(real: Any) -> Any:
    def fetch(shared: Any, platform: str, category: str | None, _least: int, odd: list[str]) -> Any:
        free = real(shared, platform, category, 8, odd)
        free.cases.reverse()
        return free

    return fetch


def _heads_like_others(real: Any) -> Any:
    return lambda policy, actor, step: real(policy, replace(actor, roles=actor.roles - {HEAD}), step)


def _what_was_decided_goes_on(_real: Any) -> Any:
    """Nothing is void, and whatever was decided is current."""
    return lambda *given, **named: [] if named else True


def _first_report_only(real: Any) -> Any:
    def with_report(case: Any, *given: Any, **named: Any) -> Any:
        return (case, ()) if case.sequence else real(case, *given, **named)

    return with_report


def _acts_at_once(real: Any) -> Any:
    def enter(case: Any, *given: Any) -> Any:
        change, after = real(case, *given)
        lifted = after.but(items=tuple(one.but(status="lifted", measure="") for one in after.items))
        return tuple(replace(one, case=lifted) if _is_case(one) else one for one in change), lifted

    return enter


def _with_the_address(real: Any) -> Any:
    def page(case: Any, reason: str, *given: Any, **named: Any) -> Any:
        return real(case, f"{reason} nightingale", *given, **named)

    return page


def _of_any_platform(real: Any) -> Any:
    def claim(review: Any, *given: Any, **named: Any) -> Any:
        review._platform = "social"
        return real(review, *given, **named)

    return claim


def _in_so_many_words(real: Any) -> Any:
    def next_event(*given: Any) -> Any:
        *place, data, texts = given if len(given) == 8 else (*given, None)
        return real(*place, {**data, "said": dict(texts or {})}, texts)

    return next_event


def _parked_at_once(real: Any) -> Any:
    def again(outcomes: Any, message: Any, result: Any, now: int) -> Any:
        return message.but(state="parked") if isinstance(result, Failed) else real(outcomes, message, result, now)

    return again


_T = "tests/promises/test_"
_OF_A_STEP = "tests/table/test_table.py::test_each_end_of_a_step_is_the_one_in_the_table"
_INTAKE, _CLOCK, _REVIEW, _DELIVERY = f"{_T}intake.py::", f"{_T}clock.py::", f"{_T}review.py::", f"{_T}delivery.py::"
_ORDERS, _USERS, _PRIVACY, _AUDIT = f"{_T}orders.py::", f"{_T}users.py::", f"{_T}privacy.py::", f"{_T}audit.py::"
_STORE = f"{_T}store.py::"

_RELIABILITY, _OVERVIEW, _STATES = "reliability.md", "concepts/overview.md", "concepts/states.md"
_OF_CLOCK, _OF_REVIEW, _OF_DELIVERY = "concepts/clock.md", "concepts/review.md", "concepts/delivery.md"
_DUE_PROCESS, _OF_USERS, _OF_PRIVACY = "concepts/due-process.md", "concepts/user-notice.md", "concepts/privacy.md"
_OF_AUDIT, _CHECKPOINTS, _EVIDENCE = "concepts/audit.md", "concepts/checkpoints.md", "concepts/evidence.md"
_LAW = "concepts/law-and-policy.md"

CONTROLS: tuple[Control, ...] = (
    # ------------------------------------------------------------------------------ intake, durability, the store
    Control(
        "an answer before the commit",
        "nothing is acknowledged before it is durable",
        _RELIABILITY,
        _with("adapters.sql.transaction.SqliteTransaction.commit", made=_no_commit),
        f"{_INTAKE}test_what_was_acknowledged_is_there_for_everybody",
    ),
    Control(
        "a failed commit taken for a success",
        "a commit whose outcome is unknown is looked up, and acknowledged only if it landed",
        _RELIABILITY,
        _gives("adapters.sql.transaction.SqliteTransaction.landed", what=True),
        f"{_STORE}test_a_commit_that_did_not_land_is_not_acknowledged_and_can_be_repeated",
    ),
    Control(
        "a landed commit taken for a failure",
        "what landed is acknowledged, whatever the disk answered",
        _RELIABILITY,
        _gives("adapters.sql.transaction.SqliteTransaction.landed"),
        f"{_STORE}test_a_commit_that_landed_is_acknowledged_whatever_was_answered",
    ),
    Control(
        "an unknown commit acknowledged",
        "what nobody can look up is not acknowledged",
        _RELIABILITY,
        _gives("adapters.sql.transaction.SqliteTransaction.landed", what=True),
        f"{_STORE}test_what_nobody_knows_is_not_acknowledged[False]",
    ),
    *(
        Control(
            f"nobody watches the store's file{end}",
            "nothing is acknowledged into a file that is gone",
            _RELIABILITY,
            _gives("adapters.sql.files.Files._wrong", "adapters.sql.files.Files._glance"),
            f"{_STORE}test_nothing_is_acknowledged_into_a_file_that_is_gone[{end}]",
        )
        for end in ("", "-wal", "-shm")
    ),
    Control(
        "signatures unchecked",
        "what is not authentic gets a 401 and leaves nothing but a counter",
        _OVERVIEW,
        _with(
            "wire.signature.standard_webhooks.hmac",
            made=lambda real: SimpleNamespace(digest=real.digest, compare_digest=lambda *_: True),
        ),
        f"{_INTAKE}test_what_is_not_authentic_leaves_nothing",
    ),
    Control(
        "a repeat gets another answer",
        "the same message again gets the first answer",
        _OVERVIEW,
        _with("services.admission._repeat", made=lambda real: lambda row: real(replace(row, reply=b"{}"))),
        f"{_INTAKE}test_the_same_message_again_gets_the_first_answer",
    ),
    Control(
        "a repeat in another envelope is news",
        "a notice that is known opens no second case",
        _OVERVIEW,
        _gives("services.admission._same_notice", what=False),
        f"{_INTAKE}test_the_same_notice_in_another_envelope_opens_no_second_case",
    ),
    Control(
        "a contradiction taken for a repeat",
        "nothing authentic is lost, whatever it looks like",
        _RELIABILITY,
        _gives("services.admission._same_notice", what=True),
        f"{_INTAKE}test_another_content_of_a_known_revision_is_kept_beside_it",
    ),
    Control(
        "nobody told of a quarantine",
        "a message that cannot be used goes to quarantine, and a person is alerted",
        _OVERVIEW,
        _without_messages("domain.arrivals.quarantine"),
        f"{_INTAKE}test_what_cannot_be_used_is_kept_with_its_clock_running_and_people_alerted",
    ),
    Control(
        "no clock in quarantine",
        "the clock of a message in quarantine runs",
        _OVERVIEW,
        _case_after("domain.arrivals.quarantine", watch_at=None),
        f"{_INTAKE}test_what_cannot_be_used_is_kept_with_its_clock_running_and_people_alerted",
    ),
    Control(
        "the receipt of the second",
        "of what was first unusable and later usable the receipt is that of the first",
        _OF_CLOCK,
        _with(
            "domain.arrivals.admit",
            made=lambda real: lambda case, notice, arrival, *rest: real(
                case.but(received_at=arrival.received_at), notice, arrival, *rest
            ),
        ),
        f"{_INTAKE}test_what_becomes_usable_keeps_the_receipt_of_the_first",
    ),
    Control(
        "a letter counts from its typing",
        "a letter counts from its recorded receipt at the office",
        _OF_CLOCK,
        _with("services.admission._clock", made=lambda _real: lambda _received, tx: tx.now),
        f"{_INTAKE}test_a_letter_counts_from_its_receipt_at_the_office",
    ),
    Control(
        "another platform's message",
        "a message whose envelope names another platform is quarantined",
        _OVERVIEW,
        _gives("services.intake._mismatch"),
        f"{_INTAKE}test_a_message_for_another_platform_is_quarantined",
    ),
    Control(
        "what came early is forgotten",
        "a message about a notice that has not come yet is applied when the notice arrives",
        _OVERVIEW,
        _with("services.admission.follow_waiting", made=lambda _real: lambda _tx, case, change, *_: (change, case)),
        f"{_INTAKE}test_what_comes_before_its_notice_takes_effect_with_it",
    ),
    # -------------------------------------------------------------------------------------- the clock, the ladder
    Control(
        "an amendment restarts the clock",
        "the due time does not move for an amendment while the case runs",
        _OF_CLOCK,
        _is("domain.arrivals.ENDED", frozenset(CaseState)),
        f"{_CLOCK}test_an_amendment_leaves_the_term_of_a_running_case",
    ),
    Control(
        "an ended case keeps its old term",
        "a case that had ended gets the term from the new receipt",
        _OVERVIEW,
        _is("domain.arrivals.ENDED", frozenset()),
        f"{_CLOCK}test_an_amendment_of_an_ended_case_gets_a_term_of_its_own",
    ),
    Control(
        "a reminder moves the clock",
        "the due time does not move for a reminder",
        _OF_CLOCK,
        _case_after("domain.arrivals.remind", due_at=lambda case: case.due_at + 60),
        f"{_CLOCK}test_a_reminder_does_not_move_the_clock",
    ),
    Control(
        "a question moves the clock",
        "the due time does not move for a question of ours",
        _OF_CLOCK,
        _case_after("domain.steps.request_clarification", due_at=lambda case: case.due_at + 60),
        f"{_CLOCK}test_a_question_of_ours_stops_no_clock",
    ),
    Control(
        "the clock starts with the claim",
        "the clock starts at receipt, never when somebody opens the case",
        _OF_CLOCK,
        _case_after("domain.steps.claim", due_at=lambda case: case.due_at + 3600),
        f"{_CLOCK}test_looking_and_claiming_start_no_clock",
    ),
    Control(
        "a step comes again",
        "each due step fires exactly once",
        _OF_CLOCK,
        _with(
            "domain.results.escalated",
            made=lambda real: lambda case, *given, **named: real(case, *given, **{**named, "watch_at": case.watch_at}),
        ),
        f"{_CLOCK}test_each_step_comes_once",
    ),
    Control(
        "`unclaimed_1h` on a claimed case",
        "a step for unclaimed cases leaves a claimed one alone",
        _LAW,
        _gives("domain.results.is_untouched", what=True),
        f"{_CLOCK}test_a_step_for_unclaimed_cases_leaves_a_claimed_one_alone",
    ),
    Control(
        "missed steps go to the last one's audience",
        "steps that are past already become one alert to the widest audience among them",
        _OF_CLOCK,
        _with("domain.clock.merged", made=lambda real: lambda steps: real(steps[:1])),
        f"{_CLOCK}test_steps_that_were_missed_are_one_page_to_the_widest_audience",
    ),
    Control(
        "the head is not paged",
        "half an hour before the end the head of the office is paged",
        _LAW,
        _is("domain.clock.AUDIENCES", ("moderator", "lead")),
        f"{_CLOCK}test_the_head_is_paged_before_the_end",
    ),
    Control(
        "silence after the end",
        "every hour after the end people are paged, until the case is closed",
        _LAW,
        _with(
            "domain.clock.next_step_at",
            made=lambda real: lambda ladder, **given: (
                given["after"] + 10**8 if given["after"] >= given["due_at"] else real(ladder, **given)
            ),
        ),
        f"{_CLOCK}test_people_are_paged_every_hour_after_the_end",
    ),
    Control(
        "the end of the term ends the case",
        "passing the deadline alerts people and moves nothing by itself",
        _STATES,
        _case_after("domain.results.escalate", state=CaseState.CLOSED),
        f"{_CLOCK}test_the_end_of_the_term_removes_nothing",
    ),
    Control(
        "weekends are working days",
        "working days leave out weekends and holidays",
        _LAW,
        _gives("domain.policy.Calendar.is_working", what=True),
        f"{_CLOCK}test_working_days_leave_out_the_weekend",
    ),
    Control(
        "a wish is taken for the law",
        "a shorter time that the notice asks for is never the statutory one",
        _OF_CLOCK,
        _with(
            "domain.arrivals._times",
            made=lambda real: lambda *given: {**(got := real(*given)), "due_at": got["urgent_at"]},
        ),
        f"{_CLOCK}test_a_shorter_time_that_is_asked_for_orders_the_queue_and_is_not_the_statutory_one",
    ),
    Control(
        "a wish orders nothing",
        "a shorter time that the notice asks for orders the queue",
        _OF_CLOCK,
        _with("domain.clock.urgent_at", made=lambda _real: lambda due_at, _requested: due_at),
        f"{_CLOCK}test_a_shorter_time_that_is_asked_for_orders_the_queue_and_is_not_the_statutory_one",
    ),
    Control(
        "a lifting takes a day",
        "a measure that a cancellation lifts has a clock of its own",
        _OF_CLOCK,
        _with("domain.cancellations.lift_due_at", made=lambda _real: lambda _case, _policy, at: at + 86_400),
        f"{_CLOCK}test_a_measure_that_falls_is_lifted_on_a_clock_of_its_own",
    ),
    Control(
        "decided is done",
        "the second clock runs until the receipt for the final report",
        _OF_CLOCK,
        _with(
            "domain.case_clock.clock_view",
            made=lambda real: lambda **given: real(**{**given, "receipt_at": given["decided_at"]}),
        ),
        f"{_CLOCK}test_the_second_clock_runs_until_the_receipt",
    ),
    Control(
        "a contest pauses the ladder",
        "a contest pauses nothing",
        _OF_CLOCK,
        _case_after("domain.suspensions.record_contest", watch_at=lambda case: case.watch_at + 86_400),
        f"{_CLOCK}test_a_contest_pauses_nothing",
    ),
    Control(
        "one person suspends",
        "a suspension has no effect until somebody else confirms it",
        _OF_CLOCK,
        _is("domain.contest.Suspension.pause", property(lambda one: Pause(one.from_at, one.ends_at))),
        f"{_CLOCK}test_a_suspension_has_no_effect_before_a_second_person_confirms_it",
    ),
    Control(
        "a suspension pauses nothing",
        "a suspension order pauses the term, and the stored time stays",
        _OF_CLOCK,
        _is("domain.contest.Suspension.pause", None),
        f"{_CLOCK}test_a_suspension_pauses_the_term_and_leaves_the_stored_one",
    ),
    Control(
        "nobody looks at the clock",
        "a clock that is set takes no escalation away, and people are told",
        _RELIABILITY,
        _gives("services.clock_steps.step_between"),
        f"{_CLOCK}test_a_clock_that_is_set_takes_no_page_away",
    ),
    Control(
        "the due time follows the clock",
        "the stored due time does not move with a clock that is set",
        _OF_CLOCK,
        _case_after("domain.clock_steps.replanned", due_at=lambda case: case.due_at + 60),
        f"{_CLOCK}test_a_clock_that_is_set_takes_no_page_away",
    ),
    Control(
        "a clock ahead erases",
        "nothing is erased on a clock that may be ahead",
        _OF_CLOCK,
        _with("services.privacy.time_passed", made=lambda _real: lambda tx: tx.now),
        f"{_CLOCK}test_nothing_is_erased_on_a_clock_that_may_be_ahead",
    ),
    Control(
        "a silent watcher is fine",
        "health says when the last watch is more than five minutes old",
        _OF_CLOCK,
        _is("services.health.SILENT_AFTER_S", 10**9),
        f"{_CLOCK}test_health_says_when_nobody_watches",
    ),
    # ----------------------------------------------------------------------------------------------------- review
    *(
        Control(
            f"roles unchecked: {named}",
            "a step is taken only by who has one of its roles",
            "reference/roles.md",
            _in_the_table(_roles_unchecked(step)),
            f"{_OF_A_STEP}[{named}]",
        )
        for named, step in (
            ("send_back", "send_back"),
            ("ask", "request_clarification"),
            ("recall", "request_clarification"),
            ("approve", "approve"),
            ("evidence_full", "disclose"),
        )
    ),
    Control(
        "the last case first",
        "a claim gives the most urgent free case",
        _OF_REVIEW,
        _with("adapters.sql.shared.Shared._fetch_free", made=_the_last_first),
        f"{_REVIEW}test_the_most_urgent_case_is_handed_out_first",
    ),
    Control(
        "an expired lease honoured",
        "somebody whose lease ran out gets `LeaseLost`, and nothing is written",
        _OF_REVIEW,
        _with(
            "domain.steps.check_lease",
            "domain.deciding.check_lease",
            made=lambda check: lambda case, token, stamp: check(case, token, replace(stamp, at=0)),
        ),
        f"{_REVIEW}test_a_lease_that_ran_out_writes_nothing",
    ),
    Control(
        "any token is good",
        "a late request of an earlier holder is not mistaken for the present one's",
        _OF_REVIEW,
        _with(
            "domain.deciding.propose",
            made=lambda real: lambda case, _token, *rest, **named: real(case, case.lease_token, *rest, **named),
        ),
        f"{_REVIEW}test_the_token_of_an_earlier_lease_is_good_for_nothing",
    ),
    Control(
        "letters are taken for signed",
        "no measure before somebody other than the typist has recorded how authenticity was checked",
        _OF_REVIEW,
        _with(
            "domain.deciding.propose",
            made=lambda real: lambda case, *given, **named: real(case.but(authenticity="signed"), *given, **named),
        ),
        f"{_REVIEW}test_a_measure_takes_a_notice_whose_authenticity_is_verified",
    ),
    *(
        Control(
            f"one person: {step}",
            "a second person is another person than the first",
            page,
            _with(place, made=lambda check: lambda first, *rest: check([], *rest)),
            f"{_REVIEW}test_a_second_person_is_another_one[{step}]",
        )
        for step, page, place in (
            ("vouching", _OF_REVIEW, "domain.letters_in.check_another"),
            ("correcting a receipt", _OF_CLOCK, "domain.office_steps.check_another"),
            ("vouching for a letter", _OF_REVIEW, "domain.letters_in.check_another"),
            ("confirming a suspension", _OF_CLOCK, "domain.suspensions.check_another"),
            ("agreeing to an erasure", _OF_PRIVACY, "domain.retention.check_another"),
            ("ending an appeal", _OF_USERS, "domain.appeals.check_another"),
        )
    ),
    Control(
        "the proposer approves",
        "the proposer cannot approve; that is checked in the code and again by the database",
        _OF_REVIEW,
        _with("domain.deciding.approve", made=_as_somebody_else),
        f"{_REVIEW}test_a_second_person_is_another_one[approving]",
    ),
    Control(
        "accounts count for nothing",
        "one account is never two pairs of eyes",
        _DUE_PROCESS,
        _with(
            "domain.persons.check_another",
            made=lambda check: lambda first, *rest: check([replace(one, account="") for one in first], *rest),
        ),
        f"{_REVIEW}test_one_account_is_never_two_persons",
    ),
    Control(
        "four eyes for nothing",
        "what may touch political speech has a second pair of eyes",
        _LAW,
        _gives("domain.policy.Policy.needs_four_eyes", "domain.deciding.needs_second", what=False),
        f"{_REVIEW}test_political_speech_takes_two_persons",
    ),
    Control(
        "a lawyer is not asked",
        "where a case has legal review a measure takes a lawyer among the two",
        _DUE_PROCESS,
        _gives("domain.deciding.check_approver"),
        f"{_REVIEW}test_legal_review_takes_a_lawyer",
    ),
    Control(
        "any place is outside",
        "an approver can be required from outside the country",
        _DUE_PROCESS,
        _gives("domain.deciding.check_approver"),
        f"{_REVIEW}test_an_approver_outside_the_country_can_be_required",
    ),
    Control(
        "the head decides alone",
        "the head of the office is never the sole decider",
        _DUE_PROCESS,
        _gives("domain.deciding.needs_second", what=False),
        f"{_REVIEW}test_what_the_head_proposes_takes_a_second_person",
    ),
    Control(
        "the head approves",
        "the head never approves, whatever other roles the account has",
        _DUE_PROCESS,
        _with("domain.review_policy.ReviewPolicy.check", made=_heads_like_others),
        f"{_REVIEW}test_the_head_never_approves_whatever_else_they_are",
    ),
    Control(
        "an approval of whatever is there",
        "an approval names the digest of the proposal that was seen",
        _OF_REVIEW,
        _with(
            "domain.deciding.approve",
            made=lambda real: lambda case, _digest, decision, *rest, **named: real(
                case, decision.digest, decision, *rest, **named
            ),
        ),
        f"{_REVIEW}test_an_approval_is_of_what_was_seen",
    ),
    Control(
        "no legal check",
        "no measure without an answered legal check",
        _OF_REVIEW,
        _gives("domain.deciding.rests_on"),
        f"{_REVIEW}test_a_measure_takes_an_answered_legal_check",
    ),
    *(
        Control(
            f"an answer bars nothing: {answer}",
            "an answer that bars local law rules out a measure on that ground",
            _OF_REVIEW,
            _gives("domain.lawfulness.barring", what=()),
            f"{_REVIEW}test_an_answer_that_bars_local_law_bars_the_measure[{answer}]",
        )
        for answer in ("protected_speech", "proportionate")
    ),
    Control(
        "unclear is clear enough",
        'an "unclear" anywhere brings in a second person',
        _OF_REVIEW,
        _gives("domain.lawfulness.is_unclear", what=False),
        f"{_REVIEW}test_what_is_unclear_takes_a_second_person",
    ),
    Control(
        "answers overruled alone",
        "nobody overrules another's answers alone",
        _OF_REVIEW,
        _gives("domain.lawfulness._is_contradicted", what=False),
        f"{_REVIEW}test_nobody_overrules_anothers_answers_alone",
    ),
    *(
        Control(
            f"contradictions pass: {what}",
            "contradictions are refused with the field and the remedy",
            _OF_REVIEW,
            _gives("domain.deciding.check_proposal"),
            f"{_REVIEW}test_a_proposal_that_contradicts_itself_is_refused[{what}]",
        )
        for what in ("finding", "reasons", "scope")
    ),
    Control(
        "worldwide by default",
        "a measure that rests on local law applies in Kazakhstan alone",
        _OF_REVIEW,
        _with(
            "domain.deciding._as_decided",
            made=lambda real: lambda *given, **named: real(*given, **named).but(scope=("*",)),
        ),
        f"{_REVIEW}test_a_measure_applies_in_kazakhstan_alone",
    ),
    Control(
        "one person worldwide",
        "a measure outside Kazakhstan takes a second person",
        _LAW,
        _with(
            "domain.policy.Policy.needs_four_eyes",
            made=lambda real: lambda policy, category, *, worldwide, flags: real(
                policy, category, worldwide=False, flags=flags
            ),
        ),
        f"{_REVIEW}test_a_measure_beyond_kazakhstan_takes_two_persons",
    ),
    Control(
        "nobody read what leaves",
        "whoever proposes confirms that the outgoing text names no user and no reporter",
        _DUE_PROCESS,
        _gives("domain.deciding.check_proposal"),
        f"{_REVIEW}test_what_leaves_was_read_by_a_person",
    ),
    *(
        Control(
            f"names pass: {text}",
            "a text that holds an account, an address or a number of somebody is refused",
            _DUE_PROCESS,
            _gives("domain.identities._Named.found_in"),
            f"{_REVIEW}test_what_leaves_names_nobody[{text}]",
        )
        for text in ("Пишите на a.b@social.example", "Звоните +7 701 123-45-67", "Удалено у @petrov")
    ),
    Control(
        "bulk under legal review",
        "under legal review reasons that were copied from item to item are refused",
        _DUE_PROCESS,
        _gives("domain.bulk.is_off", what=False),
        f"{_REVIEW}test_each_item_of_a_legal_review_has_its_own_reasons",
    ),
    Control(
        "whatever the content is now",
        "if the content is another, nothing is carried out",
        _OF_DELIVERY,
        _gives("services.delivery.Delivery._other_content"),
        f"{_REVIEW}test_content_that_changed_is_not_acted_on",
    ),
    Control(
        "no undo window",
        "nothing is carried out before the undo window has passed",
        _OVERVIEW,
        _with(
            "domain.deciding.effect",
            made=lambda real: lambda case, item, kind, _start, stamp, **named: real(
                case, item, kind, stamp.at, stamp, **named
            ),
        ),
        f"{_REVIEW}test_nothing_leaves_inside_the_undo_window",
    ),
    Control(
        "undo whenever",
        "after the first attempt has begun there is nothing to undo",
        _OF_REVIEW,
        _with(
            "domain.deciding.undo",
            made=lambda real: lambda case, messages, *rest, **named: real(
                case, [one.but(state="queued", attempts=0) for one in messages], *rest, **named
            ),
        ),
        f"{_REVIEW}test_what_has_begun_is_not_undone",
    ),
    Control(
        "reopening forgets what is in force",
        "measures in force stay until the new decision says otherwise",
        _OF_REVIEW,
        _case_after(
            "domain.office_steps.reopen", items=lambda case: tuple(one.but(measure="") for one in case.items)
        ),
        f"{_REVIEW}test_reopening_lifts_nothing",
    ),
    Control(
        "what is gone is called restored",
        "a report never says `restored` of a measure that can never be lifted",
        _OF_REVIEW,
        _with(
            "domain.messages._gone",
            made=lambda real: lambda name, item, case: real(name, item, case).model_copy(
                update={"outcome": "restored", "action": "restore", "cannot_comply": None}
            ),
        ),
        f"{_REVIEW}test_what_can_never_be_lifted_is_not_reported_as_restored",
    ),
    # --------------------------------------------------------------------------------------------------- delivery
    Control(
        "a failure is in force",
        "a report that says so is queued only when the platform has answered `in force since`",
        _OF_DELIVERY,
        _with("services.delivery.checked", made=_failures_taken_for_success),
        f"{_DELIVERY}test_nothing_is_reported_before_it_is_in_force",
    ),
    Control(
        "nothing early",
        "if the deadline comes near, an interim report is offered to people",
        _OF_DELIVERY,
        _gives("domain.results.interim_due", what=False),
        f"{_DELIVERY}test_what_is_settled_is_reported_early_only_if_a_person_says_so",
    ),
    Control(
        "no order for an object",
        "an effect waits until the earlier one on its object is settled",
        _OVERVIEW,
        _with("domain.deciding.effect", made=_alone),
        f"{_DELIVERY}test_effects_on_one_object_wait_for_each_other",
    ),
    Control(
        "sent again without a look",
        "before anything is sent again the regulator is asked whether it holds the message",
        _OF_DELIVERY,
        _with("services.delivery.Delivery._call", made=_never_looked_up),
        f"{_DELIVERY}test_an_unknown_outcome_is_looked_up_before_it_is_sent_again",
    ),
    Control(
        "an id for each try",
        "a message has the same id on every try, and each confirmation is in the regulator's books once",
        _RELIABILITY,
        _with("services.delivery.Delivery._call", made=_own_ids_for_each_try),
        f"{_DELIVERY}test_a_message_has_the_same_id_on_every_try",
    ),
    Control(
        "tries are not recorded",
        "every attempt is recorded",
        _OF_DELIVERY,
        _without_messages("services.outcomes.Outcomes.record", Attempt),
        f"{_DELIVERY}test_every_try_is_recorded",
    ),
    Control(
        "as seldom near the deadline",
        "attempts become denser as the deadline nears",
        _OF_DELIVERY,
        _with(
            "services.outcomes.next_attempt_at",
            "domain.breaker.next_attempt_at",
            made=lambda _real: lambda now, *_: now + 900,
        ),
        f"{_DELIVERY}test_tries_become_denser_as_the_deadline_nears",
    ),
    Control(
        "given up past the deadline",
        "nothing that is owed is given up",
        _OF_DELIVERY,
        _with("services.outcomes.next_attempt_at", made=_given_up),
        f"{_DELIVERY}test_nothing_that_is_owed_is_given_up",
    ),
    Control(
        "any receipt closes",
        "a case is closed by the receipt for its final report",
        _OVERVIEW,
        _gives("domain.results._is_final_report", what=True),
        f"{_DELIVERY}test_only_the_receipt_for_the_final_report_closes_a_case",
    ),
    Control(
        "a refusal is dropped",
        "a refused final report sends the case back to review, and people are alerted",
        _OF_DELIVERY,
        _gives("domain.results.reject", what=()),
        f"{_DELIVERY}test_what_is_refused_for_good_is_parked_shown_and_decided_anew",
    ),
    Control(
        "an overtaken report leaves",
        "a report that was overtaken is not sent for the first time",
        _OF_DELIVERY,
        _gives("services.delivery.is_superseded", what=False),
        f"{_DELIVERY}test_an_overtaken_report_is_not_sent_for_the_first_time",
    ),
    Control(
        "no breaker",
        "after five failures in a row one message at a time goes through as a probe",
        _OF_DELIVERY,
        _is("domain.breaker.OPENS_AFTER", 10**6),
        f"{_DELIVERY}test_a_regulator_that_does_not_answer_is_left_alone_but_for_one_probe",
    ),
    Control(
        "1970 is a time like any other",
        "a time that cannot be parks its message, and people are alerted",
        _OF_DELIVERY,
        _gives("services.outcomes.wrong_time", what=""),
        f"{_DELIVERY}test_a_time_that_cannot_be_parks_what_came_with_it",
    ),
    Control(
        "letters deliver themselves",
        "only the record of a person is the receipt for a letter",
        _OF_DELIVERY,
        _with(
            "adapters.by_hand.ByHand.send",
            made=lambda _real: lambda _self, message: Delivered("by itself", message.created_at, b"{}"),
        ),
        f"{_DELIVERY}test_a_letter_is_delivered_when_a_person_records_it",
    ),
    Control(
        "nobody hears of what cannot be done",
        "a measure that can never be carried out goes back to review, and people are alerted",
        _OF_DELIVERY,
        _gives("domain.results.measure_failed", what=()),
        f"{_DELIVERY}test_what_can_never_be_carried_out_goes_back_to_review",
    ),
    Control(
        "a lifting is given up",
        "what must be lifted is never given up",
        _OF_DELIVERY,
        _with("services.outcomes.Outcomes._again", made=_parked_at_once),
        f"{_DELIVERY}test_what_must_be_lifted_is_never_given_up",
    ),
    Control(
        "reports leave after a hand-over",
        "of a demand for user data nothing leaves but the acknowledgement",
        _DUE_PROCESS,
        _with(
            "domain.duress.void",
            made=lambda real: lambda messages, stamp, *, kinds: real(messages, stamp, kinds=("clarification",)),
        ),
        f"{_DELIVERY}test_a_report_that_was_worded_before_does_not_leave_after_a_demand_was_handed_over",
    ),
    Control(
        "everybody takes a demand for user data",
        "a demand for user data is claimed by a lawyer alone",
        _DUE_PROCESS,
        _gives("domain.steps.check_claimer"),
        f"{_DELIVERY}test_a_demand_for_user_data_is_a_lawyers_and_only_acknowledged",
    ),
    Control(
        "a demand for user data is answered",
        "a demand for user data is never answered through this library",
        _DUE_PROCESS,
        _gives("domain.deciding.check_answerable"),
        f"{_DELIVERY}test_a_demand_for_user_data_is_a_lawyers_and_only_acknowledged",
    ),
    # ------------------------------------------------------------- orders that fall, are suspended or are pressed
    *(
        Control(
            f"a fallen order lifts nothing: {effect}",
            "what only a withdrawn or annulled order held is lifted at once, and that is reported",
            _OVERVIEW,
            _gives("domain.cancellations._lifts", what=False),
            f"{_ORDERS}test_what_only_a_fallen_order_held_is_lifted_and_that_is_reported[{effect}]",
        )
        for effect in ("withdrawn", "annulled")
    ),
    Control(
        "other orders are overlooked",
        "a measure that another case holds as well stays",
        _OVERVIEW,
        _with(
            "domain.cancellations._stop",
            made=lambda real: lambda case, item, effect_of, standing, *rest: real(
                case, item, effect_of, replace(standing, held_by_others=()), *rest
            ),
        ),
        f"{_ORDERS}test_what_another_order_holds_stays",
    ),
    Control(
        "own terms fall with the order",
        "a measure that rests on the platform's own terms stays",
        _OVERVIEW,
        _with(
            "domain.cancellations._stop",
            made=lambda real: lambda case, item, *rest: real(case, item.but(ground="local_law"), *rest),
        ),
        f"{_ORDERS}test_what_rests_on_the_platforms_own_terms_stays",
    ),
    Control(
        "what was remedied comes back",
        "an item whose fault was remedied is not published again",
        _OVERVIEW,
        _with("domain.cancellations._lifts", made=lambda _real: lambda effect_of, _item: effect_of is not None),
        f"{_ORDERS}test_what_was_remedied_is_not_published_again",
    ),
    Control(
        "a missing effect is a withdrawal",
        "without an effect nothing in force is touched, and a person is alerted to ask",
        _OVERVIEW,
        _with(
            "domain.cancellations._stop",
            made=lambda real: lambda case, item, effect_of, *rest: real(case, item, effect_of or "withdrawn", *rest),
        ),
        f"{_ORDERS}test_a_cancellation_without_an_effect_lifts_nothing_and_people_are_told",
    ),
    Control(
        "what was cancelled is decided all the same",
        "with a cancellation undecided items stop",
        _OVERVIEW,
        _case_after("domain.arrivals.cancel", state=CaseState.QUEUED),
        f"{_ORDERS}test_nothing_is_decided_any_more_of_what_was_cancelled",
    ),
    Control(
        "a measure on an order that fell",
        "a measure on the ground of local law is refused for an item whose order fell",
        _DUE_PROCESS,
        _gives("domain.deciding.check_orders", what=True),
        f"{_ORDERS}test_no_measure_rests_on_an_order_that_fell",
    ),
    Control(
        "one person acts on an order that fell",
        "a measure for an item whose order fell takes two persons",
        _DUE_PROCESS,
        _with("domain.deciding.check_orders", made=lambda real: lambda *given: real(*given) and False),
        f"{_ORDERS}test_no_measure_rests_on_an_order_that_fell",
    ),
    Control(
        "an amendment leaves what was decided",
        "what was decided but not carried out is void with a new revision",
        _OVERVIEW,
        _with("domain.results.is_current", "domain.naming.void", made=_what_was_decided_goes_on),
        f"{_ORDERS}test_an_amendment_takes_back_what_was_not_carried_out",
    ),
    Control(
        "what is named no longer stays",
        "items that a new revision no longer names are lifted",
        _OVERVIEW,
        _with("domain.arrivals.stop", made=lambda _real: lambda _case, item, *_: (item, [])),
        f"{_ORDERS}test_what_an_amendment_no_longer_names_is_lifted",
    ),
    *(
        Control(
            f"news changes nothing: {what}",
            "what has not begun waits for a second person",
            _DUE_PROCESS,
            _with(f"services.{service}.withheld", made=lambda _real: lambda _tx, change, case, *_: (change, case)),
            f"{_ORDERS}{test}",
        )
        for what, service, test in (
            ("a suspension", "contests", "test_a_suspension_holds_back_what_has_not_begun"),
            ("an instruction", "care", "test_an_instruction_holds_back_what_one_person_decided"),
        )
    ),
    Control(
        "pressed, and alone",
        "after a recorded instruction a measure takes a second person",
        _DUE_PROCESS,
        _case_after("domain.duress.record_instruction", flags=()),
        f"{_ORDERS}test_a_measure_after_an_instruction_takes_two_persons",
    ),
    Control(
        "an alarm that nobody hears",
        "an alarm pages a lead and a lawyer, in every state of a case",
        _DUE_PROCESS,
        _without_messages("domain.duress.raise_alarm"),
        f"{_ORDERS}test_an_alarm_calls_a_lead_and_a_lawyer_in_every_state",
    ),
    Control(
        "nobody at night",
        "a notice that takes two persons while no approver is on duty pages people at intake",
        _DUE_PROCESS,
        _gives("services.admission.pages_at_intake", what=()),
        f"{_ORDERS}test_a_night_without_an_approver_is_found_out_at_intake",
    ),
    Control(
        "a letter acts by itself",
        "a letter changes nothing until somebody other than its typist has vouched for it",
        _OF_REVIEW,
        _with("domain.letters_in.enter_letter", made=_acts_at_once),
        f"{_REVIEW}test_a_letter_about_a_running_case_changes_nothing_by_itself",
    ),
    Control(
        "a contest decides",
        "what follows from a contest that was granted, a person decides, and people are told",
        _OF_CLOCK,
        _without_messages("domain.suspensions.settle_contest"),
        f"{_ORDERS}test_a_contest_decides_nothing",
    ),
    Control(
        "a suspension lifts",
        "a suspension lifts nothing by itself",
        _OF_CLOCK,
        _case_after(
            "domain.suspensions.confirm_suspension",
            items=lambda case: tuple(one.but(status="lifted", measure="") for one in case.items),
        ),
        f"{_CLOCK}test_a_suspension_lifts_nothing",
    ),
    Control(
        "the first decider decides the appeal",
        "an appeal is never decided by the first decider",
        _OF_USERS,
        _gives("domain.appeals._check_other"),
        f"{_ORDERS}test_whoever_decided_first_never_decides_the_appeal",
    ),
    Control(
        "a reversal is not reported",
        "after a reversal the regulator gets a corrected final report with the next `sequence`",
        _OF_USERS,
        _with("domain.results.with_report", made=_first_report_only),
        f"{_ORDERS}test_an_appeal_that_succeeds_lifts_and_is_reported",
    ),
    Control(
        "an appeal waits in silence",
        "people are alerted two days before an appeal is due, and when it is past",
        _OF_USERS,
        _gives("domain.appeals._reminders", what=()),
        f"{_ORDERS}test_people_are_told_of_an_appeal_that_waits",
    ),
    # ---------------------------------------------------------------------------------------------------- users
    Control(
        "users are not told",
        "whoever is met by a measure is told of it, at once, and by name of the authority",
        _OF_USERS,
        _gives("domain.user_notices.of_measure", what=()),
        f"{_USERS}test_the_user_is_told_at_once_and_by_name_of_the_authority",
    ),
    Control(
        "whatever the authority wrote",
        "a part of a notice to a user that holds somebody's identity is left out, and people are alerted",
        _OF_USERS,
        _gives("domain.identities._Named.found_in"),
        f"{_USERS}test_what_an_authority_wrote_about_a_person_is_left_out",
    ),
    Control(
        "silence for the asking",
        "without a basis or an end for the silence the user is told after a day",
        _OF_USERS,
        _with("domain.user_notices.plan", made=lambda _real: lambda _notice, _telling, now: Plan("off", now)),
        f"{_USERS}test_a_silence_without_a_basis_ends_after_a_day",
    ),
    Control(
        "a delay without an end",
        "a delay ends at most 42 days ahead",
        _OF_USERS,
        _with(
            "domain.user_notice_delays.delay",
            made=lambda real: lambda *given, **named: real(
                *given[:-1], given[-1].model_copy(update={"longest_delay_s": 10**9}), **named
            ),
        ),
        f"{_USERS}test_a_delay_has_an_end_and_a_lawyer",
    ),
    Control(
        "anybody delays",
        "a person's delay takes the role `legal`",
        _OF_USERS,
        _roles_unchecked("delay_user_notice"),
        f"{_USERS}test_a_delay_has_an_end_and_a_lawyer",
    ),
    Control(
        "the head ends an appeal",
        "the head of the office ends no appeal",
        _OF_USERS,
        _with("domain.review_policy.ReviewPolicy.check", made=_heads_like_others),
        f"{_USERS}test_the_head_ends_no_appeal",
    ),
    # ----------------------------------------------------------------------------- personal data, safety of people
    Control(
        "plain cells",
        "what an authority wrote lies in the file encrypted with a key of the case",
        _OF_PRIVACY,
        _with("adapters.sql.private.PrivateRows._seal", made=lambda _real: lambda _self, _name, plain, *_: plain),
        f"{_PRIVACY}test_nothing_personal_lies_in_the_file_in_the_clear",
    ),
    Control(
        "erased in name only",
        "at the end of retention the key is destroyed and the cells are emptied",
        _OF_PRIVACY,
        _without_messages("domain.retention.erase", CaseErased),
        f"{_PRIVACY}test_at_its_end_personal_data_goes_and_what_happened_stays",
    ),
    Control(
        "erased before its time",
        "a case with a measure in force is kept for 1095 days after its end",
        _OF_PRIVACY,
        _gives("domain.retention.class_of", what="closed"),
        f"{_PRIVACY}test_nothing_goes_before_its_time",
    ),
    Control(
        "no secure delete",
        "the pages of what was erased are overwritten",
        _OF_PRIVACY,
        _is("adapters.sql.writing._OVERWRITE_ALL", "PRAGMA secure_delete = OFF"),
        f"{_PRIVACY}test_what_was_erased_is_overwritten",
    ),
    Control(
        "a hold holds nothing",
        "retention never touches a case that a legal hold keeps",
        _OF_PRIVACY,
        _gives("domain.retention.is_held", what=False),
        f"{_PRIVACY}test_a_legal_hold_and_an_open_contest_keep_a_case",
    ),
    Control(
        "a contest keeps nothing",
        "retention never touches a case that an open contest keeps",
        _OF_PRIVACY,
        _gives("domain.retention.is_contested", what=False),
        f"{_PRIVACY}test_a_legal_hold_and_an_open_contest_keep_a_case",
    ),
    Control(
        "a hold is cut short by another",
        "a new hold can make it longer and not shorter",
        _OF_PRIVACY,
        _gives("domain.retention.is_held", what=False),
        f"{_PRIVACY}test_a_new_hold_is_never_shorter",
    ),
    Control(
        "erased while in force",
        "an early erasure is refused while a measure is in force",
        _OF_PRIVACY,
        _gives("domain.retention._refuse_what_is_needed"),
        f"{_PRIVACY}test_a_measure_in_force_stops_an_early_erasure",
    ),
    Control(
        "one person erases",
        "an early erasure takes two people",
        _OF_PRIVACY,
        _gives("domain.retention.check_another"),
        f"{_PRIVACY}test_an_early_erasure_takes_two_people",
    ),
    Control(
        "colleagues by name",
        "in an export the people of the office are numbers",
        _OF_PRIVACY,
        _with(
            "services.privacy.export_document",
            made=lambda real: lambda case, records, **_named: real(case, records, with_staff=True),
        ),
        f"{_PRIVACY}test_what_is_taken_out_is_on_record_and_names_no_colleague",
    ),
    Control(
        "packs for everybody",
        "a full evidence pack takes somebody who may disclose",
        _OF_AUDIT,
        _roles_unchecked("disclose"),
        f"{_PRIVACY}test_a_pack_names_nobody_unless_somebody_answers_for_it",
    ),
    Control(
        "alerts that tell",
        "an alert carries the case reference and a reason code, no content and no names",
        _OF_CLOCK,
        _with("domain.results.page", made=_with_the_address),
        f"{_PRIVACY}test_an_alert_carries_a_reference_and_a_code_alone",
    ),
    Control(
        "logs that tell",
        "no log line holds what somebody else's code said",
        _RELIABILITY,
        _with("services.delivery.kind_and_place", made=lambda _real: repr),
        f"{_PRIVACY}test_no_log_line_holds_what_the_platforms_code_said",
    ),
    # ------------------------------------------------------------------------------------------ the audit trail
    Control(
        "a view leaves no trace",
        "every step of a case is an event, and so is who looked at it",
        _OF_AUDIT,
        _gives("services.evidence.Evidence.record_view", what=True),
        f"{_AUDIT}test_every_step_is_an_event",
    ),
    Control(
        "reasons in the chain",
        "what people wrote enters an event only as a salted digest",
        _OF_AUDIT,
        _with("domain.case.next_event", made=_in_so_many_words),
        f"{_AUDIT}test_what_people_wrote_is_in_the_chain_as_a_digest_alone",
    ),
    *(
        Control(
            f"the trail is not read: {what}",
            "whatever is changed behind the library's back is found and named",
            page,
            _gives("domain.proofs.check", what=()),
            f"{_AUDIT}test_what_is_changed_behind_its_back_is_found[{what}]",
        )
        for what, page in (
            ("event", _OF_AUDIT),
            ("no event", _OF_AUDIT),
            ("due time", _OF_AUDIT),
            ("decision", _EVIDENCE),
            ("message", _EVIDENCE),
            ("text", _OF_AUDIT),
        )
    ),
    Control(
        "checkpoints unread",
        "what no event speaks of is held against the checkpoints",
        _CHECKPOINTS,
        _with("services.verifying.check_case", made=lambda _real: lambda *_: []),
        f"{_AUDIT}test_a_row_of_which_no_event_speaks_is_held_by_the_checkpoint",
    ),
    Control(
        "nobody asks outside",
        "an old backup in the place of the store is found with a checkpoint from outside",
        _CHECKPOINTS,
        _gives("domain.audit_log._hold_outside"),
        f"{_AUDIT}test_an_old_backup_is_found_by_a_checkpoint_that_was_kept_elsewhere",
    ),
    Control(
        "reports without a checkpoint",
        "each report carries `size` and `root` of the last checkpoint",
        _CHECKPOINTS,
        _with("services.loading.with_checkpoint", made=lambda _real: lambda _tx, respondent: respondent),
        f"{_AUDIT}test_a_report_carries_the_head_and_the_last_checkpoint",
    ),
    Control(
        "platforms see each other",
        "of two platforms in one file neither sees the other's cases",
        _OVERVIEW,
        _with("services.review.Review.claim", made=_of_any_platform),
        f"{_STORE}test_two_platforms_see_and_change_only_their_own",
    ),
    Control(
        "small counts are shown",
        "no small count is shown or follows from what is",
        "guides/transparency.md",
        _gives("domain.transparency.hide", what={}),
        "tests/unit/test_transparency_report.py::test_no_small_count_is_shown_or_follows_from_what_is[0]",
    ),
)
