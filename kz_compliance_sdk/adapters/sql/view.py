"""What a work may read, bound to one platform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache, partial
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from msgspec import json
from sqlalchemy import (
    BindParameter,
    Boolean,
    Connection,
    Dialect,
    Engine,
    Integer,
    Select,
    String,
    Table,
    bindparam,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql import derived, inbox, rows
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DERIVED
from kz_compliance_sdk.adapters.sql.dialects import SQLITE, dialect_of
from kz_compliance_sdk.adapters.sql.engines import store_error
from kz_compliance_sdk.adapters.sql.keys import DataKey, MasterKeys, PartKeys, PrivateRows
from kz_compliance_sdk.adapters.sql.ledger import Ledger, streams
from kz_compliance_sdk.adapters.sql.rows import first_that_open, plan_of
from kz_compliance_sdk.adapters.sql.statements import CASES, Compiled, Shared, Statements, statements_of
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.believed import as_made, check_held, leaving, read_case, wordless_case
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import LEASE_S, OutboxMessage
from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.holding import believed_objects, names_of
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.domain.messages import NOTIFIER, alert_in, as_all_owed, as_owed, astray
from kz_compliance_sdk.domain.values import ALERTS, MESSAGES, stream_of, stream_of_message
from kz_compliance_sdk.errors import NotFound, StoreDamaged
from kz_compliance_sdk.ports import Due, Found, SentAs, WaitsFor
from kz_compliance_sdk.ports.store import Fact, Noted

T = TypeVar("T")
_NO_TEXT = "\ufffd"
"""What stands in a text for bytes that are none: no statement finds its row by it."""


class Reader(Protocol):
    """The open transaction, as far as a view needs it."""

    now: int
    statements: Statements
    private: PrivateRows
    shared: Shared

    @property
    def ledger(self) -> Ledger: ...

    def one(self, statement: Compiled, **values: Any) -> Any: ...

    def all(self, statement: Compiled, **values: Any) -> list[Any]: ...


class View:
    """What one work may read: the transaction, bound to a platform."""

    __slots__ = ("_platform", "_s", "_tx", "_unreadable", "lying")

    def __init__(self, transaction: Reader, platform_id: str) -> None:
        self._tx, self._platform, self._s = transaction, platform_id, transaction.statements
        self._unreadable: list[str] = []
        self.lying: list[str] = []

    @property
    def unreadable(self) -> list[str]:
        return self._unreadable

    def _first(self, statement: Compiled, opened: Callable[[Any], T], limit: int, **given: Any) -> list[T]:
        def fetch(n: int) -> list[Any]:
            rows = self._tx.all(statement, k_platform_id=self._platform, n=n, **given)
            self._tx.shared.load_cases(self._platform, rows)
            return rows

        return first_that_open(fetch, opened, limit, self._unreadable)[0]

    @property
    def now(self) -> int:
        return self._tx.now

    def stamp(self, actor: Actor = SYSTEM) -> Stamp:
        return Stamp(self._tx.now, actor, partial(self._tx.private.keyed, self._platform))

    def streams(self, names: Iterable[str]) -> dict[str, Stream]:
        return self._tx.ledger.streams(self._platform, names)

    def _chain(self, case_id: str) -> Stream:
        return self._tx.ledger.stream(self._platform, stream_of(case_id))

    def words(self, stream: Stream, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], bytes | None]:
        return self._tx.ledger.words(stream, wanted)

    def case(self, case_id: str) -> Case:
        found = self._tx.shared.rows_of_cases(self._platform, [case_id])
        if not found:
            raise NotFound("there is no such case on this platform.", reference=case_id)
        return self._tx.shared.case_from(found[0])

    def cases_of_notice(self, notice_id: str) -> list[Case]:
        self._tx.shared.check_written(f"n{notice_id}")
        found = self._tx.shared.rows_of_notices(self._platform, [notice_id])
        return self._tx.shared.cases_from(self._platform, found)

    def claimable(self, may_take: Callable[[Case], bool], *, category: str | None = None) -> Case | None:
        return self._tx.shared.next_free(self._platform, category, may_take, self._unreadable)

    def found(self, after: str, limit: int) -> list[Found]:
        found = [] if after.startswith((ALERTS, MESSAGES)) else self._cases_found(int(after or 0), limit)
        if len(found) < limit and not after.startswith(MESSAGES):
            found += self._alerts(after if after.startswith(ALERTS) else ALERTS, limit - len(found))
        if len(found) < limit:
            found += self._lodged(after if after.startswith(MESSAGES) else MESSAGES, limit - len(found))
        self.lying += [stream_of(one.about) if one.true else one.about for one in found if one.lies]
        return found

    def _cases_found(self, after: int, limit: int) -> list[Found]:
        behind = {"k_platform_id": self._platform, "after": after, "n": limit}
        rows_ = {row[0]: row for row in self._tx.all(self._s.found, **behind)}
        names = dict(self._tx.all(self._s.chains, **behind))
        # A row of which there is no chain is found by what it says itself.
        known = {number: names.get(number) or stream_of(row[2]) for number, row in rows_.items()} | names
        numbers = sorted(known)[:limit]
        self._tx.shared.whole(self._platform, (known[one] for one in numbers))
        chains = [self._tx.ledger.stream(self._platform, known[one]) for one in numbers]
        readable = [chain for chain in chains if chain.fault is None]
        self._tx.shared.whole(self._platform, {name for chain in readable for name in names_of(chain.case)})
        gone = [chain.case.notice for chain in readable if chain.number not in rows_]
        self._tx.shared.rows_of_notices(self._platform, gone)
        last = numbers[-1] if numbers else after
        stored = derived.found_between(self._tx.all, self._s.derived, self._platform, after, last)
        lines: dict[int, list[Any]] = defaultdict(list)
        for row in self._tx.all(self._s.leases_between, k_platform_id=self._platform, k_after=after, k_last=last):
            lines[row[0]].append(row)
        astray = self._astray((chain, lines[chain.number]) for chain in readable)
        return [
            # What lies under another number than its chain is told of there.
            Found(chain.reference, str(one))
            if chain.number not in (0, one)
            else replace(self._found(chain, rows_.get(one), stored[one], astray), place=str(one))
            for one, chain in zip(numbers, chains, strict=True)
        ]

    def _found(
        self, stream: Stream, row: Any, stored: Mapping[str, list[Any]], astray: Mapping[str, list[OutboxMessage]]
    ) -> Found:
        case_id = stream.reference
        try:
            true = wordless_case(stream, _plan_of(row))
            objects = believed_objects(stream.case, self.streams(names_of(stream.case))).values()
            lies = _lies_of(row, stream)
            if lies:
                self._check_free(stream.number, true)
            lies += () if row is None or rows.is_planned(row, true) else (t.watches.name,)
            lies += derived.lies_of(stored, stream, objects)
            return Found(case_id, true=true, lies=lies, messages=tuple(astray[stream.name]))
        except StoreDamaged as error:
            self._unreadable.append(case_id)
            return Found(case_id, fault=error.message)

    def _astray(self, stored: Iterable[tuple[Stream, list[Any]]]) -> dict[str, list[OutboxMessage]]:
        """The messages of these streams whose lines lie or are gone, as they have them, by the streams' names."""
        found: dict[str, list[OutboxMessage]] = {}
        gone: list[tuple[fold.Case, int, OutboxMessage]] = []
        for stream, lines in stored:
            chain = stream.case
            owed = as_all_owed(chain, chain.owed)
            held = rows.by_lines(stream, lines, owed)
            found[stream.name] = astray(held, owed, chain, self._tx.now)
            gone += [(chain, at, one) for at, one in enumerate(found[stream.name]) if one.id not in held]
        tries = self._tries([one for _, _, one in gone])
        for chain, at, one in gone:
            found[chain.stream][at] = self._tried(one, chain, tries.get(one.id, 0))
        return found

    def _tries(self, messages: Sequence[OutboxMessage]) -> Mapping[str, int]:
        """How often each of these was tried, as far as rows tell it that can be read: others hold up nothing that
        leaves."""
        if not messages:
            return {}
        asked = {"k_case_ids": {one.case_id for one in messages}, "k_message_ids": {one.id for one in messages}}
        given = {name: json.encode(ids).decode() for name, ids in asked.items()}
        return dict(self._tx.all(self._s.tries, k_platform_id=self._platform, **given))

    def _tried(self, message: OutboxMessage, chain: fold.Case, tries: int) -> OutboxMessage:
        """A message without a line, of whose tries so many are kept. One that has begun somebody may have in
        hand: that try is given up for lost like any other, and what came of it is looked up."""
        owed = chain.messages[message.id]
        last = max(owed.tried.count, tries)
        if owed.state != "begun":
            return message.but(attempts=last, lease_token=last + 1)
        ends = self._tx.now + LEASE_S
        return message.but(
            state="leased", attempts=last + 1, lease_token=last + 2, lease_expires_at=ends, next_attempt_at=ends
        )

    def _check_free(self, number: int, true: Case) -> None:
        """Raise StoreDamaged for a case that was lost, and whose notice another case has by now."""
        found = self._tx.shared.rows_of_notices(self._platform, [true.notice_id])
        if any(row[0] != number and row[2] != true.id and tuple(row[3:6]) == _key_of(true) for row in found):
            raise StoreDamaged("its row was lost, and another case has its notice by now.", reference=true.id)

    def due_cases(self, what: Due, now: int, limit: int) -> list[Case]:
        if what is Due.LEASE:
            return self._tx.shared.expired_leases(self._platform, now, limit, self._unreadable)
        shared, s = self._tx.shared, self._s
        found_by = (s.watched, shared.watched_from) if what is Due.STEP else (s.copies_over, shared.case_from)
        return self._first(*found_by, limit, now=now)

    def came(self, asked: SentAs | WaitsFor) -> list[tuple[Stream, int]]:
        if isinstance(asked, SentAs):
            key = self._tx.private.keyed(self._platform, asked.sender, asked.message_id)
            found, tells = self._tx.shared.came(self._platform, [key]), inbox.tells
        else:
            found, tells = self._waiting_for(asked.notice_id), inbox.makes_wait
        streams = self.streams(map(inbox.stream_in, found))
        told: list[tuple[Stream, int]] = []
        for row in found:
            stream, seq = streams[inbox.stream_in(row)], row[6]
            if tells(stream, row):
                told.append((stream, seq))
            else:
                self._unreadable.append(stream.reference)
        return sorted(told, key=lambda one: one[0].number)

    def _waiting_for(self, notice_id: str) -> list[Any]:
        self._tx.shared.check_written(f"n{notice_id}")
        if not self._tx.shared.any_waiting(self._platform):
            return []
        return self._tx.all(self._s.inbox.of_notice, k_platform_id=self._platform, k_notice_id=notice_id)

    def notices_counted(self, name: str, over: int, most: int) -> int:
        return self._tx.shared.notices_counted(self._platform, name, over, most)

    def _lodged(self, after: str, limit: int) -> list[Found]:
        found = inbox.found(self._tx.all, self._s.inbox, self._platform, after, limit)
        self._tx.shared.check_written(*found)
        streams = self.streams(found)
        broken = {name: str(stream.fault) for name, stream in streams.items() if stream.fault is not None}
        self._unreadable += broken
        lying = {name for name, stored in found.items() if name not in broken and inbox.lies_of(streams[name], stored)}
        return [Found(name, name, fault=broken.get(name, ""), lies=("row",) if name in lying else ()) for name in found]

    def _alerts(self, after: str, limit: int) -> list[Found]:
        found = derived.alerts_between(self._tx.all, self._s, self._platform, after, limit)
        self._tx.shared.check_written(*(f"m{name.removeprefix(ALERTS)}" for name in found))
        streams = self.streams(found)
        readable = {name: stream for name, stream in streams.items() if stream.fault is None}
        astray = self._astray((stream, found[name][1]) for name, stream in readable.items())
        return [self._alert_found(streams[name], stored, astray) for name, (stored, _) in found.items()]

    def _alert_found(self, stream: Stream, stored: list[Any], astray: Mapping[str, list[OutboxMessage]]) -> Found:
        if stream.fault is not None:
            self._unreadable.append(stream.name)
            return Found(stream.name, stream.name, fault=str(stream.fault))
        lies = [*map(tuple, stored)] != derived.messages_of(stream)
        return Found(stream.name, stream.name, lies=("row",) if lies else (), messages=tuple(astray[stream.name]))

    def message(self, message_id: str) -> OutboxMessage:
        row = self._tx.one(self._s.held_message, k_platform_id=self._platform, k_id=message_id)
        if row is None:
            raise NotFound("no message of this id waits for a person on this platform.", reference=message_id)
        message = rows.message_from(row)
        chain = self._chain_of(message)
        check_held(chain, message)
        lines = self._tx.all(self._s.lease, k_stream=chain.number, k_id=message.id)
        (held,) = self._by_lines(message.case_id, lines, [chain.case.messages[message.id]])
        return self._as_made(chain, held)

    def _chain_of(self, message: OutboxMessage) -> Stream:
        name = stream_of_message(message.case_id, message.id)
        return self.streams([name])[name]

    def open_messages(self, case_id: str) -> list[OutboxMessage]:
        chain = self._chain(case_id)
        lines = self._tx.all(self._s.leases, k_stream=chain.number)
        # One that was leased in this batch is in somebody's hands, and who takes it back need not write it.
        self._tx.shared.check_written(*(f"m{row[1]}" for row in lines))
        return self._by_lines(case_id, lines, [one for one in chain.case.owed if not one.refused_at])

    def _by_lines(self, case_id: str, lines: Iterable[Any], owed: Iterable[fold.Message]) -> list[OutboxMessage]:
        """What is owed, each with what its line says of its tries. Whether it has begun, and may be in somebody's hand,
        is not for a line to say."""
        stored = {row[1]: row for row in lines}
        found: list[OutboxMessage] = []
        for one in owed:
            message = as_owed(self._platform, case_id, one)
            with suppress(StoreDamaged, LookupError):
                message = rows.by_line(message, stored[one.id]).but(endpoint=message.endpoint)
            if one.state == "owed":
                message = message.but(state="queued", attempts=0)
            elif one.state in ("begun", "unknown"):
                free = message.state == "queued" and message.lease_token > 0
                message = message.but(state="queued" if free else "leased", attempts=max(1, message.attempts))
            else:
                message = message.but(state=one.state)
            found.append(message.but(deadline_at=one.due_at or None))
        return found

    def noted(self, kind: type[Fact], *key: str, after: int | None = None) -> list[Fact]:
        found: list[Fact] = self._s.operations[kind].noted(self._tx.all, self._platform, *key, after=after)
        self._tx.shared.check_written(*(key for one in found for key in one.speaks_of))
        return found

    def due_messages(self, endpoint: str, now: int, limit: int) -> list[OutboxMessage]:
        fetch = partial(self._tx.shared.due_messages, self._platform, endpoint, now)
        return first_that_open(fetch, self._may_leave, limit, self._unreadable)[0]

    def _may_leave(self, row: Any) -> OutboxMessage:
        """A message that is to leave, if its case owes it by now; people are paged in any case. Raises StoreDamaged."""
        message = rows.joined(row)
        if _NO_TEXT in message.case_id + message.id:
            raise StoreDamaged("a row of outbox is of nothing that has a name.", reference=message.id)
        if (message.kind, message.endpoint) == ("page", NOTIFIER):
            return self._alert(message)
        chain = self._chain_of(message)
        return leaving(chain, self._as_made(chain, message), self._tx.now)

    def _as_made(self, chain: Stream, message: OutboxMessage) -> OutboxMessage:
        return message if chain.fault is not None else as_made(chain, message, self.words, self._tx.shared.makings)

    def _alert(self, message: OutboxMessage) -> OutboxMessage:
        """An alert that is owed, as its chain has it; as its row has it where that of its case cannot be read."""
        chain = self._chain_of(message)
        if chain.events or not message.case_id:
            message = leaving(chain, self._as_made(chain, message), self._tx.now)
        alert_in(message)
        return message

    def next_deadline(self, endpoint: str, now: int) -> int | None:
        row = self._tx.one(self._s.next_deadline, k_platform_id=self._platform, k_endpoint=endpoint, now=now)
        return None if row is None else int(row[0])

    def case_of_appeal(self, appeal_id: str) -> str:
        row = self._tx.one(self._s.derived.case_of_appeal, k_platform_id=self._platform, k_appeal_id=appeal_id)
        if row is None:
            raise NotFound("there is no such appeal on this platform.", reference=appeal_id)
        return str(row[0])

    def known(self, kind: type[Noted], name: str) -> Noted:
        return self._tx.shared.known(kind, self._platform, name)

    def last_checkpoint(self) -> Checkpoint | None:
        return self._tx.shared.last_checkpoint(self._platform)


