"""Reads for lists, pages and reports, each in a short transaction of its own: through SQLAlchemy, but for what belongs
to one case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    TextClause,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy import case as sql_case

from kz_compliance_sdk.adapters.sql import derived, inbox, ledger, rows
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.checkpoint_reads import CheckpointReads
from kz_compliance_sdk.adapters.sql.derived import tallies
from kz_compliance_sdk.adapters.sql.keys import PrivateRows
from kz_compliance_sdk.adapters.sql.ledger import Ledger, keys
from kz_compliance_sdk.adapters.sql.rows import check_limit, read_cursor, write_cursor
from kz_compliance_sdk.adapters.sql.statements import CASES
from kz_compliance_sdk.adapters.sql.view import Reads, ask, begin
from kz_compliance_sdk.domain.appeals import Appeal, appeal_of
from kz_compliance_sdk.domain.believed import as_far_as_told, as_told, read_case
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import (
    Attempt,
    CursorMoved,
    EndpointState,
    Heartbeat,
    Operation,
    OutboxMessage,
    RefusalsCounted,
    count_in,
)
from kz_compliance_sdk.domain.flags import UNVOUCHED
from kz_compliance_sdk.domain.fold import Chain, PlatformObject, Stream, Tally
from kz_compliance_sdk.domain.holding import believed_objects, names_of
from kz_compliance_sdk.domain.messages import as_all_owed
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.received import Opens, repeats_of
from kz_compliance_sdk.domain.review_policy import whose
from kz_compliance_sdk.domain.transitions import Waiting
from kz_compliance_sdk.domain.user_notices import MESSENGER
from kz_compliance_sdk.domain.values import object_stream, stream_of
from kz_compliance_sdk.errors import NotFound, StoreDamaged
from kz_compliance_sdk.ports import AppealPage, Health, Page
from kz_compliance_sdk.ports.store import Running

# ------------------------------------------------------------------------------------------------------------ figures
# Reads for the public figures: in short steps, so that no reader holds the file back, and in little memory.


_STEP, _BEFORE = 5_000, -1 << 62
_AT_ONCE = 64
"""So many chains are held at once."""


class FigureReads(Reads):
    """The part of the queries that the figures need."""

    def demands(self, start: int, end: int) -> Iterator[Running | Tally]:
        yield from self._running_from(start, end)
        yield from self._tallies(start, end)

    def _tallies(self, start: int, end: int) -> Iterator[Tally]:
        c = tallies.c
        last = start, _BEFORE
        while True:
            after = tuple_(c.received_at, c.stream) > last
            of_period = (c.platform_id == self._platform, c.received_at >= last[0], c.received_at < end, after)
            found = self._all(select(tallies).where(*of_period).order_by(c.received_at, c.stream).limit(_STEP))
            for _, *row in found:
                yield Tally(*row)
            if len(found) < _STEP:
                return
            last = found[-1][3], found[-1][0]

    def _running_from(self, start: int, end: int) -> Iterator[Running]:
        c = t.cases.c
        wanted = (c.stream, c.urgent_at, c.id, c.received_at, c.due_at, c.revision, tallies.c.case_id)
        for where in ("state = 'queued'", "closed_at IS NULL AND state <> 'queued'"):
            last = _BEFORE, _BEFORE
            while True:
                free = (c.platform_id == self._platform, text(where), tuple_(c.urgent_at, c.stream) > last)
                found = self._all(self._with_tally(wanted).where(*free).order_by(c.urgent_at, c.stream).limit(_STEP))
                for _, _, case_id, received_at, due_at, revision, tallied in found:
                    if tallied is None and start <= received_at < end:
                        yield Running(case_id, due_at, bool(revision))
                if len(found) < _STEP:
                    break
                last = found[-1][1], found[-1][0]

    def _with_tally(self, columns: tuple[Any, ...]) -> Select[Any]:
        same = tallies.c.stream == t.cases.c.stream
        return select(*columns).select_from(t.cases.outerjoin(tallies, same))

    def streams_telling(self, kinds: Collection[str], start: int, end: int) -> Iterator[Stream]:
        for names in self._names_telling(kinds, start, end):
            for n in range(0, len(names), _AT_ONCE):
                with self._reading() as connection:
                    streams = self._ledger(connection).streams(self._platform, names[n : n + _AT_ONCE]).values()
                yield from streams

    def _names_telling(self, kinds: Collection[str], start: int, end: int) -> Iterator[list[str]]:
        e, s = ledger.events.c, ledger.streams.c
        joined = ledger.events.join(ledger.streams, s.n == e.stream)
        told = select(e.stream, e.seq, s.name, e.at, e.content).select_from(joined).limit(_STEP)
        told = told.where(s.platform == self._platform, e.kind.in_(kinds)).order_by(e.stream, e.seq)
        last, done = (0, 0), ""
        while True:
            found = self._all(told.where(tuple_(e.stream, e.seq) > last))
            named = (row[2] for row in found if row[2] != done and _is_of(row[3], row[4], start, end))
            names = list(dict.fromkeys(named))
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


def _is_of(at: object, content: bytes, start: int, end: int) -> bool:
    """Whether an event happened in that period, or tells a time of it. Of one that cannot be read its chain says so."""
    if not isinstance(at, int) or start <= at < end:
        return True
    try:
        said = msgspec.json.decode(content, type=_Timed).data
    except msgspec.DecodeError:
        return True
    return any(start <= one < end for one in (said.due_at, said.until, said.received_at))


# ------------------------------------------------------------------------------------------------------------ queries


T = TypeVar("T")
_ENDED = ("closed", "cancelled")
_IDS_AT_ONCE = 1_000
_IN_HAND = "closed_at IS NULL AND state <> 'queued'"
_WAITS: dict[Waiting, ColumnElement[bool]] = {
    "second_person": or_(t.cases.c.state == "in_approval", *map(t.cases.c.flags.contains, UNVOUCHED)),
    "authority": t.cases.c.state.in_(("awaiting_answer", "enforced", "lifted")),
}
MOST_COUNTED = 10_000
"""So far health counts: anybody may ask for it, and it must cost no more where more is open."""


class SqlQueries(FigureReads, CheckpointReads):
    """Reads of one platform's rows."""

    def case(self, case_id: str) -> Case:
        with self._reading() as connection:
            return self._case(connection, self._ledger(connection), case_id)[0]

    def _lines(self, connection: Connection, stream: Stream) -> dict[str, OutboxMessage]:
        """The messages of a case that have a line in the leases which can be read; by their rows where its chain
        cannot be."""
        if stream.fault is not None:
            found = self._readable(connection, "outbox", stream.reference, rows.message_from, [])
            return {one.id: one for one in found}
        messages = as_all_owed(stream.case, stream.case.messages.values())
        return rows.by_lines(stream, self._rows(connection, "leases", stream.reference), messages)

    def _readable(
        self, connection: Connection, table: str, case_id: str, read: Callable[[Any], T], unreadable: list[str]
    ) -> list[T]:
        """What the rows of a case in one table say. Why one of them cannot be read is added to `unreadable`."""
        found: list[T] = []
        for row in self._rows(connection, table, case_id):
            try:
                found.append(read(row))
            except StoreDamaged as error:
                unreadable.append(error.message)
        return found

    def _lies(self, row: Sequence[Any], stream: Stream) -> list[str]:
        """What the row of a case says otherwise than its chain, each in words."""
        found = [f"its row says another {name} than its chain" for name in rows.lies_of(row, stream)]
        if stream.case.tally is None and stream.case.state in _ENDED:
            found.append("it ended, and no event counts it in the public figures")
        return found

    def _objects(self, ledger: Ledger, stream: Stream) -> dict[str, PlatformObject]:
        """The objects of a case by their streams. Raises Damage or NewerRelease where one cannot be believed."""
        return believed_objects(stream.case, ledger.streams(self._platform, names_of(stream.case)))

    def cases(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        authority_id: str | None = None,
        notice_id: str | None = None,
        body_sha256: str | None = None,
        overdue_at: int | None = None,
        person: str | None = None,
        waits_for: Waiting | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        check_limit(limit)
        c = t.cases.c
        filters: list[Any] = [c.platform_id == self._platform]
        filters += [
            column == value
            for column, value in ((c.category, category), (c.authority_id, authority_id), (c.notice_id, notice_id))
            if value is not None
        ]
        if overdue_at is not None:
            filters += [c.due_at < overdue_at, c.urgent_at < overdue_at]
        if person is not None:
            filters.append(or_(c.lease_owner == person, c.flags.contains(self._assigned(person))))
        if waits_for is not None:
            filters.append(_WAITS[waits_for])
        if body_sha256 is not None:
            filters.append(self._tells_of(body_sha256))
        after = read_cursor(cursor, int) if cursor is not None else None
        if notice_id is not None:
            wanted = [] if state is None else [c.state == state]
            found = self._all(CASES.where(*filters, *wanted).order_by(c.urgent_at, c.stream))
            return Page(self._shown(found), None)
        if state in _ENDED:
            filters += [text("closed_at IS NOT NULL"), c.state == state]
            if after is not None:
                filters.append(tuple_(c.closed_at, c.stream) < after)
            statement = CASES.where(*filters)
            found = self._all(statement.order_by(c.closed_at.desc(), c.stream.desc()).limit(limit + 1))
            return self._page(found, limit, lambda case: case.closed_at or 0)
        if after is not None:
            filters.append(tuple_(c.urgent_at, c.stream) > after)
        found = []
        if state in (None, "queued"):
            found += self._running([*filters, text("state = 'queued'")], limit)
        if state != "queued":
            wanted = [] if state is None else [c.state == state]
            in_hand = text(_IN_HAND)
            found += self._running([*filters, in_hand, *wanted], limit)
        found.sort(key=lambda row: (row[11], row[0]))
        return self._page(found, limit, lambda case: case.urgent_at)

    def _assigned(self, person: str) -> str:
        with self._moment() as (connection, ledger):
            return rows.assigned(whose(person, self._keyed(self._private(connection, ledger))))

    def _tells_of(self, body_sha256: str) -> ColumnElement[bool]:
        """A case that took a message of these bytes."""
        with self._moment() as (connection, ledger):
            body = self._private(connection, ledger).keyed(self._platform, body_sha256)
        c, i = t.cases.c, inbox.inbox.c
        return exists().where(i.stream == c.stream, i.platform_id == c.platform_id, i.body == body)

    def _page(self, found: list[Any], limit: int, ordered_by: Callable[[Case], int]) -> Page:
        cases = self._shown(found[:limit])
        more = len(found) > limit
        return Page(cases, write_cursor(ordered_by(cases[-1]), found[limit - 1][0]) if more else None)

    def _shown(self, found: Sequence[Any]) -> tuple[Case, ...]:
        """The cases of these rows, each as its chain has it. One that cannot be read is there as well, and marked."""
        with self._moment() as (_, ledger):
            streams = ledger.streams(self._platform, [stream_of(row[2]) for row in found])
            return tuple(_shown(row, streams[stream_of(row[2])], ledger.words) for row in found)

    def _running(self, filters: list[Any], limit: int) -> list[Any]:
        statement = CASES.where(*filters)
        return self._all(statement.order_by(t.cases.c.urgent_at, t.cases.c.stream).limit(limit + 1))

    def case_ids(self, *, ended_by: int | None = None) -> Iterator[str]:
        """Read in short steps, so that no reader holds the file back."""
        c = t.cases.c
        wanted: tuple[Any, ...] = (c.platform_id == self._platform,)
        order: tuple[Any, ...] = (c.stream,)
        if ended_by is not None:
            wanted += (text("closed_at IS NOT NULL"), c.closed_at <= ended_by, _holds_something())
            order = (c.closed_at, c.stream)
        following: tuple[Any, ...] = ()
        while True:
            found = self._all(select(c.id, *order).where(*wanted, *following).order_by(*order).limit(_IDS_AT_ONCE))
            for case_id, *_ in found:
                yield case_id
            if len(found) < _IDS_AT_ONCE:
                return
            following = (tuple_(*order) > tuple(found[-1][1:]),)

    def records(self, case_id: str) -> Records:
        with self._reading() as connection:
            begin(connection)
            found = self._rows(connection, "cases", case_id)
            if not found:
                raise NotFound("there is no such case on this platform.", reference=case_id)
            unreadable: list[str] = []
            ledger = self._ledger(connection)
            private = self._private(connection, ledger, unreadable)
            row = found[0]
            stream = self._stream(ledger, case_id)
            chain = ledger.chain(stream)
            held: frozenset[int] | None = None
            case, lies, damage = rows.bare_case(row), list[str](), [*chain.faults]
            try:
                case = read_case(stream, chain.words, rows.plan_of(row))
                lies += self._lies(row, stream)
                if not rows.is_planned(row, case):
                    lies.append("its line in watches plans what its chain does not let it")
            except StoreDamaged as error:
                lies += [] if stream.fault else [error.message]
            try:
                objects = self._objects(ledger, stream).values()
                held = frozenset(number for one in objects for owner, number in one.holds if owner == case_id)
                stored = {table.name: self._rows(connection, table.name, case_id) for table in derived.DERIVED}
                lying = derived.lies_of(stored, stream, objects)
                lies += (f"its rows in {name} are not those of its chain" for name in lying)
            except StoreDamaged as error:
                damage += [] if stream.fault is error else [str(error)]
            keyed = self._keyed(private)
            try:
                damage += self._misnamed(case, stream, keyed)
            except StoreDamaged as error:
                damage.append(error.message)
            lines = self._lines(connection, stream)
            attempts = self._readable(connection, "attempts", case_id, private.attempt_from, unreadable)
            return Records(
                case=case,
                chain=chain,
                messages=_left(chain, lines, attempts),
                attempts=attempts,
                repeats=self._repeats(connection, stream),
                lies=lies,
                unreadable=unreadable,
                damage=damage,
                held=held,
                keyed=keyed,
                lines=lines,
            )

    def _keyed(self, private: PrivateRows) -> Callable[..., str]:
        """A digest under the platform's object key, which raises StoreDamaged where that does not open."""

        def keyed(*what: object) -> str:
            return private.keyed(self._platform, *what)

        try:
            keyed()  # the key is read now, and lasts longer than this connection
        except StoreDamaged as error:
            return partial(_not_opened, error)
        return keyed

    def _misnamed(self, case: Case, stream: Stream, keyed: Callable[..., str]) -> list[str]:
        """The items that are about another object than their chain names, by the platform's key of these names. Raises
        StoreDamaged where that does not open."""
        keyed()
        chain = {} if stream.fault else stream.case.items
        about = [(item, chain[item.number].object) for item in case.items if item.object_key and item.number in chain]
        other = [item.item_id for item, name in about if object_stream(item.object_key, keyed) != name]
        return [f"the item {name} is about another object than its chain names" for name in other]

    def case_of_appeal(self, appeal_id: str) -> str:
        a = derived.appeals.c
        found = self._all(select(a.case_id).where(a.platform_id == self._platform, a.appeal_id == appeal_id))
        if not found:
            raise NotFound("there is no such appeal on this platform.", reference=appeal_id)
        return str(found[0][0])

    def appeals(self, *, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        check_limit(limit)
        a = derived.appeals.c
        wanted = select(derived.appeals).where(a.platform_id == self._platform, a.state == state)
        if cursor is not None:
            wanted = wanted.where(tuple_(a.due_at, a.appeal_id) > read_cursor(cursor, str))
        found = self._all(wanted.order_by(a.due_at, a.appeal_id).limit(limit + 1))
        page = found[:limit]
        with self._reading() as connection:
            ledger = self._ledger(connection)
            told = tuple(self._told(connection, ledger, row) for row in page)
        return AppealPage(told, write_cursor(page[-1].due_at, page[-1].appeal_id) if len(found) > limit else None)

    def _told(self, connection: Connection, ledger: Ledger, row: Any) -> Appeal:
        """An appeal as the chain of its case tells it. Of one that cannot be read the row alone is left."""
        try:
            case, stream = self._case(connection, ledger, row.case_id)
            return appeal_of(stream, case, row.appeal_id, ledger.words)
        except (StoreDamaged, NotFound):
            return Appeal(
                platform_id=row.platform_id,
                appeal_id=row.appeal_id,
                case_id=row.case_id,
                item=0,
                item_id="",
                reference="",
                received_at=row.received_at,
                due_at=row.due_at,
                decision_version=0,
                proposed_by="",
                approved_by="",
                number=0,
                state=row.state,
            )

    def _repeats(self, connection: Connection, stream: Stream) -> Callable[[str, str], int]:
        """How often each message of a stream came again, by its key and its body."""
        counts, cursors = dict[tuple[str, str], int](), self._s.operations[CursorMoved]
        for key in () if stream.fault is not None else stream.case.took:
            for noted in cursors.noted(partial(ask, connection), self._platform, repeats_of(*key)):
                counts[key] = count_in(noted.cursor)
        return lambda *key: counts.get(key, 0)

    def health(self, now: int) -> Health:
        c, o, line = t.cases.c, t.outbox.c, t.leases.c
        mine, free, taken = c.platform_id == self._platform, text("state = 'queued'"), text(_IN_HAND)
        leaves = line.platform_id == self._platform, text("next_at IS NOT NULL")
        late = c.urgent_at < now, c.due_at < now
        overdue, oldest = 0, None
        with self._reading() as connection:
            by_state, withheld = self._in_hand(connection)
            if queued := _counted(connection, mine, free):
                by_state["queued"] = queued
            longer_terms = _counted(connection, mine, t.longer_term)
            for where in (free, taken):
                overdue += _counted(connection, mine, where, *late)
                # The queue's order is earlier than the due time, or as much later as the term was paused.
                shown = sql_case((c.urgent_at > c.due_at, c.urgent_at), else_=c.due_at)
                first = select(shown).where(mine, where).order_by(c.urgent_at).limit(1)
                due = connection.execute(first).scalar()
                oldest = due if oldest is None or (due is not None and due < oldest) else oldest
            # A platform that cannot tell its users still delivers everything else.
            waiting = _counted(connection, *leaves, line.endpoint != MESSENGER)
            untold = _counted(connection, *leaves, line.endpoint == MESSENGER, line.next_at <= now)
            parked = _counted(connection, o.platform_id == self._platform, text("state = 'parked'"))
            beats = self._noted(connection, Heartbeat)
            endpoints = self._noted(connection, EndpointState)
            refusals = self._noted(connection, RefusalsCounted)
        return Health(
            by_state=by_state,
            overdue=overdue,
            oldest_due_at=oldest,
            undelivered=waiting,
            parked=parked,
            heartbeats=beats,
            endpoints=endpoints,
            refusals=refusals,
            fault=self._fault(),
            suspended=longer_terms,
            untold=untold,
            withheld=withheld,
        )

    def _in_hand(self, connection: Connection) -> tuple[dict[str, int], int]:
        """How many cases that somebody has in hand are in each state, and how many of them are withheld."""
        c = t.cases.c
        waits = and_(c.state == "in_approval", c.flags.like("%withheld%"))
        withheld = sql_case((waits, 1), else_=0).label("withheld")
        some = select(c.state, withheld).where(c.platform_id == self._platform, text(_IN_HAND))
        of = some.order_by(c.urgent_at, c.stream).limit(MOST_COUNTED).subquery().c
        counts = select(of.state, func.count(), func.sum(of.withheld)).group_by(of.state)
        found = connection.execute(counts).fetchall()
        return {state: number for state, number, _ in found}, sum(number for _, _, number in found)

    def _noted(self, connection: Connection, kind: type[Operation]) -> tuple[Any, ...]:
        return tuple(self._s.operations[kind].noted(partial(ask, connection), self._platform))


def _counted(connection: Connection, *where: ColumnElement[bool] | TextClause) -> int:
    """How many rows there are, MOST_COUNTED if they are more."""
    some = select(literal(1)).where(*where).limit(MOST_COUNTED).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _not_opened(error: StoreDamaged, *_what: object) -> str:
    raise error


def _left(chain: Chain, lines: Mapping[str, OutboxMessage], attempts: Iterable[Attempt]) -> tuple[OutboxMessage, ...]:
    """The messages of a case as its chain has them, as far as it can be read. How often one was tried that has no line
    any more is told by its tries."""
    if chain.stream.fault is not None:
        return tuple(lines.values())
    if chain.damage:
        left = tuple(as_far_as_told(chain.stream, chain.words, lines))
    else:
        left = as_told(chain.stream, chain.all_words(), lines)
    tries = {one.message_id: one.number for one in sorted(attempts, key=lambda one: one.number)}
    return tuple(one if one.id in lines else one.but(attempts=tries.get(one.id, 0)) for one in left)


def _shown(row: Sequence[Any], stream: Stream, opens: Opens) -> Case:
    try:
        return read_case(stream, opens, rows.plan_of(row))
    except StoreDamaged:
        return rows.bare_case(row)


def _holds_something() -> ColumnElement[bool]:
    """A case was not erased, or something came to it since: what comes late brings a key with it, and is erased in its
    turn."""
    c, k = t.cases.c, keys.c
    has_key = exists().where(k.stream == c.stream, k["class"] == "erasable")
    return or_(c.erased_at.is_(None), has_key)
