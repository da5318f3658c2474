"""What a database does by itself, held against what this release told it to: its triggers and views."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection

from kz_compliance_sdk.adapters.sql import guards

__all__ = ["lost_guards", "strange_doings"]

_DOINGS = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY name"


def strange_doings(connection: Connection) -> list[str]:
    """Each trigger or view that this release did not make, or made otherwise: it can change what is written, and show
    what is not there."""
    own = _own()
    return [
        f"the database has a {kind} {name} that this release did not make{' like that' if (kind, name) in own else ''}"
        for (kind, name), text in _held(connection).items()
        if own.get((kind, name)) != text
    ]


def lost_guards(connection: Connection) -> list[str]:
    """The names of the triggers that this release made and that are gone."""
    held = _held(connection)
    return [name for kind, name in _own() if (kind, name) not in held]


def _held(connection: Connection) -> dict[tuple[str, str], str]:
    if connection.dialect.name != "sqlite":
        return dict(_own())
    found = connection.exec_driver_sql(_DOINGS).fetchall()
    return {(row[0], row[1]): _plain(row[2]) for row in found}


@cache
def _own() -> dict[tuple[str, str], str]:
    made = zip(guards.guards("sqlite"), guards.statements("sqlite"), strict=True)
    return {("trigger", guard[0]): _plain(statement) for guard, statement in made}


def _plain(text: object) -> str:
    return " ".join(str(text).split())
