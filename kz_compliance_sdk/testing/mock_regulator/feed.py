"""The feed's cursor: opaque to the platform, and never one that skips.

It names the books that it belongs to. A regulator that came back with empty books would otherwise take an old cursor
for a place far ahead, and the platform would never see what lies before it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from kz_compliance_sdk.testing.mock_regulator.exchange import refuse

__all__ = ["MAX_LIMIT", "MAX_PAGE_BYTES", "SINCE_S", "read_cursor", "read_limit", "write_cursor"]

MAX_LIMIT: Final = 1_000
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Where a page ends even if fewer entries than its limit are in it; one entry always fits."""
SINCE_S: Final = 90 * 86_400
"""How far `since` reaches back, in seconds."""

_CURSOR = re.compile(r"([A-Za-z0-9_-]{1,64})/([0-9]{1,15})", re.ASCII)
_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)


def write_cursor(books_id: str, sequence: int) -> str:
    """The cursor after the entry `sequence`."""
    return base64.urlsafe_b64encode(f"{books_id}/{sequence}".encode("ascii")).decode("ascii").rstrip("=")


def read_cursor(books_id: str, text: str, last: int) -> int:
    """The sequence that a cursor stands after. Raises Refused (`cursor_unknown`) unless these books gave it out."""
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        plain = ""
    found = _CURSOR.fullmatch(plain)
    # One place has one text, so that writing it again also tells whether it names these books.
    if found is None or int(found[2]) > last or write_cursor(books_id, int(found[2])) != text:
        raise refuse(
            400,
            "cursor_unknown",
            "This cursor was not given out here. Begin without one, or with since.",
            field="after",
        )
    return int(found[2])


def read_limit(text: str) -> int:
    """How many entries a page may hold. Raises Refused."""
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise refuse(400, "limit_invalid", f"limit is a number from 1 to {MAX_LIMIT}.", field="limit")
    return int(text)
