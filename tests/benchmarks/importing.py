"""What a process pays to import the package, without using any of it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from functools import partial

from tests.benchmarks.rows import Row, Size, interleaved

NAMES = ("import.package", "import.plugin", "import.desk")
PLUGIN = "kz_compliance_sdk.testing.pytest_plugin"


def run(size: Size) -> list[Row]:
    """Wall time of an interpreter that imports, minus one that does not."""
    statements = {
        "bare": "pass",
        "package": "import kz_compliance_sdk",
        "desk": "from kz_compliance_sdk import ComplianceDesk",
        "pytest": "import pytest",
        "plugin": f"import pytest, {PLUGIN}",
    }
    found = interleaved(
        {name: partial(_wall_ms, statement) for name, statement in statements.items()},
        size.pick(3, 15),
    )

    def above(name: str, base: str = "bare") -> float:
        return statistics.median(a - b for a, b in zip(found[name], found[base], strict=True))

    note = f"above an interpreter that imports nothing ({statistics.median(found['bare']):.0f} ms)"
    return [
        Row(NAMES[0], above("package"), "ms", bar=60, sense="most", note=note),
        Row(NAMES[1], above("plugin", "pytest"), "ms", bar=60, sense="most", note="above `import pytest`"),
        Row(NAMES[2], above("desk"), "ms", note=f"what using it costs once, dependencies included; {note}"),
    ]


def _wall_ms(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return (time.perf_counter() - started) * 1000
