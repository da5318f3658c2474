"""The reads of checkpoints and of the verification, each at one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    union,
)

from kz_compliance_sdk.adapters.sql import derived, inbox, rows
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DERIVED, lost_cases
from kz_compliance_sdk.adapters.sql.dialects import SQLITE, place_in, raw, whole
from kz_compliance_sdk.adapters.sql.ledger import events, keys, log, parts, streams, tiles
from kz_compliance_sdk.adapters.sql.rows import AT_MOST
from kz_compliance_sdk.adapters.sql.schema import wrong_schema
from kz_compliance_sdk.adapters.sql.statements import Compiled, statements_of
from kz_compliance_sdk.adapters.sql.view import CASE_TABLES, Reads, ask, of_case
from kz_compliance_sdk.domain.change import Attempt
from kz_compliance_sdk.domain.checkpoints import CHECKPOINTS, Checkpoint, LogLine, checkpoint_in
from kz_compliance_sdk.domain.events.arrivals import Sanctioned
from kz_compliance_sdk.domain.fold import Chain, Stream
from kz_compliance_sdk.domain.messages import as_all_owed
from kz_compliance_sdk.domain.proofs import of_what_leaves
from kz_compliance_sdk.domain.received import SANCTIONS, sanctions_in
from kz_compliance_sdk.domain.values import ALERTS, stream_of
from kz_compliance_sdk.errors import StoreDamaged

_AT_ONCE, _LINES, _LOGGED_AT_ONCE = 64, 1_000, 5_000
_LAST = 2**63 - 1


# ----------------------------------------------------------------------------------------------------------- log tree
# The log as the leaves of a tree, and the nodes of that tree that are kept.


class LogStatements:
    """Parameters are named `k_` for keys, `n` is how many rows there may be."""

    def __init__(self, compiled: Callable[[Any], Compiled]) -> None:
        mine = log.c.platform == bindparam("k_platform"), log.c.n > bindparam("k_n"), log.c.n <= bindparam("k_last")
        named = log.outerjoin(streams, and_(streams.c.n == log.c.stream, streams.c.platform == log.c.platform))
        line = (whole(log.c.n), raw(streams.c.name), whole(log.c.seq), raw(log.c.hash))
        # Looking each event up takes six times as long as the line itself.
        told = named.outerjoin(events, and_(events.c.stream == log.c.stream, events.c.seq == log.c.seq))
        of_name = streams.c.platform == bindparam("k_platform"), streams.c.name == bindparam("k_name")
        here = log.c.stream == select(streams.c.n).where(*of_name).scalar_subquery()
        some = select(*line).select_from(named).where(*mine)
        self.lines = compiled(some.order_by(log.c.n).limit(AT_MOST))
        # By the index of the stream: a range of numbers would be read whole.
        n = log.c.n + literal_column("0")
        own = select(*line).select_from(named).where(here, n > bindparam("k_n"), n <= bindparam("k_last"))
        self.lines_of = compiled(own.order_by(log.c.seq).limit(AT_MOST))
        dated = select(*line, whole(events.c.at)).select_from(told).where(*mine)
        self.dated_lines = compiled(dated.order_by(log.c.n).limit(AT_MOST))
        s = streams.c
        # Whatever somebody put in the place of a name.
        of_none = or_(s.name.is_(None), not_(and_(s.name > stream_of(""), s.name < stream_of("~"))))
        beside = select(s.n, raw(s.name)).where(s.platform == bindparam("k_platform"), s.n > bindparam("k_n"))
        self.beside = compiled(beside.where(of_none).order_by(s.n).limit(AT_MOST))
        first = exists().where(events.c.stream == s.n, events.c.seq == 1, events.c.kind == bindparam("began"))
        so_named = and_(s.name > bindparam("named"), s.name < bindparam("until"))
        self.beside_of = compiled(beside.where(or_(so_named, first)).order_by(s.n).limit(AT_MOST))
        of_level = tiles.c.platform == bindparam("k_platform"), tiles.c.level == bindparam("k_level")
        run = tiles.c.n >= bindparam("k_first"), tiles.c.n < bindparam("k_end")
        self.tiles = compiled(select(raw(tiles.c.hash)).where(*of_level, *run).order_by(tiles.c.n))
        self.walk, self.walk_ends = _walk(compiled)


def _walk(compiled: Callable[[Any], Compiled]) -> tuple[Compiled, Compiled]:
    """What is wrong with the next lines of the log, and the number of the last of them. What is right stays in the
    database: of most lines nothing is given."""
    s, e, one, first = streams.c, events.c, log.alias("one"), literal_column("1", Integer)
    some = select(log).where(log.c.platform == bindparam("k_platform"), log.c.n > bindparam("k_n"))
    of_log = some.order_by(log.c.n).limit(AT_MOST).subquery("line")
    line = of_log.c
    found = of_log.outerjoin(events, and_(e.stream == line.stream, e.seq == line.seq))
    found = found.outerjoin(streams, and_(s.n == line.stream, s.platform == line.platform))
    next_to = exists().where(one.c.platform == line.platform, one.c.n == line.n - first)
    no_next = or_(whole(line.n).is_(None), and_(line.n != first, ~next_to))
    is_other = or_(e.hash.is_(None), raw(e.hash).is_distinct_from(raw(line.hash)))
    ahead = exists().where(one.c.stream == line.stream, one.c.seq == line.seq - first, one.c.n < line.n)
    too_early = and_(line.seq > first, ~ahead)
    called = literal_column('\'"stream":"\'').concat(s.name).concat(literal_column("'\"'"))
    renamed = and_(line.seq == first, place_in(raw(called), raw(e.content)) == literal_column("0"))
    before = select(func.max(one.c.n)).where(one.c.platform == line.platform, one.c.n < line.n)
    which = (*map(whole, (line.n, line.stream, line.seq)), raw(s.name))
    wrong = no_next, s.name.is_(None), is_other, too_early, renamed
    how = func.coalesce(before.scalar_subquery(), literal_column("0")), e.hash.is_(None)
    told = select(*which, *how, *wrong).select_from(found).where(or_(*wrong)).order_by(line.n)
    return compiled(told), compiled(select(func.max(whole(line.n))))


@cache
def log_statements(database: str = SQLITE) -> LogStatements:
    return LogStatements(statements_of(database).compiled)


_LEFT_OUT = """
SELECT s.name, e.seq FROM events e JOIN streams s ON s.n = e.stream WHERE s.platform = %s
    AND NOT EXISTS (SELECT 1 FROM log WHERE log.stream = e.stream AND log.seq = e.seq)
    AND NOT EXISTS (SELECT 1 FROM unplaced WHERE unplaced.stream = e.stream AND unplaced.seq = e.seq)
