"""PostgreSQL: how it is reached, what its errors mean, and the store on it that many hosts share.

What the file's lock and the one lane give on SQLite is given here by the database. A batch sees one moment (REPEATABLE
READ), every append names the sequence that it read, and (stream, sequence) is unique: who comes second is run again. A
message that waits for its notice is stored while nobody else writes, or the two would miss each other on two hosts.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, NullPool, QueuePool, column, create_engine, insert, table, text
from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql import migrate, schema
from kz_compliance_sdk.adapters.sql.dialects import POSTGRESQL, dialect_of
from kz_compliance_sdk.adapters.sql.engines import LOST, RUN_AGAIN, store_error
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.lane import ChangeRefused, Overtaken, WriterLane
from kz_compliance_sdk.adapters.sql.ledger import Appending, End
from kz_compliance_sdk.adapters.sql.rewrapping import check_ledger_keys, check_master_keys, put_mark
from kz_compliance_sdk.adapters.sql.statements import Compiled, Statements, statements_of
from kz_compliance_sdk.adapters.sql.store import MOST_WAITING, SqlStore
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.adapters.troubles import Troubles, cause_of
from kz_compliance_sdk.config.sections import without_password
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.errors import CommitUnknown, ConfigError, Conflict, StoreError, StoreUnusable
from kz_compliance_sdk.ports import Env, Queries
from kz_compliance_sdk.ports.telemetry import Telemetry

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("kz_compliance_sdk.store")

# -------------------------------------------------------------------------------------------------------------- reached

OLDEST: Final = 14
POOL_SIZE: Final = 5
_REACHED: Final = {
    # Whoever is demoted to a standby takes no writes, and nothing is read of it either.
    "target_session_attrs": "read-write",
    "application_name": "kz-compliance",
    "connect_timeout": "5",
    # A host that went away without a word is noticed within seconds.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""What a URL that says nothing of it means."""


