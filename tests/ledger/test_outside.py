# ruff: noqa: S608  every statement is made of names in this file
"""What somebody with the file can do to the ledger, its guards dropped, and that reading finds it.

Found here means: by `streams`, by `words`, or by the walk over the log. What is not found is in the closed list of
docs/concepts/ledger.md, and tried here too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kz_compliance_sdk.adapters.sql import ledger
from kz_compliance_sdk.adapters.sql.keys import PartKeys, _bound
from kz_compliance_sdk.domain.change import Happened
from kz_compliance_sdk.domain.events.office import Viewed
from kz_compliance_sdk.domain.events.privacy import Erased, erasable
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, LedgerKeys, Part, Roster, hash_of, link
from tests.case_makers import PLATFORM
from tests.ledger.stored import AT, M1, M2, MASTER, NEW, Outside, appended, happened, opened, streams

ONE, TWO, ERASED = "duty/1", "duty/2", "duty/3"
TABLES = {table.name: table for table in (ledger.streams, ledger.events, ledger.parts, ledger.keys, ledger.log)}
UNPROVED = {("keys", "master_key_id")}
"""Nothing rests on it: the wrapped bytes name their master key."""
# What SQLite takes in the place of anything: numbers, texts, one that is none, bytes, nothing.
STRANGE = ("7", "-1", "'7'", "'other'", "CAST(x'ff' AS TEXT)", "x'00'", "x''", "NULL", "1.5")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three streams: two that run, and one whose words were erased."""
    path = tmp_path_factory.mktemp("outside") / "desk.sqlite3"
    store = opened(path)
    appended(store, happened(ONE, "claimed", read=0), happened(ONE, "held", read=0, actor=M2))
    appended(store, happened(TWO, "opened", read=0, actor=None), happened(ERASED, "held", read=0))
    appended(store, happened(ONE, "proposed", read=2))
    event = Erased(ground="retention", emptied=erasable(streams(store, ERASED)[ERASED].events))
    appended(store, Happened(PLATFORM, ERASED, event, AT, 1), Happened(PLATFORM, TWO, Viewed(), AT, 1, M1))
    store.close()
    return path


@pytest.fixture(scope="module")
def outside(file: Path) -> Iterator[Outside]:
    """The file without guards, keys, indexes and checks: the schema can be changed like everything else."""
    held = Outside(file)
    for name in TABLES:
        held.script(f"ALTER TABLE {name} RENAME TO was; CREATE TABLE {name} AS SELECT * FROM was; DROP TABLE was;")
    yield held
    held.close()


def state(outside: Outside) -> list[Any]:
    """Everything that the tables hold, each cell with its type."""
    found = []
    for name, table in TABLES.items():
        cells = ", ".join(f"typeof({column.name}), hex({column.name})" for column in table.columns)
        found.append(outside.run(f"SELECT {cells} FROM {name}"))
    return found


@cache
def untouched(outside: Outside) -> list[Any]:
    """What they hold between two tries: each is taken back."""
    return state(outside)


def tried(outside: Outside, *statements: str, values: tuple[Any, ...] = ()) -> list[str] | None:
    """What is found after these statements, which are taken back; None if they change nothing or SQLite refuses."""
    before = untouched(outside)
    outside.run("SAVEPOINT tried")
    try:
        try:
            for sql in statements:
                outside.run(sql, *values)
        except outside.error:
            return None
        return None if state(outside) == before else outside.found()
    finally:
        outside.run("ROLLBACK TO tried")
        outside.run("RELEASE tried")


def test_the_control_an_untouched_file_is_whole(outside: Outside) -> None:
    assert outside.found() == []
    assert len(outside.run("SELECT * FROM events")) == 7


CELLS = [(name, column.name) for name, table in TABLES.items() for column in table.columns]


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_whatever_is_put_in_the_place_of_a_cell_is_found(table: str, column: str, outside: Outside) -> None:
    """Each cell of each row, replaced by each strange value, by its neighbour's, and by nearly its own."""
    found = 0
    key = ", ".join(one.name for one in TABLES[table].primary_key.columns)
    for number in range(len(outside.run(f"SELECT 1 FROM {table}"))):
        here = f"({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {number})"
        another = f"(SELECT o.{column} FROM {table} o WHERE o.{column} IS NOT {table}.{column} LIMIT 1)"
        for value in (*STRANGE, another, f"{column} + 1", f"{column} || 'x'"):
            said = tried(outside, f"UPDATE {table} SET {column} = {value} WHERE {here}")
            if said is None:
                continue
            found += 1
            assert said or (table, column) in UNPROVED, f"{column} of row {number} of {table} became {value}"
    assert found >= 3, "the control: something was changed"


BYTES = [
    *(("events", name) for name in ("kind", "content", "people", "hash", "mac", "key_id")),
    *(("parts", "bytes"), ("parts", "name"), ("keys", "wrapped"), ("log", "hash"), ("streams", "name")),
]


