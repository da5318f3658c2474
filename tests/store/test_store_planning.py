"""A statement of the hot path is planned once for a connection, whatever its parameters are later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from kz_compliance_sdk.adapters.sql import queries as reads
from kz_compliance_sdk.adapters.sql.checkpoint_reads import log_statements
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.statements import Compiled, Statements
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from tests.case_makers import PLATFORM, T0
from tests.store.conftest import raw, saved


def found_in(holder: Any, path: str = "") -> Iterator[tuple[str, Compiled]]:
    if isinstance(holder, Compiled):
        yield path, holder
    elif isinstance(holder, Mapping):
        for key, value in holder.items():
            yield from found_in(value, f"{path}.{getattr(key, '__name__', key)}")
    elif isinstance(holder, list | tuple):
        for place, value in enumerate(holder):
            yield from found_in(value, f"{path}.{place}")
    elif hasattr(holder, "__dict__"):
        for name, value in vars(holder).items():
            yield from found_in(value, f"{path}.{name}" if path else name)


class Planning:
    """Counts what SQLite asks its authorizer, which it does while it plans a statement and at no other time."""

    def __init__(self, connection: Any) -> None:
        self._cursor, self.asked = connection.cursor(), 0
        connection.set_authorizer(self._ask)

    def _ask(self, *_what: Any) -> int:
        self.asked += 1
        return 0

    def asked_by(self, sql: str, values: tuple[Any, ...]) -> int:
        before = self.asked
        self._cursor.execute(sql, values).fetchall()
        return self.asked - before


@contextmanager
def planning(store: SqliteStore) -> Iterator[Planning]:
    connection = open_connection(choose_driver(), str(store.path))
    try:
        connection.execute("BEGIN")
        yield Planning(connection)
    finally:
        connection.close()


def looking(statements: Statements) -> list[tuple[str, Compiled]]:
    """All but the inserts, which have nothing to choose."""
    of_log = ((f"log.{path}", one) for path, one in found_in(log_statements()))
    return [(path, one) for path, one in (*found_in(statements), *of_log) if not one.sql.startswith("INSERT")]


def test_no_statement_is_planned_anew_for_other_parameters(store: SqliteStore) -> None:
    names = [path for path, _ in looking(store.statements)]
    assert {
        "due_messages",
        "claimable",
        "expired",
        "watched",
        "ledger.last_named",
        "log.lines",
        "volumes.counted",
    } <= set(names)

    with planning(store) as seen:
        for path, one in looking(store.statements):
            assert seen.asked_by(one.sql, tuple(1 for _ in one.names)) > 0, f"{path} was never planned"
            again = [seen.asked_by(one.sql, tuple(number for _ in one.names)) for number in (2, 3)]
            assert again == [0, 0], f"{path} is planned at each run"


@pytest.mark.parametrize("column", ["category", "authority_id"])
def test_what_is_asked_for_by_its_category_or_its_authority_is_found_by_it(store: SqliteStore, column: str) -> None:
    """However many open cases there are of others."""

    queries = store.queries(PLATFORM)

    def asked_of() -> list[str]:
        found: list[tuple[str, Any]] = []

        def note(*what: Any) -> None:
            found.append((what[2], what[3]))

        event.listen(store.engine, "before_cursor_execute", note)
        try:
            queries.cases(category="none") if column == "category" else queries.cases(authority_id="none")
        finally:
            event.remove(store.engine, "before_cursor_execute", note)
        if column == "category":
            claim = store.statements.claimable_of
            found.append((claim.sql, tuple(1 for _ in claim.names)))
        return [row[3] for sql, values in found for row in raw(store, f"EXPLAIN QUERY PLAN {sql}", *values)]

    def by_it(steps: list[str]) -> list[bool]:
        # The line of each that is found is read by its key.
        lines = "SEARCH watches USING INTEGER PRIMARY KEY (rowid=?)"
        return [f"(platform_id=? AND {column}=?" in step for step in steps if not step.startswith(lines)]

    steps = asked_of()
    assert len(by_it(steps)) >= 2, steps
    assert all(by_it(steps)), steps
    raw(store, f"DROP INDEX cases_claimable_{column}")
    assert not all(by_it(asked_of())), "the control"


def test_the_sweep_reads_the_chains_behind_a_place_and_no_others(store: SqliteStore) -> None:
    for statement in (store.statements.chains, store.statements.found):
        steps = [row[3] for row in raw(store, f"EXPLAIN QUERY PLAN {statement.sql}", *(1 for _ in statement.names))]
        assert steps[0].endswith("USING INTEGER PRIMARY KEY (rowid>?)"), steps
        assert not [step for step in steps if "ORDER BY" in step], steps


def test_health_counts_no_further_than_it_must(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may ask for it, however much is open."""
    for n in range(1, 6):
        saved(store, n)
    raw(store, "UPDATE cases SET state = 'decided' WHERE id IN (SELECT id FROM cases LIMIT 2)")
    health = store.queries(PLATFORM).health
    found = health(T0)
    assert (found.by_state, found.undelivered) == ({"queued": 3, "decided": 2}, 5)
    monkeypatch.setattr(reads, "MOST_COUNTED", 1)
    found = health(T0)
    assert (found.by_state, found.undelivered) == ({"queued": 1, "decided": 1}, 1)
