"""The script that makes a new store in one step: what all migrations together leave behind, statement by statement."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from sqlalchemy import create_engine

from kz_compliance_sdk.adapters.sql import migrate

_HEAD = """\
-- Made from the migrations by `python -m tests.generate`. Do not edit.
"""


def dump(connection: Any) -> list[str]:
    """The statements that make the schema of a SQLite database, its planner's figures and its revision."""
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    # SQLite makes its tables of figures itself, and which of them there are depends on how it was built.
    statements = [
        "\n".join(line.rstrip() for line in sql.strip().splitlines())
        for name, sql in found
        if not name.startswith("sqlite_")
    ]
    statements.append("ANALYZE sqlite_schema")
    for table, columns in (("sqlite_stat1", ("tbl", "idx", "stat")), ("kz_compliance_schema", ("version_num",))):
        quoted = " || ', ' || ".join(f"quote({column})" for column in columns)
        statements += [
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608
            for (values,) in connection.execute(f"SELECT {quoted} FROM {table} ORDER BY 1").fetchall()  # noqa: S608
        ]
    return statements


def newest_schema() -> str:
    """Return the script, as the migrations of this source tree make it."""
    engine = create_engine("sqlite://")
    with closing(engine.connect()) as connection:
        migrate.upgrade(connection)
        statements = dump(connection.connection.dbapi_connection)
    engine.dispose()
    return _HEAD + "".join(f"{statement};\n" for statement in statements)
