"""Rows of the review's tables as values. A row is a tuple in the order of the table's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain.change import ContentSeen


def content_seen_from(row: Sequence[Any], object_id: str) -> ContentSeen:
    """A look at an item; its row holds the id of the object encrypted."""
    seen = ContentSeen(*row)
    return replace(seen, object_id=object_id, available=bool(seen.available))
