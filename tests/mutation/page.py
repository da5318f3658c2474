"""The page of the changes that no test notices: each with the reason why that is as it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = "docs/mutants.md"
_ROW = re.compile(r"^\| `(?P<key>[\w.<>]+:[\w.<>]+:[a-z-]+:[0-9a-f]{8})` \| .* \| (?P<reason>[^|]+) \|$", re.MULTILINE)


def reasons(page: Path) -> Mapping[str, str]:
    """Return the reason of each change that the page names, by its key."""
    if not page.exists():
        return {}
    return {row["key"]: row["reason"].strip() for row in _ROW.finditer(page.read_text(encoding="utf-8"))}
