"""The figures of the house are counted, and one that grows is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import MOST, figures, grown, way_of_a_notice


@pytest.mark.slow
def test_no_figure_has_grown() -> None:
    found = figures()
    assert found.keys() == MOST.keys()
    assert grown(found, MOST) == []


def test_a_figure_that_grew_is_told() -> None:
    most = dict.fromkeys(MOST, 1)
    assert grown({**most, "tables": 2}, most) == ["tables: 2, and it was 1"]


def test_the_way_of_a_notice_begins_at_the_store_and_ends_at_its_case(tmp_path: Path) -> None:
    way, files = way_of_a_notice(tmp_path)
    assert (way[0], way[-1]) == ("store.submit", "arrivals.open_case")
    assert any(file.endswith("adapters/sql/ledger.py") for file in files)
