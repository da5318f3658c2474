"""The JSON documents about cases. Their shape is stable: a field may be added, none changes or goes.

Times are RFC 3339 text in UTC, and a field that ends in `_s` is in seconds.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.domain.second_person import asked_for
from kz_compliance_sdk.faces.cli.case_review import review_documents
from kz_compliance_sdk.faces.cli.screen import at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kz_compliance_sdk.desk import CaseFile
    from kz_compliance_sdk.domain.audit import AuditEvent
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.change import Appeal, UserNoticeState
    from kz_compliance_sdk.domain.clock import ClockView
    from kz_compliance_sdk.domain.completeness import Gap
    from kz_compliance_sdk.domain.decision import Decision
    from kz_compliance_sdk.domain.notice import Notice
    from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage

__all__ = [
    "appeal_row",
    "case_document",
    "case_row",
    "clock_document",
    "gap_document",
    "message_document",
    "said",
    "user_notice_row",
]


def clock_document(clock: ClockView) -> dict[str, Any]:
    """The two clocks of a case."""
    return {
        "received_at": at(clock.received_at),
        "due_at": at(clock.due_at),
        "requested_due_at": at(clock.requested_due_at),
        "decide_left_s": clock.decide_left_s,
        "receipt_left_s": clock.receipt_left_s,
        "late": clock.late,
        "paused": clock.paused,
        "unpaused_due_at": at(clock.unpaused_due_at),
    }


def gap_document(gap: Gap) -> dict[str, Any]:
    """Something that a notice lacks, and what that means."""
    from kz_compliance_sdk.domain.completeness import meaning

    return {"code": gap.code, "item_id": gap.item_id, "meaning": meaning(gap)}


def case_row(case: Case, clock: ClockView) -> dict[str, Any]:
    """A case as the lists show it."""
    return {
        "case": case.id,
        "notice_id": case.notice_id,
        "revision": case.revision,
        "authority_id": case.authority_id,
        "reference_number": case.reference_number,
        "state": str(case.state),
        "kind": case.kind,
        "category": case.category,
        "source": case.source,
        "authenticity": case.authenticity,
        "channel": case.channel,
        "level": case.level,
        "flags": list(case.flags),
        "items": len(case.items),
        "open_items": len(case.open_items),
        "lease": {"owner": case.lease_owner, "token": case.lease_token, "expires_at": at(case.lease_expires_at)}
        if case.lease_owner
        else None,
        "clock": clock_document(clock),
        "closed_at": at(case.closed_at),
    }


def case_document(file: CaseFile, notice: Notice | None) -> dict[str, Any]:
    """Everything that is held of a case. Message bodies are text; what was received is in base64, as it came."""
    case = file.case
    return {
        **case_row(case, file.clock),
        "version": case.version,
        "decision_version": case.decision_version,
        "entered_by": case.entered_by or None,
        "lift_due_at": at(case.lift_due_at),
        "item_states": [
            {
                "item_id": item.item_id,
                "status": item.status,
                "object_key": item.object_key,
                "action": item.action,
                "ground": item.ground or None,
                "scope": list(item.scope),
                "measure": item.measure or None,
                "effective_at": at(item.effective_at) if item.effective_at else None,
                "preserve_until": at(item.preserve_until) if item.preserve_until else None,
                "order_fell": item.fell or None,
            }
            for item in case.items
        ],
        "notice": None if notice is None else notice.model_dump(mode="json", exclude_none=True),
        "received": [
            {
                "message_id": row.message_id,
                "type": row.type,
                "sender": row.sender,
                "source": row.source,
                "received_at": at(row.received_at),
                "exit": row.exit,
                "status": row.status,
                "deliveries": row.deliveries,
                "body_sha256": row.body_sha256,
                "body_base64": base64.b64encode(row.body).decode("ascii"),
            }
            for row in file.inbox
        ],
        **review_documents(file),
        "decisions": [_decision(decision, file) for _, decision in sorted(file.decisions.items())],
        "messages": [message_document(message, file.attempts.get(message.id, ())) for message in file.messages],
        "contests": [
            {
                "contest": one.number,
                "filed_at": at(one.filed_at),
                "recorded_by": one.recorded_by,
                "result": one.result or None,
                "result_at": at(one.result_at),
                **sealed_of(file, one.seq),
            }
            for one in case.contests
        ],
        "suspensions": [
            {
                "suspension": one.number,
                "from_at": at(one.from_at),
                "until_at": at(one.until_at),
                "ended_at": at(one.ended_at),
                "recorded_by": one.recorded_by,
                "confirmed_by": one.confirmed_by or None,
                "proof_sha256": one.proof_sha256,
                **sealed_of(file, one.seq),
            }
            for one in case.suspensions
        ],
        "escalations": [
            {
                "step": fired.step,
                "fired_at": at(fired.fired_at),
                "level": fired.level,
                "audience": list(fired.audience),
            }
            for fired in file.escalations
        ],
        "user_notices": [user_notice_row(row) for row in file.user_notices],
        "audit": [_event(event) for event in file.audit],
        "audit_head": case.audit_head,
    }


def sealed_of(file: CaseFile, seq: int) -> dict[str, str]:
    """The texts that were sealed with an event; none once they are erased."""
    return {text.name: text.text for event in file.audit if event.seq == seq for text in event.sealed if text.text}


def _decision(decision: Decision, file: CaseFile) -> dict[str, Any]:
    return {
        "version": decision.version,
        "digest": decision.digest,
        "proposed_by": decision.proposed_by,
        "proposed_at": at(decision.proposed_at),
        "needs_approval": decision.needs_approval,
        "second_person": asked_for(file.audit, decision.version),
        "approved_by": decision.approved_by or None,
        "approved_at": at(decision.approved_at) if decision.approved_at else None,
        "legal_check": decision.legal_check.model_dump() if decision.legal_check is not None else None,
        "proposal": decision.proposal.model_dump(mode="json"),
    }


def message_document(message: OutboxMessage, attempts: Iterable[Attempt]) -> dict[str, Any]:
    """An outbox message with what came of it."""
    return {
        "message": message.id,
        "case": message.case_id or None,
        "kind": message.kind,
        "endpoint": message.endpoint,
        "item_id": message.item_id or None,
        "state": message.state,
        "created_at": at(message.created_at),
        "next_attempt_at": at(message.next_attempt_at) if message.state in ("queued", "leased") else None,
        "settled_at": at(message.settled_at),
        "body": message.body.decode("utf-8", "replace"),
        "receipt": message.receipt.decode("utf-8", "replace") or None,
        "attempts": [
            {
                "number": attempt.number,
                "started_at": at(attempt.started_at),
                "ended_at": at(attempt.ended_at),
                "result": attempt.result,
                "detail": attempt.detail or None,
            }
            for attempt in attempts
        ],
    }


def user_notice_row(row: UserNoticeState) -> dict[str, Any]:
    """Where the telling of one item's user stands."""
    return {
        "message": row.message_id,
        "item_id": row.item_id,
        "kind": row.kind,
        "state": row.state,
        "due_at": at(row.due_at),
        "sent_at": at(row.sent_at),
        "delay_until": at(row.delay_until),
        "basis": row.basis or None,
    }


def appeal_row(appeal: Appeal) -> dict[str, Any]:
    """An appeal without what the user wrote."""
    return {
        "appeal": appeal.appeal_id,
        "reference": appeal.reference,
        "case": appeal.case_id,
        "item_id": appeal.item_id,
        "state": appeal.state,
        "received_at": at(appeal.received_at),
        "due_at": at(appeal.due_at),
        "decision_version": appeal.decision_version,
        "decided_by": appeal.decided_by or None,
        "decided_at": at(appeal.decided_at),
    }


def _event(event: AuditEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": at(event.at),
        "kind": event.kind,
        "actor": event.actor,
        "content": event.content.decode("utf-8", "replace"),
        "hash": event.hash,
        "texts": {text.name: text.text for text in event.sealed},
    }


def said(body: bytes) -> dict[str, Any]:
    """The fields of one of our own messages, none if it is no JSON object."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
