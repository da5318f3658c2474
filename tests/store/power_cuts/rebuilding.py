"""What a power cut could leave of recorded steps: whatever no sync had reached may be on the disk, in any order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

from tests.store.power_cuts.recording import Cut, Named, Step, Synced, Wrote, apply

SECTOR: Final = 512
_SELDOM: Final = 20
"""How much likelier a cut is near a step of which there are few."""
_NEAR: Final = 8
_WHOLE: Final = 0.6
"""How often what is written at once is there as a whole or not at all."""
_LANE, _WAL = ".lane", "-wal"

Pending = tuple[int, Wrote | Cut]


class State(NamedTuple):
    """The files by their endings. The lock file notes which database and log the processes used: `noted` says whether
    they are these, and whether nothing was written to the database since."""

    files: dict[str, bytes]
    noted: tuple[bool, bool, bool]


def states(
    steps: Sequence[Step], many: int, chance: random.Random, lying: frozenset[str]
) -> Iterator[tuple[int, State]]:
    """So many states, some of them alike, each with the step at which the power failed. The disk does not sync the
    `lying` files, and says that it did."""
    disk = Disk(lying)
    cuts = Counter(chance.choices(range(len(steps)), _weights(steps), k=many))
    for place, step in enumerate(steps):
        disk.take(place, step)
        for _ in range(cuts[place]):
            yield place, disk.cut(chance)


def _weights(steps: Sequence[Step]) -> list[int]:
    weights = [1] * len(steps)
    for place, step in enumerate(steps):
        if isinstance(step, Cut | Named) or (isinstance(step, Synced) and step.file is None):
            near = slice(max(0, place - _NEAR), min(len(steps), place + _NEAR))
            weights[near] = [_SELDOM] * (near.stop - near.start)
    return weights


class Disk:
    """What of the steps so far is on the disk for certain, and what may be."""

    def __init__(self, lying: frozenset[str] = frozenset()) -> None:
        self._lying = lying
        self._safe: dict[int, bytearray] = {}
        self._last: dict[int, int] = {}
        self._pending: dict[int, list[Pending]] = {}
        self._names: dict[str, int | None] = {}
        self._named: list[tuple[int, Named]] = []
        self._now: dict[str, int | None] = {}
        self._called: dict[int, str] = {}
        self._noted: dict[int, tuple[int | None, int | None]] = {}

    def take(self, place: int, step: Step) -> None:
        match step:
            case Wrote() | Cut():
                self._pending.setdefault(step.file, []).append((place, step))
                if self._called.get(step.file) == _LANE:
                    self._noted[place] = self._now.get(""), self._now.get(_WAL)
            case Named():
                self._named.append((place, step))
                self._now.update(step.names)
                self._called |= {file: end for end, file in step.names if file is not None}
            case Synced(None):
                self._names.update(pair for at, named in self._named if at < step.since for pair in named.names)
                self._named = [one for one in self._named if one[0] >= step.since]
            case Synced(int() as file) if self._called[file] not in self._lying:
                pending = self._pending.get(file, [])
                self._apply(self._safe.setdefault(file, bytearray()), [one for one in pending if one[0] < step.since])
                self._last[file] = max((at for at, _ in pending if at < step.since), default=self._last.get(file, -1))
                self._pending[file] = [one for one in pending if one[0] >= step.since]

    @staticmethod
    def _apply(content: bytearray, pending: Sequence[Pending]) -> None:
        for _, step in pending:
            apply(content, step)

    def cut(self, chance: random.Random) -> State:
        """What is left if the power fails now, one of many."""
        names = dict(self._names)
        for _, named in _some(self._named, chance):
            names.update(named.names)
        files: dict[str, bytes] = {}
        last: dict[str, int] = {}
        for end, file in names.items():
            if file is None:
                continue
            content = bytearray(self._safe.get(file, b""))
            pending = self._pending.get(file, [])
            kept = list(
                (_some if chance.random() < _WHOLE else partial(_torn, size=len(content)))(pending, chance=chance)
            )
            self._apply(content, kept)
            files[end] = bytes(content)
            last[end] = max((at for at, _ in kept), default=self._last.get(file, -1))
        database, log = self._noted.get(last.get(_LANE, -1), (None, None))
        noted = names.get("") == database, names.get(_WAL) == log, last.get("", -1) < last.get(_LANE, -1)
        return State(files, noted)


# ------------------------------------------------------------------------------------------------- what may be there

_T = TypeVar("_T")


def _some(pending: Sequence[_T], chance: random.Random) -> Sequence[_T]:
    """Nothing, all, the first, the last, or any of what no sync had reached."""
    place = chance.randint(0, len(pending))
    match chance.randrange(5):
        case 0:
            return ()
        case 1:
            return pending
        case 2:
            return pending[:place]
        case 3:
            return pending[place:]
    share = chance.random()
    return [one for one in pending if chance.random() < share]


def _torn(pending: Sequence[Pending], size: int, chance: random.Random) -> Iterator[Pending]:
    """Any sectors of what was written; what is missing behind the end of the file, of `size` bytes, is not there, or
    zeros, or what lay on the disk before."""
    share, behind = chance.random(), chance.choice((None, bytes, chance.randbytes))
    for at, step in pending:
        kept = chance.random() < share
        if isinstance(step, Cut):
            if kept:
                yield at, step
            continue
        begin = 0
        while begin < len(step.data):
            end = begin + SECTOR - (step.at + begin) % SECTOR
            data = step.data[begin:end]
            if chance.random() < share:
                yield at, Wrote(step.file, step.at + begin, data)
            elif behind is not None and step.at + begin >= size:
                yield at, Wrote(step.file, step.at + begin, behind(len(data)))
            begin = end
