"""Durable intake in process: decided changes through the writer lane, against the same rows by the bare driver."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql import rows as as_rows
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.change import CaseWrite, Change, InboxRow, NoticeCounted
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.ports import Env
from tests.benchmarks import samples
from tests.benchmarks.rows import Row, Size, compared, interleaved

NAMES = ("store.256", "store.64")
GROUP = 256
Prepared = dict[str, list[tuple[Any, ...]]]


def run(size: Size) -> list[Row]:
    """Both rows, from the same rounds."""
    count = size.pick(3_072, 30_000)
    changes = [ready.change for ready in samples.ready(0, count)]
    groups = [prepared(changes[start : start + GROUP]) for start in range(0, count, GROUP)]

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


def prepared(changes: Sequence[Change]) -> Prepared:
    """The rows of intakes, by table, as the driver takes them."""
    found: Prepared = {"audit": [], "cases": [], "inbox": [], "outbox": []}
    came: Counter[tuple[str, str, int]] = Counter()
    for change in changes:
        for write in change:
            if isinstance(write, AuditEvent):
                found["audit"].append(as_rows.audit_row(write))
            elif isinstance(write, CaseWrite):
                found["cases"].append(as_rows.case_row(write.case))
            elif isinstance(write, InboxRow):
                found["inbox"].append(as_rows.inbox_row(write))
            elif isinstance(write, OutboxMessage):
                found["outbox"].append(as_rows.message_row(write))
            elif isinstance(write, NoticeCounted):
                came.update((write.platform_id, name, write.at) for name in write.names)
            else:
                raise TypeError(f"an intake writes no {type(write).__name__}")
    found["volumes"] = [(*key, notices) for key, notices in came.items()]
    return found


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
            waiting.append(store.submit(samples.PLATFORM, partial(_decided, change)))
        for future in waiting:
            future.result()
        return time.perf_counter() - started
    finally:
        store.close()


def _decided(change: Change, _tx: object) -> tuple[Change, None]:
    return change, None


def raw(path: Path, groups: Sequence[Prepared]) -> float:
    """Seconds to insert the same rows with the bare driver: same schema, same settings, rows made beforehand."""
    store = SqliteStore(path, Env.system())
    inserts = {table: store.statements.inserts[table].sql for table in ("audit", "cases", "inbox", "outbox")}
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
