"""What all published reports together leave open: a linear programme over every sum that a reader knows."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.optimize import linprog  # type: ignore[import-untyped]

from tests.figures.test_transparency_report import Cell, equations, read_json
from tests.tally_makers import a_report, random_tallies

_PAIRS = (
    ("demands_told", "items"),
    ("demands_by_authority", "items_by_authority"),
    ("demands_by_category", "items_by_category"),
)


def recovered(told: Mapping[Cell, str], least: int = 1) -> set[Cell]:
    """The hidden counts of which a linear programme leaves one whole number. It knows what adds up, that a demand has
    an item, and what each sign stands for: `*` for `least` and more."""
    hidden = sorted(cell for cell, shown in told.items() if not shown.isdigit())
    place = {cell: number for number, cell in enumerate(hidden)}
    sums = [_row(equation, told, place) for equation in equations(dict(told))]
    pairs = [
        _row({(demands, value): 1, (items, value): -1}, told, place)
        for demands, items in _PAIRS
        for figure, value in told
        if figure == demands and (items, value) in told
    ]
    bounds = [(1, int(told[cell][1:]) - 1) if told[cell].startswith("<") else (least, None) for cell in hidden]
    known = {
        "A_eq": np.array([row for row, _ in sums]),
        "b_eq": np.array([-rest for _, rest in sums]),
        "A_ub": np.array([row for row, _ in pairs]) if pairs else None,
        "b_ub": np.array([-rest for _, rest in pairs]) if pairs else None,
        "bounds": bounds,
    }
    return {cell for cell in hidden if _is_one(place[cell], len(hidden), known)}


def _row(equation: Mapping[Cell, int], told: Mapping[Cell, str], place: Mapping[Cell, int]) -> tuple[list[int], int]:
    row, rest = [0] * len(place), 0
    for cell, times in equation.items():
        if cell in place:
            row[place[cell]] += times
        else:
            rest += times * int(told[cell])
    return row, rest


def _is_one(number: int, many: int, known: Mapping[str, object]) -> bool:
    wanted = np.zeros(many)
    wanted[number] = 1
    least, most = linprog(wanted, **known), linprog(-wanted, **known)
    assert least.status == 0, "what is published fits together"
    return bool(most.status == 0 and math.floor(-most.fun + 1e-6) <= math.ceil(least.fun - 1e-6))


@pytest.mark.parametrize(
    "demands", [120, 121, 400, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2000, 2008))]
)
def test_a_linear_programme_recovers_no_hidden_count(demands: int) -> None:
    report = a_report(random_tallies(demands % 8, demands))
    told = read_json(report)
    assert any(not shown.isdigit() for shown in told.values()), "the sample hides nothing, and proves nothing"
    assert recovered(told) == set()


def test_the_control_a_count_that_is_shown_again_gives_others_away() -> None:
    tallies = random_tallies(0, 400)
    told = read_json(a_report(tallies))
    plain = read_json(a_report([*tallies], threshold=3))
    assert any(recovered({**told, cell: plain[cell]}) for cell in told if told[cell] == "*" and plain[cell].isdigit())
