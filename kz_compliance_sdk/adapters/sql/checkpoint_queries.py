"""Reads of the verification: what is there of cases that are not, and what belongs to none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, Connection, Table, bindparam, exists, literal, select, union

from kz_compliance_sdk.adapters.sql import rows
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DERIVED
from kz_compliance_sdk.adapters.sql.ledger import Ledger, events, keys, lost_cases, parts, streams
from kz_compliance_sdk.adapters.sql.of_case import CASE_TABLES, of_case
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.ledger import Damage, NewerRelease
from kz_compliance_sdk.domain.proofs import Loose
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.domain.sanctions import SANCTIONS, sanction_in
from kz_compliance_sdk.errors import StoreDamaged


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
            for table in (t.inbox, *dict(CASE_TABLES).values(), *DERIVED)
        )
    ).subquery()
    gone = ~exists().where(t.cases.c.platform_id == platform, t.cases.c.id == left.c.case_id)
    lying = select(left.c.case_id, left.c.place).where(gone)
    chains = lost_cases(platform).add_columns(literal("streams").label("place"))
    return union(lying, chains).order_by("case_id", "place")


def strays(connection: Connection) -> list[str]:
    """What the ledger's tables hold of streams that are not there, each in words."""
    return [
        f"something is in {table.name} of the stream {number}, which is not there"
        for table in (events, parts, keys)
        for (number,) in connection.execute(
            select(table.c.stream).distinct().where(~exists().where(streams.c.n == table.c.stream))
        )
    ]


def sanction_lies(connection: Connection, platform_id: str, ledger: Ledger) -> list[str]:
    """Where the rows of sanctions are not those of their streams. One that cannot be read is named by itself."""
    name = streams.c.name
    named = select(name).where(streams.c.platform == platform_id, name > SANCTIONS, name < f"{SANCTIONS}~")
    true: dict[Any, Any] = {}
    for stream in ledger.streams(platform_id, connection.execute(named).scalars()).values():
        with suppress(Damage, NewerRelease):
            told = sanction_in(stream, ledger.words)
            true[told.sanction_id] = rows.sanction_row(told)
    stored = {
        row[1]: tuple(row)
        for row in connection.execute(select(t.sanctions).where(t.sanctions.c.platform_id == platform_id))
    }
    return [
        f"the row of the sanction {one} {'is gone' if one not in stored else 'is not what its stream tells'}"
        for one in {**true, **stored}
        if true.get(one) != stored.get(one)
    ]


def erased_of(connection: Connection, platform_id: str, inbox: Iterable[Any], case_id: str = "") -> frozenset[str]:
    """Which of the cases, other than this one, that messages without a body went on to were erased."""
    elsewhere = {row[9] for row in inbox if row[9] not in ("", case_id) and not row[6]}
    if not elsewhere:
        return frozenset()
    mine = streams.c.platform == platform_id, streams.c.name.in_(map(stream_of, elsewhere))
    erased = select(streams.c.name).join(events, events.c.stream == streams.c.n).where(*mine, events.c.kind == "erased")
    return frozenset(name.removeprefix("case/") for name in connection.execute(erased).scalars())


def wrong_keys(inbox: Iterable[Any]) -> list[str]:
    """Messages whose data key went before their words, or did not go with them."""
    found = []
    for row in inbox:
        key, emptied = row[15], not row[6] and not row[7]
        if emptied and key != b"":
            found.append(f"the data key of the message {row[2]} should have been erased, and is there")
        elif not emptied and key is not None and not (type(key) is bytes and key):
            found.append(f"the data key of the message {row[2]} is gone")
    return found


def loose(connection: Connection, platform_id: str, private: PrivateRows) -> Loose:
    """What belongs to no case."""

    def of(table: Table) -> Sequence[Any]:
        return of_case(connection.dialect.name).rows(connection, table.name, platform_id, "")

    messages: list[InboxRow] = []
    faults = wrong_keys(of(t.inbox))
    for row in of(t.inbox):
        try:
            messages.append(private.inbox_from(row))
        except StoreDamaged as error:
            faults.append(f"the message {row[2]}: {error.message}")
    made = {one.id: one.attempts for one in map(private.message_from, of(t.outbox))}
    faults += [
        f"the attempt {tried.number} of the message {tried.message_id} was never made"
        for tried in map(private.attempt_from, of(t.attempts))
        if not 0 < tried.number <= made.get(tried.message_id, 0)
    ]
    return Loose(messages, faults)
