"""What a checkpoint holds of rows, and whether they went on since as they may.

The audit chain speaks of much, but not of everything: a failed attempt, an alert or the signature of a message stand
beside it. A checkpoint therefore holds, for each case, a digest of each of its rows. `grown` compares what an earlier
checkpoint saw with the rows of now. What it cannot explain is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kz_compliance_sdk.domain.evidence_rows import DESTROYED, NO_LOCK, Entry, Row, Rows, Seen, Since, row_digest, told
from kz_compliance_sdk.domain.evidence_tables import TABLES, Table

__all__ = ["emptied", "entry_of", "grown", "iterate", "named", "overridden"]


def _key(table: Table, row: Row) -> tuple[str | int, ...]:
    def part(column: str) -> str | int:
        value = row[column]
        return value if type(value) in (str, int) else str(told(value))

    return tuple(part(column) for column in table.key)


def _lock(salt: str, name: str, table: Table, row: Row) -> str:
    if not table.lock or row[table.lock] is None:
        return NO_LOCK if table.lock else ""
    return DESTROYED if row[table.lock] == b"" else row_digest(salt, name, row, (table.lock,))


def entry_of(salt: str, name: str, row: Row) -> Entry:
    """What a checkpoint holds of this row."""
    table = TABLES[name]
    fixed = row_digest(salt, name, row, table.fixed)
    whole = row_digest(salt, name, row, (*table.fixed, *table.changing))
    key, lock = _key(table, row), _lock(salt, name, table, row)
    return Entry(name, key, fixed, whole, table.final(row), table.mark(row, salt), lock)


def grown(seen: Seen, rows: Rows, since: Since) -> tuple[list[Entry], list[tuple[str, ...]], list[str]]:
    """What has been added or changed since the last look, as it should: the new entries, and the names of those that
    have ended. And what should not have changed: a text for each such row, which names it."""
    changed: list[Entry] = []
    faults: list[str] = []
    found = set()
    for name, held in rows.items():
        table = TABLES[name]
        for row in held:
            now = entry_of(seen.salt, name, row)
            found.add(now.name)
            was = seen.entries.get(now.name)
            if was is None:
                if not since.first and not table.new(row, since, seen):
                    faults.append(f"{named(now)} was added: the last checkpoint did not see it")
                changed.append(now)
            elif was.fixed != now.fixed and not since.erased:
                faults.append(f"{named(now)} was changed: a checkpoint saw it otherwise")
            elif was.lock != now.lock and not (since.erased or _relocked(was, now, row, since)):
                became = {NO_LOCK: "is gone", DESTROYED: "was destroyed"}.get(now.lock, "is another")
                faults.append(f"the data key of {named(now)} {became}: a checkpoint saw it otherwise")
            elif was.whole != now.whole:
                explained = since.erased or (emptied(was, now) and table.emptied(row, since))
                if not explained and (was.final or not table.excuse(row, was, since)):
                    faults.append(f"{named(now)} was changed: a checkpoint saw it otherwise")
                changed.append(now)
            elif was != now:
                changed.append(now)
    gone = []
    for key, was in seen.entries.items():
        if key in found:
            continue
        if not since.erased:
            faults.append(f"{named(was)} is gone: a checkpoint saw it")
        gone.append((was.table, *map(str, was.key)))
    return changed, gone, faults


def _relocked(was: Entry, now: Entry, row: Row, since: Since) -> bool:
    """Whether the data key of a row is another for good reason, though its case was not erased since."""
    table = TABLES[was.table]
    if was.lock == DESTROYED:
        return table.opens_again and now.lock != NO_LOCK
    return now.lock == DESTROYED and table.emptied(row, since)


def named(entry: Entry) -> str:
    return f"the row {' '.join(map(str, entry.key))} of {entry.table}" if entry.key else f"the row of {entry.table}"


def emptied(was: Entry, now: Entry) -> bool:
    """Whether the words of a message went between two looks, while its case and what stays of it are the same."""
    if was.table != "inbox" or (was.mark[1:2], now.mark[1:2]) != ((0,), (1,)):
        return False
    return was.mark[::2] == now.mark[::2]


def overridden(was: Entry, now: Entry) -> bool:
    """Whether a later checkpoint says of a row what cannot be true beside what an earlier one says."""
    relocked = was.lock != now.lock and DESTROYED not in (was.lock, now.lock)
    return was.fixed != now.fixed or relocked or (was.final and was.whole != now.whole and not emptied(was, now))


def iterate(documents: Any) -> Iterator[Entry]:
    """The entries of a manifest. Raises ValueError and TypeError."""
    for document in documents:
        yield Entry.read(document)
