"""Writes the page about the differences."""

from __future__ import annotations

from pathlib import Path

from tests.arrivals.bad_inputs.differences import page

if __name__ == "__main__":
    Path("docs/contract/bad-inputs.md").write_text(page(), encoding="utf-8")
