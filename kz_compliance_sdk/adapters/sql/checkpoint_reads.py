"""The reads of checkpoints and of their verification, each at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from kz_compliance_sdk.adapters.sql import checkpoint_queries, own_schema
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.domain.checkpoints import Checkpoint, Leaf
from kz_compliance_sdk.domain.proofs import Loose

__all__ = ["CheckpointReads"]


class CheckpointReads:
    """The part of the queries that checkpoints and their verification need."""

    _platform: str
    _keys: MasterKeys

    def _reading(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _private(self, connection: Connection | None = None, unreadable: list[str] | None = None) -> PrivateRows:
        raise NotImplementedError

    def orphans(self) -> list[tuple[str, str]]:
        """The tables in which something of a case is still there, or was put, while the case is not; and its id."""
        with self._reading() as connection:
            return checkpoint_queries.orphans(connection, self._platform)

    def strange_doings(self) -> list[str]:
        """What the database does by itself that this release did not tell it to, each in words."""
        with self._reading() as connection:
            return own_schema.strange_doings(connection)

    def due_for_checkpoint(self) -> list[tuple[str, int]]:
        """The cases that changed since their last leaf, with their marks, and the running ones that have none."""
        with self._reading() as connection:
            return checkpoint_queries.due(connection, self._platform)

    def checkpoints(self) -> list[tuple[Checkpoint, int | None]]:
        """Every checkpoint by number, and when (UTC seconds) those who keep checkpoints had it."""
        with self._reading() as connection:
            return checkpoint_queries.checkpoints(connection, self._platform)

    def last_checkpoint(self) -> tuple[Checkpoint, int | None] | None:
        with self._reading() as connection:
            return checkpoint_queries.last_checkpoint(connection, self._platform)

    def leaves(self) -> Iterator[Leaf]:
        """Every leaf in order, without its manifest."""

        def read(after: int) -> list[Leaf]:
            with self._reading() as connection:
                return checkpoint_queries.leaves(connection, self._platform, after)

        return checkpoint_queries.in_short_steps(read)

    def leaf_hashes(self, size: int) -> list[str]:
        with self._reading() as connection:
            return checkpoint_queries.leaf_hashes(connection, self._platform, size)

    def leaves_of(self, case_id: str) -> list[Leaf]:
        """The leaves of one case in order, with their manifests."""
        with self._reading() as connection:
            return checkpoint_queries.leaves_of(connection, self._platform, case_id)

    def loose_rows(self, known: Sequence[tuple[str, str, str]]) -> Loose:
        """What belongs to no case, and the messages of the keys `known`, wherever they belong now."""
        with self._reading() as connection:
            connection.exec_driver_sql("BEGIN")
            return checkpoint_queries.loose(connection, self._platform, known, self._keys, self._private(connection))
