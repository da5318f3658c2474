"""The clock: when a notice is due, which escalation steps have come, and how much time is left.

Every time is an `int` of UTC seconds and every duration an `int` of seconds. The moment a notice was received and
the term of the policy give `due_at` once; nothing in here moves it. Asia/Almaty is needed only for the end of a
working day and for display, and comes from the `tzdata` package: a host's own zone data can be older than
2024-03-01, when all of Kazakhstan went to +05:00, and would be an hour wrong.

The ladder runs on two clocks. `due` is the statutory one. `requested` is a shorter time asked for by the notice
itself: it has the steps before and after it, but not those counted from receipt, and its repeats end where the
statutory time begins to repeat. A watcher keeps one number per case, `watch_at`:

    watch_at = first_watch_at(...)                                  when the case opens
    fired    = steps_due(..., since=watch_at, now=now)              when watch_at <= now
    watch_at = next_step_at(..., after=now)                         written together with what fired

so that each step falls into exactly one watch, however late or often the watcher runs. When a later message shortens
the time asked for, what is past on the new clock fires at once: of `steps_due(since=first_watch_at(...), now=now)`
with the new time, those whose `clock` is "requested".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Literal
from zoneinfo import ZoneInfo

from kz_compliance_sdk.domain.policy import AUDIENCES, After, Audience, Before, Calendar, Ladder, Repeat, Step, Term
from kz_compliance_sdk.errors import InvalidInput

__all__ = [
    "After",
    "Before",
    "Calendar",
    "ClockView",
    "Escalation",
    "Ladder",
    "Pause",
    "Repeat",
    "Step",
    "StepDue",
    "Term",
    "almaty",
    "almaty_ok",
    "clock_view",
    "due_at",
    "first_watch_at",
    "local",
    "merged",
    "next_step_at",
    "paused_due_at",
    "steps_due",
    "system_zone_ok",
    "urgent_at",
]

Which = Literal["due", "requested"]

_HOUR_S = 3600
_OFFSET = timedelta(hours=5)


# ------------------------------------------------------------------------------------------------- due


def due_at(received_at: int, term: Term, calendar: Calendar) -> int:
    """The last second in which a notice can be answered in time.

    Hours are consecutive: nights, weekends and holidays count. Working days are counted from the day after the one
    of receipt, and the last of them ends at 23:59:59 in Asia/Almaty.
    """
    if term.hours is not None:
        return received_at + term.hours * _HOUR_S
    day = datetime.fromtimestamp(received_at, almaty()).date()
    left = term.working_days or 0
    while left:
        day += timedelta(days=1)
        left -= calendar.is_working(day)
    # Not 23:59:59 itself: on 2024-02-29 that second came twice.
    midnight = datetime.combine(day + timedelta(days=1), time(), almaty())
    return int(midnight.timestamp()) - 1


def urgent_at(due_at: int, requested_due_at: int | None) -> int:
    """What orders the queue: the statutory time, or a shorter one that the notice asks for."""
    return due_at if requested_due_at is None else min(due_at, requested_due_at)


# ------------------------------------------------------------------------------------------ escalation


@dataclass(frozen=True, slots=True)
class StepDue:
    """A step of the ladder whose time has come: on which clock, and for a repeat the how-manieth (else 0)."""

    step: Step
    clock: Which
    at: int
    round: int = 0

    @property
    def id(self) -> str:
        """What fires once: `due.before_2h`, `requested.due`, `due.overdue.3`."""
        name = f"{self.clock}.{self.step.id}"
        return f"{name}.{self.round}" if self.round else name


@dataclass(frozen=True, slots=True)
class Escalation:
    """One page for all steps that came together: the most severe, the widest audience."""

    lead: StepDue
    severity: int
    audience: tuple[Audience, ...]
    merged_ids: tuple[str, ...]


def first_watch_at(ladder: Ladder, *, received_at: int, due_at: int, requested_due_at: int | None = None) -> int:
    """When the watcher must first look at a case.

    It can lie before `received_at`: with a term of one hour the step at 12 hours before is past on arrival, and so is
    all of a requested time that is over already. Such a case is watched, and its people are paged, at once.
    """
    return min(at for _, _, at in _firsts(ladder, received_at, due_at, requested_due_at))


def next_step_at(
    ladder: Ladder, *, received_at: int, due_at: int, after: int, requested_due_at: int | None = None
) -> int:
    """The time of the first step strictly later than `after`. There always is one, because overdue cases repeat."""
    best: int | None = None
    for clock, step, at in _firsts(ladder, received_at, due_at, requested_due_at):
        if isinstance(step.when, Repeat) and at <= after:
            at += ((after - at) // step.when.every_s + 1) * step.when.every_s
            if clock == "requested" and at >= due_at:
                continue
        if at > after and (best is None or at < best):
            best = at
    if best is None:
        raise InvalidInput(
            "The ladder has no step that repeats.", field="ladder", remedy="Add a step with { every_s = N }."
        )
    return best


def counts_from_receipt(ladder: Ladder, after_s: int) -> bool:
    """Whether a step comes so many seconds after the receipt, whatever the term."""
    return any(isinstance(step.when, After) and step.when.after_s == after_s for step in ladder)


def steps_due(
    ladder: Ladder,
    *,
    received_at: int,
    due_at: int,
    since: int,
    now: int,
    unclaimed: bool,
    requested_due_at: int | None = None,
) -> tuple[StepDue, ...]:
    """The steps with `since <= time <= now`, earliest first, where `since` is the stored `watch_at`.

    A step for unclaimed cases whose time finds the case claimed is over for good. Of the rounds of a repeat only the
    last counts: a watcher that was away for a day pages once. Costs O(len(ladder)), however long it was away.
    """
    found: list[StepDue] = []
    for clock, step, at in _firsts(ladder, received_at, due_at, requested_due_at):
        round_ = 0
        if isinstance(step.when, Repeat):
            until = now if clock == "due" else min(now, due_at - 1)
            round_ = 1 + max(0, until - at) // step.when.every_s
            at += (round_ - 1) * step.when.every_s
        if since <= at <= now and (unclaimed or step.only_if != "unclaimed"):
            found.append(StepDue(step, clock, at, round_))
    return tuple(sorted(found, key=lambda due: (due.at, due.step.severity, due.clock)))


def merged(steps: Sequence[StepDue]) -> Escalation | None:
    """One page for all of them, or `None` for none. The statutory clock leads where both are equally severe."""
    if not steps:
        return None
    lead = max(steps, key=lambda due: (due.step.severity, due.clock == "due", due.at))
    paged = {who for due in steps for who in due.step.audience}
    return Escalation(
        lead=lead,
        severity=lead.step.severity,
        audience=tuple(who for who in AUDIENCES if who in paged),
        merged_ids=tuple(due.id for due in steps),
    )


def _firsts(
    ladder: Ladder, received_at: int, due_at: int, requested_due_at: int | None
) -> Iterator[tuple[Which, Step, int]]:
    """Each step with its time on each clock that it runs on; for a repeat the time of its first round."""
    requested = requested_due_at if requested_due_at is not None and requested_due_at < due_at else None
    for step in ladder:
        when = step.when
        if isinstance(when, After):
            yield "due", step, received_at + when.after_s
            continue
        shift = -when.before_s if isinstance(when, Before) else when.every_s
        yield "due", step, due_at + shift
        if requested is not None and (isinstance(when, Before) or requested + shift < due_at):
            yield "requested", step, requested + shift


# --------------------------------------------------------------------------------------------- display


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the term stands still. `ended_at` is `None` while it lasts. Who recorded it, and on which legal
    basis, is kept with the suspension that it comes from."""

    started_at: int
    ended_at: int | None

    def __post_init__(self) -> None:
        if self.ended_at is not None and self.ended_at < self.started_at:
            raise InvalidInput("A pause ends before it starts.", field="ended_at", remedy="Give a later time.")


