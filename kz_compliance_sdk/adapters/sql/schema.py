"""Which schema this release needs, and the statements that make it. Alembic is loaded only where there is something to
upgrade."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

from kz_compliance_sdk.adapters.sql import derived, inbox, ledger, tables
from kz_compliance_sdk.adapters.sql.dialects import POSTGRESQL, SQLITE, dialect_of
from kz_compliance_sdk.adapters.sql.files import held, refuse_changed
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver

VERSION_TABLE = "kz_compliance_schema"
HEAD = "0023"

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
    ("appeals", "appeals_due", f"{_FEW} 100000 2 1"),
    ("appeals", "appeals_stream", "1000000 1"),
    ("attempts", "attempts", f"{_FEW} 3 1 1"),
    ("cases", "cases_claimable", "10000 5000 2"),
    ("cases", "cases_claimable_authority_id", "10000 5000 500 2"),
    ("cases", "cases_claimable_category", "10000 5000 500 2"),
    ("cases", "cases_ended", f"{_FEW} 2"),
    ("cases", "cases_in_hand", "1000 500 2"),
    ("cases", "cases_in_hand_authority_id", "1000 500 50 2"),
    ("cases", "cases_in_hand_category", "1000 500 50 2"),
    ("cases", "cases_leased", "100 50 2"),
    ("cases", "cases_notice", f"{_FEW} 1 1 1"),
    ("cases", "cases_paused", "10 5"),
    ("events", "events", "1000000 8 1"),
    ("inbox", "inbox", "1000000 2 1 1"),
    ("inbox", "inbox_key", f"{_FEW} 1"),
    ("inbox", "inbox_message", "1000 500 1"),
    ("inbox", "inbox_waits", "10 5 1"),
    ("keys", "keys", "1000000 2 1"),
    ("leases", "leases", "1000 3 1"),
    ("leases", "leases_alerts", "10 5 1"),
    ("leases", "leases_due", "1000 500 200 2 1"),
    ("log", "log", f"{_FEW} 1"),
    ("log", "log_stream", "1000000 8 1"),
    ("outbox", "outbox", "1000 3 1"),
    ("outbox", "outbox_alerts", "10 5 1"),
    ("outbox", "outbox_held", "10 5 1"),
    ("outbox", "outbox_lane", "1000 500 1 1"),
    ("parts", "parts", "1000000 6 2 1"),
    ("preserved", "preserved", "1000000 2 1 1"),
    ("preserved", "preserved_until", f"{_FEW} 2"),
    ("streams", "streams_name", f"{_FEW} 1"),
    ("tallies", "tallies_received", f"{_FEW} 2"),
    ("tiles", "tiles", "10000 5000 2000 1"),
    ("volumes", "volumes", "10000 5000 300 1"),
    ("watches", "watches_due", "10000 5000 2"),
)

STREAMS_AT_ONCE = 64
"""So many numbers of streams a writer takes at once."""
_VACUUMED = ("cases", "watches", "outbox", "leases", "unplaced")
_ONLY_POSTGRESQL = (
    # Several hosts give numbers to streams.
    f"CREATE SEQUENCE stream_numbers AS BIGINT INCREMENT BY {STREAMS_AT_ONCE}",
    # What has happened and has no line in the log yet, in the order in which it was written.
    "CREATE TABLE unplaced (k BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream BIGINT, seq INTEGER)",
    # As SQLite holds it in the header of its file: which master key the store was made with.
    "CREATE TABLE store_marks (master_key BIGINT NOT NULL)",
    "INSERT INTO store_marks (master_key) VALUES (0)",
    "CREATE INDEX volumes_at ON volumes (platform_id, name, at)",
    # Lines that come and go all day: what is dead of them must not be walked past by every claim.
    *(
        f"ALTER TABLE {name} SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)"
        for name in _VACUUMED
    ),
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
        yield _written(CreateTable(table), dialect)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if dialect.name == POSTGRESQL:  # declared once: to name it beside would load that dialect for everybody
                index.dialect_options[POSTGRESQL]["where"] = index.dialect_options[SQLITE]["where"]
            yield _written(CreateIndex(index), dialect)
    if dialect.name == POSTGRESQL:
        yield from _ONLY_POSTGRESQL
    yield from guard_statements(dialect.name)
    if dialect.name == SQLITE:
        yield "ANALYZE sqlite_schema"
        for table_name, index_name, figures in _STATISTICS:
            yield f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table_name}', '{index_name}', '{figures}')"  # noqa: S608  constants


def _written(element: DDLElement, dialect: Dialect) -> str:
    """As a migration holds it: no blank ends a line. PostgreSQL holds texts of any length, as SQLite does, and names in
    the order of their bytes, as SQLite and Python have it, and not in that of a language."""
    text = "\n".join(line.rstrip() for line in str(element.compile(dialect=dialect)).strip().splitlines())
    return text if dialect.name == SQLITE else re.sub(r"VARCHAR\(\d+\)", 'TEXT COLLATE "C"', text)


def new_store() -> str:
    """The script that makes a new SQLite store as the migrations would."""
    dialect = dialect_of(SQLITE)
    version = str(CreateTable(_version).compile(dialect=dialect)).strip()
    told = f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{HEAD}')"  # noqa: S608  constants
    return "".join(f"{statement};\n" for statement in (version, *statements(dialect), told))


# --------------------------------------------------------------------------------------------------------------- guards
# Guards: the database itself refuses to change what was decided, received, sent or recorded; whatever else it does by
# itself is told.
#
# They stop a slip and a statement typed by hand, not somebody who may drop them: for that there is the ledger. What
# retention erases it may erase: a body becomes empty. Inserts into the tables of intake have no guard, so that
# receiving a notice costs nothing more. A migration that rebuilds one of these tables for SQLite loses its guards, and
# must set them again.


_EVIDENCE = (
    *("attempts", "cases"),
    *("events", "log", "parts", "streams"),
)
_ERASED = "EXISTS (SELECT 1 FROM events WHERE stream = OLD.stream AND kind = 'erased')"
_FUNCTION = "kz_compliance_refuse"


def guards(dialect: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Each guard for `dialect` ("sqlite" or "postgresql"): name, table, event, when it refuses, and what it says."""
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"

    def changed(*columns: str) -> str:
        return " OR ".join(f"NEW.{name} {differs} OLD.{name}" for name in columns)

    def rewritten(*columns: str) -> str:
        """Changed, and not erased."""
        return " OR ".join(f"(length(NEW.{name}) > 0 AND NEW.{name} {differs} OLD.{name})" for name in columns)

    def any_of(*conditions: str) -> str:
        return " OR ".join(conditions)

    for table in _EVIDENCE:
        yield f"{table}_stay", table, "DELETE", "", "nothing is deleted from here"
    yield (
        "attempts_never_change",
        "attempts",
        "UPDATE",
        any_of(
            changed("platform_id", "case_id", "message_id", "number", "started_at"),
            f"(OLD.result <> 'lost' AND ({changed('ended_at', 'result')} OR {rewritten('detail')}))",
        ),
        "an attempt never changes once its result is known",
    )
    for table in ("events", "log", "streams"):
        yield f"{table}_never_change", table, "UPDATE", "", "what happened never changes"
    yield (
        "parts_never_change",
        "parts",
        "UPDATE",
        any_of(changed("stream", "seq", "name", "class"), "OLD.class <> 'erasable'", "NEW.bytes IS NOT NULL"),
        "a part is erased, or stays as it is",
    )
    yield "keys_stay_of_their_stream", "keys", "UPDATE", changed("stream", "class"), "a key stays that of its stream"
    erased = f" OR NOT {_ERASED}" if dialect == "sqlite" else ""
    yield "keys_stay", "keys", "DELETE", f"OLD.class <> 'erasable'{erased}", "a key goes with what was erased alone"


