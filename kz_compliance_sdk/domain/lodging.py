"""Messages that no case took when they came, and sanctions: the fold of their own streams, and what is told there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.arrival_events import Arrival, came, carried
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.events.arrivals import Came, Sanctioned
from kz_compliance_sdk.domain.events.base import AS_READ, Happened
from kz_compliance_sdk.domain.events.privacy import Erased, erasable
from kz_compliance_sdk.domain.events.waiting import Joined, Lodged, LodgedKind
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Damage
from kz_compliance_sdk.domain.references import message_stream


@dataclass(frozen=True, slots=True)
class Lodging:
    """A message that came at `at` (UTC seconds). `joined` is the case in which it has taken effect since."""

    said: Lodged
    at: int
    joined: str = ""
    erased: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it waits, or is noted and not erased yet."""
        return not self.joined and not self.erased


def lodging_in(stream: Stream) -> Lodging:
    """The message of a stream. Raises Damage or NewerRelease for one on which nothing may be decided."""
    first, *rest = stream.whole().events or (None,)
    if first is None or not isinstance(first.event, Lodged):
        raise Damage(stream.name, 1, "it does not begin with a message that came")
    cases = [on.event.case for on in rest if isinstance(on.event, Joined)]
    return Lodging(first.event, first.at, "".join(cases[:1]), any(isinstance(on.event, Erased) for on in rest))


def lodged(arrival: Arrival, kind: LodgedKind, notice_id: str, reply: bytes, stamp: Stamp) -> Happened:
    """That a message of this kind came, which no case takes. `notice_id` is the notice for which it waits, empty for
    none; then the `reply` is kept, which nothing open tells."""
    how = came(arrival, stamp)
    event = Lodged(kind=kind, came=how, notice=notice_id or None)
    words = carried(arrival, event)
    if not notice_id:
        words["reply"] = reply
    data = {name: said.encode() if isinstance(said, str) else said for name, said in words.items()}
    return Happened(arrival.platform_id, _stream(how, stamp), event, stamp.at, AS_READ, None, data)


def joined(row: InboxRow, case_id: str, stamp: Stamp) -> Happened:
    """That a message that waited has taken effect in a case."""
    key, body = stamp.keyed(row.sender, row.message_id), stamp.keyed(row.body_sha256)
    stream = message_stream(key, body, stamp.keyed)
    return Happened(row.platform_id, stream, Joined(case=case_id), stamp.at, AS_READ)


def erased(stream: Stream, ground: str, stamp: Stamp) -> Happened:
    """That the words of a message are destroyed, and their key with them."""
    event = Erased(ground=ground, emptied=erasable(stream.whole().events))
    return Happened(stream.platform, stream.name, event, stamp.at, stream.seq, stamp.actor)


def _stream(how: Came, stamp: Stamp) -> str:
    return message_stream(how.key, how.body, stamp.keyed)


SANCTIONS: Final = "sanction/"
"""How the stream of each begins; a digest of its id under the platform's object key follows."""


@dataclass(frozen=True, slots=True)
class SanctionNoted:
    """A sanction that an authority announced."""

    platform_id: str
    sanction_id: str
    level: str
    notice_ids: tuple[str, ...]
    effective_at: int
    reference_number: str
    received_at: int


def sanctioned(noted: SanctionNoted, stamp: Stamp) -> Happened:
    """That a sanction was announced: for the first time, or with other terms."""
    event = Sanctioned(level=noted.level, notice_ids=noted.notice_ids, effective_at=noted.effective_at)
    words = {"sanction_id": noted.sanction_id.encode(), "reference_number": noted.reference_number.encode()}
    stream = f"{SANCTIONS}{stamp.keyed(noted.sanction_id)}"
    return Happened(noted.platform_id, stream, event, stamp.at, AS_READ, words=words)


def sanction_in(stream: Stream, opens: Callable[..., Mapping[tuple[int, str], bytes | None]]) -> SanctionNoted:
    """What a stream tells of its sanction: when it came and under which number it was announced first, the terms of the
    last announcement. Raises Damage, NewerRelease."""
    events = stream.whole().events
    if not events or not all(isinstance(on.event, Sanctioned) for on in events):
        raise Damage(stream.name, 1, "it tells of no sanction")
    names = (1, "sanction_id"), (1, "reference_number")
    found = opens(stream, names)
    sanction_id, reference_number = ((found[name] or b"").decode("utf-8", "replace") for name in names)
    last = events[-1].event
    return SanctionNoted(
        stream.platform,
        sanction_id,
        last.level,
        last.notice_ids,
        last.effective_at,
        reference_number,
        events[0].at,
    )
