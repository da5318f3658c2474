"""The worker when the other side hangs: one endpoint's calls take no place from another's, and it shows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.domain.clock_steps import STEP_S
from kz_compliance_sdk.domain.decision import Wording
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import Effect, EffectResult, Env, InForce
from kz_compliance_sdk.services.health import SILENT_AFTER_S
from tests.arrivals.bad_inputs.office import Feed, settings
from tests.arrivals.bad_inputs.requests import NOW, envelope, signed
from tests.case_makers import measure, proposal
from tests.conftest import FrozenClock
from tests.waiting import PATIENCE_S, comes

IN_FLIGHT = 2
LEGAL, MODERATOR = Actor("lawyer", frozenset({"legal"})), Actor("m", frozenset({"moderator"}))


class Hanging:
    """An enforcer whose calls do not come back before the gate is opened."""

    def __init__(self, clock: FrozenClock) -> None:
        self._clock, self.gate, self.begun = clock, threading.Event(), 0
        self._lock = threading.Lock()

    def enforce(self, _effect: Effect) -> EffectResult:
        with self._lock:
            self.begun += 1
        self.gate.wait(2 * PATIENCE_S)
        return InForce(self._clock())

    restore = enforce


class Scene:
    def __init__(self, path: Path) -> None:
        self.clock = FrozenClock(NOW)
        self.enforcer, self.feed = Hanging(self.clock), Feed()
        self.alerts: list[str] = []
        given = settings(
            path,
            regulator={"in_flight": IN_FLIGHT},
            worker={"idle_s": 0.05, "watch_interval_s": 1, "heartbeat_s": 1},
        )
        env = replace(Env.system(), clock=self.clock, monotonic=self.clock.monotonic, boot=self.clock.boot)
        self.desk = ComplianceDesk(given, enforcer=self.enforcer, regulator=self.feed, env=env, create=True)
        self.desk.on_alert(lambda alert: self.alerts.extend(line.reason for line in alert.lines))
        self.worker, self.rounds = Worker(self.desk, poll=False), 0
        rest = self.worker._rest

        def counted(seconds: float) -> None:
            self.rounds += 1
            rest(seconds)

        self.worker._rest = counted  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self.worker.run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.worker.stop()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def push(self, name: str) -> None:
        told = envelope()
        told["id"], told["data"]["notice_id"] = f"msg_{name}", name
        for item in told["data"]["items"]:
            item["url"] += f"-{name}"  # each its own object: effects on one wait for each other
        request = signed(told, at=self.clock())
        assert self.desk.receive("POST", "/notices", request.headers, request.body).status == 202

    def decide(self) -> None:
        lease = self.desk.claim(MODERATOR)
        assert lease is not None
        words = (Statement(lang=lease.case.languages[0], text="Рассмотрено."),)
        said = Wording(outcome="removed", statement_of_reasons=words)
        items = [measure(item_id, wording=said) for item_id in sorted(lease.case.open_items)]
        decided = self.desk.propose(MODERATOR, lease.case.id, lease.token, proposal(*items))
        if decided.decision.needs_approval:
            self.desk.approve(LEGAL, lease.case.id, decided.digest)

    def closed(self) -> int:
        """How many cases are closed, after a few more seconds."""
        self.clock.advance(5)
        return [case.state for case in self.pushed()].count(CaseState.CLOSED)

    def pushed(self) -> Sequence[Case]:
        queries = self.desk.store.queries(self.desk.platform_id)
        return [queries.case(case_id) for case_id in queries.case_ids()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "desk.sqlite3")
    yield made
    made.enforcer.gate.set()
    made.stop()
    made.desk.close()


@pytest.mark.slow
def test_calls_that_hang_stop_neither_reports_nor_pages_and_show(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3 * IN_FLIGHT):
        scene.push(f"N-{number}")
    for _ in range(3 * IN_FLIGHT):
        scene.decide()
    scene.clock.advance(61)
    scene.start()
    comes(lambda: scene.enforcer.begun == IN_FLIGHT)
    comes(lambda: len(scene.feed.sent) == 3 * IN_FLIGHT)
    assert scene.desk.health_document()["hung_calls"] == {}

    scene.clock.advance(LEASE_S + 1)
    comes(lambda: scene.enforcer.begun == 2 * IN_FLIGHT)
    scene.clock.advance(2)
    comes(lambda: "enforcer" in scene.desk.health_document()["hung_calls"])
    assert "hung_calls" in scene.desk.health_document()["attention"]
    assert caplog.text.count("a call to the enforcer hangs") == IN_FLIGHT

    scene.clock.advance(LEASE_S + 1)
    scene.push("N-late")
    scene.clock.advance(22 * 3600)
    comes(lambda: len(scene.feed.sent) == 3 * IN_FLIGHT + 1)
    comes(lambda: scene.alerts)
    assert scene.enforcer.begun == 2 * IN_FLIGHT, "threads stay few: as many hang as there are places, and no more"

    scene.enforcer.gate.set()
    comes(lambda: scene.closed() == 3 * IN_FLIGHT)
    scene.clock.advance(SILENT_AFTER_S + 1)
    comes(lambda: scene.desk.health_document()["hung_calls"] == {})


@pytest.mark.slow
def test_a_worker_that_is_stopped_waits_for_no_call_beyond_its_lease(scene: Scene) -> None:
    scene.push("N-1")
    scene.decide()
    scene.clock.advance(61)
    scene.start()
    comes(lambda: scene.enforcer.begun == 1)
    # Or a last round could take the message anew, under a lease of its own.
    scene.worker._deliver = False
    seen = scene.rounds
    comes(lambda: scene.rounds >= seen + 2)  # the round under way ended on the clock on which it began
    scene.clock.advance(LEASE_S + 1)
    scene.stop()
    assert not scene.enforcer.gate.is_set()


class Counting:
    """A platform that does at once what it is asked to, or that something happens to during a call."""

    def __init__(self, clock: FrozenClock, during: Callable[[], object] = lambda: None) -> None:
        self._clock, self.during, self.begun = clock, during, 0

    def enforce(self, _effect: Effect) -> EffectResult:
        self.begun += 1
        if self.begun == 1:
            self.during()
        return InForce(self._clock())

    restore = enforce


MEASURES = 4


def one_by_one(scene: Scene, platform: Counting) -> None:
    """Several measures are due, the platform is called once at a time, and the worker makes one round."""
    for number in range(MEASURES):
        scene.push(f"N-{number}")
    for _ in range(MEASURES):
        scene.decide()
    scene.clock.advance(61)
    delivery = scene.desk.delivery
    delivery._ways = replace(delivery._ways, enforcer=platform)
    delivery.in_flight = 1
    scene.worker._look_at_clock()
    scene.worker._start_deliveries()
    wait([call.future for call in scene.worker._calls], PATIENCE_S)


@pytest.mark.slow
def test_a_thread_goes_on_with_what_is_due_behind_its_message(scene: Scene) -> None:
    one_by_one(scene, platform := Counting(scene.clock))
    assert platform.begun == MEASURES


def test_a_worker_that_cannot_go_on_leaves_no_thread_behind(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_seconds: float) -> None:
        raise MemoryError

    monkeypatch.setattr(scene.worker, "_rest", fails)
    with pytest.raises(MemoryError):
        scene.worker.run()
    assert [one.name for one in threading.enumerate() if one.name == "kz-compliance-end"] == []


def test_a_thread_takes_nothing_more_once_the_worker_is_stopped(scene: Scene) -> None:
    one_by_one(scene, platform := Counting(scene.clock, scene.worker.stop))
    assert platform.begun == 1


@pytest.mark.slow
def test_the_control_a_thread_that_asks_nobody_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "_goes_on", lambda *_: True)
    one_by_one(scene, platform := Counting(scene.clock, scene.worker.stop))
    assert platform.begun == MEASURES


@pytest.mark.slow
def test_a_thread_takes_nothing_on_a_clock_that_has_just_been_set(scene: Scene) -> None:
    one_by_one(scene, platform := Counting(scene.clock, lambda: scene.clock.step(STEP_S + 1)))
    assert platform.begun == 1
    scene.worker._look_at_clock()
    scene.worker._start_deliveries()
    wait([call.future for call in scene.worker._calls], PATIENCE_S)
    assert platform.begun == MEASURES, "the next round follows the clock, and goes on"


def test_a_thread_whose_call_hung_takes_nothing_more_for_its_place_is_another_s(scene: Scene) -> None:
    def hangs() -> None:
        comes(lambda: scene.worker._calls)
        scene.clock.advance(LEASE_S + 1)
        assert scene.worker._busy_endpoints()["enforcer"] == 0

    one_by_one(scene, platform := Counting(scene.clock, hangs))
    assert platform.begun == 1
