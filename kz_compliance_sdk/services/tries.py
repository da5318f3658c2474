"""Telling the ledger of tries."""

from __future__ import annotations

from functools import partial

from kz_compliance_sdk.domain.case import happened_to
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.tries import telling
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import Tx
from kz_compliance_sdk.services.loading import stream_in


def tell_try(tx: Tx, attempt: Attempt, *, settles: bool = False) -> tuple[Happened, ...]:
    """What is told of a try that is written with this, before whatever it leads to. `settles` as in `telling`."""
    if not attempt.case_id or (stream := stream_in(tx, attempt.case_id)).fault is not None:
        return ()
    stamp, behind = tx.stamp(), partial(tx.attempts, attempt.case_id, attempt.message_id)
    try:
        event = telling(stream, attempt, behind, stamp.keyed, settles=settles)
    except StoreDamaged:
        return ()  # Rows that cannot be read hold up nothing that leaves: the verification names them.
    return () if event is None else (happened_to(attempt.platform_id, attempt.case_id, event, stamp),)


def tell_tries(tx: Tx, message: OutboxMessage) -> tuple[Happened, ...]:
    """What is told of the tries of a message that is settled without another one. Raises StoreDamaged."""
    owed = stream_in(tx, message.case_id).case.messages.get(message.id)
    if owed is None or message.attempts <= owed.tried.count:
        return ()
    recorded = tx.attempts(message.case_id, message.id, owed.tried.count)
    return tell_try(tx, recorded[-1], settles=True) if recorded else ()
