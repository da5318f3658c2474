"""The checkpoints over all cases, awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.services.checkpoints import Checkpoints

T = TypeVar("T")


class Hop(Protocol):
    """Runs a blocking call on a thread."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]: ...


class AsyncCheckpoints:
    """Checkpoints for event loops: the same names and arguments, awaited."""

    def __init__(self, blocking: Callable[[], Checkpoints], hop: Hop) -> None:
        self._blocking, self._hop = blocking, hop

    async def run(self) -> Checkpoint | None:
        """See Checkpoints."""
        return await self._hop(lambda: self._blocking().run())

    async def checkpoint(self) -> Checkpoint:
        """See Checkpoints."""
        return await self._hop(lambda: self._blocking().checkpoint())

    async def prove(self, case_id: str) -> dict[str, Any]:
        """See Checkpoints."""
        return await self._hop(lambda: self._blocking().prove(case_id))

    async def prove_growth(self, size: int) -> dict[str, Any]:
        """See Checkpoints."""
        return await self._hop(lambda: self._blocking().prove_growth(size))
