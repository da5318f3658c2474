"""The whole of it on a package of one module: what a test kills, what none does, what hangs, and going on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.__main__ import HERE
from tests.mutation.page import PAGE

pytestmark = pytest.mark.slow

CODE = """
def bounded(x):
    while x > 3:
        x -= 1
    return x

def ignored(x):
    return x
"""
TESTS = """
import pytest
from tiny.core.module import bounded, ignored

def test_bounded():
    assert bounded(6) == 3

def test_runs_it_and_looks_away():
    ignored(5)

@pytest.mark.slow
def test_looks():
    assert ignored(5) == 5

def test_is_red_anyway():
    assert bounded(6) == ignored(4)
"""
SURVIVOR = ("ignored", "none returned", "return x -> return None")
RUN = "import sys; from pathlib import Path; from tests.mutation.__main__ import main, Tree; "
RUN += "sys.exit(main(sys.argv[2:], Tree(Path(sys.argv[1]), 'tiny')))"
SETTINGS = "[pytest]\nmarkers = slow: slow\npythonpath = .\naddopts = -p no:schemathesis\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "tiny/__init__.py": "",
        "tiny/core/__init__.py": "",
        "tiny/core/module.py": CODE,
        "tests/test_module.py": TESTS,
        "pytest.ini": SETTINGS,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        RUN,
        str(project),
        "--packages",
        "core",
        "--patience",
        "1",
        "--jobs",
        "2",
        *options,
    ]
    # The tests of the project are a package named `tests` only by their folder.
    environment = {"PYTHONPATH": f"{HERE.root}", "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=project, env=environment, check=False, capture_output=True, text=True, timeout=100
    )


def _changes(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str, str], dict[str, Any]]:
    assert done.stdout, done.stderr
    return {(row["function"], row["operator"], row["change"]): row for row in json.loads(done.stdout)["changes"]}


def test_kills_survivors_and_what_hangs(project: Path) -> None:
    done = _run(project, "--n", "100", "--json")
    changes = _changes(done)
    assert done.returncode == 1
    killer = "tests/test_module.py::test_bounded"
    assert changes["bounded", "constant", "3 -> 4"]["killed_by"] == killer
    hung = changes["bounded", "statement removed", "without: x -= 1"]
    assert hung["killed_by"] == killer
    assert hung["seconds"] >= 1
    assert [key for key, row in changes.items() if row["survived"]] == [SURVIVOR]
    assert json.loads(done.stdout)["unfit"] == ["tests/test_module.py::test_is_red_anyway"]


def test_a_run_goes_on_where_it_was(project: Path) -> None:
    assert "2 changes, 2 to try, 0 known" in _run(project, "--n", "2").stdout
    again = _run(project, "--n", "4").stdout
    assert "measuring" not in again
    assert "4 changes, 2 to try, 2 known" in again
    tests = project / "tests" / "test_module.py"
    tests.write_text(tests.read_text() + "\n\ndef test_more():\n    assert True\n")
    assert "4 changes, 4 to try, 0 known" in _run(project, "--n", "4").stdout


def test_what_survives_is_tried_against_the_slow_tests(project: Path) -> None:
    refused = _run(project, "--n", "100", "--slow")
    assert refused.returncode == 2
    assert "run without --slow first" in refused.stdout
    _run(project, "--n", "100")
    done = _run(project, "--n", "100", "--slow", "--json")
    row = _changes(done)[SURVIVOR]
    assert row["killed_by"] == "tests/test_module.py::test_looks"
    assert done.returncode == 0


def test_a_survivor_needs_a_reason_and_too_many_fail(project: Path) -> None:
    (row,) = (row for row in _changes(_run(project, "--n", "100", "--json")).values() if row["survived"])
    key = f"{row['module']}:{row['function']}:{row['operator'].replace(' ', '-')}:{row['digest']}"
    page = project / PAGE
    page.parent.mkdir()
    page.write_text(f"| `{key}` | `return x` | Nobody wants it. |\n")
    told = _run(project, "--n", "100", "--bar", "50")
    assert told.returncode == 0
    assert "Nobody wants it." in told.stdout
    assert _run(project, "--n", "100", "--bar", "1").returncode == 1
    page.write_text("")
    without = _run(project, "--n", "100", "--bar", "50")
    assert without.returncode == 1
    assert f"NO REASON in {PAGE}" in without.stdout
