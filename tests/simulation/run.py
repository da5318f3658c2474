"""One seed played, twice where asked; a seed that fails made smaller; and the code that is broken on purpose."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.controls import CONTROLS
from tests.simulation.actors import Actors
from tests.simulation.checks import faults
from tests.simulation.world import KINDS, Down, Simulation

_MEMORY = Path("/dev/shm")  # files that need not outlive a seed


@dataclass(frozen=True)
class Played:
    """What came of a seed: the promises that were broken, a digest of all that happened, and what struck."""

    seed: int
    faults: tuple[str, ...]
    digest: str
    struck: frozenset[str]
    events: int


def play(seed: int, *, kinds: frozenset[str] = KINDS, notices: int = 6, hours: float = 30) -> Played:
    """Play one seed."""
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        of = Simulation(Path(folder), seed, kinds)
        try:
            actors = Actors(of, notices, hours)
            of.run(hours * 3600)
            try:
                actors.settle()
                found = tuple(faults(of, actors))
            except Down:
                found = (*of.broken, "no host is up in the end")
            return Played(seed, found, of.digest(), frozenset(of.struck), len(of.log))
        finally:
            of.close()


def shrunk(failed: Played) -> Played:
    """The same seed with as few kinds of faults as still break something."""
    kinds = failed.struck
    for kind in sorted(failed.struck):
        again = play(failed.seed, kinds=kinds - {kind})
        if again.faults:
            kinds, failed = kinds - {kind}, again
    return failed


PLANTED: Final = {
    "an answer before the commit": 1,
    "signatures unchecked": 1,
    "what came early is forgotten": 92,
    "any token is good": 41,
    "the last case first": 8,
    "the proposer approves": 3,
    "sent again without a look": 1,
    "an id for each try": 1,
    "a failure is in force": 6,
    "a fallen order lifts nothing: withdrawn": 1,
    "any receipt closes": 1,
    "a repeat gets another answer": 2,
}
"""Controls that the simulation catches, and the first seed that does."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The library with this promise broken."""
    (control,) = (one for one in CONTROLS if one.name == name)
    with pytest.MonkeyPatch.context() as patch:
        control.breaks(patch)
        yield
