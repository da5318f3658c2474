"""What a clock that was set does to the rows that wait for a time on it: the time that was left stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import bindparam, case, func, or_, text, update

from kz_compliance_sdk.adapters.sql import tables as t

__all__ = ["clock_set"]

C = TypeVar("C")


def clock_set(compiled: Callable[[Any], C]) -> tuple[tuple[C, ...], tuple[C, ...]]:
    """The statements for a clock that was set forward, and for one that was set back; each takes `k_platform_id`,
    `by_s`, `since` and `now`."""
    by_s, since, now = bindparam("by_s"), bindparam("since"), bindparam("now")
    o, undelivered = t.outbox.c, text("state IN ('queued', 'leased')")
    mine = (o.platform_id == bindparam("k_platform_id"), undelivered)
    # What was jumped over, and what was never tried: its time was set before. A day until which a user must not be told
    # is a date, not a length of time.
    jumped_over = o.next_attempt_at < since + by_s
    untried = (o.attempts == 0) & (o.created_at <= since) & (o.kind != "user_notice")
    ahead = (
        update(t.outbox)
        .where(*mine, o.next_attempt_at > since, or_(jumped_over, untried))
        .values(next_attempt_at=o.next_attempt_at + by_s, lease_expires_at=o.lease_expires_at + by_s)
    )
    sooner = o.next_attempt_at + by_s
    is_day = (o.kind == "user_notice") & (o.next_attempt_at >= o.deadline_at)
    back = (
        update(t.outbox)
        .where(*mine, o.next_attempt_at > now)
        .values(
            next_attempt_at=case((is_day, func.max(sooner, o.deadline_at)), else_=sooner),
            lease_expires_at=o.lease_expires_at + by_s,
        )
    )
    e, h = t.endpoints.c, t.heartbeats.c
    paused = update(t.endpoints).where(e.platform_id == bindparam("k_platform_id"), e.open_until > now)
    seen = update(t.heartbeats).where(h.platform_id == bindparam("k_platform_id"), h.at > now)
    return (
        (compiled(ahead),),
        (compiled(back), compiled(paused.values(open_until=e.open_until + by_s)), compiled(seen.values(at=h.at + by_s))),
    )
