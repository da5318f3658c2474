"""A clock that stands still and an Env without chance: what makes a test give the same result every time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from kz_compliance_sdk.ports import Boot, Env, Uuid7
from kz_compliance_sdk.testing.builders import ISSUED_AT


class FrozenClock:
    """UTC seconds that pass only when a test lets them. Sleeping on it lets them pass.

    It starts at 2026-11-24T12:00:00 in Asia/Almaty, which is also when the sample notices are issued. `step` sets it as
    somebody sets a host's clock; `restart` is a host that starts anew.
    """

    def __init__(self, now: int = ISSUED_AT) -> None:
        self._now = float(now)
        self._wrong_s = 0.0
        self._started, self._starts = self._now, 1

    def __call__(self) -> int:
        return int(self._now + self._wrong_s)

    def monotonic(self) -> float:
        """The same clock, as seconds of elapsed time."""
        return self._now

    def boot(self) -> Boot:
        """How long the host has run. Setting its clock changes nothing about it."""
        return Boot(f"start-{self._starts}", self._now - self._started)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, at once."""
        self._now += seconds

    def step(self, seconds: float) -> None:
        """Set the clock forward by so many seconds, or back: no time passes."""
        self._wrong_s += seconds

    def restart(self) -> None:
        """Start the host anew: the time since its start begins again."""
        self._started, self._starts = self._now, self._starts + 1


class SystemClock(FrozenClock):
    """The machine's own time behind the same face, for a test that speaks to another process: advancing it waits."""

    def __call__(self) -> int:
        return int(time.time())

    def monotonic(self) -> float:
        return time.monotonic()

    def boot(self) -> Boot:
        return Boot("", time.monotonic())

    def advance(self, seconds: float) -> None:
        time.sleep(seconds)


def frozen_env(clock: FrozenClock, seed: int = 20261124) -> Env:
    """An Env on the frozen clock: seeded ids and chance, sleep that takes no time, calls that run at once."""
    chance = random.Random(seed)
    return Env(
        clock=clock,
        monotonic=clock.monotonic,
        boot=clock.boot,
        ids=Uuid7(lambda: clock() * 1000, chance.getrandbits),
        random=chance.random,
        entropy=chance.randbytes,
        sleep=clock.advance,
        spawn=_at_once,
        maybe=lambda _name, _chance: False,
    )


def _at_once(call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - the future is how the caller learns of it
        future.set_exception(error)
    return future