def guard_statements(dialect: str) -> Iterator[str]:
    """The statements that set the guards."""
    if dialect == "postgresql":
        yield (
            f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for name, table, event, when, says in guards(dialect):
        refused = f"{name}: {says}"
        if dialect == "sqlite":
            condition = f" WHEN {when}" if when else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition}"
                f" BEGIN SELECT RAISE(ABORT, '{refused}'); END"
            )
        else:
            condition = f" WHEN ({when})" if when else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition}"
                f" EXECUTE FUNCTION {_FUNCTION}('{refused}')"
            )
    if dialect == "postgresql":
        for table in (*_EVIDENCE, "keys"):
            yield (
                f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
                f" EXECUTE FUNCTION {_FUNCTION}('{table}_not_emptied: nothing is deleted from here')"
            )


# -------------------------------------------------------------------------------------------- what the schema should be
# Held against what a new store has, object by object and word for word. A table made otherwise can swallow what is
# written to it (ON CONFLICT IGNORE), as a trigger can; and what an index left out is found by nobody who asks by it.


_Object = tuple[str, str, str]
_SCHEMA = "SELECT type, name, sql FROM sqlite_schema"
_FIGURES = frozenset(
    ("table", name, f"CREATE TABLE {name}({columns})")
    for name, columns in (("sqlite_stat1", "tbl,idx,stat"), ("sqlite_stat4", "tbl,idx,neq,nlt,ndlt,sample"))
)
"""SQLite's own, for its planner. Which of them there are depends on how it was built."""


