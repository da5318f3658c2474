"""Where a message stands, and what the ledger is told when it moves on."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from types import MappingProxyType
from typing import Final

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import happened_to
from kz_compliance_sdk.domain.change import LONGEST_PAUSE_S, Change, Kind, MessageWrite, OutboxMessage
from kz_compliance_sdk.domain.change import MessageState as RowState
from kz_compliance_sdk.domain.events import delivery
from kz_compliance_sdk.domain.events.base import Event, Happened
from kz_compliance_sdk.domain.fold import Case, MessageState
from kz_compliance_sdk.domain.messages import as_owed

_STATES: Final = MappingProxyType[str, MessageState](
    {"waiting": "waiting", "parked": "parked", "void": "voided", "done": "done"}
)
_ENDS: Final = frozenset[MessageState]({"parked", "voided", "done"})
_EVENTS: Final = MappingProxyType[str, Callable[..., Event]](
    {
        "begun": delivery.Begun,
        "unknown": delivery.OutcomeUnknown,
        "waiting": delivery.Waiting,
        "parked": delivery.Parked,
        "voided": delivery.Voided,
        "done": delivery.Done,
    }
)


def state_of(message: OutboxMessage) -> MessageState:
    """Where a message stands in the ledger, which knows of no lease."""
    if message.state in _STATES:
        return _STATES[message.state]
    if message.maybe_arrived:
        return "unknown"
    return "begun" if message.attempts else "owed"


def mended(stored: Iterable[OutboxMessage], chain: Case, now: int) -> list[OutboxMessage]:
    """The messages of a case whose rows say otherwise than its chain where they stand, each as the chain has it. One
    that is to leave waits no longer than anything ever does."""
    found = ((message, in_truth(message, chain, now)) for message in stored)
    return [true for message, true in found if true != message]


def lost(known: Container[str], reference: str, chain: Case, now: int) -> list[OutboxMessage]:
    """What a case still owes that is not among the `known` ids, as its chain has it."""
    gone = (one for one in chain.owed if one.id not in known)
    return [in_truth(as_owed(chain.platform, reference, one), chain, now) for one in gone]


def in_truth(message: OutboxMessage, chain: Case, now: int) -> OutboxMessage:
    """A message as its chain has it stand, at `now` (UTC seconds)."""
    owed = chain.messages.get(message.id)
    if owed is None or owed.settled:
        ends: tuple[RowState, ...] = ("done", "void")
        if message.state in ends:
            return message
        end: RowState = "done" if owed is not None and owed.state == "done" else "void"
        return message.but(state=end, settled_at=now, lease_expires_at=None)
    message = message if message.endpoint == owed.endpoint else message.but(endpoint=owed.endpoint)
    if owed.state in ("waiting", "parked"):
        held: RowState = "waiting" if owed.state == "waiting" else "parked"
        if message.state == held or (message.state == "void" and chain.erased_at):
            return message  # what was parked goes with the words of its case
        return message.but(state=held, lease_expires_at=None)
    at = owed.not_before + max(0, chain.clock_shift)
    if message.state in ("queued", "leased") and message.next_attempt_at <= max(at, now + LONGEST_PAUSE_S):
        return message
    return message.but(state="queued", next_attempt_at=max(at, now), settled_at=None, lease_expires_at=None)


def moved(before: OutboxMessage, after: OutboxMessage, stamp: Stamp, change: Change = ()) -> Change:
    """The write of a message that moves on, if the lease of `before` still holds, and what the ledger is told of it:
    nothing where an event of `change`, which is written with it, says what became of the message."""
    return (MessageWrite(after, before.lease_token), *_told(before, after, stamp, change))


def _told(before: OutboxMessage, after: OutboxMessage, stamp: Stamp, change: Change) -> Iterator[Happened]:
    was, now = state_of(before), state_of(after)
    if not after.case_id or was == now or (now in _ENDS and _is_settled(before, change)):
        return
    if was == "parked":
        yield _happened(after, delivery.Retried(message=after.id), stamp)
        if now == "begun":
            return
    yield _happened(after, _EVENTS[now](message=after.id), stamp)


def _is_settled(message: OutboxMessage, change: Change) -> bool:
    """Whether an event of a change says what became of a message."""
    events = [write.event for write in change if isinstance(write, Happened)]
    return any(_settles(event, message) for event in events)


def _settles(event: Event, message: OutboxMessage) -> bool:
    if isinstance(event, delivery.UserNoticeVoided):
        return message.id in event.messages and state_of(message) == "owed"
    return getattr(event, "message", "") == message.id and not isinstance(event, delivery.Stuck)


def tried(messages: Iterable[OutboxMessage], kinds: tuple[Kind, ...], stamp: Stamp) -> list[Happened]:
    """What the ledger is told of messages of these kinds that leave no more although they were tried: the events which
    void those that had not begun cannot know that nobody has these in hand. What the regulator or the platform may have
    got is followed up.
    """
    return [
        _happened(one, delivery.Voided(message=one.id), stamp)
        for one in messages
        if one.kind in kinds
        and one.attempts
        and one.is_at_rest
        and (one.kind == "user_notice" or not one.maybe_arrived)
    ]


def _happened(message: OutboxMessage, event: Event, stamp: Stamp) -> Happened:
    return happened_to(message.platform_id, message.case_id, event, stamp)
