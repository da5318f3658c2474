"""Master keys: whether those at hand open the store, and one in another's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, LargeBinary, Table, and_, cast, func, select, tuple_, update

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.file_states import empty_log, refuse_changed
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.private import own_name
from kz_compliance_sdk.adapters.sql.sqlite import FileLock
from kz_compliance_sdk.errors import StoreDamaged, StoreUnusable

__all__ = ["Rewrapped", "check_master_keys", "rewrap", "truncate_log"]

_AT_ONCE = 500
_MOST_ASKED = 100


def check_master_keys(connection: Connection, keys: MasterKeys) -> None:
    """Open the newest wrapped key of a case, and one of a platform. Raises StoreUnusable (`master_key`) if the master
    keys do not. A key that was damaged, destroyed or never wrapped says nothing of them: an older one is asked."""
    asked = (
        (t.cases.c.platform_id, t.cases.c.id, t.cases.c.data_key, t.cases.c.received_at),
        (t.platform_keys.c.platform_id, t.platform_keys.c.name, t.platform_keys.c.key, t.platform_keys.c.name),
    )
    for platform, of, key, place in asked:
        # A text in a key's place would not even be read: its bytes are.
        statement = select(platform, of, cast(key, LargeBinary)).order_by(platform.desc(), place.desc())
        for platform_id, owner, stored in connection.execute(statement.limit(_MOST_ASKED)).fetchall():
            if not keys.is_wrapped(platform_id, owner, stored):
                continue
            try:
                keys.unwrap(platform_id, owner, stored)
            except StoreDamaged as error:
                raise StoreUnusable(
                    f"{error.message} Set privacy.master_key, or privacy.earlier_keys for one that was replaced.",
                    code="master_key",
                ) from None
            break


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many keys were wrapped anew, and whose were damaged from outside and stay as they are."""

    count: int
    damaged: tuple[str, ...] = ()


def rewrap(
    engine: Engine,
    path: str,
    keys: MasterKeys,
    entropy: Callable[[int], bytes],
    progress: Callable[[int], None] | None = None,
) -> Rewrapped:
    """Wrap every data key with the current master key, some hundred at a time while others write. It can be broken off
    and begun again. Raises StoreDamaged for a key whose master key is missing, or another one."""
    done = 0
    damaged: list[str] = []
    lock = FileLock(path)
    try:
        for table, column in ((t.platform_keys, "key"), (t.cases, "data_key"), (t.inbox, "data_key")):
            last: tuple[Any, ...] | None = None
            while True:
                lock.acquire()
                try:
                    refuse_changed(lock, path)
                    with engine.connect() as connection:
                        connection.exec_driver_sql("PRAGMA secure_delete = ON")
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                        seen, last, changed = _some(connection, table, column, last, keys, entropy, damaged)
                        connection.commit()
                        connection.exec_driver_sql("PRAGMA secure_delete = FAST")
                finally:
                    lock.release()
                done += changed
                if progress is not None and changed:
                    progress(done)
                if seen < _AT_ONCE:
                    break
    finally:
        lock.close()
    truncate_log(engine, path)
    return Rewrapped(done, tuple(damaged))


def _some(
    connection: Connection,
    table: Table,
    column: str,
    after: tuple[Any, ...] | None,
    keys: MasterKeys,
    entropy: Callable[[int], bytes],
    damaged: list[str],
) -> tuple[int, tuple[Any, ...] | None, int]:
    """The next keys of a table: how many there were, the place of the last, and how many were wrapped anew."""
    places = list(table.primary_key.columns)
    held = table.c[column]
    statement = select(*places, held).where(func.length(held) > 0).order_by(*places).limit(_AT_ONCE)
    if after is not None:
        statement = statement.where(tuple_(*places) > after)
    found = connection.execute(statement).fetchall()
    changed = 0
    for row in found:
        place, stored = tuple(row[:-1]), row[-1]
        if isinstance(stored, bytes) and keys.wrapped_by(stored) == keys.current:
            continue
        owner = own_name(*place[1:]) if table is t.inbox else place[1]
        try:
            key = keys.unwrap(place[0], owner, stored)
        except StoreDamaged:
            if keys.is_wrapped(place[0], owner, stored):
                raise
            damaged.append(owner)  # nothing opens it any more: it must not keep the old master key for all the others
            continue
        here = and_(*(name == value for name, value in zip(places, place, strict=True)))
        connection.execute(update(table).where(here).values({column: keys.wrap(place[0], owner, key, entropy)}))
        changed += 1
    return len(found), tuple(found[-1][:-1]) if found else after, changed


def truncate_log(engine: Engine, path: str) -> bool:
    """Bring the log into the file and empty it. False if a reader is in the way: the next one does it."""

    def checkpoint() -> bool:
        with engine.connect() as connection:
            row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return row is not None and row[0] == 0

    return empty_log(path, checkpoint)
