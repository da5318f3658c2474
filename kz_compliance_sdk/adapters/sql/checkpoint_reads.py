"""The reads of checkpoints and of the verification, each at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from sqlalchemy import Connection

from kz_compliance_sdk.adapters.sql import checkpoint_queries, log_tree, own_schema
from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.adapters.sql.statements import Compiled, sqlite_statements
from kz_compliance_sdk.domain.checkpoints import CHECKPOINTS, Checkpoint, LogLine, checkpoint_in
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.proofs import Loose

__all__ = ["CheckpointReads"]

_AT_ONCE = 64


class CheckpointReads:
    """The part of the queries that checkpoints and the verification need."""

    _platform: str

    def _reading(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _ledger(self, connection: Connection) -> Ledger:
        raise NotImplementedError

    def _private(self, connection: Connection | None = None, unreadable: list[str] | None = None) -> PrivateRows:
        raise NotImplementedError

    def _asked(self, statement: Compiled, **values: Any) -> list[Any]:
        with self._reading() as connection:
            given = statement.bind({"k_platform": self._platform, **values})
            return list(connection.exec_driver_sql(statement.sql, given).fetchall())

    def orphans(self) -> list[tuple[str, str]]:
        """The tables in which something of a case is still there, or was put, while the case is not; and its id."""
        with self._reading() as connection:
            return checkpoint_queries.orphans(connection, self._platform)

    def faults_of_none(self) -> list[str]:
        """What is wrong with what belongs to no case, each in words: what the database does by itself that this release
        did not tell it to, what lies there of streams that are not, and rows of sanctions that lie."""
        with self._reading() as connection:
            strays = checkpoint_queries.strays(connection)
        return [*self.doings(), *strays]

    def doings(self) -> list[str]:
        """As `faults_of_none`, but for what lies there of streams that are not: the whole ledger is read for that."""
        with self._reading() as connection:
            connection.exec_driver_sql("BEGIN")
            lies = checkpoint_queries.sanction_lies(connection, self._platform, self._ledger(connection))
            return [*own_schema.strange_doings(connection), *lies]

    def streams_beside(self) -> Iterator[tuple[Stream, list[str]]]:
        """Every stream that is of no case, in the order in which they began, and what is wrong with it."""
        after = -(2**63)
        while found := self._asked(sqlite_statements().log.beside, k_n=after, n=_AT_ONCE):
            names = [bytes(name or b"").decode("utf-8", "replace") for _, name in found]
            with self._reading() as connection:
                connection.exec_driver_sql("BEGIN")
                ledger = self._ledger(connection)
                streams = ledger.streams(self._platform, names).values()
                told = [(stream, ledger.what_opens(stream)[1]) for stream in streams]
            yield from told
            after = found[-1][0]

    def last_checkpoint(self) -> Checkpoint | None:
        with self._reading() as connection:
            connection.exec_driver_sql("BEGIN")
            ledger = self._ledger(connection)
            name = ledger.last_named(self._platform, CHECKPOINTS)
            return checkpoint_in(ledger.streams(self._platform, [name])[name]) if name else None

    def log_lines(self, after: int = 0, until: int | None = None) -> Iterator[LogLine | None]:
        """The lines of the log behind one number, up to another; None for one that cannot be read."""
        return log_tree.lines(partial(self._asked, sqlite_statements().log.lines), after, until)

    def dated_lines(self) -> Iterator[LogLine | None]:
        """Every line of the log, with the time of its event."""
        return log_tree.lines(partial(self._asked, sqlite_statements().log.dated_lines), 0)

    def last_line_of(self, stream: str, until: int) -> LogLine | None:
        """The last line of a stream among the first so many of the log."""
        found = self._asked(sqlite_statements().log.last_of, k_name=stream, k_last=until)
        return log_tree.line_from(found[0]) if found else None

    def tiles(self, level: int, first: int, many: int) -> list[bytes]:
        """The kept nodes of a level of the tree over the log, as many of these as there are."""
        found = self._asked(sqlite_statements().log.tiles, k_level=level, k_first=first, k_end=first + many)
        return [row[0] for row in found]

    def loose_rows(self) -> Loose:
        """What belongs to no case."""
        with self._reading() as connection:
            connection.exec_driver_sql("BEGIN")
            return checkpoint_queries.loose(connection, self._platform, self._private(connection))
