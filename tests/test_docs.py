"""The documentation's build checks links; these tests check what the build does not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
NAMED_PAGE = re.compile(r"^ +- .*: (\S+\.md)$", re.MULTILINE)


def unreachable(config: str, pages: set[str]) -> tuple[set[str], set[str]]:
    """Return the pages that the navigation does not name, and the names in it that have no page."""
    named = set(NAMED_PAGE.findall(config))
    return pages - named, named - pages


def test_every_page_is_in_the_navigation_and_every_entry_has_its_page() -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert unreachable((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), pages) == (set(), set())


def test_a_page_left_out_and_an_entry_without_a_page_are_seen() -> None:
    config = "nav:\n  - Home: index.md\n  - More:\n      - Gone: more/gone.md\n"
    assert unreachable(config, {"index.md", "lost.md"}) == ({"lost.md"}, {"more/gone.md"})
