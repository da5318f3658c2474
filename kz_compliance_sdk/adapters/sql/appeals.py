"""By what the appeals of affected users are found: a row each. No word lies in it: a list opens the chains of its
page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Select, String, Table, bindparam, select, tuple_

from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.paging import check_limit, read_cursor, write_cursor
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.appeals import Appeal, AppealFile, appeal_of, file_of
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import NewerRelease
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.errors import NotFound, StoreDamaged
from kz_compliance_sdk.ports import AppealPage

__all__ = ["AppealReads", "AppealStatements", "appeals", "rows_of"]

appeals = Table(
    "appeals",
    metadata,
    Column("platform_id", String(64), primary_key=True, comment="whose"),
    Column("appeal_id", String(36), primary_key=True, comment="made of a digest of your number"),
    Column("case_id", String(36), nullable=False, comment="in which case"),
    Column("state", String(12), nullable=False, comment="open, upheld, reversed, withdrawn"),
    Column("received_at", BigInteger, nullable=False, comment="when it came"),
    Column("due_at", BigInteger, nullable=False, comment="when it is to be decided"),
    comment="By what an appeal is found: made of the chain of its case.",
    sqlite_with_rowid=False,
)
Index("appeals_due", appeals.c.platform_id, appeals.c.state, appeals.c.due_at, appeals.c.appeal_id)
Index("appeals_case", appeals.c.platform_id, appeals.c.case_id)


class AppealStatements:
    """Parameters are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any]) -> None:
        a = appeals.c
        mine = a.platform_id == bindparam("k_platform_id")
        self.case = compiled(select(a.case_id).where(mine, a.appeal_id == bindparam("k_appeal_id")))


def rows_of(chain: fold.Case, _objects: object) -> list[tuple[Any, ...]]:
    """The rows of a case."""
    case_id = chain.stream.removeprefix(stream_of(""))
    return [
        (chain.platform, held.id, case_id, held.state, held.received_at, held.due_at) for held in chain.appeals.values()
    ]


class AppealReads:
    """The part of the queries that is about appeals."""

    _platform: str

    def _all(self, statement: Select[Any]) -> list[Any]:
        raise NotImplementedError

    def _reading(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _ledger(self, connection: Connection) -> Ledger:
        raise NotImplementedError

    def _row_and_stream(self, connection: Connection, ledger: Ledger, case_id: str) -> tuple[Case, Stream]:
        raise NotImplementedError

    def appeal(self, appeal_id: str) -> AppealFile:
        a = appeals.c
        found = self._all(select(a.case_id).where(a.platform_id == self._platform, a.appeal_id == appeal_id))
        if not found:
            raise NotFound("there is no such appeal on this platform.", reference=appeal_id)
        with self._reading() as connection:
            ledger = self._ledger(connection)
            case, stream = self._row_and_stream(connection, ledger, found[0][0])
            return file_of(stream, case, appeal_id, ledger.words)

    def appeals(self, *, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        check_limit(limit)
        a = appeals.c
        wanted = select(appeals).where(a.platform_id == self._platform, a.state == state)
        if cursor is not None:
            wanted = wanted.where(tuple_(a.due_at, a.appeal_id) > read_cursor(cursor))
        found = self._all(wanted.order_by(a.due_at, a.appeal_id).limit(limit + 1))
        page = found[:limit]
        with self._reading() as connection:
            ledger = self._ledger(connection)
            told = tuple(self._told(connection, ledger, row) for row in page)
        return AppealPage(told, write_cursor(page[-1].due_at, page[-1].appeal_id) if len(found) > limit else None)

    def _told(self, connection: Connection, ledger: Ledger, row: Any) -> Appeal:
        """An appeal as the chain of its case tells it. Of one that cannot be read the row alone is left."""
        try:
            case, stream = self._row_and_stream(connection, ledger, row.case_id)
            return appeal_of(stream, case, row.appeal_id, ledger.words)
        except (StoreDamaged, NewerRelease, NotFound):
            return Appeal(
                platform_id=row.platform_id,
                appeal_id=row.appeal_id,
                case_id=row.case_id,
                item=0,
                item_id="",
                reference="",
                received_at=row.received_at,
                due_at=row.due_at,
                decision_version=0,
                proposed_by="",
                approved_by="",
                number=0,
                state=row.state,
            )
