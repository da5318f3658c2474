"""A worker on a host whose clock is set: it does not wait for its watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.frozen import FrozenClock
from tests.arrivals.bad_inputs.office import settings
from tests.arrivals.bad_inputs.requests import NOW

pytestmark = pytest.mark.slow


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def alerts(tmp_path: Path, clock: FrozenClock) -> Iterator[list[str]]:
    given = settings(tmp_path / "desk.sqlite3", worker={"idle_s": 0.05, "watch_interval_s": 86_400})
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    desk = ComplianceDesk(given, env=env, create=True)
    told: list[str] = []
    desk.on_alert(lambda alert: told.extend(line.reason for line in alert.lines))
    worker = Worker(desk, poll=False)
    thread = threading.Thread(target=worker.run)
    thread.start()
    until = time.monotonic() + 20
    while desk.health().heartbeats == () and time.monotonic() < until:
        time.sleep(0.01)
    yield told
    worker.stop()
    thread.join(30)
    desk.close()


@pytest.mark.parametrize("by", [90_000, -90_000])
def test_the_worker_finds_that_its_clock_was_set_before_anything_leaves(
    clock: FrozenClock, alerts: list[str], by: int
) -> None:
    clock.step(by)
    until = time.monotonic() + 20
    while "clock_stepped" not in alerts and time.monotonic() < until:
        time.sleep(0.01)
    assert alerts == ["clock_stepped"]