ORDER BY s.name, e.seq
"""
"""Where the log follows the events, those that it will never have."""


# --------------------------------------------------------------------------------------------------------------- reads


class CheckpointReads(Reads):
    """The part of the queries that checkpoints and the verification need."""

    @property
    def _log(self) -> LogStatements:
        return log_statements(self._engine.dialect.name)

    def _asked(self, statement: Compiled, **values: Any) -> list[Any]:
        with self._reading() as connection:
            given = statement.bind({"k_platform": self._platform, **values})
            return list(connection.exec_driver_sql(statement.sql, given).fetchall())

    def strays(self) -> Iterator[tuple[str, str]]:
        with self._reading() as connection:
            strange = wrong_schema(connection)
            if self._s.ledger.placed_later:
                left = [*map(tuple, connection.exec_driver_sql(_LEFT_OUT, (self._platform,)))]
                strange += [f"event {seq} of {name} has no place in the log, and waits for none" for name, seq in left]
        wrong = sanctions_in(self.streams_beside(SANCTIONS, Sanctioned.called))[1]
        yield from (("", what) for what in dict.fromkeys((*strange, *wrong, *faults_of_log(self._asked, self._log))))
        yield from self._lodged_faults()
        with self._reading() as connection:
            left = orphans(connection, self._platform)
        yield from left
        yield from self._alert_faults()

    def _alert_faults(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the alerts of no case, with what is made of their streams and with their tries, each
        behind the name of its stream; and what lies there of alerts that are not."""
        try:
            tried = self._tried_of_none()
        except (StoreDamaged, TypeError, ValueError) as error:
            yield "", f"the tries of no case cannot be read: {error}"
            return
        after = ""
        while True:
            with self._moment() as (connection, ledger):
                found = derived.alerts_between(partial(ask, connection), self._s, self._platform, after, _AT_ONCE)
                chains = ledger.streams(self._platform, found)
                faults = [
                    (name, one)
                    for name, stored in found.items()
                    for one in (
                        *_faults_of_alert(chains[name], *stored, tried.pop(name.removeprefix(ALERTS), [])),
                        *ledger.chain(chains[name]).faults,
                    )
                ]
            yield from dict.fromkeys(faults)
            if not found:
                yield from (("", f"something was tried of a message {one} that is not there") for one in sorted(tried))
                return
            after = max(found)

    def _tried_of_none(self) -> dict[str, list[Attempt]]:
        tried: dict[str, list[Attempt]] = defaultdict(list)
        with self._moment() as (connection, ledger):
            private = self._private(connection, ledger)
            for row in of_case(connection.dialect.name).rows(connection, t.attempts.name, self._platform, ""):
                tried[row[2]].append(private.attempt_from(row))
        return tried

    def _lodged_faults(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the messages that no case took when they came, and with their rows, each behind the name
        of its stream; and what lies there of streams that are not."""
        after = ""
        while True:
            with self._moment() as (connection, ledger):
                found = inbox.found(partial(ask, connection), self._s.inbox, self._platform, after, _AT_ONCE)
                faults = [
                    (name, one)
                    for name, stream in ledger.streams(self._platform, found).items()
                    for one in dict.fromkeys((inbox.lies_of(stream, found[name]), *ledger.chain(stream).faults))
                    if one
                ]
                if not found:
                    unnamed = inbox.unnamed(partial(ask, connection), self._s.inbox, self._platform)
                    faults += [("", one) for one in (*unnamed, *of_no_stream(connection))]
            yield from faults
            if not found:
                return
            after = max(found)

    def streams_beside(self, named: str = "", began: str = "") -> Iterator[Chain]:
        log, after = self._log, -(2**63)
        ask_for = partial(self._asked, log.beside)
        if named or began:
            ask_for = partial(self._asked, log.beside_of, named=named, until=f"{named}~", began=began)
        while found := ask_for(k_n=after, n=_AT_ONCE):
            names = [bytes(name or b"").decode("utf-8", "replace") for _, name in found]
            with self._moment() as (_, ledger):
                told = [ledger.chain(stream) for stream in ledger.streams(self._platform, names).values()]
            yield from told
            after = found[-1][0]

    def last_checkpoint(self) -> Checkpoint | None:
        with self._moment() as (_, ledger):
            name = ledger.last_named(self._platform, CHECKPOINTS)
            return checkpoint_in(ledger.stream(self._platform, name)) if name else None

    def log_lines(
        self, after: int = 0, until: int | None = None, *, stream: str | None = None, dated: bool = False
    ) -> Iterator[LogLine | None]:
        """The lines of the log behind one number, up to another; None for one that cannot be read."""
        log = self._log
        if stream is not None:
            return _lines(partial(self._asked, log.lines_of, k_name=stream), after, until)
        return _lines(partial(self._asked, log.dated_lines if dated else log.lines), after, until)

    def tiles(self, level: int, first: int, many: int) -> list[bytes]:
        """The kept nodes of a level of the tree over the log, as many of these as there are."""
        found = self._asked(self._log.tiles, k_level=level, k_first=first, k_end=first + many)
        return [row[0] for row in found]


def _line_from(row: Any) -> LogLine | None:
    """A line of the log, None for one that cannot be read."""
    n, name, seq, hash_, *at = row
    if None in (n, name, seq, hash_) or len(hash_) != 32:
        return None
    return LogLine(n, name.decode("utf-8", "replace"), seq, hash_, *at)


def _lines(read: Callable[..., list[Any]], after: int, until: int | None = None) -> Iterator[LogLine | None]:
    """The lines behind one number, up to another, read in short steps so that no reader holds the file back."""
    while found := read(k_n=after, k_last=_LAST if until is None else until, n=_LOGGED_AT_ONCE):
        yield from map(_line_from, found)
        numbers = [row[0] for row in found if row[0] is not None]
        if not numbers:
            return
        after = numbers[-1]


def faults_of_log(asked: Callable[..., list[Any]], log: LogStatements) -> Iterator[str]:
    """What is wrong with a platform's log, in words: a number left out, a line whose event is gone or is another one
    or stands before the one that it follows, a stream that is gone or has another name."""
    after: int | None = -(2**63)  # from the beginning no number is too small to be a line
    while after is not None:
        some = {"k_n": after, "n": _LINES}
        # Asked first: what is appended meanwhile comes again with the next lines.
        ((after,),) = asked(log.walk_ends, **some)
        for row in asked(log.walk, **some):
            yield from _wrong_line(row)


def _wrong_line(row: Any) -> Iterator[str]:
    """What is wrong with a line of the log, in words."""
    n, stream, seq, name, behind, is_gone, no_next, no_stream, is_other, too_early, renamed = row
    if n is None:
        yield f"the log holds a line without a number, of event {seq} of stream {stream}"
        return
    if no_next:
        yield f"the log goes on with {n} behind {behind}"
    if no_stream:
        yield f"line {n} of the log: there is no stream {stream} on this platform"
    elif is_other:
        what = "is gone" if is_gone else "is not the one that was logged"
        yield f"line {n} of the log: event {seq} of {name.decode('utf-8', 'replace')} {what}"
    elif too_early:
        yield f"line {n} of the log: what stands before event {seq} of this stream comes after it"
    elif renamed:
        yield f"line {n} of the log: stream {stream} had another name when it began"


def orphans(connection: Connection, platform_id: str) -> list[tuple[str, str]]:
    """The id of each case that is not there while something of it is, or was put there; and in which tables."""
    left: dict[str, list[str]] = {}
    for case_id, table in connection.execute(_orphans(), {"platform": platform_id}):
        left.setdefault(str(case_id), []).append(table)
    gone, of_none = "the case is gone, and something of it is still there", "something is there that belongs to no case"
    return [(one, f"{gone if one else of_none}, in {', '.join(sorted(where))}") for one, where in sorted(left.items())]


@cache
def _orphans() -> CompoundSelect[Any]:
    loose: tuple[Table, ...] = (inbox.inbox, t.outbox, t.leases, t.attempts)
    platform: BindParameter[str] = bindparam("platform")
    c, s = t.cases.c, streams.c

    def of_case(table: Table) -> ColumnElement[bool]:
        if "stream" in table.c:
            return and_(c.stream == table.c.stream, c.id == table.c.case_id)
        named = literal(stream_of("")) + table.c.case_id
        of_name = select(s.n).where(s.platform == platform, s.name == named)
        return c.stream == of_name.correlate(table).scalar_subquery()

    lying = [
        select(table.c.case_id.label("case_id"), literal(table.name).label("place")).where(
            table.c.platform_id == platform,
            ~exists().where(c.platform_id == platform, of_case(table)),
            *((table.c.case_id != "",) if table in loose else ()),
        )
        for table in (t.watches, *dict(CASE_TABLES).values(), *DERIVED)
    ]
    chains = lost_cases(platform).add_columns(literal("streams").label("place"))
    return union(*lying, chains).order_by("case_id", "place")


def of_no_stream(connection: Connection) -> list[str]:
    """What the ledger's tables hold of streams that are not there, each in words."""
    return [
        f"something is in {table.name} of the stream {number}, which is not there"
        for table in (events, parts, keys)
        for (number,) in connection.execute(
            select(table.c.stream).distinct().where(~exists().where(streams.c.n == table.c.stream))
        )
    ]


def _faults_of_alert(
    stream: Stream, stored: Sequence[Any], lines: Sequence[Any], tried: Sequence[Attempt]
) -> Iterator[str]:
    if stream.fault is not None:
        return  # its chain says what is wrong
    if [*map(tuple, stored)] != derived.messages_of(stream):
        yield f"the row of {stream.name} in outbox is not that of its stream"
    messages = as_all_owed(stream.case, stream.case.messages.values())
    yield from of_what_leaves("", stream.case, rows.by_lines(stream, lines, messages), tried)
