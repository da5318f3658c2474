"""The worker: delivers, watches the clock, reads the feed, and says that it is alive. Any number may run."""

from __future__ import annotations

import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kz_compliance_sdk.adapters.http_client import HttpPoster
from kz_compliance_sdk.adapters.troubles import Troubles, cause_of
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import LEASE_S, EndpointState, Heartbeat, OutboxMessage
from kz_compliance_sdk.domain.clock_steps import Seen, step_between
from kz_compliance_sdk.domain.messages import NOTIFIER, REGULATOR
from kz_compliance_sdk.errors import ComplianceError, StoreError, kind_and_place
from kz_compliance_sdk.ports import Books
from kz_compliance_sdk.services.deadlines import WATCHER, follow_clock, look
from kz_compliance_sdk.services.health import HUNG, SILENT_AFTER_S
from kz_compliance_sdk.services.reconcile import BOOKS
from kz_compliance_sdk.services.sweep import Sweep

_log = logging.getLogger("kz_compliance_sdk.worker")
CHECKPOINT_LOOK_S = 60
"""How often the worker looks whether a checkpoint is due, or one was not kept yet, in seconds."""
BOOKS_LOOK_S = 3600
"""How often the worker looks whether the books are to be compared, in seconds."""
STUCK_S = 3
"""How long a worker that is to end waits for the store to take a write, in seconds."""


@dataclass(slots=True)
class _Call:
    """A thread that delivers, and the message that it has in hand; the lease of that ends at `until`, a value of
    `Env.monotonic`."""

    endpoint: str
    message_id: str
    until: float
    hangs: bool = False
    future: Future[Any] = field(default_factory=Future)


class _Stopped(Exception):
    """What is under way ends where it is: it is begun anew by whoever comes next."""


