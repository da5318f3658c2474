"""`python -m tests.benchmarks`: every figure with what it is measured against, its bar and its verdict.

Exit code 0 if every row that was measured reaches its bar, 1 if one does not, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks import (
    calling,
    deciding,
    delivering,
    evidence,
    http,
    importing,
    ledger,
    peers,
    publishing,
    rebuilding,
    scale,
    storing,
)
from tests.benchmarks.rows import Row, Size, table

GROUPS: dict[str, tuple[tuple[str, ...], Callable[[Size], list[Row]]]] = {
    "http": (http.NAMES, http.run),
    "asgi": ((*calling.NAMES, calling.WATCHED), calling.run),
    "storing": (storing.NAMES, storing.run),
    "deciding": (deciding.NAMES, deciding.run),
    "scale": ((*scale.NAMES, *scale.SCALED), scale.run),
    "delivering": (delivering.NAMES, delivering.run),
    "peers": (peers.NAMES, peers.run),
    "publishing": (publishing.NAMES, publishing.run),
    "importing": (importing.NAMES, importing.run),
    "ledger": (ledger.NAMES, ledger.run),
    "rebuilding": (rebuilding.NAMES, rebuilding.run),
    "evidence": (evidence.NAMES, evidence.run),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look, in less than a minute: small files, short rounds")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a group or a row (see --list)")
    parser.add_argument("--list", action="store_true", help="the groups and their rows, and stop")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), help="a folder on the disk under test")
    options = parser.parse_args(arguments)
    if options.list:
        for group, (names, _) in GROUPS.items():
            print(group, *names, sep="\n  ")
        return 0
    groups = [group for group in GROUPS if not options.only or _asked(group, options.only)]
    if not groups or not options.dir.is_dir():
        parser.error("nothing has that name: see --list" if options.dir.is_dir() else "--dir is no folder")
    started = time.perf_counter()
    rows = measured(groups, options.only, Size(options.quick, options.dir))
    seconds = time.perf_counter() - started
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {_disk(options.dir)}"
    if options.json:
        print(
            json.dumps(
                {
                    "machine": machine,
                    "quick": options.quick,
                    "seconds": round(seconds, 1),
                    "rows": [r.as_dict() for r in rows],
                }
            )
        )
    else:
        size = "quick: small files, short rounds" if options.quick else "full"
        print(f"{table(rows)}\n\n{machine}; {size}; {seconds:.0f} s. Ratios are medians of interleaved rounds.")
    return 1 if any(row.verdict == "below" for row in rows) else 0


def measured(groups: Sequence[str], only: Sequence[str], size: Size) -> list[Row]:
    """The rows of these groups that were asked for."""
    rows: list[Row] = []
    for group in groups:
        print(f"measuring {group} ...", file=sys.stderr, flush=True)
        found = GROUPS[group][1](size)
        asked = [row for row in found if not only or group in only or any(row.name.startswith(o) for o in only)]
        for row in asked:  # told at once: a later group that breaks takes nothing of it away
            print(f"  {row.name} {row.ratio or row.figure or 0:.2f} {row.verdict}", file=sys.stderr, flush=True)
        rows += asked
    return rows


def _asked(group: str, only: Sequence[str]) -> bool:
    return group in only or any(name.startswith(o) for name in GROUPS[group][0] for o in only)


def _disk(folder: Path) -> str:
    place, best, kind = str(folder.resolve()), "", "unknown"
    mounts = Path("/proc/self/mounts")
    for line in mounts.read_text(encoding="utf-8").splitlines() if mounts.exists() else []:
        _, point, name, *_ = line.split(" ")
        if (place + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, name
    memory = " (in memory: what is durable costs nothing here)" if kind in ("tmpfs", "ramfs") else ""
    return f"files on {kind}{memory}"


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # each new store says that it is one
    sys.exit(main())
