"""Which files a store consists of, what the lock file tells of those that the running processes use, and the refusal
when one is another, or smaller.

Nothing here opens the database or its index: closing any descriptor of theirs would drop SQLite's locks.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from kz_compliance_sdk.adapters.sql.sqlite import FileLock
from kz_compliance_sdk.errors import StoreUnusable

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
    ): "What was acknowledged since the last checkpoint may be gone with it. Stop every process, start again, and "
    "let the regulator send anew what is missing.",
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


def refuse(names: tuple[str, ...], known: tuple[State, ...]) -> None:
    """Raises StoreUnusable if a file is not the one that is known."""
    if wrong := wrong_of(names, known, tuple(map(state_of, names))):
        raise refusal(names, wrong)


def but_size_of_log(known: tuple[State, ...]) -> tuple[State, ...]:
    """What can be told without the writers' lock: its holder may cut the log off."""
    return tuple(state._replace(size=0) if at == 1 else state for at, state in enumerate(known))
