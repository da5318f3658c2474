"""What every test may rely on: a clock that stands still, an Env without chance, and the option that forbids skips."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.builders import ISSUED_AT
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from tests.chance import draw_few
from tests.scene import Host, World

__all__ = ["NOON", "FrozenClock"]

NOON = ISSUED_AT  # 2026-11-24T12:00:00 in Asia/Almaty
pytest_plugins = ["pytester", "tests.beside_plugin", "tests.side_by_side"]
# The same examples each time, and as much time for each as a busy machine takes.
settings.register_profile(
    "suite", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
_ROOM = 2 * 1024**3


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def env(clock: FrozenClock) -> Env:
    """An Env on the frozen clock: seeded ids and chance, sleep that takes no time, calls that run at once."""
    return frozen_env(clock)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A whole desk on a file of its own."""
    one = Host(World(tmp_path / "host.sqlite3"))
    yield one
    one.store.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skip", action="store_true", help="a skipped test fails the run")


def _quick(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "not slow")


@pytest.fixture(scope="session", autouse=True)
def _made_once(pytestconfig: pytest.Config) -> Iterator[None]:
    """The quick part makes once for all tests what costs much and is the same each time."""
    with pytest.MonkeyPatch.context() as patch:
        if _quick(pytestconfig):
            import httpx

            from kz_compliance_sdk.adapters.sql import schema, store

            _remember(patch)
            # Each new file has the same schema.
            patch.setattr(store, "new_store", cache(schema.new_store))
            # Each client would read the same 150 certificates.
            patch.setattr(httpx, "create_ssl_context", cache(httpx.create_ssl_context))
        yield


def _remember(patch: pytest.MonkeyPatch) -> None:
    from tests.one_dialect import share
    from tests.remembered import remember

    share(patch)
    remember(patch)


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a campaign, which reads the same chains thousands of times: the whole suite remembers nothing elsewhere."""
    _remember(monkeypatch)


def pytest_configure(config: pytest.Config) -> None:
    """The quick part draws fewer examples and keeps its files in memory where there is room: most of its time went into
    waiting for the disk.

    The whole suite, and a test that is run by its name, draw all of them and write to the disk.
    """
    # Looking for cycles in a heap of all that was imported and collected took a twentieth of the quick part and a tenth
    # of the campaigns, and looking often in what a test is about to drop by itself half of that.
    gc.set_threshold(200_000, 10, 10)
    # Under this name the processes of a run share a PostgreSQL, if they need one.
    os.environ.setdefault("KZ_COMPLIANCE_TEST_RUN", uuid.uuid4().hex[:12])
    if _quick(config):
        draw_few()
    memory, chosen = Path("/dev/shm"), "PYTEST_DEBUG_TEMPROOT"
    if not _quick(config) or config.getoption("basetemp") or chosen in os.environ:
        return
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM:
        folder = os.environ[chosen] = tempfile.mkdtemp(prefix="quick-", dir=memory)

        def forget() -> None:
            os.environ.pop(chosen, None)
            shutil.rmtree(folder, ignore_errors=True)
            if sys.pycache_prefix:
                shutil.rmtree(Path(sys.pycache_prefix, *Path(folder).parts[1:]), ignore_errors=True)

        config.add_cleanup(forget)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The quick part does not import files of which every test is slow: some need much that nothing else does."""
    if not _quick(config) or collection_path.suffix != ".py":
        return None
    return "\npytestmark = pytest.mark.slow\n" in collection_path.read_text(encoding="utf-8") or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: at the end of the suite one long test would keep every worker but its own idle."""
    items.sort(key=lambda item: -_seconds(item))


def _seconds(item: pytest.Item) -> int:
    """What a test takes, roughly: where it is marked slow and says no more, a few."""
    slow = item.get_closest_marker("slow")
    return int(slow.kwargs.get("takes_s", 2)) if slow else 0


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there now stays until the end, so that no search for cycles need come back to it."""
    gc.freeze()


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
