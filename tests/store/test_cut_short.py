"""A process that dies at any statement of an upgrade or of a rebuild leaves a store that opens and goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from kz_compliance_sdk.adapters.sql.sqlite import APPLICATION_ID, choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import Env
from tests.driver import Driver
from tests.store.conftest import saved
from tests.store.test_schema import dump, next_release
from tests.unguarded import unguard

pytestmark = pytest.mark.slow

_KILLED = 9
_MIGRATED, _WRITTEN = 97, 20
"""So many statements there are at least, or nothing was cut short."""


def dies_at(statement: int, work: Callable[[], object], *, lands: bool = False) -> bool:
    """Do this in a process that ends, without a word, before so many statements of its own are done. False if it came
    to its end before. The control lets what an upgrade did so far `land`."""
    child = os.fork()
    if not child:
        told = count()

        def counted(*given: Any) -> None:
            if next(told) == statement:
                if lands:
                    given[1].connection.execute("COMMIT")
                os._exit(_KILLED)

        event.listen(Engine, "before_cursor_execute", counted)
        for name in ("_execute", "_execute_many", "all"):
            setattr(SqlTransaction, name, _before(counted, getattr(SqlTransaction, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001  the parent must see it, and no test goes on in this process
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, _KILLED)
    return code == _KILLED


def _before(told: Callable[[], None], call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        told()
        return call(*given, **named)

    return counted


def all_of(path: Path) -> dict[str, list[Any]]:
    """Its schema, and the rows of each table."""
    with closing(choose_driver().module.connect(path)) as held:
        names = [name for (name,) in held.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()]
        return dump(held) | {name: sorted(map(repr, held.execute(f"SELECT * FROM {name}"))) for name in names}  # noqa: S608


def at_each(base: Path, work: Callable[[Path], object]) -> Iterator[Path]:
    """Copies of a store in which the work was cut short, at each statement in turn."""
    for statement in count():
        copy = base.with_name(f"cut-{statement}.sqlite3")
        shutil.copyfile(base, copy)
        if not dies_at(statement, lambda copy=copy: work(copy)):  # type: ignore[misc]
            return
        yield copy


@pytest.mark.parametrize("is_new", [True, False], ids=["the first schema", "a store in use"])
def test_an_upgrade_that_dies_at_any_statement_is_made_by_the_next(
    is_new: bool, tmp_path: Path, env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base.sqlite3"

    def opened(path: Path) -> None:
        SqliteStore(path, env, threaded=False).close()

    if is_new:
        with closing(choose_driver().module.connect(base)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("CREATE TABLE a (b)")  # or it would be made by one script, without a migration
            connection.execute("DROP TABLE a")
    else:
        store = SqliteStore(base, env, threaded=False)
        saved(store)
        store.close()
    folder = tmp_path / "next"
    folder.mkdir()
    next_release(monkeypatch, folder)
    whole = tmp_path / "whole.sqlite3"
    shutil.copyfile(base, whole)
    opened(whole)
    wanted, cuts = all_of(whole), 0
    for cut in at_each(base, opened):
        cuts += 1
        opened(cut)
        assert all_of(cut) == wanted
    assert cuts >= (_MIGRATED if is_new else 3)
    if is_new:
        shutil.copyfile(base, half := tmp_path / "half.sqlite3")
        assert dies_at(_MIGRATED, lambda: opened(half), lands=True)
        with pytest.raises(StoreError):
            opened(half)


def test_a_rebuild_that_dies_at_any_statement_is_finished_by_the_next(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    for n in range(1, 4):
        office.decide(office.issue(n, 2))
    office.stop()
    wanted = rows_of(office.path)
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("UPDATE cases SET state = 'queued', category = 'fraud'")
        raw.execute("DELETE FROM watches")
        raw.execute("DELETE FROM outbox")
    assert rows_of(office.path) != wanted

    def rebuilt(path: Path) -> int:
        again = Driver(path.parent, name=path.name)
        try:
            return len(again.desk.sweep().lies)
        finally:
            again.stop()

    cuts = 0
    for cut in at_each(office.path, rebuilt):
        cuts += 1
        rebuilt(cut)
        assert rows_of(cut) == wanted
        assert rebuilt(cut) == 0
    assert cuts >= _WRITTEN


def rows_of(path: Path) -> dict[str, list[Any]]:
    """The rows that are made from the ledger, but for the alert that they lied."""
    asked = {"cases": "SELECT * FROM cases", "outbox": "SELECT * FROM outbox WHERE kind <> 'page'"}
    with closing(choose_driver().module.connect(path)) as held:
        return {name: sorted(map(repr, held.execute(statement))) for name, statement in asked.items()}
