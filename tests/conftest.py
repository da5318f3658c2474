"""What every test may rely on: a clock that stands still, an Env without chance, and the option that forbids skips."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from kz_compliance_sdk.ports import Env, Uuid7

NOON = 1_795_503_600  # 2026-11-24T12:00:00 in Asia/Almaty


class FrozenClock:
    """UTC seconds that pass only when a test lets them. Sleeping on it lets them pass."""

    def __init__(self, now: int = NOON) -> None:
        self._now = float(now)

    def __call__(self) -> int:
        return int(self._now)

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


def _at_once(call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - the future is how the caller learns of it
        future.set_exception(error)
    return future


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def env(clock: FrozenClock) -> Env:
    """An Env on the frozen clock: seeded ids and chance, sleep that takes no time, calls that run at once."""
    chance = random.Random(20261124)
    return Env(
        clock=clock,
        monotonic=clock.monotonic,
        ids=Uuid7(lambda: clock() * 1000, chance.getrandbits),
        random=chance.random,
        entropy=chance.randbytes,
        sleep=clock.advance,
        spawn=_at_once,
        maybe=lambda _name, _chance: False,
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skip", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    # With xdist the workers report to the controller, and only there is a terminal reporter.
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("--no-skip"):
        return
    skipped = len(reporter.stats.get("skipped", ()))
    if skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        reporter.write_line("")
        reporter.write_line(
            f"{skipped} skipped, and --no-skip forbids it: a test that did not run has proved nothing", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
