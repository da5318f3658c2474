"""What is read of one case: for its file, for a verification.

Compiled once, and run on the driver's own cursor: SQLAlchemy's part in such a statement is five times the statement.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, Integer, Select, Table, bindparam, select, type_coerce
from sqlalchemy.dialects import registry

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DERIVED
from kz_compliance_sdk.adapters.sql.sqlite import store_error
from kz_compliance_sdk.adapters.sql.statements import Compiled

CASE_TABLES: tuple[tuple[str, Table], ...] = (
    ("outbox", t.outbox),
    ("attempts", t.attempts),
)
_READ = (t.cases, *dict(CASE_TABLES).values(), *DERIVED)
_POSITIONAL = MappingProxyType({"sqlite": "qmark", "postgresql": "format"})
_ORDER = MappingProxyType(
    {
        "outbox": ("created_at", "lane_seq", "id"),
        "attempts": ("message_id", "number"),
    }
)


def as_it_lies(table: Table) -> Select[Any]:
    """All of a table's rows as they lie there: a database that has no truth values holds numbers for them, and which
    number it is must be seen."""
    return select(
        *(
            type_coerce(column, Integer).label(column.name) if isinstance(column.type, Boolean) else column
            for column in table.columns
        )
    )


class OfCase:
    """The statements for one dialect. Errors of the driver come out as StoreError."""

    def __init__(self, dialect: Dialect) -> None:
        self._rows = {table.name: Compiled(_of_case(table), dialect) for table in _READ}
        self._platform_key = Compiled(_of_key(t.platform_keys, "key", "name"), dialect)

    def rows(self, connection: Connection, table: str, platform_id: str, case_id: str) -> list[Any]:
        """A case's rows in one table, in their order."""
        return _fetch(connection, self._rows[table], {"platform": platform_id, "key": case_id})

    def platform_key(self, connection: Connection, platform_id: str, name: str) -> bytes | None:
        """The platform's key of this name, as it is stored."""
        found = _fetch(connection, self._platform_key, {"platform": platform_id, "key": name})
        return found[0][0] if found else None


def _of_case(table: Table) -> Select[Any]:
    case_id = table.c["id" if table is t.cases else "case_id"]
    statement = as_it_lies(table).where(table.c.platform_id == bindparam("platform"), case_id == bindparam("key"))
    return statement.order_by(*(table.c[name] for name in _ORDER.get(table.name, ())))


def _of_key(table: Table, column: str, key: str) -> Select[Any]:
    return select(table.c[column]).where(table.c.platform_id == bindparam("platform"), table.c[key] == bindparam("key"))


def _fetch(connection: Connection, statement: Compiled, values: dict[str, Any]) -> list[Any]:
    driver = connection.dialect.loaded_dbapi
    try:
        cursor = connection.connection.cursor()
        cursor.execute(statement.sql, statement.bind(values))
        return list(cursor.fetchall())
    except driver.Error as error:
        raise store_error(error) from error


@cache
def of_case(dialect: str) -> OfCase:
    """Those of a dialect, by its name."""
    return OfCase(registry.load(dialect)(paramstyle=_POSITIONAL[dialect]))
