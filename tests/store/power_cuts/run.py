"""Days are recorded, cuts are drawn, and each state is opened once."""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.store.power_cuts.checking import LOST, Whole, faults, faults_of_desk, lay
from tests.store.power_cuts.office import day_of
from tests.store.power_cuts.rebuilding import State, states
from tests.store.power_cuts.recording import Step, record, steps_of

NOTICES: Final = 30
_SHARED: Final = Path("/dev/shm")
MEMORY: Final = _SHARED if _SHARED.is_dir() else None
"""Where files need not touch a disk; None for where temporary files lie."""
_DESK_EVERY: Final = 100
_PASSES: Final = 20


@dataclass
class Verdict:
    """How many states were opened, all of them different, and how many of them by a desk; in how many something was
    lost that somebody had learned; and all that was wrong, each with the step at which the power failed."""

    states: int = 0
    by_desk: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        self.states += other.states
        self.by_desk += other.by_desk
        self.lost += other.lost
        self.faults += other.faults

    def __str__(self) -> str:
        return f"{self.states} states, {self.by_desk} by a desk, {self.lost} with losses, {len(self.faults)} faults"


@dataclass(frozen=True)
class Recording:
    """A day as it was recorded."""

    steps: list[Step]
    whole: Whole


def recorded(folder: Path, seed: int, notices: int = NOTICES) -> Recording:
    """Play a day in an empty folder, and read what was recorded."""
    log = folder / "calls"
    day = folder / "day"
    day.mkdir()
    record(log, [sys.executable, "-m", "tests.store.power_cuts.office", str(day), str(seed), str(notices)])
    played = day_of(day)
    steps = steps_of(log, played[0].store)
    log.unlink()
    return Recording(steps, Whole.of(played, steps))


def opened(of: Recording, many: int, seed: int, lying: frozenset[str] = frozenset()) -> Verdict:
    """Open so many different states of a recording, or as many as are found."""
    verdict, seen, chance = Verdict(), set[bytes](), random.Random(f"cuts {seed}")
    with tempfile.TemporaryDirectory(prefix="power-cut-", dir=MEMORY) as place:
        folder = Path(place)
        for _ in range(_PASSES):
            for at, state in states(of.steps, many, chance, lying):
                name = _name(state)
                if name in seen:
                    continue
                seen.add(name)
                _open(of.whole, folder, at, state, verdict)
                if verdict.states == many:
                    return verdict
    return verdict


def _open(whole: Whole, folder: Path, at: int, state: State, verdict: Verdict) -> None:
    must = whole.must(at)
    store = folder / whole.plan.store.name
    lay(state, store)
    found = faults(whole, folder, must)
    verdict.states += 1
    if not found and verdict.states % _DESK_EVERY == 0:
        verdict.by_desk += 1
        found = faults_of_desk(whole, folder)
    verdict.lost += any(LOST in one for one in found)
    verdict.faults += [f"step {at}: {one}" for one in found]


def _name(state: State) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for end, content in sorted(state.files.items()):
        digest.update(f"{end} {len(content)} ".encode())
        digest.update(content)
    return digest.digest()
