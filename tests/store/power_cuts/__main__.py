"""Record days of an office, rebuild what power cuts could leave of its store, and open each of these states.

Exit code 1 if one of them cannot be used, or lacks what somebody had learned."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from tests.store.power_cuts.run import MEMORY, Verdict, opened, recorded

_A_DAY: Final = 5_000
_SHOWN: Final = 20


def _day(seed: int, many: int, lying: frozenset[str]) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="power-cuts-", dir=MEMORY) as folder:
        return opened(recorded(Path(folder), seed), many, seed, lying)


def main() -> int:
    """The exit code."""
    reader = argparse.ArgumentParser(prog="python -m tests.store.power_cuts", description=__doc__)
    reader.add_argument("--states", type=int, default=_A_DAY, help="states that are opened, all different (5000)")
    reader.add_argument(
        "--seed", type=int, default=1, help="of the first day; each 5,000 states have a day of their own"
    )
    reader.add_argument("--jobs", type=int, default=1, help="processes side by side (1)")
    reader.add_argument(
        "--lying",
        nargs="*",
        default=[],
        metavar="ENDING",
        help="control: the disk says of these files that they are synced, and they are not; -wal is the log",
    )
    given, began = reader.parse_args(), time.monotonic()
    days = range(-(-given.states // _A_DAY))
    total = Verdict()
    # Each state is a store whose mark is new, and says so.
    with ProcessPoolExecutor(given.jobs, initializer=logging.disable, initargs=(logging.WARNING,)) as pool:
        plays = [
            pool.submit(_day, given.seed + day, min(_A_DAY, given.states - day * _A_DAY), frozenset(given.lying))
            for day in days
        ]
        for day, play in zip(days, plays, strict=True):
            found = play.result()
            total.add(found)
            print(*(f"seed {given.seed + day}, {fault}" for fault in found.faults[:_SHOWN]), sep="\n", end="")
            print(f"{total}: {time.monotonic() - began:.0f} s", flush=True)
    return 1 if total.faults or total.states < given.states else 0


if __name__ == "__main__":
    sys.exit(main())