class Worker:
    """Runs a desk's machinery until `stop`. Nothing that fails ends it: a fault is logged and tried again.

    `poll` and `deliver` can be switched off for a process that has other work to do.
    """

    def __init__(self, desk: ComplianceDesk, *, poll: bool = True, deliver: bool = True) -> None:
        self._desk = desk
        self._poll = poll and desk.regulator is not None and desk.settings.regulator.feed_enabled
        self._compares = self._poll and isinstance(desk.regulator, Books) and desk.settings.regulator.reconcile_every_s
        self._deliver = deliver
        self._stop, self._ended = threading.Event(), threading.Event()
        self._troubles = Troubles(_log, desk.env.monotonic)
        self._calls: list[_Call] = []
        self._due: dict[str, float] = {}
        self._busy: dict[str, Future[Any]] = {}
        self._seen: Seen | None = None
        self._sweep = Sweep(desk.store, desk.platform_id, desk.policy, desk.respondent, desk.env.monotonic)

    def stop(self) -> None:
        """Finish what is under way, then return from `run`. Safe to call from a signal handler."""
        self._stop.set()

    def serve(self) -> None:
        """`run` until SIGINT or SIGTERM: for the main thread of a program."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: self.stop())
        self.run()

    def run(self) -> None:
        """Work until `stop` is called."""
        letting_go = threading.Thread(target=self._let_go, daemon=True, name="kz-compliance-end")
        letting_go.start()
        try:
            self._work()
        finally:
            self._stop.set()
            self._ended.set()
            letting_go.join()

    def _work(self) -> None:
        settings = self._desk.settings
        while not self._stop.is_set():
            self._look_at_clock()
            self._every("watch", settings.worker.watch_interval_s, self._desk.watch)
            self._every("the sweep", 1.0, self._sweep.step)
            self._every("heartbeat", settings.worker.heartbeat_s, self._beat)
            self._every("the look at the ways out", settings.worker.heartbeat_s, self._look_at_ways)
            if settings.alerts.heartbeat_url is not None:
                self._every("the heartbeat outside", settings.alerts.heartbeat_s, self.beat_outside)
            if settings.checkpoints.every_s:
                self._every("the checkpoint", CHECKPOINT_LOOK_S, self._desk.proof.run)
            if self._poll:
                self._every("poll", settings.regulator.poll_interval_s, self._poll_all)
            if self._compares:
                self._every("the comparison of the books", BOOKS_LOOK_S, self._compare_books)
            if self._deliver:
                self._guarded("reading the outbox", self._start_deliveries)
                self._guarded("alerting people", self._start_alerts)
            self._rest(settings.worker.idle_s)
        self._finish()

    def _let_go(self) -> None:
        """Once it is to end, and as long as it has not: look whether the store takes a write. Where it takes none, such
        as while another process holds its lock, nothing that is under way can be recorded, and the store is closed:
        what waits for it then comes to an end."""
        self._stop.wait()
        desk = self._desk
        while not self._ended.wait(1):
            try:
                desk.store.submit(desk.platform_id, lambda _tx: ((), None)).result(STUCK_S)
            except TimeoutError:
                _log.warning("the store takes no write: what is under way ends unrecorded, as after a kill")
                desk.store.close()
            except StoreError:
                continue  # and so is whatever waits for it told

    def _look_at_clock(self) -> None:
        """Each round, so that nothing leaves or fires on a clock that has just been set."""
        desk, seen, last = self._desk, look(self._desk.env), self._seen
        if seen is None:
            return
        self._seen = seen
        if last is None or step_between(last, seen) is not None:
            self._guarded("the clock", partial(follow_clock, desk.store, desk.platform_id, desk.policy, desk.env))

    def _start_deliveries(self) -> None:
        delivery = self._desk.delivery
        for message in delivery.lease(delivery.in_flight, self._busy_endpoints()):
            call = self._under_way(message)
            call.future = self._desk.env.spawn(partial(self._send, call, message))

    def _start_alerts(self) -> None:
        delivery = self._desk.delivery
        for pages in delivery.paging.lease(delivery.in_flight - self._busy_endpoints()[NOTIFIER]):
            self._under_way(pages[0]).future = self._desk.env.spawn(partial(delivery.paging.tell, pages))

    def _under_way(self, message: OutboxMessage) -> _Call:
        call = _Call(message.endpoint, message.id, self._lease_end())
        self._calls.append(call)
        return call

    def _send(self, call: _Call, message: OutboxMessage) -> None:
        """Deliver a message, and what is due behind it, one after the other."""
        deliver, goes_on = self._desk.delivery.deliver_and_take, partial(self._goes_on, call)
        while (following := deliver(message, goes_on)) is not None:
            message = following
            call.message_id, call.until = message.id, self._lease_end()

    def _lease_end(self) -> float:
        return self._desk.env.monotonic() + LEASE_S

    def _goes_on(self, call: _Call) -> bool:
        """Whether a thread takes another message: its place is not another's by now, and the clock is the one that the
        last round saw, so that nothing leaves on one that has just been set."""
        last, seen = self._seen, look(self._desk.env)
        is_set = last is None or seen is None or step_between(last, seen) is not None
        return not (is_set or call.hangs or self._stop.is_set())

    def _busy_endpoints(self) -> Counter[str]:
        """How many of its calls each endpoint has under way. One that hangs gives its place back when its lease has run
        out; an endpoint has as many hanging calls as places, and no more, so that threads stay few."""
        now = self._desk.env.monotonic()
        # A new list each time: the heartbeat reads it on another thread.
        self._calls = [call for call in self._calls if not call.future.done()]
        for call in self._calls:
            if not call.hangs and now >= call.until:
                call.hangs = True
                _log.error("a call to the %s hangs: message %s", call.endpoint, call.message_id)
        busy = Counter(call.endpoint for call in self._calls if not call.hangs)
        for endpoint, count in self._hanging().items():
            busy[endpoint] += max(0, count - self._desk.delivery.in_flight)
        return busy

    def _hanging(self) -> Counter[str]:
        return Counter(call.endpoint for call in self._calls if call.hangs and not call.future.done())

    def _rest(self, seconds: float) -> None:
        # Spread by up to a half, so that many workers do not knock together.
        seconds *= 1 - self._desk.env.random() / 2
        running = [call.future for call in self._calls if not call.hangs]
        if running:
            wait(running, timeout=seconds, return_when=FIRST_COMPLETED)
        else:
            self._stop.wait(seconds)

    def _finish(self) -> None:
        """Wait for what is under way, but for no call beyond its lease: nobody knows whether it ever ends."""
        wait(self._busy.values())
        for call in self._calls:
            # Until then it can come to have another message in hand, which it took before it saw the end.
            while not (call.hangs or call.future.done()) and (left := call.until - self._desk.env.monotonic()) > 0:
                wait([call.future], timeout=left)

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
            self._troubles.met(name, kind_and_place(error), level=logging.ERROR)
        else:
            self._troubles.over(name)

    def _compare_books(self) -> None:
        """If no worker has done so for as long as the settings say."""
        desk = self._desk
        last = desk.store.submit(desk.platform_id, lambda tx: ((), tx.known(Heartbeat, BOOKS).at)).result()
        if desk.store.now() - last >= desk.settings.regulator.reconcile_every_s:
            with suppress(_Stopped):
                desk.reconcile(self._until_stopped)

    def _until_stopped(self, _n: int, _of: int) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _poll_all(self) -> None:
        while not self._stop.is_set() and self._desk.poll().has_more:
            pass

    def _look_at_ways(self) -> None:
        """Say in the log when a way out stops working, for all that is seen of it elsewhere are attempts."""
        desk = self._desk
        states = desk.store.submit(
            desk.platform_id, lambda tx: ((), [tx.known(EndpointState, name) for name in (REGULATOR, NOTIFIER)])
        ).result()
        for state in states:
            way = f"the way to {state.endpoint}"
            if state.failures:
                self._troubles.met(way, state.last_failure)
            else:
                self._troubles.over(way)

    def _beat(self) -> None:
        desk = self._desk
        now = desk.store.now()
        hanging = sorted(self._hanging().items())
        beats = (
            Heartbeat(desk.platform_id, "worker", now),
            *(Heartbeat(desk.platform_id, f"{HUNG}{name}", now, f"{count} calls") for name, count in hanging),
        )
        desk.store.submit(desk.platform_id, lambda _tx: (beats, None)).result()

    def beat_outside(self) -> None:
        """Tell `alerts.heartbeat_url` that the ladder is watched: only if the store takes a write and the watch has run
        within SILENT_AFTER_S. Raises ComplianceError: the store has a fault, or nobody took it."""
        desk, url = self._desk, self._desk.settings.alerts.heartbeat_url
        watched = desk.store.submit(desk.platform_id, lambda tx: ((), tx.known(Heartbeat, WATCHER).at)).result()
        if url is None or desk.store.now() - watched >= SILENT_AFTER_S:
            return
        with closing(HttpPoster(desk.env)) as post:
            status = post(url.get_secret_value(), b"", ())
        if not 200 <= status < 300:
            raise ComplianceError(f"the heartbeat's address answered {status}", code="heartbeat_not_taken")
