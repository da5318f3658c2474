"""SQLite: which library is linked, where the file lies, the settings that acknowledged notices depend on, who writes.

Every connection is given the same settings and reads them back. SQLite 3.7.0 to 3.51.2 can lose committed writes in
WAL mode when two connections commit and checkpoint at the same moment (fixed in 3.51.3, 3.50.7 and 3.44.6): such a
library is replaced by `pysqlite3` where that is installed, and otherwise gets the rollback journal.
"""

from __future__ import annotations

import importlib
import os
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.adapters.sql.lane import ChangeRefused
from kz_compliance_sdk.adapters.sql.place import SHARING, unusable
from kz_compliance_sdk.errors import CommitUnknown, Conflict, StoreDamaged, StoreError, StoreUnusable

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.sql.files import Files
    from kz_compliance_sdk.adapters.sql.ledger import End

BUSY_TIMEOUT_MS = 5_000
CHECKPOINT_PAGES = 16_000
CACHE_MIB = 12
_STATEMENTS = 512
"""So many stay planned for a connection: an INSERT is another one for each number of rows."""
_NOTES_AT = 128
_TRIES, _PAUSE_S = 100, 0.05
# Pages that become free are zeroed as well while personal data is taken away; all the time it would cost too much.
OVERWRITE_ALL = "PRAGMA secure_delete = ON"
OVERWRITE_IN_PLACE = "PRAGMA secure_delete = FAST"
APPLICATION_ID = 0x4B5A4353
"""Stands in the header of each of our files, so that no other program's database is taken for one."""
_OLDEST = (3, 37, 0)


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the fix for the WAL-reset bug (sqlite.org/changes.html, 3.51.3)."""
    if version >= (3, 51, 3):
        return True
    return (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


@dataclass(frozen=True, slots=True)
class Driver:
    """The SQLite library in use. `wal` is false where its WAL cannot be trusted."""

    module: ModuleType
    version: tuple[int, ...]
    wal: bool

    @property
    def explanation(self) -> str:
        """What the operator should know, one sentence."""
        name = f"SQLite {'.'.join(map(str, self.version))} ({self.module.__name__.partition('.')[0]})"
        if self.wal:
            return f"{name}: WAL with synchronous=FULL."
        return (
            f"{name} has the WAL-reset bug, so the slower rollback journal is used. "
            "Install pysqlite3>=0.6.1, or a Python that links SQLite 3.51.3 or later."
        )


def choose_driver() -> Driver:
    """The first library whose WAL is safe; failing that, the first one, without WAL. Raises StoreUnusable."""
    found: list[Driver] = []
    for name in ("sqlite3", "pysqlite3.dbapi2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        version = tuple(module.sqlite_version_info)
        if version >= _OLDEST:
            found.append(Driver(module, version, wal_is_safe(version)))
    if not found:
        raise StoreUnusable("no SQLite of version 3.37 or later is available: install pysqlite3>=0.6.1.")
    return next((driver for driver in found if driver.wal), found[0])


def mode_of_files(path: str) -> int:
    """The mode of the store's files: its owner's alone, or also the group's in a folder that only a group shares and
    that hands this group on to what is made in it (2770)."""
    folder = Path(path).absolute().parent.stat().st_mode
    shared = stat.S_ISGID | stat.S_IRWXG
    return 0o660 if folder & (shared | stat.S_IRWXO) == shared else 0o600


def make_file(path: str) -> int:
    """A new file of the store, open; the umask takes nothing of its mode. Raises FileExistsError."""
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
    if os.name == "posix":
        os.fchmod(fd, mode_of_files(path))
    return fd


OLD = ".old"
"""What is put aside has this ending."""


@contextmanager
def new_file(path: str, *aside: str) -> Iterator[str]:
    """The name of a file to be filled. It takes its place when it is whole and on the disk, and those `aside` are put
    away just before; it is gone if it could not be made."""
    new = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108  one that was broken off
    fd = make_file(new)
    try:
        yield new
        os.fsync(fd)
        for name in aside:
            os.replace(name, f"{name}{OLD}")  # noqa: PTH105
        os.replace(new, path)  # noqa: PTH105
    except BaseException:
        for name in (new, f"{new}-journal"):
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
        raise
    finally:
        os.close(fd)
    sync_folder(path)


def sync_folder(path: str) -> None:
    """Bring to the disk that a file lies there."""
    if os.name == "posix":
        folder = os.open(Path(path).absolute().parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def left_behind(path: str, mark: str) -> list[str]:
    """The files of an earlier store beside a path, and its mark. A lock file that no store was ever opened under is
    none."""
    beside = [*(f"{path}{end}" for end in ("-wal", "-shm", "-journal")), mark]
    found = [name for name in beside if Path(name).exists()]
    lane = Path(f"{path}.lane")
    return [*found, str(lane)] if lane.exists() and lane.stat().st_size else found


def connect(driver: Driver, path: str) -> Any:
    """A connection to a file that is there already: none is created. Raises StoreUnusable for an empty file, and the
    driver's own errors."""
    # SQLite would take an empty file for a new database, and throw away the -wal beside it.
    if Path(path).is_file() and not Path(path).stat().st_size:
        raise StoreUnusable(
            f"the store's file {path} is empty: it was cut off, or another program made it. Restore a backup. "
            "To begin anew, remove it.",
            code="store_empty",
        )
    return driver.module.connect(
        f"{Path(path).absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS / 1000,
        cached_statements=_STATEMENTS,
    )