@cache
def driver() -> ModuleType:
    """psycopg. Raises ConfigError where it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError(
            f"store.url names PostgreSQL, and its driver cannot be loaded: {error}.",
            field="store.url",
            remedy="Run: pip install 'kz-compliance-sdk[postgres]'",
        ) from None
    return psycopg


def connect(url: str, *, pooler: bool = False, **more: Any) -> psycopg.Connection[Any]:
    """A connection that has what acknowledged notices depend on. Raises the driver's errors, and StoreUnusable for a
    server or a session on which nothing may be acknowledged."""
    try:
        said = {**_REACHED, **driver().conninfo.conninfo_to_dict(url)}
    except driver().ProgrammingError:  # it repeats what it cannot read, and that may be the password
        raise StoreUnusable("store.url cannot be read. Percent-encode what is special in the password.") from None
    # A statement that was prepared on one connection of the server is unknown on the next that the pooler gives.
    threshold = None if pooler else 5
    connection: psycopg.Connection[Any] = driver().connect(**said, prepare_threshold=threshold, **more)
    try:
        _check_session(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_session(connection: psycopg.Connection[Any]) -> None:
    """Raises StoreUnusable."""
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        raise StoreUnusable(f"this is PostgreSQL {version}. PostgreSQL {OLDEST} or later is needed.")
    row = connection.execute("SELECT current_setting('synchronous_commit'), current_setting('server_encoding')")
    commit, encoding = row.fetchone() or ("", "")
    if not connection.autocommit:
        connection.rollback()
    if commit == "off":
        raise StoreUnusable(
            "synchronous_commit is off: a notice would be acknowledged before it is on a disk. Set it to on for this "
            "database: ALTER DATABASE ... SET synchronous_commit = on",
            code="store_not_durable",
        )
    if encoding != "UTF8":
        raise StoreUnusable(f"the database holds texts as {encoding}. Create one with ENCODING 'UTF8'.")


def open_engine(url: str, *, pooler: bool = False, pool_size: int = POOL_SIZE) -> Engine:
    """An engine that reads: each transaction sees one moment, and nothing can be written through it."""
    return create_engine(
        "postgresql+psycopg://",
        module=driver(),
        creator=lambda: connect(url, pooler=pooler),
        poolclass=QueuePool,
        pool_size=pool_size,
        # After a failover what lies in the pool leads nowhere.
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def open_plain(url: str) -> Engine:
    """An engine for what is done once, such as an upgrade."""
    opened = {"module": driver(), "creator": lambda: connect(url, pooler=True)}
    return create_engine("postgresql+psycopg://", poolclass=NullPool, **opened)


# --------------------------------------------------------------------------------------------------------------- writer

_OVERTAKEN_AT: Final = frozenset({"streams_name", "streams_pkey", "events_pkey", "platform_keys_pkey"})
"""The keys by which it shows that another host was first."""
_BEGIN: Final = (
    # Before the first look at the data, which says what moment the transaction sees: so whoever had to wait here sees
    # what the other has written. Those who write at the same time do not wait for each other.
    "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '5s';"
    " SET LOCAL idle_in_transaction_session_timeout = '60s'; LOCK TABLE inbox IN {} MODE"
)
_TOGETHER, _ALONE = _BEGIN.format("ROW EXCLUSIVE"), _BEGIN.format("SHARE ROW EXCLUSIVE")
_TRIES, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 9, 0.01, 1.0
PLACE_EVERY_S: Final = 1.0
_PLACED_AT_ONCE = 5_000
_PLACING: Final = "placing what has happened in the log"
_OF_STORE: Final = "hashtext('kz-compliance placer ' || current_schema())"
_PLACE: Final = f"""
WITH taken AS (
    DELETE FROM unplaced WHERE k IN (SELECT k FROM unplaced ORDER BY k LIMIT {_PLACED_AT_ONCE})
    RETURNING k, stream, seq
), told AS (
    SELECT s.platform, taken.k, e.stream, e.seq, e.hash FROM taken
    JOIN events e ON e.stream = taken.stream AND e.seq = taken.seq JOIN streams s ON s.n = e.stream
    WHERE NOT EXISTS (SELECT 1 FROM log WHERE log.stream = e.stream AND log.seq = e.seq)
)
INSERT INTO log (platform, n, stream, seq, hash)
SELECT platform, coalesce((SELECT max(n) FROM log WHERE log.platform = told.platform), 0)
    + row_number() OVER (PARTITION BY platform ORDER BY k), stream, seq, hash FROM told
