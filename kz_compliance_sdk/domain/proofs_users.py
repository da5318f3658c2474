"""What the audit trail says of appeals and of what users were told, held against what lies beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.appeals import Appeal
from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.user_notices import UserNoticeState

Told = Sequence[tuple[AuditEvent, Mapping[str, Any]]]
_ENDS = {"uphold": "upheld", "reverse": "reversed", "withdraw_appeal": "withdrawn"}


def of_appeals(case_id: str, appeals: Sequence[Appeal], events: Told) -> Iterator[Fault]:
    """Each appeal that came is in the ledger as the trail tells it, in that state and by that person; and no other is.
    None was decided by who took the first step."""
    held = {one.appeal_id: one for one in appeals}
    said: dict[str, tuple[int, str, str]] = {}
    for event, data in events:
        name = str(data.get("appeal"))
        if event.kind == "appeal":
            said[name] = event.seq, "open", ""
            one = held.get(name)
            if one is not None and one.due_at != data.get("answer_by"):
                yield Fault(case_id, event.seq, f"the appeal {name} is not due when the event says")
            if one is not None and one.number != len(said):
                yield Fault(case_id, event.seq, f"the appeal {name} has another number than its place in the chain")
        elif event.kind in _ENDS and name in said:
            said[name] = event.seq, _ENDS[event.kind], "" if event.kind == "withdraw_appeal" else event.actor
    for name, (seq, state, by) in said.items():
        one = held.get(name)
        if one is None:
            yield Fault(case_id, seq, f"the appeal {name} is not in the ledger")
        elif one.decided_by and one.decided_by in (one.proposed_by, one.approved_by):
            yield Fault(case_id, seq, f"the appeal {name} was decided by who decided first")
        elif (one.state, one.decided_by) != (state, by):
            yield Fault(case_id, seq, f"the appeal {name} is {one.state}, the event says {state} by {by or 'nobody'}")
    for name in held.keys() - said.keys():
        yield Fault(case_id, 0, f"no event says that the appeal {name} came")


def of_told(case_id: str, messages: Sequence[OutboxMessage], events: Told, erased: int = 0) -> Iterator[Fault]:
    """Each notice to a user says what was written. What was written before the event `erased` is gone, and must be."""
    bodies = {message.id: message.body for message in messages}
    for event, data in events:
        if event.kind != "user_notice" or data.get("sha256") is None:
            continue
        name = str(data.get("message"))
        body = bodies.get(name)
        if not (event.seq < erased and body == b"") and _sha256(body) != data["sha256"]:
            yield Fault(case_id, event.seq, f"the notice to a user {name} is not the one written, or is gone")


def of_user_notices(case_id: str, held: Sequence[UserNoticeState], events: Told) -> Iterator[Fault]:
    """Each notice to a user is in the ledger as the trail tells it: sent, or put off, only if both say so."""
    queued: dict[str, int] = {}
    ended: dict[str, tuple[str, Any]] = {}
    delays: dict[str, Any] = {}
    for event, data in events:
        name = str(data.get("message"))
        if event.kind == "user_notice":
            queued[name] = event.seq
            if data.get("state") == "delayed":
                delays[name] = data.get("tell_at")
        elif event.kind == "tell_user":
            ended[name] = str(data.get("state")), data.get("sent_at")
        elif event.kind == "delay_user_notice":
            delays |= {str(one): data.get("until") for one in data.get("messages", ())}
    by_name = {one.message_id: one for one in held}
    for name, seq in queued.items():
        one = by_name.get(name)
        if one is None:
            yield Fault(case_id, seq, f"the notice to a user {name} is not in the ledger")
            continue
        told = (one.state, one.sent_at) if one.state in ("sent", "failed") else None
        if told != ended.get(name):
            yield Fault(case_id, seq, f"the notice to a user {name} is {one.state}, and its events say otherwise")
        if one.delay_until != delays.get(name):
            yield Fault(case_id, seq, f"the delay of the notice to a user {name} is not the one that was decided")
    for name in by_name.keys() - queued.keys():
        yield Fault(case_id, 0, f"no event says that the notice to a user {name} was written")


def _sha256(body: object) -> str:
    return hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else ""
