"""A sanction against the platform: each has a stream of its own, and its row is made of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.change import Happened, SanctionNoted
from kz_compliance_sdk.domain.events.arrivals import Sanctioned
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.happened import AS_READ
from kz_compliance_sdk.domain.ledger import Damage

__all__ = ["SANCTIONS", "sanction_in", "sanctioned"]

SANCTIONS: Final = "sanction/"
"""How the stream of each begins; a digest of its id under the platform's object key follows."""


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
