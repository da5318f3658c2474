"""The gate fails when it should: each check here has a control that must not pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.transitions import TRANSITIONS
from tests import chance, gate, generate
from tests.waiting import comes


def _options(**given: object) -> Namespace:
    defaults = {"quick": False, "tests": False, "no_tests": False, "only": None, "no_skip": False, "serial": False}
    return Namespace(**(defaults | {"shuffle": None} | given))


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(gate.ROOT / "pyproject.toml")]
    return subprocess.run(
        [*command, "--rootdir", str(folder), *arguments, str(folder)],
        cwd=gate.ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers", [(), ("-n", "2"), ("--side-by-side", "2")], ids=["one-process", "two-workers", "side-by-side"]
)
def test_no_skip_fails_a_run_in_which_a_test_was_skipped(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A skipped test fails the run, a run without one passes, and without the option a skip is allowed."""
    passes = "def test_passes() -> None:\n    assert True\n"
    (tmp_path / "test_it.py").write_text(passes)
    assert _pytest(tmp_path, "--no-skip", *workers).returncode == 0
    (tmp_path / "test_it.py").write_text(passes + "import pytest\n\n@pytest.mark.skip\ndef test_skipped(): ...\n")
    forbidden = _pytest(tmp_path, "--no-skip", *workers)
    assert forbidden.returncode == 1
    assert "1 skipped, and --no-skip forbids it" in forbidden.stdout
    assert _pytest(tmp_path, *workers).returncode == 0


_IN_ORDER = """
import pytest

SEEN = []

@pytest.mark.parametrize("number", range(9))
def test_it(number):
    SEEN.append(number)
    assert len(SEEN) < 9 or SEEN == sorted(SEEN), SEEN
"""


_WHERE = "import os\n\nos.environ['FIRST'] = str(os.getpid())\n"
_APART = """
import os
import time

import pytest

def here():
    return str(os.getpid()) == os.environ["FIRST"]

def test_here():
    print("a word of", __name__)
    time.sleep(0.2)  # time for the other to take a file
    assert here()

def test_skipped():
    pytest.skip("always")

@pytest.fixture
def torn():
    yield
    assert here()

def test_torn(torn): ...

def test_dies():
    if not here() and "DIES" in os.environ:
        os._exit(int(os.environ["DIES"]))
"""


