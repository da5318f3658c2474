"""What left and what it brought, against the audit trail: reports, receipts, attempts, holds and versions."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.evidence_rows import Row
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage

__all__ = ["of_attempts", "of_holds", "of_messages", "of_objects", "sha256"]

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


def of_holds(case: Case, holds: Sequence[Row], names: Mapping[str, str], erased: int) -> Iterator[Fault]:
    """A measure that is in force for a demand has a hold, and nothing is held without a measure, but for what was in
    force when the case was erased."""
    if case.erased_at is not None:
        yield from _of_nameless_holds(case, holds)
        return
    held: dict[tuple[Any, Any], Row] = {(row["object_key"], row["item_id"]): row for row in holds}
    for item in case.items:
        key = names.get(item.object_key, item.object_key), item.item_id
        if not item.object_key:
            # Erased, or never found: then nothing but the item says whose hold it is.
            key = next((one for one in held if one[1] == item.item_id), key)
        row = held.pop(key, None)
        if item.status == "in_force" and row is None:
            yield Fault(case.id, 0, f"the hold of item {item.item_id} is gone, and its measure is in force")
        elif item.measure and row is not None and row["action"] != item.measure:
            yield Fault(case.id, 0, f"the hold of item {item.item_id} is not for the measure that is in force")
        elif not item.measure and row is not None and not erased:
            yield Fault(case.id, 0, f"the item {item.item_id} is held, and no measure of it is in force")
    for _, name in () if erased else held:
        yield Fault(case.id, 0, f"something is held for the item {name}, and the case has no such measure")


def _of_nameless_holds(case: Case, holds: Sequence[Row]) -> Iterator[Fault]:
    """Nothing says any more which item a hold was of: there is one for each measure all the same."""
    left = Counter(row["action"] for row in holds)
    for item in case.items:
        left[item.measure] -= item.status == "in_force"
        if item.status == "in_force" and left[item.measure] < 0:
            yield Fault(case.id, 0, f"the hold of item {item.item_id} is gone, and its measure is in force")


def of_objects(case: Case, objects: Mapping[str, int]) -> Iterator[Fault]:
    """An object's version is never lower than one that was handed out."""
    for item in case.items:
        if not item.effect_version or not item.object_key:
            continue  # where its name was erased, nothing says which object it was
        handed_out = objects.get(item.object_key)
        if type(handed_out) is not int or handed_out < item.effect_version:
            yield Fault(
                case.id,
                0,
                f"the object of item {item.item_id} had version {item.effect_version}, and objects says {handed_out}",
            )


def sha256(body: object) -> str:
    """The digest (hex) of bytes; empty for what is none: the database can hold anything where bytes were written."""
    return hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else ""
