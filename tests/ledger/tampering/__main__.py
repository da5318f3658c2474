"""Run the campaign from the command line. Exit code 0 if everything was found and named, 1 if something was not."""

from __future__ import annotations

import argparse
import sys

from tests.ledger.tampering.run import several


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.tampering", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many tamperings (10000)")
    parser.add_argument("--seed", type=int, default=1, help="chooses them (1)")
    parser.add_argument("--processes", type=int, default=2, help="how many run side by side (2)")
    options = parser.parse_args()
    outcome = several(options.count, options.seed, options.processes)
    for what, number in sorted(outcome.done.items()):
        print(f"{what.replace('_', ' '):<24}{number:>7}")
    total = sum(outcome.done.values())
    for line in (*outcome.missed, *outcome.unnamed):
        print(line)
    print(f"{total} in {outcome.seconds:.0f} s: {len(outcome.missed)} not found, {len(outcome.unnamed)} not named")
    return 1 if outcome.missed or outcome.unnamed else 0


if __name__ == "__main__":
    sys.exit(main())
