"""What the audit trail says of legal checks and of looks at content, held against the rows that it speaks of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.change import ContentSeen
from kz_compliance_sdk.domain.legal_check import RecordedCheck, facts

OBJECTS = "objects"
Told = Sequence[tuple[AuditEvent, Mapping[str, Any]]]


def of_checks(case_id: str, rows: Sequence[RecordedCheck], events: Told) -> Iterator[Fault]:
    """Each version that the trail names is in the ledger, and is what the trail says; the ledger has no other."""
    held = {row.version: facts(row) for row in rows}
    named = [(event.seq, said) for event, data in events if isinstance(said := data.get("legal_check"), Mapping)]
    for seq, said in named:
        if said not in held.values():
            yield Fault(case_id, seq, f"the legal check {said.get('version')} is not the one of the ledger")
    for version in held.keys() - {said.get("version") for _, said in named}:
        yield Fault(case_id, 0, f"no event says that the legal check {version} was answered")


def of_content(case_id: str, rows: Sequence[ContentSeen], events: Told) -> Iterator[Fault]:
    """As `of_checks`, for each look at an item."""
    held = {(row.item_id, row.n): row for row in rows}
    named = set()
    for event, data in events:
        looks = data.get("content")
        if not isinstance(looks, Mapping):
            continue
        objects = _objects_in(event)
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
            of_object = row.object_id == objects.get(item_id, "")
            if is_row != {**said, "by": event.actor, "at": event.at} or not of_object:
                yield Fault(case_id, event.seq, f"the look {row.n} at the item {item_id} differs from its event")
    for key in held.keys() - named:
        yield Fault(case_id, 0, f"no event says that the item {key[0]} was looked at for the {key[1]}. time")


def _objects_in(event: AuditEvent) -> Mapping[str, Any]:
    """The platform's names of the objects that were seen; none once they were erased, or if they cannot be read."""
    text = next((one.text for one in event.sealed if one.name == OBJECTS), "")
    try:
        found = json.loads(text or "{}")
    except (ValueError, TypeError):  # whatever somebody has put where a text was written
        return {}
    return found if isinstance(found, dict) else {}


def objects_text(rows: Sequence[ContentSeen]) -> dict[str, str]:
    """What an event seals of its looks: the platform's names of the objects, which can name people and are erased."""
    found = {row.item_id: row.object_id for row in rows if row.object_id}
    return {OBJECTS: encoded(found).decode()} if found else {}


def look_facts(row: ContentSeen) -> dict[str, Any]:
    """What an event says of one look. The name of the object is sealed beside it."""
    return {
        "n": row.n,
        "digest": row.digest,
        "available": bool(row.available),
        "fault": row.fault,
    }
