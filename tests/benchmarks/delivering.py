"""Deliveries of signed reports by the worker, their durable record included, against bare httpx in eight threads.

And what carrying out an effect costs in a case of many items, against one of a single item.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import (
    Alert,
    Delivered,
    Effect,
    EffectResult,
    Env,
    FeedPage,
    InForce,
    Regulator,
    RetryAt,
    Sent,
)
from kz_compliance_sdk.services.delivery import Delivery, Ways
from kz_compliance_sdk.testing import keys
from kz_compliance_sdk.wire.signature import sign
from tests.benchmarks import apps, deciding, samples
from tests.benchmarks.http import serving
from tests.benchmarks.rows import Row, Size, collecting_seldom, compared, interleaved

NAMES = ("deliver.8", "deliver.items")
IN_FLIGHT = 8
ITEMS = 200


def run(size: Size) -> list[Row]:
    """Both rows."""
    with collecting_seldom():
        return [*_reports(size), *_effects(size)]


def _reports(size: Size) -> list[Row]:
    """Each measure of the worker begins on a copy of the same file of reports that are due."""
    count = size.pick(200, 3_000)
    with size.place() as folder, serving("regulator", folder / "unused.sqlite3", core=1) as server:
        base = folder / "base.sqlite3"
        messages = prepare(base, count)
        found = interleaved(
            {
                "worker": lambda: count / deliver(_copy(base), count, server.port),
                "bare": lambda: count / bare(messages, server.port),
            },
            size.pick(2, 5),
        )
    return [
        compared(
            NAMES[0],
            found,
            "worker",
            "bare",
            unit="reports/s",
            against="bare httpx, 8 threads, same bytes, signed alike",
            bar=0.6,
            note="8 in flight; lease, signature, receipt check, case closed and attempt recorded durably",
        )
    ]


def _effects(size: Size) -> list[Row]:
    """CPU time of an effect, whatever else the machine does."""
    with size.place() as folder:
        cases = {"many": ITEMS, "one": 1}
        for name, items in cases.items():
            decided(folder / f"{name}.sqlite3", items, ITEMS // items)
        found = interleaved({name: partial(carry_out, folder / f"{name}.sqlite3") for name in cases}, size.pick(2, 5))
    return [
        compared(
            NAMES[1],
            {name: [took / ITEMS * 1e6 for took in rounds] for name, rounds in found.items()},
            "many",
            "one",
            unit="us",
            against="an effect of a case with 1 item",
            bar=3.0,
            sense="most",
            note=f"CPU of an effect of a case with {ITEMS} items: lease, call and durable record, 8 at once",
        )
    ]


def decided(path: Path, items: int, cases: int) -> None:
    """A file of so many cases of so many items, with a measure decided on each, and nothing else to be sent."""
    deciding.filled(path, cases, acknowledged=True, items=items)
    store = SqliteStore(path, Env.system())
    deciding.decide_in(deciding.review_of(store), cases, 1, deciding.proposal(measure=True, items=items))
    store.close()


class _Obeying:
    """A platform that does at once what it is asked to."""

    def enforce(self, effect: Effect) -> EffectResult:
        return InForce(int(time.time()))

    def restore(self, effect: Effect) -> EffectResult:
        raise AssertionError("nothing is lifted here")


class _OnlyEffects(Ways):
    def endpoints(self) -> list[str]:
        return ["enforcer"]


def carry_out(base: Path) -> float:
    """CPU seconds until every measure is in force and recorded."""
    store, policy = SqliteStore(_copy(base), Env.system()), deciding.sandbox_policy()
    no_regulator: Mapping[str, Regulator] = {}
    ways = _OnlyEffects(no_regulator, _Obeying(), lambda: True, _Silent(), str)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        delivery = Delivery(
            store,
            samples.PLATFORM,
            policy,
            Respondent("head of office", "Үлгі Б. С.", None),
            ways,
            clock=store.now,
            random=lambda: 0.5,
            spawn=pool.submit,
            telling=Telling(policy.users),
            collect_s=0,
            in_flight=IN_FLIGHT,
        )
        started, settled = time.process_time(), 0
        while (drained := delivery.drain_once()).leased:
            settled += drained.settled
        took = time.process_time() - started
    store.close()
    assert settled == ITEMS, f"{settled} measures are in force, not {ITEMS}"
    return took


class _Silent:
    def notify(self, alert: Alert) -> None:
        raise AssertionError("nobody is paged here")


def prepare(path: Path, count: int) -> list[OutboxMessage]:
    """A file of decided cases whose reports are due and where nothing else is to be sent; and those reports.

    A checkpoint holds all of them already: the worker makes one an hour, and its share has a row of its own."""
    deciding.filled(path, count, acknowledged=True)
    with ComplianceDesk(apps.settings(9, str(path), 9)) as desk:
        review = deciding.review_of(desk.store, desk.respondent.seal)
        deciding.decide_in(review, count, 16 if count % 16 == 0 else 1, deciding.proposal(measure=False))
        store = desk.store
        assert isinstance(store, SqliteStore)
        waiting = store.submit(samples.PLATFORM, lambda tx: ((), tx.due_messages("regulator", tx.now + 1, count)))
        messages = waiting.result()
        desk.proof.checkpoint()
    assert len(messages) == count, f"{len(messages)} reports are due, not {count}"
    assert {message.kind for message in messages} == {"report"}
    return messages


def _copy(base: Path) -> Path:
    path = base.with_name("round.sqlite3")
    for suffix in ("-wal", "-shm", ".mark"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(base, path)
    return path


class Counting:
    """The regulator's own adapter, and the moment at which the last report has its receipt."""

    name = "regulator"

    def __init__(self, regulator: Regulator, count: int) -> None:
        self._regulator, self._left, self._lock = regulator, count, threading.Lock()
        self.done = threading.Event()

    def send(self, message: OutboxMessage) -> Sent:
        sent = self._regulator.send(message)
        assert isinstance(sent, Delivered), sent
        with self._lock:
            self._left -= 1
            if not self._left:
                self.done.set()
        return sent

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        raise AssertionError(f"nothing about {message.id} is unknown")

    def fetch(self, after: str, limit: int) -> FeedPage:
        raise AssertionError("nothing is fetched here")


