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
from typing import Any

from kz_compliance_sdk.domain.audit import event_hash
from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.evidence_tables import TABLES

AUDIT = ("case_id", "seq", "at", "kind", "actor", "content", "prev", "hash")
LEAVES = ("n", "case_id", "hash", "content", "manifest")
CHECKPOINTS = ("number", "size", "root", "at", "complete", "peaks", "line", "left_out")
KEYS = {
    **{
        name: (*(("case_id",) if name not in ("cases", "inbox", "sanctions") else ()), *t.key)
        for name, t in TABLES.items()
    },
    "audit": ("case_id", "seq"),
    "appeals": ("case_id", "appeal_id"),
    "checkpoint_leaves": ("n",),
    "checkpoints": ("number",),
    "platform_keys": ("name",),
}
COLUMNS = {
    **{name: ("platform_id", *dict.fromkeys((*KEYS[name], *t.fixed, *t.changing))) for name, t in TABLES.items()},
    "audit": ("platform_id", *AUDIT),
    "appeals": ("platform_id", "case_id", "appeal_id", "state", "received_at", "due_at"),
    "checkpoint_leaves": ("platform_id", *LEAVES),
    "checkpoints": ("platform_id", *CHECKPOINTS),
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
            *[self._cut_chain, self._cut_leaves, self._cut_both],
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
        value = self._other(row[column], column)
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
        self.raw.execute(f"DELETE FROM {table} WHERE {self._where(table)}", self._key(table, row))  # noqa: S608
        return self._names(table, row)

    def _insert(self) -> Names | None:
        """A row that is a copy of another, under another key."""
        table, row = self._row()
        column = self.chance.choice(KEYS[table])
        value = self._other(row[column], column)
        if column == "case_id":
            value = self.chance.choice([*(case["id"] for case in self._rows("cases")), "", "of no case"])
        added = {**row, column: value}
        if self._rows(table, self._key(table, added)):
            return None
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
        table, column = self.chance.choice((("cases", "data_key"), ("inbox", "data_key"), ("platform_keys", "key")))
        row = self.chance.choice(self._rows(table))
        others = [one[column] for one in self._rows(table) if one[column] != row[column]]
        made = self._other(row[column] or b"\0" * 33, column)
        value = self.chance.choice((made, made, b"", *([None] if column == "data_key" else []), *others[:1]))
        if (value or None) == (row[column] or None):
            return None
        names = self._set(table, row, {column: value})
        return self.cases_of("") if table == "platform_keys" else names

    def _take_a_key(self) -> Names | None:
        """A data key as if there never had been one, as if it were erased, or as something that is no key."""
        table, row = self._with_a_key()
        values = (None, b"", "", 0, b"\0", "\0" + "k" * 32, memoryview(row["data_key"] or b"k").hex())
        value = self.chance.choice([one for one in values if one != row["data_key"]])
        return self._set(table, row, {"data_key": value})

    def _exchange_keys(self) -> Names | None:
        """Two rows have the data keys of each other."""
        (table, row), (one, other) = self._with_a_key(), self._with_a_key()
        if row["data_key"] == other["data_key"]:
            return None
        first = self._set(table, row, {"data_key": other["data_key"]})
        second = self._set(one, other, {"data_key": row["data_key"]})
        return first | second if first is not None and second is not None else None

    def _bring_a_key_back(self) -> Names | None:
        """A data key as an old backup holds it: another one only where it was erased since."""
        others = []
        for image in self.backups:
            with closing(sqlite3.connect(":memory:")) as backup:
                backup.deserialize(image[:18] + b"\1\1" + image[20:])  # in memory there can be no write-ahead log
                for table in ("cases", "inbox"):
                    wanted = f"SELECT data_key FROM {table} WHERE {self._where(table)}"  # noqa: S608
                    for row in self._rows(table):
                        was = backup.execute(wanted, self._key(table, row)).fetchone()
                        if was is not None and was[0] != row["data_key"]:
                            others.append((table, row, was[0]))
        table, row, key = self.chance.choice(others)
        return self._set(table, row, {"data_key": key})

    def _with_a_key(self) -> tuple[str, dict[str, Any]]:
        table = self.chance.choice(("cases", "inbox"))
        return table, self.chance.choice(self._rows(table))

    # ---------------------------------------------------------------------------------------------- cut tails

    def _cut_chain(self) -> Names | None:
        """The last events of a case, and the case says that there never were more."""
        case = self.chance.choice(self._rows("cases"))
        left = self.chance.randint(0, case["audit_seq"] - 1)
        head = self.raw.execute("SELECT hash FROM audit WHERE case_id = ? AND seq = ?", (case["id"], left)).fetchone()
        for table in ("audit", "sealed_texts"):
            self.raw.execute(f"DELETE FROM {table} WHERE case_id = ? AND seq > ?", (case["id"], left))  # noqa: S608
        self.raw.execute(
            "UPDATE cases SET audit_seq = ?, audit_head = ? WHERE id = ?",
            (left, head[0] if head else "0" * 64, case["id"]),
        )
        return frozenset({case["id"]})

    def _cut_leaves(self) -> Names | None:
        """The last checkpoints, with all their leaves."""
        number = self.chance.randint(1, len(self._rows("checkpoints")))
        size = self.raw.execute("SELECT size FROM checkpoints WHERE number = ?", (number - 1,)).fetchone()
        self.raw.execute("DELETE FROM checkpoints WHERE number >= ?", (number,))
        self.raw.execute("DELETE FROM checkpoint_leaves WHERE n >= ?", (size[0] if size else 0,))
        return frozenset({"held outside"})

    def _cut_both(self) -> Names | None:
        names, cut = self._cut_chain(), self._cut_leaves()
        return names | cut if names is not None and cut is not None else None

    # ------------------------------------------------------------------------------------------ whole rewrites

    def _rewrite_chain(self) -> Names | None:
        """A case's history told otherwise from one event on, every hash after it made anew, and the case's head."""
        case = self.chance.choice(self._rows("cases"))
        events = [row for row in self._rows("audit") if row["case_id"] == case["id"]]
        return self._retold(case, sorted(events, key=lambda row: row["seq"]))

    def _retold(self, case: dict[str, Any], events: list[dict[str, Any]]) -> Names | None:
        at = self.chance.randrange(len(events))
        actor = self.chance.choice(("m9", "lead", "system"))
        if events[at]["actor"] == actor:
            return None
        prev = events[at]["prev"]
        for number, row in enumerate(events[at:]):
            document = json.loads(row["content"])
            if number == 0:
                document["actor"] = row["actor"] = actor
            content = canonical(document)
            hashed = event_hash(prev, content)
            self.raw.execute(
                "UPDATE audit SET actor = ?, content = ?, prev = ?, hash = ? WHERE case_id = ? AND seq = ?",
                (row["actor"], content, prev, hashed, case["id"], row["seq"]),
            )
            prev = hashed
        self.raw.execute("UPDATE cases SET audit_head = ? WHERE id = ?", (prev, case["id"]))
        return frozenset({case["id"]})

    def _rewrite_store(self) -> Names | None:
        """A case is told otherwise, and every checkpoint from one on is made anew, with the platform's own key."""
        if self._rewrite_chain() is None:
            return None
        self._cut_leaves()
        self.raw.execute("INSERT OR IGNORE INTO checkpoint_due SELECT platform_id, id, 1 FROM cases")
        self.raw.execute("INSERT OR IGNORE INTO checkpoint_due SELECT DISTINCT platform_id, '', 1 FROM cases")
        self.make_checkpoint()
        return frozenset({"held outside"})

    def _old_backup(self) -> Names | None:
        self.restore(self.chance.choice(self.backups))
        return frozenset({"older than the checkpoint held outside"})

    # ------------------------------------------------------------------------------------------------- helpers

    def _row(self) -> tuple[str, dict[str, Any]]:
        table = self.chance.choice([name for name in COLUMNS if self._rows(name)])
        return table, self.chance.choice(self._rows(table))

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

    def _names(self, table: str, row: dict[str, Any]) -> Names:
        """What a report may call this row: its case, or what tells it from the others."""
        if table == "checkpoint_leaves":
            return frozenset({f"leaf {row['n']} ", "held outside"})
        if table == "checkpoints":
            return frozenset({f"checkpoint {row['number']} ", f"over {row['size']} leaves", "held outside"})
        case = str(row["id"] if table == "cases" else row.get("case_id", ""))
        own = {"inbox": "message_id", "outbox": "id", "attempts": "message_id", "sanctions": "sanction_id"}.get(table)
        # What belongs to no case has the name of its table, if it has none of its own.
        return frozenset(name for name in (case, str(row[own]) if own else "") if name) or frozenset({f" {table}"})

    def _other(self, value: Any, column: str) -> Any:
        """Another value of the same kind, one step away where that is the hardest to see."""
        chance = self.chance
        if value is None:
            return chance.choice((1, "m9")) if column.endswith("_by") else chance.randint(1, 2_000_000_000)
        if isinstance(value, int):
            return value + chance.choice((-1, 1, 60, -3600, 2**20))
        if isinstance(value, bytes):
            at = chance.randrange(len(value) + 1)
            return value[:at] + bytes([chance.randrange(256)]) + value[at + chance.randrange(2) :]
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice("abcdef0123456789Қ'\"") + value[at + chance.randrange(2) :]
