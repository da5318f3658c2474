"""How a list is read page by page: the place where the next page begins, as a text that means nothing to others.
A row that cannot be opened holds up none of those behind it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Integer, bindparam, literal_column

from kz_compliance_sdk.errors import InvalidInput, StoreDamaged

_MOST = 500

ONLY_ONE: Final[Any] = literal_column("1")
AT_MOST: Final[Any] = bindparam("n", type_=Integer) + literal_column("0")
"""The limits of statements that run often: one row, or `n` rows. SQLite plans a statement whose limit is a bare
parameter anew at each run, since the plan may depend on the number; into a sum it does not look. That planning took
ten times as long as the reading.
"""


def check_limit(limit: int) -> None:
    """Raises InvalidInput for a page that cannot be."""
    if not 1 <= limit <= _MOST:
        raise InvalidInput(f"{limit} is no page size.", field="limit", remedy=f"Use 1 to {_MOST}.")


def write_cursor(at: int, name: str) -> str:
    """The place after the row of this time and this id."""
    return base64.urlsafe_b64encode(json.dumps([at, name]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, str]:
    """The time and the id of the last row of the page before. Raises InvalidInput."""
    try:
        at, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(at, int) or not isinstance(name, str):
            raise ValueError(cursor)
    except (ValueError, TypeError, binascii.Error):
        raise InvalidInput(
            "the cursor is not one of ours.", field="cursor", remedy="Use next_cursor of the page before, unchanged."
        ) from None
    return at, name


T = TypeVar("T")


def first_that_open(
    fetch: Callable[[int], Sequence[Any]], opened: Callable[[Any], T], limit: int, unreadable: list[str]
) -> tuple[list[T], bool]:
    """The first `limit` rows that can be read, and whether there were no more. The cases of the others are added to
    `unreadable`, each once."""
    size = limit
    while True:
        rows = fetch(size)
        found: list[T] = []
        for row in rows:
            try:
                found.append(opened(row))
            except StoreDamaged as error:
                if error.reference and error.reference not in unreadable:
                    unreadable.append(error.reference)
        were_all = len(rows) < size
        if were_all or len(found) >= limit:
            return found[:limit], were_all
        size = 2 * size
