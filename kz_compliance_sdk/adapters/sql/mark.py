"""How far a store has committed, noted outside the database.

A log that is gone, cut off or damaged, and an older copy of a file, are opened by SQLite without a word: what was
acknowledged is missing then. So whoever commits notes the last line of the ledger's log in a file of its own before
anything is acknowledged, and whoever opens the store looks whether the store knows it.

The note is written with each commit, so that it outlives any process, and flushed to the disk once a second at most: a
flush of its own would cost each commit about as much again. A power cut can take the notes of one second, and hides a
loss only if it takes a file of the store as well.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from zlib import crc32

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from kz_compliance_sdk.adapters.sql.ledger import End, events, log, streams
from kz_compliance_sdk.adapters.sql.sqlite import make_file, sync_folder
from kz_compliance_sdk.errors import StoreUnusable

BEHIND: Final = "store_behind"
_log = logging.getLogger("kz_compliance_sdk.store")
_WIDTH: Final = 512
"""Bytes of a line. A disk writes as many at once, so that none is torn."""
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NEXT_PLATFORM = select(func.min(streams.c.platform)).where(streams.c.platform > bindparam("after"))
_LAST = (
    select(log.c.n, log.c.stream, log.c.seq, log.c.hash, events.c.at)
    .outerjoin(events, and_(events.c.stream == log.c.stream, events.c.seq == log.c.seq))
    .where(log.c.platform == bindparam("platform"))
    .order_by(log.c.n.desc())
    .limit(1)
)
# An edited row of one of the two tables is a matter of the verification: what happened is still there.
_IN_LOG = and_(log.c.platform == bindparam("platform"), log.c.n == bindparam("n"), log.c.hash == bindparam("hash"))
_IN_EVENTS = and_(
    events.c.stream == bindparam("stream"), events.c.seq == bindparam("seq"), events.c.hash == bindparam("hash")
)
_KNOWN = select(or_(select(log.c.n).where(_IN_LOG).exists(), select(events.c.seq).where(_IN_EVENTS).exists()))


Ends = Mapping[str, End]
"""By platform."""


def platforms(connection: Connection) -> Iterator[str]:
    """Each platform of which the store holds anything."""
    platform = ""
    while platform := connection.scalar(_NEXT_PLATFORM, {"after": platform}) or "":
        yield platform


def ends_of(connection: Connection) -> dict[str, End]:
    """How far the store has come. A last line that was edited from outside is none."""
    found: dict[str, End] = {}
    for platform in platforms(connection):
        row = connection.execute(_LAST, {"platform": platform}).fetchone()
        if row is not None and [type(value) for value in row] == [int, int, int, bytes, int]:
            found[platform] = End(*row)
    return found


def place_of(path: str | Path, named: str | Path | None) -> str:
    """The file that notes how far the store at this path has committed: `named`, or beside it."""
    return str(Path(named or f"{path}.mark").absolute())


class Mark:
    """The file that says how far a store has committed: a line for each platform. Whoever reads or writes it holds the
    lock of the store's writers."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._flushed_at, self._is_flushed = -1, True
        # Each commit asks twice: the file stays open, and what it said last is not taken apart again.
        self._fd, self._file, self._data, self._ends = -1, (0, 0), b"", dict[str, End]()

    def read(self) -> dict[str, End]:
        """What it says. A line that is not as it was written says nothing, nor does a file that cannot be read."""
        try:
            size = self._open()
            data = os.pread(self._fd, size, 0)
        except OSError:
            return {}
        if data != self._data:
            lines = (data[at : at + _WIDTH] for at in range(0, len(data), _WIDTH))
            self._data, self._ends = data, dict(filter(None, map(_read, lines)))
        return self._ends

    def refuse_behind(self, ends: Ends) -> None:
        """For whoever is about to commit `ends`. Raises StoreUnusable if as much was acknowledged already: this process
        sees a store without it."""
        known = self.read()
        behind = [platform for platform, end in ends.items() if platform in known and known[platform].n >= end.n]
        if behind:
            told = "; ".join(f"{platform}: {known[platform].told}" for platform in behind)
            raise StoreUnusable(
                f"what {self.path} notes as acknowledged is not in the store that this process has open ({told}). "
                "Nothing is acknowledged any more. Stop every process and start again: the start says what is missing.",
                code=BEHIND,
            )

    def keep(self, ends: Ends, now: int) -> None:
        """Note how far the store has come; it never goes back. Raises OSError."""
        known = self.read()
        later = {name: end for name, end in ends.items() if name not in known or known[name].n < end.n}
        self._write({**known, **later}, now)

    def reset(self, ends: Ends, now: int) -> None:
        """Note that the store has come this far and no further, whatever it said before. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)  # noqa: PTH108
        if ends:
            self._write(ends, now)

    def flush(self) -> None:
        """Bring to the disk what was noted since the last flush, if anything was. Raises OSError."""
        if not self._is_flushed:
            self._open()
            os.fsync(self._fd)
            self._is_flushed = True

    def close(self) -> None:
        """Let the file go."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._file = -1, (0, 0)

    def __del__(self) -> None:
        self.close()

    def _open(self) -> int:
        """Have the file open that lies at the path now, and how long it is. Raises OSError."""
        found = os.stat(self.path)  # noqa: PTH116  asked with every commit
        if (found.st_dev, found.st_ino) != self._file:
            self.close()
            self._fd = os.open(self.path, _FLAGS)
            found = os.fstat(self._fd)
            self._file = found.st_dev, found.st_ino
        return found.st_size

    def _write(self, ends: Ends, now: int) -> None:
        try:
            size = self._open()
        except FileNotFoundError:
            os.close(make_file(self.path))
            sync_folder(self.path)
            self._flushed_at, size = -1, self._open()
        data = b"".join(_line(*one) for one in ends.items())
        os.pwrite(self._fd, data, 0)
        if len(data) < size:
            os.ftruncate(self._fd, len(data))
        self._data, self._ends = data, dict(ends)
        self._is_flushed = now != self._flushed_at
        if self._is_flushed:
            os.fsync(self._fd)
            self._flushed_at = now

    # ------------------------------------------------------------------------------------------- at the start

    def missing(self, connection: Connection) -> list[str]:
        """What it notes and the store lacks, a sentence for each platform."""
        return [
            _told(platform, end, ends_of(connection).get(platform))
            for platform, end in self.read().items()
            if not connection.scalar(_KNOWN, {"platform": platform, **end._asdict()})
        ]

    def begin(self, connection: Connection, now: int, *, anew: bool) -> None:
        """Note how far the store has come where nothing is noted yet, or whatever is with `anew`. Raises OSError."""
        known = {} if anew else self.read()
        if anew:
            self.reset(ends_of(connection), now)
        elif any(platform not in known for platform in platforms(connection)):
            _log.warning(
                "%s is new, or does not say all: whether anything is missing of what was acknowledged before cannot be "
                "told. From here on it can.",
                self.path,
            )
            self.keep(ends_of(connection), now)


