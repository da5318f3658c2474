"""The plugin as an installation makes it known, without installing: the entry points that pyproject.toml declares."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def metadata_folder(folder: Path) -> Path:
    """A folder for sys.path in which importlib.metadata finds this distribution with the entry points of pytest."""
    declared = project()
    info = folder / f"{declared['name'].replace('-', '_')}-{declared['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: {declared['version']}\n")
    lines = [f"{name} = {target}" for name, target in declared["entry-points"]["pytest11"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    (info / "RECORD").write_text("")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process that has this package installed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KZ_", "PYTEST_"))}
    return {**environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(metadata_folder(folder / "metadata"))])}
