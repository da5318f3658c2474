"""What an evidence pack tells of what stands against an order or beside it: contests, suspensions, instructions to the
office, appeals, what users were told, and legal holds.

In the redacted form there are states and times. What was said, by what number and before whom stands in the full form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.change import Appeal, UserNoticeState
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.redaction import data_of
from kz_compliance_sdk.domain.values import instant_text

__all__ = ["remedies_of"]

Name = Callable[[str | None], str | None]


def remedies_of(records: Records, name: Name, *, full: bool) -> dict[str, Json]:
    """Each of them in its order."""
    case, events = records.case, records.events
    by_seq = {event.seq: event for event in events}
    return {
        "contests": [
            {
                "number": one.number,
                "filed_at": instant_text(one.filed_at),
                "recorded_by": name(one.recorded_by),
                "result": one.result or None,
                "result_at": _instant(one.result_at),
                **_words(by_seq.get(one.seq), full=full),
            }
            for one in case.contests
        ],
        "suspensions": [
            {
                "number": one.number,
                "from_at": instant_text(one.from_at),
                "until_at": _instant(one.until_at),
                "ended_at": _instant(one.ended_at),
                "recorded_by": name(one.recorded_by),
                "confirmed_by": name(one.confirmed_by),
                **({"proof_sha256": one.proof_sha256} if full else {}),
                **_words(by_seq.get(one.seq), full=full),
            }
            for one in case.suspensions
        ],
        "instructions": [
            {"recorded_at": instant_text(event.at), "recorded_by": name(event.actor), **told}
            for event, told in _of_events(events, "record_instruction", "given_at", full=full)
        ],
        "user_notices": [_user_notice(row) for row in sorted(records.user_notices, key=_by_time)],
        "appeals": [
            _appeal(row, events, name, full=full)
            for row in sorted(records.appeals, key=lambda row: (row.received_at, row.appeal_id))
        ],
        "holds": [
            {"held_at": instant_text(event.at), "held_by": name(event.actor), **told}
            for event, told in _of_events(events, "hold", "until", full=full)
        ],
        "held_until": _instant(case.held_until),
        "erased_at": _instant(case.erased_at),
    }


def _user_notice(row: UserNoticeState) -> Mapping[str, Json]:
    """The message itself is among the messages of the pack."""
    return {
        "item_id": row.item_id,
        "kind": row.kind,
        "state": row.state,
        "decision_version": row.decision_version,
        "due_at": instant_text(row.due_at),
        "sent_at": _instant(row.sent_at),
        "delay_until": _instant(row.delay_until),
        "basis": row.basis or None,
    }


def _appeal(row: Appeal, events: Sequence[AuditEvent], name: Name, *, full: bool) -> Mapping[str, Json]:
    told: dict[str, Json] = {
        "item_id": row.item_id,
        "received_at": instant_text(row.received_at),
        "due_at": instant_text(row.due_at),
        "decision_version": row.decision_version,
        "state": row.state,
        "decided_by": name(row.decided_by),
        "decided_at": _instant(row.decided_at),
    }
    if not full:
        return told
    of_it = [event for event in events if data_of(event).get("appeal") == row.appeal_id]
    words = {f"{event.kind}.{one.name}": one.text for event in of_it for one in event.sealed if one.salt}
    return told | {"appeal_id": row.appeal_id, "reference": row.reference, "words": dict(words)}


def _of_events(
    events: Sequence[AuditEvent], kind: str, when: str, *, full: bool
) -> Iterator[tuple[AuditEvent, dict[str, Json]]]:
    for event in events:
        if event.kind == kind:
            at = data_of(event).get(when)
            yield event, {when: instant_text(at) if type(at) is int else None, **_words(event, full=full)}


def _words(event: AuditEvent | None, *, full: bool) -> dict[str, Json]:
    if event is None or not full:
        return {}
    return {"words": {one.name: one.text for one in event.sealed if one.salt}}


def _by_time(row: UserNoticeState) -> tuple[int, str, str]:
    return row.due_at, row.item_id, row.message_id


def _instant(at: int | None) -> str | None:
    return None if at is None else instant_text(at)