"""  # noqa: S608  constants


class PostgresWriter:
    """The connection of one host's lane. It is opened anew where it was lost."""

    is_alone = False

    def __init__(self, open_one: Callable[[], psycopg.Connection[Any]], env: Env, place_every_s: float) -> None:
        self._open, self._env, self._place_every_s = open_one, env, place_every_s
        self.errors: type[Exception] = driver().Error
        self._connection: psycopg.Connection[Any] | None = None
        self._warned, self.fault, self._begun = "", "", False
        self._placed_at, self._troubles = env.monotonic(), Troubles(_log, env.monotonic)
        self._later: dict[tuple[Any, ...], tuple[str, tuple[Any, ...]]] = {}

    @property
    def broken(self) -> type[Exception]:
        return self.errors

    @property
    def _cursor(self) -> psycopg.Cursor[Any]:
        if self._connection is None:
            if self._begun:
                raise driver().OperationalError("the connection was lost within a transaction")
            self._connection = self._open()
            self._connection.add_notice_handler(self._note)
        return self._connection.cursor()

    def _note(self, said: Any) -> None:
        if said.severity_nonlocalized == "WARNING":
            self._warned = str(said.message_primary)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self.errors):
                connection.close()

    def begin(self, *, alone: bool) -> None:
        try:
            self._cursor.execute(_ALONE if alone else _TOGETHER)
        except self.errors as error:
            raise self.refused(error) from error
        self.is_alone, self._begun = alone, True

    def commit(self, _ends: Mapping[str, End], _now: int) -> None:
        self._warned = ""
        try:
            cursor = self._cursor.execute("COMMIT")
        except self.errors as error:
            if self._is_lost(error):
                raise CommitUnknown(f"the connection was lost in a commit: {store_error(error).message}") from error
            raise self.refused(error) from error
        self._begun = False
        if cursor.statusmessage != "COMMIT":
            raise StoreError("the database took the transaction back. Nothing was written.")
        if self._warned:
            self.fault = "storage_not_replicated"
            raise StoreError(
                f"it is written on this server, and perhaps not on its standby: {self._warned}. Send it again.",
                code=self.fault,
            )
        self.fault = ""

    def rollback(self) -> None:
        connection, self._begun = self._connection, False
        if connection is None:
            return
        try:
            if connection.broken or connection.closed:
                self._drop()
            elif connection.info.transaction_status != driver().pq.TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        except self.errors:
            self._drop()

    def _is_lost(self, error: Exception) -> bool:
        state = getattr(error, "sqlstate", None) or ""
        connection = self._connection
        return connection is None or connection.broken or connection.closed or state.startswith(LOST)

    def refused(self, error: Exception) -> BaseException:
        state, named = getattr(error, "sqlstate", None) or "", error.diag.constraint_name  # type: ignore[attr-defined]
        if self._is_lost(error) or state == "25006":
            self._drop()
            return self._overtaken(error)
        if state in RUN_AGAIN or (state == "23505" and named in _OVERTAKEN_AT):
            return self._overtaken(error)
        failure = store_error(error)
        if state.startswith("23"):
            return ChangeRefused(Conflict(f"the database refuses this: {error}. Nothing was written; read again."))
        if failure.code == "store":
            return ChangeRefused(failure)  # it may be about one work of the batch alone
        self.fault = failure.code
        return failure

    def _overtaken(self, error: Exception) -> Overtaken:
        failure = store_error(error)
        if failure.code == "store":
            return Overtaken("another host wrote the same again and again.", "storage_busy")
        if failure.code != "storage_busy":
            self.fault = failure.code
        return Overtaken(failure.message, failure.code)

    def again(self, tries: int) -> bool:
        if tries >= _TRIES:
            return False
        self._env.sleep(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**tries) * (0.5 + self._env.random() / 2))
        return True

    def execute(self, sql: str, values: tuple[Any, ...]) -> int:
        return self._cursor.execute(sql, values).rowcount

    def rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._cursor.execute(sql, values).fetchall()

    def overwriting(self) -> nullcontext[None]:
        """What is dead is overwritten by VACUUM, at the end of the run that erases."""
        return nullcontext()

    def later(self, sql: str, values: tuple[Any, ...]) -> None:
        """Two hosts that take the same rows away in what they write would each run again."""
        self._later[sql, *values[:2]] = sql, values

    def confirm(self, _ends: Mapping[str, End], _now: int) -> bool:
        """Whoever was cut off may have been waiting for the standby. What is written now is acknowledged behind it."""
        self._warned = ""
        self._cursor.execute("SELECT pg_logical_emit_message(true, 'kz-compliance', 'look-up')")
        return not self._warned

    def ended(self) -> None:
        if self._env.monotonic() - self._placed_at >= self._place_every_s:
            self.look()

    def look(self) -> None:
        """Give what is committed its place in the log, one host at a time; whoever dies is followed by another."""
        self._placed_at = self._env.monotonic()
        try:
            for sql, values in self._later.values():
                self._cursor.execute(sql, values)
            self._later.clear()
            while self._cursor.execute("SELECT 1 FROM unplaced LIMIT 1").fetchone() and self._place():
                pass
        except (self.errors, StoreError) as error:
            failure = error if isinstance(error, StoreError) else store_error(error)
            self._troubles.met(_PLACING, cause_of(failure))
            self.fault = failure.code
            self.rollback()
        else:
            self._troubles.over(_PLACING)
            # Whoever writes nothing learns here that the server is back.
            self.fault = "" if self.fault == "storage_unreachable" else self.fault

    def _place(self) -> bool:
        """Place what there is; whether there may be more."""
        cursor = self._cursor
        cursor.execute("BEGIN")
        try:
            # In a statement of its own: what is read behind it is as the placer before has left it.
            (is_mine,) = cursor.execute(f"SELECT pg_try_advisory_xact_lock(7224510, {_OF_STORE})").fetchone() or (
                False,
            )
            many = cursor.execute(_PLACE).rowcount if is_mine else 0
            cursor.execute("COMMIT")
        except BaseException:
            self.rollback()
            raise
        return many >= _PLACED_AT_ONCE

    def close(self) -> None:
        """Place what came last. A host that is placing right now may not have seen it: then it is waited for."""
        for tries in range(_TRIES):
            self.look()
            if self.fault or not self._cursor.execute("SELECT 1 FROM unplaced LIMIT 1").fetchone():
                break
            self.again(tries)
        self._drop()