def behind(path: str, mark: str, missing: Sequence[str]) -> StoreUnusable:
    """What whoever opens a store is told that lacks something."""
    return StoreUnusable(
        f"the store {path} lacks what was acknowledged. {' '.join(missing)} {mark} notes it. A file of the store is "
        "gone, damaged, or an older copy: put the right one back, or restore a later backup. To go on without what is "
        "missing: kz-compliance db accept; then kz-compliance reconcile says what the regulator holds beyond it.",
        code=BEHIND,
    )


def _told(platform: str, noted: End, found: End | None) -> str:
    if found is None:
        return f"{platform}: {noted.n} lines of its log are missing, all up to {noted.told}."
    if found.n < noted.n:
        count = noted.n - found.n
        return f"{platform}: its log ends with {found.told}, and {count} lines up to {noted.told} are missing."
    return f"{platform}: {noted.told} of its log is another one than was acknowledged: this is not the same store."


def _line(platform: str, end: End) -> bytes:
    told = json.dumps([platform, end.n, end.stream, end.seq, end.hash.hex(), end.at]).encode()
    return b"%08x %b" % (crc32(told), told.ljust(_WIDTH - 10) + b"\n")


def _read(line: bytes) -> tuple[str, End] | None:
    check, _, told = line.rstrip().partition(b" ")
    if len(line) != _WIDTH or check != b"%08x" % crc32(told):
        return None
    platform, n, stream, seq, hash_, at = json.loads(told)
    return platform, End(n, stream, seq, bytes.fromhex(hash_), at)
