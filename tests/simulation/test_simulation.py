"""Seeds of the simulation keep every promise, come to the same twice, and find what is broken on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import world
from tests.simulation.confirming import confirmed
from tests.simulation.run import PLANTED, planted, play, shrunk
from tests.simulation.world import KINDS

SEEDS = range(1, 31)


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.slow) if seed > 1 else seed for seed in SEEDS])
@pytest.mark.slow
def test_a_seed_keeps_every_promise(seed: int) -> None:
    assert play(seed).faults == ()


@pytest.mark.slow
def test_a_seed_comes_to_the_same_twice() -> None:
    one, two, other = play(41), play(41), play(42)
    assert one == two
    assert one.digest != other.digest
    assert play(41, kinds=KINDS - {"crash"}).digest != one.digest


@pytest.mark.slow
def test_a_power_cut_that_takes_the_log_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    struck = next(played for played in map(play, SEEDS) if "power" in played.struck)
    assert struck.faults == ()
    monkeypatch.setattr(world, "SYNCED", ("", ".lane"))
    assert play(struck.seed).faults != ()


@pytest.mark.slow
def test_every_kind_of_fault_strikes() -> None:
    struck: set[str] = set()
    for seed in SEEDS:
        struck |= play(seed, hours=12).struck
        if struck == KINDS:
            return
    raise AssertionError(f"nothing was struck by {KINDS - struck}")


@pytest.mark.slow
@pytest.mark.writes_by_itself  # broken code does what no event tells
@pytest.mark.parametrize("name", PLANTED)
def test_what_is_broken_on_purpose_is_found(name: str) -> None:
    """By the seed that found it first; `--planted` looks for it."""
    with planted(name):
        assert play(PLANTED[name]).faults != ()
    assert play(PLANTED[name]).faults == (), "the control: without it the seed is fine"


@pytest.mark.slow
@pytest.mark.writes_by_itself
def test_a_seed_that_fails_is_made_smaller() -> None:
    name = "signatures unchecked"
    with planted(name):
        assert shrunk(play(PLANTED[name])).struck == {"forge"}


@pytest.mark.slow
def test_of_so_many_decisions_the_regulator_holds_exactly_one_confirmation_each(tmp_path: Path) -> None:
    """Three replies in ten are lost, and workers die at one point in a hundred."""
    final, broken, struck = confirmed(tmp_path, 100, 1)
    assert broken == []
    assert len(final) == len(set(final)) == 100
    assert struck == {"cut", "crash", "sleep"}
