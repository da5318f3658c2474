"""The store: one writer lane over one SQLite file, and short reads beside it.

Reads of the hot path and all writes run precompiled on the driver's own connection; lists and reports go through
SQLAlchemy. What a work reads is read inside the transaction that writes, so nothing can change in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event

from kz_compliance_sdk.adapters.sql import rows, schema
from kz_compliance_sdk.adapters.sql.lane import ChangeRefused, Job, WriterLane
from kz_compliance_sdk.adapters.sql.queries import SqlQueries
from kz_compliance_sdk.adapters.sql.sqlite import (
    Driver,
    FileLock,
    choose_driver,
    configure,
    open_connection,
    refuse_network_file_system,
)
from kz_compliance_sdk.adapters.sql.statements import Compiled, Statements
from kz_compliance_sdk.adapters.sql.writing import Writer, keys_of
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import CaseWrite, Change, EndpointState, Hold, InboxRow
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.errors import CommitUnknown, Conflict, NotFound, StoreError, StoreUnusable
from kz_compliance_sdk.ports import Env, Queries, Work

T = TypeVar("T")
MOST_WAITING = 8_192
_HANDED_OUT_AT_ONCE = 64


class SqliteStore:
    """The embedded store: one file, any number of processes. Times are UTC seconds of `env.clock`.

    `threaded=False` runs every work on the caller's thread, for simulations. Raises StoreUnusable if the file, its
    place, its settings or its schema cannot be trusted.
    """

    def __init__(
        self,
        path: str | Path,
        env: Env,
        *,
        threaded: bool = True,
        most_waiting: int = MOST_WAITING,
        cache_mib: int = 16,
        driver: Driver | None = None,
        upgrade: bool = True,
    ) -> None:
        self.path = str(Path(path).absolute())
        self._env = env
        self.driver = driver or choose_driver()
        self._cache_mib = cache_mib
        refuse_network_file_system(Path(self.path))
        if not Path(self.path).parent.is_dir():
            raise StoreUnusable(f"the folder of the store's file does not exist: {Path(self.path).parent}. Create it.")
        self.engine = self._engine()
        lock = FileLock(self.path)
        try:
            lock.acquire()
            with self.engine.connect() as connection:
                schema.prepare(connection, upgrade=upgrade)
        except StoreUnusable:
            self.engine.dispose()
            raise
        finally:
            lock.close()
        self.statements = Statements(self.engine.dialect)
        self._writer = Writer(self.statements, self.engine.dialect)
        self._lane = WriterLane(self._open_transaction, most_waiting=most_waiting, threaded=threaded)

    def _engine(self) -> Engine:
        engine = create_engine(
            f"sqlite:///{self.path}",
            module=self.driver.module,
            paramstyle="qmark",
            connect_args={"check_same_thread": False, "isolation_level": None},
        )

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            configure(self.driver, connection, 2)

        return engine

    def _open_transaction(self) -> SqliteTransaction:
        return SqliteTransaction(self)

    def now(self) -> int:
        return self._env.clock()

    def submit(self, platform_id: str, work: Work[T]) -> Future[T]:
        future: Future[T] = Future()
        self._lane.submit(Job(platform_id, work, future))
        return future

    def save(self, platform_id: str, change: Change) -> Future[None]:
        """Write a change that was decided already."""
        return self.submit(platform_id, lambda _tx: (change, None))

    def queries(self, platform_id: str) -> Queries:
        return SqlQueries(self.engine, platform_id)

    @property
    def waiting(self) -> int:
        """How many works wait for the writer."""
        return self._lane.waiting

    def close(self) -> None:
        """Finish what was queued and let the file go."""
        self._lane.close()
        self.engine.dispose()


class SqliteTransaction:
    """The writer's connection and what is staged on it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._statements, self._writer = store.statements, store._writer
        self._lock = FileLock(store.path)
        self._error = store.driver.module.Error
        self._integrity = store.driver.module.IntegrityError
        self._connection = open_connection(store.driver, store.path, store._cache_mib)
        self._cursor = self._connection.cursor()
        self._staged: list[Change] = []
        self._written: list[Change] = []
        self._keys: set[str] = set()
        self._given_out: set[str] = set()
        self._free: dict[tuple[str, str | None], list[Case]] = {}
        self._waiting = 1
        self.now = 0

    # ------------------------------------------------------------------------------------- the lane's side

    def begin(self, waiting: int) -> None:
        self._staged, self._written, self._keys, self._given_out, self._free = [], [], set(), set(), {}
        self._waiting = waiting
        self._lock.acquire()
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except self._error as error:
            raise _store_error(error) from error
        self.now = self._store.now()

    def run(self, job: Job) -> Any:
        view = _View(self, job.platform_id)
        change, value = job.work(view)
        keys = {key for write in change for key in keys_of(write)}
        if keys & self._keys:
            self.flush()
            change, value = job.work(view)
            keys = {key for write in change for key in keys_of(write)}
        self._keys |= keys
        if change:
            self._staged.append(change)
        return value

    def flush(self) -> None:
        """Write what is staged, so that what is read next sees it. Raises ChangeRefused, StoreError."""
        if not self._staged:
            return
        staged, self._staged, self._keys = self._staged, [], set()
        self._written += staged
        try:
            self._writer.write(staged, self._execute, self._execute_many)
        except self._integrity as error:
            raise ChangeRefused(
                Conflict(f"the database refuses this: {error}. Nothing was written; read again.")
            ) from error
        except self._error as error:
            raise _store_error(error) from error

    def commit(self) -> None:
        self.flush()
        try:
            self._cursor.execute("COMMIT")
        except self._error as error:
            failure = _store_error(error)
            if failure.code in ("storage_busy", "storage_full"):
                raise failure from error
            raise CommitUnknown(f"the outcome of a commit is not known: {error}.") from error
        finally:
            if not self._connection.in_transaction:
                self._lock.release()

    def rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        except self._error:
            self._connection.close()
            self._connection = open_connection(self._store.driver, self._store.path, self._store._cache_mib)
            self._cursor = self._connection.cursor()
        finally:
            self._lock.release()

    def landed(self) -> bool | None:
        """Whether the batch is in the file all the same: each case is looked up by its audit head."""
        heads = {w.case.id: w.case for change in self._written for w in change if type(w) is CaseWrite}
        try:
            for case in heads.values():
                row = self.one(self._statements.case, k_platform_id=case.platform_id, k_id=case.id)
                if row is None or row[18] != case.audit_head:
                    return False
        except (self._error, StoreError):
            return None
        return bool(heads) or None

    def _execute(self, sql: str, values: tuple[Any, ...]) -> int:
        return int(self._cursor.execute(sql, values).rowcount)

    def _execute_many(self, sql: str, values: list[tuple[Any, ...]]) -> None:
        self._cursor.executemany(sql, values)

    # ------------------------------------------------------------------------------------------- reading

    def one(self, statement: Compiled, **values: Any) -> Any:
        return self._cursor.execute(statement.sql, statement.bind(values)).fetchone()

    def all(self, statement: Compiled, **values: Any) -> list[Any]:
        return list(self._cursor.execute(statement.sql, statement.bind(values)).fetchall())

    def next_free(self, platform_id: str, category: str | None) -> Case | None:
        """One SELECT serves all claimers of the batch: it fetches as many as may be asked for."""
        key = (platform_id, category)
        free = self._free.get(key)
        if free is None:
            self.flush()
            n = min(self._waiting, _HANDED_OUT_AT_ONCE) + len(self._given_out)
            statements = self._statements
            found = (
                self.all(statements.claimable, k_platform_id=platform_id, n=n)
                if category is None
                else self.all(statements.claimable_of, k_platform_id=platform_id, k_category=category, n=n)
            )
            free = self._free[key] = [rows.case_from(row) for row in reversed(found)]
        while free:
            case = free.pop()
            if case.id not in self._given_out:
                self._given_out.add(case.id)
                return case
        del self._free[key]
        return None


