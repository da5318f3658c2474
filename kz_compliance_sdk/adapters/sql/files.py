"""The store's files while processes run: none of them may be moved, replaced, deleted or cut off.

SQLite opens them by name once and never looks again, so a process can go on in a file that nobody will open any more,
and a later one makes another index beside the same log and writes over what the first one acknowledges. Therefore the
lock file holds which files the running processes use. Whoever writes looks before and after, under the lock, and
whoever opens the store is refused while others run with other files.
"""

from __future__ import annotations

import logging
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from kz_compliance_sdk.adapters.sql.mark import Ends, Mark, behind
from kz_compliance_sdk.adapters.sql.sqlite import OLD, Driver, FileLock, make_file, open_connection
from kz_compliance_sdk.errors import StoreError, StoreUnusable

MOVED: Final = "store_moved"
CUT: Final = "store_cut"
WAL, SHM, USERS = "-wal", "-shm", ".open"
_RECORD = struct.Struct("<12q32s")

_REMEDIES: Final = {
    (MOVED, ""): "Stop every process, put the file back, and start again.",
    (MOVED, WAL): "Stop every process with SIGTERM: the last one brings what it held into the database. "
    "Leave the file away, and start again.",
    (MOVED, SHM): "Stop every process and start again: it is made anew then, and nothing is missing.",
    (CUT, ""): "Stop every process and restore a backup.",
    (
        CUT,
        WAL,
    ): "What was acknowledged since the last checkpoint may be gone with it. Stop every process and start again: the "
    "start says what is missing.",
    (CUT, SHM): "Stop every process and start again: it is made anew then, and nothing is missing.",
}


class State(NamedTuple):
    """Which file lies at a path: device, number, size in bytes, and when it was written last, in nanoseconds."""

    device: int = 0
    number: int = 0
    size: int = 0
    written_at: int = 0


GONE: Final = State()


def state_of(path: str) -> State:
    """Which file lies at a path now; all zeros if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  asked with every commit, and Path costs three times as much
    except OSError:
        return GONE
    return State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Record(NamedTuple):
    """What the lock file tells of the running processes: their files, and why the last write failed, if it did."""

    states: tuple[State, ...]
    trouble: str

    @property
    def has_log(self) -> bool:
        return self.states[1].number != 0

    @classmethod
    def of(cls, lock: FileLock) -> Record | None:
        """What is written there; None if nothing is, and on a system that has no such locks."""
        data = lock.read(_RECORD.size)
        if len(data) < _RECORD.size or not any(data):
            return None
        *numbers, trouble = _RECORD.unpack(data)
        states = tuple(State(*numbers[at : at + 4]) for at in (0, 4, 8))
        return cls(states, trouble.rstrip(b"\0").decode("ascii", "replace"))

    @staticmethod
    def forget(lock: FileLock) -> None:
        """Nobody runs any more."""
        lock.write(bytes(_RECORD.size))

    def keep(self, lock: FileLock) -> None:
        numbers = [number for state in self.states for number in state]
        lock.write(_RECORD.pack(*numbers, *[0] * (12 - len(numbers)), self.trouble.encode("ascii")[:32]))


def names_of(path: str, *, wal: bool) -> tuple[str, ...]:
    """The database, and with a log the log and its index."""
    # SQLite puts them beside the file that a symbolic link leads to.
    real = os.path.realpath(path)
    return (path, f"{real}{WAL}", f"{real}{SHM}") if wal else (path,)


def wrong_of(names: tuple[str, ...], known: tuple[State, ...], found: tuple[State, ...]) -> tuple[str, int] | None:
    """The first file that is not the one that is known: what happened to it, and its place among the names."""
    for at in range(len(names)):
        if found[at][:2] != known[at][:2]:
            return MOVED, at
        if found[at].size < known[at].size:
            return CUT, at
    return None


def refusal(names: tuple[str, ...], wrong: tuple[str, int]) -> StoreUnusable:
    """What whoever meets it is told: the file, and what to do."""
    code, at = wrong
    what = "moved, replaced or deleted" if code == MOVED else "cut off"
    return StoreUnusable(
        f"the store's file {names[at]} was {what} while processes have it open. Nothing is acknowledged any more. "
        f"{_REMEDIES[code, ('', WAL, SHM)[at]]}",
        code=code,
    )


@contextmanager
def held(path: str) -> Iterator[FileLock]:
    """The writers' lock of a store."""
    lock = FileLock(path)
    try:
        lock.acquire()
        yield lock
    finally:
        lock.close()


