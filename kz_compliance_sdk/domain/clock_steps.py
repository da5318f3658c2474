"""A clock that was set while cases ran: how far, and what becomes of what was planned on it.

Two clocks tell the time: the wall clock, which somebody can set, and the time since the host started, which nobody can.
The ledger says how they stood when the host started or was set last, and every look of the watch compares (`Seen`).
Where they have gone apart since, the wall clock was set (`step_between`). By a row it is known when the last look was.
Which of its two readings is right nobody can say, but a term is a length of time, and how much of it is over the other
clock has told all along: a case keeps what is left of its term (`clock_shift_s`), and so does all else that was planned
beyond now. Its stored times stay as they are.

A host that starts anew has only what it saw last. The wall clock tells how long it was down, unless it went back: so it
was set back, or was ahead before. Then what the case was off by is taken to be over as soon as that can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kz_compliance_sdk.domain import clock, messages, running_time
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import (
    Change,
    EndpointState,
    Heartbeat,
    Leased,
    Operation,
    OutboxMessage,
)
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.holding import escalated, is_untouched
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.policy import Policy

STEP_S = 30
"""By how many seconds the clocks must have gone apart: less is drift."""
DRIFT_S = 10
"""From how many seconds on drift is told, so that it never comes to a step."""

_DOWN_S = 12 * 3600  # For longer than that no host is taken to have been down, where something else can have been.
_UNSEEN_FOR_S = 11 * 86_400


@dataclass(frozen=True, slots=True)
class Seen:
    """Both clocks at one moment: UTC seconds, and seconds since the start `boot`, a digest of what names it.

    `off_s` is how far the wall clock is from where it was before it was set, 0 once it is there again. The last time
    that the host started anew, `unseen_s` seconds passed from `unseen_from` on, if the wall clock is right about them;
    it may have been set forward by up to as much. `back_at` is when a host that started anew found it set back, 0 if
    none did: by how much nobody knows exactly, for nobody knows how long the host was down.
    """

    wall: int
    boot: str
    boot_s: float
    off_s: int = 0
    unseen_from: int = 0
    unseen_s: int = 0
    back_at: int = 0

    @property
    def told(self) -> office.ClockSeen:
        """As the ledger is told it, at the time `wall`."""
        return office.ClockSeen(
            boot=self.boot,
            boot_ms=round(self.boot_s * 1000),
            off_s=self.off_s,
            unseen_from=max(0, self.unseen_from),
            unseen_s=self.unseen_s,
            back_at=max(0, self.back_at),
        )

    @classmethod
    def of(cls, on: Stamped) -> Seen:
        """As an event tells it."""
        said = on.event
        return cls(on.at, said.boot, said.boot_ms / 1000, said.off_s, said.unseen_from, said.unseen_s, said.back_at)

    def until(self, looked_at: int, now: Seen) -> Seen:
        """As they were when they were `looked_at` last (UTC seconds) with nothing to tell: while a host runs both go
        on alike, so no such time can make it look set."""
        later = replace(self, wall=looked_at, boot_s=self.boot_s + looked_at - self.wall)
        is_ahead = now.boot == self.boot and later.boot_s > now.boot_s
        return self if looked_at <= self.wall or is_ahead else later

    def drifted_from(self, last: Seen) -> bool:
        """Whether the two clocks have gone apart by what is no step yet, and would come to one in time."""
        return abs((self.wall - last.wall) - (self.boot_s - last.boot_s)) > DRIFT_S

    def after(self, last: Seen, step: Step | None) -> Seen:
        """With what is still to be known of `last`, where `step` is how the clock was set between the two."""
        if step is not None:
            back_at = self.wall if step.passed_s is None else last.back_at and last.back_at + step.by_s
            off_s = step.shifted(last.off_s, step.by_s - step.down_s)
            kept = replace(last, off_s=off_s, back_at=0 if step.by_s > 0 else back_at)
        elif self.goes_on_from(last):
            kept = last
        else:
            gone = self.wall - last.wall
            wider = gone >= last.unseen_s or self.wall - last.unseen_from > _UNSEEN_FOR_S
            kept = replace(last, unseen_from=last.wall, unseen_s=gone) if wider else last
        return replace(kept, wall=self.wall, boot=self.boot, boot_s=self.boot_s)

    def goes_on_from(self, last: Seen) -> bool:
        """Whether the host has not started anew since, as far as it can be told."""
        return self.boot == last.boot and self.boot_s >= last.boot_s


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock was set by `by_s` seconds after it was `last` looked at. `passed_s` seconds have gone by since;
    None where the host started anew, and it is not known."""

    by_s: int
    passed_s: int | None
    last: Seen

    def is_older(self, case: Case) -> bool:
        """Whether the case was received before the clock was set. Where that cannot be told, a clock that went forward
        says no and one that went back says yes: both lead to an alert that is early rather than late."""
        return self.by_s < 0 or case.received_at + case.clock_shift_s < self.last.wall + self.by_s

    @property
    def down_s(self) -> int:
        """How long the host was down when its clock was found set back, if this step tells."""
        off_s = self.last.off_s + self.by_s
        return off_s if self.last.back_at and self.last.off_s < 0 <= off_s <= _DOWN_S else 0

    def shift_of(self, case: Case) -> int:
        """By how much the ladder of this case is later on the clock as it is now than on its stored times."""
        was, last = case.clock_shift_s, self.last
        by_s = self.by_s - (self.down_s if case.received_at + was < last.back_at else 0)
        return self.shifted(was, by_s, unseen=case.received_at <= last.unseen_from)

    def shifted(self, was: int, by_s: int, *, unseen: bool = True) -> int:
        """What the clock is off by when it was set `by_s` seconds and `was` off before. With `unseen` it may have been
        set forward while nobody saw it, and be right again."""
        now = was + by_s
        was_ahead = unseen and -self.last.unseen_s - STEP_S <= now < 0 <= was
        return 0 if abs(now) <= STEP_S or was_ahead else now


