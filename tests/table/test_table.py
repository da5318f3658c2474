"""What each person may do with a case wherever it stands, against the table: every refusal, and what is allowed.

The quick part takes each end of each step once, and pairs of the rest; the slow part takes all there is.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.table.scenes import SCENES, Shelf
from tests.table.steps import EVERY, STEPS
from tests.table.walk import cells, differences, every, expected, pairs, refusals

SHELVES: dict[Path, Shelf] = {}


def _shelf(folders: pytest.TempPathFactory) -> Shelf:
    """What one test has made is there for the next, in whichever worker that runs."""
    base = folders.getbasetemp()
    if base not in SHELVES:
        made = made_by_all(base)
        made.mkdir(exist_ok=True)
        SHELVES[base] = Shelf(folders.mktemp("table"), made)
    return SHELVES[base]


def made_by_all(base: Path) -> Path:
    """Where the workers of a run keep their scenes for each other: each has a folder of its own in that of the run."""
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "scenes"


@pytest.mark.parametrize("step", [step.name for step in STEPS])
def test_each_end_of_a_step_is_the_one_in_the_table(step: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert differences(refusals(step), _shelf(tmp_path_factory)) == []


@pytest.mark.parametrize("state", EVERY)
def test_pairs_of_what_the_table_names(state: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert differences(pairs(state), _shelf(tmp_path_factory)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize("scene", SCENES)
def test_the_whole_table(scene: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert differences(cells(scene), _shelf(tmp_path_factory)) == []


def test_every_row_of_the_table_is_walked() -> None:
    """A row that no scene starts is none that the walk could find wrong. What needs a thing is walked where it is."""
    walked = {(cell.step, SCENES[cell.scene].state) for cell in every() if not expected(cell).code}
    rows = {(step.name, state) for step in STEPS for state in step.moves if set(dict(step.needs)) <= {"item", "notice"}}
    assert rows - walked == set()
    assert {step.name for step in STEPS if step.moves} == {step for step, _ in walked}
    assert {SCENES[cell.scene].state for cell in every()} == set(EVERY)
    assert len(every()) > 26_000