def empty_log(path: str, checkpoint: Callable[[], bool]) -> bool:
    """Let `checkpoint` cut the log off, and note that this was us. False if it could not. Raises StoreUnusable if the
    files are not what they should be."""
    with held(path) as lock:
        refuse_changed(lock, path)
        if not checkpoint():
            return False
        record = Record.of(lock)
        if record is not None and record.has_log:
            log = state_of(names_of(path, wal=True)[1])
            Record((record.states[0], log, record.states[2]), record.trouble).keep(lock)
        return True


def refuse_changed(lock: FileLock, path: str) -> None:
    """For whoever is about to write beside the lane, under its lock. Raises StoreUnusable if a file was changed under
    the processes that run."""
    record = Record.of(lock)
    if record is not None:
        refuse(names_of(path, wal=record.has_log), record.states)


def refuse_other_files(path: str, *, wal: bool) -> None:
    """For whoever opens the database beside a store. It waits for no lock. Raises StoreUnusable if others run with
    other files."""
    if not os.path.exists(f"{path}{USERS}"):  # noqa: PTH110
        return
    lock, users = FileLock(path), FileLock(path, USERS)
    try:
        record = Record.of(lock)
        if record is not None and not users.try_alone():
            refuse(names_of(path, wal=wal), but_size_of_log(record.states))
    finally:
        users.close()
        lock.close()


def in_use(path: str) -> StoreUnusable:
    """What whoever needs a store alone is told while a process runs."""
    return StoreUnusable(
        f"a process has the store {path} open. Stop every receiver and worker, then run this again.",
        code="store_in_use",
    )


def refuse(names: tuple[str, ...], known: tuple[State, ...]) -> None:
    """Raises StoreUnusable if a file is not the one that is known."""
    if wrong := wrong_of(names, known, tuple(map(state_of, names))):
        raise refusal(names, wrong)


def but_size_of_log(known: tuple[State, ...]) -> tuple[State, ...]:
    """What can be told without the writers' lock: its holder may cut the log off."""
    return tuple(state._replace(size=0) if at == 1 else state for at, state in enumerate(known))


_log = logging.getLogger("kz_compliance_sdk.store")
_ANCHOR_CACHE_MIB = 1
_LOG_HEADER, _FRAME_HEADER = 32, 24
_NOTHING = b"\0\0\0\0"