class _View:
    """What one work may read: the transaction, bound to a platform."""

    __slots__ = ("_platform", "_s", "_tx")

    def __init__(self, transaction: SqliteTransaction, platform_id: str) -> None:
        self._tx, self._platform, self._s = transaction, platform_id, transaction._statements

    @property
    def now(self) -> int:
        return self._tx.now

    def case(self, case_id: str) -> Case:
        row = self._tx.one(self._s.case, k_platform_id=self._platform, k_id=case_id)
        if row is None:
            raise NotFound("there is no such case on this platform.", reference=case_id)
        return rows.case_from(row)

    def cases_of_notice(self, notice_id: str) -> list[Case]:
        found = self._tx.all(self._s.cases_of_notice, k_platform_id=self._platform, k_notice_id=notice_id)
        return [rows.case_from(row) for row in found]

    def claimable(self, *, category: str | None = None, case_id: str | None = None) -> Case | None:
        if case_id is not None:
            return self.case(case_id)
        return self._tx.next_free(self._platform, category)

    def expired_leases(self, limit: int) -> list[Case]:
        found = self._tx.all(self._s.expired, k_platform_id=self._platform, now=self.now, n=limit)
        return [rows.case_from(row) for row in found]

    def cases_to_watch(self, now: int, limit: int) -> list[Case]:
        found = self._tx.all(self._s.watched, k_platform_id=self._platform, now=now, n=limit)
        return [rows.case_from(row) for row in found]

    def inbox_row(self, sender: str, message_id: str, body_sha256: str) -> InboxRow:
        row = self._tx.one(
            self._s.inbox_row,
            k_platform_id=self._platform,
            k_sender=sender,
            k_message_id=message_id,
            k_body_sha256=body_sha256,
        )
        if row is None:
            raise NotFound("there is no such message on this platform.", reference=message_id)
        return rows.inbox_from(row)

    def inbox_rows(self, sender: str, message_id: str) -> list[InboxRow]:
        found = self._tx.all(
            self._s.inbox_rows, k_platform_id=self._platform, k_sender=sender, k_message_id=message_id
        )
        return [rows.inbox_from(row) for row in found]

    def waiting_for(self, notice_id: str) -> list[InboxRow]:
        found = self._tx.all(self._s.waiting, k_platform_id=self._platform, k_notice_id=notice_id)
        return [rows.inbox_from(row) for row in found]

    def inbox_of_case(self, case_id: str) -> list[InboxRow]:
        found = self._tx.all(self._s.inbox_of_case, k_platform_id=self._platform, k_case_id=case_id)
        return [rows.inbox_from(row) for row in found]

    def decisions(self, case_id: str) -> dict[int, Decision]:
        found = self._tx.all(self._s.decisions, k_platform_id=self._platform, k_case_id=case_id)
        return {row[2]: rows.decision_from(row) for row in found}

    def object_versions(self, keys: Iterable[str]) -> dict[str, int]:
        versions = {}
        for key in set(keys):
            row = self._tx.one(self._s.object_version, k_platform_id=self._platform, k_object_key=key)
            if row is not None:
                versions[key] = int(row[0])
        return versions

    def holds(self, keys: Iterable[str]) -> list[Hold]:
        return [
            rows.hold_from(row)
            for key in set(keys)
            for row in self._tx.all(self._s.holds, k_platform_id=self._platform, k_object_key=key)
        ]

    def message(self, message_id: str) -> OutboxMessage:
        row = self._tx.one(self._s.message, k_platform_id=self._platform, k_id=message_id)
        if row is None:
            raise NotFound("there is no such outbox message on this platform.", reference=message_id)
        return rows.message_from(row)

    def open_messages(self, case_id: str) -> list[OutboxMessage]:
        found = self._tx.all(self._s.open_messages, k_platform_id=self._platform, k_case_id=case_id)
        return [rows.message_from(row) for row in found]

    def due_messages(self, now: int, limit: int, closed_endpoints: Iterable[str]) -> list[OutboxMessage]:
        closed = [*closed_endpoints, "", "", ""]
        found = self._tx.all(
            self._s.due_messages,
            k_platform_id=self._platform,
            now=now,
            n=limit,
            not_1=closed[0],
            not_2=closed[1],
            not_3=closed[2],
        )
        return [rows.message_from(row) for row in found]

    def endpoint(self, name: str) -> EndpointState:
        row = self._tx.one(self._s.endpoint, k_platform_id=self._platform, k_endpoint=name)
        return EndpointState(self._platform, name, 0, 0, 0, "") if row is None else rows.endpoint_from(row)

    def cursor(self, feed: str) -> str:
        row = self._tx.one(self._s.cursor, k_platform_id=self._platform, k_feed=feed)
        return "" if row is None else str(row[0])


def _store_error(error: Exception) -> StoreError:
    text = str(error)
    if "full" in text:
        return StoreError(f"the disk is full: {text}. Nothing was written; free some space.", code="storage_full")
    if "locked" in text or "busy" in text:
        return StoreError(
            f"another program holds the database: {text}. Nothing was written; try again.", code="storage_busy"
        )
    return StoreError(f"the database refused: {text}. Nothing was written.")


__all__ = ["MOST_WAITING", "SqliteStore", "SqliteTransaction"]