@pytest.mark.slow
def test_what_a_process_beside_comes_to_is_told_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures with what their tests printed, errors and skips all count, and so does a process that dies. In one
    process, the control, nothing of it fails."""
    (tmp_path / "conftest.py").write_text(_WHERE)
    for at in range(6):
        (tmp_path / f"test_{at}.py").write_text(_APART)
    assert "18 passed, 6 skipped" in _pytest(tmp_path).stdout
    told = _pytest(tmp_path, "--side-by-side", "2")
    failed = re.findall(r"^FAILED .*test_(\d)\.py::test_here", told.stdout, re.MULTILINE)
    assert failed
    assert f"{len(failed)} failed, {18 - len(failed)} passed, 6 skipped, {len(failed)} error" in told.stdout
    assert re.findall(r"^a word of test_(\d)$", told.stdout, re.MULTILINE) == failed
    assert told.returncode == 1
    for code in ("7", "0"):
        monkeypatch.setenv("DIES", code)
        died = _pytest(tmp_path, "--side-by-side", "2")
        assert f"a process beside ended with {code}, after test_" in died.stdout
        assert died.returncode == 1


@pytest.mark.slow
def test_a_test_that_leans_on_its_place_is_found_when_the_order_is_shuffled(tmp_path: Path) -> None:
    """The same seed gives the same order, and to two workers as well; without one the tests run as they are written."""
    (tmp_path / "test_it.py").write_text(_IN_ORDER)
    (tests,) = gate.chosen(_options(tests=True, serial=True, shuffle=7))
    shuffled = [option for option in tests.command if option.startswith("--random-order")]
    assert _pytest(tmp_path).returncode == 0
    first, again = (_pytest(tmp_path, *shuffled) for _ in range(2))
    orders = [re.findall(r"E +AssertionError: (\[.+\])", done.stdout) for done in (first, again)]
    assert orders[0] == orders[1] != []
    assert (first.returncode, again.returncode) == (1, 1)
    # Each sees a part, and both must have collected the same.
    assert "9 passed" in _pytest(tmp_path, *shuffled, "-n", "2").stdout


@pytest.mark.slow
def test_the_quick_part_does_not_import_a_file_of_which_every_test_is_slow(tmp_path: Path) -> None:
    (tmp_path / "test_quick.py").write_text("def test_passes() -> None:\n    assert True\n")
    marked = "import pytest\n\npytestmark = pytest.mark.slow\n"
    (tmp_path / "test_slow.py").write_text(f"{marked}raise RuntimeError\n")
    assert _pytest(tmp_path, "-m", "not slow").returncode == 0
    assert _pytest(tmp_path).returncode == 2


@pytest.mark.slow
def test_the_busy_processes_end_with_what_they_run_beside() -> None:
    with gate.busy(2) as beside:
        assert [process.poll() for process in beside] == [None, None]
    assert all(process.returncode is not None for process in beside)
    # And with a gate that had no time to end them.
    code = (
        "import os, sys; from tests import gate; held = gate.busy(1).__enter__(); "
        "print(held[0].pid, flush=True); os._exit(0)"
    )
    left = subprocess.run([sys.executable, "-c", code], cwd=gate.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    comes(lambda: _is_over(int(left.stdout)))


def _is_over(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
def test_a_warning_and_an_unknown_marker_fail_a_run(tmp_path: Path) -> None:
    """The settings of pyproject.toml turn a warning into a failure and refuse a marker that nobody declared."""
    (tmp_path / "test_it.py").write_text("import warnings\n\ndef test_warns():\n    warnings.warn('old')\n")
    assert _pytest(tmp_path).returncode == 1
    (tmp_path / "test_it.py").write_text("import pytest\n\n@pytest.mark.slwo\ndef test_it(): ...\n")
    assert _pytest(tmp_path).returncode == 2


def test_bytecode_that_may_not_lie_beside_the_sources_is_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    kept = gate.environment()
    assert "PYTHONDONTWRITEBYTECODE" not in kept
    assert kept["PYTHONPYCACHEPREFIX"] == str(gate.ROOT / "__pycache__")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    assert "PYTHONPYCACHEPREFIX" not in gate.environment()


def test_a_failing_stage_fails_the_gate_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    broken = gate.Stage("broken", (sys.executable, "-c", "print('the cause'); raise SystemExit(3)"), "sys", "mend it")
    sound = gate.Stage("sound", (sys.executable, "-c", "print('chatter')"), "sys", "nothing")
    verdicts = (gate.run(broken), gate.run(sound))
    assert [verdict.passed for verdict in verdicts] == [False, True]
    shown = capsys.readouterr().out
    assert "the cause" in shown
    assert "chatter" not in shown
    assert "-> mend it" in gate.table(verdicts)
    assert gate.table(verdicts).splitlines()[-1].startswith("gate: FAILED at broken")
    assert gate.table(verdicts[1:]).splitlines()[-1].startswith("gate: passed")


def test_a_stage_whose_tool_is_missing_fails_and_names_the_requirements(capsys: pytest.CaptureFixture[str]) -> None:
    stage = gate.Stage("absent", (sys.executable, "-c", ""), "no_such_tool", "install it", group="docs")
    assert not gate.run(stage).passed
    assert "requirements/docs.txt" in capsys.readouterr().out


def test_the_options_choose_the_stages() -> None:
    every = [stage.name for stage in gate.STAGES]
    assert [stage.name for stage in gate.chosen(_options())] == every
    assert [stage.name for stage in gate.chosen(_options(no_tests=True))] == [name for name in every if name != "tests"]
    assert [stage.name for stage in gate.chosen(_options(only=["types", "lint"]))] == ["lint", "types"]
    (tests,) = gate.chosen(_options(tests=True, quick=True, no_skip=True))
    assert tests.command[-3:] == ("-m", "not slow", "--no-skip")
    assert tests.command[-5:-3] == ("--side-by-side", "3")
    (tests,) = gate.chosen(_options(tests=True))
    assert tests.command[-4:] == ("-n", "3", "--dist", "worksteal")


def test_a_generated_file_that_was_edited_or_lost_is_stale(tmp_path: Path) -> None:
    """A file is current only while it holds exactly what the code makes."""
    pages = {"a/page.md": lambda: "made\n"}
    assert generate.stale(tmp_path, pages) == ["a/page.md"]
    assert generate.write(tmp_path, pages) == ["a/page.md"]
    assert generate.stale(tmp_path, pages) == []
    (tmp_path / "a/page.md").write_text("made by hand\n")
    assert generate.stale(tmp_path, pages) == ["a/page.md"]


def test_the_states_page_has_every_move_of_the_table() -> None:
    """Each row is in the table under its verb, and in the diagram when it leads to another state."""
    page = generate.states_page()
    for row in TRANSITIONS:
        assert any(
            line.startswith(f"| `{row.verb}` |") and line.endswith(f"| {row.why} |") for line in page.splitlines()
        )
        if row.source is not None and row.source != row.target:
            (edge,) = [line for line in page.splitlines() if line.startswith(f"    {row.source} --> {row.target}: ")]
            assert row.verb in edge.split(": ")[1].split(", ")


def test_the_quick_part_draws_a_fifth_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "_quick", False)
    assert [chance.examples(count) for count in (500, 60, 10)] == [500, 60, 10]
    chance.draw_few()
    assert [chance.examples(count) for count in (500, 60, 10)] == [100, 20, 10]
