"""Master keys and ledger keys: whether those at hand open the store, and one master key in another's place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    func,
    join,
    null,
    select,
    tuple_,
    update,
)

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.dialects import SQLITE
from kz_compliance_sdk.adapters.sql.files import empty_log
from kz_compliance_sdk.adapters.sql.keys import MasterKeys, bare, is_bare
from kz_compliance_sdk.adapters.sql.ledger import KEYS, events, log, streams
from kz_compliance_sdk.adapters.sql.ledger import keys as stream_keys
from kz_compliance_sdk.adapters.sql.mark import platforms
from kz_compliance_sdk.domain.change import Change, Happened
from kz_compliance_sdk.domain.events.office import LedgerKeyRetired
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.errors import StoreDamaged, StoreUnusable
from kz_compliance_sdk.ports import Tx, Work

_AT_ONCE = 500
_MOST_ASKED = 100
_OWNER = streams.c.name + "/" + stream_keys.c["class"]
"""What `key_owner` makes of the two."""


def _newest_first(platform: Any, owner: Any, wrapped: Any, place: Any) -> Select[Any]:
    # A text in a key's place would not even be read: its bytes are.
    return (
        select(platform, owner, cast(wrapped, LargeBinary)).order_by(platform.desc(), place.desc()).limit(_MOST_ASKED)
    )


_WRAPPED = (
    _newest_first(t.platform_keys.c.platform_id, t.platform_keys.c.name, t.platform_keys.c.key, t.platform_keys.c.name),
    _newest_first(streams.c.platform, _OWNER, stream_keys.c.wrapped, stream_keys.c.stream).select_from(
        join(stream_keys, streams, streams.c.n == stream_keys.c.stream)
    ),
)
_LAST_LINE = select(func.max(log.c.n)).where(log.c.platform == bindparam("platform"))
_LEDGER_KEY_IDS = tuple(
    select(cast(events.c.key_id, LargeBinary))
    .select_from(join(log, events, and_(events.c.stream == log.c.stream, events.c.seq == log.c.seq)))
    .where(log.c.platform == bindparam("platform"))
    .order_by(order)
    .limit(1)
    for order in (log.c.n, log.c.n.desc())
)


def check_master_keys(connection: Connection, keys: MasterKeys) -> None:
    """Open the newest wrapped key of a stream, and one of a platform. Raises StoreUnusable (`master_key`) if the master
    keys do not, or if the store was made with another one and holds nothing yet. A key that was damaged, destroyed or
    never wrapped says nothing of them: an older one is asked."""
    for statement in _WRAPPED:
        for platform_id, owner, stored in connection.execute(statement).fetchall():
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
    mark = connection.exec_driver_sql(
        "PRAGMA user_version" if connection.dialect.name == SQLITE else "SELECT master_key FROM store_marks"
    ).scalar()
    if mark and mark not in keys.marks.values():
        raise StoreUnusable(
            "it was made with a master key that is not configured. Set privacy.master_key, or privacy.earlier_keys for "
            "one that was replaced.",
            code="master_key",
        )


def put_mark(connection: Connection, keys: MasterKeys) -> None:
    """Note which master key wraps what is in the store from now on."""
    noted = "PRAGMA user_version" if connection.dialect.name == SQLITE else "UPDATE store_marks SET master_key"
    connection.exec_driver_sql(f"{noted} = {keys.mark}")


def check_ledger_keys(connection: Connection, ledger_keys: LedgerKeys) -> None:
    """Hold the first and the last event of each platform against the ledger keys. Raises StoreUnusable (`ledger_key`)
    for an event whose key is not at hand. What an event is besides, whoever reads it finds out."""
    at_hand = ledger_keys.by_id()
    for platform in platforms(connection):
        for key_id in _first_and_last(connection, platform):
            if key_id and key_id not in at_hand:
                raise StoreUnusable(
                    f"its ledger is proved by the ledger key {key_id.hex()}, and no key of that id is configured. "
                    "Set privacy.ledger_key, or privacy.earlier_ledger_keys for one that was replaced.",
                    code="ledger_key",
                )


def _first_and_last(connection: Connection, platform: str) -> list[bytes]:
    """The ids of the ledger keys under which the first and the last event of a platform stand."""
    given = {"platform": platform}
    return [row[0] for statement in _LEDGER_KEY_IDS for row in connection.execute(statement, given)]


def is_unproved(connection: Connection, platform_id: str, ledger_keys: LedgerKeys) -> bool:
    """Whether a store has its first ledger key, and nobody said that the time without one is over."""
    said = select(streams.c.n).where(streams.c.platform == platform_id, streams.c.name == KEYS)
    before = b"" in _first_and_last(connection, platform_id)[:1]
    return before and ledger_keys.current is not None and connection.scalar(said) is None


def retire_ledger_keys(
    connection: Connection, platform_id: str, ledger_keys: LedgerKeys, submit: Callable[[str, Work[Any]], Future[Any]]
) -> list[str]:
    """Say in the ledger that every key but the newest is retired; to be called once every process has that one. Gives
    the ids of those that were not retired yet, in hex: the empty one for the time before there was a key."""
    earlier = [key.id.hex() for key in ledger_keys.keys[1:]]
    if ledger_keys.keys and b"" in _first_and_last(connection, platform_id)[:1]:
        earlier.append("")
    last = connection.scalar(_LAST_LINE, {"platform": platform_id}) or 0

    def work(tx: Tx) -> tuple[Change, list[str]]:
        stream = tx.streams((KEYS,))[KEYS].whole()
        said = {on.event.key for on in stream.events if isinstance(on.event, LedgerKeyRetired)}
        left = [key for key in earlier if key not in said]
        told = [LedgerKeyRetired(key=key, last=last) for key in left]
        return tuple(Happened(platform_id, KEYS, event, tx.now, stream.seq) for event in told), left

    return list(submit(platform_id, work).result())


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many keys were wrapped anew, and whose were damaged from outside and stay as they are."""

    count: int
    damaged: tuple[str, ...] = ()


