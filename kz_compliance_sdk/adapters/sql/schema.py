"""Which schema this release needs, and the statements that make it. Alembic is loaded only where there is something to
upgrade."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Connection, Dialect, MetaData, PrimaryKeyConstraint, String, Table, inspect, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from kz_compliance_sdk.adapters.sql import derived, guards, inbox, ledger, tables

VERSION_TABLE = "kz_compliance_schema"
HEAD = "0019"

# As Alembic makes it, in a metadata of its own: it is no table of ours.
_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)

# What SQLite's planner is told instead of measuring: every key begins with the platform, of which there are few.
# Without this it takes any index that begins with the platform for selective, and scans it.
_FEW = "1000000 500000"
_STATISTICS = (
    ("appeals", "appeals", f"{_FEW} 1"),
    ("appeals", "appeals_case", f"{_FEW} 1"),
    ("appeals", "appeals_due", f"{_FEW} 100000 2 1"),
    ("attempts", "attempts", f"{_FEW} 3 1 1"),
    ("cases", "cases", f"{_FEW} 1"),
    ("cases", "cases_claimable", "10000 5000 2 1"),
    ("cases", "cases_ended", f"{_FEW} 2 1"),
    ("cases", "cases_in_hand", "1000 500 2 1"),
    ("cases", "cases_leased", "100 50 2"),
    ("cases", "cases_notice", f"{_FEW} 1 1 1"),
    ("cases", "cases_watched", "10000 5000 2"),
    ("events", "events", "1000000 8 1"),
    ("inbox", "inbox", f"{_FEW} 1 1 1"),
    ("inbox", "inbox_case", f"{_FEW} 1"),
    ("inbox", "inbox_message", "1000 500 1"),
    ("inbox", "inbox_waits", "10 5 1"),
    ("keys", "keys", "1000000 2 1"),
    ("log", "log", f"{_FEW} 1"),
    ("log", "log_stream", "1000000 8 1"),
    ("outbox", "outbox", f"{_FEW} 3 1"),
    ("outbox", "outbox_due", "1000 500 200 2 1"),
    ("outbox", "outbox_held", "10 5 1"),
    ("outbox", "outbox_lane", "1000 500 1 1"),
    ("parts", "parts", "1000000 6 2 1"),
    ("preserved", "preserved", f"{_FEW} 2 1 1"),
    ("preserved", "preserved_until", f"{_FEW} 2"),
    ("streams", "streams_name", f"{_FEW} 1"),
    ("tallies", "tallies", f"{_FEW} 1"),
    ("tallies", "tallies_received", f"{_FEW} 2 1"),
    ("tiles", "tiles", "10000 5000 2000 1"),
    ("volumes", "volumes", "10000 5000 300 1"),
)

# Each declares its tables in the same metadata when it is loaded.
_DECLARED = (derived, tables, inbox, ledger)


def read_revision(connection: Connection) -> str | None:
    """The revision of the database's schema, None if it has none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_version.c.version_num))


def statements(dialect: Dialect) -> Iterator[str]:
    """The statements that make the schema in an empty database: tables, indexes, guards, and the planner's figures."""
    for table in tables.metadata.tables.values():
        yield str(CreateTable(table).compile(dialect=dialect)).strip()
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))
    yield from guards.statements(dialect.name)
    if dialect.name == "sqlite":
        yield "ANALYZE sqlite_schema"
        for table_name, index_name, figures in _STATISTICS:
            yield f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table_name}', '{index_name}', '{figures}')"  # noqa: S608  constants


def new_store() -> str:
    """The script that makes a new SQLite store as the migrations would."""
    dialect = sqlite.dialect()
    version = str(CreateTable(_version).compile(dialect=dialect)).strip()
    told = f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{HEAD}')"  # noqa: S608  constants
    return "".join(f"{statement};\n" for statement in (version, *statements(dialect), told))
