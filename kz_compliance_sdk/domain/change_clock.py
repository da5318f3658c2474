"""The write that follows a clock that was set."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ClockSet"]


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The clock was set by `by_s` seconds after it was last looked at `since`. What waits for a time
    beyond `now` keeps the time that was left."""

    platform_id: str
    by_s: int
    since: int
    now: int
