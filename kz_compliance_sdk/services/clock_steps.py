"""Finding that the host's clock was set, putting what was planned where it belongs on it, and telling people."""

from __future__ import annotations

import logging

from kz_compliance_sdk.domain import clock_steps
from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.change import Change, ClockSet, Heartbeat, Write
from kz_compliance_sdk.domain.clock_steps import Seen, step_between
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.errors import StoreError, kind_and_place
from kz_compliance_sdk.ports import Due, Env, Store, Tx

CLOCK = "clock"
"""The part whose heartbeat keeps both clocks as they were last seen."""

STEPPED = "clock_stepped"
"""The part whose heartbeat says when the clock was last found to have been set, and by how many seconds."""

_LEVEL = 60
_EVER, _ALL = 1 << 60, 1 << 30
_log = logging.getLogger("kz_compliance_sdk.watch")


def follow_clock(store: Store, platform_id: str, policy: Policy, env: Env) -> int:
    """By how many seconds the clock was set since it was last looked at, 0 if it was not: then all that is planned
    beyond now has been planned anew, and people are alerted (`clock_stepped`). Raises StoreError.

    It is one write, so that whatever happens nothing is moved twice; it costs what all running cases cost.
    """

    def work(tx: Tx) -> tuple[Change, int]:
        now, beat = look(env), tx.known(Heartbeat, CLOCK)
        if now is None:
            return (), 0
        if not beat.at:
            return (_kept(platform_id, now),), 0
        last = Seen.read(beat.at, beat.detail)
        step = step_between(last, now)
        kept = _kept(platform_id, now.after(last, step))
        if step is None:
            return (kept,), 0
        _log.error("the clock was set by %+d seconds", step.by_s)
        stamp = Stamp(now.wall, SYSTEM)
        writes: list[Write] = [ClockSet(platform_id, step.by_s, last.wall, now.wall), kept]
        for case in tx.due_cases(Due.STEP, _EVER, _ALL):
            writes += clock_steps.replanned(case, step, policy, stamp)
        told = Heartbeat(platform_id, STEPPED, now.wall, f"{step.by_s:+d} s")
        alert = notify(platform_id, CLOCK, STEPPED, ("lead", "head"), _LEVEL, stamp, key=str(step.by_s))
        return (*writes, told, alert), step.by_s

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
    return Seen(wall, after.id, after.seconds) if after.seconds - before.seconds < 1 else None


def time_passed(tx: Tx) -> int:
    """UTC seconds by the clock, or by what it would say if it had not been set forward: the earlier of the two."""
    beat = tx.known(Heartbeat, CLOCK)
    return tx.now if not beat.at else tx.now - max(0, Seen.read(beat.at, beat.detail).off_s)


def _kept(platform_id: str, seen: Seen) -> Heartbeat:
    return Heartbeat(platform_id, CLOCK, seen.wall, seen.line())
