"""The clock of a case whose term was paused. The ladder runs in running time: while the order stands suspended, it
stands still, and then goes on with what was left.

Where the host's clock was set while a case ran (`clock_steps.py`), all of its ladder is later by `clock_shift_s`.

The stored `due_at` is never touched. What is later by the pause is `urgent_at`, so that the queue follows, and the time
of the next watch. While the term stands still `running_watch_at` holds where the ladder stopped, on the clock as if
nothing had been paused, and the watch only looks whether the suspension lasts. Once a term was paused, the shorter time
that the sender had asked for counts no more: a wish does not outlive the suspension of its order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from kz_compliance_sdk.domain import clock, fold
from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, happened, moved
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.clock import ClockView, clock_view
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.policy import Policy


class LadderTimes(TypedDict):
    """Where the ladder of a case begins and ends."""

    received_at: int
    due_at: int
    requested_due_at: int | None


def pauses_of(case: Case) -> tuple[clock.Pause, ...]:
    """The pauses of a case's term: its confirmed suspensions."""
    return tuple(pause for one in case.suspensions if (pause := one.pause) is not None)


def shown_due_at(case: Case, at: int) -> int:
    """The statutory time, later by what was paused until `at`."""
    pauses = pauses_of(case)
    if not pauses:
        return case.due_at
    return clock.paused_due_at(case.due_at, received_at=case.received_at, pauses=pauses, at=at)


def stands_still(case: Case, at: int) -> bool:
    """Whether the term is paused at `at`. It is not if it had run out before the suspension began."""
    return shown_due_at(case, at + 1) > shown_due_at(case, at)


def is_lifting(case: Case) -> bool:
    """Whether the time to lift leads."""
    return case.lift_due_at is not None and case.state in (CaseState.LIFTING, CaseState.LIFTED)


def term_times(case: Case) -> LadderTimes:
    """What the ladder of a case counts from, as if nothing had been paused."""
    shift_s, requested = case.clock_shift_s, case.requested_due_at
    return {
        "received_at": case.escalates_from + shift_s,
        "due_at": case.due_at + shift_s,
        "requested_due_at": None if requested is None else requested + shift_s,
    }


def ladder_times(case: Case, at: int) -> LadderTimes:
    """What the ladder of a case that does not stand still counts from at `at`."""
    times = term_times(case)
    if is_lifting(case) and case.lift_due_at is not None:
        return {**times, "due_at": case.lift_due_at + case.clock_shift_s, "requested_due_at": None}
    if not pauses_of(case):
        return times
    paused_s = shown_due_at(case, at) - case.due_at
    return {
        "received_at": times["received_at"] + paused_s,
        "due_at": times["due_at"] + paused_s,
        "requested_due_at": None,
    }


def next_look(case: Case, at: int) -> int:
    """When the watch must look at a paused case again: at the end of its suspension, or to ask whether it lasts."""
    ends = [one.ends_at for one in case.suspensions if one.has_effect(at)]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) and known else at + clock.LOOK_S


def is_over(case: Case, at: int) -> bool:
    """Whether the case still says that its order is suspended, and it is no longer. Whether its term ever stood still
    is another question: it does not where it had run out before, nor once the case has ended."""
    return "suspended" in case.flags and not any(one.has_effect(at) for one in case.suspensions)


def woken(case: Case, step_at: int, at: int) -> int:
    """When the watch must look at a case whose ladder runs on: at its next step, or at the end of a suspension."""
    if "suspended" not in case.flags:
        return step_at
    return min(step_at, at if is_over(case, at) else next_look(case, at))


def ladder_stopped_at(case: Case, at: int) -> int | None:
    """The time of the next step, on the clock as if nothing had been paused; None once the case has ended."""
    if case.watch_at is None:
        return None
    if case.running_watch_at is not None:
        return case.running_watch_at
    return case.watch_at - (shown_due_at(case, at) - case.due_at) - case.clock_shift_s


def planned(case: Case, stopped_at: int | None, at: int) -> Case:
    """The case with its next watch as its suspensions have them at `at`, where the ladder is at
    `stopped_at` on the clock as if nothing had been paused."""
    if stopped_at is None:
        return case.but(running_watch_at=None)
    if stands_still(case, at):
        return case.but(running_watch_at=stopped_at, watch_at=next_look(case, at))
    watch_at = stopped_at + shown_due_at(case, at) - case.due_at + case.clock_shift_s
    return case.but(running_watch_at=None, watch_at=woken(case, watch_at, at))


def next_stop(case: Case, policy: Policy, at: int) -> int:
    """The time of the step that comes after `at`, on the clock as if nothing had been paused."""
    ran_until = at - (shown_due_at(case, at) - case.due_at) - case.clock_shift_s
    requested = None if pauses_of(case) else case.requested_due_at
    times: LadderTimes = {"received_at": case.escalates_from, "due_at": case.due_at, "requested_due_at": requested}
    return clock.next_step_at(policy.ladder, after=ran_until, **times)


def replanned(case: Case, policy: Policy, at: int) -> Case:
    """The case after a step that set its times as if nothing had been paused: now with its pauses."""
    if not pauses_of(case) or case.watch_at is None:
        return case
    return planned(case, next_stop(case, policy, at), at)


def on_the_term_again(case: Case, policy: Policy, at: int) -> dict[str, Any]:
    """The time to lift no longer leads where something is to be decided: what is lifted keeps its own deadline. The
    ladder of the term goes on where the decision left it."""
    if case.lift_due_at is None:
        return {}
    after = at if case.decided_at is None else case.decided_at
    return {"watch_at": clock.next_step_at(policy.ladder, after=after, **term_times(case))}


def resumed(case: Case, stamp: Stamp) -> tuple[Case, tuple[Happened, ...]]:
    """A case of which a suspension is over goes on with what was left of its term, unless the time to lift leads; and
    what is told of that: the clock ended it, whoever comes upon it. Any other stays."""
    if not is_over(case, stamp.at):
        return case, ()
    told = happened(case, office.SuspensionWatched(over=True), stamp, by=SYSTEM)
    after = moved(case, None, told)
    stood_still = case.running_watch_at is not None and not is_lifting(case)
    return planned(after, case.running_watch_at, stamp.at) if stood_still else after, (told,)


def clock_of(case: Case, messages: Iterable[OutboxMessage], now: int) -> ClockView:
    """The clocks at `now` (UTC seconds). `messages` are the case's own; the last receipt of a report ends the second
    clock once the case is closed."""
    final = [message.settled_at for message in messages if message.kind == "report" and message.state == "done"]
    return clock_view(
        received_at=case.received_at,
        due_at=case.due_at,
        now=now,
        requested_due_at=case.requested_due_at,
        decided_at=case.decided_at,
        receipt_at=final[-1] if final and case.closed_at is not None else None,
        pauses=pauses_of(case),
    )


def clock_in_lists(case: Case, now: int) -> ClockView:
    """The clocks of a case where its messages are not at hand. An ended case stands still where it ended."""
    return clock_view(
        received_at=case.received_at,
        due_at=case.due_at,
        now=now,
        requested_due_at=case.requested_due_at,
        decided_at=case.decided_at or case.closed_at,
        receipt_at=case.closed_at,
        pauses=pauses_of(case),
    )


def steps_of(case: fold.Case) -> list[fold.Step]:
    """The steps of the ladder that fired, in their order."""
    return sorted(case.steps.values(), key=lambda one: (one.fired_at, one.step))
