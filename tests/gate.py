"""The one gate that every change passes, the same here and in CI: `python -m tests.gate`.

Each stage is a command that also works alone. All of them run, whatever fails, so one pass shows all there is to mend.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of the gate, the module it needs, and what to do when it fails."""

    name: str
    command: tuple[str, ...]
    needs: str
    remedy: str
    group: str = "lint"
    live: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a stage ended, and after how many seconds."""

    stage: Stage
    passed: bool
    seconds: float


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", name, *arguments)


_CALL_IMPORT_LINTER = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"

_NEVER_REST = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    pass"

STAGES = (
    Stage("format", _module("ruff", "format", "--check", "."), "ruff", "python -m tests.gate --fix"),
    Stage("lint", _module("ruff", "check", "."), "ruff", "python -m tests.gate --fix, then mend by hand what is left"),
    Stage("types", _module("mypy"), "mypy", "mend the types; an ignore names its code and says why"),
    Stage(
        "imports",
        (PYTHON, "-c", _CALL_IMPORT_LINTER),
        "importlinter",
        "move the code down a layer, or hand the value in; the layers are in pyproject.toml",
    ),
    Stage(
        "house",
        _module("tests.house"),
        "pydantic",
        "say it with fewer: a table, a port's method or a hand-off less; the figures are in tests/house.py",
        group="test",
        live=True,
    ),
    Stage("deps", _module("deptry", "."), "deptry", "declare in pyproject.toml what is imported, and nothing else"),
    Stage("stale", _module("tests.generate", "--check"), "pydantic", "python -m tests.generate", group="test"),
    Stage(
        "tests",
        _module("pytest"),
        "pytest",
        "run the failing test alone: python -m pytest PATH::NAME",
        group="test",
        live=True,
    ),
    Stage(
        "docs",
        _module("zensical", "build", "--clean", "--strict", "-f", "mkdocs.yml"),
        "zensical",
        "mend the page that is named; every link, anchor and cross-reference must resolve",
        group="docs",
    ),
)


def chosen(options: argparse.Namespace) -> tuple[Stage, ...]:
    """Return the stages that the options ask for, with the options of the tests filled in."""
    names = {"tests"} if options.tests else set(options.only or (stage.name for stage in STAGES))
    if options.no_tests:
        names.discard("tests")
    pytest_options: list[str] = []
    if not options.serial:
        # On two cores a third worker has the time in which another waits for a process, a socket or the disk. Of the
        # quick part a worker that tells of each phase of each test took a tenth.
        pytest_options += ["--side-by-side", "3"] if options.quick else ["-n", "3", "--dist", "worksteal"]
    if options.quick:
        pytest_options += ["-m", "not slow"]
    if options.no_skip:
        pytest_options.append("--no-skip")
    if options.shuffle is not None:
        # Within a file and the files among each other: what a file sets up for all its tests stays up for them.
        pytest_options += [f"--random-order-seed={options.shuffle}", "--random-order-bucket=module"]
    return tuple(
        replace(stage, command=stage.command + tuple(pytest_options)) if stage.name == "tests" else stage
        for stage in STAGES
        if stage.name in names
    )


def environment() -> dict[str, str]:
    """What a stage runs in. Whoever wants no bytecode beside the sources gets it apart from them: without any, each
    worker compiles all that it imports, which takes as long as a third of the quick part."""
    given = os.environ | {"NO_COLOR": "1"}
    if given.pop("PYTHONDONTWRITEBYTECODE", ""):
        given.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "__pycache__"))
    return given


def run(stage: Stage) -> Verdict:
    """Run one stage. What it prints is shown as it comes if the stage is `live`, and otherwise only if it fails."""
    started = time.monotonic()
    if importlib.util.find_spec(stage.needs) is None:
        print(f"\n== {stage.name}: {stage.needs} is not installed: pip install -r requirements/{stage.group}.txt")
        return Verdict(stage, False, 0.0)
    if stage.live:
        print(f"== {stage.name}", flush=True)
        code = subprocess.run(stage.command, cwd=ROOT, env=environment(), check=False).returncode
    else:
        done = subprocess.run(
            stage.command,
            cwd=ROOT,
            env=environment(),
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        code = done.returncode
        if code:
            print(f"== {stage.name}\n{done.stdout.rstrip()}", flush=True)
    return Verdict(stage, code == 0, time.monotonic() - started)


@contextlib.contextmanager
def busy(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many processes beside the tests that do nothing and never rest. They end with the gate, however it ends."""
    command = (PYTHON, "-c", _NEVER_REST, str(os.getpid()))
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
            started.append(process)
        yield started


