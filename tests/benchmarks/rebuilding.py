"""The rows of a large store made anew from its ledger, the hourly walk over all of it, and a checkpoint of it, by what
people run.

The library itself received, claimed and decided the cases. All rows are taken away, made anew by `db rebuild` in a
process of its own, and compared with those that were there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.commands.base import Command
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.sweep import EVERY_S
from tests.benchmarks import deciding, samples
from tests.benchmarks.command import used_by
from tests.benchmarks.rows import Row, Size
from tests.unguarded import unguard

NAMES = ("rows.rebuild", "rows.memory", "rows.sweep", "checkpoint")
_COMMAND = ("db", "rebuild")
Step = Callable[[int], Command[Any]]


def run(size: Size) -> list[Row]:
    """All rows: a walk over no case, one over rows that are right, and one over none; then the first checkpoint."""
    count = size.pick(640, 100_000)
    with size.place() as folder:
        nothing, path = folder / "nothing.sqlite3", folder / "cases.sqlite3"
        SqliteStore(nothing, Env.system()).close()
        filled(path, count)
        start = used_by(nothing, *_COMMAND)
        swept = used_by(path, *_COMMAND)
        before = _taken(path)
        assert sum(map(len, before.values())) >= 5 * count, "a case has its own row and one for each message"
        rebuilt = used_by(path, *_COMMAND)
        after = _taken(path)
        checkpoint, events = _checkpoint(path)
    for name, rows in before.items():
        assert after[name] == rows, f"the rows of {name} are not what they were"
    took, looked = ((used.cpu - start.cpu) / count for used in (rebuilt, swept))
    note = f"{count:,} open cases of 10 events, three of them their objects', with four messages"
    return [
        Row(NAMES[0], took * 1e6, "us", bar=300, sense="most", note=f"CPU of a case; {note}"),
        Row(NAMES[1], rebuilt.peak, "MiB", bar=300, sense="most", note="peak resident memory of that process"),
        Row(
            NAMES[2], looked * 100_000 / EVERY_S * 100, "% of a core", bar=5, sense="most",
            note="what it takes to hold the rows of 100,000 such cases against their chains within the hour",
        ),
        Row(
            NAMES[3], checkpoint / events * 10_000, "ms", bar=0.1, sense="most",
            note=f"CPU of a checkpoint over {events:,} events, for each new case of 10",
        ),
    ]  # fmt: skip


def filled(path: Path, count: int) -> None:
    """A file with so many cases that two people had in hand, the second of whom decided: their effects are due."""
    deciding.filled(path, count)
    store = SqliteStore(path, Env.system())
    review, what = deciding.review_of(store), deciding.proposal(measure=True)
    steps: tuple[tuple[str, Step], ...] = (
        ("moderator-1", commands.Release),
        ("moderator-2", lambda token: commands.Propose(token, what)),
    )
    for at in range(0, count, deciding.TOGETHER):
        for name, step in steps:
            person = Actor(name, frozenset({"moderator"}))
            claims = [review.claim(person) for _ in range(min(deciding.TOGETHER, count - at))]
            leases = [deciding.taken(claim.result()) for claim in claims]
            for future in [review.take(person, one.case.id, step(one.token)) for one in leases]:
                future.result()
    store.close()


def _checkpoint(path: Path) -> tuple[float, int]:
    """Seconds of CPU that a checkpoint of all that is new takes, and how many events that are."""
    store = SqliteStore(path, Env.system())
    queries = store.queries(samples.PLATFORM)
    assert queries.last_checkpoint() is None
    assert list(queries.log_lines(0, 1)), "what a process does once is none of its cost"
    started = time.process_time()
    made = Checkpoints(store, samples.PLATFORM, seal=None, witnesses=tuple).checkpoint()
    seconds = time.process_time() - started
    store.close()
    return seconds, made.size


def _taken(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table that is made of the ledger, in the order of their keys; then there are none."""
    connection = open_connection(choose_driver(), str(path), cache_mib=256)
    unguard(connection)
    found = {}
    for table in metadata.sorted_tables:
        if table.info["kind"] == "rows":
            # What was made anew is told by an alert, which belongs to no case.
            which = "WHERE case_id <> ''" if table.name == "outbox" else ""
            rows = connection.execute(f"SELECT * FROM {table.name} {which} ORDER BY 1, 2, 3").fetchall()
            found[table.name] = rows
            connection.execute(f"DELETE FROM {table.name}")
    connection.close()
    return found
