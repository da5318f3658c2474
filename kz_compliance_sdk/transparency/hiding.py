"""Which counts are not published, so that none that is small can be read or computed from the others.

A count from 1 up to the threshold is hidden as small. That is not enough: a total less all its other parts gives it
away. So for each hidden count another publication is looked for that shows exactly the same, and in which this count is
another: whoever reads it, by whatever method, cannot tell which of the two is true. Where none is found further counts
are hidden (the smallest that helps); where nothing is left to hide, a small count is veiled: nothing says any longer
that it is small. That none was found does not prove that there is none, and then more is hidden than had to be.

First the figures as they are; then the crossed ones, cell by cell, for which no other figure is given up: where that
does not go, a crossed figure is left out as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kz_compliance_sdk.transparency.figures import ACTED_ON, FIGURES, GONE, MEASURES

Key = tuple[str, str]
"""A count: the figure and the value in it. A figure that is one number has the empty value."""

Hidden = Literal["small", "covering", "veiled"]

LEAST_THRESHOLD = 3
"""With a threshold below this a small count could only be one number."""

_UNBOUNDED = 1 << 60
_DEPTHS = (6, 12, 24)
_MOST_TRIES = 1_500
"""How many counts another publication may move, and how often one is tried for each of these."""

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


@dataclass(frozen=True, slots=True)
class AtMost:
    """Counts that are together never above others, as demands and their items."""

    smaller: tuple[Key, ...]
    larger: tuple[Key, ...]


@dataclass(slots=True)
class Suppression:
    """Counts that are published together, and which of them are hidden.

    `sums` are what a reader knows to add up, and `at_most` what they know not to be above something else. `first` are
    the counts that are the least loss, `late` those whose loss takes others with it. `within` is between what a reader
    knows a count to lie, whatever stands in its place. A zero is never hidden by itself: it tells of nobody.
    """

    counts: Mapping[Key, int]
    sums: Sequence[Sum]
    at_most: Iterable[AtMost]
    threshold: int
    first: Collection[Key] = ()
    late: Collection[Key] = ()
    hidden: dict[Key, Hidden] = field(default_factory=dict)
    within: Mapping[Key, tuple[int, int]] = field(default_factory=dict)
    _touching: dict[Key, list[Sum]] = field(default_factory=dict)
    _bounding: dict[Key, list[AtMost]] = field(default_factory=dict)
    _open: set[Key] = field(default_factory=set)
    _tries: int = 0

    def __post_init__(self) -> None:
        for key, count in self.counts.items():
            if 0 < count < self.threshold:
                self.hidden.setdefault(key, "small")
        for one in self.sums:
            for key in (one.total, *one.parts):
                self._touching.setdefault(key, []).append(one)
        for bound in self.at_most:
            for key in (*bound.smaller, *bound.larger):
                self._bounding.setdefault(key, []).append(bound)

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
        """The hidden counts that a reader might compute."""
        for key in sorted(self.hidden):
            if key not in self._open:
                # What one publication shows to be open stays so: nothing that is hidden is shown again.
                self._open.update(self._another(key))
        return sorted(self.hidden.keys() - self._open)

    def _veiled(self) -> set[Key]:
        return {key for key, why in self.hidden.items() if why != "small"}

    def _next(self, exposed: Sequence[Key], taken: Collection[Key]) -> Key | None:
        """A count of a sum that gives away everything that is hidden in it; failing that, the nearest one."""
        known = set(exposed)
        for key in exposed:
            for one in self._touching.get(key, ()):
                members = (*one.parts, one.total)
                if all(member in known for member in members if member in self.hidden):
                    free = self._least(members, taken, {one.total})
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
            bounding = [one for key in near for one in self._bounding.get(key, ())]
            around += [key for one in bounding for key in (*one.smaller, *one.larger)]
            near = [key for key in dict.fromkeys(around) if key not in seen]
            seen.update(near)
            free = self._least(near, taken, {one.total for one in touching})
            if free is not None:
                return free
        return None

    def _least(self, near: Iterable[Key], taken: Collection[Key], totals: Collection[Key]) -> Key | None:
        """The one that is the least loss: the smallest, and a part before a total. What nothing could cover is none."""
        some = [key for key in near if self._is_free(key, taken) and self._can_be_covered(key, taken)]
        if not some:
            return None
        return min(
            some, key=lambda key: (key not in self.first, key in self.late, key in totals, self.counts[key], key)
        )

    def _is_free(self, key: Key, taken: Collection[Key]) -> bool:
        return key not in taken and self.counts[key] > 0

    def _can_be_covered(self, key: Key, taken: Collection[Key]) -> bool:
        """Whether each sum that it stands in has another count that is hidden, or could be."""
        return all(
            any(
                other != key and (other in self.hidden or self._is_free(other, taken))
                for other in (*one.parts, one.total)
            )
            for one in self._touching.get(key, ())
        )

    def _another(self, key: Key) -> dict[Key, int]:
        """By how much hidden counts are others in a publication that shows the same, this one among them; empty if none
        is found."""
        for depth in _DEPTHS:
            for step in (1, -1):
                moved = {key: step}
                self._tries = _MOST_TRIES
                if self._may_move(key, step) and self._mend(moved, depth):
                    return moved
        return {}

    def _mend(self, moved: dict[Key, int], depth: int) -> bool:
        """Move further counts until everything adds up again."""
        moves = self._moves(moved)
        if moves is None:
            return True
        self._tries -= 1
        if not depth or self._tries < 0:
            return False
        for key, step in moves:
            moved[key] = step
            if self._mend(moved, depth - 1):
                return True
            del moved[key]
        return False

    def _moves(self, moved: Mapping[Key, int]) -> list[tuple[Key, int]] | None:
        """The moves of which one must follow, by what leaves the fewest; None if everything adds up."""
        fewest: list[tuple[Key, int]] | None = None
        for wrong in self._wrong(moved):
            free = [(key, step) for key, step in wrong if key not in moved and self._may_move(key, step)]
            if fewest is None or len(free) < len(fewest):
                fewest = free
            if not free:
                break
        if fewest:
            fewest.sort(key=lambda move: len(self._touching.get(move[0], ())))
        return fewest

    def _wrong(self, moved: Mapping[Key, int]) -> Iterator[list[tuple[Key, int]]]:
        """What would mend each sum and each bound that these moves leave wrong."""
        for one in dict.fromkeys(one for key in moved for one in self._touching.get(key, ())):
            off = sum(moved.get(part, 0) for part in one.parts) - moved.get(one.total, 0)
            if off:
                step = -1 if off > 0 else 1
                yield [(one.total, -step), *((part, step) for part in one.parts)]
        for bound in dict.fromkeys(bound for key in moved for bound in self._bounding.get(key, ())):
            by = sum(moved.get(key, 0) for key in bound.smaller) - sum(moved.get(key, 0) for key in bound.larger)
            if by > self._room(bound):
                yield [*((key, 1) for key in bound.larger), *((key, -1) for key in bound.smaller)]

    def _room(self, bound: AtMost) -> int:
        return sum(self.counts[key] for key in bound.larger) - sum(self.counts[key] for key in bound.smaller)

    def _may_move(self, key: Key, step: int) -> bool:
        """Whether it is hidden, and what is told of it allows this."""
        why = self.hidden.get(key)
        if why is None:
            return False
        least, most = self.within.get(key) or _TOLD_OF[why](self.threshold)
        return min(least, self.counts[key]) <= self.counts[key] + step <= most


Counts = Mapping[str, Counter[str]]

_ROOTS: frozenset[Key] = frozenset({("demands_told", ""), ("items", "")})
_KEPT = frozenset(
    f"demands_by_{what}" for what in ("authority", "authority_type", "category", "kind", "channel", "originating_body")
) | {"demands", "demands_told"}
"""The figures of what does not change about a demand."""
_CROSSED = {"results_by_category": "demands_by_category", "results_by_authority": "demands_by_authority"}


@dataclass(frozen=True, slots=True)
class Before:
    """What was published of a period before: each count, None where it was hidden, and the figures that were left out.
    A value that is not there counted nothing."""

    counts: Mapping[Key, int | None]
    left_out: Collection[str]

    def change(self, key: Key, count: int) -> int | None:
        """By how much a count is another now, as a reader knows it if it is shown; None where it was hidden."""
        was = None if key[0] in self.left_out else self.counts.get(key, 0)
        return None if was is None else count - was

    def moved(self, figure: str, counts: Counts) -> int:
        """How many a reader knows to have moved in a figure: into its values, or out of them."""
        by = [self.change((figure, value), count) or 0 for value, count in counts[figure].items()]
        return max(sum(up for up in by if up > 0), -sum(down for down in by if down < 0))

    def untold(self, counts: Counts, threshold: int) -> set[str]:
        """The figures of which nothing is told any more: so few moved in them that what moved would point to them."""
        few = {one.id for one in FIGURES if not one.public and 0 < self.moved(one.id, counts) < threshold}
        return few.union(self.left_out)


def hide(
    counts: Counts, types: Mapping[str, set[str]], threshold: int, before: Before | None = None
) -> tuple[dict[Key, Hidden], set[str]]:
    """What is hidden, and why; and the figures of which nothing is told, as of a crossed one that cannot be shown.
    `types` are those of each authority, which everybody knows. Beside what was published `before` the same counts stay
    hidden, and no change is told that is small."""
    untold = set[str]() if before is None else before.untold(counts, threshold)
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
    at_most = list(_at_most(counts, types, flat))
    # What is open or withheld is told nowhere else: the number of all demands can go for it, and all else stays. A
    # count that stands in several figures takes each of them with it.
    late = {key for one in alike for key in (one.total, *one.parts)}
    held = _held(flat, threshold, before, untold)
    hidden: dict[Key, Hidden] | None = None
    for keep in (_ROOTS, frozenset[Key]()):
        within = _within(flat, threshold, before)
        base = Suppression(flat, sums, at_most, threshold, (("demands", ""),), late, dict(held), within)
        if _hide_all(base, keep, before):
            hidden = base.hidden
            break
    if hidden is None:
        hidden = {key: "veiled" for key, count in flat.items() if count or key in held}
    for crossed, rows in _CROSSED.items():
        if crossed in untold:
            continue
        cells = {(crossed, value): count for value, count in counts[crossed].items()}
        crossing, both = [*sums, *_lines(counts, crossed, rows)], {**flat, **cells}
        within = _within(both, threshold, before)
        held = {**_held(cells, threshold, before, untold), **hidden}
        tried = Suppression(both, crossing, at_most, threshold, hidden=held, within=within)
        if _hide_all(tried, flat, before):
            flat, sums, hidden = both, crossing, tried.hidden
        elif cells:
            untold.add(crossed)
    return hidden, untold


def _held(
    counts: Mapping[Key, int], threshold: int, before: Before | None, untold: Collection[str]
) -> dict[Key, Hidden]:
    """What is hidden from the beginning: what was hidden before, what changed by few, and what is of no figure that is
    told."""
    if before is None:
        return {}
    found: dict[Key, Hidden] = {}
    for key, count in counts.items():
        change = before.change(key, count)
        if key[0] in untold or (change is None and not count):
            found[key] = "veiled"
        elif change is None or 0 < abs(change) < threshold <= count:
            found[key] = "small" if count < threshold else "covering"
    return found


def _within(counts: Mapping[Key, int], threshold: int, before: Before | None) -> dict[Key, tuple[int, int]]:
    """Between what a reader knows a count to lie beside what was published before: one that is hidden since it changed
    by few, even whether it rose; and what does not change
    about a demand, since one that was told is told ever after."""
    found = {}
    for key, count in counts.items():
        change = None if before is None else before.change(key, count)
        if change and abs(change) < threshold <= count:
            ends = sorted(count - change + (1 if change > 0 else -1) * by for by in (1, threshold - 1))
            found[key] = ends[0], ends[1]
        elif change is not None and count >= count - change >= threshold and key[0] in _KEPT:
            found[key] = count - change, _UNBOUNDED
    return found


def _hide_all(base: Suppression, keep: Collection[Key], before: Before | None) -> bool:
    """As `hide` of a suppression, and until no sum tells that few of what it hides have changed."""
    while base.hide(keep):
        key = None if before is None else _small_change(base, keep, before)
        if key is None:
            return before is None or not any(_by_few(base, one, before) for one in base.sums)
        base.hidden[key] = "covering"
    return False


def _small_change(base: Suppression, keep: Collection[Key], before: Before) -> Key | None:
    """A count that hides a small change in a sum beside its own: the one that changed least."""
    for one in base.sums:
        if _by_few(base, one, before):
            by = _changes(base, one, before)
            free = [key for key, change in by.items() if change and key not in keep]
            if free:
                return min(free, key=lambda key: (key == one.total, abs(by[key]), key))
    return None


def _changes(base: Suppression, one: Sum, before: Before) -> dict[Key, int]:
    """By how much the counts of a sum changed of which a reader knows what they were and are."""
    told = ((key, before.change(key, base.counts[key])) for key in (*one.parts, one.total) if key not in base.hidden)
    return {key: change for key, change in told if change is not None}


def _by_few(base: Suppression, one: Sum, before: Before) -> bool:
    """Whether a reader can tell that what is hidden in a sum changed, and by few."""
    by = _changes(base, one, before)
    total = by.pop(one.total, None)
    return total is not None and 0 < abs(total - sum(by.values())) < base.threshold


def _parts(counts: Counts, flat: Mapping[Key, int]) -> Iterator[Sum]:
    for one in FIGURES:
        if one.of and counts[one.id]:
            total = _total(one.of)
            # Where a demand can count several times, a reader adds up all the same if none does.
            if not one.many or sum(counts[one.id].values()) == flat.get(total, 0):
                yield Sum(total, tuple((one.id, value) for value in counts[one.id]))
    told = tuple(("demands_by_progress", value) for value in ("answered", "cancelled", "set_aside"))
    yield Sum(("demands_told", ""), told)
    acted = ((one, value) for one in ("items_by_outcome", "items_own_terms") for value in counts[one])
    yield Sum(("items_by_consequence", "acted_on"), tuple(key for key in acted if key[1] in ACTED_ON))


def _lines(counts: Counts, crossed: str, rows: str) -> Iterator[Sum]:
    for figure, place in ((rows, 0), ("demands_by_result", 2)):
        for total in counts[figure]:
            parts = tuple((crossed, value) for value in counts[crossed] if value.rpartition(" / ")[place] == total)
            yield Sum((figure, total), parts)


def _same(flat: Mapping[Key, int]) -> Iterator[Sum]:
    """Counts of different figures that say the same: what one of them hides the others must hide."""
    cancelled, aside = ("demands_by_progress", "cancelled"), ("demands_by_progress", "set_aside")
    result, undecided = "demands_by_result", ("demands_by_decision_time", "undecided")
    measures = [(result, value) for value in ("complied_fully", "complied_partly", "own_terms_only")]
    for one, others in (
        ((result, "cancelled"), (cancelled,)),
        ((result, "unanswered"), (aside,)),
        (("demands_by_consequence", "acted_on"), tuple(one for one in measures if one in flat)),
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


def _at_most(counts: Counts, types: Mapping[str, set[str]], flat: Mapping[Key, int]) -> Iterator[AtMost]:
    """What a reader knows by the definitions not to be above something else, as far as it is so."""
    for smaller, larger in (*_of_demands_and_items(counts), *_of_answers(counts), *_of_several(counts, types)):
        found = AtMost(tuple(key for key in smaller if key in flat), tuple(key for key in larger if key in flat))
        if found.smaller and sum(flat[key] for key in found.smaller) <= sum(flat[key] for key in found.larger):
            yield found


Bound = tuple[Sequence[Key], Sequence[Key]]


def _keys(figure: str, values: Iterable[str]) -> list[Key]:
    return [(figure, value) for value in values]


def _of_demands_and_items(counts: Counts) -> Iterator[Bound]:
    """A demand has an item, and what a demand came to one of its items came to."""
    result, outcome = "demands_by_result", "items_by_outcome"
    yield [("demands_told", "")], [("items", "")]
    for by in ("authority", "category", "consequence"):
        yield from (
            ([(f"demands_by_{by}", value)], [(f"items_by_{by}", value)]) for value in counts[f"demands_by_{by}"]
        )
    yield from (([(result, value)], [(outcome, value)]) for value in counts[result] if value in counts[outcome])
    complied = _keys(result, ("complied_fully", "complied_partly"))
    yield complied, _keys(outcome, sorted(MEASURES | {"partially_complied"}))
    yield [(result, "own_terms_only")], [("items_by_ground", "own_terms")]
    yield [(result, "nothing_there")], _keys(outcome, sorted(GONE))
    yield from (([("demands_unofficial", code)], [("items_refused", code)]) for code in counts["items_refused"])


def _of_answers(counts: Counts) -> Iterator[Bound]:
    """Who was receipted was decided before, and who was asked for more was asked."""
    decision, receipt = "demands_by_decision_time", "demands_by_receipt_time"
    yield [(receipt, "in_time")], [(decision, "in_time")]
    yield [(decision, "undecided")], [(receipt, "none")]
    yield [("demands_by_result", "clarification_needed")], [("demands_by_clarification", "asked")]
    yield [("demands_by_progress", "cancelled")], _keys("demands_by_cancellation", counts["demands_by_cancellation"])
    yield [("demands_unofficial", "unverified")], [("demands_by_channel", "typed")]
    yield [("demands_running_overdue", "")], [("demands_not_told", "open")]


def _of_several(counts: Counts, types: Mapping[str, set[str]]) -> Iterator[Bound]:
    """Of what a demand can be several of it is each once, and one at least; and what is named of a type is of it."""
    for one in FIGURES:
        if one.of and one.many and counts[one.id]:
            total, values = _total(one.of), _keys(one.id, counts[one.id])
            yield [total], values
            yield from (([value], [total]) for value in values)
    shown = counts["demands_by_authority"]
    for kind in counts["demands_by_authority_type"]:
        of_kind = [name for name in shown if types.get(name) == {kind}]
        yield _keys("demands_by_authority", of_kind), [("demands_by_authority_type", kind)]
