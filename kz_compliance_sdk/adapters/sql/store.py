# Over 350 lines because the store and its transaction, which share the driver's connection, are on one page.
"""The store: one writer lane over one SQLite file, and short reads beside it.

Reads of the hot path and all writes run precompiled on the driver's own connection; lists and reports go through
SQLAlchemy. What a work reads is read inside the transaction that writes, so nothing can change in between.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql import schema
from kz_compliance_sdk.adapters.sql.checkpoint_queries import checkpoint_from
from kz_compliance_sdk.adapters.sql.engine import create_file, open_engine
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.lane import ChangeRefused, Job, WriterLane
from kz_compliance_sdk.adapters.sql.opening import first_that_open
from kz_compliance_sdk.adapters.sql.private import NO_CASE, PrivateRows
from kz_compliance_sdk.adapters.sql.queries import SqlQueries
from kz_compliance_sdk.adapters.sql.rewrapping import check_master_keys, truncate_log
from kz_compliance_sdk.adapters.sql.sqlite import (
    Driver,
    FileLock,
    Place,
    choose_driver,
    open_connection,
    place_of,
    refuse_network_file_system,
    store_error,
)
from kz_compliance_sdk.adapters.sql.statements import Compiled, sqlite_statements
from kz_compliance_sdk.adapters.sql.view import View
from kz_compliance_sdk.adapters.sql.volumes import Volumes
from kz_compliance_sdk.adapters.sql.writing import Writer, keys_of
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import CaseWrite, Change
from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.errors import CommitUnknown, Conflict, StoreError, StoreUnusable
from kz_compliance_sdk.ports import Env, Queries, Work

T = TypeVar("T")
MOST_WAITING = 8_192
MOVED = "store_moved"
_HANDED_OUT_AT_ONCE = 64
_ROWS_AT_ONCE = 16
_MOVED = (
    "the store's file {} was moved, replaced or deleted while this process has it open. Nothing is acknowledged any "
    "more: stop every process, put the file back, and start again."
)


class SqliteStore:
    """The embedded store: one file, any number of processes. Times are UTC seconds of `env.clock`.

    `threaded=False` runs every work on the caller's thread, for simulations. Without `create` the file must be there;
    `anew` creates it although files of an earlier one lie beside its path. `keys` wrap the data keys of the cases.
    Raises StoreUnusable if the file, its place, its settings or its schema cannot be trusted.
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
        create: bool = True,
        anew: bool = False,
        keys: MasterKeys | None = None,
    ) -> None:
        self.path = str(Path(path).absolute())
        self._env, self.keys = env, keys or MasterKeys()
        self.driver = driver or choose_driver()
        self._cache_mib = cache_mib
        refuse_network_file_system(Path(self.path))
        if not Path(self.path).parent.is_dir():
            raise StoreUnusable(f"the folder of the store's file does not exist: {Path(self.path).parent}. Create it.")
        self.engine = open_engine(self.driver, self.path)
        try:
            self._place = self._prepare(create=create, anew=anew, upgrade=upgrade)
        except DBAPIError as error:
            self.engine.dispose()
            raise store_error(error.orig or error) from error
        except BaseException:
            self.engine.dispose()
            raise
        self.statements = sqlite_statements()
        self._writer = Writer(self.statements)
        self._lane = WriterLane(self._open_transaction, most_waiting=most_waiting, threaded=threaded)

    def _prepare(self, *, create: bool, anew: bool, upgrade: bool) -> Place | None:
        """Create the file if there is none, and bring its schema up to date. Gives where it lies."""
        if not create and place_of(self.path) is None:
            raise StoreUnusable(
                f"there is no store at {self.path}. Correct the path, or create it: kz-compliance db upgrade",
                code="store_missing",
            )
        lock = FileLock(self.path)
        try:
            lock.acquire()
            if place_of(self.path) is None:
                create_file(self.driver, self.path, anew=anew)
            place = place_of(self.path)
            with self.engine.connect() as connection:
                if schema.read_revision(connection) != schema.HEAD:
                    # Alembic costs time and memory, and most starts have nothing to upgrade.
                    from kz_compliance_sdk.adapters.sql import migrate

                    migrate.prepare(connection, allowed=upgrade)
                check_master_keys(connection, self.keys)
            lock.mark()
            return place
        finally:
            lock.close()

    @property
    def fault(self) -> str:
        """What is wrong with the file itself, as a code: `store_moved`, or empty."""
        return "" if place_of(self.path) == self._place else MOVED

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
        return SqlQueries(self.engine, platform_id, lambda: self.fault, self.keys)

    def truncate_log(self) -> bool:
        """Empty the log beside the file, which still holds pages as they were; False while somebody reads them."""
        return truncate_log(self.engine)

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
        self.statements, self._writer = store.statements, store._writer
        self.private = PrivateRows(
            store.keys,
            store._env.entropy,
            self._stored_key,
            renew=self._renew_key,
            platform_key=self._platform_key,
            keep_platform_key=self._keep_platform_key,
        )
        self._lock = FileLock(store.path)
        self._error = store.driver.module.Error
        self._integrity = store.driver.module.IntegrityError
        self._open()
        self._staged: list[Change] = []
        self._written: list[Change] = []
        self._keys: set[str] = set()
        self._free: dict[tuple[str, str | None], _Free] = {}
        self._any_waiting: dict[str, bool] = {}
        self._checkpoints: dict[str, Checkpoint | None] = {}
        self._volumes = Volumes()
        self._none_expired: set[str] = set()
        self._waiting = 1
        self.now = 0

    def _open(self) -> None:
        store = self._store
        self._place, self._looked_at = place_of(store.path), 0
        self._wal: Place | None = None
        try:
            self._connection = open_connection(store.driver, store.path, store._cache_mib)
        except self._error as error:
            raise store_error(error) from error
        self._cursor = self._connection.cursor()

    # ------------------------------------------------------------------------------------- the lane's side

    def begin(self, waiting: int) -> None:
        self._staged, self._written, self._keys, self._free = [], [], set(), {}
        self._waiting, self._any_waiting, self._none_expired = waiting, {}, set()
        self._checkpoints = {}
        self.private.begin()
        self._volumes.forget()
        self._lock.acquire()
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except self._error as error:
            raise store_error(error) from error
        self.now = self._store.now()

    def run(self, job: Job) -> Any:
        view = View(self, job.platform_id)
        change, value = job.work(view)
        keys = {key for write in change for key in keys_of(write)}
        if keys & self._keys:
            self.flush()
            change, value = job.work(view)
            keys = {key for write in change for key in keys_of(write)}
        self._keys |= keys
        if change:
            self._staged.append(change)
            self._volumes.add(change)
        return value

    def flush(self) -> None:
        """Write what is staged, so that what is read next sees it. Raises ChangeRefused, StoreError."""
        if not self._staged:
            return
        staged, self._staged, self._keys = self._staged, [], set()
        self._any_waiting, self._free, self._checkpoints = {}, {}, {}
        self._volumes.forget()
        self._written += staged
        try:
            self._writer.write(staged, self.private, self._execute, self._execute_many)
        except self._integrity as error:
            raise ChangeRefused(
                Conflict(f"the database refuses this: {error}. Nothing was written; read again.")
            ) from error
        except self._error as error:
            raise store_error(error) from error

    def commit(self) -> None:
        self.flush()
        try:
            self._cursor.execute("COMMIT")
        except self._error as error:
            failure = store_error(error)
            if failure.code in ("storage_busy", "storage_full"):
                raise failure from error
            raise CommitUnknown(f"the outcome of a commit is not known: {error}.") from error
        finally:
            if not self._connection.in_transaction:
                self._lock.release()
        self._check_place()

    def _check_place(self) -> None:
        """What was just written must lie where everybody will look for it. One look at the file for each commit, and
        one a second at the log beside it. Raises StoreUnusable (`store_moved`)."""
        store = self._store
        if place_of(store.path) != self._place:
            raise StoreUnusable(_MOVED.format(store.path), code=MOVED)
        if store.driver.wal and self.now != self._looked_at:
            wal = place_of(f"{store.path}-wal")
            if self._wal is None:
                self._wal = wal
            if wal is None or wal != self._wal:
                raise StoreUnusable(_MOVED.format(f"{store.path}-wal"), code=MOVED)
            self._looked_at = self.now

    def rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        except self._error:
            self._connection.close()
            self._open()
        finally:
            self._lock.release()

    def landed(self) -> bool | None:
        """Whether the batch is in the file all the same: each case is looked up by its audit head."""
        heads = {w.case.id: w.case for change in self._written for w in change if type(w) is CaseWrite}
        try:
            for case in heads.values():
                row = self.one(self.statements.case, k_platform_id=case.platform_id, k_id=case.id)
                if row is None or row[18] != case.audit_head:
                    return False
        except (self._error, StoreError):
            return None
        return bool(heads) or None

    def close(self) -> None:
        self._connection.close()
        self._lock.close()

    def _execute(self, sql: str, values: tuple[Any, ...]) -> int:
        return int(self._cursor.execute(sql, values).rowcount)

    def _execute_many(self, statement: Compiled, values: list[tuple[Any, ...]]) -> None:
        left, size = len(values), _ROWS_AT_ONCE
        while left:
            while size > left:
                size //= 2
            some = values[len(values) - left : len(values) - left + size]
            self._cursor.execute(statement.of_rows(size), tuple(chain.from_iterable(some)))
            left -= size

    # ---------------------------------------------------------------------------------------------- keys

    def _stored_key(self, platform_id: str, case_id: str) -> Any:
        row = self.one(self.statements.private.case_key, k_platform_id=platform_id, k_id=case_id)
        return NO_CASE if row is None else row[0]

    def _renew_key(self, platform_id: str, case_id: str, stored: bytes) -> None:
        renew = self.statements.private.renew_key
        self._execute(renew.sql, renew.bind({"k_platform_id": platform_id, "k_id": case_id, "v_data_key": stored}))

    def _platform_key(self, platform_id: str, name: str) -> bytes | None:
        row = self.one(self.statements.private.platform_key, k_platform_id=platform_id, k_name=name)
        return None if row is None else row[0]

    def _keep_platform_key(self, platform_id: str, name: str, stored: bytes, digest: Callable[[str], str]) -> None:
        """Keep a new key. What an earlier schema wrote under the names themselves goes under their digests."""
        private = self.statements.private
        self._execute(private.keep_platform_key.sql, (platform_id, name, stored))
        for named, rename in private.names:
            for (key,) in self.all(named, k_platform_id=platform_id):
                given = {"k_platform_id": platform_id, "k_object_key": key, "v_object_key": digest(key)}
                self._execute(rename.sql, rename.bind(given))

    # ------------------------------------------------------------------------------------------- reading

    def one(self, statement: Compiled, **values: Any) -> Any:
        return self._cursor.execute(statement.sql, statement.bind(values)).fetchone()

    def all(self, statement: Compiled, **values: Any) -> list[Any]:
        return list(self._cursor.execute(statement.sql, statement.bind(values)).fetchall())

    def expired_leases(self, platform_id: str, limit: int, unreadable: list[str]) -> list[Case]:
        """Asked once for a whole batch if there are none: its clock stands still."""
        if platform_id in self._none_expired:
            return []

        def fetch(n: int) -> list[Any]:
            return self.all(self.statements.expired, k_platform_id=platform_id, now=self.now, n=n)

        found, _ = first_that_open(fetch, self.private.case_from, limit, unreadable)
        if not found:
            self._none_expired.add(platform_id)
        return found

    def any_waiting(self, platform_id: str) -> bool:
        """Whether any message waits for its notice: asked once for all works between two flushes."""
        known = self._any_waiting.get(platform_id)
        if known is None:
            found = self.one(self.statements.any_waiting, k_platform_id=platform_id)
            known = self._any_waiting[platform_id] = found is not None
        return known

    def checkpoint(self, platform_id: str) -> Checkpoint | None:
        """The last one: asked once for all works between two flushes."""
        if platform_id not in self._checkpoints:
            row = self.one(self.statements.checkpoint, k_platform_id=platform_id)
            self._checkpoints[platform_id] = None if row is None else checkpoint_from(row)
        return self._checkpoints[platform_id]

    def notices_counted(self, platform_id: str, name: str, over: int, most: int) -> int:
        """Asked once for all works between two flushes."""

        def read() -> int:
            given = {"k_platform_id": platform_id, "k_name": name, "k_at": over, "n": most}
            return int(self.one(self.statements.volumes.counted, **given)[0])

        return self._volumes.counted(platform_id, name, over, most, read)

    def next_free(
        self, platform_id: str, category: str | None, without_flag: str, unreadable: list[str]
    ) -> Case | None:
        """The most urgent free case that no work of this batch has changed. One SELECT serves all claimers: it fetches
        as many as may be asked for, and more where the claimer may take none of these."""
        key, least = (platform_id, category), 1
        while True:
            free = self._free.get(key)
            if free is None:
                self.flush()
                free = self._free[key] = self._fetch_free(platform_id, category, least, unreadable)
            while free.cases and f"c{free.cases[-1].id}" in self._keys:
                free.cases.pop()
            for case in reversed(free.cases):
                if without_flag not in case.flags and f"c{case.id}" not in self._keys:
                    return case
            if free.were_all:
                return None
            least = 2 * len(free.cases)
            del self._free[key]

    def _fetch_free(self, platform_id: str, category: str | None, least: int, unreadable: list[str]) -> _Free:
        statements = self.statements

        def fetch(n: int) -> list[Any]:
            if category is None:
                return self.all(statements.claimable, k_platform_id=platform_id, n=n)
            return self.all(statements.claimable_of, k_platform_id=platform_id, k_category=category, n=n)

        most = max(least, min(self._waiting, _HANDED_OUT_AT_ONCE))
        found, were_all = first_that_open(fetch, self.private.case_from, most, unreadable)
        return _Free(found[::-1], were_all)


@dataclass(slots=True)
class _Free:
    """Free cases, the most urgent last; `were_all` if there were no more."""

    cases: list[Case]
    were_all: bool
