"""Attack the files of stores, at rest and while processes run: `python -m tests.store.attacks --seed 1 --n 1000`.

Whatever happens to a file, what was acknowledged is found afterwards, or its loss is named: by the process that writes,
by the next start, or by what `db check` looks at. A loss that none of them names is one in silence.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kz_compliance_sdk.adapters.sql import copies
from kz_compliance_sdk.adapters.sql.mark import Mark
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import Env
from tests.blank import put_blank
from tests.case_makers import PLATFORM, T0
from tests.store.conftest import opening, save

DRIVER: Final = choose_driver()
PROCESSES: Final = (1, 2, 4)
ENDS: Final = ("", "-wal", "-shm", ".lane", ".open", ".mark")
FOUND, AT_START, BY_CHECK = "found", "named at start", "named by check"
SILENT, UNCLEAR = "in silence", "no clear error"
_PAGE, _FRAME, _LOG_HEADER, _TREE = 4096, 4096 + 24, 32, {2: "inner index", 5: "inner table", 10: "index", 13: "table"}
_PATIENCE_S, _GOES_ON_S = 60.0, 1.5
_forking = multiprocessing.get_context("fork")

# --------------------------------------------------------------------------------------------------------- the writers


def _write(path: Path, worker: int, told: Path) -> None:
    """Store notices until it is refused; each that was acknowledged is told in a file."""
    logging.getLogger("kz_compliance_sdk").addHandler(logging.NullHandler())
    logging.getLogger("kz_compliance_sdk").propagate = False
    out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        store = SqliteStore(path, Env.system(), threaded=False, create=False)
        for n in range(worker * 100_000, (worker + 1) * 100_000):
            change, case = opening(n, received_at=T0 + n % 100_000)
            save(store, change)
            os.write(out, f"{case.id}\n".encode())
    except ComplianceError:
        os._exit(3)


class Writers:
    """Processes that store notices in one file, and what they acknowledged."""

    def __init__(self, path: Path) -> None:
        self._path, self._told = path, path.with_name("acknowledged")
        self._number, self.running = 0, list[Any]()

    def start(self, many: int = 1) -> None:
        for _ in range(many):
            self._number += 1
            one = _forking.Process(target=_write, args=(self._path, self._number, self._told), daemon=True)
            one.start()
            self.running.append(one)

    @property
    def acknowledged(self) -> list[str]:
        return self._told.read_text("ascii").split() if self._told.exists() else []

    def wait(self, more: int) -> None:
        """Until as many more were acknowledged."""
        until, wanted = time.monotonic() + _PATIENCE_S, len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            if time.monotonic() > until:
                raise TimeoutError("nothing is acknowledged any more")
            time.sleep(0.005)

    def end(self, within_s: float) -> None:
        """Kill whoever has not been refused within this time."""
        until = time.monotonic() + within_s
        for one in self.running:
            one.join(max(0.0, until - time.monotonic()))
            if one.is_alive():
                os.kill(one.pid, signal.SIGKILL)
                one.join()
        self.running.clear()


# ---------------------------------------------------------------------------------------------------------- the ground


@dataclass(frozen=True)
class Ground:
    """What lies there once processes were killed or ended: the files, those of an earlier moment, what was acknowledged
    until each, and what it looks like."""

    now: Path
    older: Path
    prints: Mapping[str, object]


def grounds(folder: Path, processes: int, count: int) -> dict[str, Ground]:
    """Stores of so many processes: `killed` while they wrote, and `closed` afterwards."""
    base = folder / f"{processes}" / "base" / "cases.sqlite3"
    base.parent.mkdir(parents=True)
    put_blank(base)
    writers = Writers(base)
    kept: dict[str, Path] = {}
    for when in ("older", "now"):
        writers.start(processes)
        writers.wait(count)
        writers.end(0)
        kept[f"{when}, killed"] = _copied(base, folder / f"{processes}" / f"{when}-killed")
        with closing(SqliteStore(base, Env.system(), threaded=False)) as store:
            # Free pages as well, and a log that begins anew in the same file.
            with store.engine.connect() as raw:
                raw.exec_driver_sql("CREATE TABLE scratch AS SELECT hash, randomblob(4000) FROM log")
                raw.exec_driver_sql("DROP TABLE scratch")
                raw.commit()
            store.truncate_log()
            prints = _prints(store, writers.acknowledged)
        kept[f"{when}, closed"] = _copied(base, folder / f"{processes}" / f"{when}-closed")
    if FOUND in prints.values() or len(prints) != len(writers.acknowledged):
        raise RuntimeError("the ground itself lacks something")
    return {how: Ground(kept[f"now, {how}"], kept[f"older, {how}"], prints) for how in ("killed", "closed")}


def _copied(path: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, folder)
    return folder / path.name


def _prints(store: SqliteStore, names: list[str]) -> dict[str, object]:
    """What is there of each case: the hash of its chain and every word. Nothing of one that cannot be read."""
    queries, found = store.queries(PLATFORM), dict[str, object]()
    for name in names:
        with suppress(ComplianceError):
            records = queries.records(name)
            if not records.damage:
                found[name] = records.stream.head, sorted(records.words.items())
    return found


# --------------------------------------------------------------------------------------------------------- the attacks

Attack = Callable[[Path, Path, random.Random], None]
"""Does harm to the store at a path, of which an older copy is given."""


def _flip(file: Path, at: int, rng: random.Random) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        (byte,) = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte ^ 1 << rng.randrange(8)]))


def _zero(file: Path, at: int, size: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        stream.write(bytes(size))


def _pages(path: Path) -> dict[str, list[int]]:
    """Where the pages of each kind begin."""
    data = path.read_bytes()

    def number(at: int) -> int:
        return int.from_bytes(data[at : at + 4], "big")

    free: list[int] = []
    trunk = number(32)
    while trunk:
        at = (trunk - 1) * _PAGE
        free += [at, *((number(at + 8 + 4 * n) - 1) * _PAGE for n in range(number(at + 4)))]
        trunk = number(at)
    kinds: defaultdict[str, list[int]] = defaultdict(list, {"header": [0], "free": free})
    for at in range(_PAGE, len(data), _PAGE):
        if at not in free:
            kinds[_TREE.get(data[at], "overflow")].append(at)
    return kinds


def _on_page(kind: str, how: str) -> Attack:
    def attack(path: Path, _older: Path, rng: random.Random) -> None:
        at = rng.choice(_pages(path)[kind])
        if how == "bit":
            _flip(path, at + rng.randrange(100 if kind == "header" else _PAGE), rng)
        else:
            _zero(path, at, _PAGE)

    return attack


def _on_log(part: str) -> Attack:
    def attack(path: Path, _older: Path, rng: random.Random) -> None:
        log = Path(f"{path}-wal")
        frame = _LOG_HEADER + rng.randrange((log.stat().st_size - _LOG_HEADER) // _FRAME) * _FRAME
        if part == "zeroed frame":
            _zero(log, frame, _FRAME)
            return
        low, size = {"header": (0, _LOG_HEADER), "frame's head": (frame, 24), "frame": (frame + 24, _PAGE)}[part]
        _flip(log, low + rng.randrange(size), rng)

    return attack


def _cut(path: Path, end: str, rng: random.Random) -> None:
    file = Path(f"{path}{end}")
    os.truncate(file, rng.randrange(file.stat().st_size))


def _older_copy(path: Path, older: Path, *ends: str) -> None:
    for end in ends:
        there, now = Path(f"{older}{end}"), Path(f"{path}{end}")
        if there.exists():
            new = now.with_name("new")
            shutil.copy(there, new)
            new.replace(now)
        else:
            now.unlink(missing_ok=True)


def _in_file(end: str, how: str) -> Attack:
    def attack(path: Path, older: Path, rng: random.Random) -> None:
        file = Path(f"{path}{end}")
        size = file.stat().st_size
        if how == "deleted":
            file.unlink()
        elif how == "moved":
            file.rename(f"{file}.away")
        elif how == "cut":
            _cut(path, end, rng)
        elif how == "emptied":
            os.truncate(file, 0)
        elif how == "zeroed":
            _zero(file, 0, size)
        elif how == "bit":
            _flip(file, rng.randrange(size), rng)
        elif how == "replaced":
            shutil.copyfile(file, file.with_name("new"))
            file.with_name("new").replace(file)
        else:
            _older_copy(path, older, end)

    return attack


def at_rest(how: str) -> dict[str, Attack]:
    """What can happen to the files of processes that were killed, or ended."""
    kinds = ("header", "table", "inner table", "index", "inner index", "overflow", "free")
    attacks = {f"{kind} page, {harm}": _on_page(kind, harm) for kind in kinds for harm in ("bit", "zeroed")}
    attacks |= {f"database, {harm}": _in_file("", harm) for harm in ("cut", "emptied", "deleted", "older copy")}
    attacks |= {f"mark, {harm}": _in_file(".mark", harm) for harm in ("bit", "cut", "zeroed", "deleted", "older copy")}
    attacks |= {f"lane, {harm}": _in_file(".lane", harm) for harm in ("bit", "cut", "zeroed", "deleted", "older copy")}
    attacks["all but the mark, older copy"] = lambda path, older, _rng: _older_copy(path, older, *ENDS[:5])
    if how == "killed":
        attacks |= {f"log, bit of its {part}": _on_log(part) for part in ("header", "frame's head", "frame")}
        attacks["log, zeroed frame"] = _on_log("zeroed frame")
        for end, name in (("-wal", "log"), ("-shm", "index")):
            harms = ("cut", "emptied", "zeroed", "deleted", "older copy", *(["bit"] * (end == "-shm")))
            attacks |= {f"{name}, {harm}": _in_file(end, harm) for harm in harms}
        attacks["open, deleted"] = _in_file(".open", "deleted")
        attacks["database and log, older copy"] = lambda path, older, _rng: _older_copy(path, older, "", "-wal")
    return attacks


def while_running() -> dict[str, Attack]:
    """What can happen to the files under the processes that use them."""
    harms = ("deleted", "moved", "cut", "emptied", "replaced")
    names = {"database": "", "log": "-wal", "index": "-shm", "lane": ".lane", "open": ".open", "mark": ".mark"}
    attacks = {
        f"{name}, {harm}": _in_file(end, harm)
        for name, end in names.items()
        for harm in harms
        if end != ".open" or harm in ("deleted", "moved", "replaced")
    }
    return attacks | {"nothing": lambda _path, _older, _rng: None}


# ------------------------------------------------------------------------------------------------------- the reckoning


@dataclass
class Outcome:
    """What became of what was acknowledged, and what was said of it."""

    what: str
    said: str = ""


def reckoned(path: Path, names: list[str], prints: Mapping[str, object] | None) -> Outcome:
    """Whether what was acknowledged is found, or its loss named in words."""
    try:
        return reckon(path, names, prints)
    except Exception as error:  # noqa: BLE001  it is no clear error, whatever it is
        return Outcome(UNCLEAR, "".join(traceback.format_exception(error)[-4:]))


def reckon(path: Path, names: list[str], prints: Mapping[str, object] | None) -> Outcome:
    """Open the store as a next process would, and look for each case that was acknowledged."""
    try:
        store = SqliteStore(path, Env.system(), threaded=False, create=False)
    except ComplianceError as error:
        return Outcome(AT_START, error.message)
    try:
        return _reckon(store, names, prints)
    finally:
        store.close()


def _reckon(store: SqliteStore, names: list[str], prints: Mapping[str, object] | None) -> Outcome:
    found = _prints(store, names)
    lost = {name for name in names if name not in found or (prints is not None and found[name] != prints[name])}
    if not lost:
        try:
            save(store, opening(99_999, received_at=T0)[0])
        except ComplianceError as error:
            return Outcome(BY_CHECK, error.message)
        return Outcome(FOUND)
    try:
        faults = _check(store)
    except ComplianceError as error:
        return Outcome(BY_CHECK, error.message)
    named = {of for of, _ in faults}
    if "" in named or lost <= named:
        return Outcome(BY_CHECK, faults[0][1])
    return Outcome(SILENT, f"{len(lost)} of {len(names)} are lost")


def _check(store: SqliteStore) -> list[tuple[str, str]]:
    """What `db check` finds: of which case, and what."""
    with store.engine.connect() as connection:
        damaged = copies.faults_of_file(connection)
        damaged += Mark(f"{store.path}.mark").missing(connection)
    if damaged:
        return [("", one) for one in damaged]
    return [(one.case_id, one.what) for one in verify(store.queries(PLATFORM), PLATFORM).faults]


# -------------------------------------------------------------------------------------------------------- the campaign


@dataclass
class Result:
    """How often each attack came to what."""

    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)

    def note(self, attack: str, where: str, outcome: Outcome) -> None:
        self.counts[attack][outcome.what] += 1
        if outcome.what in (SILENT, UNCLEAR):
            self.faults.append(f"{where}: {attack}: {outcome.said}")

    def total(self, what: str) -> int:
        return sum(one[what] for one in self.counts.values())


def campaign(folder: Path, seed: int, resting: int, running: int, count: int = 40, only: str = "") -> Result:
    """Attack so many stores at rest and so many that run, by 1, 2 and 4 processes in turn. Each is a store of its own;
    `only` keeps to the attacks in whose names it stands."""
    result = Result()
    if resting:
        made = {many: grounds(folder, many, count) for many in PROCESSES}
    for n in range(resting):
        rng = random.Random(f"{seed} rest {n}")
        many, how = PROCESSES[n % 3], ("killed", "closed")[n // 3 % 2]
        ground = made[many][how]
        name, attack = rng.choice([one for one in at_rest(how).items() if only in one[0]])
        with _scratch(folder) as place:
            path = _copied(ground.now, place / "store")
            attack(path, ground.older, rng)
            where = f"seed {seed}, rest {n}, {many} processes, {how}"
            result.note(name, where, reckoned(path, list(ground.prints), ground.prints))
    for n in range(running):
        rng = random.Random(f"{seed} running {n}")
        many = PROCESSES[n % 3]
        name, attack = rng.choice([one for one in while_running().items() if only in one[0]])
        with _scratch(folder) as place:
            path = place / "cases.sqlite3"
            put_blank(path)
            writers = Writers(path)
            writers.start(many)
            writers.wait(6 * many)
            attack(path, path, rng)
            killed = rng.random() < 0.5
            if not killed:
                writers.start()  # somebody joins them
            writers.end(0 if killed else _GOES_ON_S)
            where = f"seed {seed}, running {n}, {many} processes, {'killed at once' if killed else 'left to go on'}"
            result.note(f"running: {name}", where, reckoned(path, writers.acknowledged, None))
    return result


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.store.attacks", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses attacks and places (1)")
    parser.add_argument("--n", type=int, default=500, help="how many stores are attacked at rest (500)")
    parser.add_argument("--running", type=int, default=50, help="how many while processes run (50)")
    parser.add_argument("--only", default="", help="only attacks in whose names this stands")
    given = parser.parse_args()
    logging.getLogger("kz_compliance_sdk").addHandler(logging.NullHandler())
    logging.getLogger("kz_compliance_sdk").propagate = False
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = campaign(Path(folder), given.seed, given.n, given.running, only=given.only)
    kinds = (FOUND, AT_START, BY_CHECK, SILENT, UNCLEAR)
    print(f"{'attack':<36}" + "".join(f"{kind:>16}" for kind in kinds))
    for name, counts in sorted(result.counts.items()):
        print(f"{name:<36}" + "".join(f"{counts[kind]:>16}" for kind in kinds))
    print(f"{'all':<36}" + "".join(f"{result.total(kind):>16}" for kind in kinds))
    for one in result.faults:
        print(one)
    print(f"{given.n + given.running} attacks, {len(result.faults)} faults, {time.monotonic() - began:.0f} s")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
