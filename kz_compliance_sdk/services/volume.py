"""Whether unusually many new notices come from one authority, or under one key.

The count lies in the store, so that all receivers see the sum and a restart forgets nothing. It costs a batch of works,
and not each of them, two short reads and two rows.
"""

from __future__ import annotations

from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.policy import Safeguards
from kz_compliance_sdk.domain.volume import NoticeCounted, names_of
from kz_compliance_sdk.ports import Tx

__all__ = ["counted"]


def counted(
    tx: Tx, arrival: Arrival, authority_id: str, key_id: str, usual: Safeguards
) -> tuple[Arrival, NoticeCounted]:
    """A new notice, flagged if as many as are usual came before it within the window; and that it came."""
    names, over = names_of(authority_id, key_id), tx.now - usual.volume_window_s
    limit = usual.volume_notices
    before = max(tx.notices_counted(name, over, limit) for name in names)
    arrival = arrival.but(volume=before, volume_limit=limit)
    if before >= limit:
        arrival = arrival.but(flags=(*arrival.flags, "volume_unusual"))
    return arrival, NoticeCounted(arrival.platform_id, names, tx.now, over)
