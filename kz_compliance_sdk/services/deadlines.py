"""The watch: which escalation steps are due. Its cost depends on what is due, not on how many cases are open."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kz_compliance_sdk.domain import clock_steps, holding, review_policy
from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, EndpointState, Happened, Heartbeat, Leased, Write, case_after
from kz_compliance_sdk.domain.clock_steps import Seen, step_between
from kz_compliance_sdk.domain.events.office import Escalated
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.holding import preservation_ended
from kz_compliance_sdk.domain.messages import notify, stuck
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.errors import Conflict, StoreError, kind_and_place
from kz_compliance_sdk.ports import Due, Env, Store, Tx
from kz_compliance_sdk.services.house import remind
from kz_compliance_sdk.services.loading import alerts, objects_of, stream_in
from kz_compliance_sdk.services.outcomes import tell_outage

WATCHER = "watcher"
_AT_ONCE = 200
_PUT_OFF_S = 300
_log = logging.getLogger("kz_compliance_sdk.watch")
_Look = Callable[["_Watch", Tx, Case, int], Change]


@dataclass(frozen=True, slots=True)
class Watched:
    """What one watch came to: cases looked at, steps fired."""

    cases: int
    fired: int


def watch(store: Store, platform_id: str, policy: Policy, now: int | None = None, *, beat: bool = True) -> Watched:
    """Fire each step that is due at `now` (UTC seconds; by default the store's clock) once.

    Safe to call from several workers and as often as wanted: the step and the time of the next one are written
    together. A case that cannot be looked at holds up no other: people are alerted to it. `beat` records a heartbeat as
    well, so that its absence can be seen. Raises StoreError.
    """
    watched = _Watch(store, platform_id, policy, now).run(beat=beat)
    tell_ended(store, platform_id, now)
    store.submit(platform_id, partial(tell_outage, platform_id=platform_id)).result()
    store.submit(platform_id, partial(remind, platform_id=platform_id)).result()
    return watched


@dataclass(frozen=True, slots=True)
class _Watch:
    store: Store
    platform_id: str
    policy: Policy
    now: int | None

    def run(self, *, beat: bool) -> Watched:
        looked_at = fired = 0
        try:
            self.store.submit(self.platform_id, _free_expired).result()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  the clocks matter more: a claim frees them as well
            _log.error("leases that ran out could not be freed: %s", kind_and_place(error))
        while True:
            found, times = self._pass(beat=beat and not looked_at)
            looked_at, fired = looked_at + found, fired + times
            if found < _AT_ONCE:
                return Watched(looked_at, fired)

    def _pass(self, *, beat: bool) -> tuple[int, int]:
        """All cases that are due in one commit, or each alone if that fails. Returns how many were written, and how
        many steps fired."""
        try:
            return self.store.submit(self.platform_id, partial(self._all, beat=beat)).result()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  one case must not keep the others from their escalation
            _log.error("a watch failed and takes each case alone: %s", kind_and_place(error))
        due: list[str] = self.store.submit(self.platform_id, self._due).result()
        fired = [review_policy for case_id in due if (review_policy := self._alone(case_id)) is not None]
        if beat:
            self.store.submit(self.platform_id, lambda tx: ((self._beat(tx),), None)).result()
        return len(fired), sum(fired)

    def _all(self, tx: Tx, *, beat: bool) -> tuple[Change, tuple[int, int]]:
        at = self._at(tx)
        writes: list[Write] = [self._beat(tx)] if beat else []
        cases = tx.due_cases(Due.STEP, at, _AT_ONCE)
        for case in cases:
            writes += self._look_at(tx, case, at)
        return (*writes, *alerts(tx, self.platform_id)), (len(cases), _fired(writes))

    def _due(self, tx: Tx) -> tuple[Change, list[str]]:
        return (), [case.id for case in tx.due_cases(Due.STEP, self._at(tx), _AT_ONCE)]

    def _alone(self, case_id: str) -> int | None:
        """Whole if that can be; else without its report; else it is put off. None if even that fails."""
        looks: tuple[_Look, ...] = (_Watch._look_at, _Watch._escalate_alone, _Watch._put_off)
        for look in looks:

            def work(tx: Tx, look: _Look = look) -> tuple[Change, int]:
                change = look(self, tx, tx.case(case_id), self._at(tx))
                return change, _fired(change)

            try:
                return self.store.submit(self.platform_id, work).result()
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001  told, and tried with less
                _log.error("case %s could not be watched: %s", case_id, kind_and_place(error))
        told = partial(alerts, platform_id=self.platform_id, also=(case_id,))
        try:
            self.store.submit(self.platform_id, lambda tx: (told(tx), None)).result()
        except Conflict as error:
            _log.error("case %s: nobody could be told: %s", case_id, error)
        return None

    def _look_at(self, tx: Tx, case: Case, at: int) -> Change:
        stamp = Stamp(at, SYSTEM)
        change = holding.escalate(case, self.policy, stamp)
        if not holding.interim_due(case, self.policy, at):
            return change
        after = case_after(case, change)
        return (*change, *holding.offer_interim(after, stamp))

    def _escalate_alone(self, _tx: Tx, case: Case, at: int) -> Change:
        stamp = Stamp(at, SYSTEM)
        change = holding.escalate(case, self.policy, stamp)
        return stuck(change, case, "report_stuck", ("moderator", "lead"), 50, stamp)

    def _put_off(self, _tx: Tx, case: Case, at: int) -> Change:
        later = case.but(watch_at=at + _PUT_OFF_S)
        return stuck((), later, "watch_stuck", ("lead", "head"), 50, Stamp(at, SYSTEM))

    def _beat(self, tx: Tx) -> Heartbeat:
        return Heartbeat(self.platform_id, WATCHER, tx.now)

    def _at(self, tx: Tx) -> int:
        return tx.now if self.now is None else self.now


def _free_expired(tx: Tx) -> tuple[Change, None]:
    """Leases that ran out go back to the queue, where people see them, even if nobody claims."""
    stamp = tx.stamp()
    expired = tx.due_cases(Due.LEASE, tx.now, _AT_ONCE)
    return tuple(write for case in expired for write in review_policy.expire(case, stamp=stamp)), None


def _fired(change: Change | list[Write]) -> int:
    told = (write.event for write in change if isinstance(write, Happened))
    return sum(len(event.steps) for event in told if isinstance(event, Escalated))


def tell_ended(store: Store, platform_id: str, now: int | None = None) -> int:
    """Record and tell each preservation that is over at `now` (UTC seconds; by default the store's clock), once.
    Returns for how many cases. A case with which that fails holds up no other. Raises StoreError."""

    def over(tx: Tx) -> tuple[Change, list[str]]:
        return (), [case.id for case in tx.due_cases(Due.COPY, tx.now if now is None else now, _AT_ONCE)]

    told = 0
    for case_id in store.submit(platform_id, over).result():
        try:
            told += store.submit(platform_id, partial(_tell_ended, case_id=case_id, now=now)).result()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  told, and tried again with the next watch
            _log.error("case %s: the end of its preservation could not be told: %s", case_id, kind_and_place(error))
    return told


def _tell_ended(tx: Tx, case_id: str, now: int | None) -> tuple[Change, bool]:
    # By a row it is found. Another worker may have told it, and a measure may have been lifted, since that was read.
    at, case, chain = tx.now if now is None else now, tx.case(case_id), stream_in(tx, case_id).case
    # What is on its way to be lifted needs its copy: who takes that decision back is told then.
    kept = [item for item in case.items if chain.effect_of(chain.items[item.number], "restore") is None]
    objects = objects_of(tx, case)
    over = [item for item in kept if 0 < objects.kept_until(case, item) <= at]
    return (preservation_ended(case, over, objects, tx.stamp()) if over else ()), bool(over)


# -------------------------------------------------------------------------------------------------------- clock steps
# Finding that the host's clock was set, putting what was planned where it belongs on it, and telling people.


CLOCK = "clock"
"""The stream that tells how both clocks stood, and the part whose heartbeat says when they were looked at last."""

STEPPED = "clock_stepped"
"""The part whose heartbeat says when the clock was last found to have been set, and by how many seconds."""

_LEVEL = 60
_EVER, _ALL = 1 << 60, 1 << 30


def follow_clock(store: Store, platform_id: str, policy: Policy, env: Env) -> int:
    """By how many seconds the clock was set since it was last looked at, 0 if it was not: then all that is planned
    beyond now has been planned anew, and people are alerted (`clock_stepped`). Raises StoreError.

    It is one write, so that whatever happens nothing is moved twice; it costs what all running cases cost.
    """

    def work(tx: Tx) -> tuple[Change, int]:
        now, stream = look(env), tx.streams([CLOCK])[CLOCK]
        if stream.fault is not None:
            return alerts(tx, platform_id, (CLOCK,)), 0
        if now is None:
            return (), 0
        beat = Heartbeat(platform_id, CLOCK, now.wall)
        if not stream.events:
            return (beat, _told(stream, now)), 0
        last = Seen.of(stream.events[-1]).until(tx.known(Heartbeat, CLOCK).at, now)
        step = step_between(last, now)
        seen = now.after(last, step)
        if step is None:
            is_new = not now.goes_on_from(last) or now.drifted_from(last)
            return (beat, *((_told(stream, seen),) if is_new else ())), 0
        _log.error("the clock was set by %+d seconds", step.by_s)
        stamp = Stamp(now.wall, SYSTEM)
        leases, endpoints, beats = tx.noted(Leased), tx.noted(EndpointState), tx.noted(Heartbeat)
        writes: list[Write] = [*clock_steps.waiting_on(leases, endpoints, beats, step, now.wall), beat]
        for case in tx.due_cases(Due.STEP, _EVER, _ALL):
            writes += clock_steps.replanned(case, step, policy, stamp)
        told = Heartbeat(platform_id, STEPPED, now.wall, f"{step.by_s:+d} s")
        alert = notify(platform_id, CLOCK, STEPPED, ("lead", "head"), _LEVEL, stamp, key=str(step.by_s))
        return (*writes, _told(stream, seen), told, alert), step.by_s

    try:
        return store.submit(platform_id, work).result()
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  what is due now must fire all the same
        _log.error("it could not be looked whether the clock was set: %s", kind_and_place(error))
        return 0


def look(env: Env) -> Seen | None:
    """Both clocks at one moment; None if this process was stopped between them."""
    before, wall, after = env.boot(), env.clock(), env.boot()
    start = hashlib.sha256(after.id.encode()).hexdigest()[:32]
    return Seen(wall, start, after.seconds) if after.seconds - before.seconds < 1 else None


def time_passed(tx: Tx) -> int:
    """UTC seconds by the clock, or by what it would say if it had not been set forward: the earlier of the two. Raises
    StoreDamaged where nobody can tell."""
    stream = tx.streams([CLOCK])[CLOCK]
    ahead_s = (Seen.of(on).off_s for on in stream.whole().events[-1:])
    return tx.now - max(0, sum(ahead_s))


def _told(stream: Stream, seen: Seen) -> Happened:
    return Happened(stream.platform, CLOCK, seen.told, seen.wall, stream.seq)
