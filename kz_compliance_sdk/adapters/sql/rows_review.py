"""Rows of the review's tables as values. A row is a tuple in the order of the table's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain.change import ContentSeen, LegalCheckRow


def legal_check_from(row: Sequence[Any]) -> LegalCheckRow:
    return LegalCheckRow(*row)


def content_seen_from(row: Sequence[Any]) -> ContentSeen:
    seen = ContentSeen(*row)
    return replace(seen, available=bool(seen.available))
