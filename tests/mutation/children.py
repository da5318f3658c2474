"""Forked children of a pytest that has collected its tests: each starts warm, and whatever it breaks goes with it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

_MEMORY = 6 * 1024**3
_RESULT, _ERROR, _AT = "result.json", "error.txt", "at"

T = TypeVar("T")


class ChildFailed(Exception):
    """A child failed outside a test: the fault is the tool's, and no verdict."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a child ended: `result` is None if it died or was stopped while it ran the test of number `at`."""

    task: T
    result: Any
    at: int
    late: bool
    seconds: float


@dataclass(slots=True)
class _Child(Generic[T]):
    task: T
    pid: int
    folder: Path
    started: float
    until: float


@dataclass(slots=True)
class Watch:
    """Told by pytest how each test ended."""

    failed: bool = False
    skipped: bool = False
    seconds: float = 0.0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed
        self.skipped |= report.skipped
        self.seconds += report.duration

    def run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """Run one test. Whatever leaves it, even what stops a whole run, is its failure."""
        self.failed, self.skipped, self.seconds = False, False, 0.0
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException:  # noqa: BLE001 - a change may make it anything
            self.failed = True


def run_until_one_fails(items: Sequence[pytest.Item], tell: Callable[[int], None]) -> str | None:
    """Run the tests, telling the number of each before it begins, and return the id of the first that fails."""
    watch = Watch()
    items[0].config.pluginmanager.register(watch)
    for number, (item, following) in enumerate(zip(items, [*items[1:], None], strict=True)):
        tell(number)
        watch.run(item, following)
        if watch.failed:
            return item.nodeid
    return None


def _be_child(folder: Path, work: Callable[[Callable[[int], None]], Any]) -> None:
    """Do the work in this process, leave the result in the folder, and end without tidying up. Never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        # The folder goes with the child, and with it what tests leave for the end of their run.
        os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        place = os.open(folder / _AT, os.O_CREAT | os.O_WRONLY)

        def tell(number: int) -> None:
            os.pwrite(place, b"%8d" % number, 0)

        result = work(tell)
        (folder / _RESULT).write_text(json.dumps(result), encoding="utf-8")
        code = 0
    except BaseException:  # noqa: BLE001 - told to the parent
        (folder / _ERROR).write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def _fork(task: T, limit: float, room: Path, work: Callable[[T, Callable[[int], None]], Any]) -> _Child[T]:
    if threading.active_count() > 1:
        raise ChildFailed(f"a test module started threads while it was collected: {threading.enumerate()}")
    folder = Path(tempfile.mkdtemp(dir=room, prefix="m"))
    now = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_child(folder, lambda tell: work(task, tell))
    return _Child(task, pid, folder, now, now + limit)


def _end(child: _Child[T], late: bool) -> Ended[T]:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # what its tests started and did not stop
    if late:
        os.waitpid(child.pid, 0)
    error, result, place = child.folder / _ERROR, child.folder / _RESULT, child.folder / _AT
    told = error.read_text(encoding="utf-8") if error.exists() else ""
    outcome = json.loads(result.read_text(encoding="utf-8")) if result.exists() else None
    at = int(place.read_text()) if place.exists() and place.stat().st_size else 0
    shutil.rmtree(child.folder, ignore_errors=True)
    if told:
        raise ChildFailed(told)
    return Ended(child.task, outcome, at, late, time.monotonic() - child.started)


def in_children(
    tasks: deque[tuple[T, float]],
    work: Callable[[T, Callable[[int], None]], Any],
    *,
    jobs: int,
    room: Path,
) -> Iterator[Ended[T]]:
    """Do the work of each task, which comes with its limit in seconds, in a child of its own; yield them as they end.

    Tasks may be put in meanwhile.

    Raises ChildFailed if one fails by a fault of the tool.
    """
    running: list[_Child[T]] = []
    try:
        while True:
            while len(running) < jobs and tasks:
                running.append(_fork(*tasks.popleft(), room, work))
            if not running:
                return
            for child in running[:]:
                done = os.waitpid(child.pid, os.WNOHANG)[0] == child.pid
                late = not done and time.monotonic() > child.until
                if done or late:
                    running.remove(child)
                    yield _end(child, late)
            time.sleep(0.005)
    finally:
        for child in running:
            _end(child, late=True)
