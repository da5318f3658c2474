"""The heap of time, the hosts on one store, and the faults that a seed strikes them with."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.errors import ComplianceError, StoreUnusable
from kz_compliance_sdk.ports import (
    ASKS_NOTHING,
    Alert,
    Asks,
    Delivered,
    Effect,
    EffectResult,
    Env,
    Failed,
    Queries,
    RetryAt,
    Sent,
    Unknown,
    Work,
)
from tests.fake_pager import FakePager
from tests.scene import FakePlatform, FakeRegulator, Host, World

T = TypeVar("T")
Kind = Literal[
    "drop", "double", "late", "cut", "crash", "sleep", "outage", "platform_fails", "skew", "double_click", "zombie",
    "forge", "small_batches", "power",
]  # fmt: skip
KINDS: Final = frozenset(get_args(Kind))
"""The kinds of faults. A seed that fails is played again without each, to see which it takes."""
RATES: Final[dict[Kind, float]] = {
    "drop": 0.15, "double": 0.1, "late": 0.2, "cut": 0.15, "crash": 0.004, "sleep": 0.06, "outage": 0.3,
    "platform_fails": 0.15, "skew": 1.0, "double_click": 0.15, "zombie": 0.15, "forge": 1.0, "small_batches": 0.3,
    "power": 0.3,
}  # fmt: skip
"""How often each strikes where it can."""
SYNCED: tuple[str, ...] = ("", "-wal", ".lane")
"""What of the store a power cut leaves: the log too, since each commit syncs it."""
MINUTE, HOUR = 60, 3600


class Crash(BaseException):
    """The host dies here. No `except Exception` of the host may survive it."""


@dataclass(order=True)
class Event:
    """Something that is to happen. Ties are drawn by chance, so that orders vary by seed and repeat exactly."""

    at: float
    tie: float
    call: Callable[[], object] = field(compare=False)
    name: str = field(compare=False)
    host: int | None = field(compare=False)
    life: int = field(compare=False)


class Simulation:
    """One seed: its heap, its hosts, its world. `log` tells what happened, `broken` which promises were."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        kinds: frozenset[str] = KINDS,
        hosts: int = 2,
        rates: Mapping[Kind, float] = RATES,
    ) -> None:
        self.seed, self.kinds, self.rates = seed, kinds, rates
        self.chance = random.Random(f"simulation {seed}")
        self._heap: list[Event] = []
        self.log: list[str] = []
        self.broken: list[str] = []
        self.struck: set[str] = set()
        policy = kz_policy().model_copy(update={"undo_window_s": 2 * MINUTE})
        self.world = World(folder / "desk.sqlite3", seed=seed, policy=policy)
        self.began = self.world.clock.monotonic()
        self.world.regulator = self.regulator = SimRegulator(self)
        self.world.platform = self.platform = SimPlatform(self)
        self.world.pager = SimPager(self)
        self.hosts: list[Host | None] = [None] * hosts
        self.lives = [0] * hosts
        self.acting: int | None = None
        for number in range(hosts):
            self.boot(number)

    # ------------------------------------------------------------------------------------------------------- chance

    def strikes(self, kind: Kind) -> bool:
        """Whether a fault strikes here. What is switched off draws all the same, so that the rest stays as it was."""
        hit = self.chance.random() < self.rates[kind] and kind in self.kinds
        if hit:
            self.struck.add(kind)
        return hit

    def seconds(self, least: float, most: float) -> float:
        return self.chance.uniform(least, most)

    # --------------------------------------------------------------------------------------------------------- time

    @property
    def now(self) -> float:
        """True seconds since the beginning."""
        return self.world.clock.monotonic() - self.began

    def after(self, seconds: float, name: str, call: Callable[[], object], host: int | None = None) -> None:
        """Let something happen so many seconds from now; on a `host` only if that does not die before."""
        life = self.lives[host] if host is not None else 0
        heapq.heappush(self._heap, Event(self.now + seconds, self.chance.random(), call, name, host, life))

    def run(self, until: float) -> None:
        """Let time pass until then."""
        while self._heap and self._heap[0].at <= until:
            event = heapq.heappop(self._heap)
            self.world.clock.advance(max(0.0, event.at - self.now))
            if event.host is None or self.lives[event.host] == event.life:
                self._happen(event)
        self.world.clock.advance(max(0.0, until - self.now))

    def _happen(self, event: Event) -> None:
        self.acting = event.host
        try:
            came = event.call()
        except Crash as crash:
            came = f"died {crash}"
            assert self.acting is not None
            self.die(self.acting)
        except ComplianceError as error:
            came = error.code
        finally:
            self.acting = None
        self.log.append(f"{event.at:.3f} {event.name} {came}")

    def digest(self) -> str:
        """Of all that happened: the same for the same seed."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()

    # -------------------------------------------------------------------------------------------------------- hosts

    def boot(self, number: int) -> None:
        """Start a host over the store that is there. Its clock is wrong by some seconds."""
        env = self.world.env()
        wrong = round(self.seconds(-4, 4)) if self.strikes("skew") else 0
        clock = self.world.clock
        env = replace(env, clock=lambda: clock() + wrong)
        try:
            store = SqliteStore(self.world.path, env, threaded=False, ledger_keys=LedgerKeys())
        except StoreUnusable as error:
            self.broken.append(f"the store cannot be opened any more: {error.code}")
            raise
        self.hosts[number] = Host(_On(self.world, env), DyingStore(self, store))  # type: ignore[arg-type]

    def die(self, number: int) -> None:
        """A host loses all that is in its memory, and starts again a while later."""
        host = self.hosts[number]
        assert host is not None
        self.lives[number] += 1
        self.hosts[number] = None
        host.store.close()
        self.after(self.seconds(5, 20 * MINUTE), "boot", lambda: self.boot(number))

    def cut_power(self, within: float) -> None:
        """Let the power fail once, in some seeds. Its chance is its own: the other seeds stay as they were."""
        chance = random.Random(f"power {self.seed}")
        if chance.random() < self.rates["power"]:
            at = self.now + chance.uniform(0, within)
            heapq.heappush(self._heap, Event(at, chance.random(), self._lose_power, "power", None, 0))

    def _lose_power(self) -> None:
        """All hosts die at once, and of the store is left what was synced."""
        if "power" not in self.kinds:
            return
        self.struck.add("power")
        files = {end: Path(f"{self.world.path}{end}") for end in SYNCED}
        left = {end: file.read_bytes() for end, file in files.items() if file.exists()}
        for number, host in enumerate(self.hosts):
            if host is not None:
                self.die(number)
        for end, content in left.items():
            files[end].write_bytes(content)
        self.world.clock.restart()

    def on(self, number: int | None = None) -> Host:
        """A host, or whichever chance names, acts from now on. Raises Down if it is not up."""
        self.acting = self.chance.randrange(len(self.hosts)) if number is None else number
        host = self.hosts[self.acting]
        if host is None:
            raise Down
        return host

    def point(self, where: str) -> None:
        """Where a host can die."""
        if self.acting is not None and self.strikes("crash"):
            raise Crash(where)

    def close(self) -> None:
        """End all hosts."""
        for host in self.hosts:
            if host is not None:
                host.store.close()


class Down(ComplianceError):
    """Nobody answers."""

    def __init__(self) -> None:
        super().__init__("the host is down", code="down")


class _On:
    """The world as one host sees it, with an `Env` of its own."""

    def __init__(self, world: World, env: Env) -> None:
        self._world, self._env = world, env

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def env(self) -> Env:
        return self._env


class DyingStore:
    """The store as a host sees it: before and after each commit the host can die."""

    def __init__(self, simulation: Simulation, store: SqliteStore) -> None:
        self._simulation, self._store = simulation, store

    def now(self) -> int:
        return self._store.now()

    def submit(self, platform_id: str, work: Work[T], asks: Asks = ASKS_NOTHING) -> Future[T]:
        self._simulation.point("before_commit")
        future = self._store.submit(platform_id, work, asks)
        self._simulation.point("after_commit")
        return future

    def queries(self, platform_id: str) -> Queries:
        return self._store.queries(platform_id)

    def close(self) -> None:
        self._store.close()


class SimRegulator(FakeRegulator):
    """Whoever does not get its answer must ask before it sends again. `down_until` is an outage's end."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation.world.clock)
        self._simulation = simulation
        self._doubtful: dict[str, int] = {}
        self.down_until = 0.0

    def send(self, message: OutboxMessage) -> Sent:
        of = self._simulation
        # Whoever overslept its lease cannot know what came of those after it.
        if self._doubtful.get(message.id, message.lease_token) < message.lease_token:
            of.broken.append(f"{message.kind} was sent again, though it may have arrived")
        self._doubtful[message.id] = message.lease_token
        of.point("before_regulator")
        if of.now < self.down_until:
            self._doubtful.pop(message.id, None)
            return RetryAt("503")
        if of.strikes("drop"):
            return Unknown("dropped")
        sent = self.record(message)
        if of.strikes("cut"):
            return Unknown("cut")
        of.point("after_regulator")
        self._doubtful.pop(message.id, None)
        return sent

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        if self._simulation.now < self.down_until:
            return RetryAt("503")
        self._doubtful.pop(message.id, None)
        return super().look_up(message)


class SimPlatform(FakePlatform):
    """Fails at times, and dies in the midst of things."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation.world.clock)
        self._simulation = simulation

    def _do(self, what: str, effect: Effect) -> EffectResult:
        self._simulation.point("before_platform")
        if self._simulation.strikes("platform_fails"):
            return Failed("busy")
        result = super()._do(what, effect)
        self._simulation.point("after_platform")
        return result


class SimPager(FakePager):
    """Remembers; a host can die around it."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self._simulation = simulation

    def notify(self, alert: Alert) -> None:
        self._simulation.point("before_pager")
        super().notify(alert)
        self._simulation.point("after_pager")
