"""How the calls of the blocking desk are awaited: once per step, on a thread of the desk's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, ParamSpec, TypeVar

import anyio
import anyio.to_thread

B = TypeVar("B")
P = ParamSpec("P")
T = TypeVar("T")
_THREADS = 8


class Threads:
    """The threads that one desk waits on, so many at once and no more: the host's own threads are left alone."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises. A cancelled wait lasts until the call has ended."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_THREADS)
        return await anyio.to_thread.run_sync(call, limiter=self._limiter)


class Awaited(Generic[B]):
    """What has blocking steps, for event loops. Each step is written out under it with the blocking one's signature,
    so that an editor and a type checker know it."""

    def __init__(self, blocking: B, threads: Threads) -> None:
        self.blocking, self._threads = blocking, threads

    async def _hop(self, step: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._threads.run(partial(step, *args, **kwargs))
