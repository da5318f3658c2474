"""Takes every commit of a test through the ledger, and fails the test that made a difference.

A test that writes what no step of the library writes is marked `writes_by_itself`. What a test's own processes write
is not seen.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import SqliteWriter
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain.change import Change
from tests.ledger.beside import Beside


class _Taken:
    """What the commits of the test that runs came to. Made anew for each; None while nothing is taken."""

    now: _Taken | None = None

    def __init__(self) -> None:
        self._stores: dict[str, Beside] = {}
        self._faults: list[str] = []

    def take(self, place: str, written: Sequence[Change], read: Callable[[str, tuple[Any, ...]], Any]) -> None:
        beside = self._stores.setdefault(place, Beside())

        def times() -> Any:
            return read("SELECT id, next_at FROM leases WHERE next_at IS NOT NULL", ())

        def rows(table: str, *case: str) -> Any:
            of_case = "id" if table == "cases" else "case_id"
            found = f"SELECT * FROM {table} WHERE platform_id = ? AND {of_case} = ?"  # noqa: S608  names of ours
            return read(found, case)

        for change in written:
            try:
                beside.take(change, times)
            except Exception as error:  # noqa: BLE001  it fails the test below
                self._faults.append(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}")
        beside.rows(written, rows)

    def found(self) -> list[str]:
        for beside in self._stores.values():
            beside.end()
        return self._faults + [one for beside in self._stores.values() for one in beside.differences]


def _place(writer: Any) -> str:
    """Which database a writer writes to."""
    return str(writer._path if isinstance(writer, SqliteWriter) else writer._connection.info.dsn)


def _read(writer: Any, sql: str, values: tuple[Any, ...]) -> Any:
    return writer.rows(sql if isinstance(writer, SqliteWriter) else sql.replace("?", "%s"), values)


def pytest_configure(config: pytest.Config) -> None:
    patch, commit = pytest.MonkeyPatch(), SqlTransaction.commit

    def committed(self: Any) -> None:
        commit(self)
        if _Taken.now is not None:
            _Taken.now.take(_place(self._writer), self._written, partial(_read, self._writer))

    patch.setattr(SqlTransaction, "commit", committed)
    config.add_cleanup(patch.undo)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _marked.clear()
    _marked.extend(item.iter_markers("writes_by_itself"))


_marked: list[pytest.Mark] = []
"""Of the test that runs. Asked of `request` it would cost as much as all else here where nothing is committed."""


@pytest.fixture(autouse=True)
def _beside() -> Iterator[None]:
    if _marked:
        yield
        return
    taken = _Taken.now = _Taken()
    try:
        yield
    finally:
        _Taken.now = None
    found = taken.found()
    assert not found, "\n".join(found[:6]) + f"\n({len(found)} in all)"
