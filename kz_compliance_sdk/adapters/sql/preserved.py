"""By what it is found that a sealed copy need not be kept any longer: a row for each that still is, made of nothing but
the chain of its case and the streams of the objects that this names.

Whatever changes what holds an object writes the rows of its case anew, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, bindparam, delete, insert, select

from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.paging import AT_MOST
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain.holding import names_of
from kz_compliance_sdk.domain.objects import PlatformObject, object_in
from kz_compliance_sdk.domain.references import stream_of

__all__ = ["PreservedStatements", "lie", "preserved", "write_preserved"]

preserved = Table(
    "preserved",
    metadata,
    Column("platform_id", String(64), primary_key=True),
    Column("case_id", String(36), primary_key=True),
    Column("object", String(64), primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("preserved_until", preserved.c.platform_id, preserved.c.until)

_Row = tuple[Any, ...]


class PreservedStatements:
    """Parameters of each are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any]) -> None:
        p = preserved.c
        mine = p.platform_id == bindparam("k_platform_id")
        over = select(p.case_id).where(mine, p.until <= bindparam("now"))
        self.over = compiled(over.order_by(p.until).limit(AT_MOST))
        between = p.case_id > bindparam("k_after"), p.case_id <= bindparam("k_last")
        self.between = compiled(select(preserved).where(mine, *between))
        self.clear = compiled(delete(preserved).where(mine, p.case_id == bindparam("k_case_id")))
        self.put = compiled(insert(preserved))


def rows_of(platform: str, case_id: str, objects: Iterable[PlatformObject]) -> list[_Row]:
    """The rows of a case, by the objects that it is about."""
    return [
        (platform, case_id, held.stream, number, until)
        for held in objects
        for (owner, number), until in held.holds.items()
        if owner == case_id and until
    ]


def lie(stored: Iterable[Any], platform: str, case_id: str, objects: Iterable[PlatformObject]) -> bool:
    """Whether these are not the rows of a case."""
    return {tuple(row) for row in stored} != set(rows_of(platform, case_id, objects))


def write_preserved(
    of: Collection[tuple[str, str]],
    ledger: Ledger,
    statements: PreservedStatements,
    execute: Callable[[str, tuple[Any, ...]], Any],
) -> None:
    """Write the rows of these cases anew, each named by its platform and its id."""
    for platform, case_id in sorted(of):
        execute(statements.clear.sql, (platform, case_id))
        name = stream_of(case_id)
        streams = ledger.streams(platform, names_of(ledger.streams(platform, [name])[name].case)).values()
        # Of an object that cannot be read people are told.
        for row in rows_of(platform, case_id, (object_in(stream) for stream in streams if stream.fault is None)):
            execute(statements.put.sql, row)