def wrong_schema(connection: Connection) -> list[str]:
    """What is wrong with the schema, in words: whatever this release did not make, or made otherwise; a table or an
    index that is gone; an index that does not hold what its table does. Of a guard that is gone tells `lost_guards`."""
    own, there = _own(connection.dialect.name), _there(connection)
    named = {one[:2] for one in own}
    found = [
        f"the database has {'an' if kind == 'index' else 'a'} {kind} {name} that this release did not make"
        f"{' like that' if (kind, name) in named else ''}"
        for kind, name, _ in sorted(there - own - _FIGURES)
    ]
    left = named - {one[:2] for one in there}
    gone = sorted(one for one in left if one[0] != "trigger")
    found += [f"the {kind} {name} of this release is gone" for kind, name in gone]
    lying = (f"{name} in the database does not hold what its table does" for name in lying_indexes(connection))
    return [*found, *lying]


def lost_guards(connection: Connection) -> list[str]:
    """The names of the triggers that this release made and that are gone."""
    there = {one[:2] for one in _there(connection)}
    return sorted(
        name for kind, name, _ in _own(connection.dialect.name) if kind == "trigger" and (kind, name) not in there
    )


def lying_indexes(connection: Connection) -> list[str]:
    """The names of the indexes that lack a row of their table, or hold one that it has not; of a table whose own order
    lies its name. They are looked at table by table, so that no reader holds the file back for long."""
    if connection.dialect.name != SQLITE:
        return []  # amcheck is for whoever runs the server
    there = {name for _, name, _ in _there(connection)} & {table.name for table in tables.metadata.sorted_tables}
    said = [row[0] for name in there for row in connection.exec_driver_sql(f"PRAGMA integrity_check({name})")]
    # Of what else is wrong with a row its chain tells.
    found = (line.partition(_LIES[" index " in line])[2] for line in said)
    return sorted({name for name in found if name})


_LIES = "PRIMARY KEY order for ", " index "


def mend_indexes(engine: Engine, path: str) -> list[str]:
    """Make the indexes anew that lie, and tables whose order does; gives their names. One that two rows cannot share
    stays, and the verification goes on naming it."""
    mended: list[str] = []
    with held(path) as lock, engine.connect() as connection:
        refuse_changed(lock, path)
        for name in lying_indexes(connection):
            with suppress(IntegrityError):
                connection.exec_driver_sql(f"REINDEX {name}")
                mended.append(name)
    return mended


def _there(connection: Connection) -> frozenset[_Object]:
    if connection.dialect.name != SQLITE:
        return _objects(connection.execute(_OF_POSTGRESQL, {"tables": _own_tables()}).fetchall())
    return _objects(connection.exec_driver_sql(_SCHEMA).fetchall())


@cache
def _own(dialect: str) -> frozenset[_Object]:
    if dialect != SQLITE:
        return frozenset(_own_of_postgresql())
    with closing(choose_driver().module.connect(":memory:")) as made:
        made.executescript(new_store())
        return _objects(made.execute(_SCHEMA).fetchall()) - _FIGURES


# Of PostgreSQL's objects the names are compared, and of what refuses also what it does. Other tables of the schema may
# be anybody's.

_OF_POSTGRESQL = text(
    """
    WITH own AS (
        SELECT oid, relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
            AND relkind IN ('r', 'p') AND relname = ANY(:tables)
    )
    SELECT 'table', relname, '' FROM own
    UNION ALL SELECT 'index', c.relname, '' FROM pg_index i JOIN own ON own.oid = i.indrelid
        JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid
    UNION ALL SELECT 'trigger', t.tgname, '' FROM pg_trigger t JOIN own ON own.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
    UNION ALL SELECT 'rule', r.rulename, '' FROM pg_rewrite r JOIN own ON own.oid = r.ev_class
    UNION ALL SELECT 'policy', p.polname, '' FROM pg_policy p JOIN own ON own.oid = p.polrelid
    UNION ALL SELECT 'function', proname, prosrc FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proname = 'kz_compliance_refuse'
    """
)


def _own_tables() -> list[str]:
    return [*tables.metadata.tables, "unplaced", "store_marks", VERSION_TABLE]


def _own_of_postgresql() -> Iterator[_Object]:
    for statement in (*statements(dialect_of(POSTGRESQL)), _written(CreateTable(_version), dialect_of(POSTGRESQL))):
        made = re.match(r"CREATE (?:OR REPLACE |UNIQUE )?(TABLE|INDEX|TRIGGER|FUNCTION) (\w+)", statement)
        if made is not None:
            does = re.search(r"\$\$(.*)\$\$", statement) if made[1] == "FUNCTION" else None
            yield made[1].lower(), made[2], " ".join(does[1].split()) if does else ""
        if made is not None and made[1] == "TABLE" and "PRIMARY KEY" in statement:
            yield "index", f"{VERSION_TABLE}_pkc" if made[2] == VERSION_TABLE else f"{made[2]}_pkey", ""


def _objects(rows: Iterable[Any]) -> frozenset[_Object]:
    """However their statements are broken into lines: Alembic prints each tab as four blanks."""
    return frozenset((str(kind), str(name), " ".join(str(text).split())) for kind, name, text in rows)