def _plan_of(row: Any) -> dict[str, Any] | None:
    """What the line behind a row plans for its case; None where a row is gone, or says what cannot be."""
    with suppress(StoreDamaged):
        return None if row is None else rows.plan_of(row)
    return None


def _lies_of(row: Any, stream: Stream) -> tuple[str, ...]:
    """In what a row lies; `row` where it is gone, or says what cannot be."""
    with suppress(StoreDamaged):
        return ("row",) if row is None else rows.lies_of(row, stream)
    return ("row",)


def _key_of(case: Case) -> tuple[str, str, int]:
    """By what a case is found when something comes about its notice: no two have the same."""
    return case.notice_id, case.authority_id, case.quarantine_no


# ------------------------------------------------------------------------------------------------------------ of case
# What is read of one case: for its file, for a verification.
#
# Compiled once, and run on the driver's own cursor: SQLAlchemy's part in such a statement is five times the statement.


CASE_TABLES: tuple[tuple[str, Table], ...] = (
    ("leases", t.leases),
    ("attempts", t.attempts),
)
_READ = (t.cases, *dict(CASE_TABLES).values(), *DERIVED)
_ORDER = MappingProxyType(
    {
        "attempts": ("message_id", "number"),
    }
)


def as_it_lies(table: Table) -> Select[Any]:
    """All of a table's rows as they lie there: a database that has no truth values holds numbers for them, and which
    number it is must be seen."""
    return select(
        *(
            type_coerce(column, Integer).label(column.name) if isinstance(column.type, Boolean) else column
            for column in table.columns
        )
    )


