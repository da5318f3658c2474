"""What a clock that was set does to the rows that wait for a time on it: the time that was left stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import bindparam, case, func, or_, text, update

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.domain.change import ClockSet

__all__ = ["ClockStatements", "set_clock"]


class Compiled(Protocol):
    """A statement in the dialect's own words."""

    sql: str

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]: ...


class ClockStatements:
    """One set for a clock that went forward, one for a clock that went back. Each takes `k_platform_id`, `by_s`,
    `since` and `now`."""

    def __init__(self, compiled: Callable[[Any], Compiled]) -> None:
        by_s: Any = bindparam("by_s")
        since: Any = bindparam("since")
        now: Any = bindparam("now")
        o, e, h = t.outbox.c, t.endpoints.c, t.heartbeats.c
        mine = (o.platform_id == bindparam("k_platform_id"), text("state IN ('queued', 'leased')"))
        lease = {"lease_expires_at": o.lease_expires_at + by_s}
        sooner, untried = o.next_attempt_at + by_s, o.attempts == 0
        # What was jumped over, and what was planned before. A day until which a user must not be told is a date, not a
        # length of time.
        jumped_over = o.next_attempt_at < since + by_s
        older = untried & (o.created_at <= since) & (o.kind != "user_notice")
        ahead = update(t.outbox).where(*mine, o.next_attempt_at > since, or_(jumped_over, older))
        self.forward = (compiled(ahead.values(next_attempt_at=sooner, **lease)),)
        # What was planned since stays where it is.
        newer = untried & (o.created_at > since + by_s) & (o.created_at <= now)
        day = case(((o.kind == "user_notice") & (o.next_attempt_at >= o.deadline_at), o.deadline_at), else_=sooner)
        behind = update(t.outbox).where(*mine, o.next_attempt_at > now, ~newer)
        paused = update(t.endpoints).where(e.platform_id == bindparam("k_platform_id"), e.open_until > now)
        seen = update(t.heartbeats).where(h.platform_id == bindparam("k_platform_id"), h.at > now)
        self.back = (
            compiled(behind.values(next_attempt_at=func.max(sooner, day), **lease)),
            compiled(paused.values(open_until=e.open_until + by_s)),
            compiled(seen.values(at=h.at + by_s)),
        )


def set_clock(write: ClockSet, statements: ClockStatements, execute: Callable[[str, tuple[Any, ...]], int]) -> None:
    """Move what waits."""
    given = {"k_platform_id": write.platform_id, "by_s": write.by_s, "since": write.since, "now": write.now}
    for statement in statements.forward if write.by_s > 0 else statements.back:
        execute(statement.sql, statement.bind(given))
