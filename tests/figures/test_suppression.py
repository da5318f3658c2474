"""No count that is hidden can be computed from those that are published.

The reader who tries is a search of its own: it fills in every hidden count that fits all published ones, and counts in
how many ways each can be filled.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import pytest

from kz_compliance_sdk.transparency.hiding import AtMost, Hidden, Key, Sum, Suppression

THRESHOLD = 4
TOTAL: Key = ("t", "")


def part(name: str) -> Key:
    return ("p", name)


def possible(
    counts: Mapping[Key, int], hidden: Mapping[Key, Hidden], sums: Sequence[Sum], pairs: Sequence[tuple[Key, Key]]
) -> dict[Key, set[int]]:
    """Values that each hidden count can have, found by trying until each has two (up to a bound above every count). A
    count below the threshold is shown as such, any other hidden one as `*`."""
    most = max(counts.values()) + 3
    names = sorted(hidden)
    found = {name: {counts[name]} for name in names}

    def fits(filled: Mapping[Key, int]) -> bool:
        for one in sums:
            if one.total in filled and all(p in filled for p in one.parts):
                if sum(filled[p] for p in one.parts) != filled[one.total]:
                    return False
            elif one.total in filled and sum(filled.get(p, 0) for p in one.parts) > filled[one.total]:
                return False
        return all(filled[a] <= filled[b] for a, b in pairs if a in filled and b in filled)

    def fill(place: int, filled: dict[Key, int]) -> Iterator[dict[Key, int]]:
        if not fits(filled):
            return
        if place == len(names):
            yield filled
            return
        name = names[place]
        values = range(1, THRESHOLD) if hidden[name] == "small" else range(1, most + 1)
        for value in values:
            yield from fill(place + 1, {**filled, name: value})

    for number, filled in enumerate(fill(0, {key: count for key, count in counts.items() if key not in hidden})):
        for name in names:
            found[name].add(filled[name])
        if number % 50 == 0 and all(len(values) > 1 for values in found.values()):
            break
    return found


def check(counts: Mapping[Key, int], sums: Sequence[Sum], pairs: Sequence[tuple[Key, Key]] = ()) -> dict[Key, Hidden]:
    suppression = Suppression(counts, sums, [AtMost((a,), (b,)) for a, b in pairs], THRESHOLD)
    assert suppression.hide()
    hidden = suppression.hidden
    assert {key for key, count in counts.items() if 0 < count < THRESHOLD} <= hidden.keys()
    assert all(counts[key] >= THRESHOLD for key, why in hidden.items() if why == "covering")
    for key, values in possible(counts, hidden, sums, pairs).items():
        assert len(values) > 1, f"{key} can only be {values}: {counts}, hidden {hidden}"
    return hidden


def test_one_small_part_takes_a_second_one_with_it() -> None:
    counts = {TOTAL: 32, part("a"): 20, part("b"): 10, part("c"): 2}
    hidden = check(counts, [Sum(TOTAL, (part("a"), part("b"), part("c")))])
    assert hidden == {part("c"): "small", part("b"): "covering"}


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    counts = {TOTAL: 14, part("a"): 4, part("b"): 10, part("c"): 0}
    assert check(counts, [Sum(TOTAL, (part("a"), part("b"), part("c")))]) == {}


def test_small_parts_that_could_only_be_one_number_take_another_with_them() -> None:
    """Two parts below 4 that add up to 6 are both 3, and two that add up to 2 are both 1."""
    for a in (1, 3):
        counts = {TOTAL: 2 * a + 9, part("a"): a, part("b"): a, part("c"): 9}
        assert part("c") in check(counts, [Sum(TOTAL, (part("a"), part("b"), part("c")))])


def test_where_every_part_is_hidden_the_total_goes() -> None:
    counts = {TOTAL: 4, part("a"): 1, part("b"): 3}
    counts_one = {TOTAL: 6, part("a"): 3, part("b"): 3}
    check(counts, [Sum(TOTAL, (part("a"), part("b")))])
    assert check(counts_one, [Sum(TOTAL, (part("a"), part("b")))])[TOTAL] == "covering"


def test_where_nothing_is_left_to_hide_a_small_count_is_veiled() -> None:
    counts = {TOTAL: 3, part("a"): 1, part("b"): 1, part("c"): 1}
    assert check(counts, [Sum(TOTAL, (part("a"), part("b"), part("c")))]) == dict.fromkeys(counts, "veiled")


def test_the_same_number_elsewhere_is_hidden_too() -> None:
    """A part that is covered must not stand in another figure that says the same."""
    counts = {TOTAL: 22, part("a"): 2, part("b"): 20, ("same", ""): 20}
    hidden = check(counts, [Sum(TOTAL, (part("a"), part("b"))), Sum(part("b"), (("same", ""),))])
    assert ("same", "") in hidden


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 80))])
def test_random_figures_keep_what_they_hide(seed: int) -> None:
    """Two lists of the same total, the parts of a part, and a crossed table of the two, with inequalities."""
    chance = random.Random(seed)
    rows, columns = chance.randrange(1, 4), chance.randrange(1, 3)
    cells = {(r, c): chance.choice((0, 0, 1, 2, 3, 4, 5, 9)) for r in range(rows) for c in range(columns)}
    counts: dict[Key, int] = {("cell", f"{r}.{c}"): count for (r, c), count in cells.items()}
    sums = []
    for r in range(rows):
        counts["row", str(r)] = sum(cells[r, c] for c in range(columns))
        sums.append(Sum(("row", str(r)), tuple(("cell", f"{r}.{c}") for c in range(columns))))
    for c in range(columns):
        counts["column", str(c)] = sum(cells[r, c] for r in range(rows))
        sums.append(Sum(("column", str(c)), tuple(("cell", f"{r}.{c}") for r in range(rows))))
    counts[TOTAL] = sum(cells.values())
    sums += [
        Sum(TOTAL, tuple(("row", str(r)) for r in range(rows))),
        Sum(TOTAL, tuple(("column", str(c)) for c in range(columns))),
    ]
    counts["more", "0"] = counts["row", "0"] + chance.choice((0, 1, 6))
    pairs = [(("row", "0"), ("more", "0"))]
    check(counts, sums, pairs)


def test_a_reader_who_finds_everything_out_is_noticed() -> None:
    """The control: with the cover left out, the search names the small count."""
    counts = {TOTAL: 32, part("a"): 20, part("b"): 10, part("c"): 2}
    sums = [Sum(TOTAL, (part("a"), part("b"), part("c")))]
    assert possible(counts, {part("c"): "small"}, sums, [])[part("c")] == {2}
