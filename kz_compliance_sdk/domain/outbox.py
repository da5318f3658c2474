"""What has to leave: one message for each effect outside the database, and when it is tried next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from kz_compliance_sdk.domain.canonical import Json, encoded
from kz_compliance_sdk.domain.values import Changeable

Kind = Literal["acknowledgement", "clarification", "report", "enforce", "restore", "page", "user_notice"]
MessageState = Literal["queued", "leased", "waiting", "parked", "void", "done"]

PARK_AFTER_REFUSED_S = 3600
"""How long a message is refused for reasons that may pass before it is parked, in seconds."""

LONGEST_PAUSE_S = 3600
"""How much later a message may be tried again because whoever it goes to asks for that, in seconds."""

_FIRST_WAIT = 2
LONGEST_WAIT_S = 900
"""The longest time between two tries that we choose, in seconds."""

_WAIT_AFTER_DEADLINE = 180


@dataclass(frozen=True)
class OutboxMessage(Changeable):
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
    def is_at_rest(self) -> bool:
        """Whether it can still be taken back: nobody has it in hand, and nothing came of it that must stand."""
        return self.state in ("queued", "waiting") or (self.state == "parked" and self.settled_at is None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, recorded whatever came of it. Times are UTC seconds."""

    platform_id: str
    case_id: str
    message_id: str
    number: int
    started_at: int
    ended_at: int
    result: str
    detail: str = ""


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
