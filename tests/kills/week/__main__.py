"""Live through simulated weeks from the command line. Exit code 0 if both sides agree in every one, 1 if not."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import get_args

from kz_compliance_sdk.testing.mock_regulator import SCENARIOS
from tests.kills.week.checking import run
from tests.kills.week.run import Variant, Week


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills.week", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--weeks", type=int, default=1, help="how many, each with the next seed (1)")
    parser.add_argument("--notices", type=int, default=150, help="notices in a week (150)")
    parser.add_argument("--scenario", choices=tuple(SCENARIOS), default="week", help="what is played (week)")
    parser.add_argument("--profile", choices=("standard-webhooks", "rfc9421"), default="standard-webhooks")
    parser.add_argument("--pass-s", type=int, default=600, help="seconds between two looks, about (600)")
    parser.add_argument("--hosts", type=int, default=1, help="desks on one store, which now and then fall asleep (1)")
    parser.add_argument(
        "--variant",
        choices=get_args(Variant),
        default="as_it_ships",
        help="a side that is wrong on purpose, to see that the checks find it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    # What fails here fails on purpose; the figures count it.
    logging.getLogger("kz_compliance_sdk").addHandler(logging.NullHandler())
    total: Counter[str] = Counter()
    faults: list[str] = []
    began = time.monotonic()
    for seed in range(options.seed, options.seed + options.weeks):
        week = Week(
            seed,
            options.notices,
            options.scenario,
            options.profile,
            pass_s=options.pass_s,
            hosts=options.hosts,
            variant=options.variant,
        )
        with tempfile.TemporaryDirectory() as folder:
            outcome = run(week, Path(folder))
        total.update(outcome.figures)
        faults += [f"seed {seed}: {fault}" for fault in outcome.faults]
    total["weeks"], total["seconds"] = options.weeks, round(time.monotonic() - began)
    if options.json:
        print(json.dumps({"faults": faults, "figures": dict(total)}, indent=1, ensure_ascii=False))
    else:
        for name, value in total.items():
            print(f"{name.replace('_', ' '):<36}{value:>8}")
        for fault in faults:
            print(fault)
        print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
