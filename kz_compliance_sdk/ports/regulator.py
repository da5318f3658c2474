"""The way to an authority's system: what can come of a message, and the feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from kz_compliance_sdk.domain.change import Kind, OutboxMessage
from kz_compliance_sdk.domain.report import Receipt


@dataclass(frozen=True, slots=True)
class Delivered:
    """The regulator's receipt, checked against what was sent: `recorded_at` is UTC seconds by its clock, `body` the
    receipt as it came, `signature` the headers that prove it to a third party (empty where it was found among
    others). `otherwise`: under this very id it recorded other bytes, which a store that was restored from an older copy
    no longer knows."""

    receipt_id: str
    recorded_at: int
    body: bytes
    signature: tuple[tuple[str, str], ...] = ()
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class RetryAt:
    """A passing fault. `at` (UTC seconds) is when the other side asked to be tried again, None if it did not say."""

    reason: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The regulator refuses this message. `final`: for good, sending the same bytes again cannot help."""

    code: str
    reason: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have arrived and no receipt is in hand: look it up before sending again."""

    reason: str


@dataclass(frozen=True, slots=True)
class ByPerson:
    """A person has to deliver this and to record how."""

    what: str


Sent = Delivered | RetryAt | Rejected | Unknown | ByPerson


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """One entry of the regulator's feed: the exact bytes and the signature that was made for pushing them."""

    sequence: int
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of the feed, oldest first. `next_cursor` is None where the feed ends and names no place to go on from: its
    last page is then read again."""

    messages: tuple[FeedMessage, ...]
    next_cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What the regulator holds of a notice: its newest revision, and a receipt for whatever it recorded."""

    revision: int
    receipts: tuple[tuple[Kind, Receipt], ...]


class Regulator(Protocol):
    """The way to one authority's system. Methods return what happened; they raise only for faults of this program."""

    name: str

    def send(self, message: OutboxMessage) -> Sent: ...

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        """The receipt of a message whose fate is unknown, or that was refused; None if the regulator holds none of its
        id."""

    def fetch(self, after: str, limit: int) -> FeedPage:
        """The page behind the cursor `after` (empty: from the beginning), of `limit` entries at most.

        Raises RegulatorError: with the code `cursor_unknown` if the other side does not know `after` any more, and the
        feed must be read from its beginning; with `too_large` or `deadline` if a page of fewer entries may be read.
        """


@runtime_checkable
class Books(Regulator, Protocol):
    """A regulator that shows its books, so that they can be compared with ours."""

    def held(self, notice_id: str) -> Held | None:
        """What is held of a notice; None if the regulator knows none of that id. Raises RegulatorError."""

    def sanctions(self) -> tuple[str, ...]:
        """The ids of the sanctions that were announced to the platform. Raises RegulatorError."""
