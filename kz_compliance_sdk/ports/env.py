"""Where time, ids, randomness and concurrency come from."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Boot:
    """How long the host has run: `seconds` since the start that `id` names. Nobody sets this clock, so that it tells
    when the other one was set."""

    id: str
    seconds: float


@dataclass(frozen=True)
class Env:
    """Where time, ids, randomness and concurrency come from. Replace them to freeze, seed or simulate.

    `clock` gives UTC seconds, `monotonic` seconds of elapsed time, `boot` the time since the host started, `ids` UUIDs
    of version 7; `maybe` is always false in production and lets a simulation take rare branches.
    """

    clock: Callable[[], int]
    monotonic: Callable[[], float]
    boot: Callable[[], Boot]
    ids: Callable[[], str]
    random: Callable[[], float]
    entropy: Callable[[int], bytes]
    sleep: Callable[[float], None]
    spawn: Callable[[Callable[[], Any]], Future[Any]]
    maybe: Callable[[str, float], bool]

    @classmethod
    def system(cls) -> Env:
        """The real ones."""
        return cls(
            clock=lambda: int(time.time()),
            monotonic=time.monotonic,
            boot=_boot,
            ids=Uuid7(lambda: time.time_ns() // 1_000_000, secrets.randbits),
            random=random.SystemRandom().random,
            entropy=os.urandom,
            sleep=time.sleep,
            spawn=_spawn,
            maybe=lambda _name, _chance: False,
        )


class Uuid7:
    """UUIDs of version 7 (RFC 9562), strictly growing within this process."""

    def __init__(self, milliseconds: Callable[[], int], randbits: Callable[[int], int]) -> None:
        self._milliseconds, self._randbits = milliseconds, randbits
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            value = (self._milliseconds() & 0xFFFFFFFFFFFF) << 74 | self._randbits(74)
            if value <= self._last:
                value = self._last + 1
            self._last = value
        text = f"{value >> 74:012x}7{value >> 62 & 0xFFF:03x}{0x8000000000000000 | value & 0x3FFFFFFFFFFFFFFF:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


# Of the clocks that nobody sets, the one that runs on while the host is suspended, where there is such a one. A
# container may have a clock of its own: its times compare with no other's.
_RUNS_ON = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_BOOT_ID, _OF_CONTAINER = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/time")


def _boot() -> Boot:
    return Boot(_boot_id(), time.monotonic() if _RUNS_ON is None else time.clock_gettime(_RUNS_ON))


@cache
def _boot_id() -> str:
    with suppress(OSError):
        return f"{_BOOT_ID.read_text('ascii').strip()} {_OF_CONTAINER.readlink()}"
    return ""


def _spawn(call: Callable[[], T]) -> Future[T]:
    with _pool_lock:
        if not _pools:
            # Threads are made when they are needed. Who calls bounds how many: here a bound would let calls that hang
            # hold up all others.
            _pools.append(ThreadPoolExecutor(max_workers=1024, thread_name_prefix="kz-compliance-call"))
    return _pools[0].submit(call)


_pools: list[ThreadPoolExecutor] = []
_pool_lock = threading.Lock()
