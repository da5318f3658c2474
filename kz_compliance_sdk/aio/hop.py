"""How a call of the blocking desk is awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Hop(Protocol):
    """Runs a blocking call on a thread of the desk's own limiter."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]: ...
