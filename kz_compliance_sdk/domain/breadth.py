"""Whether what an item names is wider than one thing: a whole site, or a pattern that fits many.

What plainly names a whole site is refused at intake (`scope_too_wide`). Here is what passes: a front page with a
language or a campaign behind it, and a wildcard within an address.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

__all__ = ["is_pattern", "is_whole_site"]

_FRONT_PAGES: Final = frozenset({"home", "index", "index.html", "index.htm", "index.php", "default.aspx"})
_LANGUAGE: Final = re.compile(r"(kk|kz|ru|en)([-_][a-z]{2,4})*")
_NAMES_NOTHING: Final = frozenset({"lang", "language", "hl", "l", "locale", "ref", "source", "from"})


def is_pattern(text: str) -> bool:
    """Whether a wildcard stands in it, encoded or not."""
    return "*" in text or ("%2" in text and "%2a" in text.lower())


def is_whole_site(url: str) -> bool:
    """Whether a URL leads to a front page. A query or a route in the fragment can name one item on it."""
    rest = url.partition("://")[2]
    before, _, fragment = rest.partition("#")
    before, _, query = before.partition("?")
    steps = [step for step in before.partition("/")[2].lower().split("/") if step.strip(".")]
    if not all(step in _FRONT_PAGES or _LANGUAGE.fullmatch(step) for step in steps):
        return False
    if fragment[:1] in ("/", "!"):
        return False
    names = [name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)]
    return all(name in _NAMES_NOTHING or name.startswith("utm_") for name in names)