def table(verdicts: tuple[Verdict, ...]) -> str:
    """Return one line a stage: name, verdict, seconds, and what to do where it failed."""
    lines = []
    for verdict in verdicts:
        word = "passed" if verdict.passed else "FAILED"
        remedy = "" if verdict.passed else f"  -> {verdict.stage.remedy}"
        lines.append(f"{verdict.stage.name:<8} {word} {verdict.seconds:7.1f} s{remedy}")
    failed = [verdict.stage.name for verdict in verdicts if not verdict.passed]
    total = sum(verdict.seconds for verdict in verdicts)
    lines.append(f"gate: {'FAILED at ' + ', '.join(failed) if failed else 'passed'} in {total:.1f} s")
    return "\n".join(lines)


def mend() -> int:
    """Let ruff rewrite what it can rewrite safely."""
    for arguments in (("check", "--fix", "--exit-zero", "."), ("format", ".")):
        code = subprocess.run(_module("ruff", *arguments), cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


def pin() -> int:
    """Resolve the groups of pyproject.toml again into requirements/*.txt, without a registry's address in them."""
    if importlib.util.find_spec("uv") is None:
        print("uv is not installed: pip install uv")
        return 1
    # The later files are resolved against the first, so that all three fit into one environment.
    wanted = (("test", ("--all-extras", "pyproject.toml")), ("lint", ()), ("docs", ()))
    for group, sources in wanted:
        target = f"requirements/{group}.txt"
        against = () if group == "test" else ("-c", "requirements/test.txt")
        command = _module(
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--upgrade",
            "--python-version",
            "3.11",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-header",
            "--no-annotate",
            "--group",
            f"pyproject.toml:{group}",
            *sources,
            *against,
            "-o",
            target,
        )
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the gate and return its exit code: 0 when every stage passed, 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate", description="The gate that every change passes.")
    parser.add_argument("--quick", action="store_true", help="leave out the tests marked slow")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tests", action="store_true", help="only the tests")
    which.add_argument("--no-tests", action="store_true", help="everything but the tests")
    which.add_argument(
        "--only",
        action="append",
        choices=[stage.name for stage in STAGES],
        metavar="STAGE",
        help="only this stage (may be repeated): " + ", ".join(stage.name for stage in STAGES),
    )
    parser.add_argument("--no-skip", action="store_true", help="a skipped test fails the run (as in CI)")
    parser.add_argument("--serial", action="store_true", help="run the tests in one process")
    parser.add_argument(
        "--shuffle",
        nargs="?",
        type=int,
        const=random.randrange(1_000_000),
        metavar="SEED",
        help="run the tests in an order that SEED chooses; without one it is drawn, and said",
    )
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="keep N processes busy beside the tests (0)")
    parser.add_argument("--fix", action="store_true", help="rewrite what ruff can rewrite, and stop")
    parser.add_argument("--pin", action="store_true", help="resolve requirements/*.txt again (needs uv), and stop")
    options = parser.parse_args(arguments)
    if options.fix:
        return mend()
    if options.pin:
        return pin()
    if options.shuffle is not None:
        print(f"the order of the tests: --shuffle {options.shuffle}")
    with busy(options.busy):
        verdicts = tuple(run(stage) for stage in chosen(options))
    print(f"\n{table(verdicts)}")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