def step_between(last: Seen, now: Seen) -> Step | None:
    """How the wall clock was set between two looks; None if it was not, as far as anybody can know."""
    gone = now.wall - last.wall
    if now.goes_on_from(last):
        passed_s = round(now.boot_s - last.boot_s)
        by_s = gone - passed_s
        return Step(by_s, passed_s, last) if abs(by_s) > STEP_S else None
    if gone >= 0:
        return None
    is_right_again = last.off_s > 0 and 0 <= last.off_s + gone <= _DOWN_S
    return Step(-last.off_s if is_right_again else gone, None, last)


def replanned(case: Case, step: Step, policy: Policy, stamp: Stamp) -> Change:
    """The running case with what was planned of it where it belongs on the clock as it is now. If that went forward and
    is right, steps of the ladder are past: they fire at once, as one, and count as not fired."""
    if case.watch_at is None or not step.is_older(case):
        return ()
    shift = step.shift_of(case)
    stands_still = case.running_watch_at is not None
    own, planned = case.but(clock_shift_s=0), case.watch_at - case.clock_shift_s
    unsure: tuple[str, ...] = ()
    if not stands_still and shift - case.clock_shift_s - step.by_s > STEP_S:
        # Its ladder had run on ahead of its time since the host started.
        seen_until = min(step.last.unseen_from, stamp.at)
        rewound = clock.next_step_at(policy.ladder, after=seen_until, **running_time.ladder_times(own, seen_until))
        early = _steps(own, policy, rewound, planned - 1, stamp.at)
        unsure, planned = tuple(one.id for one in early), min(planned, rewound)
    lease_until = _lease(case, step, stamp.at)
    told = office.ClockStepped(
        step_s=step.by_s,
        since=step.last.wall,
        shift_s=shift,
        lease_until=lease_until if lease_until and lease_until != case.lease_expires_at else 0,
        unsure=tuple(one for one in unsure if one not in case.unsure_steps),
    )
    watch_at = case.watch_at + step.by_s if stands_still else planned + shift
    change, stepped = messages.step(case, "clock_stepped", happened(case, told, stamp), watch_at=watch_at)
    if stands_still or shift <= 0 or step.by_s < 0:
        return change
    fired = clock.merged(_steps(own, policy, planned, stamp.at, stamp.at))
    return change if fired is None else (*change, *escalated(stepped, fired, policy, stamp, unsure=True)[0])


def _steps(own: Case, policy: Policy, since: int, now: int, at: int) -> tuple[clock.StepDue, ...]:
    return clock.steps_due(
        policy.ladder, since=since, now=now, unclaimed=is_untouched(own), **running_time.ladder_times(own, at)
    )


def _lease(case: Case, step: Step, now: int) -> int | None:
    """A lease keeps what was left of it."""
    until = case.lease_expires_at
    if until is None:
        return None
    jumped_over = step.last.wall < until < step.last.wall + step.by_s
    return until + step.by_s if jumped_over or (step.by_s < 0 and until > now) else until


def waiting_on(
    leases: Iterable[Leased], endpoints: Iterable[EndpointState], beats: Iterable[Heartbeat], step: Step, now: int
) -> Iterator[Operation]:
    """What of daily work waits for a time beyond `now` (UTC seconds), with the time that was left."""
    for message in (one.message for one in leases):
        at, until = _tried_at(message, step, now), message.lease_expires_at
        if at is not None:
            later = until if until is None else until + step.by_s
            yield Leased(message.but(next_attempt_at=at, lease_expires_at=later))
    if step.by_s < 0:
        yield from (replace(one, open_until=one.open_until + step.by_s) for one in endpoints if one.open_until > now)
        yield from (replace(one, at=one.at + step.by_s) for one in beats if one.at > now)


def _tried_at(message: OutboxMessage, step: Step, now: int) -> int | None:
    """When a message is tried next; None if that stays where it is."""
    at, since, by_s = message.next_attempt_at, step.last.wall, step.by_s
    is_new = not message.attempts
    # A day until which a user must not be told is a date, not a length of time.
    dated = message.kind == "user_notice"
    if by_s > 0:
        # What was jumped over, and what was planned before.
        older = is_new and message.created_at <= since and not dated
        return at + by_s if at > since and (at < since + by_s or older) else None
    # What was planned since stays where it is.
    if at <= now or (is_new and since + by_s < message.created_at <= now):
        return None
    day = message.deadline_at
    return max(at + by_s, day) if dated and day is not None and at >= day else at + by_s
