"""A page of the feed, read entry by entry: what stands beside a broken entry must not wait for somebody to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.reading import read, validated
from kz_compliance_sdk.wire.v1 import FeedEntry, FeedPage

__all__ = ["FeedRead", "read_feed_by_entry"]


class _AnyPage(FeedPage):
    data: Annotated[tuple[Any, ...], Field(strict=False, max_length=1_000)]


@dataclass(frozen=True, slots=True)
class FeedRead:
    """A page of the feed, entry by entry; None stands for one that is not what the contract says."""

    entries: tuple[FeedEntry | None, ...]
    next_cursor: str | None
    has_more: bool


def read_feed_by_entry(body: bytes) -> FeedRead:
    """As `read_feed`, but an entry that cannot be read hides no other. Raises Unreadable for what is no page at all."""
    page = read(_AnyPage, body, max_nodes=100_000)
    return FeedRead(tuple(_entry(value) for value in page.data), page.next_cursor, page.has_more)


def _entry(value: Any) -> FeedEntry | None:
    try:
        return validated(FeedEntry, value)
    except Unreadable:
        return None
