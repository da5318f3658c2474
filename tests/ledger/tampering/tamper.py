"""One tampering at a time, by direct SQL, as somebody would who can write to the file and knows all of this program.

Each returns the names of what it touched: one of them must stand in the report. None means that this draw changes
nothing, and another is drawn.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain.checkpoints import CHECKPOINTS
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, hash_of
from kz_compliance_sdk.domain.values import stream_of

UNHELD: dict[str, tuple[str, ...]] = {
    "attempts": ("started_at", "ended_at", "result", "detail"),
    **dict.fromkeys(
        ("cursors", "endpoints", "heartbeats", "keys", "leases", "platform_keys", "refusals", "tiles", "volumes"), ()
    ),
    "watches": (),
}
"""What no chain holds, as docs/concepts/ledger.md lists it: some columns of a table, or the whole of it. Keys have
tamperings of their own."""
PLATFORM = ("platform_id", "platform")
KEYS = {
    name: tuple(key.name for key in table.primary_key.columns if key.name not in PLATFORM)
    for name, table in metadata.tables.items()
}
COLUMNS = {
    name: tuple(column.name for column in table.columns if column.name not in UNHELD.get(name, ()))
    for name, table in metadata.tables.items()
    if UNHELD.get(name) != ()
}
Names = frozenset[str]


@dataclass
class Tamperer:
    """Draws tamperings and does them on the driver's own connection."""

    raw: Any
    chance: random.Random
    backups: Sequence[bytes]
    restore: Callable[[bytes], None]
    make_checkpoint: Callable[[], None]
    cases_of: Callable[[str], Names]
    """The cases that an object of this stored name is of; for no name, those of any."""
    key: LedgerKey
    """The ledger key, for what only who holds it can do."""
    told: str = ""
    """What was done last, in full."""

    def one(self, only: str = "") -> tuple[str, Names]:
        """Tamper once. Returns what was done and what the report has to name."""
        kinds = (
            *[self._edit] * 10,
            *[self._retype] * 2,
            *[self._swap] * 4,
            *[self._delete] * 4,
            *[self._insert] * 4,
            *[self._cut_object, self._change_a_key, self._take_a_key],
            *[self._exchange_keys, self._bring_a_key_back],
            *[self._cut_chain] * 2,
            self._cut_log,
            *[self._rewrite_chain] * 3,
            *[self._rewrite_store] * 2,
            self._old_backup,
        )
        while True:
            kind = self.chance.choice(kinds)
            what = self.told = kind.__name__.strip("_")
            if only in ("", what) and (names := kind()) is not None:
                return what, names

    # ----------------------------------------------------------------------------------------------- one row

    def _edit(self) -> Names | None:
        table, row = self._row()
        column = self.chance.choice(COLUMNS[table])
        value = self._other(row[column])
        return self._set(table, row, {column: value}) if value != row[column] else None

    def _retype(self) -> Names | None:
        """A value of another type, which a database that is typed row by row holds as well."""
        table, row = self._row()
        column = self.chance.choice(COLUMNS[table])
        value = self.chance.choice(
            [one for one in ("x", b"\xff\0", 5, 2.5, None) if type(one) is not type(row[column])]
        )
        before = self._rows(table, self._key(table, row))
        names = self._set(table, row, {column: value})
        # A column can turn the value back into its own type.
        return names if self._rows(table, self._key(table, row)) != before else None

    def _swap(self) -> Names | None:
        table, row = self._row()
        other = self.chance.choice(self._rows(table))
        columns = [name for name in COLUMNS[table] if name not in KEYS[table] and row[name] != other[name]]
        if not columns or row == other:
            return None
        many = self.chance.sample(columns, self.chance.randint(1, len(columns)))
        first = self._set(table, row, {name: other[name] for name in many})
        second = self._set(table, other, {name: row[name] for name in many})
        return first | second if first is not None and second is not None else None

    def _delete(self) -> Names | None:
        table, row = self._row()
        self.told = f"{table} {self._key(table, row)}"
        self.raw.execute(f"DELETE FROM {table} WHERE {self._where(table)}", self._key(table, row))  # noqa: S608
        return self._names(table, row)

    def _insert(self) -> Names | None:
        """A row that is a copy of another, under another key."""
        table, row = self._row()
        column = self.chance.choice(KEYS[table])
        value = self._other(row[column])
        if column == "case_id":
            value = self.chance.choice([*(case["id"] for case in self._rows("cases")), "", "of no case"])
        added = {**row, column: value}
        if self._rows(table, self._key(table, added)):
            return None
        self.told = f"{table} {self._key(table, added)}"
        marks = ", ".join("?" for _ in added)
        try:
            self.raw.execute(f"INSERT INTO {table} ({', '.join(added)}) VALUES ({marks})", tuple(added.values()))  # noqa: S608
        except Exception:  # noqa: BLE001  an index of the database refuses it: nobody can do this
            return None
        return self._names(table, added)

    def _cut_object(self) -> Names | None:
        """An event of an object is gone, as if no version had been given and nothing had held it."""
        objects = self.raw.execute("SELECT n, name FROM streams WHERE name LIKE 'object/%'").fetchall()
        number, name = self.chance.choice(sorted(tuple(row) for row in objects))
        last = self.raw.execute("SELECT max(seq) FROM events WHERE stream = ?", (number,)).fetchone()[0]
        self.raw.execute("DELETE FROM events WHERE stream = ? AND seq >= ?", (number, self.chance.randint(1, last)))
        return self.cases_of(name)

    def _change_a_key(self) -> Names | None:
        """A key is no evidence, since it is wrapped anew at times: what it opened, or named, shows another."""
        table, column = self.chance.choice((("keys", "wrapped"), ("platform_keys", "key")))
        row = self.chance.choice(self._rows(table))
        others = [one[column] for one in self._rows(table) if one[column] != row[column]]
        made = self._other(row[column])
        value = self.chance.choice((made, made, b"", *others[:1]))
        names = self._set(table, row, {column: value})
        return self.cases_of("") if table == "platform_keys" else names

    def _take_a_key(self) -> Names | None:
        """A data key as if it were erased, or as something that is no key."""
        row = self.chance.choice(self._rows("keys"))
        values = (b"", "", 0, b"\0", "\0" + "k" * 32, memoryview(row["wrapped"]).hex())
        return self._set("keys", row, {"wrapped": self.chance.choice(values)})

    def _bring_a_key_back(self) -> Names | None:
        """A key of words that were erased since, as an old backup holds it."""
        now = {(row["stream"], row["class"]) for row in self._rows("keys")}
        gone: list[dict[str, Any]] = []
        for image in self.backups:
            with closing(sqlite3.connect(":memory:")) as backup:
                backup.deserialize(image[:18] + b"\1\1" + image[20:])  # in memory there can be no write-ahead log
                backup.row_factory = sqlite3.Row
                held = map(dict, backup.execute("SELECT * FROM keys").fetchall())
                gone += [row for row in held if (row["stream"], row["class"]) not in now]
        if not gone:
            return None
        row = self.chance.choice(gone)
        self.raw.execute("INSERT INTO keys VALUES (?, ?, ?, ?)", tuple(row.values()))
        (name,) = self.raw.execute("SELECT CAST(name AS TEXT) FROM streams WHERE n = ?", (row["stream"],)).fetchone()
        return self._names_of_stream(name)

    def _exchange_keys(self) -> Names | None:
        """Two rows have the data keys of each other."""
        row, other = (self.chance.choice(self._rows("keys")) for _ in range(2))
        if row["wrapped"] == other["wrapped"]:
            return None
        first = self._set("keys", row, {"wrapped": other["wrapped"]})
        second = self._set("keys", other, {"wrapped": row["wrapped"]})
        return first | second if first is not None and second is not None else None

    # ---------------------------------------------------------------------------------------------- cut tails

    def _cut_chain(self) -> Names | None:
        """The last events of a case, with all that lies beside them and their lines of the log."""
        number, name, last = self.chance.choice(self._chains())
        left = self.chance.randint(0, last - 1)
        for table in ("parts", "events", "log"):
            self.raw.execute(f"DELETE FROM {table} WHERE stream = ? AND seq > ?", (number, left))  # noqa: S608
        return frozenset({name, "the log goes on with", "of the log, and", "held outside"})

    def _cut_log(self) -> Names | None:
        """The end of the log, with every event that was appended there, and every checkpoint over it."""
        (size,) = self.raw.execute("SELECT max(n) FROM log").fetchone()
        left = self.chance.randint(0, size - 3)
        for table in ("parts", "events"):
            gone = f"DELETE FROM {table} WHERE (stream, seq) IN (SELECT stream, seq FROM log WHERE n > ?)"  # noqa: S608
            self.raw.execute(gone, (left,))
        self.raw.execute("DELETE FROM log WHERE n > ?", (left,))
        self.raw.execute("DELETE FROM streams WHERE n NOT IN (SELECT stream FROM log)")
        return frozenset({"older than the checkpoint held outside"})

    # ------------------------------------------------------------------------------------------ whole rewrites

    def _rewrite_chain(self, key: LedgerKey | None = None) -> Names | None:
        """A case's history told otherwise from one event on, with every hash after it made anew. Its MACs are as they
        were, but for who has the ledger key."""
        number, name, last = self.chance.choice(self._chains())
        at, prev = self.chance.randint(1, last), FIRST
        rows = [row for row in self._rows("events") if row["stream"] == number]
        for row in sorted(rows, key=lambda row: row["seq"]):
            if row["seq"] == at:
                moment = json.loads(row["content"])["at"]
                row["at"] = moment + self.chance.choice((-60, 60))
                row["content"] = row["content"].replace(b'"at":%d' % moment, b'"at":%d' % row["at"], 1)
            row["hash"] = hash_of(prev, row["content"], row["people"])
            if key is not None:
                row["mac"], row["key_id"] = key.mac(row["hash"]), key.id
            prev = row["hash"]
            self._set("events", row, {one: row[one] for one in ("at", "content", "hash", "mac", "key_id")})
            self.raw.execute("UPDATE log SET hash = ? WHERE stream = ? AND seq = ?", (prev, number, row["seq"]))
        return frozenset({name})

    def _rewrite_store(self) -> Names | None:
        """A case is told otherwise, and every checkpoint that saw it is gone, by who holds the keys. A new one is
        made."""
        self._rewrite_chain(self.key)
        made = self.raw.execute("SELECT n FROM streams WHERE name LIKE ?", (f"{CHECKPOINTS}%",)).fetchall()
        for table, column in (("events", "stream"), ("log", "stream"), ("streams", "n")):
            self.raw.executemany(f"DELETE FROM {table} WHERE {column} = ?", made)  # noqa: S608
        lines = self.raw.execute("SELECT n FROM log ORDER BY n").fetchall()
        for n, (was,) in enumerate(lines, start=1):
            self.raw.execute("UPDATE log SET n = ? WHERE n = ?", (n, was))
        # What the store notes of itself beside it is made anew by who holds the keys, as all the rest.
        for _, _, file in self.raw.execute("PRAGMA database_list").fetchall():
            Path(f"{file}.mark").unlink(missing_ok=True)
        self.make_checkpoint()
        return frozenset({"held outside"})

    def _old_backup(self) -> Names | None:
        self.restore(self.chance.choice(self.backups))
        return frozenset({"older than the checkpoint held outside"})

    # ------------------------------------------------------------------------------------------------- helpers

    def _row(self) -> tuple[str, dict[str, Any]]:
        table = self.chance.choice([name for name in COLUMNS if self._rows(name)])
        rows = self._rows(table)
        return table, self.chance.choice(rows)

    def _rows(self, table: str, key: tuple[Any, ...] | None = None) -> list[dict[str, Any]]:
        where = "" if key is None else f" WHERE {self._where(table)}"
        cursor = self.raw.execute(f"SELECT * FROM {table}{where}", key or ())  # noqa: S608
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _where(self, table: str) -> str:
        return " AND ".join(f"{name} = ?" for name in KEYS[table])

    def _key(self, table: str, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in KEYS[table])

    def _set(self, table: str, row: dict[str, Any], values: dict[str, Any]) -> Names | None:
        self.told = f"{table} {self._key(table, row)}: { ({name: row[name] for name in values}) } -> {values}"[:600]
        told = ", ".join(f"{name} = ?" for name in values)
        try:
            self.raw.execute(
                f"UPDATE {table} SET {told} WHERE {self._where(table)}",  # noqa: S608
                (*values.values(), *self._key(table, row)),
            )
        except Exception:  # noqa: BLE001  an index of the database refuses it: nobody can do this
            return None
        return self._names(table, row) | self._names(table, {**row, **values})

    def _chains(self) -> list[tuple[int, str, int]]:
        """The streams of cases: the number of each, its name and the number of its last event."""
        wanted = "SELECT s.n, s.name, max(e.seq) FROM streams s JOIN events e ON e.stream = s.n WHERE s.name LIKE ?"
        return self.raw.execute(f"{wanted} GROUP BY s.n ORDER BY s.n", (stream_of("%"),)).fetchall()  # type: ignore[no-any-return]

    def _names(self, table: str, row: dict[str, Any]) -> Names:
        """What a report may call this row: its case, or what tells it from the others."""
        if table == "streams":
            return self._names_of_stream(str(row["name"])) | {f"stream {row['n']} "}
        if table in ("events", "parts", "log", "keys"):
            found = self.raw.execute("SELECT CAST(name AS BLOB) FROM streams WHERE n = ?", (row["stream"],)).fetchone()
            named = self._names_of_stream(bytes(found[0] or b"").decode("utf-8", "replace")) if found else frozenset()
            return named | {f"stream {row['stream']}", *((f"line {row['n']} ", " log ") if table == "log" else ())}
        case = str(row["id"] if table == "cases" else row.get("case_id", ""))
        own = {"outbox": "id", "leases": "id", "attempts": "message_id"}.get(table)
        # What belongs to no case has the name of its table, if it has none of its own.
        return frozenset(name for name in (case, str(row[own]) if own else "") if name) or frozenset({f" {table}"})

    def _names_of_stream(self, name: str) -> Names:
        named = {name, name.removeprefix(stream_of("")), *self.cases_of(name)}
        if name.startswith(CHECKPOINTS):
            named |= {f"checkpoint {name.removeprefix(CHECKPOINTS).lstrip('0')} "}
        return frozenset(named)

    def _other(self, value: Any) -> Any:
        """Another value of the same kind, one step away where that is the hardest to see."""
        chance = self.chance
        if value is None:
            return chance.randint(1, 2_000_000_000)
        if isinstance(value, int):
            return value + chance.choice((-1, 1, 60, -3600, 2**20))
        if isinstance(value, bytes):
            at = chance.randrange(len(value) + 1)
            return value[:at] + bytes([chance.randrange(256)]) + value[at + chance.randrange(2) :]
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice("abcdef0123456789Қ'\"") + value[at + chance.randrange(2) :]
