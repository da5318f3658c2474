"""Embedded peers on the same machine and payload: enqueue, then claim and complete, by one caller and by 64.

Every peer is set to keep what it has accepted through a power cut, where it can. huey's dequeue deletes first: what is
being worked on is lost with the process (at most once). The others claim, then complete, as this library does.
"""

from __future__ import annotations

import importlib.util
import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.ports import Env
from tests.benchmarks import deciding, samples, storing
from tests.benchmarks.rows import Row, Size, interleaved, skipped

MANY = 64
_INSTALL = "pip install -r requirements/bench.txt"


@dataclass(frozen=True, slots=True)
class Queue:
    """A peer, opened: `put` enqueues one payload, `take` claims and completes one and says whether there was one."""

    put: Callable[[bytes], object]
    take: Callable[[], bool]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """How to open a peer, and what it promises."""

    package: str
    open: Callable[[Path], Queue]
    promise: str
    threads: bool = True


def _huey(folder: Path) -> Queue:
    from huey import SqliteHuey  # type: ignore[import-untyped,import-not-found,unused-ignore]

    queue = SqliteHuey("bench", filename=str(folder / "queue.db"), fsync=True, results=False)

    def done(_body: bytes) -> None:
        return None

    task = queue.task()(done)

    def take() -> bool:
        found = queue.dequeue()
        if found is None:
            return False
        queue.execute(found)
        return True

    return Queue(task, take, queue.storage.close)


def _persist_queue(folder: Path) -> Queue:
    from persistqueue import SQLiteAckQueue  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from persistqueue.exceptions import Empty  # type: ignore[import-untyped,import-not-found,unused-ignore]

    queue = SQLiteAckQueue(str(folder), multithreading=True)

    def take() -> bool:
        try:
            found = queue.get(block=False)
        except Empty:
            return False
        queue.ack(found)
        return True

    return Queue(queue.put, take, queue.close)


def _litequeue(folder: Path) -> Queue:
    from litequeue import LiteQueue  # type: ignore[import-untyped,import-not-found,unused-ignore]

    queue = LiteQueue(str(folder / "queue.db"))
    queue.conn.execute("PRAGMA synchronous = FULL")

    def take() -> bool:
        found = queue.pop()
        if found is None:
            return False
        queue.done(found.message_id)
        return True

    return Queue(lambda body: queue.put(body.decode()), take, queue.conn.close)


PEERS = {
    "huey": Peer("huey", _huey, "fsync=True; deletes at dequeue: at most once"),
    "persist-queue": Peer("persistqueue", _persist_queue, "SQLiteAckQueue: WAL, synchronous=FULL"),
    "litequeue": Peer("litequeue", _litequeue, "forced to synchronous=FULL; one connection", threads=False),
}
ROWS = "peer.rows.put.1"
"""No peer, and no bar: what storing the rows of a notice one at a time can come to at all."""

_COMPARED = tuple(
    f"peer.{name}.{what}.{callers}" for name in (*PEERS, "dbos") for what in ("put", "take") for callers in (1, MANY)
)
NAMES = (*_COMPARED, ROWS)


def run(size: Size) -> list[Row]:
    """A row for each peer, step and number of callers: this library's rate against the peer's. The bar is to lead."""
    seconds = 0.2 if size.quick else 1.5
    bodies = [samples.body(number) for number in range(64)]
    here = {name: peer for name, peer in PEERS.items() if importlib.util.find_spec(peer.package) is not None}
    results: dict[str, list[float]] = {}

    def both(name: str, measure: Callable[[Path], tuple[float, float]]) -> float:
        with size.place() as folder:
            put, take = measure(folder)
        results.setdefault(f"{name}.put", []).append(put)
        results.setdefault(f"{name}.take", []).append(take)
        return put

    measures: dict[str, Callable[[], float]] = {}
    for callers in (1, MANY):
        measures[f"ours.{callers}"] = partial(both, f"ours.{callers}", partial(ours, callers, seconds))
        for name, peer in here.items():
            if callers == 1 or peer.threads:
                theirs = partial(queue_rates, peer, callers, seconds, bodies)
                measures[f"{name}.{callers}"] = partial(both, f"{name}.{callers}", theirs)
    rounds = size.pick(1, 3)
    if importlib.util.find_spec("dbos") is not None:
        measures["dbos.1"] = partial(both, "dbos.1", partial(dbos_rates, seconds, bodies))
    measures["rows"] = partial(bare_rows, size)
    found = interleaved(measures, rounds)
    return [
        *(_row(name, results) for name in _COMPARED),
        _beside_rows(results["ours.1.put"], found["rows"]),
    ]


def bare_rows(size: Size) -> float:
    """Notices a second whose rows, made beforehand, the bare driver stores with a commit for each."""
    count = size.pick(200, 2_000)
    groups = storing.prepared([ready.change for ready in samples.ready(0, count)], count)
    with size.place() as folder:
        return count / storing.raw(folder / "rows.sqlite3", groups).seconds


def _beside_rows(mine: Sequence[float], rows: Sequence[float]) -> Row:
    return Row(
        ROWS,
        statistics.median(mine),
        "/s",
        "bare rows",
        statistics.median(rows),
        statistics.median(a / b for a, b in zip(mine, rows, strict=True)),
        note="enqueue; 1 in flight; the rows of one notice by the bare driver, a commit for each",
    )


