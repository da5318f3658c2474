"""Everything that is held of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.case_clock import clock_of
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.clock import ClockView
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.fold import Step
from kz_compliance_sdk.domain.legal_check import RecordedCheck
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.reviewed import ContentSeen
from kz_compliance_sdk.domain.user_notices import UserNoticeState, tellings
from kz_compliance_sdk.ports import Queries


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything that is held of one case, as it is stored."""

    case: Case
    clock: ClockView
    inbox: tuple[InboxRow, ...]
    legal_checks: tuple[RecordedCheck, ...]
    content: tuple[ContentSeen, ...]
    decisions: Mapping[int, Decision]
    messages: tuple[OutboxMessage, ...]
    attempts: Mapping[str, tuple[Attempt, ...]]
    escalations: tuple[Step, ...]
    audit: tuple[AuditEvent, ...]
    user_notices: tuple[UserNoticeState, ...] = ()


def case_file_of(queries: Queries, case_id: str, now: int) -> CaseFile:
    """The file of a case, with its clocks at `now` (UTC seconds). Raises NotFound."""
    case = queries.case(case_id)
    messages, attempts = tuple(queries.messages(case_id)), queries.attempts(case_id)
    return CaseFile(
        case=case,
        clock=clock_of(case, messages, now),
        inbox=tuple(queries.inbox(case_id)),
        legal_checks=tuple(queries.legal_checks(case_id)),
        content=tuple(queries.content_seen(case_id)),
        decisions=queries.decisions(case_id),
        messages=messages,
        attempts={message.id: tuple(a for a in attempts if a.message_id == message.id) for message in messages},
        escalations=tuple(queries.escalations(case_id)),
        audit=tuple(queries.audit(case_id)),
        user_notices=tuple(tellings(case, queries.stream(case_id).case)),
    )
