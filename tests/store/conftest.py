"""The stores that must keep the contract, and what the tests need to look behind their backs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.adapters.sql.store import SqliteStore, SqlStore
from kz_compliance_sdk.domain import arrivals
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.ports import Env, Tx
from tests.blank import put_blank
from tests.case_makers import PLATFORM, POLICY, a_notice, arrival, carrying, stamp
from tests.unguarded import unguard
from tests.waiting import PATIENCE_S


class OpenStore:
    """Opens stores over the test's file, or over its database once it has the `url` of one."""

    def __init__(self, path: Path, env: Env) -> None:
        self._path, self._env = path, env
        self.url, self.opened = "", list[SqlStore]()

    def __call__(self, **options: Any) -> Any:
        store: SqlStore
        if self.url:
            store = PostgresStore(self.url, self._env, **options)
        else:
            store = SqliteStore(self._path, self._env, **options)
        self.opened.append(store)
        return store

    def close(self) -> None:
        for store in self.opened:
            store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite3"


@pytest.fixture
def open_store(path: Path, env: Env) -> Iterator[OpenStore]:
    """Open a store over the test's file; all of them are closed in the end."""
    opener = OpenStore(path, env)
    yield opener
    opener.close()


ON_POSTGRES = pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])


@contextmanager
def opened(how: str, path: Path, open_store: OpenStore) -> Iterator[Any]:
    """A store that is empty, and where `open_store` opens others from here on."""
    if how != "postgresql":
        put_blank(path)
        yield open_store(threaded=how != "inline")
        return
    from tests.postgres import database

    with database() as open_store.url:
        yield open_store()
        open_store.close()


def _over(request: pytest.FixtureRequest, path: Path, open_store: OpenStore) -> Iterator[Any]:
    with opened(request.param, path, open_store) as one:
        yield one


# What is about files asks for `store` and `lane`; what every store must keep has these two under the same names.
every_store = pytest.fixture(params=["threaded", "inline", ON_POSTGRES])(_over)
every_lane = pytest.fixture(params=["threaded", ON_POSTGRES])(_over)


@pytest.fixture(params=["threaded", "inline"])
def store(request: pytest.FixtureRequest, path: Path, open_store: OpenStore) -> SqliteStore:
    """The store over a file: with its writer thread, and on the caller's thread as a simulation has it."""
    put_blank(path)
    return cast("SqliteStore", open_store(threaded=request.param == "threaded"))


@pytest.fixture
def lane(path: Path, open_store: OpenStore) -> SqliteStore:
    """The store with its writer thread: for what happens inside one batch."""
    put_blank(path)
    return cast("SqliteStore", open_store(threaded=True))


def opening(
    n: int = 1, *, received_at: int | None = None, platform_id: str = PLATFORM, case_id: str = ""
) -> tuple[Change, Case]:
    """The change that opens the n-th case."""
    at = received_at if received_at is not None else stamp().at + n
    notice = a_notice(seed=n)
    came = carrying(arrival(at, f"a-{n}", platform_id=platform_id), notice)
    return arrivals.open_case(case_id or f"case-{n:06d}", notice, came, POLICY, stamp(at))


def save(store: SqlStore, change: Change, platform_id: str = PLATFORM) -> None:
    store.save(platform_id, change).result(10)


def saved(store: SqlStore, n: int = 1, **options: Any) -> Case:
    change, case = opening(n, **options)
    save(store, change, case.platform_id)
    return case


def raw(store: SqlStore, sql: str, *values: object) -> list[Any]:
    """What another connection sees or does, without the store."""
    if isinstance(store, SqliteStore):
        with closing(store.driver.module.connect(store.path, isolation_level=None, timeout=5)) as connection:
            return list(connection.execute(sql, values).fetchall())
    import psycopg

    assert isinstance(store, PostgresStore)
    with psycopg.connect(store._url, autocommit=True) as connection:
        cursor = connection.execute(sql.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []


def tamper(store: SqlStore, sql: str, *values: object) -> None:
    """What somebody does who can write the file, and so drops its guards first."""
    assert isinstance(store, SqliteStore)
    with closing(store.driver.module.connect(store.path, isolation_level=None, timeout=5)) as connection:
        unguard(connection)
        connection.execute(sql, values)


class Gate:
    """Holds the writer, so that what is submitted meanwhile falls into one batch."""

    def __init__(self, store: SqlStore) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        self._done: Future[None] = store.submit(PLATFORM, self._work)
        assert self._entered.wait(PATIENCE_S)

    def _work(self, _tx: Tx) -> tuple[Change, None]:
        self._entered.set()
        assert self._open.wait(PATIENCE_S)
        return (), None

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._done.result(PATIENCE_S)