def _row(full: str, results: dict[str, list[float]]) -> Row:
    _, name, what, callers = full.split(".")
    promise = (
        PEERS[name].promise
        if name in PEERS
        else "SQLite, rollback journal; a workflow's start and result, one queue thread"
    )
    # Where more callers cannot help a peer, the rate of its one caller stands.
    alone = f"{name}.{callers}.{what}" not in results
    theirs = results.get(f"{name}.1.{what}" if alone else f"{name}.{callers}.{what}")
    if theirs is None:
        return skipped(full, f"not installed: {_INSTALL}")
    mine = results[f"ours.{callers}.{what}"]
    step = "enqueue; ours: intake" if what == "put" else "claim and complete; ours: claim and decide"
    # Whoever deletes at dequeue does not promise what completing a claim does: there is nothing to be ahead of.
    one_by_one = what == "put" and callers == "1" and name in PEERS
    bar = None if (name, what) == ("huey", "take") else 0.3 if one_by_one else 1.0
    ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    return Row(
        full,
        statistics.median(mine),
        "/s",
        name,
        statistics.median(theirs),
        ratio,
        bar,
        note=f"{step}; {callers} in flight{' (the peer: 1)' if alone else ''}; {name}: {promise}",
    )


def ours(callers: int, seconds: float, folder: Path) -> tuple[float, float]:
    """Intakes a second, then claims with a decision a second, each durable before the next of its caller."""
    store = SqliteStore(folder / "store.sqlite3", Env.system())
    # The key of the store: by it a case that is decided finds the objects of its items.
    keyed = store.submit(samples.PLATFORM, lambda tx: ((), tx.stamp().keyed)).result()
    count = int((2_500 if callers == 1 else 16_000) * seconds)
    changes = iter([ready.change for ready in samples.ready(0, count, keyed=keyed)])
    waiting: deque[Future[None]] = deque()
    stored, started = 0, time.perf_counter()
    for change in changes:
        if time.perf_counter() - started > seconds:
            break
        if len(waiting) == callers:
            waiting.popleft().result()
        waiting.append(store.submit(samples.PLATFORM, partial(_decided, change)))
        stored += 1
    for future in waiting:
        future.result()
    put = stored / (time.perf_counter() - started)
    review, what = deciding.review_of(store), deciding.proposal(measure=False)
    decided, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds and decided + callers <= stored:
        deciding.decide_in(review, callers, callers, what)
        decided += callers
    take = decided / (time.perf_counter() - started)
    store.close()
    return put, take


def _decided(change: Change, _tx: object) -> tuple[Change, None]:
    return change, None


def queue_rates(peer: Peer, callers: int, seconds: float, bodies: list[bytes], folder: Path) -> tuple[float, float]:
    """The peer's two rates, its callers being threads."""
    queue = peer.open(folder)
    put = _rate(lambda number: bool(queue.put(bodies[number % len(bodies)])) or True, callers, seconds)
    take = _rate(lambda _number: queue.take(), callers, seconds)
    queue.close()
    return put, take


def _rate(step: Callable[[int], bool], callers: int, seconds: float) -> float:
    done = [0] * callers
    started = time.perf_counter()

    def call(caller: int) -> None:
        while time.perf_counter() - started < seconds and step(done[caller]):
            done[caller] += 1

    if callers == 1:
        call(0)
    else:
        threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return max(sum(done), 1) / (time.perf_counter() - started)


def dbos_rates(seconds: float, bodies: list[bytes], folder: Path) -> tuple[float, float]:
    """Enqueue from a client, then let a launched app work the queue off; progress by recorded results."""
    import sqlalchemy as sa
    from dbos import DBOS, DBOSClient  # type: ignore[import-not-found,unused-ignore]

    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    url = f"sqlite:///{folder / 'queue.db'}"
    config: Any = {
        "name": "bench", "system_database_url": url, "log_level": "CRITICAL", "application_version": "1",
    }  # fmt: skip
    DBOS(config=config)

    @DBOS.workflow(name="work")  # type: ignore[untyped-decorator,unused-ignore]
    def work(_body: str) -> None:
        return None

    # Migrate first, fill the queue while nobody listens, then launch a consumer.
    DBOS.launch()
    DBOS.register_queue("bench", polling_interval_sec=0.02)
    DBOS.destroy(destroy_registry=False)
    client = DBOSClient(system_database_url=url)
    options: Any = {"queue_name": "bench", "workflow_name": "work", "app_version": "1"}

    def enqueue(number: int) -> bool:
        client.enqueue(options, bodies[number % len(bodies)].decode())
        return True

    put = _rate(enqueue, 1, seconds)
    DBOS(config=config)
    DBOS.launch()
    engine = sa.create_engine(url)
    query = sa.text("SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS' AND queue_name = 'bench'")

    def finished() -> int:
        with engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    first = _wait_for_change(finished, 0, 5.0)
    started = last_at = time.perf_counter()
    last = first
    while time.perf_counter() - started < seconds * 3:
        time.sleep(0.05)
        now = finished()
        if now != last:
            last, last_at = now, time.perf_counter()
        elif time.perf_counter() - last_at > 0.5:
            break
    DBOS.destroy(destroy_registry=True)
    engine.dispose()
    return put, max(last - first, 1) / max(last_at - started, 0.05)


def _wait_for_change(read: Callable[[], int], known: int, seconds: float) -> int:
    started = time.perf_counter()
    while (now := read()) == known and time.perf_counter() - started < seconds:
        time.sleep(0.01)
    return now
