"""What processes did to the files of a store, call by call, and what they told others: as `strace` saw it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STRACE: Final = shutil.which("strace")
_CALLS: Final = (
    "openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,ftruncate,truncate,fallocate,"
    "copy_file_range,sendfile,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,fsync,fdatasync"
)
_LINE: Final = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>)?(.*)")
_RESULT: Final = re.compile(r"\) += (-?\d+)")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE: Final = re.compile(r"^\w+\(\d+<((?:\\x[0-9a-f]{2})+)>(\(deleted\))?")
_UNFINISHED: Final = " <unfinished ...>"
_INDEX: Final = "-shm"


@dataclass(frozen=True, slots=True)
class Wrote:
    """Bytes were written to a file."""

    file: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file was given another size."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Named:
    """Names lead elsewhere from now on: to a file, or to none. One rename is two of them at once."""

    names: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Synced:
    """A file is on the disk as it was at step `since`; with no file the names of the folder are."""

    file: int | None
    since: int


@dataclass(frozen=True, slots=True)
class Told:
    """Bytes left by a socket."""

    data: bytes


Step = Wrote | Cut | Named | Synced | Told | None


def record(log: Path, command: Sequence[str]) -> None:
    """Run a command with all that it starts, and record it. Raises CalledProcessError."""
    assert STRACE is not None
    options = ["-f", "--seccomp-bpf", "-y", "-xx", "-s", "100000000", "-e", f"trace={_CALLS}", "-o", str(log)]
    subprocess.run([STRACE, *options, *command], check=True)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _hex(text: str) -> str:
    return "".join(f"\\x{one:02x}" for one in text.encode())


def steps_of(log: Path, store: Path) -> list[Step]:
    """What was done to the files of a store, in order. Raises AssertionError for a call that is not understood, and
    where the steps do not lead to the files that are there."""
    reader = _Reader(store)
    with log.open(encoding="ascii") as lines:
        for line in lines:
            reader.take(line)
    reader.compare()
    return reader.steps


class _Reader:
    def __init__(self, store: Path) -> None:
        self._store, self._folder = store, store.parent
        self._marks = (_hex(str(self._folder)), _hex("socket:"))
        self.steps: list[Step] = []
        self._under_way: dict[str, tuple[str, int]] = {}
        self._names: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._files = 0
        self._at: dict[tuple[str, str], int] = {}

    def take(self, line: str) -> None:
        found = _LINE.match(line)
        if found is None:
            return
        process, resumed, rest = found.groups()
        if resumed:
            began = self._under_way.pop(process, None)
            if began is not None:
                self._done(process, began[0] + rest, began[1])
            return
        if not any(mark in rest for mark in self._marks):
            return
        place = len(self.steps)
        self.steps.append(None)  # what is written lies here from the moment when the call began
        if rest.endswith(_UNFINISHED):
            self._under_way[process] = rest.removesuffix(_UNFINISHED), place
        else:
            self._done(process, rest, place)

    def _done(self, process: str, call: str, place: int) -> None:
        name = call.partition("(")[0]
        texts = [_bytes(one) for one in _TEXT.findall(call)]
        result = _RESULT.search(call, call.rfind(")"))
        if result is None or int(result[1]) < 0:
            return
        on = _FILE.match(call)
        path = _bytes(on[1]).decode() if on else ""
        if path.startswith("socket:"):
            self.steps[place] = Told(b"".join(texts)[: int(result[1])])
            return
        if name in ("openat", "open", "creat"):
            self._opened(call, texts[0].decode())
            self._at[process, result[1]] = 0
        elif name in ("rename", "renameat", "renameat2"):
            self._renamed(*(self._end(text.decode()) for text in texts))
        elif name in ("unlink", "unlinkat"):
            self._named(self._end(texts[0].decode()), None)
        elif path == str(self._folder):
            assert name in ("fsync", "fdatasync"), call[:200]
            self.steps.append(Synced(None, place))
        elif (end := self._end(path)) is not None:
            file = self._gone[end] if on and on[2] else self._names[end]
            if name == "write":
                self._write(process, call, file, texts[0][: int(result[1])], place)
            else:
                self._changed(name, call, file, texts, int(result[1]), place)

    def _end(self, path: str) -> str | None:
        """The ending that tells one file of the store from another; None for others, and for the index, which is
        memory: whoever comes first makes it anew."""
        if not path.startswith(str(self._store)) or path.endswith(_INDEX):
            return None
        return path.removeprefix(str(self._store))

    def _opened(self, call: str, path: str) -> None:
        end = self._end(path)
        if end is None:
            return
        assert "O_TRUNC" not in call, call
        if end not in self._names:
            assert "O_CREAT" in call, call
            self._files += 1
            self._named(end, self._files)

    def _named(self, end: str | None, file: int | None) -> None:
        if end is not None:
            self._note({end: file})

    def _renamed(self, old: str | None, new: str | None) -> None:
        if old is not None or new is not None:
            assert old is not None, new
            assert new is not None, old
            self._note({old: None, new: self._names[old]})

    def _note(self, names: dict[str, int | None]) -> None:
        for end, file in names.items():
            if file is None:
                self._gone[end] = self._names.pop(end)
            else:
                self._names[end] = file
        self.steps.append(Named(tuple(names.items())))

    def _write(self, process: str, call: str, file: int, data: bytes, place: int) -> None:
        """Where the thread that opened the file has come to."""
        number = call[: call.index("<")].removeprefix("write(")
        at = self._at[process, number]
        self._at[process, number] = at + len(data)
        self.steps[place] = Wrote(file, at, data)

    def _changed(self, name: str, call: str, file: int, texts: list[bytes], result: int, place: int) -> None:
        numbers = [int(one) for one in re.findall(r", (\d+)", call[call.rfind('"') + 1 :])]
        match name:
            case "pwrite64":
                self.steps[place] = Wrote(file, numbers[1], texts[0][:result])
            case "ftruncate":
                self.steps[place] = Cut(file, int(re.findall(r", (\d+)\)", call)[0]))
            case "fsync" | "fdatasync":
                self.steps.append(Synced(file, place))
            case _:
                raise AssertionError(f"not understood: {call[:200]}")

    def compare(self) -> None:
        """The steps, done one after the other, must give the files that are there."""
        files: dict[int, bytearray] = {}
        for step in self.steps:
            if isinstance(step, Wrote | Cut):
                apply(files.setdefault(step.file, bytearray()), step)
        for end, file in self._names.items():
            there = Path(f"{self._store}{end}").read_bytes()
            assert there == files.get(file, b""), f"another {self._store}{end} than was recorded"


def apply(file: bytearray, step: Wrote | Cut) -> None:
    """Do it to the bytes of a file."""
    if isinstance(step, Wrote):
        end = step.at + len(step.data)
        if end > len(file):
            file.extend(bytes(end - len(file)))
        file[step.at : end] = step.data
    elif step.size < len(file):
        del file[step.size :]
    else:
        file.extend(bytes(step.size - len(file)))
