"""The store's files while processes run: none of them may be moved, replaced, deleted or cut off.

SQLite opens them by name once and never looks again, so a process can go on in a file that nobody will open any more,
and a later one makes another index beside the same log and writes over what the first one acknowledges. Therefore the
lock file holds which files the running processes use. Whoever writes looks before and after, under the lock, and
whoever opens the store is refused while others run with other files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kz_compliance_sdk.adapters.sql.file_states import (
    CUT,
    GONE,
    MOVED,
    USERS,
    WAL,
    Record,
    State,
    but_size_of_log,
    held,
    names_of,
    refusal,
    refuse,
    state_of,
    wrong_of,
)
from kz_compliance_sdk.adapters.sql.sqlite import Driver, FileLock, open_connection
from kz_compliance_sdk.errors import StoreError, StoreUnusable

__all__ = ["Files"]

_log = logging.getLogger("kz_compliance_sdk.store")
_ANCHOR_CACHE_MIB = 1
_LOG_HEADER, _FRAME_HEADER = 32, 24
_NOTHING = b"\0\0\0\0"


class Files:
    """The files of one store that this process has open. `enter` comes before SQLite opens them, `settle` after it."""

    def __init__(self, driver: Driver, path: str) -> None:
        self._driver, self._path = driver, path
        self._names = names_of(path, wal=driver.wal)
        self._known: tuple[State, ...] = ()
        self._told: tuple[str, int] | None = None
        self._saved = self._alone = False
        self.lost_log = False
        self._anchor: Any = None
        self._log = -1
        self._frame = 0
        self._users: FileLock | None = None
        self._pid = os.getpid()

    # ------------------------------------------------------------------------------------- coming and going

    def enter(self, lock: FileLock) -> None:
        """Join those who have the store open. Raises StoreUnusable if they run with other files than those that lie
        here now, and if the database is smaller than it was when the last of them ended."""
        self._users = FileLock(self._path, USERS)
        self._alone = self._users.try_alone()
        record = Record.of(lock)
        if record is None:
            return
        if not self._alone:
            refuse(self._names, record.states)
            if record.trouble == CUT:
                raise refusal(self._names, (CUT, 1))  # the others saw a hole in it; it has its size again
            return
        database, was = state_of(self._path), record.states[0]
        if database[:2] == was[:2]:
            if database.size < was.size:
                raise StoreUnusable(
                    f"the store's file {self._path} was cut off: it has {database.size} bytes, and had {was.size}. "
                    f"Restore a backup. If this is one, remove {self._path}.lane first.",
                    code=CUT,
                )
            self._tell_lost_log(record, database)
        Record.forget(lock)

    def _tell_lost_log(self, record: Record, database: State) -> None:
        """Those who ran last were killed, and their log is not what it was although nothing came into the database."""
        was = record.states[1]
        if not was.size or database.written_at != record.states[0].written_at:
            return
        log = state_of(names_of(self._path, wal=True)[1])
        if log[:2] != was[:2] or log.size < was.size or record.trouble == CUT:
            self.lost_log = True
            _log.critical(
                "%s%s is not the file that the last processes wrote: what they acknowledged after the last checkpoint "
                "may be missing. Put it back if you have it; otherwise let the regulator send anew what is missing.",
                self._path,
                WAL,
            )

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
    def leaving(self) -> Iterator[None]:
        """Around closing the connections. A file that was cut off is left as it is: what SQLite would do with the log
        as the last connection closes would put holes into the database."""
        if self._users is None or self._pid != os.getpid():
            yield
            return
        with held(self._path) as lock:
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
