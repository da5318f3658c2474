"""The store: one writer lane over a database, and short reads beside it; and that of one SQLite file.

Reads of the hot path and all writes run precompiled on the driver's own connection; lists and reports go through
SQLAlchemy. What a work reads is read inside the transaction that writes, so nothing can change in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql import schema
from kz_compliance_sdk.adapters.sql.dialects import SQLITE
from kz_compliance_sdk.adapters.sql.files import Files, held, refuse_changed
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.lane import Job, WriterLane
from kz_compliance_sdk.adapters.sql.mark import Mark, ends_of, place_of
from kz_compliance_sdk.adapters.sql.place import refuse_place, refuse_without_locks
from kz_compliance_sdk.adapters.sql.queries import SqlQueries
from kz_compliance_sdk.adapters.sql.rewrapping import check_ledger_keys, check_master_keys, truncate_log
from kz_compliance_sdk.adapters.sql.schema import new_store
from kz_compliance_sdk.adapters.sql.sqlite import (
    APPLICATION_ID,
    CACHE_MIB,
    OVERWRITE_ALL,
    OVERWRITE_IN_PLACE,
    Driver,
    FileLock,
    SqliteWriter,
    choose_driver,
    configure,
    connect,
    left_behind,
    new_file,
    open_connection,
    store_error,
)
from kz_compliance_sdk.adapters.sql.statements import Statements, statements_of
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain.change import Change, happenings
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.errors import StoreError, StoreUnusable
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, Env, Queries, Work
from kz_compliance_sdk.ports.telemetry import Telemetry

# ------------------------------------------------------------------------------------------------------------- engine
# SQLAlchemy's engine over one SQLite file, and how such a file comes to be.


_CACHE_MIB = 2


def open_engine(driver: Driver, path: str, check: Callable[[], None] = lambda: None) -> Engine:
    """An engine whose connections have every setting made and read back. It creates no file. `check` comes before each
    connection, and raises if there must be none."""

    def opened() -> Any:
        check()
        return connect(driver, path)

    engine = create_engine(
        "sqlite://",
        module=driver.module,
        paramstyle="qmark",
        creator=opened,
        poolclass=QueuePool,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        configure(driver, connection, _CACHE_MIB)
        # One text that is none must not hold up what is read beside it: it shows as another than was written.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")

    return engine


def create_file(driver: Driver, path: str, mark: str, keys: MasterKeys, *, anew: bool) -> None:
    """Create the store's file with its whole schema, for this account, or the group that shares its folder. Whoever
    calls holds its lock.

    It appears at its path when it is complete. Raises StoreUnusable if files of an earlier store lie beside the path:
    with `anew` these are put aside under the ending `.old`.
    """
    left = left_behind(path, mark)
    if left and not anew:
        raise StoreUnusable(
            f"there is no store at {path}, and files of one lie beside it: {', '.join(left)}. It was moved or deleted. "
            "Put it back, or restore a backup. To begin with an empty one: kz-compliance db upgrade --anew",
            code="store_missing",
        )
    # SQLite gives -wal and -shm the mode of the database.
    with new_file(path, *(name for name in left if not name.endswith(".lane"))) as new:
        try:
            with closing(driver.module.connect(new, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {keys.mark}")
            with closing(open_connection(driver, new)) as connection:
                connection.executescript(f"BEGIN IMMEDIATE;\n{new_store()}COMMIT;")
        except driver.module.Error as error:
            raise store_error(error) from error


# -------------------------------------------------------------------------------------------------------------- store


T = TypeVar("T")
MOST_WAITING = 8_192


class SqlStore:
    """What a store is on either database: one lane that writes, and reads beside it. Times are UTC seconds of
    `env.clock`."""

    path: str
    """Where it is, for people."""
    statements: Statements
    engine: Engine
    _lane: WriterLane

    def __init__(self, env: Env, keys: MasterKeys | None, ledger_keys: LedgerKeys, telemetry: Telemetry | None) -> None:
        self._env, self.keys, self.ledger_keys, self.telemetry = env, keys or MasterKeys(), ledger_keys, telemetry
        self.missing: list[str] = []
        """What it lacks of what was acknowledged, where that was accepted."""

    @property
    def fault(self) -> str:
        """Why nothing can be written, as a code. Empty if nothing is wrong."""
        raise NotImplementedError

    def _check_whole(self) -> None:
        """Before each read. Raises StoreUnusable."""

    def now(self) -> int:
        return self._env.clock()

    def submit(self, platform_id: str, work: Work[T], asks: Asks = ASKS_NOTHING) -> Future[T]:
        future: Future[T] = Future()
        self._lane.submit(Job(platform_id, work, future, asks))
        return future

    def save(self, platform_id: str, change: Change) -> Future[None]:
        """Write a change that was decided already."""
        asks = Asks(streams=tuple(one.stream for one in happenings(change)))
        return self.submit(platform_id, lambda _tx: (change, None), asks)

    def queries(self, platform_id: str) -> Queries:
        return SqlQueries(self.engine, platform_id, lambda: self.fault, self.keys, self._check_whole, self.ledger_keys)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction beside the lane, committed at its end."""
        raise NotImplementedError

    def place_all(self) -> None:
        """Give whatever has happened its place in the log."""

    def take_over(self, connection: Connection) -> None:
        """Go on from what was copied into it. The connection is that of `writing`."""
        raise NotImplementedError

    def truncate_log(self) -> bool:
        """Overwrite what was destroyed wherever it still lies; False while somebody reads it."""
        raise NotImplementedError

    @property
    def waiting(self) -> int:
        """How many works wait for the writer."""
        return self._lane.waiting

    def close(self) -> None:
        """Finish what was queued and let the database go."""
        raise NotImplementedError