class PlacedLater(Appending):
    """Events have their place in the log once they are committed, and several hosts give numbers to streams."""

    _order = "unplaced"
    _numbers: Iterator[int] = iter(())

    def _next_number(self) -> int:
        number = next(self._numbers, None)
        if number is None:
            first = int(self._all(_next_numbers())[0][0])
            self._numbers = iter(range(first, first + schema.STREAMS_AT_ONCE))
            return next(self._numbers)
        return number

    def _foresee_order(self, platform: str) -> None:
        pass

    def _place_in_order(self, platform: str, number: int, seq: int, hash_: bytes, at: int) -> None:
        self._rows[self._order].append((number, seq))
        self.ends[platform] = End(0, number, seq, hash_, at)


@cache
def _statements() -> Statements:
    of_writer = statements_of(POSTGRESQL)
    of_writer.inserts[PlacedLater._order] = of_writer.compiled(
        insert(table("unplaced", column("stream"), column("seq")))
    )
    return of_writer


@cache
def _next_numbers() -> Compiled:
    return Compiled(text("SELECT nextval('stream_numbers')"), dialect_of(POSTGRESQL))


# ---------------------------------------------------------------------------------------------------------------- store


class PostgresStore(SqlStore):
    """The store that many hosts share. Times are UTC seconds of `env.clock`: doctor tells how far the server's is off.

    `threaded=False` runs every work on the caller's thread. Without `create` the schema must be there. With a `pooler`
    in transaction mode in front nothing is prepared. `pool_size` connections are kept for reading.
    Raises ConfigError where the driver is not installed, StoreUnusable if the server cannot be reached or nothing may
    be acknowledged on it, or for a schema that this release cannot use.
    """

    def __init__(
        self,
        url: str,
        env: Env,
        *,
        threaded: bool = True,
        most_waiting: int = MOST_WAITING,
        pool_size: int = POOL_SIZE,
        pooler: bool = False,
        upgrade: bool = True,
        create: bool = True,
        keys: MasterKeys | None = None,
        ledger_keys: LedgerKeys = LedgerKeys(),  # noqa: B008  frozen
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(env, keys, ledger_keys, telemetry)
        self._url, self._pooler, self._place_every_s = url, pooler, PLACE_EVERY_S if threaded else 0.0
        self.path = without_password(url)
        self._writer: PostgresWriter | None = None
        self.statements = _statements()
        with self.writing() as connection:
            self._prepare(connection, create=create, upgrade=upgrade)
        self.engine = open_engine(url, pooler=pooler, pool_size=pool_size)
        self._pid = os.getpid()
        self._lane = WriterLane(self._open_transaction, most_waiting=most_waiting, threaded=threaded)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction beside the lane. Raises StoreError."""
        engine = open_plain(self._url)
        try:
            with engine.connect() as connection:
                yield connection
                connection.commit()
        except (DBAPIError, driver().Error) as error:
            raise store_error(getattr(error, "orig", None) or error) from error
        finally:
            engine.dispose()

    def _prepare(self, connection: Connection, *, create: bool, upgrade: bool) -> None:
        """Create the schema if there is none, or bring it up to date."""
        revision = schema.read_revision(connection)
        if revision is None and not create:
            raise StoreUnusable(
                f"there is no store in {self.path}. Correct store.url, or create it: kz-compliance db upgrade, or "
                "create=True of a desk.",
                code="store_missing",
            )
        if revision != schema.HEAD:
            migrate.prepare(connection, allowed=upgrade)
            if revision is None:
                put_mark(connection, self.keys)
        check_rights(connection)
        check_master_keys(connection, self.keys)
        check_ledger_keys(connection, self.ledger_keys)

    @property
    def fault(self) -> str:
        """Why the last write of this process failed, as a code; empty if it did not."""
        return "" if self._writer is None else self._writer.fault

    def _open_transaction(self) -> SqlTransaction:
        def opened() -> psycopg.Connection[Any]:
            return connect(self._url, pooler=self._pooler, autocommit=True)

        self._writer = PostgresWriter(opened, self._env, self._place_every_s)
        held = self.statements, self.keys, self._env, self.ledger_keys, self.telemetry
        return SqlTransaction(self._writer, *held, PlacedLater)

    def queries(self, platform_id: str) -> Queries:
        if self._pid != os.getpid():
            # After a fork the connections are the parent's.
            self.engine.dispose(close=False)
            self._pid = os.getpid()
        return super().queries(platform_id)

    def place_all(self) -> None:
        env = self._env
        writer = PostgresWriter(lambda: connect(self._url, pooler=True, autocommit=True), env, 0.0)
        writer.close()

    def take_over(self, connection: Connection) -> None:
        used = (row[0] or 0 for row in connection.exec_driver_sql(self.statements.ledger.last_stream.sql))
        connection.exec_driver_sql("SELECT setval('stream_numbers', %s, false)", (max(used) + 1,))

    def truncate_log(self) -> bool:
        """Write anew what holds keys and what was said of attempts: no page has what was erased of them behind this.
        False while a reader that has been at work since before, a standby or a role that may not keeps it from that."""
        try:
            with closing(connect(self._url, pooler=True, autocommit=True)) as connection:
                ((since,),) = connection.execute("SELECT clock_timestamp()")
                for n in range(_TRIES):
                    if not (held := bool(connection.execute(_HELD, (since,)).fetchone())):
                        break
                    self._env.sleep(_FIRST_PAUSE_S * 2**n)
                for table in ("keys", "attempts"):
                    # Not VACUUM: it leaves the bytes where they are, and cannot give up behind a reader of the table.
                    with connection.transaction():
                        connection.execute(_SOON)
                        connection.execute(f"CLUSTER {table} USING {table}_pkey")
                connection.execute("VACUUM parts")
        except (driver().errors.InsufficientPrivilege, driver().errors.LockNotAvailable):
            return False
        except driver().Error as error:
            raise store_error(error) from error
        return not held

    def close(self) -> None:
        """Finish what was queued, give it its place, and let the database go."""
        self._lane.close()
        self.engine.dispose()


_SOON: Final = "SET LOCAL lock_timeout = '5s'"
"""Nobody who writes waits for longer behind whoever waits for a table."""
_HELD: Final = """
SELECT 1 FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND backend_type = 'client backend'
 AND datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= %s
UNION ALL SELECT 1 FROM pg_replication_slots WHERE xmin IS NOT NULL
UNION ALL SELECT 1 FROM pg_stat_replication WHERE backend_xmin IS NOT NULL"""
"""Whoever may still see what was erased before this time."""
_MUST: Final = {
    **dict.fromkeys(("events", "log", "streams"), "SELECT INSERT"),
    "parts": "SELECT INSERT UPDATE",
    "attempts": "SELECT INSERT UPDATE",
    "cases": "SELECT INSERT UPDATE",
    "store_marks": "SELECT",
}
_ALL_RIGHTS: Final = "SELECT INSERT UPDATE DELETE"


def check_rights(connection: Connection) -> None:
    """Raises StoreUnusable naming what the role of this connection may not do."""
    may = "SELECT has_table_privilege(%s, %s)"
    missing = [
        f"{right} on {table}"
        for table in (*metadata.tables, "unplaced", "store_marks")
        for right in _MUST.get(table, _ALL_RIGHTS).split()
        if not connection.exec_driver_sql(may, (table, right)).scalar()
    ]
    if not connection.exec_driver_sql("SELECT has_sequence_privilege('stream_numbers', 'USAGE')").scalar():
        missing.append("USAGE on the sequence stream_numbers")
    if missing:
        raise StoreUnusable(
            f"the role of store.url lacks {', '.join(missing)}. Grant it; docs/operations.md, On PostgreSQL, has the "
            "statements.",
            code="store_rights",
        )
