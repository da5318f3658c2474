"""Reads for the public figures: in short steps, so that no reader holds the file back, and in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnClause, Engine, Select, and_, exists, func, inspect, select, text, tuple_
from sqlalchemy import column as named
from sqlalchemy import table as table_of

from kz_compliance_sdk.adapters.sql import ledger
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.tables_tallies import tallies
from kz_compliance_sdk.domain import reviewed
from kz_compliance_sdk.domain.change import Tally
from kz_compliance_sdk.domain.ledger import who_is
from kz_compliance_sdk.ports.store import Running

__all__ = ["FigureReads"]

_STEP = 5_000


class FigureReads:
    """The part of the queries that the figures need."""

    _engine: Engine
    _platform: str

    def _all(self, statement: Select[Any]) -> list[Any]:
        raise NotImplementedError

    def tallies(self, start: int, end: int) -> Iterator[Tally]:
        c = tallies.c
        last: tuple[int, str] = (start, "")
        while True:
            after = tuple_(c.received_at, c.case_id) > last
            of_period = (c.platform_id == self._platform, c.received_at >= last[0], c.received_at < end, after)
            found = self._all(select(tallies).where(*of_period).order_by(c.received_at, c.case_id).limit(_STEP))
            for row in found:
                yield Tally(*row)
            if len(found) < _STEP:
                return
            last = found[-1][2], found[-1][1]

    def running(self, start: int, end: int) -> Iterator[Running]:
        c = t.cases.c
        wanted = (c.id, c.urgent_at, c.received_at, c.due_at, c.revision, tallies.c.case_id)
        for where in ("state = 'queued'", "closed_at IS NULL AND state <> 'queued'"):
            last: tuple[int, str] = (-1 << 62, "")
            while True:
                free = (c.platform_id == self._platform, text(where), tuple_(c.urgent_at, c.id) > last)
                found = self._all(self._with_tally(wanted).where(*free).order_by(c.urgent_at, c.id).limit(_STEP))
                for case_id, _, received_at, due_at, revision, tallied in found:
                    if tallied is None and start <= received_at < end:
                        yield Running(case_id, due_at, bool(revision))
                if len(found) < _STEP:
                    break
                last = found[-1][1], found[-1][0]

    def untallied(self, start: int, end: int) -> Iterator[str]:
        if not self._any_untallied():
            return
        c = t.cases.c
        last: tuple[int, str] = (start, "")
        while True:
            ended = (c.platform_id == self._platform, text("closed_at IS NOT NULL"), c.closed_at >= last[0])
            after = tuple_(c.closed_at, c.id) > last
            statement = self._with_tally((c.id, c.closed_at, tallies.c.case_id)).where(*ended, after)
            found = self._all(statement.order_by(c.closed_at, c.id).limit(_STEP))
            for case_id in [row[0] for row in found if row[2] is None]:
                of_case = select(c.received_at).where(c.platform_id == self._platform, c.id == case_id)
                if start <= self._all(of_case)[0][0] < end:
                    yield case_id
            if len(found) < _STEP:
                return
            last = found[-1][1], found[-1][0]

    def _any_untallied(self) -> bool:
        """Two counts, which cost far less than a look at every case: is there a tally for each case that has ended,
        and for those that were reopened?"""
        c = t.cases.c
        mine = c.platform_id == self._platform
        ended = select(func.count()).select_from(t.cases).where(mine, text("closed_at IS NOT NULL"))
        kept = select(func.count()).select_from(tallies).where(tallies.c.platform_id == self._platform)
        again = [
            self._with_tally((func.count(tallies.c.case_id),)).where(mine, text(where))
            for where in ("state = 'queued'", "closed_at IS NULL AND state <> 'queued'")
        ]
        counts = [self._all(statement)[0][0] for statement in (ended, kept, *again)]
        return bool(counts[0] != counts[1] - counts[2] - counts[3])

    def _with_tally(self, columns: tuple[Any, ...]) -> Select[Any]:
        same = and_(tallies.c.platform_id == t.cases.c.platform_id, tallies.c.case_id == t.cases.c.id)
        return select(*columns).select_from(t.cases.outerjoin(tallies, same))

    def workloads(self, start: int, end: int) -> dict[str, tuple[int, int]]:
        e, p, s = ledger.events.c, ledger.parts.c, ledger.streams.c
        of_time = s.platform == self._platform, e.at >= start, e.at < end
        told = select(s.name, e.seq, e.people).select_from(ledger.events.join(ledger.streams, s.n == e.stream))
        words = and_(p.stream == e.stream, p.seq == e.seq, p.name == reviewed.PROPOSAL)
        found: dict[str, tuple[int, int]] = {}
        for proposes, which in ((1, exists().where(words)), (0, e.kind == "approved")):
            for name, seq, people in self._all(told.where(*of_time, which)):
                who = who_is(people, name, seq)
                proposed, approved = found.get(who, (0, 0))
                found[who] = proposed + proposes, approved + 1 - proposes
        return found

    def user_figures(self, start: int, end: int) -> dict[str, dict[str, int]]:
        """The only place that knows the tables of user notices and of appeals; a store without them has no figures."""
        found: dict[str, dict[str, int]] = {}
        there = set(inspect(self._engine).get_table_names())
        told = text("kind = 'measure' AND state <> 'void'")
        for figure, at, which in (("user_notices", "due_at", told), ("appeals", "received_at", text("1 = 1"))):
            if figure not in there:
                continue
            platform: ColumnClause[str] = named("platform_id")
            state: ColumnClause[str] = named("state")
            time: ColumnClause[int] = named(at)
            rows = table_of(figure, platform, state, time)
            of_period = (platform == self._platform, time >= start, time < end, which)
            counted: Any = select(state, func.count()).select_from(rows).where(*of_period).group_by(state)
            found[figure] = {str(row[0]): int(row[1]) for row in self._all(counted)}
        return found
