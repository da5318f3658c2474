"""Values of the domain as rows, and back. A row is a tuple in the order of the table's columns."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import wraps
from operator import attrgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Integer, Table, bindparam, literal_column

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.case import Case, CaseState, in_queue
from kz_compliance_sdk.domain.change import (
    Attempt,
    Leased,
    OutboxMessage,
)
from kz_compliance_sdk.domain.flags import UNREADABLE
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Roster
from kz_compliance_sdk.domain.messages import alert_of, lane_of
from kz_compliance_sdk.domain.values import case_in, stream_of
from kz_compliance_sdk.errors import InvalidInput, StoreDamaged

Row = Sequence[Any]
T = TypeVar("T")


TOO_LARGE: Final = 2**53
"""What is counted from it would soon be no number of the database."""


def wrong_in(table: Table) -> Callable[[Row], str]:
    """SQLite takes any type anywhere, and one value of another holds up whatever reads it among others: the name of
    the first column that has one, empty if there is none."""
    kinds = [(column.name, _KINDS[column.type.python_type], column.nullable) for column in table.columns]

    def wrong(row: Row) -> str:
        for value, (name, kind, nullable) in zip(row, kinds, strict=False):
            if type(value) is not kind and not (value is None and nullable):
                return name
            if type(value) is int and not 0 <= value < TOO_LARGE:
                return name
        return ""

    return wrong


_KINDS: Mapping[type, type] = {str: str, bytes: bytes, int: int, bool: int}


def readable(table: Table, case_at: int) -> Callable[[Callable[[Row], T]], Callable[[Row], T]]:
    """Reading a row of `table` that is not as this library writes it raises StoreDamaged, naming its case."""
    find = wrong_in(table)

    def damaged(what: str, row: Row) -> StoreDamaged:
        said = f"a row of {table.name} is not as it was written ({what}): it was changed from outside."
        return StoreDamaged(said, reference=str(row[case_at]))

    def checked(read: Callable[[Row], T]) -> Callable[[Row], T]:
        @wraps(read)
        def reading(row: Row) -> T:
            if wrong := find(row):
                raise damaged(wrong, row)
            try:
                return read(row)
            except (ValueError, TypeError, LookupError) as error:
                raise damaged(type(error).__name__, row) from error

        return reading

    return checked


_UNTOLD: Mapping[str, Any] = {
    "kind": "unknown",
    "source": "",
    "authenticity": "",
    "channel": "",
    "escalates_from": 0,
    "message": ("", "", ""),
}


def case_row(stream: Stream) -> tuple[Any, ...]:
    """The row of a case."""
    case, lease = stream.case, stream.case.lease
    return (
        stream.number,
        stream.platform,
        stream.reference,
        case.notice,
        case.authority,
        case.quarantine,
        case.revision,
        case.state.value,
        case.category,
        case.received_at,
        case.due_at,
        in_queue(case)["urgent_at"],
        case.closed_at or None,
        case.token,
        stream.roster.name(lease.person) if lease is not None else "",
        lease.until if lease is not None else None,
        case.erased_at or None,
        " ".join((*case.flags, *([assigned(case.whose)] if case.whose else ()))),
    )


def assigned(whose: str) -> str:
    """What stands with the flags of a case that is assigned to the person of this digest."""
    return f"assigned.{whose}"


@readable(t.cases, 2)
def plan_of(row: Row) -> dict[str, Any] | None:
    """The plan by the line behind the row of a case; None where that is gone or cannot be read."""
    with suppress(StoreDamaged):
        return _planned_in(row[_CASES:])
    return None


@readable(t.watches, 2)
def _planned_in(row: Row) -> dict[str, Any]:
    return {"watch_at": row[3], "running_watch_at": row[4]}


_CASES: Final = len(t.cases.columns)
_NO_LINE: Final = (None,) * len(t.watches.columns)


def watch_row(number: int, case: Case) -> tuple[Any, ...]:
    return number, case.platform_id, case.id, case.watch_at, case.running_watch_at


def is_planned(row: Row, case: Case) -> bool:
    """Whether the line behind the row of a case plans what its chain lets it: nothing, once it has ended."""
    return tuple(row[_CASES:]) == (_NO_LINE if case.watch_at is None else watch_row(row[0], case))


@readable(t.cases, 2)
def _case_in(row: Row) -> Row:
    return row[:_CASES]


def lies_of(row: Row, stream: Stream) -> tuple[str, ...]:
    """The columns in which a row says something else than the chain. Raises StoreDamaged for one that says what cannot
    be."""
    said = zip(t.cases.columns, _case_in(row), case_row(stream), strict=True)
    return tuple(column.name for column, stored, told in said if stored != told or type(stored) is not type(told))


@readable(t.cases, 2)
def bare_case(row: Row) -> Case:
    """A case of which nothing but its row can be read, and marked so."""
    return Case(
        platform_id=row[1],
        id=row[2],
        notice_id=row[3],
        authority_id=row[4],
        quarantine_no=row[5],
        revision=row[6],
        state=CaseState(row[7]),
        category=row[8],
        received_at=row[9],
        due_at=row[10],
        urgent_at=row[11],
        closed_at=row[12],
        lease_token=row[13],
        lease_owner=row[14],
        lease_expires_at=row[15],
        erased_at=row[16],
        flags=(UNREADABLE,),
        chain=fold.Case(row[1], stream_of(row[2])),
        roster=Roster(),
        **_UNTOLD,
    )


def came_row(stream: Stream, key: str, body: str, seq: int) -> tuple[Any, ...]:
    """A row of inbox, of a message that the event `seq` of a case tells of."""
    return stream.number, key, body, stream.platform, stream.reference, "", seq, "", None


def message_row(stream: Stream, owed: fold.Message) -> tuple[Any, ...]:
    """The row of what leaves. It holds no bytes but those of an alert of a case."""
    case_id = case_in(stream.name)
    return (
        stream.number,
        owed.id,
        stream.platform,
        case_id,
        owed.kind,
        owed.endpoint,
        alert_of(case_id, owed) if case_id else b"",
        owed.at,
        owed.due_at or None,
        owed.state if owed.state in ("waiting", "parked") else "queued",
        *lane_of(case_id, owed),
    )


@readable(t.outbox, 3)
def message_from(row: Row) -> OutboxMessage:
    """A message as its row alone has it."""
    return OutboxMessage(
        id=row[1],
        platform_id=row[2],
        case_id=row[3],
        kind=row[4],
        endpoint=row[5],
        body=row[6],
        created_at=row[7],
        next_attempt_at=row[7],
        deadline_at=row[8],
        state=row[9],
        lane=row[10],
        lane_seq=row[11],
    )


def lease_row(number: int, message: OutboxMessage) -> tuple[Any, ...]:
    leaves = message.state in ("queued", "leased")
    return (
        number,
        message.id,
        message.platform_id,
        message.case_id,
        message.endpoint,
        message.urgent_at,
        message.next_attempt_at if leaves else None,
        message.attempts,
        message.refusals,
        message.refused_since,
        message.lease_token,
        message.lease_expires_at if message.state == "leased" else None,
    )


@readable(t.leases, 3)
def _line_from(row: Row) -> dict[str, Any]:
    leaves, expires_at = row[6] is not None, row[11]
    return {
        "endpoint": row[4],
        **({"next_attempt_at": row[6]} if leaves else {}),
        "attempts": row[7],
        "refusals": row[8],
        "refused_since": row[9],
        "lease_token": row[10],
        "lease_expires_at": expires_at,
        **({"state": "leased" if expires_at is not None else "queued"} if leaves else {}),
    }


def by_line(message: OutboxMessage, row: Row) -> OutboxMessage:
    """A message, as its line says that it is tried. Raises StoreDamaged for a line that cannot be read."""
    said = _line_from(row)
    if "state" not in said and message.state == "queued":
        said["state"] = "parked"
    return message.but(**said, **({} if row[5] == message.urgent_at else {"deadline_at": row[5]}))


def joined(row: Row) -> OutboxMessage:
    """A message by its row, and by its line behind that."""
    message = message_from(row[:_OUTBOX])
    return by_line(message, row[_OUTBOX:])


_OUTBOX: Final = len(t.outbox.columns)


def leased_from(row: Row) -> Leased | None:
    """When a message is tried next, by its row and by its line behind that; None where one cannot be read."""
    with suppress(StoreDamaged):
        return Leased(joined(row))
    return None


def by_lines(stream: Stream, lines: Iterable[Row], messages: Mapping[str, OutboxMessage]) -> dict[str, OutboxMessage]:
    """Messages of a stream that have a line that can be read, by their ids; one of which it does not tell among them.
    A line that says that it is of another case is none of its own."""
    held: dict[str, OutboxMessage] = {}
    own = stream.platform, case_in(stream.name)
    for row in lines:
        if tuple(row[2:4]) != own:
            continue
        known = messages.get(row[1])
        with suppress(StoreDamaged):
            held[row[1]] = of_none(row) if known is None else by_line(known, row)
    return held


def of_none(row: Row) -> OutboxMessage:
    """The message of a line that nothing owes."""
    return OutboxMessage(row[1], row[2], row[3], "page", "", b"", 0, 0)


attempt_row: Final[Callable[[Attempt], tuple[Any, ...]]] = attrgetter(*(one.name for one in fields(Attempt)))


@readable(t.attempts, 1)
def attempt_from(row: Row) -> Attempt:
    """A try, by its row without what was said of it."""
    return Attempt(*row)


# --------------------------------------------------------------------------------------------------------- page by page
# How a list is read page by page: the place where the next page begins, as a text that means nothing to others.
# A row that cannot be opened holds up none of those behind it.


_MOST = 500

ONLY_ONE: Final[Any] = literal_column("1")
AT_MOST: Final[Any] = bindparam("n", type_=Integer) + literal_column("0")
"""The limits of statements that run often: one row, or `n` rows. SQLite plans a statement whose limit is a bare
parameter anew at each run, since the plan may depend on the number; into a sum it does not look. That planning took
ten times as long as the reading.
"""


def check_limit(limit: int) -> None:
    """Raises InvalidInput for a page that cannot be."""
    if not 1 <= limit <= _MOST:
        raise InvalidInput(f"{limit} is no page size.", field="limit", remedy=f"Use 1 to {_MOST}.")


def write_cursor(at: int, row: int | str) -> str:
    """The place after the row of this time and this number or id."""
    return base64.urlsafe_b64encode(json.dumps([at, row]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, kind: type[T]) -> tuple[int, T]:
    """The time and the number or id of the last row of the page before. Raises InvalidInput."""
    try:
        at, row = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        in_range = all(abs(one) < 2**63 for one in (at, row) if isinstance(one, int))
        if not in_range or type(at) is not int or type(row) is not kind or not str(row).isprintable():
            raise ValueError(cursor)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidInput(
            "the cursor is not one of ours.", field="cursor", remedy="Use next_cursor of the page before, unchanged."
        ) from None
    return at, row


def first_that_open(
    fetch: Callable[[int], Sequence[Any]], opened: Callable[[Any], T], limit: int, unreadable: list[str]
) -> tuple[list[T], bool]:
    """The first `limit` rows that can be read, and whether there were no more. The cases of the others are added to
    `unreadable`, each once."""
    size = limit
    while True:
        rows = fetch(size)
        found: list[T] = []
        for row in rows:
            try:
                found.append(opened(row))
            except StoreDamaged as error:
                if error.reference and error.reference not in unreadable:
                    unreadable.append(error.reference)
        were_all = len(rows) < size
        if were_all or len(found) >= limit:
            return found[:limit], were_all
        size = 2 * size
