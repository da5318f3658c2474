# ruff: noqa: S608  every statement is made of names in this file
"""A schema that somebody changed swallows what is written, or hides what is there, and leaves every chain whole: the
verification names it, people are told within the hour, and an index that lies is made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.schema import guard_statements, mend_indexes
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.services.sweep import Swept
from tests.driver import HOUR, M1, Driver
from tests.unguarded import unguard
from tests.variants import variants

pytestmark = pytest.mark.writes_by_itself
Raw = Any


def changed(office: Driver, *changes: Callable[[Raw], object]) -> None:
    """The schema changed while nobody has the file open, and its guards set again: nothing else shows it."""
    office.stop()
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        for change in changes:
            change(raw)
        for guard in guard_statements("sqlite"):
            raw.execute(guard)
    office.start()


def said_otherwise(raw: Raw, name: str, column: str, value: object) -> None:
    """Another text or kind in the schema than what was made."""
    raw.execute("PRAGMA writable_schema = ON")
    raw.execute(f"UPDATE sqlite_schema SET {column} = ? WHERE name = ?", (value, name))
    raw.execute("PRAGMA writable_schema = RESET")


def told(raw: Raw, name: str) -> str:
    return str(raw.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0])


def made_anew(raw: Raw, table: str, was: str, becomes: str) -> None:
    """A table of the same name with the same rows, made otherwise."""
    indexes = raw.execute("SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type = 'index'", (table,)).fetchall()
    columns = ", ".join(f'"{row[1]}"' for row in raw.execute(f"PRAGMA table_info({table})").fetchall())
    text = told(raw, table)
    assert was in text
    raw.execute(f"ALTER TABLE {table} RENAME TO before")
    raw.execute(text.replace(was, becomes, 1))
    raw.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM before")
    raw.execute("DROP TABLE before")
    for (index,) in indexes:
        raw.execute(index)


SWALLOWED = ("streams", "events", "parts", "keys", "log", "cases", "inbox", "outbox", "leases", "watches")


def ids(raw: Raw) -> str:
    return ", ".join(f"'{row[0]}'" for row in raw.execute("SELECT id FROM cases").fetchall())


def swallows(raw: Raw) -> None:
    """Whatever comes from now on is dropped without a word."""
    known, (last,) = ids(raw), raw.execute("SELECT max(n) FROM streams").fetchone()
    of = {"streams": f"n <= {last}", "cases": f"id IN ({known})"}
    of |= dict.fromkeys(("events", "parts", "keys", "log"), f"stream <= {last}")
    for table in SWALLOWED:
        kept = of.get(table, f"case_id IN ({known})")
        only = f"g INTEGER GENERATED ALWAYS AS (CASE WHEN {kept} THEN 1 END) NOT NULL ON CONFLICT IGNORE, "
        made_anew(raw, table, "PRIMARY KEY (", f"{only}PRIMARY KEY (")


def by_another_kind(raw: Raw) -> None:
    """SQLite makes a trigger of its text, whatever its row in the schema calls it."""
    raw.execute(
        "CREATE TRIGGER quiet AFTER INSERT ON watches BEGIN DELETE FROM watches WHERE case_id = NEW.case_id; END"
    )
    said_otherwise(raw, "quiet", "type", "Trigger")


def leaves_out(index: str, column: str = "case_id") -> Callable[[Raw], None]:
    """An index that holds no row of any case there is, and says in the schema that it holds all."""

    def change(raw: Raw) -> None:
        text, known = told(raw, index), ids(raw)
        raw.execute(f"DROP INDEX {index}")
        raw.execute(f"{text} {'AND' if ' WHERE ' in text else 'WHERE'} {column} NOT IN ({known})")
        said_otherwise(raw, index, "sql", text)

    return change


def in_another_order(raw: Raw) -> None:
    """A table whose rows lie the other way round than its schema says: who seeks one passes it by."""
    made_anew(raw, "inbox", "PRIMARY KEY (stream, ", "PRIMARY KEY (stream DESC, ")
    said_otherwise(raw, "inbox", "sql", told(raw, "inbox").replace("stream DESC, ", "stream, "))


OTHERWISE: dict[str, tuple[Callable[[Raw], object], str]] = {
    "tables that swallow": (swallows, "a table events that this release did not make like that"),
    "a trigger by another kind": (by_another_kind, "a Trigger quiet that this release did not make"),
    "one index more": (
        lambda raw: raw.execute("CREATE UNIQUE INDEX once ON inbox (platform_id, key)"),
        "an index once that this release did not make",
    ),
    "one index less": (
        lambda raw: raw.execute("DROP INDEX cases_notice"),
        "the index cases_notice of this release is gone",
    ),
    "an index of other columns": (
        lambda raw: [
            raw.execute("DROP INDEX watches_due"),
            raw.execute("CREATE INDEX watches_due ON watches (case_id)"),
        ],
        "an index watches_due that this release did not make like that",
    ),
    "a column more": (
        lambda raw: raw.execute("ALTER TABLE cases ADD COLUMN more CHECK (more IS NULL)"),
        "a table cases that this release did not make like that",
    ),
    "an index that leaves out": (leaves_out("watches_due"), "watches_due in the database does not hold what its table"),
    "another order": (in_another_order, "inbox in the database does not hold what its table"),
}
CHOSEN = "tables that swallow", "a trigger by another kind", "one index less", "an index that leaves out"


@pytest.mark.parametrize("how", variants({name: name for name in OTHERWISE}, *CHOSEN))
def test_a_schema_that_is_another_is_named_and_told_within_the_hour(tmp_path: Path, how: str) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.issue(2)
    office.deliver()
    changed(office)
    assert (office.faults(), office.desk.sweep()) == ([], Swept(2)), "the control: its guards were set again"
    change, said = OTHERWISE[how]
    changed(office, change)
    named = office.faults()
    assert any(said in fault for fault in named), named
    assert "log" in office.desk.sweep().broken
    office.deliver()
    assert ("case_unreadable" in office.pages()) == (change is not swallows), "which swallows the alert too"


def test_what_tables_swallow_is_acknowledged_and_named_by_nothing_else(tmp_path: Path) -> None:
    """Why the schema is looked at: whatever it drops leaves no chain that is broken, and no row that lies."""
    office = Driver(tmp_path)
    office.issue()
    office.deliver()
    changed(office, swallows)
    assert office.issue(2)
    assert len(office.cases()) == 1
    assert all("that this release did not make like that" in fault for fault in office.faults())


def is_watched(office: Driver) -> bool:
    return any(reason.startswith("due.") for reason in office.pages())


def is_free(office: Driver) -> bool:
    return office.desk.claim(M1.actor) is not None


def has_left(office: Driver) -> bool:
    return bool(office.regulator.books)


HIDES: dict[str, tuple[str, Callable[[Driver], bool]]] = {
    "watches_due": ("case_id", is_watched),
    "cases_claimable": ("id", is_free),
    "leases_due": ("case_id", has_left),
}


@pytest.mark.parametrize("index", HIDES)
def test_what_an_index_hides_comes_back_once_it_is_made_anew(tmp_path: Path, index: str) -> None:
    """The ladder, the queue and the acknowledgement of a case of which nothing lies but the index."""
    office = Driver(tmp_path)
    office.issue()
    column, is_found = HIDES[index]
    changed(office, leaves_out(index, column))

    def day() -> bool:
        office.wait(22 * HOUR)
        office.watch()
        office.deliver()
        office.desk.sweep()
        return is_found(office)

    assert not day()
    store: Any = office.desk.store
    assert mend_indexes(store.engine, store.path) == [index]
    assert day()
    assert not [fault for fault in office.faults() if index in fault]
