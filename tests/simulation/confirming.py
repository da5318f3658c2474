"""Confirm decisions while replies are lost and workers die: `python -m tests.simulation.confirming --many 2000`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from kz_compliance_sdk.domain import commands
from tests.case_makers import a_notice, proposal, refusal
from tests.scene import LEGAL, M1
from tests.simulation.actors import Actors
from tests.simulation.checks import faults
from tests.simulation.world import RATES, Simulation

LOST, DIES = 0.3, 0.01
_HOURS = 30


def confirmed(folder: Path, many: int, seed: int) -> tuple[list[str], list[str], set[str]]:
    """The notices of the final reports in the regulator's books, one for each; every promise that was broken; and what
    struck."""
    rates = {**RATES, "cut": LOST, "crash": DIES}
    of = Simulation(folder, seed, frozenset({"cut", "crash", "sleep"}), rates=rates)
    try:
        host = of.on(0)
        of.acting = None  # nobody dies while the day is made
        for number in range(1, many + 1):
            host.push(a_notice(seed=number), f"made-{number}")
            lease = host.taking.claim(M1).result()
            assert lease is not None
            made = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(refusal("1"))))
            if made.decision.needs_approval:  # so many notices are unusual
                host.take(LEGAL, lease.case.id, commands.Approve(made.digest))
        actors = Actors(of, 0, _HOURS)
        actors.known.issued |= {case.notice_id: a_notice() for case in host.cases()}
        of.run(_HOURS * 3600)
        actors.settle()
        final = [report["notice_id"] for report in of.regulator.reports() if report["final"]]
        return final, list(faults(of, actors)), of.struck
    finally:
        of.close()


def main() -> int:
    """The exit code: 1 if the regulator holds fewer, or more, or a promise was broken."""
    reader = argparse.ArgumentParser(prog="python -m tests.simulation.confirming", description=__doc__)
    reader.add_argument("--many", type=int, default=2_000)
    reader.add_argument("--seed", type=int, default=1)
    given, began = reader.parse_args(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        final, broken, struck = confirmed(Path(folder), given.many, given.seed)
    print(*broken, sep="\n")
    said = f"{given.many} decided, {len(final)} confirmations of {len(set(final))} notices in the books"
    print(f"{said}, with {', '.join(sorted(struck))}: {time.monotonic() - began:.0f} s")
    return 0 if not broken and len(final) == len(set(final)) == given.many else 1


if __name__ == "__main__":
    sys.exit(main())
