"""Reads of the verification: what is there of cases that are not, and what belongs to none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, Connection, Table, bindparam, exists, literal, select, union

from kz_compliance_sdk.adapters.sql import rows
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DERIVED
from kz_compliance_sdk.adapters.sql.inbox import inbox
from kz_compliance_sdk.adapters.sql.ledger import Ledger, events, keys, lost_cases, parts, streams
from kz_compliance_sdk.adapters.sql.of_case import CASE_TABLES, of_case
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.domain.change import SanctionNoted
from kz_compliance_sdk.domain.ledger import Damage, NewerRelease
from kz_compliance_sdk.domain.proofs import Loose
from kz_compliance_sdk.domain.sanctions import SANCTIONS, sanction_in


def orphans(connection: Connection, platform_id: str) -> list[tuple[str, str]]:
    """The tables in which something of a case is still there, or was put, while the case is not; and its id."""
    return [(row[0], row[1]) for row in connection.execute(_orphans(), {"platform": platform_id})]


@cache
def _orphans() -> CompoundSelect[Any]:
    loose: tuple[Table, ...] = (inbox, t.outbox, t.attempts)
    platform: BindParameter[str] = bindparam("platform")
    left = union(
        *(
            select(table.c.case_id, literal(table.name).label("place")).where(
                table.c.platform_id == platform, *((table.c.case_id != "",) if table in loose else ())
            )
            for table in (*dict(CASE_TABLES).values(), *DERIVED)
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


def sanctions(connection: Connection, platform_id: str, ledger: Ledger) -> Iterator[SanctionNoted]:
    """The sanctions as their streams tell them. One that cannot be read is named by itself, by the verification."""
    name = streams.c.name
    named = select(name).where(streams.c.platform == platform_id, name > SANCTIONS, name < f"{SANCTIONS}~")
    for stream in ledger.streams(platform_id, connection.execute(named).scalars()).values():
        with suppress(Damage, NewerRelease):
            yield sanction_in(stream, ledger.words)


def sanction_lies(connection: Connection, platform_id: str, ledger: Ledger) -> list[str]:
    """Where the rows of sanctions are not those of their streams."""
    true: dict[Any, Any] = {
        told.sanction_id: rows.sanction_row(told) for told in sanctions(connection, platform_id, ledger)
    }
    stored = {
        row[1]: tuple(row)
        for row in connection.execute(select(t.sanctions).where(t.sanctions.c.platform_id == platform_id))
    }
    return [
        f"the row of the sanction {one} {'is gone' if one not in stored else 'is not what its stream tells'}"
        for one in {**true, **stored}
        if true.get(one) != stored.get(one)
    ]


def loose(connection: Connection, platform_id: str, private: PrivateRows) -> Loose:
    """What belongs to no case."""

    def of(table: Table) -> Sequence[Any]:
        return of_case(connection.dialect.name).rows(connection, table.name, platform_id, "")

    made = {one.id: one.attempts for one in map(private.message_from, of(t.outbox))}
    return Loose(
        [
            f"the attempt {tried.number} of the message {tried.message_id} was never made"
            for tried in map(private.attempt_from, of(t.attempts))
            if not 0 < tried.number <= made.get(tried.message_id, 0)
        ]
    )
