"""Runs the tests in several processes that are forked once all is collected, with `--side-by-side N`.

Each worker of pytest-xdist imports and collects everything, and tells a further process of every phase of every test.
Of the quick part, in which a test takes milliseconds, that was a tenth.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from multiprocessing.connection import Connection
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--side-by-side", type=int, default=1, metavar="N", help="run the tests in N processes (1)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what is collected in all processes: each takes the next file that none has taken."""
    count, option = session.config.getoption("--side-by-side"), session.config.option
    if count < 2 or session.testsfailed or option.collectonly or "fork" not in multiprocessing.get_all_start_methods():
        return None
    fork = multiprocessing.get_context("fork")
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    files.sort(key=len, reverse=True)  # one that is long, begun last, would be waited for alone
    taken = fork.Value("i", 0)

    def mine() -> Iterator[pytest.Item]:
        while True:
            with taken.get_lock():
                at, taken.value = taken.value, taken.value + 1
            if at >= len(files):
                return
            yield from files[at]

    others = []
    for _ in range(count - 1):
        hear, tell = fork.Pipe(duplex=False)
        process = fork.Process(target=_run_beside, args=(session, mine, tell))
        process.start()
        tell.close()
        others.append((process, _Heard(session.config, hear)))

    def hear_all() -> None:
        for _, heard in others:
            heard.what_came()

    try:
        _run(session, mine(), hear_all)
        for process, heard in others:
            heard.to_the_end()
            process.join()
            if process.exitcode or not heard.is_whole:
                session.shouldfail = f"a process beside ended with {process.exitcode}, after {heard.last}"
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
    finally:
        for process, _ in others:
            process.terminate()
    return True


def _run(session: pytest.Session, items: Iterator[pytest.Item], after_each: Callable[[], None]) -> None:
    """As pytest's own loop, which needs to know all items before."""
    item = next(items, None)
    while item is not None:
        following = next(items, None)
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        after_each()
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following


class _Heard:
    """The reports of a process beside, given on to this one's plugins as they come."""

    def __init__(self, config: pytest.Config, hear: Connection[Any, Any]) -> None:
        self._config, self._hear = config, hear
        self.last, self.is_whole = "no test", False

    def what_came(self) -> None:
        while self._hear.poll():
            try:
                self._next()
            except EOFError:
                return

    def to_the_end(self) -> None:
        with self._hear:
            while True:
                try:
                    self._next()
                except EOFError:
                    return

    def _next(self) -> None:
        hook, data = self._config.hook, self._hear.recv()
        if data is None:
            self.is_whole = True
            return
        report = hook.pytest_report_from_serializable(config=self._config, data=data)
        self.last = report.nodeid
        hook.pytest_runtest_logreport(report=report)


class _Tells:
    """Tells what each test came to, and of what was done around it what did not pass."""

    def __init__(self, config: pytest.Config, tell: Connection[Any, Any]) -> None:
        self._config, self._tell = config, tell

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            hook = self._config.hook
            self._tell.send(hook.pytest_report_to_serializable(config=self._config, report=report))


def _run_beside(session: pytest.Session, mine: Callable[[], Iterator[pytest.Item]], tell: Connection[Any, Any]) -> None:
    plugins = session.config.pluginmanager
    plugins.unregister(name="terminalreporter")
    plugins.register(_Tells(session.config, tell))
    # Else both would write into the same file what their tests print.
    capture: Any = plugins.get_plugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    with suppress(session.Failed):  # the reports said so
        _run(session, mine(), lambda: None)
    # Without this the one that hears knows that some of the tests never ran.
    tell.send(None)
