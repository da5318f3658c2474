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
    Column("platform_id", String(64), primary_key=True, comment="whose"),
    Column("case_id", String(36), primary_key=True, comment="which case"),
    Column("received_at", BigInteger, nullable=False, comment="when it came"),
    Column("issued_at", BigInteger, nullable=False, comment="when the notice was issued"),
    Column("due_at", BigInteger, nullable=False, comment="when it was due"),
    Column("decided_at", BigInteger, comment="when it was decided"),
    Column("receipt_at", BigInteger, comment="when the receipt for its final report came"),
    Column("facts", Text, nullable=False, comment="what is counted, as JSON"),
    comment="A case in the public figures: made of its chain. It outlives the erasure.",
    sqlite_with_rowid=False,
)
Index("tallies_received", tallies.c.platform_id, tallies.c.received_at, tallies.c.case_id)


def rows_of(chain: fold.Case, _objects: object) -> list[tuple[Any, ...]]:
    """The row of a case that has ended, with what it counted for then."""
    return [] if chain.tally is None else [astuple(chain.tally)]
