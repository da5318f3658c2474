"""Which counts are not published, so that none that is small can be read or computed from the others.

A count from 1 up to the threshold is hidden as small. That is not enough: a total less all its other parts gives it
away. So this looks at the publication as a reader would: it narrows each hidden count to what the published ones leave
open, and solves what adds up as equations. It hides further counts (the smallest that helps) until no hidden one is
left with a single value. Where nothing is left to hide, a small count is veiled: nothing says any longer that it is
small.

Which counts of a transparency report are hidden: what a reader knows to add up, and what is given up first.

First the figures as they are; then the crossed ones, cell by cell, for which no other figure is given up: where that
does not go, a crossed figure is left out as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kz_compliance_sdk.transparency.figures import FIGURES

Key = tuple[str, str]
"""A count: the figure and the value in it. A figure that is one number has the empty value."""

Hidden = Literal["small", "covering", "veiled"]

LEAST_THRESHOLD = 3
"""With a threshold below this a small count could only be one number."""

_UNBOUNDED = 1 << 60
_PRIME = (1 << 61) - 1
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


@dataclass(slots=True)
class Suppression:
    """Counts that are published together, and which of them are hidden.

    `sums` are what a reader knows to add up; `at_most` are pairs of which the first is never above the second, as
    demands and their items. `first` are the counts that are the least loss, `late` those whose loss takes others with
    it. A zero is never hidden: it tells of nobody.
    """

    counts: Mapping[Key, int]
    sums: Sequence[Sum]
    at_most: Iterable[tuple[Key, Key]]
    threshold: int
    first: Collection[Key] = ()
    late: Collection[Key] = ()
    hidden: dict[Key, Hidden] = field(default_factory=dict)
    _touching: dict[Key, list[Sum]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at_most = tuple(self.at_most)
        for key, count in self.counts.items():
            if 0 < count < self.threshold:
                self.hidden.setdefault(key, "small")
        for one in self.sums:
            for key in (one.total, *one.parts):
                self._touching.setdefault(key, []).append(one)

    def hide(self, keep: Collection[Key] = ()) -> bool:
        """Hide until nothing follows; of `keep` nothing more is hidden than is already. Whether that was possible."""
        while exposed := self.exposed():
            if (cover := self._next(exposed, {*self.hidden, *keep})) is not None:
                self.hidden[cover] = "covering"
            elif (veil := self._next(exposed, {*self._veiled(), *keep})) is not None:
                self.hidden[veil] = "veiled"
            else:
                return False
        return True

    def exposed(self) -> list[Key]:
        """The hidden counts that a reader can compute."""
        bounds = self._bounds()
        found = {key for key in self.hidden if bounds[key][0] == bounds[key][1]}
        return sorted(found | self._solved())

    def _veiled(self) -> set[Key]:
        return {key for key, why in self.hidden.items() if why != "small"}

    def _next(self, exposed: Sequence[Key], taken: Collection[Key]) -> Key | None:
        """A count of a sum that gives away everything that is hidden in it; failing that, the nearest one."""
        known = set(exposed)
        for key in exposed:
            for one in self._touching.get(key, ()):
                members = (*one.parts, one.total)
                if all(member in known for member in members if member in self.hidden):
                    free = self._least([member for member in members if member not in taken], {one.total})
                    if free is not None:
                        return free
        return next((cover for key in exposed if (cover := self._nearest(key, taken)) is not None), None)

    def _nearest(self, exposed: Key, taken: Collection[Key]) -> Key | None:
        """The smallest count that can be hidden in the nearest sums."""
        if exposed not in taken:
            return exposed
        near, seen = [exposed], {exposed}
        while near:
            touching = [one for key in near for one in self._touching.get(key, ())]
            around = [key for one in touching for key in (*one.parts, one.total)]
            around += [other for key in near for pair in self.at_most if key in pair for other in pair]
            near = [key for key in dict.fromkeys(around) if key not in seen]
            seen.update(near)
            free = self._least([key for key in near if key not in taken], {one.total for one in touching})
            if free is not None:
                return free
        return None

    def _least(self, free: Sequence[Key], totals: Collection[Key]) -> Key | None:
        """The one that is the least loss: the smallest, and a part before a total."""
        some = [key for key in free if self.counts[key] > 0]
        if not some:
            return None
        return min(
            some, key=lambda key: (key not in self.first, key in self.late, key in totals, self.counts[key], key)
        )

    def _bounds(self) -> dict[Key, tuple[int, int]]:
        """What a reader can know of each hidden count: the least and the most that it can be."""
        low, high = dict(self.counts), dict(self.counts)
        for key, why in self.hidden.items():
            low[key], high[key] = _TOLD_OF[why](self.threshold)
        hidden = self.hidden
        sums = [one for one in self.sums if one.total in hidden or any(part in hidden for part in one.parts)]
        pairs = [pair for pair in self.at_most if pair[0] in hidden or pair[1] in hidden]
        changed = True
        while changed:
            changed = False
            for one in sums:
                least, most = sum(low[part] for part in one.parts), sum(high[part] for part in one.parts)
                changed |= _narrow(one.total, least, most, low, high)
                total_low, total_high = low[one.total], high[one.total]
                for part in one.parts:
                    if part in hidden:
                        others_least, others_most = least - low[part], most - high[part]
                        if _narrow(part, total_low - others_most, total_high - others_least, low, high):
                            changed = True
                            least, most = others_least + low[part], others_most + high[part]
            for smaller, larger in pairs:
                changed |= _narrow(smaller, 0, high[larger], low, high)
                changed |= _narrow(larger, low[smaller], _UNBOUNDED, low, high)
        return {key: (low[key], high[key]) for key in hidden}

    def _solved(self) -> set[Key]:
        """The hidden counts that have one solution, whatever is known of their size. (Modulo a prime: the equations
        have no coefficient but 1.)"""
        solved: dict[Key, dict[Key, int]] = {}
        for one in self.sums:
            row = {part: 1 for part in one.parts if part in self.hidden}
            if one.total in self.hidden:
                row[one.total] = (row.get(one.total, 0) - 1) % _PRIME
            for pivot in [key for key in row if key in solved]:
                row = _less(row, solved[pivot], row.get(pivot, 0))
            if not row:
                continue
            pivot = min(row)
            inverse = pow(row[pivot], -1, _PRIME)
            row = {key: value * inverse % _PRIME for key, value in row.items()}
            for name, other in solved.items():
                if pivot in other:
                    solved[name] = _less(other, row, other[pivot])
            solved[pivot] = row
        return {pivot for pivot, row in solved.items() if len(row) == 1}


def _less(row: dict[Key, int], other: Mapping[Key, int], times: int) -> dict[Key, int]:
    found = dict(row)
    for key, value in other.items():
        found[key] = (found.get(key, 0) - times * value) % _PRIME
        if not found[key]:
            del found[key]
    return found


def _narrow(key: Key, least: int, most: int, low: dict[Key, int], high: dict[Key, int]) -> bool:
    if least <= low[key] and most >= high[key]:
        return False
    low[key], high[key] = max(low[key], least), min(high[key], most)
    return True


_ROOTS: frozenset[Key] = frozenset({("demands_told", ""), ("items", "")})
_CROSSED = {"results_by_category": "demands_by_category", "results_by_authority": "demands_by_authority"}

Counts = Mapping[str, Counter[str]]


def hide(counts: Counts, types: Mapping[str, set[str]], threshold: int) -> dict[Key, Hidden]:
    """What is hidden, and why. A crossed figure that cannot be shown is emptied. `types` are those of each authority,
    which everybody knows."""
    flat = {
        (one.id, value): count
        for one in FIGURES
        if not one.public and one.id not in _CROSSED
        for value, count in counts[one.id].items()
    }
    alike = list(_same(flat))
    sums = [*_parts(counts, flat), *alike, *_of_types(counts, types)]
    for one in sums:
        for key in (one.total, *one.parts):
            flat.setdefault(key, 0)
    pairs = [(a, b) for a, b in _pairs(counts) if a in flat and b in flat]
    # What is open or withheld is told nowhere else: the number of all demands can go for it, and all else stays. A
    # count that stands in several figures takes each of them with it.
    late = {key for one in alike for key in (one.total, *one.parts)}
    hidden: dict[Key, Hidden] | None = None
    for keep in (_ROOTS, frozenset[Key]()):
        base = Suppression(flat, sums, pairs, threshold, first=(("demands", ""),), late=late)
        if base.hide(keep):
            hidden = base.hidden
            break
    if hidden is None:
        hidden = {key: "veiled" for key, count in flat.items() if count}
    for crossed, rows in _CROSSED.items():
        cells = {(crossed, value): count for value, count in counts[crossed].items()}
        crossing = [*sums, *_lines(counts, crossed, rows)]
        tried = Suppression({**flat, **cells}, crossing, pairs, threshold, hidden=dict(hidden))
        if tried.hide(keep=flat):
            flat, sums, hidden = {**flat, **cells}, crossing, tried.hidden
        else:
            counts[crossed].clear()
    return hidden


def _parts(counts: Counts, flat: Mapping[Key, int]) -> Iterator[Sum]:
    for one in FIGURES:
        if one.of and counts[one.id]:
            total = _total(one.of)
            # Where a demand can count several times, a reader adds up all the same if none does.
            if not one.many or sum(counts[one.id].values()) == flat.get(total, 0):
                yield Sum(total, tuple((one.id, value) for value in counts[one.id]))
    told = tuple(("demands_by_progress", value) for value in ("answered", "cancelled", "set_aside"))
    yield Sum(("demands_told", ""), told)


def _lines(counts: Counts, crossed: str, rows: str) -> Iterator[Sum]:
    for figure, place in ((rows, 0), ("demands_by_result", 2)):
        for total in counts[figure]:
            parts = tuple((crossed, value) for value in counts[crossed] if value.rpartition(" / ")[place] == total)
            yield Sum((figure, total), parts)


def _same(flat: Mapping[Key, int]) -> Iterator[Sum]:
    """Counts of different figures that say the same: what one of them hides the others must hide."""
    cancelled, aside = ("demands_by_progress", "cancelled"), ("demands_by_progress", "set_aside")
    result, undecided = "demands_by_result", ("demands_by_decision_time", "undecided")
    for one, others in (
        ((result, "cancelled"), (cancelled,)),
        ((result, "unanswered"), (aside,)),
        (undecided, (cancelled, aside)),
        (("demands_by_receipt_time", "none"), (cancelled, aside)),
        (("demands_by_kind", "recommendation"), (("demands_unofficial", "recommendation"),)),
    ):
        if flat.get(one, 0) == sum(flat.get(other, 0) for other in others) > 0:
            yield Sum(one, others)


def _of_types(counts: Counts, types: Mapping[str, set[str]]) -> Iterator[Sum]:
    """Everybody knows which authority is of which type."""
    shown = counts["demands_by_authority"]
    for kind in counts["demands_by_authority_type"]:
        of_kind = sorted(name for name, kinds in types.items() if kind in kinds)
        if all(types[name] == {kind} and name in shown for name in of_kind):
            yield Sum(("demands_by_authority_type", kind), tuple(("demands_by_authority", name) for name in of_kind))


def _total(name: str) -> Key:
    figure, _, value = name.partition("/")
    return figure, value


def _pairs(counts: Counts) -> Iterator[tuple[Key, Key]]:
    """What a reader knows never to be above something else: demands and their items, the overdue and the open."""
    yield ("demands_told", ""), ("items", "")
    for by in ("authority", "category"):
        demands, items = f"demands_by_{by}", f"items_by_{by}"
        yield from (((demands, value), (items, value)) for value in counts[demands])
    yield ("demands_running_overdue", ""), ("demands_not_told", "open")
