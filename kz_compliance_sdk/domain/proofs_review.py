"""What the audit trail says of legal checks and of looks at content, held against the rows that it speaks of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.legal_check import RecordedCheck, facts
from kz_compliance_sdk.domain.reviewed import ContentSeen

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


def of_content(case_id: str, rows: Sequence[ContentSeen], events: Told, *, erased: bool) -> Iterator[Fault]:
    """As `of_checks`, for each look at an item. Of a case that was `erased` the words cannot be compared any more."""

    def told(facts: Mapping[str, Any], by: str, at: int, *words: object) -> tuple[str, ...]:
        names = ("n", "available", "fault") if erased else ("n", "available", "fault", "digest")
        return by, str(at), *(str(facts.get(name)) for name in names), *(() if erased else map(str, words))

    held = Counter(told(look_facts(row), row.seen_by, row.seen_at, row.item_id, row.object_id) for row in rows)
    for event, data in events:
        looks = data.get("content")
        objects = _objects_in(event)
        for item_id, said in looks.items() if isinstance(looks, Mapping) else ():
            one = told(said, event.actor, event.at, item_id, objects.get(item_id, ""))
            held[one] -= 1
            if held[one] < 0:
                yield Fault(case_id, event.seq, f"its look at the item {item_id} is not in the ledger, or differs")
    for one, left in held.items():
        if left > 0:
            yield Fault(case_id, 0, f"no event says that {one[0]} looked at an item at {one[1]} as the ledger has it")


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
        "available": row.available,
        "fault": row.fault,
    }
