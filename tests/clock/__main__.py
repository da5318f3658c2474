"""Live through many seeds of a clock that is set: `python -m tests.clock --seeds 1000 --seed 0`."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clock.stepped import acts_of, faults, run
from tests.remembered import remember

EVERY = 50


@contextmanager
def _in_silence() -> Iterator[None]:
    """Of each step of the clock it is told."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def main(argv: list[str] | None = None) -> int:
    """The exit code: 1 if a step of a ladder came at another time than its own, or nobody was told that the clock was
    set."""
    reader = argparse.ArgumentParser(prog="python -m tests.clock", description=__doc__)
    reader.add_argument("--seeds", type=int, default=1000, help="how many seeds (1000)")
    reader.add_argument("--seed", type=int, default=0, help="the first one (0)")
    given = reader.parse_args(argv)
    began, pages, found = time.monotonic(), 0, 0
    with pytest.MonkeyPatch.context() as patch, _in_silence():
        remember(patch)
        for n, seed in enumerate(range(given.seed, given.seed + given.seeds), 1):
            with tempfile.TemporaryDirectory() as folder:
                came = run(Path(folder), acts_of(seed))
            pages += sum(map(len, came.fired.values()))
            for fault in faults(came):
                found += 1
                print(f"seed {seed}: {fault}", flush=True)
            if n % EVERY == 0:
                left = (time.monotonic() - began) / n * (given.seeds - n)
                print(f"{n} of {given.seeds}, {left:.0f} s left", file=sys.stderr)
    print(f"{given.seeds} seeds, {pages} alerts of the ladder, {time.monotonic() - began:.0f} s, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