class OfCase:
    """The statements for one dialect. Errors of the driver come out as StoreError."""

    def __init__(self, dialect: Dialect) -> None:
        self._rows = {table.name: Compiled(_of_case(table), dialect) for table in _READ}
        self._platform_key = Compiled(_of_key(t.platform_keys, "key", "name"), dialect)

    def rows(self, connection: Connection, table: str, platform_id: str, case_id: str) -> list[Any]:
        """A case's rows in one table, in their order."""
        return _fetch(connection, self._rows[table], {"platform": platform_id, "key": case_id})

    def platform_key(self, connection: Connection, platform_id: str, name: str) -> bytes | None:
        """The platform's key of this name, as it is stored."""
        found = _fetch(connection, self._platform_key, {"platform": platform_id, "key": name})
        return found[0][0] if found else None


def _of_case(table: Table) -> Select[Any]:
    platform: BindParameter[str] = bindparam("platform")
    key = bindparam("key", type_=String)
    name = literal_column(f"'{stream_of('')}'").concat(key)
    number = select(streams.c.n).where(streams.c.platform == platform, streams.c.name == name).scalar_subquery()
    lie = CASES if table is t.cases else as_it_lies(table)
    mine = table.c.stream == number if "stream" in table.c else table.c.case_id == key
    statement = lie.where(table.c.platform_id == platform, mine)
    return statement.order_by(*(table.c[name] for name in _ORDER.get(table.name, ())))


