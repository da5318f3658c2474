"""The public figures: a slim row for each case that has ended, made of nothing but its chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Index, String, Table, Text, bindparam, delete, select

from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain import fold

__all__ = ["TallyStatements", "lie", "tallies", "write"]

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


class TallyStatements:
    """Parameters of each are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any], upsert: Callable[..., Any]) -> None:
        c = tallies.c
        mine = c.platform_id == bindparam("k_platform_id")
        between = c.case_id > bindparam("k_after"), c.case_id <= bindparam("k_last")
        self.between = compiled(select(tallies).where(mine, *between))
        self.clear = compiled(delete(tallies).where(mine, c.case_id == bindparam("k_case_id")))
        rest = [column.name for column in tallies.columns if not column.primary_key]
        self.put = upsert(tallies, ("platform_id", "case_id"), *rest)


def lie(stored: Iterable[Any], chain: fold.Case) -> bool:
    """Whether these are not the row of a case."""
    return [tuple(row) for row in stored] != ([] if chain.tally is None else [astuple(chain.tally)])


def write(chain: fold.Case, case_id: str, statements: TallyStatements, execute: Callable[..., Any]) -> None:
    """Write the row of a case anew."""
    if chain.tally is None:
        execute(statements.clear.sql, (chain.platform, case_id))
    else:
        execute(statements.put.sql, astuple(chain.tally))
