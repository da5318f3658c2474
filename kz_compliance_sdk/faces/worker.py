"""The worker: delivers, watches the clock, reads the feed, and says that it is alive. Any number may run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any

from kz_compliance_sdk.adapters.troubles import Troubles, cause_of
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import Heartbeat
from kz_compliance_sdk.domain.messages import NOTIFIER, REGULATOR
from kz_compliance_sdk.errors import ComplianceError

_log = logging.getLogger("kz_compliance_sdk.worker")


class Worker:
    """Runs a desk's machinery until `stop`. Nothing that fails ends it: a fault is logged and tried again.

    `poll` and `deliver` can be switched off for a process that has other work to do.
    """

    def __init__(self, desk: ComplianceDesk, *, poll: bool = True, deliver: bool = True) -> None:
        self._desk = desk
        self._poll = poll and desk.regulator is not None and desk.settings.regulator.feed_enabled
        self._deliver = deliver
        self._stop = threading.Event()
        self._troubles = Troubles(_log, desk.env.monotonic)
        self._running: set[Future[Any]] = set()
        self._due: dict[str, float] = {}
        self._busy: dict[str, Future[Any]] = {}

    def stop(self) -> None:
        """Finish what is under way, then return from `run`. Safe to call from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop` is called."""
        settings = self._desk.settings
        idle_s = settings.worker.idle_s
        while not self._stop.is_set():
            self._every("watch", settings.worker.watch_interval_s, self._desk.watch)
            self._every("heartbeat", settings.worker.heartbeat_s, self._beat)
            self._every("the look at the ways out", settings.worker.heartbeat_s, self._look_at_ways)
            if self._poll:
                self._every("poll", settings.regulator.poll_interval_s, self._poll_all)
            started = self._start_deliveries() if self._deliver else 0
            if not started:
                self._rest(idle_s)
        wait([*self._running, *self._busy.values()])

    def _start_deliveries(self) -> int:
        self._running = {future for future in self._running if not future.done()}
        free = self._desk.delivery.in_flight - len(self._running)
        if free <= 0:
            wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
            return 1
        try:
            messages = self._desk.delivery.lease(free)
        except ComplianceError as error:
            self._troubles.met("reading the outbox", cause_of(error))
            return 0
        self._troubles.over("reading the outbox")
        for message in messages:
            self._running.add(self._desk.env.spawn(partial(self._desk.delivery.deliver, message)))
        return len(messages)

    def _rest(self, seconds: float) -> None:
        # Spread by up to a half, so that many workers do not knock together.
        seconds *= 1 - self._desk.env.random() / 2
        if self._running:
            wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        else:
            self._stop.wait(seconds)

    def _every(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        now = self._desk.env.monotonic()
        busy = self._busy.get(name)
        if now < self._due.get(name, 0.0) or (busy is not None and not busy.done()):
            return
        self._due[name] = now + seconds
        self._busy[name] = self._desk.env.spawn(partial(self._guarded, name, call))

    def _guarded(self, name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except ComplianceError as error:
            self._troubles.met(name, cause_of(error))
        except Exception as error:  # noqa: BLE001  the worker must live on; the next round tries again
            self._troubles.met(name, cause_of(error), level=logging.ERROR)
        else:
            self._troubles.over(name)

    def _poll_all(self) -> None:
        while not self._stop.is_set() and self._desk.poll().has_more:
            pass

    def _look_at_ways(self) -> None:
        """Say in the log when a way out stops working, for all that is seen of it elsewhere are attempts."""
        desk = self._desk
        states = desk.store.submit(
            desk.platform_id, lambda tx: ((), [tx.endpoint(name) for name in (REGULATOR, NOTIFIER)])
        ).result()
        for state in states:
            way = f"the way to {state.endpoint}"
            if state.failures:
                self._troubles.met(way, state.last_failure)
            else:
                self._troubles.over(way)

    def _beat(self) -> None:
        desk = self._desk
        beat = Heartbeat(desk.platform_id, "worker", desk.store.now())
        desk.store.submit(desk.platform_id, lambda _tx: ((beat,), None)).result()
