"""Play many sequences: `python -m tests.model --sequences 5000 --steps 25 --seed 1 --jobs 2`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from tests.model.play import Played, play, shrink

EVERY = 50


def main(argv: list[str] | None = None) -> int:
    """The exit code: 1 if model and library differ anywhere."""
    reader = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    reader.add_argument("--sequences", type=int, default=500)
    reader.add_argument("--steps", type=int, default=25, help="steps of each sequence")
    reader.add_argument("--seed", type=int, default=1, help="the first seed; each sequence has the next")
    reader.add_argument("--jobs", type=int, default=1, help="processes")
    given = reader.parse_args(argv)
    began, deep, steps, differences = time.monotonic(), Counter[str](), 0, 0
    seeds = range(given.seed, given.seed + given.sequences)
    for n, played in enumerate(_played(seeds, given.steps, given.jobs), 1):
        deep.update(played.deep)
        steps += len(played.steps)
        if played.difference:
            differences += 1
            print(shrink(played.difference, given.steps), flush=True)
        if n % EVERY == 0:
            spent = time.monotonic() - began
            print(f"{n} of {given.sequences}, {spent / n * (given.sequences - n):.0f} s left", file=sys.stderr)
    for what, count in sorted(deep.items(), key=lambda pair: -pair[1]):
        print(f"{what:32}{count:8}")
    print(f"{given.sequences} sequences, {steps} steps, {time.monotonic() - began:.0f} s, {differences} differences")
    return 1 if differences else 0


def _played(seeds: range, steps: int, jobs: int) -> Iterator[Played]:
    if jobs == 1:
        yield from map(play, seeds, repeat(steps))
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(play, seeds, repeat(steps), chunksize=10)


if __name__ == "__main__":
    sys.exit(main())
