"""Reading the first rows of many: one that cannot be opened holds up none of those behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kz_compliance_sdk.errors import StoreDamaged

__all__ = ["first_that_open"]

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
