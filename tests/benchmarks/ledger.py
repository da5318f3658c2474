"""The ledger in process: events appended and read as the writer does it, against a driver that moves the same rows.

CPU time of one thread: linking, proving, sealing and folding are what is measured, not the disk.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.lane import Job
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Change, Happened
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.arrivals import Named
from kz_compliance_sdk.domain.events.office import Viewed
from kz_compliance_sdk.domain.events.review import Claimed
from kz_compliance_sdk.domain.ledger import LedgerKey, LedgerKeys
from kz_compliance_sdk.ports import Asks, Env
from tests.benchmarks.rows import Row, Size, compared
from tests.benchmarks.samples import PLATFORM
from tests.ledger.samples import sample

NAMES = ("ledger.open", "ledger.grow", "ledger.load")
GROUP = 64
AT = 1_795_503_600
PERSON = Actor("m-1", frozenset({"moderator"}), account="a-1")
WORDS = {"message": b"x" * 1_400, "proof": b"p" * 300, "reply": b"r" * 200}
OPENED = msgspec.structs.replace(
    sample(KINDS["opened"]), parts={}, items=(Named(number=1, object=f"object/{'0' * 32}"),)
)
BARS = 0.2, 0.17, 0.08
Statement = tuple[str, tuple[Any, ...]]
Work = Callable[[Any, str], Change]


def run(size: Size) -> list[Row]:
    """All three: a case is opened, read and gone on with by two events four times, and read and folded at the end."""
    count = size.pick(1_024, 8_192)
    rounds: dict[str, list[float]] = {f"{side} {name}": [] for side in ("ours", "raw") for name in NAMES}
    for _ in range(size.pick(3, 7)):
        with size.place() as folder:
            for name, seconds in _measured(folder, count).items():
                rounds[name].append(count / seconds)
    notes = "one event with three parts", "read, two events, four times", "nine events, proved and folded"
    return [
        compared(
            name,
            rounds,
            f"ours {name}",
            f"raw {name}",
            unit="cases/s",
            against="the driver alone, same rows, 64 to a transaction",
            bar=bar,
            note=note,
        )
        for name, bar, note in zip(NAMES, BARS, notes, strict=True)
    ]


def _measured(folder: Path, count: int) -> dict[str, float]:
    """CPU seconds of each part of one round, ours and the driver's."""
    keys = MasterKeys({"m-1": os.urandom(32)}, "m-1")
    ledger_keys = LedgerKeys((LedgerKey(os.urandom(32)),))
    stores = [SqliteStore(folder / name, Env.system(), keys=keys, ledger_keys=ledger_keys) for name in ("a", "b")]
    transaction, bare = stores[0]._open_transaction(), open_connection(choose_driver(), str(folder / "b"))
    names = [f"case/{n:08x}" for n in range(count)]
    seconds: dict[str, float] = {}
    for name, works in (("ledger.open", [_opens]), ("ledger.grow", [_goes_on] * 4), ("ledger.load", [_reads])):
        log: list[list[Statement]] = []
        seconds[f"ours {name}"] = _ours(transaction, names, works, log)
        seconds[f"raw {name}"] = _raw(bare, log)
    transaction.close()
    bare.close()
    for store in stores:
        store.close()
    return seconds


def _ours(
    transaction: SqlTransaction, names: Sequence[str], works: Sequence[Work], log: list[list[Statement]]
) -> float:
    """CPU seconds to commit these works of each stream, so many together; `log` gets what the driver was given."""
    writer: Any = transaction._writer
    cursor, spent = writer._cursor, 0.0
    for start in range(0, len(names), GROUP):
        some = names[start : start + GROUP]
        for work in works:
            statements: list[Statement] = []
            recorder: Any = _Recorder(cursor, statements)
            writer._cursor = recorder
            started = time.thread_time()
            jobs: list[Job] = [
                Job(PLATFORM, lambda tx, name=name, work=work: (work(tx, name), None), Future(), Asks((name,)))  # type: ignore[misc]
                for name in some
            ]
            transaction.begin(jobs)
            for job in jobs:
                transaction.run(job)
            transaction.commit()
            spent += time.thread_time() - started
            log.append(statements)
            gc.freeze()  # what is noted for the driver is none of the ledger's garbage
    writer._cursor = cursor
    gc.unfreeze()
    return spent


def _raw(connection: Any, log: list[list[Statement]]) -> float:
    """CPU seconds for the same statements with the same values, by the driver alone."""
    cursor = connection.cursor()
    started = time.thread_time()
    for statements in log:
        for sql, values in statements:
            cursor.execute(sql, values)
            if sql.startswith(("SELECT", "WITH")):
                cursor.fetchall()
    return time.thread_time() - started


class _Recorder:
    """A cursor that notes what it was given."""

    def __init__(self, cursor: Any, statements: list[Statement]) -> None:
        self._cursor, self._statements = cursor, statements

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        self._statements.append((sql, values))
        return self._cursor.execute(sql, values)


def _opens(_tx: Any, name: str) -> Change:
    opened = msgspec.structs.replace(OPENED, notice=name[5:])
    return (Happened(PLATFORM, name, opened, AT, 0, None, WORDS),)


def _goes_on(tx: Any, name: str) -> Change:
    stream = tx.streams([name])[name]
    claimed = Claimed(token=stream.case.token + 1, until=AT + 900)
    return tuple(Happened(PLATFORM, name, event, AT, stream.seq, PERSON) for event in (claimed, Viewed()))


def _reads(tx: Any, name: str) -> Change:
    assert tx.streams([name])[name].case.token == 4
    return ()
