"""Values of the domain as rows, and back. A row is a tuple in the order of the table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, fields
from functools import wraps
from typing import Any, Final, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import Table

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState
from kz_compliance_sdk.domain.change import EndpointState, Heartbeat, RefusalsCounted
from kz_compliance_sdk.domain.contest import FiledContest, Suspension
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.errors import StoreDamaged


def remedies_doc(case: Case) -> list[dict[str, Any]]:
    """What the document ends with: nothing for nearly every case, so that it is no longer for it."""
    if not (case.contests or case.suspensions or case.clock_shift_s or case.unsure_steps):
        return []
    return [
        {
            "contests": [astuple(one) for one in case.contests],
            "suspensions": [astuple(one) for one in case.suspensions],
            "running_watch_at": case.running_watch_at,
            "clock_shift_s": case.clock_shift_s,
            "unsure_steps": case.unsure_steps,
        }
    ]


def remedies_from(end: list[Any]) -> dict[str, Any]:
    """The fields of a case that its document ends with."""
    if not end:
        return {}
    return {
        "contests": tuple(FiledContest(*one) for one in end[0]["contests"]),
        "suspensions": tuple(Suspension(*one) for one in end[0]["suspensions"]),
        "running_watch_at": end[0]["running_watch_at"],
        "clock_shift_s": end[0].get("clock_shift_s", 0),
        "unsure_steps": tuple(end[0].get("unsure_steps", ())),
    }


_OBJECT_FIELDS = ("object_key", "url", "object_id", "account_ref")
_ALL_FIELDS = tuple(field.name for field in fields(ItemState))
_ITEM_FIELDS = tuple(name for name in _ALL_FIELDS if name not in _OBJECT_FIELDS)


def item_doc(item: ItemState) -> list[Any]:
    """What is stored of an item in the clear."""
    if not item.decision_version and item.status == "open" and item.order_stands:
        return [item.item_id, item.number]
    return [getattr(item, name) for name in _ITEM_FIELDS]


def objects_doc(case: Case) -> bytes:
    """Which objects of the platform the items are about, item by item; empty while none is known."""
    named = [_object(item) for item in case.items]
    return to_json(named) if any(named) else b""


def _object(item: ItemState) -> tuple[str, ...] | None:
    if not (item.object_key or item.url or item.object_id or item.account_ref):
        return None
    return item.object_key, item.url, item.object_id, item.account_ref


def items_from(docs: list[list[Any]], objects: bytes) -> tuple[ItemState, ...]:
    """The items, from both. Raises ValueError if they do not fit together."""
    named = from_json(objects) if objects else [None] * len(docs)
    return tuple(_item(doc, known) for doc, known in zip(docs, named, strict=True))


def _item(doc: list[Any], known: list[str] | None) -> ItemState:
    if len(doc) == 2:
        said: dict[str, Any] = {"item_id": doc[0], "number": doc[1]}
    else:
        names = _ALL_FIELDS if len(doc) == len(_ALL_FIELDS) else _ITEM_FIELDS  # all: stored before objects were apart
        said = dict(zip(names, doc, strict=True))
        said["scope"] = tuple(said["scope"])
    if known:
        said.update(zip(_OBJECT_FIELDS, known, strict=True))
    return ItemState.of(**said)


Row = Sequence[Any]
T = TypeVar("T")


TOO_LARGE: Final = 2**53
"""What is counted from it would soon be no number of the database."""


def _wrong_in(table: Table) -> Callable[[Row], str]:
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
    wrong_in = _wrong_in(table)

    def damaged(what: str, row: Row) -> StoreDamaged:
        said = f"a row of {table.name} is not as it was written ({what}): it was changed from outside."
        return StoreDamaged(said, reference=str(row[case_at]))

    def checked(read: Callable[[Row], T]) -> Callable[[Row], T]:
        @wraps(read)
        def reading(row: Row) -> T:
            if wrong := wrong_in(row):
                raise damaged(wrong, row)
            try:
                return read(row)
            except (ValueError, TypeError, LookupError) as error:
                raise damaged(type(error).__name__, row) from error

        return reading

    return checked


DATA_KEY, PRIVATE = 17, 18
"""Where the key and the encrypted part of a case stand in its row."""

_STATES = {str(state): state for state in CaseState}


def case_row(case: Case) -> tuple[Any, ...]:
    doc = to_json(
        [
            case.kind,
            case.source,
            case.authenticity,
            case.channel,
            case.escalates_from,
            case.message,
            case.reference_number,
            case.languages,
            case.requested_due_at,
            case.decision_version,
            case.sequence,
            case.level,
            case.decided_at,
            case.lift_due_at,
            case.entered_by,
            case.was_claimed,
            case.interim_items,
            case.flags,
            [item_doc(item) for item in case.items],
            case.erased_at,
            case.held_until,
            case.erasure_asked,
            case.undo_until,
            case.pages,
            case.questions,
            case.appeals,
            case.named,
            *remedies_doc(case),
        ]
    ).decode()
    return (
        case.platform_id,
        case.id,
        case.notice_id,
        case.authority_id,
        case.quarantine_no,
        case.revision,
        case.state.value,
        case.category,
        case.received_at,
        case.due_at,
        case.urgent_at,
        case.watch_at,
        case.closed_at,
        case.lease_token,
        case.lease_owner,
        case.lease_expires_at,
        doc,
        None,
        objects_doc(case),
    )


@readable(t.cases, 1)
def case_from(row: Row) -> Case:
    doc = from_json(row[16])
    return Case.of(
        platform_id=row[0],
        id=row[1],
        notice_id=row[2],
        authority_id=row[3],
        quarantine_no=row[4],
        revision=row[5],
        state=_STATES[row[6]],
        category=row[7],
        received_at=row[8],
        due_at=row[9],
        urgent_at=row[10],
        watch_at=row[11],
        closed_at=row[12],
        lease_token=row[13],
        lease_owner=row[14],
        lease_expires_at=row[15],
        kind=doc[0],
        source=doc[1],
        authenticity=doc[2],
        channel=doc[3],
        escalates_from=doc[4],
        message=tuple(doc[5]),
        reference_number=doc[6],
        languages=tuple(doc[7]),
        requested_due_at=doc[8],
        decision_version=doc[9],
        sequence=doc[10],
        level=doc[11],
        decided_at=doc[12],
        lift_due_at=doc[13],
        entered_by=doc[14],
        was_claimed=doc[15],
        interim_items=doc[16],
        flags=tuple(doc[17]),
        items=items_from(doc[18], row[PRIVATE]),
        erased_at=doc[19],
        held_until=doc[20],
        erasure_asked=tuple(doc[21]),
        undo_until=doc[22],
        pages=doc[23],
        questions=doc[24],
        appeals=doc[25],
        named=doc[26],
        **remedies_from(doc[27:]),
    )


def came_row(platform_id: str, case_id: str, key: str, body: str, seq: int) -> tuple[Any, ...]:
    """A row of inbox, of a message that the event `seq` of a case tells of."""
    return platform_id, key, body, case_id, "", seq, "", None


def message_row(message: OutboxMessage) -> tuple[Any, ...]:
    return (
        message.platform_id,
        message.case_id,
        message.id,
        message.kind,
        message.endpoint,
        message.body,
        message.created_at,
        message.next_attempt_at,
        message.deadline_at,
        message.state,
        message.attempts,
        message.refusals,
        message.refused_since,
        message.maybe_arrived,
        message.lane,
        message.lane_seq,
        message.item_id,
        message.lease_token,
        message.lease_expires_at,
        message.settled_at,
        message.receipt,
        message.receipt_proof,
    )


@readable(t.outbox, 1)
def message_from(row: Row) -> OutboxMessage:
    return OutboxMessage.of(
        id=row[2],
        platform_id=row[0],
        case_id=row[1],
        kind=row[3],
        endpoint=row[4],
        body=row[5],
        created_at=row[6],
        next_attempt_at=row[7],
        deadline_at=row[8],
        state=row[9],
        attempts=row[10],
        refusals=row[11],
        refused_since=row[12],
        maybe_arrived=bool(row[13]),
        lane=row[14],
        lane_seq=row[15],
        item_id=row[16],
        lease_token=row[17],
        lease_expires_at=row[18],
        settled_at=row[19],
        receipt=row[20],
        receipt_proof=row[21],
    )


def attempt_row(attempt: Attempt) -> tuple[Any, ...]:
    return (
        attempt.platform_id,
        attempt.case_id,
        attempt.message_id,
        attempt.number,
        attempt.started_at,
        attempt.ended_at,
        attempt.result,
        attempt.detail,
    )


def attempt_from(row: Row) -> Attempt:
    return Attempt(*row)


@readable(t.endpoints, 1)
def endpoint_from(row: Row) -> EndpointState:
    return EndpointState(*row)


def heartbeat_from(row: Row) -> Heartbeat:
    return Heartbeat(*row)


def refusals_from(row: Row) -> RefusalsCounted:
    return RefusalsCounted(*row)
