"""What becomes of a case's items when a message of the authority names some of them anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.cancellations import (
    Standing,
    enforcing,
    has_begun,
    holding,
    on_its_way_falls,
    stop,
    void,
    with_version,
)
from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.change import Write
from kz_compliance_sdk.domain.messages import object_key
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.policy import Policy


def named_anew(
    case: Case, noticed: Mapping[str, Item], standing: Standing, policy: Policy, stamp: Stamp
) -> tuple[list[ItemState], list[Write], Standing]:
    """The items with those that a message names open again, and new ones added. What waits to be carried out for them
    is void. An id that now names another object is another item: what was done to the first object is undone."""
    same = [item for item in case.items if item.object_key in _names(noticed.get(item.item_id))]
    standing = holding(standing, same)
    items: list[ItemState] = []
    writes: list[Write] = []
    numbers = count(case.named + 1)
    for item in case.items:
        if item.item_id not in noticed or item.was:
            items.append(item)
            continue
        if item in same:
            begun = has_begun(item, standing.messages)
            # What somebody is carrying out at this moment can come into force: only lifting it takes it back.
            measure = item.measure or (item.action if begun else "")
            items.append(item.but(status="open", measure=measure, fell=""))
            writes += void(enforcing(item, standing.messages), stamp, kinds=("enforce",))
            continue
        stopped, more = stop(case, on_its_way_falls(item, standing), "withdrawn", standing, policy, stamp)
        standing = with_version(standing, stopped)
        writes += more
        items.append(ItemState(item.item_id, next(numbers)))
        if stopped.status == "stopped" and not item.effective_at:
            continue
        # One whose measure was lifted before stays as well: its user's appeal can still be open.
        items.append(stopped.but(item_id=f"{item.item_id}~{item.number}", was=item.item_id, ground=item.ground))
    known = {item.item_id for item in case.items}
    return [*items, *(ItemState(name, next(numbers)) for name in noticed if name not in known)], writes, standing


def last_number(case: Case, items: Iterable[ItemState]) -> int:
    """The highest number that an item of the case ever had, with these among them."""
    return max(case.named, *(item.number for item in items))


def _names(item: Item | None) -> tuple[str, ...]:
    """The object keys under which the item of a case can be the one that a message names."""
    return () if item is None else ("", object_key(item))
