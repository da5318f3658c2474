"""The read of an operator's glance: counts, the oldest deadline, and when each part of the machinery last ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Table, case, func, select, text

from kz_compliance_sdk.adapters.sql import rows
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.domain.user_notices import MESSENGER
from kz_compliance_sdk.ports import Health

__all__ = ["HealthReads"]


class HealthReads:
    """The part of the queries that tells how things stand."""

    _platform: str
    _fault: Callable[[], str]

    def _reading(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def health(self, now: int) -> Health:
        c, o = t.cases.c, t.outbox.c
        free, in_hand = text("state = 'queued'"), text("closed_at IS NULL AND state <> 'queued'")
        by_state: dict[str, int] = {}
        overdue, longer_terms, oldest = 0, 0, None
        with self._reading() as connection:
            for where in (free, in_hand):
                mine = (c.platform_id == self._platform, where)
                longer = func.sum(case((c.urgent_at > c.due_at, 1), else_=0))
                counts = select(c.state, func.count(), longer).where(*mine).group_by(c.state)
                for state, number, suspended in connection.execute(counts).fetchall():
                    by_state[state] = number
                    longer_terms += suspended
                late = select(func.count()).where(*mine, c.urgent_at < now, c.due_at < now)
                overdue += connection.execute(late).scalar_one()
                # The queue's order is earlier than the due time, or as much later as the term was paused.
                shown = case((c.urgent_at > c.due_at, c.urgent_at), else_=c.due_at)
                first = select(shown).where(*mine).order_by(c.urgent_at).limit(1)
                due = connection.execute(first).scalar()
                oldest = due if oldest is None or (due is not None and due < oldest) else oldest
            waits = (c.platform_id == self._platform, in_hand, c.state == "in_approval", c.doc.like('%"withheld"%'))
            withheld = connection.execute(select(func.count()).where(*waits)).scalar_one()
            undelivered = text("state IN ('queued', 'leased')")
            mine = (o.platform_id == self._platform, undelivered)
            # A platform that cannot tell its users still delivers everything else.
            waiting = connection.execute(select(func.count()).where(*mine, o.endpoint != MESSENGER)).scalar_one()
            late_notices = select(func.count()).where(*mine, o.endpoint == MESSENGER, o.next_attempt_at <= now)
            untold = connection.execute(late_notices).scalar_one()
            parked = connection.execute(
                select(func.count()).where(o.platform_id == self._platform, text("state = 'parked'"))
            ).scalar_one()
            facts = [
                [
                    row
                    for row in connection.execute(select(table).where(table.c.platform_id == self._platform))
                    if _is_sound(table, row)
                ]
                for table in (t.heartbeats, t.endpoints, t.refusals)
            ]
        return Health(
            by_state=by_state,
            overdue=overdue,
            oldest_due_at=oldest,
            undelivered=waiting,
            parked=parked,
            heartbeats=tuple(rows.heartbeat_from(row) for row in facts[0]),
            endpoints=tuple(rows.endpoint_from(row) for row in facts[1]),
            refusals=tuple(rows.refusals_from(row) for row in facts[2]),
            fault=self._fault(),
            suspended=longer_terms,
            untold=untold,
            withheld=withheld,
        )


def _is_sound(table: Table, row: Sequence[Any]) -> bool:
    """Whether each cell is of the type of its column. What says otherwise tells nothing: its part counts as silent."""
    return all(
        isinstance(cell, column.type.python_type) or (cell is None and column.nullable)
        for column, cell in zip(table.columns, row, strict=True)
    )
