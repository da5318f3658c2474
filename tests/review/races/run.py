"""Race the pairs: from two threads over one store, over two stores, from two processes, and on stale knowledge."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from kz_compliance_sdk.adapters.sql.store import SqlStore
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, Queries, Tx, Work
from kz_compliance_sdk.testing.builders import ISSUED_AT
from tests.review.races.checking import asking, violations
from tests.review.races.host import Act, Came, Side
from tests.review.races.pairs import PAIRS, Pair, prepared
from tests.review.races.weakened import Weakness, weaken

T = TypeVar("T")
Mode = Literal["threads", "stores", "processes", "stale"]
MODES: tuple[Mode, ...] = get_args(Mode)
_SETTLE_EVERY = 10


@dataclass
class Outcome:
    """What a campaign found: every violation by its pair, and how the pairs ended."""

    pairs: int = 0
    faults: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)

    def note(self, mode: Mode, pair: Pair, came: tuple[Came, Came], found: list[str]) -> None:
        self.pairs += 1
        done = sum(one.done for one in came)
        self.ended[("nobody won", "one won", "both, one after the other")[done]] += 1
        self.faults += [f"{mode}, {pair.name}: {fault}" for fault in found]


class Stale:
    """A store whose first work is decided, then waits until the other side has decided as well, and only then is
    written: what reading and writing in one transaction otherwise rules out."""

    def __init__(self, store: SqlStore, barrier: threading.Barrier) -> None:
        self._store, self._barrier = store, barrier
        self.waits = True

    def now(self) -> int:
        return self._store.now()

    def submit(self, platform_id: str, work: Work[T], asks: Asks = ASKS_NOTHING) -> Future[T]:
        if not self.waits:
            return self._store.submit(platform_id, work, asks)
        self.waits = False
        future: Future[T] = Future()
        try:

            def decide(tx: Tx) -> tuple[Change, tuple[Change, T]]:
                return (), work(tx)

            change, value = self._store.submit(platform_id, decide, asks).result(30)
            self._wait()
            self._store.save(platform_id, change).result(30)
            future.set_result(value)
        except BaseException as error:  # noqa: BLE001  the future is how the caller learns of it
            future.set_exception(error)
        return future

    def _wait(self) -> None:
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(30)

    def let_go(self) -> None:
        """This side is done, and keeps nobody waiting."""
        self._barrier.abort()

    def queries(self, platform_id: str) -> Queries:
        return self._store.queries(platform_id)

    def close(self) -> None:
        self._store.close()


def _apart(path: Path, url: str, seed: int, orders: Connection, start: Any) -> None:
    """The other process: it does the acts that it is sent, each when both are ready."""
    side = Side(path, seed, url=url)
    while (act := orders.recv()) is not None:
        side.clock.set(act.at)
        start.wait(30)
        orders.send(side.take(act))
    side.host.store.close()


class Races:
    """One file, and the sides that race over it."""

    def __init__(
        self, folder: Path, seed: int, stack: ExitStack, weakness: Weakness | None = None, url: str = ""
    ) -> None:
        self.path, self.url, self.chance = folder / "races.sqlite3", url, random.Random(seed)
        if weakness is not None:
            Side(self.path, 1).host.store.close()
            weaken(self.path, weakness, stack)
        self.home = Side(self.path, 1, url=url)
        stack.callback(self.home.host.store.close)
        self._stack, self._pool = stack, stack.enter_context(ThreadPoolExecutor(2))
        self._second: Side | None = None
        self._apart: tuple[list[Connection], Any] | None = None
        self.at = ISSUED_AT

    def second(self) -> Side:
        if self._second is None:
            self._second = Side(self.path, 2, url=self.url)
            self._stack.callback(self._second.host.store.close)
        return self._second

    def apart(self) -> tuple[list[Connection], Any]:
        if self._apart is None:
            context = multiprocessing.get_context("spawn")
            start, ours = context.Barrier(2), []
            for seed in (3, 4):
                here, there = context.Pipe()
                process = context.Process(target=_apart, args=(self.path, self.url, seed, there, start), daemon=True)
                process.start()
                there.close()
                self._stack.callback(process.join, 10)
                self._stack.callback(here.send, None)
                ours.append(here)
            self._apart = ours, start
        return self._apart

    def race(self, mode: Mode, pair: Pair, number: int) -> tuple[tuple[Came, Came], list[str]]:
        """One pair: what both came to, and what does not hold afterwards."""
        self.at += 1_000
        first, second = prepared(self.home, pair, number, self.at)
        since = self._events(first.case_id)
        acts = (first, second) if self.chance.random() < 0.5 else (second, first)
        came = getattr(self, f"_{mode}")(acts)
        found = violations(self.path, first.case_id, came, since, self.url)
        if number % _SETTLE_EVERY == 0:
            self.home.clock.set(self.at + 900)
            self.home.host.drain(500)
        return came, found

    def _events(self, case_id: str) -> int:
        with asking(self.path, self.url) as ask:
            counted = "SELECT count(*) AS many FROM events JOIN streams ON stream = n WHERE name = ?"
            return int(ask(counted, f"case/{case_id}")[0]["many"])

    def _together(self, sides: tuple[Side, Side], acts: tuple[Act, Act]) -> tuple[Came, Came]:
        ready = threading.Barrier(2)

        def go(side: Side, act: Act) -> Came:
            ready.wait(30)
            try:
                return side.take(act)
            finally:
                if isinstance(side.host.store, Stale):
                    side.host.store.let_go()

        for side, act in zip(sides, acts, strict=True):
            side.clock.set(act.at)
        futures = [self._pool.submit(go, side, act) for side, act in zip(sides, acts, strict=True)]
        return futures[0].result(60), futures[1].result(60)

    def _threads(self, acts: tuple[Act, Act]) -> tuple[Came, Came]:
        return self._together((self.home, self.home), acts)

    def _stores(self, acts: tuple[Act, Act]) -> tuple[Came, Came]:
        return self._together((self.home, self.second()), acts)

    def _processes(self, acts: tuple[Act, Act]) -> tuple[Came, Came]:
        ends, _ = self.apart()
        for end, act in zip(ends, acts, strict=True):
            end.send(act)
        one, other = (end.recv() for end in ends)
        return one, other

    def _stale(self, acts: tuple[Act, Act]) -> tuple[Came, Came]:
        barrier = threading.Barrier(2)
        sides: list[Side] = []
        for side, seed in ((self.home, 5), (self.second(), 6)):
            assert isinstance(side.host.store, SqlStore)
            stale = Side(self.path, seed * 10_000_000 + self.at, Stale(side.host.store, barrier), self.url)
            # Its store tells the time of the side that it belongs to.
            stale.clock = side.clock
            sides.append(stale)
        return self._together((sides[0], sides[1]), acts)


def run(
    folder: Path,
    pairs: int,
    seed: int,
    *,
    modes: tuple[Mode, ...] = MODES,
    weakness: Weakness | None = None,
    only: str | None = None,
    url: str = "",
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Race so many pairs, every kind (or `only` one) in every mode in turn, in an order that `seed` chooses."""
    outcome, chance = Outcome(), random.Random(seed)
    with ExitStack() as stack:
        races = Races(folder, seed, stack, weakness, url)
        queue: list[tuple[Mode, Pair]] = []
        for number in range(1, pairs + 1):
            if not queue:
                queue = [(mode, pair) for mode in modes for pair in PAIRS if only in (None, pair.name)]
                chance.shuffle(queue)
            mode, pair = queue.pop()
            came, found = races.race(mode, pair, number)
            outcome.note(mode, pair, came, found)
            if progress is not None:
                progress(number)
    return outcome