@dataclass(frozen=True, slots=True)
class ClockView:
    """The two clocks of a case as they are shown. A negative `..._left_s` says by how much it was missed."""

    received_at: int
    due_at: int
    """The statutory time, later by what was paused."""
    requested_due_at: int | None
    decide_left_s: int
    """Until the decision is due; once decided, what was left then."""
    receipt_left_s: int
    """Until the regulator's receipt for the final report is due; once it is there, what was left then."""
    late: bool
    """Whether the receipt came, or is still missing, after `due_at`."""
    paused: bool
    unpaused_due_at: int
    """The statutory time as if nothing had been paused: always shown beside the other."""


def clock_view(
    *,
    received_at: int,
    due_at: int,
    now: int,
    requested_due_at: int | None = None,
    decided_at: int | None = None,
    receipt_at: int | None = None,
    pauses: Sequence[Pause] = (),
) -> ClockView:
    """What to show of a case at `now`. `due_at` is the stored statutory time, which no pause has touched."""

    def shown(at: int) -> int:
        return paused_due_at(due_at, received_at=received_at, pauses=pauses, at=at)

    def left(reached_at: int | None) -> int:
        at = now if reached_at is None else reached_at
        return shown(at) - at

    shown_at = now if receipt_at is None else receipt_at
    receipt_left_s = left(receipt_at)
    return ClockView(
        received_at=received_at,
        due_at=shown_at + receipt_left_s,
        requested_due_at=requested_due_at,
        decide_left_s=left(decided_at),
        receipt_left_s=receipt_left_s,
        late=receipt_left_s < 0,
        paused=receipt_at is None and shown(now + 1) > shown(now),
        unpaused_due_at=due_at,
    )


