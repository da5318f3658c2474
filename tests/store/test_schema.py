"""The schema: made in one step or by migrations it is the same; what this release cannot use is refused."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from kz_compliance_sdk.adapters import sql
from kz_compliance_sdk.adapters.sql import migrate, schema, store
from kz_compliance_sdk.adapters.sql.migrations import versions
from kz_compliance_sdk.adapters.sql.schema import HEAD
from kz_compliance_sdk.adapters.sql.sqlite import APPLICATION_ID, choose_driver
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.errors import StoreError, StoreUnusable
from tests.case_makers import PLATFORM
from tests.store.conftest import OpenStore, raw, saved

(OWN_MIGRATIONS,) = versions.__path__
SCRIPT = "kz_compliance_sdk.adapters.sql.store.new_store"
NEXT = f"{int(HEAD) + 1:04}"
NEXT_MIGRATION = '''\
"""What the next release adds."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "NEXT", "HEAD", None, None


def upgrade():
    op.execute("CREATE TABLE added (a TEXT)")
    op.execute("INSERT INTO added SELECT 'kept' FROM cases")
    STOP
'''


def dump(connection: Any) -> dict[str, list[Any]]:
    """What a SQLite database holds: the statements of its schema, its planner's figures, its revision."""
    # SQLite makes its tables of figures itself, and which of them there are depends on how it was built.
    asked = {
        "objects": "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name",
        "figures": "SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx",
        "revision": "SELECT version_num FROM kz_compliance_schema",
    }
    return {what: connection.execute(statement).fetchall() for what, statement in asked.items()}


def plain(statement: str | None) -> str:
    """The statement whatever its blanks: Alembic prints each tab as four."""
    return " ".join(str(statement).split())


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A file that is ours and has no schema yet."""
    path = tmp_path / "empty.sqlite3"
    with closing(choose_driver().module.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


@pytest.fixture
def connect(empty: Path) -> Iterator[Callable[[], Connection]]:
    """Open connections to the empty file."""
    opened = store.open_engine(choose_driver(), str(empty))
    with contextlib.ExitStack() as stack:
        stack.callback(opened.dispose)
        yield lambda: stack.enter_context(opened.connect())


def next_release(monkeypatch: pytest.MonkeyPatch, folder: Path, *, stop: str = "") -> None:
    """Make of this installation one that has a migration more, which may `stop` at its end."""
    (folder / "next.py").write_text(NEXT_MIGRATION.replace("NEXT", NEXT).replace("HEAD", HEAD).replace("STOP", stop))
    config = Config()
    config.set_main_option("script_location", "kz_compliance_sdk.adapters.sql:migrations")
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{OWN_MIGRATIONS}\n{folder}")
    monkeypatch.setattr(migrate, "_script", lambda: ScriptDirectory.from_config(config))
    for module in (schema, migrate):
        monkeypatch.setattr(module, "HEAD", NEXT)


def test_both_ways_make_the_same_schema(
    connect: Callable[[], Connection], empty: Path, open_store: OpenStore, path: Path
) -> None:
    open_store().close()
    migrate.upgrade(connect())
    with closing(choose_driver().module.connect(empty)) as one, closing(choose_driver().module.connect(path)) as two:
        assert dump(one) == dump(two)
        assert dump(two)["revision"] == [(HEAD,)]
        two.execute("DROP TRIGGER events_never_change")
        assert dump(one) != dump(two), "the control: one guard less is seen"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_sql_for_people_makes_every_table_index_and_guard(dialect: str) -> None:
    script = migrate.as_sql(dialect)
    indexes = [index.name for table in metadata.tables.values() for index in table.indexes]
    for name in (*metadata.tables, *indexes, *(guard[0] for guard in schema.guards(dialect))):
        assert re.search(rf"^CREATE (UNIQUE )?(TABLE|INDEX|TRIGGER) {name}\b", script, re.MULTILINE), name
    assert f"VALUES ('{HEAD}')" in script


def test_the_sql_for_people_makes_the_schema_of_a_store(open_store: OpenStore, path: Path) -> None:
    open_store().close()
    with closing(sqlite3.connect(":memory:")) as typed, closing(choose_driver().module.connect(path)) as held:
        typed.executescript(migrate.as_sql("sqlite"))
        by_hand, made = dump(typed), dump(held)
    assert [(kind, name, plain(sql)) for kind, name, sql in by_hand.pop("objects")] == [
        (kind, name, plain(sql)) for kind, name, sql in made.pop("objects")
    ]
    assert by_hand == made


def test_the_sql_of_an_upgrade_does_what_the_upgrade_does(
    open_store: OpenStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(open_store())
    open_store.close()
    typed = tmp_path / "typed.sqlite3"
    typed.write_bytes(path.read_bytes())
    next_release(monkeypatch, tmp_path)
    script = migrate.upgrade_as_sql("sqlite", HEAD)
    assert "CREATE TABLE cases" not in script, "only what is new"
    open_store().close()
    with closing(choose_driver().module.connect(typed)) as one, closing(choose_driver().module.connect(path)) as two:
        assert dump(one) != dump(two), "the control"
        one.executescript(script)
        assert dump(one) == dump(two)
        assert one.execute("SELECT a FROM added").fetchall() == [("kept",)]
    assert migrate.upgrade_as_sql("sqlite", NEXT).splitlines() == [f"-- Nothing to do: the schema is {NEXT}."]


@pytest.mark.slow
def test_the_schema_has_the_tables_of_every_module() -> None:
    """In a process of its own: here other tests have loaded whatever declares a table."""
    script = "from kz_compliance_sdk.adapters.sql import schema; print(*schema.tables.metadata.tables)"
    alone = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    for module in iter_modules(sql.__path__, f"{sql.__name__}."):
        import_module(module.name)
    assert set(alone) == set(metadata.tables)


def test_the_planner_is_told_of_every_index(open_store: OpenStore) -> None:
    """Of one that it is not told of it thinks that the platform narrows well, and takes it for everything."""
    store = open_store()
    untold = (
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_autoindex%'"
        " AND name NOT IN (SELECT idx FROM sqlite_stat1)"
    )
    assert raw(store, untold) == []
    raw(store, "CREATE INDEX preserved_told_of_to_nobody ON preserved (platform_id, item)")
    assert raw(store, untold) == [("preserved_told_of_to_nobody",)], "the control"
    plan = raw(
        store,
        "EXPLAIN QUERY PLAN SELECT * FROM preserved WHERE platform_id = 'social' AND until <= 5 ORDER BY until",
    )
    assert "preserved_until" in " ".join(str(row[3]) for row in plan)


def test_a_script_that_is_behind_is_caught_up_by_the_migrations(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = "CREATE TABLE kz_compliance_schema (version_num VARCHAR(32) NOT NULL);\n"
    monkeypatch.setattr(SCRIPT, lambda: behind)
    store = open_store()
    case = saved(store)
    assert store.queries(PLATFORM).case(case.id) == case
    assert raw(store, "SELECT version_num FROM kz_compliance_schema") == [(HEAD,)]


def test_what_the_database_refuses_meanwhile_is_told_and_leaves_no_store(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SCRIPT, lambda: "CREATE TABLE cases (id);\nCREATE TABLE cases (id);\n")
        with pytest.raises(StoreError, match="Nothing was written"):
            open_store()
    assert not path.exists()
    saved(open_store())


def test_the_store_of_the_release_before_is_upgraded_and_keeps_what_it_holds(
    open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    case = saved(store)
    store.close()
    next_release(monkeypatch, tmp_path)
    with pytest.raises(StoreUnusable, match=f"schema {HEAD}, this release needs {NEXT}. Run: kz-compliance db upgrade"):
        open_store(upgrade=False)
    upgraded = open_store()
    assert upgraded.queries(PLATFORM).case(case.id) == case
    assert raw(upgraded, "SELECT * FROM added") == [("kept",)]
    assert raw(upgraded, "SELECT version_num FROM kz_compliance_schema") == [(NEXT,)]


def test_an_upgrade_is_all_of_it_or_nothing(
    open_store: OpenStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    saved(store)
    store.close()
    with closing(choose_driver().module.connect(path)) as held:
        before = dump(held)
        with monkeypatch.context() as patched:
            next_release(patched, tmp_path, stop="raise KeyboardInterrupt")
            with pytest.raises(KeyboardInterrupt):
                open_store()
        assert dump(held) == before
    saved(open_store(), 2)


def test_who_comes_second_finds_nothing_left_to_upgrade(
    connect: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked, and both found something to do."""
    pending, asked = migrate.pending, iter([True])

    def overtaken(connection: Connection) -> list[str]:
        found = pending(connection)
        if next(asked, False):
            assert migrate.upgrade(connect()) == found
        return found

    monkeypatch.setattr(migrate, "pending", overtaken)
    second = connect()
    assert migrate.upgrade(second) == []
    assert schema.read_revision(second) == HEAD


def test_nobody_writes_while_the_schema_is_upgraded(connect: Callable[[], Connection], empty: Path) -> None:
    refused: list[str] = []

    def meanwhile(_line: str) -> None:
        module = choose_driver().module
        with closing(module.connect(empty, isolation_level=None, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except module.OperationalError as error:
                refused.append(str(error))

    migrate.upgrade(connect(), meanwhile)
    assert refused == ["database is locked"]


@pytest.mark.parametrize(
    ("revision", "remedy"),
    [
        ("0001", "an unreleased version made it, and no release can use it. Begin with an empty store"),
        ("0009", "an unreleased version made it, and no release can use it. Begin with an empty store"),
        (NEXT, "a later release wrote it. Install that release or a newer one"),
    ],
)
def test_a_schema_that_this_release_does_not_know_is_refused_and_left_alone(
    revision: str, remedy: str, open_store: OpenStore, path: Path
) -> None:
    store = open_store()
    raw(store, "UPDATE kz_compliance_schema SET version_num = ?", revision)
    store.close()
    before = path.read_bytes()
    for upgrade in (True, False):
        with pytest.raises(StoreUnusable, match=f"has schema {revision}.*{remedy}"):
            open_store(upgrade=upgrade)
    assert path.read_bytes() == before
