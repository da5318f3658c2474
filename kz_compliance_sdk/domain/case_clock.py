"""The two clocks of one case, from what is stored of it."""

from __future__ import annotations

from collections.abc import Iterable

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.clock import ClockView, clock_view
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.running_time import pauses_of


def clock_of(case: Case, messages: Iterable[OutboxMessage], now: int) -> ClockView:
    """The clocks at `now` (UTC seconds). `messages` are the case's own; the last receipt of a report ends the second
    clock once the case is closed."""
    final = [message.settled_at for message in messages if message.kind == "report" and message.state == "done"]
    return clock_view(
        received_at=case.received_at,
        due_at=case.due_at,
        now=now,
        requested_due_at=case.requested_due_at,
        decided_at=case.decided_at,
        receipt_at=final[-1] if final and case.closed_at is not None else None,
        pauses=pauses_of(case),
    )


def clock_in_lists(case: Case, now: int) -> ClockView:
    """The clocks of a case where its messages are not at hand. An ended case stands still where it ended."""
    return clock_view(
        received_at=case.received_at,
        due_at=case.due_at,
        now=now,
        requested_due_at=case.requested_due_at,
        decided_at=case.decided_at or case.closed_at,
        receipt_at=case.closed_at,
        pauses=pauses_of(case),
    )
