"""Which counts of a transparency report are hidden: what a reader knows to add up, and what is given up first.

First the figures as they are; then the crossed ones, cell by cell, for which no other figure is given up: where that
does not go, a crossed figure is left out as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from kz_compliance_sdk.domain.figures import FIGURES
from kz_compliance_sdk.domain.suppression import Hidden, Key, Sum, Suppression

__all__ = ["hide"]

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
