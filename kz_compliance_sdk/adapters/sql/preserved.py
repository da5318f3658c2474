"""By what it is found that a sealed copy need not be kept any longer: a row for each that still is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, bindparam, select

from kz_compliance_sdk.adapters.sql.paging import AT_MOST
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.objects import PlatformObject
from kz_compliance_sdk.domain.references import stream_of

__all__ = ["PreservedStatements", "preserved", "rows_of"]

preserved = Table(
    "preserved",
    metadata,
    Column("platform_id", String(64), primary_key=True, comment="whose"),
    Column("case_id", String(36), primary_key=True, comment="whose measure"),
    Column("object", String(64), primary_key=True, comment="the stream of the object"),
    Column("item", Integer, primary_key=True, comment="the number of the item"),
    Column("until", BigInteger, nullable=False, comment="until when it is kept"),
    comment="A sealed copy that is kept: made of the streams of the objects of its case.",
    sqlite_with_rowid=False,
)
Index("preserved_until", preserved.c.platform_id, preserved.c.until)


class PreservedStatements:
    """Parameters are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any]) -> None:
        p = preserved.c
        over = select(p.case_id).where(p.platform_id == bindparam("k_platform_id"), p.until <= bindparam("now"))
        self.over = compiled(over.order_by(p.until).limit(AT_MOST))


def rows_of(chain: fold.Case, objects: Iterable[PlatformObject]) -> list[tuple[Any, ...]]:
    """The rows of a case, by the objects that it is about."""
    case_id = chain.stream.removeprefix(stream_of(""))
    return [
        (chain.platform, case_id, held.stream, number, until)
        for held in objects
        for (owner, number), until in held.holds.items()
        if owner == case_id and until
    ]
