"""The map of the subjects names every module of `domain`, `services` and the wings once, and none that is not there."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.docs.blocks import DOCS, ROOT

LAYERS = ("domain", "services")
WINGS = ("evidence", "transparency")


def mapped(page: str, layer: str) -> Counter[str]:
    """Return how often each module of a layer is named in the map."""
    head, *rows = re.search(r"^\| Subject .*?(?=\n\n)", page, re.M | re.S)[0].split("\n")  # type: ignore[index]
    column = [cell.strip(" `") for cell in head.split("|")].index(layer)
    return Counter(name for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[column]))


def modules(layer: str) -> set[str]:
    """Return the modules and packages of a layer."""
    lying = (ROOT / "kz_compliance_sdk" / layer).iterdir()
    return {path.stem for path in lying if path.suffix in ("", ".py")} - {"__init__", "__pycache__"}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_module_lies_in_one_subject(layer: str) -> None:
    page = (DOCS / "contributing.md").read_text(encoding="utf-8")
    assert mapped(page, layer) == Counter(modules(layer))


def test_every_module_of_a_wing_lies_in_one_subject() -> None:
    page = (DOCS / "contributing.md").read_text(encoding="utf-8")
    assert mapped(page, "wings") == Counter(f"{wing}/{name}" for wing in WINGS for name in modules(wing))


def test_a_map_that_lacks_a_module_or_names_it_twice_is_seen() -> None:
    """The control, on a page of two subjects."""
    page = (
        "text\n\n| Subject | `domain` | `services` |\n|---|---|---|\n| a | `one`, `two` | |\n| b | `two` | `one` |\n\n"
    )
    assert mapped(page, "domain") == Counter({"one": 1, "two": 2})
    assert mapped(page, "services") == Counter({"one": 1})
