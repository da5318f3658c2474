"""Until when a sealed copy of what a measure hides is kept, and what is told when that time is over.

A measure must stay reversible: an appeal can succeed, an order can be annulled. Nothing is deleted here, and no measure
ends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, ItemState, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Change
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.holding import Objects
from kz_compliance_sdk.domain.messages import page
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy


def preserve_until(policy: Policy, notice: Notice, start: int) -> int:
    """Until when the copy is kept, in UTC seconds: the policy's time from `start`, or longer if the notice asks so."""
    asked = notice.preservation.until if notice.preservation is not None else 0
    return max(start + policy.preservation_s, asked)


def preservation_ended(case: Case, items: Sequence[ItemState], objects: Objects, stamp: Stamp) -> Change:
    """Tell people, once, that the copies behind the measures of these items need not be kept any longer."""
    tells = [happened(case, office.PreservationEnded(items=tuple(item.number for item in items)), stamp)]
    told = move(case, "preservation_ended", case.state)
    told, alert = page(told, "preservation_ended", ("lead", "head"), 20, stamp)
    return (
        CaseWrite(told),
        *tells,
        *objects.copies_freed(case, items, stamp),
        alert,
    )
