"""The offices that the tests of the faces have."""

from __future__ import annotations

from tests.arrivals.conftest import all_offices, offices

__all__ = ["all_offices", "offices"]
