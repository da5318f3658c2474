"""The reads of checkpoints and of the verification, each at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Table,
    and_,
    bindparam,
    exists,
    literal,
    or_,
    select,
    union,
)

from kz_compliance_sdk.adapters.sql import inbox, rows, statements
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DERIVED
from kz_compliance_sdk.adapters.sql.ledger import Ledger, events, keys, lost_cases, parts, streams
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.adapters.sql.statements import Compiled, sqlite_statements
from kz_compliance_sdk.adapters.sql.view import CASE_TABLES, Reads, ask, of_case
from kz_compliance_sdk.domain.checkpoints import CHECKPOINTS, Checkpoint, LogLine, checkpoint_in
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Damage, NewerRelease
from kz_compliance_sdk.domain.received import SANCTIONS, SanctionNoted, sanction_in

_AT_ONCE = 64


class CheckpointReads(Reads):
    """The part of the queries that checkpoints and the verification need."""

    def _asked(self, statement: Compiled, **values: Any) -> list[Any]:
        with self._reading() as connection:
            given = statement.bind({"k_platform": self._platform, **values})
            return list(connection.exec_driver_sql(statement.sql, given).fetchall())

    def strays(self) -> Iterator[tuple[str, str]]:
        yield from (("", what) for what in self._lodged_faults())
        with self._reading() as connection:
            left = orphans(connection, self._platform)
        yield from left
        with self._moment() as (connection, ledger):
            wrong = loose(connection, self._platform, self._private(connection, ledger))
        yield from (("", what) for what in wrong)

    def _lodged_faults(self) -> Iterator[str]:
        """What is wrong with the messages that no case took when they came, and with their rows; and what lies there
        of streams that are not."""
        after = ""
        while True:
            with self._moment() as (connection, ledger):
                found = inbox.found(
                    partial(ask, connection), sqlite_statements().inbox, self._platform, after, _AT_ONCE
                )
                faults = [
                    one
                    for name, stream in ledger.streams(self._platform, found).items()
                    for one in dict.fromkeys((inbox.lies_of(stream, found[name]), *ledger.chain(stream).faults))
                    if one
                ]
                if not found:
                    faults += inbox.unnamed(partial(ask, connection), sqlite_statements().inbox, self._platform)
                    faults += of_no_stream(connection)
            yield from faults
            if not found:
                return
            after = max(found)

    def streams_beside(self) -> Iterator[tuple[Stream, list[str]]]:
        """Every stream that is of no case, in the order in which they began, and what is wrong with it."""
        after = -(2**63)
        while found := self._asked(sqlite_statements().log.beside, k_n=after, n=_AT_ONCE):
            names = [bytes(name or b"").decode("utf-8", "replace") for _, name in found]
            with self._moment() as (_, ledger):
                streams = ledger.streams(self._platform, names).values()
                told = [(stream, [*ledger.chain(stream).faults]) for stream in streams]
            yield from told
            after = found[-1][0]

    def last_checkpoint(self) -> Checkpoint | None:
        with self._moment() as (_, ledger):
            name = ledger.last_named(self._platform, CHECKPOINTS)
            return checkpoint_in(ledger.streams(self._platform, [name])[name]) if name else None

    def log_lines(
        self, after: int = 0, until: int | None = None, *, stream: str | None = None, dated: bool = False
    ) -> Iterator[LogLine | None]:
        """The lines of the log behind one number, up to another; None for one that cannot be read."""
        log = sqlite_statements().log
        if stream is not None:
            return statements.lines(partial(self._asked, log.lines_of, k_name=stream), after, until)
        return statements.lines(partial(self._asked, log.dated_lines if dated else log.lines), after, until)

    def tiles(self, level: int, first: int, many: int) -> list[bytes]:
        """The kept nodes of a level of the tree over the log, as many of these as there are."""
        found = self._asked(sqlite_statements().log.tiles, k_level=level, k_first=first, k_end=first + many)
        return [row[0] for row in found]


def orphans(connection: Connection, platform_id: str) -> list[tuple[str, str]]:
    """The id of each case that is not there while something of it is, or was put there; and in which tables."""
    left: dict[str, list[str]] = {}
    for case_id, table in connection.execute(_orphans(), {"platform": platform_id}):
        left.setdefault(str(case_id), []).append(table)
    gone, of_none = "the case is gone, and something of it is still there", "something is there that belongs to no case"
    return [(one, f"{gone if one else of_none}, in {', '.join(sorted(where))}") for one, where in sorted(left.items())]


@cache
def _orphans() -> CompoundSelect[Any]:
    loose: tuple[Table, ...] = (inbox.inbox, t.outbox, t.attempts)
    platform: BindParameter[str] = bindparam("platform")
    left = union(
        *(
            select(table.c.case_id, literal(table.name).label("place")).where(
                table.c.platform_id == platform, *((table.c.case_id != "",) if table in loose else ())
            )
            for table in (*dict(CASE_TABLES).values(), *DERIVED)
        )
    ).subquery()
    gone = ~exists().where(t.cases.c.platform_id == platform, t.cases.c.id == left.c.case_id)
    lying = select(left.c.case_id, left.c.place).where(gone)
    chains = lost_cases(platform).add_columns(literal("streams").label("place"))
    return union(lying, chains).order_by("case_id", "place")


def of_no_stream(connection: Connection) -> list[str]:
    """What the ledger's tables hold of streams that are not there, each in words."""
    return [
        f"something is in {table.name} of the stream {number}, which is not there"
        for table in (events, parts, keys)
        for (number,) in connection.execute(
            select(table.c.stream).distinct().where(~exists().where(streams.c.n == table.c.stream))
        )
    ]


def sanctions(connection: Connection, platform_id: str, ledger: Ledger) -> tuple[list[SanctionNoted], list[str]]:
    """The sanctions as their streams tell them, and what is wrong with each stream that tells of none, in words."""
    name = streams.c.name
    first = exists().where(events.c.stream == streams.c.n, events.c.seq == 1, events.c.kind == "sanctioned")
    # One of another name began as a sanction all the same, and is damaged by it.
    so_named = and_(name > SANCTIONS, name < f"{SANCTIONS}~")
    named = select(name).where(streams.c.platform == platform_id, or_(so_named, first))
    told: list[SanctionNoted] = []
    faults: list[str] = []
    for stream in ledger.streams(platform_id, connection.execute(named).scalars()).values():
        try:
            told.append(sanction_in(stream, ledger.words))
        except (Damage, NewerRelease) as error:
            faults.append(str(error))
    return sorted(told, key=lambda one: (one.received_at, one.sanction_id)), faults


def loose(connection: Connection, platform_id: str, private: PrivateRows) -> list[str]:
    """What is wrong with rows that belong to no case, in words."""

    def of(table: Table) -> Sequence[Any]:
        return of_case(connection.dialect.name).rows(connection, table.name, platform_id, "")

    made = {one.id: one.attempts for one in map(rows.message_from, of(t.outbox))}
    return [
        f"the attempt {tried.number} of the message {tried.message_id} was never made"
        for tried in map(private.attempt_from, of(t.attempts))
        if not 0 < tried.number <= made.get(tried.message_id, 0)
    ]
