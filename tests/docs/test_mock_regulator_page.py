"""The page about the mock regulator names everything that the mock has, and its examples run."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from kz_compliance_sdk.testing.mock_regulator import SCENARIOS, STRICT
from kz_compliance_sdk.testing.mock_regulator import control as control_module
from kz_compliance_sdk.testing.mock_regulator.agenda import Act, FaultKind
from tests.docs.blocks import DOCS, blocks

PAGE = DOCS / "reference" / "mock-regulator.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_examples_run_in_their_order() -> None:
    """Its blocks share their names, and hold their own assertions."""
    names: dict[str, Any] = {}
    found = [block for block in blocks(PAGE) if block.language == "python"]
    assert len(found) == 2
    for block in found:
        exec(compile(block.text, f"mock-regulator.md:{block.line}", "exec"), names)  # noqa: S102  our own page


def _first_cells(head: str) -> list[str]:
    """What the rows of the table with that head name in their first column."""
    rows = TEXT[TEXT.index(head) :].partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("| Kind | What happens | Recorded? |", get_args(FaultKind)),
        ("| Act | Data |", get_args(Act)),
        ("| Scenario | What it is |", tuple(SCENARIOS)),
        ("| Field | Unit |", tuple(STRICT.__slots__)),
    ],
)
def test_a_table_names_everything_and_nothing_else(head: str, names: tuple[str, ...]) -> None:
    assert sorted(_first_cells(head)) == sorted(names)


def test_a_scenario_is_told_as_it_tells_itself() -> None:
    for scenario in SCENARIOS.values():
        assert f"| `{scenario.name}` | {scenario.told} |" in TEXT


def test_the_table_of_commands_is_the_interface_and_what_its_module_says() -> None:
    told = re.findall(r"^    (GET|POST|DELETE) +(/\S*)", control_module.__doc__ or "", re.MULTILINE)
    shown = re.findall(r"^\| `(GET|POST|DELETE) (/\S*)` \|", TEXT, re.MULTILINE)
    known = [("GET", "/"), *((verb, f"/control/{name}") for verb, name in control_module.ROUTES)]
    assert sorted(told) == sorted(shown) == sorted(known)
