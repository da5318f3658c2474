"""Takes every commit of a test through the ledger, and fails the test that made a difference.

A test that writes what no step of the library writes is marked `writes_by_itself`. What a test's own processes write
is not seen.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.transaction import SqliteTransaction
from tests.ledger.beside import Beside


@pytest.fixture(autouse=True)
def _beside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.node.get_closest_marker("writes_by_itself"):
        yield
        return
    stores: dict[str, Beside] = {}
    faults: list[str] = []
    commit = SqliteTransaction.commit

    def committed(self: Any) -> None:
        commit(self)
        beside = stores.setdefault(str(self._path), Beside())

        def times() -> Any:
            return self._cursor.execute("SELECT id, next_attempt_at FROM outbox").fetchall()

        def rows(*case: str) -> Any:
            found = "SELECT * FROM {} WHERE platform_id = ? AND case_id = ?"
            made = (self._cursor.execute(found.format(name), case).fetchall() for name in ("appeals", "tallies"))
            return [row for rows_ in made for row in rows_]

        for change in self._written:
            try:
                beside.take(change, times)
            except Exception as error:  # noqa: BLE001  it fails the test below
                faults.append(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}")
        beside.rows(self._written, rows)

    monkeypatch.setattr(SqliteTransaction, "commit", committed)
    yield
    for beside in stores.values():
        beside.end()
    found = faults + [one for beside in stores.values() for one in beside.differences]
    assert not found, "\n".join(found[:6]) + f"\n({len(found)} in all)"
