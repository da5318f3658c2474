"""Statements by direct SQL that the database itself refuses, each by the name of its guard, on both databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.postgres import open_plain
from kz_compliance_sdk.adapters.sql.schema import guards
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import open_engine
from tests.case_makers import PLATFORM, a_notice, measure, proposal
from tests.ledger.stored import happened
from tests.scene import LEGAL, Host, World
from tests.unguarded import unguard

REFUSED: Final = {
    "case taken away": ("DELETE FROM cases", "cases_stay"),
    "attempt's result": ("UPDATE attempts SET result = 'rejected'", "attempts_never_change"),
    "attempt's time": ("UPDATE attempts SET started_at = 1", "attempts_never_change"),
    "attempt taken away": ("DELETE FROM attempts", "attempts_stay"),
    "ledger's event": ("UPDATE events SET content = ONE", "events_never_change"),
    "ledger's event taken away": ("DELETE FROM events WHERE seq = 2", "events_stay"),
    "ledger's order": ("UPDATE log SET hash = ONE", "log_never_change"),
    "line of the log taken away": ("DELETE FROM log", "log_stay"),
    "stream's name": ("UPDATE streams SET name = 'other' WHERE n = 1", "streams_never_change"),
    "stream taken away": ("DELETE FROM streams", "streams_stay"),
    "part's bytes": ("UPDATE parts SET bytes = ONE", "parts_never_change"),
    "kept part emptied": ("UPDATE parts SET bytes = NULL WHERE class = 'kept'", "parts_never_change"),
    "part taken away": ("DELETE FROM parts", "parts_stay"),
    "key's class": ("UPDATE keys SET class = 'other' WHERE class = 'kept'", "keys_stay_of_their_stream"),
    "key of what is kept taken away": ("DELETE FROM keys WHERE class = 'kept'", "keys_stay"),
}
ONLY_SQLITE: Final = {
    "key taken away before anything was erased": ("DELETE FROM keys WHERE class = 'erasable'", "keys_stay"),
}
ERASED: Final = (
    "UPDATE attempts SET detail = ''",
    "UPDATE parts SET bytes = NULL WHERE class = 'erasable'",
)


def words(dialect: str, sql: str) -> str:
    """The statement with bytes as this database writes them."""
    empty, one = ("x''", "x'01'") if dialect == "sqlite" else ("'\\x'::bytea", "'\\x01'::bytea")
    return sql.replace("EMPTY", empty).replace("ONE", one)


class Tried(Exception):
    """Takes back what was tried."""


class Database:
    """One case, decided by two people, carried out and reported, in a database that is spoken to by plain SQL."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.dialect = engine, engine.dialect.name

    def try_out(self, *statements: str) -> int:
        """Run the statements and take them back; how many rows the last one hit."""
        hit = 0
        with contextlib.suppress(Tried), self.engine.begin() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            for sql in statements:
                hit = connection.exec_driver_sql(words(self.dialect, sql)).rowcount
            raise Tried
        return hit


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guards") / "desk.sqlite3"
    host = Host(World(path))
    notice = a_notice(category="election_rules")
    host.push(notice, "m-1")
    assert host.decide(proposal(measure("1"))).decision.approved_by == LEGAL.id
    host.drain()
    host.make_checkpoint()
    told = happened("duty/1", "opened", read=0), happened("duty/1", "viewed", read=0)
    host.store.submit(PLATFORM, lambda _tx: (told, None)).result()
    host.store.close()
    return path


def sqlite_engine(path: Path) -> Engine:
    return open_engine(choose_driver(), str(path))


@pytest.fixture(scope="module")
def on_sqlite(file: Path) -> Iterator[Database]:
    engine = sqlite_engine(file)
    yield Database(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def on_postgres(file: Path) -> Iterator[Database]:
    """What the file holds, carried over row by row."""
    from tests.postgres import database

    with database() as url:
        engine, source = open_plain(url), sqlite_engine(file)
        with source.connect() as held, engine.begin() as connection:
            for table in t.metadata.sorted_tables:
                rows = [dict(row._mapping) for row in held.execute(select(table))]
                if rows:
                    connection.execute(insert(table), rows)
        source.dispose()
        yield Database(engine)
        engine.dispose()


@pytest.mark.parametrize("name", [*REFUSED, *ONLY_SQLITE])
def test_sqlite_refuses_it_by_name(name: str, on_sqlite: Database) -> None:
    sql, guard = {**REFUSED, **ONLY_SQLITE}[name]
    with pytest.raises(IntegrityError, match=guard):
        on_sqlite.try_out(sql)


@pytest.mark.postgres
@pytest.mark.slow
def test_postgresql_refuses_each_by_name_and_lets_retention_erase(on_postgres: Database) -> None:
    for sql, guard in REFUSED.values():
        with pytest.raises(IntegrityError, match=guard):
            on_postgres.try_out(sql)
    emptied = ("cases", "attempts")
    for table in (*emptied, "events", "log", "parts", "streams", "keys"):
        with pytest.raises(IntegrityError, match=f"{table}_not_emptied"):
            on_postgres.try_out(f"TRUNCATE {table}")
    for sql in ERASED:
        assert on_postgres.try_out(sql) > 0, sql


@pytest.mark.parametrize("sql", ERASED)
def test_what_retention_erases_may_go(sql: str, on_sqlite: Database) -> None:
    assert on_sqlite.try_out(sql) > 0


def test_without_its_guard_each_statement_goes_through(file: Path, tmp_path: Path) -> None:
    """The control: it is the guards that refuse, and nothing else."""
    bare = tmp_path / "bare.sqlite3"
    with closing(choose_driver().module.connect(file)) as held, closing(choose_driver().module.connect(bare)) as copy:
        held.backup(copy)
        assert unguard(copy) == len(list(guards("sqlite")))
    engine = sqlite_engine(bare)
    for sql, _ in (*REFUSED.values(), *ONLY_SQLITE.values()):
        assert Database(engine).try_out(sql) > 0, sql
    engine.dispose()


def test_every_guard_is_tried(file: Path) -> None:
    tried = {guard for _, guard in (*REFUSED.values(), *ONLY_SQLITE.values())}
    assert tried == {name for name, *_ in guards("sqlite")}
    with closing(choose_driver().module.connect(file)) as raw:
        held = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    assert held == tried
