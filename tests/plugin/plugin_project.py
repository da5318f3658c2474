"""A project that has this package installed, without installing: the entry points that pyproject.toml declares."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def metadata_folder(folder: Path) -> Path:
    """A folder for sys.path in which importlib.metadata finds this distribution with the entry points of pytest."""
    declared = project()
    info = folder / f"{declared['name'].replace('-', '_')}-{declared['version']}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: {declared['version']}\n")
    lines = [f"{name} = {target}" for name, target in declared["entry-points"]["pytest11"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    (info / "RECORD").write_text("")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process that has this package installed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KZ_", "PYTEST_"))}
    return {**environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(metadata_folder(folder / "metadata"))])}


def passes(run: pytest.Pytester, source: str, *options: str, tests: int = 1) -> pytest.RunResult:
    """All tests of a file pass."""
    run.makepyfile(source)
    result = run.runpytest(*options)
    result.assert_outcomes(passed=tests)
    return result


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, with this plugin alone."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), *arguments]
    # By its entry point, and no other plugin of this environment: respx's brings httpx along.
    environ = {**environment(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": ""}
    return subprocess.run(
        command, cwd=folder, env=environ, check=False, capture_output=True, text=True, timeout=2 * PATIENCE_S
    )
