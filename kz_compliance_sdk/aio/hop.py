"""How an awaited group of steps gets off the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Hop(Protocol):
    """Runs a blocking call on a thread, under the limiter of its desk."""

    async def __call__(self, call: Callable[[], T], /) -> T: ...
