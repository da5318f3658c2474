"""What a process pays before it does anything: to import the package, and to answer the shortest commands."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks import deciding
from tests.benchmarks.command import cpu_of, used_by
from tests.benchmarks.rows import Row, Size, interleaved

NAMES = ("import.package", "import.plugin", "import.desk", "cli.help", "cli.list")
PLUGIN = "kz_compliance_sdk.testing.pytest_plugin"
CASES = 64
_NEEDED = "pydantic, sqlalchemy"


def run(size: Size) -> list[Row]:
    """CPU time of an interpreter that imports, minus one that does not; of a command, all of it."""
    statements = {
        "bare": "pass",
        "package": "import kz_compliance_sdk",
        "desk": "from kz_compliance_sdk import ComplianceDesk",
        "pytest": "import pytest",
        "plugin": f"import pytest, {PLUGIN}",
        "needed": f"import {_NEEDED}",
    }
    with size.place() as folder:
        path = folder / "cases.sqlite3"
        deciding.filled(path, CASES)
        measures: dict[str, Callable[[], float]] = {name: partial(_imported, one) for name, one in statements.items()}
        measures |= {"--help": partial(_command, path, "--help"), "list": partial(_command, path, "cases", "list")}
        found = interleaved(measures, size.pick(3, 15))

    def above(name: str, base: str = "bare") -> float:
        return statistics.median(a - b for a, b in zip(found[name], found[base], strict=True)) * 1000

    def whole(row: str, name: str, bar: float, note: str) -> Row:
        seconds, needed = (statistics.median(found[one]) for one in (name, "needed"))
        return Row(row, seconds, "s", f"import {_NEEDED}", needed, bar=bar, sense="most", note=f"CPU; {note}")

    note = f"CPU above an interpreter that imports nothing ({statistics.median(found['bare']) * 1000:.0f} ms)"
    return [
        Row(NAMES[0], above("package"), "ms", bar=60, sense="most", note=note),
        Row(NAMES[1], above("plugin", "pytest"), "ms", bar=60, sense="most", note="CPU above `import pytest`"),
        whole(NAMES[2], "desk", 0.6, "what using it costs once, dependencies included"),
        whole(NAMES[3], "--help", 0.35, "`kz-compliance --help`"),
        whole(NAMES[4], "list", 0.8, f"`kz-compliance cases list`, {CASES} open"),
    ]


def _imported(statement: str) -> float:
    return cpu_of([sys.executable, "-c", statement])


def _command(store: Path, *arguments: str) -> float:
    return used_by(store, *arguments).cpu
