"""Which counts are not published, so that none that is small can be read or computed from the others.

A count from 1 up to the threshold is hidden as small. That is not enough: a total less all its other parts gives it
away. So this looks at the publication as a reader would, narrows each hidden count to what the published ones leave
open, and hides a further count (the smallest that helps) until no hidden one is left with a single value. Where nothing
is left to hide, a small count is veiled: nothing says any longer that it is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["LEAST_THRESHOLD", "Hidden", "Key", "Sum", "suppress"]

Key = tuple[str, str]
"""A count: the figure and the value in it. A figure that is one number has the empty value."""

Hidden = Literal["small", "covering", "veiled"]

LEAST_THRESHOLD = 3
"""With a threshold below this a small count could only be one number."""

_UNBOUNDED = 1 << 60
_TOLD_OF: Mapping[Hidden, Callable[[int], tuple[int, int]]] = {
    "small": lambda threshold: (1, threshold - 1),
    "covering": lambda threshold: (threshold, _UNBOUNDED),
    "veiled": lambda _threshold: (1, _UNBOUNDED),
}


@dataclass(frozen=True, slots=True)
class Sum:
    """A total and the parts that add up to it."""

    total: Key
    parts: tuple[Key, ...]


def suppress(
    counts: Mapping[Key, int], sums: Sequence[Sum], at_most: Iterable[tuple[Key, Key]], threshold: int
) -> dict[Key, Hidden]:
    """What is hidden, and why. `sums` are what a reader knows to add up; `at_most` are pairs of which the first is
    never above the second, as demands and their items. A zero is never hidden: it tells of nobody."""
    hidden: dict[Key, Hidden] = {key: "small" for key, count in counts.items() if 0 < count < threshold}
    touching: dict[Key, list[Sum]] = {}
    for one in sums:
        for key in (one.total, *one.parts):
            touching.setdefault(key, []).append(one)
    pairs = tuple(at_most)
    while True:
        bounds = _bounds(counts, hidden, sums, pairs, threshold)
        exposed = sorted(key for key in hidden if bounds[key][0] == bounds[key][1])
        cover = next((found for key in exposed if (found := _cover(key, counts, hidden, touching, pairs))), None)
        if cover is not None:
            hidden[cover] = "covering"
            continue
        veil = next(
            (found for key in exposed if (found := _cover(key, counts, _as_told(hidden), touching, pairs))), None
        )
        if veil is None:
            return hidden
        hidden[veil] = "veiled"


def _as_told(hidden: Mapping[Key, Hidden]) -> dict[Key, Hidden]:
    """Without the counts of which it is still said that they are small."""
    return {key: why for key, why in hidden.items() if why != "small"}


def _cover(
    exposed: Key,
    counts: Mapping[Key, int],
    hidden: Mapping[Key, Hidden],
    touching: Mapping[Key, list[Sum]],
    pairs: tuple[tuple[Key, Key], ...],
) -> Key | None:
    """The count to hide next: the smallest published one in the nearest sums, a part before a total."""
    near, seen = [exposed], {exposed}
    while near:
        following: list[Key] = []
        found: list[tuple[bool, int, Key]] = []
        linked = [other for key in near for pair in pairs if key in pair for other in pair]
        totals = {one.total for key in near for one in touching.get(key, ())}
        summed = [other for key in near for one in touching.get(key, ()) for other in (*one.parts, one.total)]
        for key in (*summed, *linked):
            if key in seen:
                continue
            seen.add(key)
            following.append(key)
            if key not in hidden and counts[key] > 0:
                found.append((key in totals, counts[key], key))
        if found:
            return min(found)[2]
        near = following
    return None


def _bounds(
    counts: Mapping[Key, int],
    hidden: Mapping[Key, Hidden],
    sums: Sequence[Sum],
    pairs: tuple[tuple[Key, Key], ...],
    threshold: int,
) -> dict[Key, tuple[int, int]]:
    """What a reader can know of each count: the least and the most that it can be."""
    low, high = dict(counts), dict(counts)
    for key, why in hidden.items():
        low[key], high[key] = _TOLD_OF[why](threshold)
    open_sums = [one for one in sums if one.total in hidden or any(part in hidden for part in one.parts)]
    open_pairs = [pair for pair in pairs if pair[0] in hidden or pair[1] in hidden]
    changed = True
    while changed:
        changed = False
        for one in open_sums:
            least, most = sum(low[part] for part in one.parts), sum(high[part] for part in one.parts)
            changed |= _narrow(one.total, least, most, low, high)
            total_low, total_high = low[one.total], high[one.total]
            for part in one.parts:
                if part in hidden:
                    others_least, others_most = least - low[part], most - high[part]
                    if _narrow(part, total_low - others_most, total_high - others_least, low, high):
                        changed = True
                        least, most = others_least + low[part], others_most + high[part]
        for smaller, larger in open_pairs:
            changed |= _narrow(smaller, 0, high[larger], low, high)
            changed |= _narrow(larger, low[smaller], _UNBOUNDED, low, high)
    return {key: (low[key], high[key]) for key in hidden}


def _narrow(key: Key, least: int, most: int, low: dict[Key, int], high: dict[Key, int]) -> bool:
    if least <= low[key] and most >= high[key]:
        return False
    low[key], high[key] = max(low[key], least), min(high[key], most)
    return True
