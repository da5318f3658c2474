"""Which schema this release needs. Alembic is loaded only where there is something to upgrade."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

VERSION_TABLE = "kz_compliance_schema"
HEAD = "0009"


def read_revision(connection: Connection) -> str | None:
    """The revision of the database's schema, None if it has none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).fetchone()  # noqa: S608  a constant
    return None if row is None else str(row[0])
