"""Which schema this release needs. Alembic is loaded only where there is something to upgrade."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from kz_compliance_sdk.errors import StoreUnusable

VERSION_TABLE = "kz_compliance_schema"
HEAD = "0001"


def read_revision(connection: Connection) -> str | None:
    """The revision of the database's schema, None if it has none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).fetchone()  # noqa: S608  a constant
    return None if row is None else str(row[0])


def prepare(connection: Connection, *, upgrade: bool) -> None:
    """See that the schema is this release's; create it, or upgrade it if `upgrade`. Raises StoreUnusable."""
    current = read_revision(connection)
    if current == HEAD:
        return
    from kz_compliance_sdk.adapters.sql import migrate

    if current is not None and not upgrade:
        migrate.pending(connection)
        raise StoreUnusable(
            f"the database has schema {current}, this release needs {HEAD}. Run: kz-compliance db upgrade"
        )
    migrate.upgrade(connection)
