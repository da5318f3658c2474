"""How many new notices came lately, second by second: one short row for each second in which any came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, delete, func, literal_column, select

from kz_compliance_sdk.adapters.sql.paging import AT_MOST
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain.change import Change, NoticeCounted

__all__ = ["VolumeStatements", "Volumes", "volumes", "write_volumes"]

volumes = Table(
    "volumes",
    metadata,
    Column("platform_id", String(64), primary_key=True, comment="whose"),
    Column("name", String(160), primary_key=True, comment="the authority, or the key that signed"),
    Column("at", BigInteger, primary_key=True, comment="in which second"),
    Column("notices", Integer, nullable=False, comment="how many"),
    comment="How many notices came lately, second by second.",
    sqlite_with_rowid=False,
)


class VolumeStatements:
    """Parameters of each are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any], upsert: Callable[..., Any]) -> None:
        v = volumes.c
        mine = v.platform_id == bindparam("k_platform_id"), v.name == bindparam("k_name")
        # The newest first, and no more than there have to be: a row counts one notice at least.
        newest = select(v.notices).where(*mine, v.at > bindparam("k_at")).order_by(v.at.desc()).limit(AT_MOST)
        self.counted = compiled(select(func.coalesce(func.sum(newest.subquery().c.notices), literal_column("0"))))
        self.add = upsert(
            volumes, ("platform_id", "name", "at"), notices=v.notices + literal_column("excluded.notices")
        )
        self.over = compiled(delete(volumes).where(*mine, v.at <= bindparam("k_at")))


class Volumes:
    """What one batch of works knows: read once between two flushes, and what came with the works since."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str, int, int], int] = {}
        self._since: Counter[tuple[str, str]] = Counter()

    def forget(self) -> None:
        """The next read is from the database: what came with earlier works has been written, or thrown away."""
        self._before.clear()
        self._since.clear()

    def add(self, change: Change) -> None:
        for write in change:
            if type(write) is NoticeCounted:
                for name in write.names:
                    self._since[write.platform_id, name] += 1

    def counted(self, platform_id: str, name: str, over: int, most: int, read: Callable[[], int]) -> int:
        """How many notices came under a name after `over`; if they are more than `most`, perhaps only so many."""
        key = platform_id, name, over, most
        before = self._before.get(key)
        if before is None:
            before = self._before[key] = read()
        return before + self._since[platform_id, name]


def write_volumes(
    counted: Iterable[NoticeCounted],
    statements: VolumeStatements,
    execute: Callable[[str, tuple[Any, ...]], Any],
    execute_many: Callable[[Any, list[tuple[Any, ...]]], None],
) -> None:
    """Add what came, and let go of what counts no more."""
    came: Counter[tuple[str, str, int]] = Counter()
    over: dict[tuple[str, str], int] = {}
    for one in counted:
        for name in one.names:
            came[one.platform_id, name, one.at] += 1
            over[one.platform_id, name] = one.over
    execute_many(statements.add, [(*key, notices) for key, notices in came.items()])
    for (platform_id, name), at in over.items():
        given = {"k_platform_id": platform_id, "k_name": name, "k_at": at}
        execute(statements.over.sql, statements.over.bind(given))
