"""Whether what an item names is wider than one thing: a whole site, or a pattern that fits many.

What plainly names a whole site is refused at intake (`scope_too_wide`). Here is what passes: a front page with a
language or a campaign behind it, and a wildcard within an address.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

__all__ = ["is_pattern", "is_whole_site"]

# Behind the host nothing but dots, a language and the page itself; then a query, and a fragment that is no route.
_FRONT_PAGE: Final = re.compile(
    r"[^:]+://[^/?#]*"
    r"(?:/(?:\.*|home|index|index\.html|index\.htm|index\.php|default\.aspx|(?:kk|kz|ru|en)(?:[-_][a-z]{2,4})*))*"
    r"(?:\?([^#]*))?"
    r"(?:#(?![/!]).*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_NAMES_NOTHING: Final = frozenset({"lang", "language", "hl", "l", "locale", "ref", "source", "from"})


def is_pattern(text: str) -> bool:
    """Whether a wildcard stands in it, encoded or not."""
    return "*" in text or ("%2" in text and "%2a" in text.lower())


def is_whole_site(url: str) -> bool:
    """Whether a URL leads to a front page. A query or a route in the fragment can name one item on it."""
    page = _FRONT_PAGE.fullmatch(url)
    if page is None:
        return False
    names = [name.lower() for name, _ in parse_qsl(page[1] or "", keep_blank_values=True)]
    return all(name in _NAMES_NOTHING or name.startswith("utm_") for name in names)
