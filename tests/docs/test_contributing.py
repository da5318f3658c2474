"""The map of the subjects names every module of `domain` and `services`, once, and none that is not there."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.docs.blocks import DOCS, ROOT

LAYERS = ("domain", "services")


def mapped(page: str, layer: str) -> Counter[str]:
    """Return how often each module of a layer is named in the map."""
    head, *rows = re.search(r"^\| Subject .*?(?=\n\n)", page, re.M | re.S)[0].split("\n")  # type: ignore[index]
    column = [cell.strip(" `") for cell in head.split("|")].index(layer)
    return Counter(name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[column]))


@pytest.mark.parametrize("layer", LAYERS)
def test_every_module_lies_in_one_subject(layer: str) -> None:
    page = (DOCS / "contributing.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "kz_compliance_sdk" / layer).iterdir() if path.suffix in ("", ".py")}
    assert mapped(page, layer) == Counter(modules - {"__init__", "__pycache__"})


def test_a_map_that_lacks_a_module_or_names_it_twice_is_seen() -> None:
    """The control, on a page of two subjects."""
    page = (
        "text\n\n| Subject | `domain` | `services` |\n|---|---|---|\n| a | `one`, `two` | |\n| b | `two` | `one` |\n\n"
    )
    assert mapped(page, "domain") == Counter({"one": 1, "two": 2})
    assert mapped(page, "services") == Counter({"one": 1})
