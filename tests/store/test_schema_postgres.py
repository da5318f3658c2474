"""The schema on PostgreSQL: made by migrations, all of it or nothing, under a lock, and looked at name by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from kz_compliance_sdk.adapters.sql import migrate, schema
from kz_compliance_sdk.adapters.sql.dialects import dialect_of
from kz_compliance_sdk.adapters.sql.postgres import PostgresStore, open_plain
from kz_compliance_sdk.adapters.sql.schema import HEAD, lost_guards, wrong_schema
from kz_compliance_sdk.errors import StoreUnusable
from kz_compliance_sdk.ports import Env
from tests import postgres
from tests.case_makers import PLATFORM
from tests.store.conftest import saved
from tests.store.test_schema import NEXT, next_release, plain
from tests.waiting import PATIENCE_S


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database(empty=True) as one:
        yield one


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    one = open_plain(url)
    yield one
    one.dispose()


def test_the_script_of_the_migration_is_what_the_tables_declare() -> None:
    """On SQLite two files are compared; here the words are."""
    declared = [plain(one) for one in schema.statements(dialect_of("postgresql"))]
    script = Path(migrate.__file__).parent / "migrations" / "versions" / f"v{HEAD}.postgresql.sql"
    assert [plain(one) for one in script.read_text().split("\n\n")] == declared
    assert len(declared) > 60


def test_names_are_in_the_order_of_their_bytes() -> None:
    """In that of a language `case/` and `case~` are no ends of anything."""
    tables = [one for one in schema.statements(dialect_of("postgresql")) if one.startswith("CREATE TABLE")]
    assert not [one for one in tables for line in one.splitlines() if "VARCHAR" in line and 'COLLATE "C"' not in line]


@pytest.mark.postgres
@pytest.mark.slow
def test_what_the_migrations_make_is_right_by_name(url: str, engine: Engine) -> None:
    PostgresStore(url, Env.system()).close()
    with engine.connect() as connection:
        assert wrong_schema(connection) == lost_guards(connection) == []
        connection.exec_driver_sql("DROP TRIGGER parts_stay ON parts")
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION kz_compliance_refuse() RETURNS trigger"
            " LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
        )
        assert lost_guards(connection) == ["parts_stay"]
        assert "function kz_compliance_refuse" in str(wrong_schema(connection)), "the control: it refuses nothing now"


@pytest.mark.postgres
@pytest.mark.slow
def test_the_store_of_the_release_before_is_upgraded_and_keeps_what_it_holds(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(url, Env.system())
    case = saved(store)
    store.close()
    next_release(monkeypatch, tmp_path)
    with pytest.raises(StoreUnusable, match=f"schema {HEAD}, this release needs {NEXT}. Run: kz-compliance db upgrade"):
        PostgresStore(url, Env.system(), upgrade=False)
    upgraded = PostgresStore(url, Env.system())
    assert upgraded.queries(PLATFORM).case(case.id) == case
    upgraded.close()
    assert postgres.run("SELECT a FROM added", url=url) == [("kept",)]
    assert postgres.run("SELECT version_num FROM kz_compliance_schema", url=url) == [(NEXT,)]


@pytest.mark.postgres
@pytest.mark.slow
def test_the_sql_of_an_upgrade_does_what_the_upgrade_does(
    url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.run(migrate.upgrade_as_sql("postgresql", None), url=url)
    with engine.connect() as connection:
        assert wrong_schema(connection) == lost_guards(connection) == migrate.pending(connection) == []
    store = PostgresStore(url, Env.system(), create=False, upgrade=False)
    case = saved(store)
    store.close()
    next_release(monkeypatch, tmp_path)
    postgres.run(migrate.upgrade_as_sql("postgresql", HEAD), url=url)
    with engine.connect() as connection:
        assert migrate.pending(connection) == []
        assert connection.exec_driver_sql("SELECT a FROM added").scalar() == "kept"
    upgraded = PostgresStore(url, Env.system(), upgrade=False)
    assert upgraded.queries(PLATFORM).case(case.id) == case
    upgraded.close()


@pytest.mark.postgres
@pytest.mark.slow
def test_an_upgrade_is_all_of_it_or_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PostgresStore(url, Env.system())
    saved(store)
    store.close()
    with monkeypatch.context() as patched:
        next_release(patched, tmp_path, stop="raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            PostgresStore(url, Env.system())
    assert postgres.run("SELECT to_regclass('added') IS NULL", url=url) == [(True,)]
    assert postgres.run("SELECT version_num FROM kz_compliance_schema", url=url) == [(HEAD,)]
    PostgresStore(url, Env.system()).close()


@pytest.mark.postgres
@pytest.mark.slow
def test_who_comes_second_waits_and_finds_nothing_left_to_upgrade(engine: Engine) -> None:
    began, done = threading.Event(), list[list[str]]()

    def second() -> None:
        with engine.connect() as connection:
            began.set()
            done.append(migrate.upgrade(connection))

    other = threading.Thread(target=second)

    def meanwhile(_line: str) -> None:
        other.start()
        assert began.wait(PATIENCE_S)
        other.join(0.3)
        assert other.is_alive(), "it waits for the lock"

    with engine.connect() as connection:
        assert [line.partition(":")[0] for line in migrate.upgrade(connection, meanwhile)] == [HEAD]
    other.join(PATIENCE_S)
    assert done == [[]]
