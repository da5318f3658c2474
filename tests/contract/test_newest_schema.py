"""A store that is made in one step is the store that all migrations together make."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql import engine, migrate
from kz_compliance_sdk.adapters.sql.schema import HEAD
from kz_compliance_sdk.adapters.sql.sqlite import APPLICATION_ID, choose_driver
from kz_compliance_sdk.errors import StoreError
from tests.contract.conftest import OpenStore, raw, saved
from tests.newest_schema import dump
from tests.unit.case_makers import PLATFORM

SCRIPT = "kz_compliance_sdk.adapters.sql.engine.newest_schema"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's file that got its schema from one migration after the other."""
    path, driver = tmp_path_factory.mktemp("migrated") / "desk.sqlite3", choose_driver()
    with closing(driver.module.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    opened = engine.open_engine(driver, str(path))
    with closing(opened.connect()) as connection:
        migrate.upgrade(connection)
    opened.dispose()
    return path


def test_both_ways_make_the_same_schema(migrated: Path, open_store: OpenStore, path: Path) -> None:
    open_store().close()
    with closing(choose_driver().module.connect(migrated)) as one, closing(choose_driver().module.connect(path)) as two:
        assert dump(one) == dump(two)
        assert dump(two)[-1].endswith(f"VALUES ('{HEAD}')")
        two.execute("DROP TRIGGER audit_never_changes")
        assert dump(one) != dump(two), "the control: one guard less is seen"


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
