"""What the audit trail says of legal checks and of looks at content, held against the rows that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.change import ContentSeen, LegalCheckRow
from kz_compliance_sdk.domain.legal_check import check_digest

Told = Sequence[tuple[AuditEvent, Mapping[str, Any]]]


def of_checks(case_id: str, rows: Sequence[LegalCheckRow], events: Told) -> Iterator[Fault]:
    """Each version that an event names is there, and is what the event says; no row is there that no event names."""
    held = {row.version: row for row in rows}
    named = set()
    for event, data in events:
        said = data.get("legal_check")
        if not isinstance(said, Mapping):
            continue
        row = held.get(said.get("version", 0))
        if row is None:
            yield Fault(case_id, event.seq, f"the legal check {said.get('version')} is gone")
            continue
        named.add(row.version)
        if (row.answered_by, row.answered_at) != (said.get("by"), said.get("at")):
            by = said.get("by")
            yield Fault(case_id, event.seq, f"the legal check {row.version} was answered by {by}, its row differs")
        stored: object = row.body  # a database can hold anything where bytes were written
        body = check_digest(stored) if isinstance(stored, bytes) else ""
        if not row.digest == body == said.get("digest"):
            yield Fault(
                case_id, event.seq, f"the legal check {row.version} is not the one whose digest the event holds"
            )
    for row in rows:
        if row.version not in named:
            yield Fault(case_id, 0, f"no event says that the legal check {row.version} was answered")


def of_content(case_id: str, rows: Sequence[ContentSeen], events: Told) -> Iterator[Fault]:
    """As `of_checks`, for each look at an item."""
    held = {(row.item_id, row.n): row for row in rows}
    named = set()
    for event, data in events:
        looks = data.get("content")
        if not isinstance(looks, Mapping):
            continue
        for item_id, said in looks.items():
            if not isinstance(said, Mapping):
                continue
            key = (item_id, said.get("n", 0))
            row = held.get(key)
            if row is None:
                yield Fault(case_id, event.seq, f"the look {key[1]} at the content of the item {item_id} is gone")
                continue
            named.add(key)
            is_row = {**look_facts(row), "by": row.seen_by, "at": row.seen_at}
            if is_row != {**said, "by": event.actor, "at": event.at}:
                yield Fault(case_id, event.seq, f"the look {row.n} at the item {item_id} differs from its event")
    for key in held.keys() - named:
        yield Fault(case_id, 0, f"no event says that the item {key[0]} was looked at for the {key[1]}. time")


def look_facts(row: ContentSeen) -> dict[str, Any]:
    """What an event says of one look."""
    return {
        "n": row.n,
        "digest": row.digest,
        "object_id": row.object_id,
        "available": bool(row.available),
        "fault": row.fault,
    }
