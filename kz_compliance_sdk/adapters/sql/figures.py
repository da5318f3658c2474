"""Reads for the public figures: in short steps, so that no reader holds the file back, and in little memory."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, and_, exists, select, text, tuple_

from kz_compliance_sdk.adapters.sql import ledger
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import tallies
from kz_compliance_sdk.adapters.sql.reads import Reads
from kz_compliance_sdk.domain import fold, reviewed
from kz_compliance_sdk.domain.events.remedies import Appealed
from kz_compliance_sdk.domain.events.users import UserNoticeDelayed, UserNoticeOwed
from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.domain.ledger import who_is
from kz_compliance_sdk.ports.store import Running

_STEP = 5_000
_AT_ONCE = 64
"""So many chains are held at once."""
_TIMED = tuple(one.called for one in (Appealed, UserNoticeDelayed, UserNoticeOwed))
_log = logging.getLogger("kz_compliance_sdk.transparency")


class FigureReads(Reads):
    """The part of the queries that the figures need."""

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
        notices, appeals = Counter[str](), Counter[str]()
        for case in self._of_users(start, end):
            due = (one for one in case.tellings.values() if one.kind == "measure" and start <= one.due_at < end)
            notices.update(one.state for one in due if one.state != "void")
            appeals.update(one.state for one in case.appeals.values() if start <= one.received_at < end)
        return {"user_notices": dict(notices), "appeals": dict(appeals)}

    def _of_users(self, start: int, end: int) -> Iterator[fold.Case]:
        """The cases in whose chain a time of that period is told of users, each once. One whose chain does not prove
        itself must not keep the others from being counted: it is logged, and left out."""
        for names in self._streams_of_users(start, end):
            for n in range(0, len(names), _AT_ONCE):
                with self._reading() as connection:
                    streams = self._ledger(connection).streams(self._platform, names[n : n + _AT_ONCE]).values()
                for stream in streams:
                    if stream.fault is None:
                        yield stream.case
                    else:
                        _log.error("%s is left out of what users were told: %s", stream.name, stream.fault)

    def _streams_of_users(self, start: int, end: int) -> Iterator[list[str]]:
        e, s = ledger.events.c, ledger.streams.c
        joined = ledger.events.join(ledger.streams, s.n == e.stream)
        told = select(e.stream, e.seq, s.name, e.content).select_from(joined).order_by(e.stream, e.seq).limit(_STEP)
        told = told.where(s.platform == self._platform, e.kind.in_(_TIMED))
        last, done = (0, 0), ""
        while True:
            found = self._all(told.where(tuple_(e.stream, e.seq) > last))
            names = list(dict.fromkeys(row[2] for row in found if row[2] != done and _is_of(row[3], start, end)))
            yield names
            if len(found) < _STEP:
                return
            # A stream can begin on one page and end on the next.
            last, done = (found[-1][0], found[-1][1]), (names or [done])[-1]


class _Times(Struct):
    due_at: int = -1
    until: int = -1
    received_at: int = -1


class _Timed(Struct):
    data: _Times


def _is_of(content: bytes, start: int, end: int) -> bool:
    """Whether an event tells a time of that period. Of one that cannot be read its chain says so."""
    try:
        said = msgspec.json.decode(content, type=_Timed).data
    except msgspec.DecodeError:
        return True
    return any(start <= at < end for at in (said.due_at, said.until, said.received_at))
