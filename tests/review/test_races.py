"""Steps that race for one case: the short form of `python -m tests.review.races`, and what it must be able to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.races.pairs import PAIRS
from tests.review.races.run import MODES, Mode, run
from tests.review.races.weakened import Weakness
from tests.scene import place

# Several threads commit to one store: in which order, only the store can tell.
pytestmark = pytest.mark.writes_by_itself

FOUND: dict[Weakness, tuple[Mode, str]] = {
    "version": ("stale", "proposed or approved twice"),
    "lease": ("threads", "leases"),
    "four_eyes": ("threads", "approved their own proposal"),
    "in_flight": ("threads", "undone, and carried out all the same"),
}


@pytest.mark.slow
def test_no_race_leaves_a_second_decision_or_a_lost_lease_behind(tmp_path: Path) -> None:
    """Every pair once, decided on what neither side has seen the other do: the hardest way."""
    outcome = run(tmp_path, len(PAIRS), seed=1, modes=("stale",))
    assert outcome.faults == []
    assert outcome.pairs == len(PAIRS)
    assert outcome.ended["one won"] > len(PAIRS) // 2
    assert outcome.ended["nobody won"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_no_race_leaves_a_trace_in_any_way_of_racing(tmp_path: Path, mode: Mode) -> None:
    outcome = run(tmp_path, 2 * len(PAIRS), seed=2, modes=(mode,))
    assert outcome.faults == []
    assert outcome.ended["nobody won"] == 0, "a pair in which both are refused races for nothing"


@pytest.mark.postgres
@pytest.mark.slow(takes_s=60)
@pytest.mark.parametrize("mode", MODES)
def test_no_race_leaves_a_trace_on_postgresql(tmp_path: Path, mode: Mode) -> None:
    with place("postgresql") as url:
        outcome = run(tmp_path, len(PAIRS), seed=4, modes=(mode,), url=url)
    assert outcome.faults == []
    assert outcome.ended["nobody won"] == 0, "a pair in which both are refused races for nothing"


@pytest.mark.slow
@pytest.mark.parametrize("weakness", FOUND)
def test_what_a_check_stops_is_found_once_it_is_gone(tmp_path: Path, weakness: Weakness) -> None:
    mode, named = FOUND[weakness]
    only = "undo, attempt" if weakness == "in_flight" else None
    outcome = run(tmp_path, 2 * len(PAIRS), seed=3, modes=(mode,), weakness=weakness, only=only)
    assert any(named in fault for fault in outcome.faults), outcome.faults
