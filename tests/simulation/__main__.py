"""Play seeds, each twice: `python -m tests.simulation --seeds 300 --jobs 2`. Exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.run import PLANTED, Played, planted, play, shrunk


def main() -> int:
    """The exit code."""
    reader = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    reader.add_argument("--seeds", type=int, default=100)
    reader.add_argument("--first", type=int, default=1, help="the first seed")
    reader.add_argument("--jobs", type=int, default=1, help="processes")
    reader.add_argument("--once", action="store_true", help="play each seed once only")
    reader.add_argument(
        "--planted", action="store_true", help="break each of the promises, and look whether it is caught"
    )
    reader.add_argument("--digests", action="store_true", help=argparse.SUPPRESS)
    given = reader.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    if given.digests:
        for played in _played(seeds, given.jobs):
            print(played.seed, played.digest)
        return 0
    if given.planted:
        return _planted(seeds)
    began, broken, digests, events = time.monotonic(), 0, dict[int, str](), 0
    for n, played in enumerate(_played(seeds, given.jobs), 1):
        digests[played.seed], events = played.digest, events + played.events
        if played.faults:
            broken += 1
            small = shrunk(played)
            print(
                f"seed {played.seed}, with {', '.join(sorted(small.struck)) or 'no fault'}:",
                *small.faults,
                sep="\n    ",
                flush=True,
            )
        if n % 20 == 0:
            spent = time.monotonic() - began
            print(f"{n} of {given.seeds}, {spent / n * (given.seeds - n):.0f} s left", file=sys.stderr)
    other = 0 if given.once else _otherwise(digests, given)
    print(
        f"{given.seeds} seeds, {events} events, {time.monotonic() - began:.0f} s, {broken} broken, "
        f"{other} that came to something else the second time"
    )
    return 1 if broken or other else 0


def _played(seeds: range, jobs: int) -> Iterator[Played]:
    if jobs == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(play, seeds, chunksize=4)


def _otherwise(digests: dict[int, str], given: argparse.Namespace) -> int:
    """How many seeds come to something else in a process whose sets and dicts have another order."""
    command = [
        sys.executable,
        "-m",
        "tests.simulation",
        "--digests",
        "--seeds",
        str(given.seeds),
        "--first",
        str(given.first),
        "--jobs",
        str(given.jobs),
    ]
    again = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True, capture_output=True, text=True
    )
    found = dict(line.split() for line in again.stdout.splitlines())
    return sum(found[str(seed)] != digest for seed, digest in digests.items())


def _planted(seeds: range) -> int:
    missed = 0
    for name in PLANTED:
        with planted(name):
            caught = next((played for played in map(play, seeds) if played.faults), None)
        missed += caught is None
        print(f"{name}: {'not caught' if caught is None else f'seed {caught.seed}: {caught.faults[0]}'}", flush=True)
    print(f"{len(PLANTED) - missed} of {len(PLANTED)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
