"""The reads of the appeals of affected users."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select, tuple_

from kz_compliance_sdk.adapters.sql import rows_users
from kz_compliance_sdk.adapters.sql import tables_users as u
from kz_compliance_sdk.adapters.sql.paging import check_limit, read_cursor, write_cursor
from kz_compliance_sdk.domain.change import Appeal
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.ports import AppealPage

__all__ = ["UserReads"]


class UserReads:
    """The part of the queries that is about appeals."""

    _platform: str

    def _all(self, statement: Select[Any]) -> list[Any]:
        raise NotImplementedError

    def appeal(self, appeal_id: str) -> Appeal:
        c = u.appeals.c
        found = self._all(select(u.appeals).where(c.platform_id == self._platform, c.appeal_id == appeal_id))
        if not found:
            raise NotFound("there is no such appeal on this platform.", reference=appeal_id)
        return rows_users.appeal_from(found[0])

    def appeals(self, *, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        check_limit(limit)
        c = u.appeals.c
        wanted = select(u.appeals).where(c.platform_id == self._platform, c.state == state)
        if cursor is not None:
            wanted = wanted.where(tuple_(c.due_at, c.appeal_id) > read_cursor(cursor))
        found = [
            rows_users.appeal_from(row) for row in self._all(wanted.order_by(c.due_at, c.appeal_id).limit(limit + 1))
        ]
        page = tuple(found[:limit])
        more = len(found) > limit
        return AppealPage(page, write_cursor(page[-1].due_at, page[-1].appeal_id) if more else None)
