"""Durable intake in process: decided changes through the writer lane, against the same rows by the bare driver."""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.ports import Env
from tests.benchmarks import samples
from tests.benchmarks.rows import Row, Size, collecting_seldom, compared, interleaved

NAMES = ("store.256", "store.64")
GROUP = 256
BY_REFERENCE = (Path(__file__).parent / "by_reference.sql").read_text()
TABLES = {"streams": "n", "log": "n"} | dict.fromkeys(
    ("events", "keys", "parts", "cases", "watches", "inbox", "outbox", "leases"), "stream"
)
"""The tables of a new notice, and by what their rows are in the order in which they came."""
NONCE, _SALT, _TAG = 12, 16, 16
Rows = list[tuple[Any, ...]]
Prepared = dict[str, tuple[tuple[str, ...], Rows]]
"""Rows of each table, behind the names of their columns."""


def run(size: Size) -> list[Row]:
    """Both rows, from the same rounds."""
    count = size.pick(3_072, 30_000)
    changes = [ready.change for ready in samples.ready(0, count)]
    groups = prepared(changes, count // GROUP)
    by_reference = [as_before(group) for group in groups]

    spent: defaultdict[str, list[float]] = defaultdict(list)

    def fresh(name: str, measure: Callable[[Path], Took]) -> float:
        with size.place() as folder:
            took = measure(folder / "store.sqlite3")
        spent[name].append(took.cpu / count * 1e6)
        return count / took.seconds

    with collecting_seldom():
        found = interleaved(
            {
                "256": lambda: fresh("256", lambda path: store(path, changes, 256)),
                "64": lambda: fresh("64", lambda path: store(path, changes, 64)),
                "raw": lambda: fresh("raw", lambda path: raw(path, by_reference, BY_REFERENCE)),
                "laid": lambda: fresh("laid", lambda path: raw(path, groups)),
            },
            size.pick(2, 5),
        )
    against = "raw driver, same rows by their references, hashed and encrypted, 256 to a transaction"

    def row(name: str, mine: str, bar: float) -> Row:
        cpu, base, laid = (min(spent[which]) for which in (mine, "raw", "laid"))
        note = (
            f"{mine} in flight; by CPU {base / cpu:.2f}, {cpu:.0f} us a notice against {base:.0f}; "
            f"against rows that lie as the library's do {laid / cpu:.2f}, {laid:.0f} us"
        )
        return compared(name, found, mine, "raw", unit="notices/s", against=against, bar=bar, note=note)

    return [row(NAMES[0], "256", 0.7), row(NAMES[1], "64", 0.6)]


def prepared(changes: Sequence[Change], groups: int) -> list[Prepared]:
    """The rows that intakes come to, by table, as the driver takes them, in so many groups: what the library stores of
    them, made beforehand. What is hashed and encrypted is done anew by whoever writes them."""
    found: list[Prepared] = [{} for _ in range(groups)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prepared.sqlite3"
        store(path, changes, GROUP)
        with closing(open_connection(choose_driver(), str(path))) as connection:
            for table, order in TABLES.items():
                cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {order}")
                columns, held = tuple(one[0] for one in cursor.description), cursor.fetchall()
                size = -(-len(held) // groups)
                for number, group in enumerate(found):
                    group[table] = columns, held[number * size : (number + 1) * size]
            # Each batch counts under the same few names.
            cursor = connection.execute("SELECT * FROM volumes")
            counted = tuple(one[0] for one in cursor.description), cursor.fetchall()
    return [{**group, "volumes": counted} for group in found]


def as_before(group: Prepared) -> Prepared:
    """The same rows without the number of their stream, where they lay by their references."""
    return {table: _without_number(*held) if table in _BY_CASE else held for table, held in group.items()}


_BY_CASE = frozenset({"cases", "watches", "inbox", "outbox", "leases"})


def _without_number(columns: tuple[str, ...], rows: Rows) -> tuple[tuple[str, ...], Rows]:
    assert columns[0] == "stream"
    return columns[1:], [row[1:] for row in rows]


class Took(NamedTuple):
    """Seconds by the clock, and of CPU: the one hardly moves when others use the machine."""

    seconds: float
    cpu: float


def timed(work: Callable[[], object]) -> Took:
    started, spent = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - started, time.process_time() - spent)


def store(path: Path, changes: Sequence[Change], in_flight: int) -> Took:
    """How long it takes to store all changes with so many waiting for a commit at any time, driven from one thread."""
    store = SqliteStore(path, Env.system())

    def save_all() -> None:
        waiting: deque[Future[None]] = deque()
        for change in changes:
            if len(waiting) == in_flight:
                waiting.popleft().result()
                while waiting and waiting[0].done():
                    waiting.popleft().result()
            waiting.append(store.save(samples.PLATFORM, change))
        for future in waiting:
            future.result()

    try:
        return timed(save_all)
    finally:
        store.close()


def raw(path: Path, groups: Sequence[Prepared], schema: str = "") -> Took:
    """How long it takes to insert the same rows with the bare driver and statements written here: same settings, tables
    of this schema where one is given, rows made before, but for what every intake hashes and encrypts."""
    SqliteStore(path, Env.system()).close()
    connection = open_connection(choose_driver(), str(path))
    cursor = connection.cursor()
    if schema:
        cursor.executescript("".join(f"DROP TABLE {table};" for table in groups[0]) + schema)
    inserts = {table: _insert(table, columns) for table, (columns, _) in groups[0].items()}

    def insert_all() -> None:
        for group in groups:
            cursor.execute("BEGIN IMMEDIATE")
            for table, (_, values) in sealed(group).items():
                cursor.executemany(inserts[table], values)
            cursor.execute("COMMIT")

    try:
        return timed(insert_all)
    finally:
        connection.close()


def _insert(table: str, columns: Sequence[str]) -> str:
    counted = (
        " ON CONFLICT (platform_id, name, at) DO UPDATE SET notices = notices + excluded.notices"
        if table == "volumes"
        else ""
    )
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}){counted}"


