"""What left and what it brought, against the audit trail: reports, receipts, attempts, and what holds an object."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage

__all__ = ["of_attempts", "of_holds", "of_messages", "sha256"]

Told = Sequence[tuple[AuditEvent, Mapping[str, Any]]]


def of_messages(case_id: str, messages: Sequence[OutboxMessage], events: Told, erased: int) -> Iterator[Fault]:
    """The reports and receipts that events speak of, against those that are held."""
    held = {message.id: message for message in messages}
    reported = set()
    for event, data in events:
        if event.kind not in ("report", "receipt"):
            continue
        message = held.get(str(data.get("message")))
        if message is None:
            yield Fault(case_id, event.seq, f"the message {data.get('message')} is gone")
        elif event.kind == "report":
            reported.add(message.id)
            if event.seq < erased and message.body == b"":
                continue
            if sha256(message.body) != data.get("sha256"):
                yield Fault(case_id, event.seq, f"the bytes of the report {message.id} are not those written")
        elif event.seq < erased and message.receipt == b"":
            continue
        elif sha256(message.receipt) != data.get("receipt_sha256"):
            yield Fault(case_id, event.seq, f"the receipt for {message.id} is not the one that came")
    for message in messages:
        if message.kind == "report" and message.id not in reported:
            yield Fault(case_id, 0, f"no event says that the report {message.id} was written")


def of_attempts(case_id: str, messages: Sequence[OutboxMessage], attempts: Sequence[Attempt]) -> Iterator[Fault]:
    """Each try of a message is recorded, a lost one too, but not the one under way or that of a message then void."""
    results = {(attempt.message_id, attempt.number): attempt.result for attempt in attempts}
    made = {message.id: message.attempts for message in messages}
    for message_id, number in results:
        if message_id not in made:
            yield Fault(case_id, 0, f"the attempt {number} is of a message {message_id} that is not there")
        elif not 0 < number <= made[message_id]:
            yield Fault(
                case_id,
                0,
                f"the attempt {number} of {message_id} was never made: it was tried {made[message_id]} times",
            )
    for message in messages:
        last = message.attempts - (message.state in ("leased", "void"))
        for number in range(1, last + 1):
            # This program failed with the next one, and with what it had to say of this one.
            excused = results.get((message.id, number + 1)) == "unrecorded"
            if (message.id, number) not in results and not excused:
                yield Fault(case_id, 0, f"the attempt {number} of the {message.kind} {message.id} is gone")


def of_holds(case: Case, held: Collection[int]) -> Iterator[Fault]:
    """A measure that is in force for a demand holds its object, and none holds one that is not. `held` are the numbers
    of the items that do. Items that were erased, before their notice came again, hold on."""
    for item in case.items:
        if item.status == "in_force" and item.number not in held:
            yield Fault(case.id, 0, f"the item {item.item_id} does not hold its object, and its measure is in force")
        elif not item.measure and item.number in held:
            yield Fault(case.id, 0, f"the item {item.item_id} holds its object, and no measure of it is in force")


def sha256(body: object) -> str:
    """The digest (hex) of bytes; empty for what is none: the database can hold anything where bytes were written."""
    return hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else ""
