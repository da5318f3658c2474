"""Everything that is held of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.case_clock import clock_of
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.clock import ClockView
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.fold import Chain, Step, steps_of
from kz_compliance_sdk.domain.legal_check import RecordedCheck
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.reviewed import ContentSeen, checks_of, decisions_by_version, looks_of
from kz_compliance_sdk.domain.user_notices import UserNoticeState, tellings
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import Queries


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything that is held of one case: its `chain`, what that tells, and the rows beside it as they are stored."""

    case: Case
    clock: ClockView
    chain: Chain
    inbox: tuple[InboxRow, ...]
    legal_checks: tuple[RecordedCheck, ...]
    content: tuple[ContentSeen, ...]
    decisions: Mapping[int, Decision]
    messages: tuple[OutboxMessage, ...]
    attempts: Mapping[str, tuple[Attempt, ...]]
    escalations: tuple[Step, ...]
    user_notices: tuple[UserNoticeState, ...] = ()


def case_file_of(queries: Queries, case_id: str, now: int) -> CaseFile:
    """The file of a case, with its clocks at `now` (UTC seconds). Raises NotFound, and StoreDamaged where a part of it
    cannot be read."""
    kept = queries.kept(case_id)
    if kept.unreadable:
        what = f"{kept.unreadable[0]}: it was changed from outside, or belongs to another row."
        raise StoreDamaged(what, reference=case_id)
    case, chain, stream = kept.case, kept.chain, kept.chain.stream
    return CaseFile(
        case=case,
        clock=clock_of(case, kept.messages, now),
        chain=chain,
        inbox=kept.inbox,
        legal_checks=tuple(checks_of(stream, case_id)),
        content=tuple(looks_of(stream, case, chain.words)),
        decisions=decisions_by_version(stream, chain.words),
        messages=kept.messages,
        attempts={one.id: tuple(a for a in kept.attempts if a.message_id == one.id) for one in kept.messages},
        escalations=tuple(steps_of(stream.case)),
        user_notices=tuple(tellings(case, stream.case)),
    )
