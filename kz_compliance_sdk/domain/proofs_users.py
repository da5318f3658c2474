"""What the audit trail says of appeals and of what users were told, held against the rows beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.change import Appeal, UserNoticeState
from kz_compliance_sdk.domain.outbox import OutboxMessage

Told = Sequence[tuple[AuditEvent, Mapping[str, Any]]]
_ENDS = {"uphold": "upheld", "reverse": "reversed", "withdraw_appeal": "withdrawn"}


def of_appeals(case_id: str, rows: Sequence[Appeal], events: Told) -> Iterator[Fault]:
    """Each appeal that came is there, in the state and by the person that the events say; and no other is."""
    held = {row.appeal_id: row for row in rows}
    said: dict[str, tuple[int, str, str]] = {}
    for event, data in events:
        name = str(data.get("appeal"))
        if event.kind == "appeal":
            said[name] = event.seq, "open", ""
            row = held.get(name)
            if row is not None and row.due_at != data.get("answer_by"):
                yield Fault(case_id, event.seq, f"the appeal {name} is not due when the event says")
            if row is not None and row.number != len(said):
                yield Fault(case_id, event.seq, f"the appeal {name} has another number than its place in the chain")
        elif event.kind in _ENDS and name in said:
            said[name] = event.seq, _ENDS[event.kind], "" if event.kind == "withdraw_appeal" else event.actor
    for name, (seq, state, by) in said.items():
        row = held.get(name)
        if row is None:
            yield Fault(case_id, seq, f"the appeal {name} is gone")
        elif (row.state, row.decided_by) != (state, by):
            yield Fault(case_id, seq, f"the appeal {name} is {row.state}, the event says {state} by {by or 'nobody'}")
    for name in held.keys() - said.keys():
        yield Fault(case_id, 0, f"no event says that the appeal {name} came")


def of_user_notices(
    case_id: str, rows: Sequence[UserNoticeState], messages: Sequence[OutboxMessage], events: Told, erased: int = 0
) -> Iterator[Fault]:
    """Each notice to a user is there and says what was written; it was sent, or put off, only if an event says so.
    What was written before the event `erased` is gone, and must be."""
    held, bodies = {row.message_id: row for row in rows}, {message.id: message.body for message in messages}
    queued: dict[str, int] = {}
    ended: dict[str, tuple[str, Any]] = {}
    delays: dict[str, Any] = {}
    for event, data in events:
        name = str(data.get("message"))
        if event.kind == "user_notice":
            queued[name] = event.seq
            if data.get("state") == "delayed":
                delays[name] = data.get("tell_at")
            body = bodies.get(name)
            if event.seq < erased and body == b"":
                continue
            if data.get("sha256") is not None and _sha256(body) != data["sha256"]:
                yield Fault(case_id, event.seq, f"the notice to a user {name} is not the one written, or is gone")
        elif event.kind == "tell_user":
            ended[name] = str(data.get("state")), data.get("sent_at")
        elif event.kind == "delay_user_notice":
            delays |= {str(one): data.get("until") for one in data.get("messages", ())}
    for name, seq in queued.items():
        row = held.get(name)
        if row is None:
            yield Fault(case_id, seq, f"the state of the notice to a user {name} is gone")
            continue
        told = (row.state, row.sent_at) if row.state in ("sent", "failed") else None
        if told != ended.get(name):
            yield Fault(case_id, seq, f"the notice to a user {name} is {row.state}, and its events say otherwise")
        if row.delay_until != delays.get(name):
            yield Fault(case_id, seq, f"the delay of the notice to a user {name} is not the one that was decided")
    for name in held.keys() - queued.keys():
        yield Fault(case_id, 0, f"no event says that the notice to a user {name} was written")


def _sha256(body: object) -> str:
    return hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else ""
