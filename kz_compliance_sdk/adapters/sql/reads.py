"""How the reads beside the writer see the store: in short transactions of their own, each of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql.keys import DataKey, MasterKeys, PartKeys
from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.of_case import of_case
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.adapters.sql.rows import plan_of
from kz_compliance_sdk.adapters.sql.sqlite import store_error
from kz_compliance_sdk.adapters.sql.statements import Compiled, sqlite_statements
from kz_compliance_sdk.domain.believed import read_case
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.errors import NotFound


class Reads:
    """What every part of the queries is made of, for one platform."""

    def __init__(
        self,
        engine: Engine,
        platform_id: str,
        fault: Callable[[], str] = str,
        keys: MasterKeys | None = None,
        check: Callable[[], None] = lambda: None,
        ledger_keys: LedgerKeys = LedgerKeys(),  # noqa: B008  frozen
    ) -> None:
        self._engine, self._platform, self._fault, self._check = engine, platform_id, fault, check
        self._keys, self._ledger_keys = keys or MasterKeys(), ledger_keys
        self._of_case = of_case(engine.dialect.name)
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error

    def _private(self, connection: Connection, ledger: Ledger, unreadable: list[str] | None = None) -> PrivateRows:
        """How rows of one moment are read: nothing of it is kept, another process may destroy a key."""

        def case_key(platform_id: str, case_id: str) -> DataKey | None:
            return ledger.erasable_key(platform_id, stream_of(case_id))

        platform_key = partial(self._of_case.platform_key, connection)
        return PrivateRows(self._keys, _no_entropy, case_key, platform_key=platform_key, unreadable=unreadable)

    def _all(self, statement: Select[Any]) -> list[Any]:
        with self._reading() as connection:
            return list(connection.execute(statement).fetchall())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._check()
        try:
            with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, self._driver_error) as error:
            raise store_error(getattr(error, "orig", None) or error) from error

    @contextmanager
    def _moment(self) -> Iterator[tuple[Connection, Ledger]]:
        with self._reading() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection, self._ledger(connection)

    def _case(self, connection: Connection, ledger: Ledger, case_id: str) -> tuple[Case, Stream]:
        """A case as its chain has it, and that, of one moment. Without its words where they cannot be read."""
        if not connection.in_transaction():
            connection.exec_driver_sql("BEGIN")
        found = self._rows(connection, "cases", case_id)
        if not found:
            raise NotFound("there is no such case on this platform.", reference=case_id)
        stream = self._stream(ledger, case_id)
        return read_case(stream, ledger.words, plan_of(found[0])), stream

    def _stream(self, ledger: Ledger, case_id: str) -> Stream:
        name = stream_of(case_id)
        return ledger.streams(self._platform, [name])[name]

    def _ledger(self, connection: Connection) -> Ledger:
        return Ledger(
            sqlite_statements().ledger, PartKeys(self._keys, _no_entropy), self._ledger_keys, partial(ask, connection)
        )

    def _rows(self, connection: Connection, table: str, case_id: str) -> Sequence[Any]:
        return self._of_case.rows(connection, table, self._platform, case_id)


def ask(connection: Connection, statement: Compiled, **values: Any) -> list[Any]:
    """What a statement gives that was compiled once, asked of the driver itself. Raises the driver's errors."""
    return list(connection.connection.cursor().execute(statement.sql, statement.bind(values)).fetchall())


def _no_entropy(_size: int) -> bytes:
    raise RuntimeError("a read writes nothing")
