"""Run a campaign from the command line. Exit code 0 if every promise held, 1 if one did not."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.kills.campaign.run import Campaign, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="random points at which a host is killed (100)")
    parser.add_argument("--notices", type=int, default=500, help="notices that the regulator pushes (500)")
    parser.add_argument("--seed", type=int, default=1, help="chooses points, targets and lost replies (1)")
    parser.add_argument("--profile", choices=("standard-webhooks", "rfc9421"), default="standard-webhooks")
    parser.add_argument(
        "--variant",
        choices=("as_it_ships", "answers_early", "fresh_ids"),
        default="as_it_ships",
        help="a host that is wrong on purpose, to see that the checks find it",
    )
    parser.add_argument("--receivers", type=int, default=1, help="receivers on one port (1)")
    parser.add_argument("--workers", type=int, default=1, help="workers on one store (1)")
    parser.add_argument("--stops", type=int, default=0, help="times that a worker is stopped beyond its leases (0)")
    parser.add_argument("--serve", action="store_true", help="the receivers are the command `kz-compliance serve`")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--folder", type=Path, help="an empty folder for the files, kept afterwards")
    options = parser.parse_args()
    campaign = Campaign(
        options.kills,
        options.notices,
        options.seed,
        options.profile,
        options.variant,
        receivers=options.receivers,
        workers=options.workers,
        stops=options.stops,
        serve=options.serve,
    )
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(campaign, options.folder or Path(folder))
    if options.json:
        print(json.dumps({"faults": outcome.faults, "figures": dict(outcome.figures)}, indent=1, ensure_ascii=False))
    else:
        for name, value in outcome.figures.items():
            print(f"{name.replace('_', ' '):<28}{value:>8}")
        for fault in outcome.faults:
            print(fault)
        print(f"{len(outcome.faults)} faults")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
