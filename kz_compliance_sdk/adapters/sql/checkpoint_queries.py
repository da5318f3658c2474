"""Reads of the checkpoints: what has to be looked at, the leaves, the roots, and the rows of no case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Table,
    bindparam,
    exists,
    literal,
    select,
    text,
    tuple_,
    union,
)

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql import tables_checkpoints as c
from kz_compliance_sdk.adapters.sql.derived import DERIVED
from kz_compliance_sdk.adapters.sql.keys import DESTROYED, MasterKeys
from kz_compliance_sdk.adapters.sql.ledger import lost_cases
from kz_compliance_sdk.adapters.sql.of_case import CASE_TABLES, as_it_lies, of_case
from kz_compliance_sdk.adapters.sql.private import PrivateRows, own_name
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.checkpoints import Checkpoint, Leaf
from kz_compliance_sdk.domain.evidence_rows import Row
from kz_compliance_sdk.domain.proofs import Loose
from kz_compliance_sdk.errors import StoreDamaged

_AT_ONCE = 5_000


def due(connection: Connection, platform_id: str) -> list[tuple[str, int]]:
    """The cases that changed since their last leaf, and how often they were marked; and the running ones without."""
    marked = select(c.checkpoint_due.c.case_id, c.checkpoint_due.c.marks)
    found = {
        row[0]: int(row[1])
        for row in connection.execute(marked.where(c.checkpoint_due.c.platform_id == platform_id)).fetchall()
    }
    for where in (text("state = 'queued'"), text("closed_at IS NULL AND state <> 'queued'")):
        without = select(t.cases.c.id).where(
            t.cases.c.platform_id == platform_id,
            where,
            ~exists().where(
                c.checkpoint_leaves.c.platform_id == platform_id, c.checkpoint_leaves.c.case_id == t.cases.c.id
            ),
        )
        for row in connection.execute(without).fetchall():
            found.setdefault(row[0], 0)
    return sorted(found.items())


def checkpoint_from(row: Any) -> Checkpoint:
    # A database without a type for truth holds numbers: any but these two was put there by somebody else.
    complete = bool(row[5]) if row[5] in (0, 1) else row[5]
    return Checkpoint(row[0], row[1], row[2], row[3], row[4], complete, row[6], row[7], row[8])


def checkpoints(connection: Connection, platform_id: str) -> list[tuple[Checkpoint, int | None]]:
    """All of them by number, and since when (UTC seconds) those who keep checkpoints have each."""
    mine = as_it_lies(c.checkpoints).where(c.checkpoints.c.platform_id == platform_id)
    return [(checkpoint_from(row), row[9]) for row in connection.execute(mine.order_by(c.checkpoints.c.number))]


def last_checkpoint(connection: Connection, platform_id: str) -> tuple[Checkpoint, int | None] | None:
    mine = as_it_lies(c.checkpoints).where(c.checkpoints.c.platform_id == platform_id)
    row = connection.execute(mine.order_by(c.checkpoints.c.number.desc()).limit(1)).fetchone()
    return None if row is None else (checkpoint_from(row), row[9])


def leaves(connection: Connection, platform_id: str, after: int) -> list[Leaf]:
    """Some leaves that follow the index `after`, without their manifests."""
    l = c.checkpoint_leaves.c  # noqa: E741
    statement = select(l.n, l.case_id, l.hash, l.content).where(l.platform_id == platform_id, l.n > after)
    found = connection.execute(statement.order_by(l.n).limit(_AT_ONCE)).fetchall()
    return [Leaf(platform_id, row[0], row[1], row[2], row[3], b"") for row in found]


def leaf_hashes(connection: Connection, platform_id: str, size: int) -> list[str]:
    """The hashes of the first `size` leaves, in order."""
    l = c.checkpoint_leaves.c  # noqa: E741
    statement = select(l.hash).where(l.platform_id == platform_id, l.n < size).order_by(l.n)
    return [row[0] for row in connection.execute(statement)]


def leaves_of(connection: Connection, platform_id: str, case_id: str) -> list[Leaf]:
    """The leaves of one case in order, with their manifests."""
    found = of_case(connection.dialect.name).rows(connection, "checkpoint_leaves", platform_id, case_id)
    return [Leaf(*row) for row in found]


def orphans(connection: Connection, platform_id: str) -> list[tuple[str, str]]:
    """The tables in which something of a case is still there, or was put, while the case is not; and its id."""
    return [(row[0], row[1]) for row in connection.execute(_orphans(), {"platform": platform_id})]


@cache
def _orphans() -> CompoundSelect[Any]:
    loose: tuple[Table, ...] = (t.inbox, t.outbox, t.attempts)
    platform: BindParameter[str] = bindparam("platform")
    left = union(
        *(
            select(table.c.case_id, literal(table.name).label("place")).where(
                table.c.platform_id == platform, *((table.c.case_id != "",) if table in loose else ())
            )
            for table in (t.audit, t.inbox, *dict(CASE_TABLES).values(), *DERIVED)
        )
    ).subquery()
    gone = ~exists().where(t.cases.c.platform_id == platform, t.cases.c.id == left.c.case_id)
    lying = select(left.c.case_id, left.c.place).where(gone)
    chains = lost_cases(platform).add_columns(literal("streams").label("place"))
    return union(lying, chains).order_by("case_id", "place")


def as_rows(table: Table, found: Iterable[Any]) -> tuple[Row, ...]:
    names = table.columns.keys()
    return tuple(dict(zip(names, row, strict=True)) for row in found)


def printed(
    keys: MasterKeys, table: Table, found: Iterable[Any], unreadable: list[str] | None = None
) -> tuple[Row, ...]:
    """Rows of cases or inbox, with the prints of their data keys. Raises StoreDamaged for a key that does not open,
    unless a list of what is `unreadable` is given."""
    return tuple({**row, "data_key": _print(keys, row, unreadable)} for row in as_rows(table, found))


def _print(keys: MasterKeys, row: Row, unreadable: list[str] | None) -> bytes | str | None:
    stored = row["data_key"]
    if stored is None or stored == DESTROYED:
        return stored  # type: ignore[no-any-return]  # one of the two
    own = own_name(row["sender"], row["message_id"], row["body_sha256"]) if "message_id" in row else row["id"]
    try:
        return keys.print_of(row["platform_id"], own, stored)
    except StoreDamaged as error:
        if unreadable is None:
            raise
        unreadable.append(f"the message {row['message_id']}: {error.message}")
        return "it does not open"


def erased_of(connection: Connection, platform_id: str, inbox: Iterable[Any], case_id: str = "") -> frozenset[str]:
    """Which of the cases, other than this one, that messages without a body went on to were erased."""
    elsewhere = {row[9] for row in inbox if row[9] not in ("", case_id) and not row[6]}
    if not elsewhere:
        return frozenset()
    a = t.audit.c
    erased = select(a.case_id).where(a.platform_id == platform_id, a.case_id.in_(elsewhere), a.kind == "erase")
    return frozenset(connection.execute(erased).scalars())


def loose(
    connection: Connection,
    platform_id: str,
    known: Sequence[tuple[str, str, str]],
    keys: MasterKeys,
    private: PrivateRows,
) -> Loose:
    """What belongs to no case; and the messages of these keys, which belonged to none earlier."""

    def of(table: Table) -> Sequence[Any]:
        return of_case(connection.dialect.name).rows(connection, table.name, platform_id, "")

    inbox = {tuple(row[1:4]): row for row in of(t.inbox)}
    i = t.inbox.c
    for key in known:
        if key not in inbox:
            by_key = tuple_(i.platform_id, i.sender, i.message_id, i.body_sha256) == (platform_id, *key)
            inbox |= {tuple(row[1:4]): row for row in connection.execute(select(t.inbox).where(by_key)).fetchall()}
    sanctions = select(t.sanctions).where(t.sanctions.c.platform_id == platform_id)
    messages: list[InboxRow] = []
    unreadable: list[str] = []
    rows = {
        "inbox": printed(keys, t.inbox, inbox.values(), unreadable),
        "outbox": as_rows(t.outbox, of(t.outbox)),
        "attempts": as_rows(t.attempts, of(t.attempts)),
        "sanctions": as_rows(t.sanctions, connection.execute(sanctions).fetchall()),
    }
    for row in inbox.values():
        try:
            messages.append(private.inbox_from(row))
        except StoreDamaged as error:
            unreadable.append(f"the message {row[2]}: {error.message}")
    return Loose(rows, messages, list(dict.fromkeys(unreadable)), erased_of(connection, platform_id, inbox.values()))


def in_short_steps(read: Any) -> Iterator[Leaf]:
    """All leaves, read in short steps so that no reader holds the file back."""
    after = -(2**63)
    while found := read(after):
        yield from found
        after = found[-1].index