def deliver(path: Path, count: int, port: int) -> float:
    """Seconds until every report has its receipt and every record of it is durable."""
    configured = apps.settings(9, str(path), port)
    plain = ComplianceDesk(configured, create=True)
    assert plain.regulator is not None
    counting = Counting(plain.regulator, count)
    with plain, ComplianceDesk(configured, regulator=counting) as desk:
        worker = Worker(desk, poll=False)
        running = threading.Thread(target=worker.run)
        started = time.perf_counter()
        running.start()
        assert counting.done.wait(120), "the reports were not delivered"
        worker.stop()
        running.join()
        elapsed = time.perf_counter() - started
        health = desk.health()
        assert not health.by_state, f"cases are still open: {health.by_state}"
        assert not health.undelivered, f"{health.undelivered} messages are still under way"
    return elapsed


def bare(messages: list[OutboxMessage], port: int) -> float:
    """Seconds to post the same bytes, signed in the same way, from eight threads over one client."""
    key = keys.platform_signing_key("standard-webhooks")
    ids = Env.system().ids
    with httpx.Client(limits=httpx.Limits(max_connections=IN_FLIGHT)) as client:

        def post(message: OutboxMessage) -> None:
            url = f"http://127.0.0.1:{port}/v1/notices/any/reports"
            now = int(time.time())
            signed = sign(key, "standard-webhooks", "POST", url, message.body, now, message.id, ids())
            headers = [("content-type", "application/json"), ("idempotency-key", message.id), *signed]
            client.post(url, content=message.body, headers=headers).raise_for_status()

        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            list(pool.map(post, messages[:16]))
            started = time.perf_counter()
            list(pool.map(post, messages))
            return time.perf_counter() - started
