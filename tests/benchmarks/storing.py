"""Durable intake in process: decided changes through the writer lane, against the same rows by the bare driver."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.ports import Env
from tests.benchmarks import samples
from tests.benchmarks.rows import Row, Size, compared, interleaved

NAMES = ("store.256", "store.64")
GROUP = 256
TABLES = ("streams", "events", "keys", "parts", "log", "cases", "inbox", "outbox")
Prepared = dict[str, list[tuple[Any, ...]]]


def run(size: Size) -> list[Row]:
    """Both rows, from the same rounds."""
    count = size.pick(3_072, 30_000)
    changes = [ready.change for ready in samples.ready(0, count)]
    groups = prepared(changes, count // GROUP)

    def fresh(measure: Callable[[Path], float]) -> float:
        with size.place() as folder:
            return count / measure(folder / "store.sqlite3")

    found = interleaved(
        {
            "256": lambda: fresh(lambda path: store(path, changes, 256)),
            "64": lambda: fresh(lambda path: store(path, changes, 64)),
            "raw": lambda: fresh(lambda path: raw(path, groups)),
        },
        size.pick(2, 5),
    )
    against = "raw driver, same rows, 256 to a transaction"
    return [
        compared(NAMES[0], found, "256", "raw", unit="notices/s", against=against, bar=0.6, note="256 in flight"),
        compared(NAMES[1], found, "64", "raw", unit="notices/s", against=against, bar=0.5, note="64 in flight"),
    ]


def prepared(changes: Sequence[Change], groups: int) -> list[Prepared]:
    """The rows that intakes come to, by table, as the driver takes them, in so many groups: what the library stores of
    them, ciphertexts, hashes and all, made beforehand."""
    found: list[Prepared] = [{} for _ in range(groups)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prepared.sqlite3"
        store(path, changes, GROUP)
        with closing(open_connection(choose_driver(), str(path))) as connection:
            for table in TABLES:
                held = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
                size = -(-len(held) // groups)
                for number, group in enumerate(found):
                    group[table] = held[number * size : (number + 1) * size]
            # Each batch counts under the same few names.
            counted = connection.execute("SELECT * FROM volumes").fetchall()
    return [{**group, "volumes": counted} for group in found]


def store(path: Path, changes: Sequence[Change], in_flight: int) -> float:
    """Seconds to store all changes with so many waiting for their commit at any time, driven from one thread."""
    store = SqliteStore(path, Env.system())
    try:
        waiting: deque[Future[None]] = deque()
        started = time.perf_counter()
        for change in changes:
            if len(waiting) == in_flight:
                waiting.popleft().result()
                while waiting and waiting[0].done():
                    waiting.popleft().result()
            waiting.append(store.save(samples.PLATFORM, change))
        for future in waiting:
            future.result()
        return time.perf_counter() - started
    finally:
        store.close()


def raw(path: Path, groups: Sequence[Prepared]) -> float:
    """Seconds to insert the same rows with the bare driver: same schema, same settings, rows made beforehand."""
    store = SqliteStore(path, Env.system())
    inserts = {table: store.statements.inserts[table].sql for table in TABLES}
    inserts["volumes"] = store.statements.volumes.add.sql
    store.close()
    connection = open_connection(choose_driver(), str(path))
    try:
        cursor = connection.cursor()
        started = time.perf_counter()
        for group in groups:
            cursor.execute("BEGIN IMMEDIATE")
            for table, values in group.items():
                cursor.executemany(inserts[table], values)
            cursor.execute("COMMIT")
        return time.perf_counter() - started
    finally:
        connection.close()