def _is_in_log(path: str, begin: int, end: int) -> bool:
    """Whether the log holds every page of the database between two sizes. SQLite syncs what a checkpoint wrote there
    only once that comes to the end of the log: until then a power cut may take it away."""
    held, waiting = set[int](), set[int]()
    with suppress(OSError), open(names_of(path, wal=True)[1], "rb") as log:  # noqa: PTH123
        header = log.read(_LOG_HEADER)
        size = max(1, int.from_bytes(header[8:12], "big"))
        while len(frame := log.read(_FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == header[16:24]:
            waiting.add(int.from_bytes(frame[:4], "big"))
            if any(frame[4:8]):  # a commit
                held, waiting = held | waiting, set()
            log.seek(size, os.SEEK_CUR)
        return held >= set(range(begin // size + 1, end // size + 1))
    return False


class Files:
    """The files of one store that this process has open. `enter` comes before SQLite opens them, `settle` after it."""

    def __init__(self, driver: Driver, path: str, mark: Mark) -> None:
        self._driver, self._path, self.mark = driver, path, mark
        self._names = names_of(path, wal=driver.wal)
        self._known: tuple[State, ...] = ()
        self._told: tuple[str, int] | None = None
        self._said = ""
        self._saved = self._alone = False
        self._anchor: Any = None
        self._log = -1
        self._frame = 0
        self._users: FileLock | None = None
        self._pid = os.getpid()

    # ------------------------------------------------------------------------------------- coming and going

    def enter(self, lock: FileLock, *, accept: bool) -> None:
        """Join those who have the store open. Raises StoreUnusable if they run with other files than those that lie
        here now, and if the database is smaller than it was when the last of them ended; with `accept` it may be, and
        nobody else may have it open."""
        self._users = FileLock(self._path, USERS)
        self._alone = self._users.try_alone()
        if accept and not self._alone:
            raise in_use(self._path)
        record = Record.of(lock)
        if record is None:
            return
        if not self._alone:
            refuse(self._names, record.states)
            if record.trouble == CUT:
                raise refusal(self._names, (CUT, 1))  # the others saw a hole in it; it has its size again
            return
        database, was = state_of(self._path), record.states[0]
        is_cut = database[:2] == was[:2] and database.size < was.size
        if is_cut and not accept and not _is_in_log(self._path, database.size, was.size):
            raise StoreUnusable(
                f"the store's file {self._path} was cut off: it has {database.size} bytes, and had {was.size}. "
                "Restore a backup. If this is one: kz-compliance db accept.",
                code=CUT,
            )
        Record.forget(lock)

    def refuse_behind(self, connection: Connection, *, accept: bool) -> list[str]:
        """Hold the mark against what the store holds; what is missing in it, a sentence each. Raises StoreUnusable if
        anything is, unless whoever opens it was asked to `accept` that and is alone."""
        missing = self.mark.missing(connection)
        if missing:
            log = Path(names_of(self._path, wal=True)[1])
            if log.exists() and not Path(f"{log}{OLD}").exists():
                # What SQLite does not take of it would be gone as the last connection closes.
                os.close(make_file(f"{log}{OLD}"))
                shutil.copyfile(log, f"{log}{OLD}")
            if not accept:
                raise behind(self._path, self.mark.path, missing)
        return missing

    def settle(self, lock: FileLock) -> None:
        """Note which files SQLite has opened. Raises StoreUnusable if they are not those of the others."""
        self._anchor = open_connection(self._driver, self._path, _ANCHOR_CACHE_MIB)
        if self._alone and self._driver.wal:
            # Whoever was killed may have left a torn end, in which no hole could be told.
            self._anchor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._known = tuple(map(state_of, self._names))
        record = Record.of(lock)
        if record is not None:
            refuse(self._names, record.states)
        if self._driver.wal and hasattr(os, "pread"):
            # No lock of SQLite's lies on the log, so that it may be opened and closed.
            self._log = os.open(self._names[1], os.O_RDONLY | os.O_CLOEXEC)
            self._frame = _FRAME_HEADER + self._anchor.execute("PRAGMA page_size").fetchone()[0]
        Record(self._known, record.trouble if record else "").keep(lock)
        if self._users is not None:
            self._users.share()

    @contextmanager
    def leaving(self, *, at_once: bool = False) -> Iterator[None]:
        """Around closing the connections. A file that was cut off is left as it is: what SQLite would do with the log
        as the last connection closes would put holes into the database.

        While another process holds the lock, or `at_once`, they are closed and nothing is noted, as after a kill."""
        self.mark.close()
        if self._users is None or self._pid != os.getpid():
            yield
            return
        with closing(FileLock(self._path)) as lock:
            if at_once or not lock.acquire_soon():
                yield
                self._close(cut=False)
                self._users.close()
                self._users, self._known = None, ()
                return
            wrong = self._look(lock) if self._known else None
            if wrong == (MOVED, 1):
                self._save_log()
            yield
            self._close(cut=wrong is not None and wrong[0] == CUT)
            if self._users.try_alone():
                if self._known and (wrong is None or self._saved):
                    Record.forget(lock)
                self._users.remove()
            self._users.close()
            self._users, self._known = None, ()

    def _close(self, *, cut: bool) -> None:
        anchor, self._anchor, log, self._log = self._anchor, None, self._log, -1
        if cut:
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(anchor))  # never closed, not at the end of the process either
        elif anchor is not None:
            anchor.close()
        if log >= 0:
            os.close(log)

    # ------------------------------------------------------------------------------------------- looking

    @property
    def fault(self) -> str:
        """What is wrong, as a code: one of the files, or why the last write of any process failed. Empty if nothing
        is."""
        if wrong := self._glance():
            return wrong[0]
        lock = FileLock(self._path)
        try:
            record = Record.of(lock)
        finally:
            lock.close()
        return record.trouble if record is not None else ""

    def check(self) -> None:
        """For whoever opens a connection. Raises StoreUnusable."""
        if wrong := self._glance():
            raise refusal(self._names, wrong)

    def check_whole(self) -> None:
        """For whoever reads: of a file that was cut off nothing can be read. Raises StoreUnusable."""
        wrong = self._glance()
        if wrong is not None and wrong[0] == CUT:
            raise refusal(self._names, wrong)

    def _glance(self) -> tuple[str, int] | None:
        if not self._known:
            return None
        return wrong_of(self._names, but_size_of_log(self._known), tuple(map(state_of, self._names)))

    def _look(self, lock: FileLock) -> tuple[str, int] | None:
        record = Record.of(lock)
        known = but_size_of_log(self._known)
        if record is not None:
            known = tuple(mine._replace(size=theirs.size) for mine, theirs in zip(known, record.states, strict=False))
        self._known = known
        return self._wrong(tuple(map(state_of, self._names)))

    def _wrong(self, found: tuple[State, ...]) -> tuple[str, int] | None:
        wrong = wrong_of(self._names, self._known, found)
        if wrong is None and self._log >= 0 and self._known[1].size > _LOG_HEADER:
            # Cut off in the midst of a commit, it has its size again, and a hole where the last commits were.
            frames = (self._known[1].size - _LOG_HEADER) // self._frame
            last = os.pread(self._log, len(_NOTHING), _LOG_HEADER + max(0, frames - 1) * self._frame)
            return (CUT, 1) if last in (_NOTHING, b"") else None
        return wrong

    def before(self, lock: FileLock) -> None:
        """Look before something is written, under the lock. Raises StoreUnusable."""
        if wrong := self._look(lock):
            raise self._met(lock, wrong)

    def after(self, lock: FileLock) -> None:
        """Look at what was just written, under the lock: it must lie where everybody will look for it. Raises
        StoreUnusable."""
        found = tuple(map(state_of, self._names))
        if wrong := self._wrong(found):
            raise self._met(lock, wrong)
        self._known, self._told, self._saved = found, None, False
        Record(found, "").keep(lock)

    def refuse_acknowledged(self, lock: FileLock, ends: Ends) -> None:
        """Before `ends` are committed, under the lock. Raises StoreUnusable if so much was acknowledged already."""
        try:
            self.mark.refuse_behind(ends)
        except StoreUnusable as error:
            self._tell(lock, error)
            raise

    def acknowledge(self, lock: FileLock, ends: Ends, now: int) -> None:
        """Note in the mark how far the store has committed, under the lock. What is stored is acknowledged also where
        that cannot be written; it is told."""
        try:
            self.mark.keep(ends, now)
        except OSError as error:
            what = f"{self.mark.path} cannot be written: {error.strerror}. What goes missing later may not be noticed."
            self._tell(lock, StoreUnusable(what, code="mark_unwritable"))
        else:
            self._said = ""

    def _tell(self, lock: FileLock, error: StoreError) -> None:
        self.note(lock, error)
        if str(error) != self._said:
            self._said = str(error)
            _log.critical("%s", error)

    def note(self, lock: FileLock, error: StoreError) -> None:
        """Note why a write failed, under the lock: whoever asks for the health, in any process, must learn of it."""
        record = Record.of(lock)
        if record is not None:
            Record(record.states, error.code).keep(lock)

    def _met(self, lock: FileLock, wrong: tuple[str, int]) -> StoreUnusable:
        error = refusal(self._names, wrong)
        self.note(lock, error)
        if wrong != self._told:
            self._told = wrong
            _log.critical("%s", error)
        if wrong == (MOVED, 1):
            self._save_log()
        return error

    def _save_log(self) -> None:
        """Bring what the lost log holds into the database while this process has it open, and put aside what lies in
        its place: it would be taken for the log, and is older."""
        index = state_of(self._names[2])
        if self._saved or self._log < 0 or self._pid != os.getpid():
            return
        if os.fstat(self._log).st_size < self._known[1].size:
            return  # it was cut off as well
        if index.number == self._known[2].number and index.size < self._known[2].size:
            return  # to touch it would end this process
        try:
            busy, frames, done = self._anchor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except self._driver.module.Error as error:
            _log.critical("what %s held could not be brought into the database: %s", self._names[1], error)
            return
        if busy or frames != done:
            return
        self._saved = True
        if state_of(self._names[1]) != GONE:
            os.replace(self._names[1], f"{self._names[1]}.old")  # noqa: PTH105
        _log.critical("what %s held was brought into the database: nothing is missing.", self._names[1])
