"""Run a campaign of races from the command line. Exit code 0 if everything held after every pair, 1 if not."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

from tests.review.races.run import MODES, run
from tests.review.races.weakened import Weakness


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.review.races", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000, help="pairs of acts that race (1000)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the order (1)")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this way of racing; may be repeated")
    parser.add_argument(
        "--weakness", choices=get_args(Weakness), help="take a check away, to see that what it stops is found"
    )
    parser.add_argument("--dir", type=Path, help="where the file lies, such as a disk in memory")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        modes = tuple(options.mode) if options.mode else MODES
        outcome = run(Path(folder), options.pairs, options.seed, modes=modes, weakness=options.weakness)
    seconds = round(time.perf_counter() - started, 1)
    if options.json:
        figures = {"pairs": outcome.pairs, "seconds": seconds, **outcome.ended, "violations": outcome.faults}
        print(json.dumps(figures, indent=1))
    else:
        for name, value in (("pairs", outcome.pairs), ("seconds", seconds), *sorted(outcome.ended.items())):
            print(f"{name:<28}{value:>8}")
        for fault in outcome.faults[:20]:
            print(fault)
        print(f"{len(outcome.faults)} violations")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