LOOK_S = 7 * 86_400
"""How often people are asked whether a suspension without an end still stands, in seconds."""


def paused_due_at(due_at: int, *, received_at: int, pauses: Sequence[Pause], at: int) -> int:
    """`due_at`, later by the time that was paused until `at`.

    Overlapping pauses count once, and a pause that begins after the term ran out gives nothing back.
    """
    moved, covered = due_at, received_at
    for pause in sorted(pauses, key=lambda pause: pause.started_at):
        start = max(pause.started_at, covered)
        end = at if pause.ended_at is None else min(pause.ended_at, at)
        if start > moved:
            break
        if end > start:
            moved += end - start
            covered = end
    return moved


def local(ts: int) -> str:
    """A time as people in Kazakhstan read it: `2026-03-02 14:00:00 +05:00`."""
    return datetime.fromtimestamp(ts, almaty()).isoformat(sep=" ").replace("+", " +")


# ------------------------------------------------------------------------------------------------ zone


@cache
def almaty() -> ZoneInfo:
    """Asia/Almaty out of the `tzdata` package, never the host's."""
    data = files("tzdata").joinpath("zoneinfo", "Asia", "Almaty").read_bytes()
    return ZoneInfo.from_file(BytesIO(data), key="Asia/Almaty")


def zone_named(name: str) -> ZoneInfo | None:
    """A time zone of the `tzdata` package; None for a name that is none."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
        return None
    at = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    try:
        return ZoneInfo.from_file(BytesIO(at.read_bytes()), key=name)
    except (OSError, ValueError):
        return None


def almaty_ok(now: int) -> bool:
    """Whether our zone data says +05:00 at `now`. Nothing may start where it does not: the package is too old."""
    return system_zone_ok(almaty(), now)


def system_zone_ok(zone: tzinfo, now: int) -> bool:
    """Whether this Asia/Almaty, such as the host's own `ZoneInfo("Asia/Almaty")`, says +05:00 at `now`."""
    return datetime.fromtimestamp(now, UTC).astimezone(zone).utcoffset() == _OFFSET


# ------------------------------------------------------------------------------------------------------------ contest
# What a case keeps of the remedies against its order: contests, and orders of a court or an authority that suspend it.
#
# Only times, numbers and persons are here. The body, its reference and what was asked for are texts: they stand sealed
# in the event that tells of it.


ContestResult = Literal["withdrawn", "rejected", "granted", "partly"]
CONTEST_RESULTS: tuple[ContestResult, ...] = ("withdrawn", "rejected", "granted", "partly")


@dataclass(frozen=True, slots=True)
class FiledContest:
    """A contest of the order, the `number`th of its case. It pauses nothing. `result` is empty while it is open.

    Times are UTC seconds.
    """

    number: int
    filed_at: int
    recorded_by: str
    result: ContestResult | Literal[""] = ""
    result_at: int | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """An order that suspends the case's order, the `number`th of its case, from `from_at` until `until_at` (None: until
    it is ended). It has effect once a second person has confirmed it. Times are UTC seconds."""

    number: int
    from_at: int
    until_at: int | None
    proof_sha256: str
    recorded_by: str
    confirmed_by: str = ""
    ended_at: int | None = None

    @property
    def ends_at(self) -> int | None:
        """When it ends or ended; None while nobody knows."""
        known = [at for at in (self.until_at, self.ended_at) if at is not None]
        return min(known, default=None)

    @property
    def pause(self) -> Pause | None:
        """What it does to the clock; None before somebody has confirmed it."""
        return Pause(self.from_at, self.ends_at) if self.confirmed_by else None

    def has_effect(self, at: int) -> bool:
        """Whether the order stands suspended by it at `at`."""
        ends_at = self.ends_at
        return bool(self.confirmed_by) and self.from_at <= at and (ends_at is None or at < ends_at)