def _of_key(table: Table, column: str, key: str) -> Select[Any]:
    return select(table.c[column]).where(table.c.platform_id == bindparam("platform"), table.c[key] == bindparam("key"))


def _fetch(connection: Connection, statement: Compiled, values: dict[str, Any]) -> list[Any]:
    driver = connection.dialect.loaded_dbapi
    try:
        cursor = connection.connection.cursor()
        cursor.execute(statement.sql, statement.bind(values))
        return list(cursor.fetchall())
    except driver.Error as error:
        raise store_error(error) from error


@cache
def of_case(dialect: str) -> OfCase:
    """Those of a dialect, by its name."""
    return OfCase(dialect_of(dialect))


# -------------------------------------------------------------------------------------------------------------- reads
# How the reads beside the writer see the store: in short transactions of their own, each of one moment.


class Reads:
    """What every part of the queries is made of, for one platform."""

    def __init__(
        self,
        engine: Engine,
        platform_id: str,
        fault: Callable[[], str] = str,
        keys: MasterKeys | None = None,
        check: Callable[[], None] = lambda: None,
        ledger_keys: LedgerKeys = LedgerKeys(),  # noqa: B008  frozen
    ) -> None:
        self._engine, self._platform, self._fault, self._check = engine, platform_id, fault, check
        self._keys, self._ledger_keys = keys or MasterKeys(), ledger_keys
        # A batch that runs again and again, and clocks that differ as far as `doctor` lets them.
        self.unseen_s = 60 if engine.dialect.name != SQLITE else 0
        self._of_case, self._s = of_case(engine.dialect.name), statements_of(engine.dialect.name)
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error

    def _private(self, connection: Connection, ledger: Ledger, unreadable: list[str] | None = None) -> PrivateRows:
        """How rows of one moment are read: nothing of it is kept, another process may destroy a key."""

        def case_key(platform_id: str, case_id: str) -> DataKey | None:
            return ledger.erasable_key(platform_id, stream_of(case_id))

        platform_key = partial(self._of_case.platform_key, connection)
        return PrivateRows(self._keys, _no_entropy, case_key, platform_key=platform_key, unreadable=unreadable)

    def _all(self, statement: Select[Any]) -> list[Any]:
        with self._reading() as connection:
            return list(connection.execute(statement).fetchall())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._check()
        try:
            with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, self._driver_error) as error:
            raise store_error(getattr(error, "orig", None) or error) from error

    @contextmanager
    def _moment(self) -> Iterator[tuple[Connection, Ledger]]:
        with self._reading() as connection:
            begin(connection)
            yield connection, self._ledger(connection)

    def _case(self, connection: Connection, ledger: Ledger, case_id: str) -> tuple[Case, Stream]:
        """A case as its chain has it, and that, of one moment. Without its words where they cannot be read."""
        if not connection.in_transaction():
            begin(connection)
        found = self._rows(connection, "cases", case_id)
        if not found:
            raise NotFound("there is no such case on this platform.", reference=case_id)
        stream = self._stream(ledger, case_id)
        return read_case(stream, ledger.words, plan_of(found[0])), stream

    def _stream(self, ledger: Ledger, case_id: str) -> Stream:
        return ledger.stream(self._platform, stream_of(case_id))

    def _ledger(self, connection: Connection) -> Ledger:
        part_keys, asked = PartKeys(self._keys, _no_entropy), partial(ask, connection)
        return Ledger(self._s.ledger, part_keys, self._ledger_keys, asked)

    def _rows(self, connection: Connection, table: str, case_id: str) -> Sequence[Any]:
        return self._of_case.rows(connection, table, self._platform, case_id)


def begin(connection: Connection) -> None:
    """All that is read of this connection until it is let go of is of one moment."""
    # PostgreSQL's driver begins by itself, and how its engine is made says that a transaction sees one moment.
    connection.exec_driver_sql("BEGIN" if connection.dialect.name == SQLITE else "SELECT")


def ask(connection: Connection, statement: Compiled, **values: Any) -> list[Any]:
    """What a statement gives that was compiled once, asked of the driver itself. Raises the driver's errors."""
    return list(connection.connection.cursor().execute(statement.sql, statement.bind(values)).fetchall())


def _no_entropy(_size: int) -> bytes:
    raise RuntimeError("a read writes nothing")
