"""What every test may rely on: a clock that stands still, an Env without chance, and the option that forbids skips."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.builders import ISSUED_AT
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env

__all__ = ["NOON", "FrozenClock"]

NOON = ISSUED_AT  # 2026-11-24T12:00:00 in Asia/Almaty
pytest_plugins = ["pytester"]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def env(clock: FrozenClock) -> Env:
    """An Env on the frozen clock: seeded ids and chance, sleep that takes no time, calls that run at once."""
    return frozen_env(clock)


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
