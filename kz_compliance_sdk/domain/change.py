"""The one value that crosses from a decision to storage: a tuple of typed writes, applied together or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kz_compliance_sdk.domain.checkpoints import TilesMade
from kz_compliance_sdk.domain.events.base import Happened as Happened
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.case import Case


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The clock was set by `by_s` seconds after it was last looked at `since`. What waits for a time
    beyond `now` keeps the time that was left."""

    platform_id: str
    by_s: int
    since: int
    now: int


def names_of(authority_id: str, key_id: str) -> tuple[str, ...]:
    """What a notice counts under: its authority, and the key that signed it if any did."""
    return (f"authority {authority_id}", f"key {key_id}") if key_id else (f"authority {authority_id}",)


InboxExit = Literal["accepted", "quarantined", "waiting", "noted"]


@dataclass(frozen=True, slots=True)
class LodgedAnew:
    """The row of a message that no case took is written anew from its `stream`: somebody changed it."""

    platform_id: str
    stream: str


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An authentic message as it came: its exact bytes, how its origin was proved, and the answer it got. Of one that
    was erased neither bytes nor digest nor id is left."""

    platform_id: str
    sender: str
    message_id: str
    body_sha256: str
    type: str
    source: str
    body: bytes
    proof: bytes
    received_at: int
    case_id: str
    notice_id: str
    exit: InboxExit
    status: int
    reply: bytes
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class CaseWrite:
    """The case after a step. Its row is made of its chain: of the case itself only what is planned of it is stored."""

    case: Case


@dataclass(frozen=True, slots=True)
class MessageWrite:
    """An outbox message after an attempt, if the writer's lease is still the one in the database."""

    message: OutboxMessage
    lease_token: int | None = None


@dataclass(frozen=True, slots=True)
class CursorMoved:
    """How far a feed has been read; stored with what was read. `cursor` is empty at its beginning."""

    platform_id: str
    feed: str
    cursor: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class EndpointState:
    """The breaker of one endpoint, shared by all hosts."""

    platform_id: str
    endpoint: str
    failures: int = 0
    open_until: int = 0
    last_success_at: int = 0
    last_failure: str = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a part of the machinery last ran, 0 if it never did."""

    platform_id: str
    part: str
    at: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RefusalsCounted:
    """Refused messages that named a known key, added up in memory and written at intervals."""

    platform_id: str
    key_id: str
    code: str
    count: int
    last_at: int


Write = (
    CaseWrite
    | Happened
    | OutboxMessage
    | MessageWrite
    | Attempt
    | CursorMoved
    | EndpointState
    | Heartbeat
    | ClockSet
    | RefusalsCounted
    | LodgedAnew
    | TilesMade
)

Change = tuple[Write, ...]
NOTHING: Change = ()


def happenings(change: Iterable[Write]) -> list[Happened]:
    """The events of the ledger in a change, in their order."""
    return [write for write in change if type(write) is Happened]


def case_after(case: Case, change: Change) -> Case:
    """The case as a change leaves it."""
    return next((write.case for write in reversed(change) if isinstance(write, CaseWrite)), case)
