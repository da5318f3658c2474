"""From a commit to whoever awaits it: at once if it is durable already, else by one wake-up for all that are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from kz_compliance_sdk.aio import CommitBridge
from kz_compliance_sdk.errors import StoreError


def done(value: str = "", error: Exception | None = None) -> Future[str]:
    future: Future[str] = Future()
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
    return future


def test_what_is_durable_already_is_there_before_the_loop_turns() -> None:
    async def main() -> None:
        waiter = CommitBridge(asyncio.get_running_loop(), 5).awaited(done("stored"))
        assert waiter.done()
        assert await waiter == "stored"

    asyncio.run(main())


def test_a_failure_that_is_known_already_is_raised() -> None:
    async def main() -> None:
        waiter = CommitBridge(asyncio.get_running_loop(), 5).awaited(
            done(error=StoreError("full.", code="storage_full"))
        )
        with pytest.raises(StoreError, match="full"):
            await waiter

    asyncio.run(main())


def test_commits_that_end_together_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        woken: list[object] = []
        wake = loop.call_soon_threadsafe

        def counted(call: Callable[..., object], *given: object) -> asyncio.Handle:
            woken.append(call)
            return wake(call, *given)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        bridge, futures = CommitBridge(loop, 5), [Future[str]() for _ in range(3)]
        waiters = [bridge.awaited(future) for future in futures]
        assert not any(waiter.done() for waiter in waiters)
        for number, future in enumerate(futures):
            future.set_result(str(number))
        assert await asyncio.gather(*waiters) == ["0", "1", "2"]
        assert len(woken) == 1

    asyncio.run(main())
