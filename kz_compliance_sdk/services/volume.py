"""How many new notices came from one authority, or under one key, in the last while.

Counted in memory, on the thread that writes: a row or a query for each notice would be paid by all for what is rare.
So it starts empty with each process, and several processes count each their own share: what it misses is told in
docs/concepts/due-process.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Final

from kz_compliance_sdk.domain.arrivals import Arrival

__all__ = ["Volume"]

# Work can run again when the batch around it fails; a batch has at most 256 pieces.
_REMEMBERED: Final = 1024
_NAMES: Final = 4096


class Volume:
    """A sliding window for each name. `notices` more than that within `window_s` seconds are unusual."""

    def __init__(self, notices: int, window_s: int) -> None:
        self._most, self._window_s = notices, window_s
        self._times: dict[str, deque[int]] = {}
        self._seen: dict[Hashable, bool] = {}

    def marked(self, arrival: Arrival, authority: str, key_id: str, now: int) -> Arrival:
        """A new notice that came at `now` (UTC seconds), flagged if it is one of unusually many."""
        names = [f"authority {authority}", f"key {key_id}"] if key_id else [f"authority {authority}"]
        if not self.is_unusual(names, arrival.message, now):
            return arrival
        return replace(arrival, flags=(*arrival.flags, "volume_unusual"))

    def is_unusual(self, names: Iterable[str], message: Hashable, now: int) -> bool:
        """Count a message that came at `now` (UTC seconds) for each name, once; whether that is one too many for any
        of them."""
        known = self._seen.get(message)
        if known is not None:
            return known
        found = False
        for name in names:
            times = self._times.get(name)
            if times is None:
                if len(self._times) >= _NAMES:
                    self._times.pop(next(iter(self._times)), None)
                times = self._times[name] = deque(maxlen=self._most)
            found |= len(times) == self._most and times[0] > now - self._window_s
            times.append(now)
        if len(self._seen) >= _REMEMBERED:
            self._seen.pop(next(iter(self._seen)), None)
        self._seen[message] = found
        return found
