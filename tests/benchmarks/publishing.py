"""What a transparency report over a million ended cases costs, by the command that people use, with all its files."""

from __future__ import annotations

import json
import time
from pathlib import Path

from kz_compliance_sdk.adapters.sql import derived
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.domain.clock import local
from tests.benchmarks import samples, scale
from tests.benchmarks.command import Used, used_by
from tests.benchmarks.rows import Row, Size
from tests.tally_makers import random_tallies

NAMES = ("figures.million", "figures.memory")
_VARIANTS = 4_000
_YEAR = 365 * 86_400


def run(size: Size) -> list[Row]:
    """Both rows, from one run of the command in a process of its own."""
    cases = size.pick(20_000, 1_000_000)
    with size.place() as folder:
        path = folder / "cases.sqlite3"
        running = cases // 100
        scale.build(path, cases + running, running, 0)
        end = int(time.time())
        tallies(path, end)
        used, told = _report(folder, path, end)
        assert told == cases + running, f"{told} demands were counted"
    sizes = f"{cases:,} ended cases of {_VARIANTS:,} kinds, {running:,} running"
    note = f"{sizes}; every file; CPU {used.cpu:.1f} s, one process"
    return [
        Row(NAMES[0], used.wall, "s", bar=60, sense="most", note=note),
        Row(NAMES[1], used.peak, "MiB", bar=300, sense="most", note="peak resident memory of that process"),
    ]


def tallies(path: Path, end: int) -> None:
    """A tally for each ended case of a file, received over the year before `end` (UTC seconds)."""
    connection = open_connection(choose_driver(), str(path), cache_mib=256)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TEMP TABLE variants (k INTEGER PRIMARY KEY, facts TEXT)")
    made = enumerate(one.facts for one in random_tallies(1, _VARIANTS))
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO variants VALUES (?, ?)", made)
    columns = ", ".join(column.name for column in derived.tallies.columns)
    # Cases come one after the other, and a few are typed in weeks after they were received.
    received = f"{end - _YEAR} + n * 28 % {_YEAR - 1} - iif(n % 50, 0, 2000000) * (n > 100000)"
    connection.execute(
        f"INSERT INTO tallies ({columns}) SELECT n, :platform, id, {received}, {received} - 600, {received} + 86400, "
        f"{received} + n * 31 % 100000, {received} + n * 31 % 100000 + 900, facts "
        f"FROM (SELECT id, stream AS n FROM cases WHERE state = 'closed') JOIN variants ON k = n * 7 % {_VARIANTS}",
        {"platform": samples.PLATFORM},
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _report(folder: Path, path: Path, end: int) -> tuple[Used, int]:
    """What one run took, and how many demands it counted."""
    first, last = local(end - _YEAR)[:10], local(end + 86_400)[:10]
    asked = ["--from", first, "--to", last, "--draft", "--out", str(folder / "out")]
    used = used_by(path, "transparency", *asked)
    document = json.loads((folder / "out" / "report.json").read_bytes())
    told = next(one["values"][0]["count"] for one in document["figures"] if one["figure"] == "demands")
    return used, told