# ------------------------------------------------------------------------------------------------------------- SQLite


class SqliteStore(SqlStore):
    """The embedded store: one file, any number of processes. Times are UTC seconds of `env.clock`.

    `threaded=False` runs every work on the caller's thread, for simulations. Without `create` the file must be there;
    `anew` creates it although files of an earlier one lie beside its path, `accept` goes on with one that lacks what
    was acknowledged; `mark` is the file that notes how far it came, by default beside it. `keys` wrap the data keys of
    the cases, `ledger_keys` prove what is appended to the ledger, `telemetry` is told of each commit.
    Raises StoreUnusable if the file, its place, its settings or its schema cannot be trusted.
    """

    def __init__(
        self,
        path: str | Path,
        env: Env,
        *,
        threaded: bool = True,
        most_waiting: int = MOST_WAITING,
        cache_mib: int = CACHE_MIB,
        driver: Driver | None = None,
        upgrade: bool = True,
        create: bool = True,
        anew: bool = False,
        accept: bool = False,
        mark: str | Path | None = None,
        keys: MasterKeys | None = None,
        ledger_keys: LedgerKeys = LedgerKeys(),  # noqa: B008  frozen
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(env, keys, ledger_keys, telemetry)
        self.path = str(Path(path).absolute())
        self.driver, self._cache_mib = driver or choose_driver(), cache_mib
        self._files = Files(self.driver, self.path, Mark(place_of(self.path, mark)))
        refuse_place(self.path, self._files.mark.path)
        self.engine = open_engine(self.driver, self.path, self._files.check)
        try:
            self._prepare(create=create, anew=anew, accept=accept, upgrade=upgrade)
        except BaseException as error:
            with self._files.leaving():
                self.engine.dispose()
            if isinstance(error, DBAPIError | self.driver.module.Error):
                raise store_error(getattr(error, "orig", None) or error, self.path) from error
            raise
        self.statements = statements_of(SQLITE)
        self._lane = WriterLane(self._open_transaction, most_waiting=most_waiting, threaded=threaded)

    def _prepare(self, *, create: bool, anew: bool, accept: bool, upgrade: bool) -> None:
        """Create the file if there is none, and bring its schema up to date."""
        is_there = Path(self.path).exists
        if not create and not is_there():
            raise StoreUnusable(
                f"there is no store at {self.path}. Correct store.path, or create it: kz-compliance db upgrade, or "
                "create=True of a desk.",
                code="store_missing",
            )
        FileLock(self.path).close()  # its file is there from here on
        refuse_without_locks(f"{self.path}.lane")
        with held(self.path) as lock:
            self._files.enter(lock, accept=accept)
            if not is_there():
                create_file(self.driver, self.path, self._files.mark.path, self.keys, anew=anew)
            with self.engine.connect() as connection:
                # First: what is missing may be put back as long as nothing was written.
                self.missing = self._files.refuse_behind(connection, accept=accept)
                if schema.read_revision(connection) != schema.HEAD:
                    # Alembic costs time and memory, and most starts have nothing to upgrade.
                    from kz_compliance_sdk.adapters.sql import migrate

                    migrate.prepare(connection, allowed=upgrade)
                check_master_keys(connection, self.keys)
                check_ledger_keys(connection, self.ledger_keys)
                self._files.mark.begin(connection, self.now(), anew=bool(self.missing))
            self._files.settle(lock)
            lock.mark()

    @property
    def fault(self) -> str:
        """Why nothing can be written, as a code: `store_moved`, `store_cut`, `store_behind`, or what the last write
        failed for, in whatever process. Empty if nothing is wrong."""
        return self._files.fault

    def _check_whole(self) -> None:
        self._files.check_whole()

    def _open_transaction(self) -> SqlTransaction:
        with held(self.path) as lock:
            self._files.before(lock)
        try:
            writer = SqliteWriter(self.path, self.driver, self._files, self._cache_mib)
        except StoreError as error:
            with held(self.path) as lock:
                self._files.note(lock, error)
            raise
        return SqlTransaction(writer, self.statements, self.keys, self._env, self.ledger_keys, self.telemetry)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with held(self.path) as lock:
            refuse_changed(lock, self.path)
            with self.engine.connect() as connection:
                connection.exec_driver_sql(OVERWRITE_ALL)
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
                connection.exec_driver_sql(OVERWRITE_IN_PLACE)

    def take_over(self, connection: Connection) -> None:
        self._files.mark.keep(ends_of(connection), self.now())

    def truncate_log(self) -> bool:
        """Empty the log beside the file, which still holds pages as they were; False while somebody reads them."""
        return truncate_log(self.engine, self.path)

    def close(self) -> None:
        """Finish what was queued and let the file go. Neither waits long for another process that holds its lock."""
        with self._files.leaving(at_once=not self._lane.close()):
            self.engine.dispose()
