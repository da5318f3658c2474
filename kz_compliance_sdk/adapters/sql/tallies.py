"""The public figures: a slim row for each case that has ended."""

from __future__ import annotations

from typing import Any

from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain import fold

__all__ = ["rows_of", "tallies"]

tallies = Table(
    "tallies",
    metadata,
    Column("platform_id", String(64), primary_key=True),
    Column("case_id", String(36), primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("receipt_at", BigInteger),
    Column("facts", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("tallies_received", tallies.c.platform_id, tallies.c.received_at, tallies.c.case_id)


def rows_of(chain: fold.Case, _objects: object) -> list[tuple[Any, ...]]:
    """The row of a case that has ended, with what it counted for then."""
    return [] if chain.tally is None else [astuple(chain.tally)]