@pytest.mark.slow
@given(cell=st.sampled_from(BYTES), row=st.integers(0, 6), place=st.integers(0, 2_000), turned=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_byte_counts(cell: tuple[str, str], row: int, place: int, turned: int, outside: Outside) -> None:
    table, column = cell
    key = ", ".join(one.name for one in TABLES[table].primary_key.columns)
    order = f"FROM {table} WHERE length({column}) > 0 ORDER BY {key}"
    held = outside.run(f"SELECT CAST({column} AS BLOB), typeof({column}) {order}")
    data, kind = held[row % len(held)]
    other = bytes(one ^ turned if n == place % len(data) else one for n, one in enumerate(data))
    here = f"({key}) = (SELECT {key} {order} LIMIT 1 OFFSET {row % len(held)})"
    said = tried(outside, f"UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE {here}", values=(other,))
    assert said, f"byte {place % len(data)} of {column} of {table}"


_LAST = "FROM {} WHERE stream = (SELECT n FROM streams WHERE name = 'duty/1') AND seq = 3"
_ANOTHER = "(SELECT o.bytes FROM parts o WHERE o.stream = 2 AND o.name <> parts.name LIMIT 1)"
_VIEW, _LATER = "CREATE VIEW events AS SELECT", "stream, seq, at + 1 AS at, kind, content, people, hash, mac, key_id"
SCRIPTS: dict[str, tuple[str, ...]] = {
    "a tail was cut": (f"DELETE {_LAST.format('events')}",),
    "a tail was cut, and its lines of the log": (f"DELETE {_LAST.format('events')}", f"DELETE {_LAST.format('log')}"),
    "a stream is gone": ("DELETE FROM events WHERE stream = 1", "DELETE FROM parts WHERE stream = 1",
                         "DELETE FROM keys WHERE stream = 1", "DELETE FROM streams WHERE n = 1"),
    "a stream is gone, and all that was logged of it": ("DELETE FROM events WHERE stream = 1",
                                                        "DELETE FROM log WHERE stream = 1",
                                                        "DELETE FROM streams WHERE n = 1"),
    "the log is gone": ("DELETE FROM log",),
    "a line of the log is gone": ("DELETE FROM log WHERE n = 2",),
    "two lines of one stream changed places in the log": (
        "UPDATE log SET n = -n WHERE n IN (1, 2)",
        "UPDATE log SET n = CASE n WHEN -1 THEN 2 ELSE 1 END WHERE n < 0",
    ),
    "a part is gone": ("DELETE FROM parts WHERE seq = 2",),
    "all parts are gone": ("DELETE FROM parts",),
    "a part was emptied": ("UPDATE parts SET bytes = NULL WHERE stream = 1 AND seq = 2",),
    "a kept part was emptied": ("UPDATE parts SET bytes = NULL WHERE class = 'kept'",),
    "a key is gone": ("DELETE FROM keys WHERE stream = 1",),
    "two parts changed places": (f"UPDATE parts SET bytes = {_ANOTHER} WHERE stream = 2",),
    "two streams changed names": ("UPDATE streams SET name = 'aside' WHERE n = 1",
                                  "UPDATE streams SET name = 'duty/1' WHERE n = 2",
                                  "UPDATE streams SET name = 'duty/2' WHERE n = 1"),
    "a view stands for the events": ("ALTER TABLE events RENAME TO hidden", f"{_VIEW} * FROM hidden WHERE seq <> 3"),
    "a view shows other times": ("ALTER TABLE events RENAME TO hidden", f"{_VIEW} {_LATER} FROM hidden"),
    "events stand twice": ("ALTER TABLE events RENAME TO hidden", "CREATE TABLE events AS SELECT * FROM hidden",
                           "INSERT INTO events SELECT * FROM hidden WHERE stream = 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_taken_away_moved_or_hidden_is_found(name: str, outside: Outside) -> None:
    said = tried(outside, *SCRIPTS[name])
    if said is None:  # nothing but the schema was changed, so that the rows look the same
        raise AssertionError(f"{name}: nothing was changed")
    assert said, name


def _forged(outside: Outside, key: LedgerKey | None, *, key_id: bytes | None = None) -> list[str] | None:
    """What is found of one more event with right hashes, in its stream and in the log."""
    number, _, seq, before = outside.run(
        "SELECT s.n, s.name, e.seq, e.hash FROM streams s JOIN events e ON e.stream = s.n WHERE s.name = 'duty/1'"
        " ORDER BY e.seq DESC LIMIT 1"
    )[0]
    made = link(PLATFORM, ONE, seq + 1, AT, Viewed(), kind="viewed", version=1, before=before, roster=Roster(), key=key)
    named = made.key_id if key_id is None else key_id
    held = (made.at, made.kind, made.content, made.people, made.hash, made.mac, named)
    outside.run("SAVEPOINT forged")
    try:
        outside.run("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", number, seq + 1, *held)
        outside.run("INSERT INTO log SELECT platform, max(n) + 1, ?, ?, ? FROM log", number, seq + 1, made.hash)
        return outside.found()
    finally:
        outside.run("ROLLBACK TO forged")
        outside.run("RELEASE forged")


def test_an_event_with_right_hashes_and_without_the_key_is_found(outside: Outside) -> None:
    other = LedgerKey(b"f" * 32)
    for key, key_id in ((None, None), (other, None), (other, NEW.id), (None, NEW.id)):
        said = _forged(outside, key, key_id=key_id)
        assert said is not None
        assert any("MAC" in one for one in said)


def test_a_whole_history_with_right_hashes_and_without_the_key_is_found(outside: Outside) -> None:
    before = FIRST
    outside.run("SAVEPOINT forged")
    try:
        rows = outside.run("SELECT seq, content, people FROM events WHERE stream = 1 ORDER BY seq")
        for seq, content, people in rows:
            other = content if seq > 1 else content.replace(b'"at":1', b'"at":2')
            before = hash_of(before, other, people)
            values = (other, before, seq)
            outside.run("UPDATE events SET content = ?, hash = ? WHERE stream = 1 AND seq = ?", *values)
            outside.run("UPDATE log SET hash = ? WHERE stream = 1 AND seq = ?", before, seq)
        said = outside.found()
    finally:
        outside.run("ROLLBACK TO forged")
        outside.run("RELEASE forged")
    assert len(said) == 1
    assert "event 1 of the stream" in said[0]
    assert "[duty/1]" in said[0]
    assert "MAC" in said[0]


def test_other_words_under_the_right_key_are_not_those_of_the_event(outside: Outside) -> None:
    """By somebody who has the master key as well: the event holds the digest."""
    part_keys = PartKeys(MASTER, bytes)
    ((wrapped,),) = outside.run("SELECT wrapped FROM keys WHERE stream = 1 AND class = 'erasable'")
    part_keys.stored(PLATFORM, ONE, "erasable", wrapped)
    part_keys.check(PLATFORM, ONE, "erasable")
    where = "WHERE stream = 1 AND seq = 2 AND name = 'reasons'"
    for words, found in ((b"others", True), (b"held: the reasons of it", False)):
        ((held,),) = outside.run(f"SELECT bytes FROM parts {where}")
        bound = _bound(PLATFORM, ONE, 2, "reasons", "erasable")
        salt = part_keys._open[PLATFORM, ONE, "erasable"].decrypt(held, bound)[:16]
        made = part_keys.seal(PLATFORM, ONE, 2, _part(salt, words))
        said = tried(outside, f"UPDATE parts SET bytes = ? {where}", values=(made,))
        assert bool(said) is found


def _part(salt: bytes, words: bytes) -> Part:
    return Part("reasons", "erasable", salt, words)


def test_damage_holds_up_no_other_stream(outside: Outside) -> None:
    outside.run("SAVEPOINT tried")
    outside.run("UPDATE events SET kind = CAST(x'ff' AS TEXT), content = x'00' WHERE stream = 1 AND seq = 2")
    try:
        found = outside.ledger().streams(PLATFORM, [ONE, TWO, ERASED])
    finally:
        outside.run("ROLLBACK TO tried")
        outside.run("RELEASE tried")
    assert str(found[ONE].fault) == (
        "event 2 of the stream is damaged: its bytes are not those that were hashed [duty/1]"
    )
    assert [found[name].fault for name in (TWO, ERASED)] == [None, None]
    assert [found[name].seq for name in (ONE, TWO, ERASED)] == [0, 2, 2]


def test_what_nothing_proves_is_in_the_list(outside: Outside) -> None:
    """The closed list of the page, tried: the end of the log can go without a trace, and who has the key can write."""
    (number, seq) = outside.run("SELECT stream, seq FROM log ORDER BY n DESC LIMIT 1")[0]
    last = f"WHERE stream = {number} AND seq = {seq}"
    assert tried(outside, f"DELETE FROM events {last}", f"DELETE FROM log {last}", f"DELETE FROM parts {last}") == []
    swapped = "UPDATE log SET n = CASE n WHEN 2 THEN 3 ELSE 2 END WHERE n IN (2, 3)"
    assert tried(outside, swapped) == [], "two lines of two streams"
    assert _forged(outside, NEW) == []
    page = Path("docs/concepts/ledger.md").read_text(encoding="utf-8")
    assert "A tail that was cut off after the last checkpoint that left the house." in page
    assert "in which order streams went on among each other" in page
    assert "Whatever is done with the ledger key." in page


def test_a_store_without_a_ledger_key_finds_edits_and_no_forgery(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = opened(path, ledger_keys=LedgerKeys())
    appended(store, happened(ONE, "claimed", read=0))
    store.close()
    held = Outside(path, LedgerKeys())
    assert held.found() == []
    assert tried(held, "UPDATE events SET at = at + 1")
    assert _forged(held, None) == []
    held.close()
    page = Path("docs/concepts/ledger.md").read_text(encoding="utf-8")
    assert "**A store that never had a ledger key**" in page
