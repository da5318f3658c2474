"""A ledger in a store of its own, and what tests do to it from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from kz_compliance_sdk.adapters.sql.checkpoint_reads import faults_of_log, log_statements
from kz_compliance_sdk.adapters.sql.dialects import SQLITE
from kz_compliance_sdk.adapters.sql.keys import MasterKeys, PartKeys
from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.statements import Compiled, statements_of
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Change, Happened
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.office import Viewed
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import LedgerKey, LedgerKeys
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from tests.blank import put_blank
from tests.case_makers import PLATFORM
from tests.ledger.samples import sample
from tests.unguarded import unguard

NEW, OLD = LedgerKey(b"n" * 32), LedgerKey(b"o" * 32)
MASTER = MasterKeys({"m-1": b"m" * 32}, "m-1")
M1 = Actor("m1", frozenset({"moderator", "lead"}), account="a-1", country="KZ")
M2 = Actor("m2", frozenset({"moderator"}), account="a-2")
AT = 1_795_503_600
ONE, TWO = "duty/1", "duty/2"


def opened(path: Path, *, env: Env | None = None, keys: MasterKeys = MASTER, **options: Any) -> SqliteStore:
    """The store at a path, under the ledger key NEW and on the caller's thread unless something else is said."""
    put_blank(path)
    given: dict[str, Any] = {"ledger_keys": LedgerKeys((NEW,)), "threaded": False, **options}
    return SqliteStore(path, env or frozen_env(FrozenClock()), keys=keys, **given)


@cache
def bare(name: str) -> tuple[Event, dict[str, bytes]]:
    """A sample of a kind as a decision yields it, without its parts, and the words that belong to it."""
    kind = KINDS[name]
    made = msgspec.structs.replace(sample(kind), parts={})
    return made, {part: f"{name}: the {part} of it".encode() for part in kind.words}


def happened(stream: str, name: str, *, read: int, actor: Actor | None = M1, **fields: Any) -> Happened:
    """A sample of this kind as a write."""
    event, words = bare(name)
    event = msgspec.structs.replace(event, **fields)
    return Happened(PLATFORM, stream, event, AT + read, read, actor, words)


def every_kind(stream: str) -> tuple[Happened, ...]:
    """One of every kind, in one change; that it was erased comes last."""
    names = [name for name in KINDS if name != "erased"]
    actors = (M1, M2, None)
    return tuple(happened(stream, name, read=0, actor=actors[n % 3]) for n, name in enumerate(names))


def appended(store: SqliteStore, *writes: Happened) -> None:
    store.save(PLATFORM, writes).result(10)


def streams(store: SqliteStore, *names: str) -> dict[str, Stream]:
    return store.submit(PLATFORM, lambda tx: ((), tx.streams(names))).result(10)


def words(store: SqliteStore, name: str, wanted: Iterable[tuple[int, str]] = ()) -> dict[tuple[int, str], bytes | None]:
    """The words of a stream, all unless some are named."""

    def work(tx: Any) -> Any:
        stream = tx.streams([name])[name].whole()
        every = [(on.seq, part) for on in stream.events for part in on.event.parts]
        return (), tx.words(stream, list(wanted) or every)

    found: dict[tuple[int, str], bytes | None] = store.submit(PLATFORM, work).result(10)
    return found


class Outside:
    """The file as whoever has it can change it: its guards dropped, each try taken back."""

    def __init__(self, path: Path, ledger_keys: LedgerKeys | None = None) -> None:
        module = choose_driver().module
        self.connection, self.error = module.connect(path, isolation_level=None), module.Error
        unguard(self.connection)
        self._keys = ledger_keys or LedgerKeys((NEW,))

    def run(self, sql: str, *values: Any) -> list[Any]:
        return list(self.connection.execute(sql, values).fetchall())

    def script(self, sql: str) -> None:
        self.connection.executescript(sql)

    def close(self) -> None:
        self.connection.close()

    def ask(self, statement: Compiled, **given: Any) -> list[Any]:
        return self.run(statement.sql, *statement.bind(given))

    def ledger(self) -> Ledger:
        """What this library reads there."""
        return Ledger(statements_of(SQLITE).ledger, PartKeys(MASTER, lambda n: bytes(n)), self._keys, self.ask)

    def found(self) -> list[str]:
        """Everything that reading every stream, every part and the log finds wrong."""
        ledger, said = self.ledger(), []
        held = self.run("SELECT CAST(name AS BLOB) FROM streams WHERE platform = ?", PLATFORM)
        names = [row[0].decode("utf-8", "replace") for row in held if row[0] is not None]
        for stream in ledger.streams(PLATFORM, names).values():
            if stream.fault is not None:
                said.append(str(stream.fault))
                continue
            for on in stream.events:
                try:
                    ledger.words(stream, [(on.seq, part) for part in on.event.parts])
                except Exception as error:  # noqa: BLE001  whatever it is, it is found
                    said.append(f"{type(error).__name__}: {error}")
        return [*said, *faults_of_log(partial(self.ask, k_platform=PLATFORM), log_statements())]


def raw_bytes(path: Path) -> bytes:
    """All that lies in the files of a store."""
    return b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))


def viewed(stream: str, read: int, actor: Any = M1) -> Happened:
    return Happened(PLATFORM, stream, Viewed(), AT, read, actor)


class Batch:
    """Works that a store commits together, one after the other."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self._gate, self._busy = store, threading.Event(), threading.Event()

    def run(self, *works: Callable[[Any], tuple[Change, Any]]) -> list[Future[Any]]:
        self._gate.clear()
        self._busy.clear()

        def hold(_tx: Any) -> tuple[Change, None]:
            self._busy.set()
            assert self._gate.wait(10)
            return (), None

        first = self.store.submit(PLATFORM, hold)
        assert self._busy.wait(10)
        futures = [self.store.submit(PLATFORM, work) for work in works]
        self._gate.set()
        first.result(10)
        for future in futures:
            future.exception(10)
        return futures