def open_connection(driver: Driver, path: str, cache_mib: int = CACHE_MIB) -> Any:
    """A connection with every setting made and read back. Raises StoreUnusable naming the one that did not take."""
    connection = connect(driver, path)
    try:
        configure(driver, connection, cache_mib)
    except BaseException:
        connection.close()
        raise
    return connection


def configure(driver: Driver, connection: Any, cache_mib: int = CACHE_MIB) -> None:
    """Make the settings on a connection and read each one back. Raises StoreUnusable, also for the file of another
    program: that one is left as it is."""
    (found,) = _ask(driver, connection, "application_id")
    if found != APPLICATION_ID:
        raise StoreUnusable(
            "the store's file is the database of another program, or of an unreleased version of this one. "
            "Correct store.path.",
            code="store_foreign",
        )
    mode = "wal" if driver.wal else "truncate"
    wanted: list[tuple[str, object, object]] = [
        ("busy_timeout", BUSY_TIMEOUT_MS, BUSY_TIMEOUT_MS),
        ("journal_mode", mode, mode),
        ("synchronous", "FULL", 2),
        ("foreign_keys", "ON", 1),
        ("wal_autocheckpoint", CHECKPOINT_PAGES, CHECKPOINT_PAGES),
        # A log that SQLite cut off by itself would look like one that somebody else did.
        ("journal_size_limit", -1, -1),
        ("cache_size", -1024 * cache_mib, -1024 * cache_mib),
        ("trusted_schema", "OFF", 0),
        # What is overwritten must not stay in the page: an old copy of a data key least of all.
        ("secure_delete", "FAST", 2),
    ]
    if sys.platform == "darwin":
        wanted += [("fullfsync", "ON", 1), ("checkpoint_fullfsync", "ON", 1)]
    for name, value, expected in wanted:
        row = _ask(driver, connection, f"{name} = {value}", name)
        if row is None or row[0] != expected:
            raise StoreUnusable(
                f"SQLite did not take {name} = {value}: it reports {row[0] if row else 'nothing'}. "
                "Acknowledged notices would not be safe in this file."
            )


def _ask(driver: Driver, connection: Any, *pragmas: str) -> Any:
    """The row that the last of the pragmas gives."""
    try:
        for pragma in pragmas:
            row = connection.execute(f"PRAGMA {pragma}").fetchone()
    except driver.module.OperationalError:
        raise  # a lock or the disk: it may pass
    except (driver.module.DatabaseError, UnicodeDecodeError) as error:  # the latter for a damaged name in its text
        raise StoreUnusable(f"the store's file is damaged, or no database: {error}. Restore a backup.") from error
    return row


def store_error(error: BaseException, path: str = "") -> StoreError:
    """What the driver refused, in this library's words; of a file that this account cannot use, which it is. Nothing
    was written."""
    text = str(error)
    if "full" in text:
        return StoreError(f"the disk is full: {text}. Nothing was written; free some space.", code="storage_full")
    if "locked" in text or "busy" in text:
        return StoreError(
            f"another program holds the database: {text}. Nothing was written; try again.", code="storage_busy"
        )
    if "readonly" in text or "unable to open" in text:
        if path and (named := unusable(path)):
            return named
        return StoreUnusable(
            f"the store's file cannot be used: {text}. Nothing was written; store.path must name a file that this "
            f"account may write to, in a folder in which it may write. {SHARING}"
        )
    if is_no_text(error):
        # The driver quotes the text.
        return StoreDamaged("a text of a row is not as it was written: it is no UTF-8. It was changed from outside.")
    return StoreError(f"the database refused: {text}. Nothing was written.")


def is_no_text(error: BaseException) -> bool:
    """Whether a row holds bytes where a text should be."""
    return "UTF-8" in str(error)


