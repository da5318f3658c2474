"""From the writer's thread to an event loop: one wake-up for a whole batch of commits."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from kz_compliance_sdk.errors import StoreError

T = TypeVar("T")


class CommitBridge:
    """Hands the results of the writer's thread to one event loop: one wake-up for a whole batch of commits, and one
    timer for all that wait. Who waits longer than `timeout_s` gets a StoreError (`storage_busy`)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop, self._timeout_s = loop, timeout_s
        self._ready: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._waiting: dict[asyncio.Future[Any], float] = {}
        self._woken = self._looking = False

    def awaited(self, future: Future[T]) -> asyncio.Future[T]:
        """The loop's view of a future of the store."""
        waiter: asyncio.Future[T] = self._loop.create_future()
        if future.done():  # committed meanwhile: there is nothing to be woken for
            _hand_over(future, waiter)
            return waiter
        self._waiting[waiter] = self._loop.time() + self._timeout_s
        if not self._looking:
            self._looking = True
            self._loop.call_later(1.0, self._look)
        future.add_done_callback(partial(self._done, waiter))
        return waiter

    def _done(self, waiter: asyncio.Future[Any], future: Future[Any]) -> None:
        self._ready.append((waiter, future))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _deliver(self) -> None:
        self._woken = False
        while self._ready:
            waiter, future = self._ready.popleft()
            self._waiting.pop(waiter, None)
            if not waiter.done():
                _hand_over(future, waiter)

    def _look(self) -> None:
        now = self._loop.time()
        for waiter, until in list(self._waiting.items()):
            if until <= now:
                del self._waiting[waiter]
                if not waiter.done():
                    waiter.set_exception(StoreError("the write is taking too long.", code="storage_busy"))
        self._looking = bool(self._waiting)
        if self._looking:
            self._loop.call_later(1.0, self._look)


def _hand_over(future: Future[T], waiter: asyncio.Future[T]) -> None:
    error = future.exception()
    if error is None:
        waiter.set_result(future.result())
    else:
        waiter.set_exception(error)
