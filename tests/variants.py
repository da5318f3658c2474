"""Parameters of a test of which the quick part takes one of each kind."""

from __future__ import annotations

from collections.abc import Mapping

import pytest


def variants(of: Mapping[str, object], *quick: str) -> list[object]:
    """Each of them under its name. Those that are not named as quick go through the same lines, and are for the slow
    part."""
    assert quick
    assert set(quick) <= of.keys()
    return [pytest.param(value, id=name, marks=() if name in quick else pytest.mark.slow) for name, value in of.items()]
