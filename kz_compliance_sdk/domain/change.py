"""The one value that crosses from a decision to storage: what happened, and the facts of daily work beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kz_compliance_sdk.domain.events.base import Happened as Happened
from kz_compliance_sdk.domain.fold import Changeable
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.values import Json

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.case import Case


# ---------------------------------------------------------------------------------------------------------- operations
# What a change writes beside its events. Nobody asks of which kind one is: the store has one way for all of them.


class Operation:
    """A fact of daily work, a line of its table: it takes the place of the one before it."""

    __slots__ = ()

    @property
    def is_over(self) -> bool:
        """Whether its line goes."""
        return False

    @property
    def held_under(self) -> int | None:
        """The token under which it was read, if nobody may have taken it over since."""
        return None

    @property
    def speaks_of(self) -> tuple[str, ...]:
        """Two works of one batch that speak of the same must see each other."""
        return ()


# ------------------------------------------------------------------------------------------------------------- outbox
# What has to leave: one message for each effect outside the database, and when it is tried next.


Kind = Literal["acknowledgement", "clarification", "report", "enforce", "restore", "page", "user_notice"]
MessageState = Literal["queued", "leased", "waiting", "parked", "void", "done"]

LEASE_S = 120
"""For how long whoever takes a message in hand has it, in seconds."""

PARK_AFTER_REFUSED_S = 3600
"""How long a message is refused for reasons that may pass before it is parked, in seconds."""

LONGEST_PAUSE_S = 3600
"""How much later a message may be tried again because whoever it goes to asks for that, in seconds."""

_FIRST_WAIT = 2
LONGEST_WAIT_S = 900
"""The longest time between two tries that we choose, in seconds."""

_WAIT_AFTER_DEADLINE = 180


class OutboxMessage(Changeable, frozen=True):
    """A message and where it stands. `body` is exactly what was decided and will be sent.

    `lane` serialises: of the messages that share one, a later `lane_seq` waits until the earlier ones are settled.
    Effects share the lane of their object, reports the lane of their case. `maybe_arrived` means that an attempt ended
    without a known outcome: look it up before sending again. `refused_since` is when the first of `refusals` came.
    `receipt_proof` holds the headers that sign `receipt`.
    """

    id: str
    platform_id: str
    case_id: str
    kind: Kind
    endpoint: str
    body: bytes
    created_at: int
    next_attempt_at: int
    deadline_at: int | None = None
    state: MessageState = "queued"
    attempts: int = 0
    refusals: int = 0
    refused_since: int | None = None
    maybe_arrived: bool = False
    lane: str = ""
    lane_seq: int = 0
    item_id: str = ""
    lease_token: int = 0
    lease_expires_at: int | None = None
    settled_at: int | None = None
    receipt: bytes = b""
    receipt_proof: bytes = b""

    @property
    def urgent_at(self) -> int:
        """By this it is in order. What has no deadline is an alert of its own: it is urgent from its first second."""
        return self.created_at if self.deadline_at is None else self.deadline_at

    @property
    def is_settled(self) -> bool:
        return self.state in ("done", "void")

    def in_hand(self, now: int) -> OutboxMessage:
        """The message as whoever takes it in hand at `now` (UTC seconds) has it, for LEASE_S seconds."""
        return self.but(
            state="leased",
            lease_token=self.lease_token + 1,
            lease_expires_at=now + LEASE_S,
            next_attempt_at=now + LEASE_S,
            attempts=self.attempts + 1,
            # A lease that ran out was held by somebody who may have sent it.
            maybe_arrived=self.maybe_arrived or self.state == "leased",
        )

    @property
    def is_at_rest(self) -> bool:
        """Whether it can still be taken back: nobody has it in hand, and nothing came of it that must stand."""
        return self.state in ("queued", "waiting") or (self.state == "parked" and self.settled_at is None)


@dataclass(frozen=True, slots=True)
class Attempt(Operation):
    """One try, recorded whatever came of it. Times are UTC seconds."""

    platform_id: str
    case_id: str
    message_id: str
    number: int
    started_at: int
    ended_at: int
    result: str
    detail: str = ""

    @property
    def speaks_of(self) -> tuple[str, ...]:
        return (f"m{self.message_id}",)


def tries_digest(before: str, attempts: Iterable[Attempt], keyed: Callable[..., str]) -> str:
    """The digest over tries in their order, behind `before`: that over the tries before them, empty if there are none.
    `keyed` gives a digest under the platform's object key. What was said of a try is not in it: that is erased."""
    rows: list[list[Json]] = [[one.number, one.started_at, one.ended_at, one.result] for one in attempts]
    return keyed("tries", before, encoded(rows).decode())


