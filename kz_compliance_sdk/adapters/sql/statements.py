"""Every statement of the hot path, built once with SQLAlchemy and compiled once for the driver's own connection.

SQLAlchemy's cost is per statement: grouped it vanishes, one by one it is three times the statement itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cache, partial
from typing import Any, Final, Protocol, cast

import msgspec
from sqlalchemy import (
    ColumnElement,
    Dialect,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql import ClauseElement

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DerivedStatements, preserved
from kz_compliance_sdk.adapters.sql.dialects import POSTGRESQL, dialect_of, each, in_list, insert_into, is_whole
from kz_compliance_sdk.adapters.sql.inbox import InboxStatements, VolumeStatements
from kz_compliance_sdk.adapters.sql.keys import PrivateRows, PrivateStatements
from kz_compliance_sdk.adapters.sql.lane import ChangeRefused
from kz_compliance_sdk.adapters.sql.ledger import Ledger, LedgerStatements, streams, tiles
from kz_compliance_sdk.adapters.sql.rows import (
    AT_MOST,
    ONLY_ONE,
    TOO_LARGE,
    attempt_from,
    first_that_open,
    lease_row,
    leased_from,
    plan_of,
    watch_row,
    wrong_in,
)
from kz_compliance_sdk.domain.believed import Makings, bodies_of, read_case, worded_by
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import (
    Attempt,
    CursorMoved,
    EndpointState,
    Heartbeat,
    Leased,
    Operation,
    RefusalsCounted,
    Tile,
    Watch,
    names_of,
)
from kz_compliance_sdk.domain.checkpoints import CHECKPOINTS, Checkpoint, checkpoint_in
from kz_compliance_sdk.domain.events.arrivals import Opened
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.holding import names_of as object_names
from kz_compliance_sdk.domain.values import stream_of, stream_of_message
from kz_compliance_sdk.errors import LeaseLost, StoreDamaged
from kz_compliance_sdk.ports import Asks
from kz_compliance_sdk.ports.store import Noted

# --------------------------------------------------------------------------------------------------------- statements


class Compiled:
    """SQL text in the driver's own style, and the names of its parameters in their order. It is compiled when it is
    first asked for: a short command runs few of all."""

    __slots__ = ("_defaults", "_of", "_rows", "names", "sql")
    sql: str
    names: tuple[str, ...]
    _defaults: dict[str, Any]

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        self._of = statement, dialect
        self._rows: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        """What is not there yet."""
        if name not in ("sql", "names", "_defaults"):
            raise AttributeError(name)
        statement, dialect = self._of
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self.names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        self._defaults = dict(compiled.params)
        return getattr(self, name)

    def of_rows(self, count: int) -> str:
        """The text of an INSERT for so many rows at once. Each run of a statement lets go of the interpreter's lock and
        gets it back only when another thread gives it up: one run for many rows is a fraction of the waiting."""
        text = self._rows.get(count)
        if text is None:
            head, values, row = self.sql.partition(" VALUES ")
            one, conflict, rest = row.partition(" ON CONFLICT ")
            text = self._rows[count] = f"{head}{values}{', '.join([one] * count)}{conflict}{rest}"
        return text

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """The parameters in their order; what the dialect added by itself keeps its own value."""
        defaults = self._defaults
        return tuple([values[name] if name in values else defaults[name] for name in self.names])


# ---------------------------------------------------------------------------------------------------------- operations
# The facts of daily work as lines of tables: declared once for each, and written in one way.


_MESSAGE = ("stream", "id")
_SAME = (*_MESSAGE, "platform_id", "case_id")
_LEAVES = text("leases.next_at IS NOT NULL")
LEAVING: Final = (
    select(t.outbox, t.leases)
    .select_from(t.leases.join(t.outbox, and_(*(t.outbox.c[name] == t.leases.c[name] for name in _SAME))))
    .where(_LEAVES)
)
"""Rows of messages that have to leave, each with the line behind it."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The table in which facts of one kind lie, and the row that they make there, by default their fields. Where a key
    is there already its columns are set, but for those that are `kept`; those that are `added` are added up. `select`
    gives the rows of which `fact` makes facts again, None of one that says what cannot be. Where a line lies by the
    number of a `stream`, the row is made with that; where it is found without that too, it is `called` by its platform,
    case and id."""

    table: Table
    row: Callable[[Any, Any], tuple[Any, ...]] = lambda _, fact: astuple(fact)
    fact: Callable[[Any], Operation | None] | None = None
    select: Select[Any] | None = None
    added: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    stream: Callable[[Any], tuple[str, str]] | None = None
    called: Callable[[Any], tuple[str, str, str]] | None = None


OPERATIONS: Final[Mapping[type[Operation], Lines]] = {
    Watch: Lines(
        t.watches,
        lambda number, fact: watch_row(number, fact.case),
        stream=lambda fact: (fact.case.platform_id, stream_of(fact.case.id)),
    ),
    Leased: Lines(
        t.leases,
        lambda number, fact: lease_row(number, fact.message),
        leased_from,
        LEAVING,
        stream=lambda fact: (fact.message.platform_id, stream_of_message(fact.message.case_id, fact.message.id)),
        called=lambda fact: (fact.message.platform_id, fact.message.case_id, fact.message.id),
    ),
    # An attempt that was given up for lost may still come back with what became of it. What was said of it is sealed.
    Attempt: Lines(
        t.attempts,
        PrivateRows.attempt_row,
        attempt_from,
        select(*(column for column in t.attempts.columns if column.name != "detail")).order_by(t.attempts.c.number),
        kept=("started_at",),
    ),
    CursorMoved: Lines(t.cursors),
    EndpointState: Lines(t.endpoints),
    Heartbeat: Lines(t.heartbeats),
    RefusalsCounted: Lines(t.refusals, added=("count",)),
    Tile: Lines(tiles),
}


class LineStatements:
    """How the lines of one table are put and taken away; `held_put` and `held_gone` under the token that a line had."""

    def __init__(
        self, kind: type[Operation], compiled: Callable[[Any], Compiled], upsert: Callable[..., Compiled]
    ) -> None:
        lines = OPERATIONS[kind]
        table = lines.table
        keys = tuple(column.name for column in table.primary_key)
        rest = [column.name for column in table.columns if column.name not in keys]
        given = [name for name in rest if name not in (*lines.added, *lines.kept)]
        summed = {name: table.c[name] + literal_column(f"excluded.{name}") for name in lines.added}
        # What stays as it is needs no page written.
        other = or_(*(table.c[name].is_distinct_from(literal_column(f"excluded.{name}")) for name in given))
        mine = and_(*(table.c[name] == bindparam(f"k_{name}") for name in keys))
        wrong = wrong_in(table)
        self.keys = len(keys)
        self.fact = lines.fact or (lambda row: None if wrong(row) else cast("Callable[..., Operation]", kind)(*row))
        self.put = upsert(table, keys, *given, where=None if summed else other, **summed)
        self.gone = compiled(delete(table).where(mine))
        if lines.called is not None:
            # Of a sum SQLite does not ask whether it is that of an index of its own.
            of_case = table.c.case_id + literal_column("''") == bindparam("k_case_id")
            self._number = compiled(
                select(table.c.stream).where(_key(table, "platform_id"), of_case, _key(table, "id"))
            )
        self._called = lines.called
        if "token" in table.c:
            is_held = table.c.token == bindparam("was_token")
            moved: Any = {name: bindparam(f"v_{name}") for name in rest}
            self.held_put = compiled(update(table).where(mine, is_held).values(moved))
            self.held_gone = compiled(delete(table).where(mine, is_held))
        found = select(table) if lines.select is None else lines.select
        *_, last = list(table.primary_key)
        within = [column == bindparam(f"k_{column.name}") for column in table.primary_key if column is not last]
        whose = table.c["platform" if "platform" in table.c else "platform_id"]
        self._all = compiled(found.where(whose == bindparam(f"k_{whose.name}")))
        self._behind = compiled(found.where(*within, last > bindparam("after")))
        self._one = compiled(found.where(mine))

    def number(self, read: Callable[..., list[Any]], fact: Operation) -> int:
        """Under which number the line of a fact lies of which the stream is gone; 0 where there is none."""
        if self._called is None:
            return 0
        found = read(self._number, **dict(zip(self._number.names, self._called(fact), strict=True)))
        return int(found[0][0]) if found else 0

    def noted(self, read: Callable[..., list[Any]], platform_id: str, *key: str, after: int | None = None) -> list[Any]:
        """All facts, that of a key, or those that follow `after` in the last column of their key. `read` runs a
        statement."""
        statement = self._behind if after is not None else self._one if key else self._all
        found = read(statement, **dict(zip(statement.names, (platform_id, *key, after), strict=False)))
        return [fact for row in found if (fact := self.fact(row)) is not None]

    def move(
        self, row: tuple[Any, ...], token: int, execute: Callable[[str, tuple[Any, ...]], int], *, is_over: bool
    ) -> None:
        """Put a line, or take it away, as long as it is held under this token. Raises ChangeRefused."""
        key, rest = row[: self.keys], row[self.keys :]
        statement, given = (self.held_gone, key) if is_over else (self.held_put, (*rest, *key))
        if execute(statement.sql, (*given, token)) != 1:
            raise ChangeRefused(
                LeaseLost("another worker took this message over; its result stands.", reference=key[-1])
            )


def _key(table: Table, *names: str) -> Any:
    return and_(*(table.c[name] == bindparam(f"k_{name}") for name in names))


_prior = t.outbox.alias("prior")
_LANE_IS_FREE = or_(
    t.outbox.c.lane == literal_column("''"),
    ~exists().where(
        _prior.c.platform_id == t.outbox.c.platform_id,
        _prior.c.lane == t.outbox.c.lane,
        _prior.c.lane_seq < t.outbox.c.lane_seq,
        text("prior.state = 'queued' AND prior.lane <> ''"),
    ),
)
_WATCHED: Final = t.watches.c.stream == t.cases.c.stream
CASES: Final = select(t.cases, t.watches).select_from(t.cases.outerjoin(t.watches, _WATCHED))
"""Rows of cases, each with the line behind it."""


class Statements:
    """The statements for one dialect. Parameter order is `names`; see `store.py` for who passes what."""

    def __init__(self, dialect: Dialect) -> None:
        def compiled(statement: Any) -> Compiled:
            return Compiled(statement, dialect)

        def upsert(table: Table, keys: tuple[str, ...], *given: str, where: Any = None, **values: Any) -> Compiled:
            """Insert a row; where its key is there already, set what is `given` from the new row, and `values`."""
            new = insert_into(table, dialect)
            changed = {name: new.excluded[name] for name in given} | values
            return compiled(new.on_conflict_do_update(index_elements=list(keys), set_=changed, where=where))

        self.inserts = {table.name: compiled(insert(table)) for table in t.metadata.sorted_tables}
        said = (column.name for column in t.cases.columns if not column.primary_key)
        self.inserts["cases"] = upsert(t.cases, ("stream",), *said)
        said = (column.name for column in t.outbox.columns if column.name not in _MESSAGE)
        self.inserts["outbox"] = upsert(t.outbox, _MESSAGE, *said)
        of_notice = "platform_id", "notice_id", "authority_id", "quarantine_no", "id"
        home: dict[str, Any] = {"stream": bindparam("v_stream")}
        self.case_home = compiled(update(t.cases).where(_key(t.cases, *of_notice)).values(home))
        self.message_settled = compiled(delete(t.outbox).where(_key(t.outbox, *_MESSAGE)))
        self.alert_gone = compiled(delete(t.outbox).where(_key(t.outbox, "platform_id", "id"), t.of_none))
        self.operations = {kind: LineStatements(kind, compiled, upsert) for kind in OPERATIONS}
        elsewhere: dict[str, Any] = {name: bindparam(f"v_{name}") for name in ("endpoint", "urgent_at")}
        elsewhere["next_at"] = case((t.leases.c.next_at.is_not(None), bindparam("v_next_at", type_=t.Time)))
        self.lease_elsewhere = compiled(update(t.leases).where(_key(t.leases, *_MESSAGE)).values(elsewhere))
        s = streams.c
        case_: ColumnElement[str] = literal_column(f"'{stream_of('')}'", String)
        ids = each(bindparam("k_ids")).table_valued("value").c.value
        chains = select(s.n).where(s.platform == bindparam("k_platform_id"), s.name.in_(select(case_.concat(ids))))
        of_ids = t.cases.c.stream.in_(chains), t.cases.c.id.in_(in_list("k_ids"))
        self.cases_of_ids = compiled(CASES.where(_key(t.cases, "platform_id"), *of_ids))
        of_notices = t.cases.c.notice_id.in_(in_list("k_notice_ids"))
        self.cases_of_notices = compiled(CASES.where(_key(t.cases, "platform_id"), of_notices))
        claimable = CASES.where(_key(t.cases, "platform_id"), text("state = 'queued'"))
        in_order = (t.cases.c.urgent_at, t.cases.c.stream)
        # What another host has in hand at this moment is left to it. On SQLite nobody else can have anything.
        claimable = claimable.order_by(*in_order).limit(AT_MOST).with_for_update(of=t.cases, skip_locked=True)
        self.claimable = compiled(claimable)
        self.claimable_of = compiled(claimable.where(_key(t.cases, "category")))
        expired = CASES.where(
            _key(t.cases, "platform_id"),
            text("lease_expires_at IS NOT NULL"),
            t.cases.c.lease_expires_at <= bindparam("now"),
        )
        expired = expired.order_by(t.cases.c.lease_expires_at).limit(AT_MOST)
        self.expired = compiled(expired)
        # In the order of their numbers, so that what is read with them lies together.
        here = _key(t.cases, "platform_id"), t.cases.c.stream > bindparam("after")
        self.found = compiled(CASES.where(*here).order_by(t.cases.c.stream).limit(AT_MOST))
        # Of sums no index is asked: they are walked by number and not by name, which would read all of them each time.
        mine = s.platform + literal_column("''") == bindparam("k_platform_id"), s.n > bindparam("after")
        named = s.name + literal_column("''")
        of_case = named > case_, named < literal_column(f"'{stream_of('~')}'")
        self.chains = compiled(select(s.n, s.name).where(*mine, *of_case).order_by(s.n).limit(AT_MOST))
        watched = select(t.cases, t.watches).select_from(t.watches.join(t.cases, _WATCHED))
        w = t.watches.c
        watched = watched.where(_key(t.watches, "platform_id"), w.watch_at <= bindparam("now"))
        self.watched = compiled(watched.order_by(w.watch_at).limit(AT_MOST))
        p = preserved.c
        over = select(p.stream).where(p.platform_id == bindparam("k_platform_id"), p.until <= bindparam("now"))
        copies = CASES.where(_key(t.cases, "platform_id"), t.cases.c.stream.in_(over))
        self.copies_over = compiled(copies.order_by(t.cases.c.stream).limit(AT_MOST))
        held = text("state IN ('waiting', 'parked')")
        self.held_message = compiled(select(t.outbox).where(_key(t.outbox, "platform_id", "id"), held))
        line = t.leases.c
        in_range = line.stream > bindparam("k_after"), line.stream <= bindparam("k_last")
        self.leases_between = compiled(select(t.leases).where(_key(t.leases, "platform_id"), *in_range))
        self.leases = compiled(select(t.leases).where(_key(t.leases, "stream")))
        self.lease = compiled(select(t.leases).where(_key(t.leases, *_MESSAGE)))
        self.of_none = {
            table.name: compiled(
                select(table)
                .where(_key(table, "platform_id"), t.of_none)
                .where(table.c.id > bindparam("k_after"), table.c.id <= bindparam("k_last"))
            )
            for table in (t.outbox, t.leases)
        }
        a = t.attempts.c
        these = a.case_id.in_(in_list("k_case_ids")), a.message_id.in_(in_list("k_message_ids"))
        # SQLite takes any type anywhere: what is no number counts nothing.
        number = is_whole(a.number), a.number < literal_column(str(TOO_LARGE))
        tries = select(a.message_id, func.max(a.number)).where(_key(t.attempts, "platform_id"), *these, *number)
        self.tries = compiled(tries.group_by(a.case_id, a.message_id))
        due = LEAVING.where(_key(t.leases, "platform_id", "endpoint"), line.next_at <= bindparam("now"), _LANE_IS_FREE)
        due = due.with_for_update(of=t.leases, skip_locked=True)
        self.due_messages = compiled(due.order_by(line.urgent_at, line.next_at).limit(AT_MOST))
        following = select(line.urgent_at).where(_key(t.leases, "platform_id", "endpoint"), _LEAVES)
        following = following.where(line.urgent_at > bindparam("now"))
        self.next_deadline = compiled(following.order_by(line.urgent_at).limit(ONLY_ONE))
        self.derived = DerivedStatements(compiled, upsert)
        self.inbox = InboxStatements(compiled, upsert)
        self.private = PrivateStatements(compiled)
        self.volumes = VolumeStatements(compiled, upsert, one_writes=dialect.name != POSTGRESQL)
        self.ledger = LedgerStatements(compiled, placed_later=dialect.name == POSTGRESQL)
        self.compiled = compiled


@cache
def statements_of(database: str) -> Statements:
    """Those for a database, by its name. A process compiles each once."""
    return Statements(dialect_of(database))


# ------------------------------------------------------------------------------------------------------------- shared
# What the works of one batch ask once, and share: most of them ask the same.


_HANDED_OUT_AT_ONCE = 64


class Behind(BaseException):
    """What a work has read may be older than what an earlier one of its batch has staged: it has to be run again once
    that is written. No work may catch it."""


class Batch(Protocol):
    """The open transaction, as far as it is needed here. `keys` are what its staged changes speak of."""

    now: int
    statements: Statements
    private: PrivateRows

    @property
    def ledger(self) -> Ledger: ...

    @property
    def keys(self) -> AbstractSet[str]: ...

    def one(self, statement: Compiled, **values: Any) -> Any: ...

    def all(self, statement: Compiled, **values: Any) -> list[Any]: ...

    def flush(self) -> None: ...


@dataclass(slots=True)
class _Free:
    """Free cases, the most urgent last; `were_all` if there were no more."""

    cases: list[Case]
    were_all: bool


class Shared:
    """Reads that hold until the next flush; `begin` says that a batch of so many works begins."""

    def __init__(self, batch: Batch) -> None:
        self._tx, self._s = batch, batch.statements
        self.volumes = Volumes()
        self._kept_checkpoint: tuple[tuple[str, str], Checkpoint | None] = ("", ""), None
        self.begin(1)

    def begin(self, waiting: int) -> None:
        self._waiting = waiting
        self._none_expired: set[tuple[str, int]] = set()
        self.volumes.forget()
        self.forget()

    def forget(self) -> None:
        """What was staged has been written, or thrown away: the next read is from the database."""
        self._free: dict[tuple[str, str | None], _Free] = {}
        self._any_waiting: dict[str, bool] = {}
        self._checkpoints: dict[str, Checkpoint | None] = {}
        self._noted: dict[tuple[type, str, str], object] = {}
        self._cases: dict[tuple[str, str], tuple[Stream, dict[str, Any] | None, Case]] = {}
        self.makings: Makings = {}
        self._came: dict[tuple[str, str], list[Any]] = {}
        self._of_notice: dict[tuple[str, str], list[Any]] = {}
        self._of_case: dict[tuple[str, str], list[Any]] = {}
        self._due: dict[tuple[str, str, int], tuple[list[Any], int]] = {}

    def foresee(self, platform_id: str, asked: Sequence[Asks]) -> None:
        """Read at once what these works will ask for. Where that cannot be, each of them finds it out by itself."""
        with suppress(StoreDamaged):
            keyed = partial(self._tx.private.keyed, platform_id)
            self.came(platform_id, [keyed(*one.message) for one in asked if one.message is not None])
            self.rows_of_notices(platform_id, [one.notice_id for one in asked if one.notice_id])
            rows = self.rows_of_cases(platform_id, [one.case_id for one in asked if one.case_id])
            self._tx.ledger.streams(platform_id, [name for one in asked for name in one.streams])
            self.load_cases(platform_id, rows)
            weighed = self.load_chains(platform_id, (one.case_id for one in asked if one.objects))
            about = {name for chain in weighed if chain.fault is None for name in object_names(chain.case)}
            self._tx.ledger.streams(platform_id, about)

    def came(self, platform_id: str, keys: Sequence[str]) -> list[Any]:
        """The rows of the messages that came under these keys."""
        return self._read(self._came, self._s.inbox.of_keys, platform_id, "k_keys", keys, 1)

    def rows_of_notices(self, platform_id: str, notice_ids: Sequence[str]) -> list[Any]:
        """The rows of the cases of these notices."""
        return self._read(self._of_notice, self._s.cases_of_notices, platform_id, "k_notice_ids", notice_ids, 3)

    def rows_of_cases(self, platform_id: str, case_ids: Sequence[str]) -> list[Any]:
        """The rows of these cases."""
        return self._read(self._of_case, self._s.cases_of_ids, platform_id, "k_ids", case_ids, 2)

    def _read(
        self,
        known: dict[tuple[str, str], list[Any]],
        statement: Compiled,
        platform_id: str,
        name: str,
        values: Sequence[str],
        at: int,
    ) -> list[Any]:
        """The rows that have one of these values in the column `at`; what is read is known until the next flush."""
        missing = [one for one in values if (platform_id, one) not in known]
        if missing:
            found: dict[tuple[str, str], list[Any]] = {(platform_id, one): [] for one in missing}
            given = {name: msgspec.json.encode(missing).decode(), "k_platform_id": platform_id}
            for row in self._tx.all(statement, **given):
                found[platform_id, row[at]].append(row)
            known |= found
        return [row for one in values for row in known[platform_id, one]]

    def check_written(self, *keys: str) -> None:
        """Raise Behind if an earlier work of the batch has staged something about this: rows would be older than their
        chains."""
        if not self._tx.keys.isdisjoint(keys):
            raise Behind

    def whole(self, platform_id: str, names: Iterable[str]) -> dict[str, Stream]:
        """These streams, read and proved from their first event on, whatever is kept of them."""
        asked = list(names)
        self._tx.flush()
        self._tx.ledger.anew(platform_id, asked)
        return self._tx.ledger.streams(platform_id, asked)

    def load_chains(self, platform_id: str, case_ids: Iterable[Any]) -> list[Stream]:
        """The chains of these cases, read in one statement."""
        names = {stream_of(one) for one in case_ids if type(one) is str and one}
        return list(self._tx.ledger.streams(platform_id, names).values())

    def load_cases(self, platform_id: str, rows: Iterable[Any]) -> None:
        """Read the chains of the cases of these rows, and what words them, in one statement each."""
        chains = self.load_chains(platform_id, (row[2] for row in rows))
        self._tx.ledger.foresee((chain.number, *part) for chain in chains for part in worded_by(chain))

    def cases_from(self, platform_id: str, found: Sequence[Any]) -> list[Case]:
        """The cases of these rows, each as its chain has it. Raises StoreDamaged."""
        self.load_cases(platform_id, found)
        return [self.case_from(row) for row in found]

    def case_from(self, row: Any) -> Case:
        """The case of a row, as its chain has it. Raises StoreDamaged."""
        _, platform_id, case_id, *_ = row
        self.check_written(f"c{case_id}")
        plan, name = plan_of(row), stream_of(case_id)
        stream = self._tx.ledger.stream(platform_id, name)
        read, planned, case = self._cases.get((platform_id, name), (None, None, None))
        if case is None or read is not stream or planned != plan:
            case = read_case(stream, self._tx.ledger.words, plan)
            self._cases[platform_id, name] = stream, plan, case
        return case

    def due_messages(self, platform_id: str, endpoint: str, now: int, most: int) -> list[Any]:
        """The rows of the most urgent messages that are to leave for an endpoint, without those of which, or of whose
        cases, a work of this batch has changed something. One SELECT serves all that ask."""
        key, keys = (platform_id, endpoint, now), self._tx.keys
        while True:
            rows, asked = self._due.get(key, ([], 0))
            free = [row for row in rows if keys.isdisjoint((f"c{row[3]}", f"m{row[1]}"))]
            if len(free) >= most or len(rows) < asked:
                return free[:most]
            asked = max(most, min(self._waiting, _HANDED_OUT_AT_ONCE), 2 * asked)
            rows = self._tx.all(self._s.due_messages, k_platform_id=platform_id, k_endpoint=endpoint, now=now, n=asked)
            chains, ids = self.load_chains(platform_id, (row[3] for row in rows)), {row[1] for row in rows}
            self._tx.ledger.foresee((chain.number, *part) for chain in chains for part in bodies_of(chain, ids))
            self._due[key] = rows, asked

    def watched_from(self, row: Any) -> Case:
        """The case of a row that is found to be looked at. Raises StoreDamaged for one that has ended by its chain."""
        case = self.case_from(row)
        if case.watch_at is None:
            raise _lies(case)
        return case

    def expired_leases(self, platform_id: str, now: int, limit: int, unreadable: list[str]) -> list[Case]:
        """If there are none at the time of the batch, there are none for the whole of it: its clock stands still."""
        if (platform_id, now) in self._none_expired:
            return []

        def fetch(n: int) -> list[Any]:
            return self._tx.all(self._s.expired, k_platform_id=platform_id, now=now, n=n)

        def opened(row: Any) -> Case:
            case = self.case_from(row)
            if case.lease_expires_at is None or case.lease_expires_at > now:
                raise _lies(case)
            return case

        found, _ = first_that_open(fetch, opened, limit, unreadable)
        if not found:
            self._none_expired.add((platform_id, now))
        return found

    def any_waiting(self, platform_id: str) -> bool:
        """Whether any message waits for its notice."""
        known = self._any_waiting.get(platform_id)
        if known is None:
            found = self._tx.one(self._s.inbox.any_waits, k_platform_id=platform_id)
            known = self._any_waiting[platform_id] = found is not None
        return known

    def last_checkpoint(self, platform_id: str) -> Checkpoint | None:
        if platform_id not in self._checkpoints:
            name = self._tx.ledger.last_named(platform_id, CHECKPOINTS)
            self._checkpoints[platform_id] = self._checkpoint_named(platform_id, name) if name else None
        return self._checkpoints[platform_id]

    def _checkpoint_named(self, platform_id: str, name: str) -> Checkpoint | None:
        """One that was read is kept: nothing of it changes but when it was handed out."""
        known, kept = self._kept_checkpoint
        if known != (platform_id, name):
            kept = checkpoint_in(self._tx.ledger.stream(platform_id, name))
            self._kept_checkpoint = (platform_id, name), kept
        return kept

    def known(self, kind: type[Noted], platform_id: str, name: str) -> Noted:
        """What was last noted. Every delivery of the batch asks for its endpoint; who changes one makes the next read
        it anew."""
        key = kind, platform_id, name
        if key not in self._noted:
            found = self._s.operations[kind].noted(self._tx.all, platform_id, name)
            self._noted[key] = found[0] if found else kind(platform_id, name)
        return cast("Noted", self._noted[key])

    def notices_counted(self, platform_id: str, name: str, over: int, most: int) -> int:
        """How many notices came under a name after `over`, those of this batch among them."""

        def read() -> int:
            given = {"k_platform_id": platform_id, "k_name": name, "k_at": over, "n": most}
            return int(self._tx.one(self._s.volumes.counted, **given)[0])

        return self.volumes.counted(platform_id, name, over, most, read)

    def next_free(
        self, platform_id: str, category: str | None, may_take: Callable[[Case], bool], unreadable: list[str]
    ) -> Case | None:
        """The most urgent free case that no work of this batch has changed. One SELECT serves all claimers: it fetches
        as many as may be asked for, and more where the claimer may take none of these."""
        key, least = (platform_id, category), 1
        while True:
            free = self._free.get(key)
            if free is None:
                self._tx.flush()
                free = self._free[key] = self._fetch_free(platform_id, category, least, unreadable)
            while free.cases and f"c{free.cases[-1].id}" in self._tx.keys:
                free.cases.pop()
            for one in reversed(free.cases):
                if may_take(one) and f"c{one.id}" not in self._tx.keys:
                    return one
            if free.were_all:
                return None
            least = 2 * len(free.cases)
            del self._free[key]

    def _fetch_free(self, platform_id: str, category: str | None, least: int, unreadable: list[str]) -> _Free:
        def fetch(n: int) -> list[Any]:
            given = {"k_platform_id": platform_id, "n": n, **({} if category is None else {"k_category": category})}
            rows = self._tx.all(self._s.claimable if category is None else self._s.claimable_of, **given)
            self.load_cases(platform_id, rows)
            return rows

        most = max(least, min(self._waiting, _HANDED_OUT_AT_ONCE))

        def opened(row: Any) -> Case:
            case = self.case_from(row)
            if case.state is not CaseState.QUEUED or category not in (None, case.category):
                raise _lies(case)
            return case

        found, were_all = first_that_open(fetch, opened, most, unreadable)
        return _Free(found[::-1], were_all)


def _lies(case: Case) -> StoreDamaged:
    return StoreDamaged(f"its row is not what its chain says: it is {case.state}.", reference=case.id)


class Volumes:
    """What one batch of works knows: read once between two flushes, and what came with the works since."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str, int, int], int] = {}
        self._since: Counter[tuple[str, str]] = Counter()
        self._came: Counter[tuple[str, str, int]] = Counter()

    def forget(self) -> None:
        """The next read is from the database: what came with earlier works has been written, or thrown away."""
        self._before.clear()
        self._since.clear()
        self._came.clear()

    def add(self, happened: Iterable[Happened]) -> None:
        """Count each notice that is new."""
        for one in happened:
            if type(one.event) is Opened:
                for name in names_of(one.event.authority, one.event.came.key_id or ""):
                    self._since[one.platform_id, name] += 1
                    self._came[one.platform_id, name, one.at] += 1

    def counted(self, platform_id: str, name: str, over: int, most: int, read: Callable[[], int]) -> int:
        """How many notices came under a name after `over`; if they are more than `most`, perhaps only so many."""
        key = platform_id, name, over, most
        before = self._before.get(key)
        if before is None:
            before = self._before[key] = read()
        return before + self._since[platform_id, name]

    def write(
        self,
        statements: VolumeStatements,
        execute: Callable[[str, tuple[Any, ...]], Any],
        execute_many: Callable[[Any, list[tuple[Any, ...]]], None],
    ) -> None:
        """Add what came, and let go of what counted no more where it was asked for."""
        if self._came:
            execute_many(statements.add, [(*key, notices) for key, notices in self._came.items()])
            for platform_id, name, over, _ in self._before:
                if (platform_id, name) in self._since:
                    given = {"k_platform_id": platform_id, "k_name": name, "k_at": over}
                    execute(statements.over.sql, statements.over.bind(given))
        self.forget()