def sealed(group: Prepared) -> Prepared:
    """The same rows hashed, and their parts encrypted, each stream's under new keys of its own."""
    held = {table: rows for table, (_, rows) in group.items()}
    keys = {(stream, cls): os.urandom(32) for stream, cls, *_ in held["keys"]}
    events, hashes = hashed(held["events"])
    held |= {
        "keys": [(stream, cls, b"\x00" + keys[stream, cls], *rest) for stream, cls, _, *rest in held["keys"]],
        "parts": encrypted(held["parts"], {name: AESGCM(key) for name, key in keys.items()}),
        "events": events,
        "log": [(platform, n, stream, seq, hashes[stream, seq]) for platform, n, stream, seq, _ in held["log"]],
    }
    return {table: (columns, held[table]) for table, (columns, _) in group.items()}


def encrypted(parts: Rows, ciphers: Mapping[tuple[int, str], AESGCM]) -> Rows:
    """The same rows of `parts`, encrypted anew by the key of their stream and class."""
    found: Rows = []
    for stream, seq, name, cls, stored in parts:
        plain = stored[NONCE:-_TAG]  # as long as it was: which bytes they are costs nothing
        hmac.digest(plain[:_SALT], plain[_SALT:], "sha256")
        nonce = os.urandom(NONCE)
        found.append((stream, seq, name, cls, nonce + ciphers[stream, cls].encrypt(nonce, plain, name.encode())))
    return found


def hashed(events: Rows) -> tuple[Rows, dict[tuple[int, int], bytes]]:
    """The same rows of `events` with their hashes made anew, and these by stream and place."""
    found: Rows = []
    hashes: dict[tuple[int, int], bytes] = {}
    for stream, seq, at, kind, content, people, _, *rest in events:
        inner = hashlib.sha256(content).digest() + hashlib.sha256(people).digest()
        hashes[stream, seq] = hash_ = hashlib.sha256(bytes(32) + inner).digest()
        found.append((stream, seq, at, kind, content, people, hash_, *rest))
    return found, hashes
