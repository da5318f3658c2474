"""The page of survivors names changes that can still be made, and gives each a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.__main__ import HERE
from tests.mutation.mutants import of_packages
from tests.mutation.page import PAGE, reasons

ROW = "| `domain.clock:Clock.due:compare:0a1b2c3d` | `Lt -> LtE: a \\| b < c` | Both ends are the same second. |\n"


def test_a_row_is_read(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert reasons(page) == {}
    page.write_text("# Page\n\n| Change | In words | Why |\n|---|---|---|\n" + ROW)
    assert reasons(page) == {"domain.clock:Clock.due:compare:0a1b2c3d": "Both ends are the same second."}
    page.write_text(ROW.replace("Both ends are the same second.", ""))
    assert reasons(page) == {}


def gone(keys: set[str]) -> set[str]:
    """Return the keys that name no change of today's code."""
    modules = {key.partition(":")[0] for key in keys}
    return keys - {one.key for one in of_packages(HERE.code, modules)}


@pytest.mark.slow
def test_each_row_of_the_page_names_a_change_that_the_code_still_has() -> None:
    assert gone(set(reasons(HERE.root / PAGE))) == set()


def test_a_row_for_code_that_is_gone_is_seen() -> None:
    (known, *_) = (one.key for one in of_packages(HERE.code, ["domain.merkle"]))
    assert gone({known, "domain.merkle:gone:compare:00000000"}) == {"domain.merkle:gone:compare:00000000"}