class FileLock:
    """Held by whoever writes to the file, in any process: waiting for it is fair, SQLite's busy handler is not.

    With the ending `.open` it is shared by all that have the store open."""

    def __init__(self, path: str, ending: str = ".lane") -> None:
        self._fd, self._name = -1, f"{path}{ending}"
        try:
            import fcntl
        except ImportError:  # no flock here: SQLite's own busy handler serialises the writers
            return
        self._flock = fcntl.flock
        self._exclusive, self._unlock = fcntl.LOCK_EX, fcntl.LOCK_UN
        self._shared, self._at_once = fcntl.LOCK_SH, fcntl.LOCK_NB
        try:
            self._fd = make_file(self._name)
        except FileExistsError:
            self._fd = os.open(self._name, os.O_RDWR | os.O_CLOEXEC)

    def mark(self) -> None:
        """Note that a store is in use here, so that its absence will be noticed."""
        if self._fd >= 0 and os.pread(self._fd, 1, 0) in (b"", b"\0"):
            os.pwrite(self._fd, b"A store lies beside this file. Writers lock it, one after the other.\n", 0)

    def read(self, size: int) -> bytes:
        """What was noted behind the mark."""
        return os.pread(self._fd, size, _NOTES_AT) if self._fd >= 0 else b""

    def write(self, notes: bytes) -> None:
        if self._fd >= 0:
            os.pwrite(self._fd, notes, _NOTES_AT)

    def try_alone(self) -> bool:
        """Take it for this process alone, without waiting. False while others share it."""
        if self._fd >= 0:
            try:
                self._flock(self._fd, self._exclusive | self._at_once)
            except OSError:
                return False
        return True

    def share(self) -> None:
        if self._fd >= 0:
            self._flock(self._fd, self._shared)

    def remove(self) -> None:
        """Remove its file. Whoever calls holds the writers' lock, under which it is made."""
        if self._fd >= 0:
            with suppress(FileNotFoundError):
                os.unlink(self._name)  # noqa: PTH108

    def acquire(self) -> None:
        if self._fd >= 0:
            self._flock(self._fd, self._exclusive)

    def acquire_soon(self) -> bool:
        """Take it within seconds. False if another process does not let it go."""
        pause = threading.Event()
        return any(self.try_alone() or pause.wait(_PAUSE_S) for _ in range(_TRIES))

    def release(self) -> None:
        if self._fd >= 0:
            self._flock(self._fd, self._unlock)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SqliteWriter:
    """The connection of the one that writes to the file: it holds the lock of all writers while its transaction is
    open."""

    is_alone = True
    broken: tuple[()] = ()

    def __init__(self, path: str, driver: Driver, files: Files, cache_mib: int) -> None:
        self._path, self._driver, self._files, self._cache_mib = path, driver, files, cache_mib
        self.errors: type[Exception] = driver.module.Error
        self._open()
        self._lock = FileLock(path)

    def _open(self) -> None:
        self._files.check()
        try:
            self._connection = open_connection(self._driver, self._path, self._cache_mib)
        except self.errors as error:
            raise store_error(error, self._path) from error
        self._files.check()
        self._cursor = self._connection.cursor()

    def begin(self, *, alone: bool) -> None:
        self._lock.acquire()
        self._files.before(self._lock)
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except self.errors as error:
            raise self._noted(store_error(error, self._path)) from error

    def _noted(self, failure: StoreError) -> StoreError:
        self._files.note(self._lock, failure)
        return failure

    def commit(self, ends: Mapping[str, End], now: int) -> None:
        if ends:
            self._files.refuse_acknowledged(self._lock, ends)
        try:
            self._cursor.execute("COMMIT")
        except self.errors as error:
            failure = store_error(error)
            if failure.code not in ("storage_busy", "storage_full"):
                failure = CommitUnknown(f"the outcome of a commit is not known: {error}.")
            raise self._noted(failure) from error
        self._files.after(self._lock)
        if ends:
            self._files.acknowledge(self._lock, ends, now)
        self._lock.release()

    def rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        except self.errors:
            self._connection.close()
            self._open()
        finally:
            self._lock.release()

    def ended(self) -> None:
        pass

    def refused(self, error: Exception) -> Exception:
        if isinstance(error, self._driver.module.IntegrityError):
            said = f"the database refuses this: {error}. Nothing was written; read again."
            return ChangeRefused(Conflict(said))
        return self._noted(store_error(error, self._path))

    def execute(self, sql: str, values: tuple[Any, ...]) -> int:
        return int(self._cursor.execute(sql, values).rowcount)

    later = execute

    def rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return list(self._cursor.execute(sql, values).fetchall())
        except self.errors as error:
            if not is_no_text(error):
                raise
        # One text that is none must not hold up what is read beside it: whoever reads that row sees what is wrong.
        self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        try:
            return list(self._cursor.execute(sql, values).fetchall())
        finally:
            self._connection.text_factory = str

    @contextmanager
    def overwriting(self) -> Iterator[None]:
        """Free pages must not hold it either."""
        self._cursor.execute(OVERWRITE_ALL)
        yield
        self._cursor.execute(OVERWRITE_IN_PLACE)

    def confirm(self, ends: Mapping[str, End], now: int) -> bool:
        lock = FileLock(self._path)
        try:
            lock.acquire()
            self._files.acknowledge(lock, ends, now)
        finally:
            lock.close()
        return True

    def again(self, tries: int) -> bool:
        return False

    def look(self) -> None:
        """Look at the files while nothing is written. What is wrong with them is told in the log."""
        self._lock.acquire()
        try:
            with suppress(StoreUnusable, OSError):
                self._files.before(self._lock)
                self._files.mark.flush()
        finally:
            self._lock.release()

    def close(self) -> None:
        with suppress(OSError):
            self._files.mark.flush()
        self._connection.close()
        self._lock.close()