def next_attempt_at(now: int, attempts: int, deadline_at: int | None, jitter: float) -> int:
    """When to try again, in UTC seconds. It never gives up.

    The wait doubles from 2 seconds. Its cap is an eighth of the time left to the deadline (at most 15 minutes, at
    least 5 seconds), so that attempts become denser as the deadline nears; past the deadline it is 3 minutes.
    `jitter` in [0, 1) shortens the wait by up to half, so that many hosts do not knock together.
    """
    cap = LONGEST_WAIT_S
    if deadline_at is not None:
        left = deadline_at - now
        cap = min(cap, max(5, left // 8)) if left > 0 else _WAIT_AFTER_DEADLINE
    wait = min(cap, _FIRST_WAIT << min(attempts, 16))
    wait = max(1, round(wait * (1 - jitter / 2)))
    if deadline_at is not None and now < deadline_at < now + wait:
        wait = deadline_at - now
    return now + wait


def is_refused_for_good(message: OutboxMessage, now: int) -> bool:
    """Whether refusals that might have passed have not, for so long that a person must see to it."""
    return message.refused_since is not None and now - message.refused_since >= PARK_AFTER_REFUSED_S


# ------------------------------------------------------------------------------------------------------------- change


def names_of(authority_id: str, key_id: str) -> tuple[str, ...]:
    """What a notice counts under: its authority, and the key that signed it if any did."""
    return (f"authority {authority_id}", f"key {key_id}") if key_id else (f"authority {authority_id}",)


InboxExit = Literal["accepted", "quarantined", "waiting", "noted"]


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
class Watch(Operation):
    """When a case is looked at next, as a step leaves it: no more, once it has ended. `case` is the case after the
    step; the rest of it is in its chain."""

    case: Case

    @property
    def is_over(self) -> bool:
        return self.case.watch_at is None

    @property
    def speaks_of(self) -> tuple[str, ...]:
        return f"c{self.case.id}", f"n{self.case.notice_id}"


@dataclass(frozen=True, slots=True)
class Leased(Operation):
    """When a message is tried next, and who has it in hand: nobody any more, once it is settled. `held_under` is None
    where its line is made anew."""

    message: OutboxMessage
    held_under: int | None = None

    @property
    def is_over(self) -> bool:
        return self.message.is_settled

    @property
    def speaks_of(self) -> tuple[str, ...]:
        return (f"m{self.message.id}",)


@dataclass(frozen=True, slots=True)
class CursorMoved(Operation):
    """How far a feed has been read; stored with what was read. `cursor` is empty at its beginning."""

    platform_id: str
    feed: str
    cursor: str = ""
    at: int = 0

    @property
    def speaks_of(self) -> tuple[str, ...]:
        return (f"f{self.feed}",)


@dataclass(frozen=True, slots=True)
class EndpointState(Operation):
    """The breaker of one endpoint, shared by all hosts."""

    platform_id: str
    endpoint: str
    failures: int = 0
    open_until: int = 0
    last_success_at: int = 0
    last_failure: str = ""

    @property
    def speaks_of(self) -> tuple[str, ...]:
        return (f"e{self.endpoint}",)


@dataclass(frozen=True, slots=True)
class Heartbeat(Operation):
    """When a part of the machinery last ran, 0 if it never did."""

    platform_id: str
    part: str
    at: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RefusalsCounted(Operation):
    """Refused messages that named a known key, added up in memory and written at intervals: they count with those
    before them."""

    platform_id: str
    key_id: str
    code: str
    count: int
    last_at: int

    @property
    def speaks_of(self) -> tuple[str, ...]:
        return (f"r{self.key_id} {self.code}",)


@dataclass(frozen=True, slots=True)
class Tile(Operation):
    """A node of the tree over the log: kept so that proofs need not read every line of it. It can be made anew, and
    nothing is believed of it."""

    platform_id: str
    level: int
    n: int
    hash: bytes


Write = Happened | Operation

Change = tuple[Write, ...]
NOTHING: Change = ()


def count_in(text: str) -> int:
    """A count, or UTC seconds, as a line of daily work holds it; 0 where somebody else wrote there."""
    return int(text) if text.isdecimal() and len(text) < 12 else 0


def happenings(change: Iterable[Write]) -> list[Happened]:
    """The events of the ledger in a change, in their order."""
    return [write for write in change if type(write) is Happened]


def operations(change: Iterable[Write]) -> list[Operation]:
    """What a change writes beside them, in its order."""
    return [write for write in change if isinstance(write, Operation)]


def cases_after(change: Iterable[Write]) -> dict[str, Case]:
    """The cases on which a change takes a step, by their ids, as it leaves them."""
    return {write.case.id: write.case for write in change if type(write) is Watch}


def case_after(case: Case, change: Change) -> Case:
    """The case as a change leaves it."""
    return cases_after(change).get(case.id, case)


# ------------------------------------------------------------------------------------------------------------ breaker
# The breaker of an endpoint: after failures in a row it is left alone, but for one message at a time, its probe.
#
# All hosts share one state. It never costs an urgent message more than an eighth of the time that it has left.


OPENS_AFTER = 5


def is_open(state: EndpointState, now: int) -> bool:
    """Whether nothing is sent to the endpoint at `now`, UTC seconds. Nobody but an edited row leaves it alone for
    longer than any message waits."""
    return now < state.open_until <= now + LONGEST_WAIT_S


def probing(state: EndpointState, until: int) -> EndpointState:
    """A probe is on its way, and nothing else until it is back or `until` has passed."""
    return replace(state, open_until=until)


def opens_until(now: int, broken: int, deadline_at: int | None) -> int:
    """Until when an endpoint is left alone after `broken` failures past the one that opened its breaker."""
    return next_attempt_at(now, broken, deadline_at, 0.0)


def hastened(state: EndpointState, now: int, deadline_at: int | None) -> EndpointState:
    """An open breaker closes sooner for what must leave by `deadline_at`: whoever opened it had more time."""
    if deadline_at is None or not is_open(state, now):
        return state
    soonest = opens_until(now, max(0, state.failures - OPENS_AFTER), deadline_at)
    return state if state.open_until <= soonest else replace(state, open_until=soonest)


def failed(state: EndpointState, now: int, what: str, deadline_at: int | None) -> EndpointState:
    """One more failure in a row; `deadline_at` is that of the message that failed."""
    failures = state.failures + 1
    broken = failures - OPENS_AFTER
    until = opens_until(now, broken, deadline_at) if broken >= 0 else 0
    return replace(state, failures=failures, open_until=until, last_failure=what[:200])


def succeeded(state: EndpointState, now: int) -> EndpointState:
    """It does its work."""
    return replace(state, failures=0, open_until=0, last_success_at=now) if state.failures else state