def rewrap(
    writing: Callable[[], AbstractContextManager[Connection]],
    keys: MasterKeys,
    entropy: Callable[[int], bytes],
    progress: Callable[[int], None] | None = None,
) -> Rewrapped:
    """Wrap every data key with the current master key, some hundred at a time while others write. It can be broken off
    and begun again. Raises StoreDamaged for a key whose master key is missing, or another one."""
    done = 0
    damaged: list[str] = []
    for table, column in ((t.platform_keys, "key"), (stream_keys, "wrapped")):
        last: tuple[Any, ...] | None = None
        while True:
            with writing() as connection:
                put_mark(connection, keys)
                seen, last, changed = _some(connection, table, column, last, keys, entropy, damaged)
            done += changed
            if progress is not None and changed:
                progress(done)
            if seen < _AT_ONCE:
                break
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
    of_stream = table is stream_keys
    told = (streams.c.platform, _OWNER) if of_stream else (table.c.platform_id, null())
    statement = select(*places, *told, held).where(func.length(held) > 0).order_by(*places).limit(_AT_ONCE)
    if of_stream:
        statement = statement.join_from(stream_keys, streams, streams.c.n == stream_keys.c.stream)
    if after is not None:
        statement = statement.where(tuple_(*places) > after)
    found = connection.execute(statement).fetchall()
    changed = 0
    for row in found:
        *at, platform, owner, stored = row
        place = tuple(at)
        if isinstance(stored, bytes) and keys.wrapped_by(stored) == keys.current:
            continue
        owner = owner or place[1]
        try:
            # Of a store that had no master key until now.
            is_new = isinstance(stored, bytes) and is_bare(stored)
            key = bare(stored) if is_new else keys.unwrap(platform, owner, stored)
        except StoreDamaged:
            if keys.is_wrapped(platform, owner, stored):
                raise
            damaged.append(owner)  # nothing opens it any more: it must not keep the old master key for all the others
            continue
        here = and_(*(name == value for name, value in zip(places, place, strict=True)))
        named = {"master_key_id": keys.current} if of_stream else {}
        anew = keys.wrap(platform, owner, key, entropy)
        connection.execute(update(table).where(here).values({column: anew, **named}))
        changed += 1
    return len(found), tuple(found[-1][:-3]) if found else after, changed


def truncate_log(engine: Engine, path: str) -> bool:
    """Bring the log into the file and empty it. False if a reader is in the way: the next one does it."""

    def checkpoint() -> bool:
        with engine.connect() as connection:
            row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return row is not None and row[0] == 0

    return empty_log(path, checkpoint)
