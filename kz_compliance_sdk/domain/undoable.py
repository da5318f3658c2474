"""The way out for a restore that can never be done, so that its case can end and its report says what is true."""

from __future__ import annotations

from collections.abc import Sequence

from kz_compliance_sdk.domain.audit import Stamp
from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change, MessageVoided
from kz_compliance_sdk.domain.events.office import UndoableRecorded
from kz_compliance_sdk.domain.messages import item_of
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.results import Answering, settle, with_item
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import IllegalMove, InvalidInput


def record_undoable(
    case: Case, item_id: str, reasons: str, messages: Sequence[OutboxMessage], answering: Answering, *, stamp: Stamp
) -> tuple[Change, Case]:
    """A person records that a measure can never be lifted, such as for an object that the platform holds no more.

    The item is `gone`, and reported as `cannot_comply`: nothing claims that it was restored. Raises IllegalMove while
    nobody has tried to lift it, or while a try is under way.
    """
    REVIEW_POLICY.check(stamp.actor, "record_undoable")
    need(reasons, "reasons", "Say why it can never be lifted.")
    item = next((one for one in case.items if one.item_id == item_id), None)
    if item is None:
        raise InvalidInput(f"the case has no item {item_id!r}.", field="item_id", remedy="Name one of its items.")
    restore = next((one for one in messages if one.kind == "restore" and item_of(case, one) == item), None)
    if item.status != "lifting" or restore is None:
        raise IllegalMove(f"nothing is to be lifted for the item {item_id!r}.", reference=case.id)
    if restore.state == "leased":
        raise IllegalMove("a try to lift it is under way: wait two minutes, then look again.", reference=case.id)
    if not restore.attempts:
        raise IllegalMove("nobody has tried to lift it yet: it must have failed first.", reference=case.id)
    data: dict[str, Json] = {"item": item_id, "version": item.effect_version, "tries": restore.attempts}
    items = with_item(case, item.but(status="gone", measure="", effective_at=stamp.at))
    texts = {"reasons": reasons}
    tells = [happened(case, UndoableRecorded(item=item.number), stamp, texts)]
    writes, after = settle(case, "record_undoable", items, data, answering, stamp, texts, tells)
    void = MessageVoided(case.platform_id, case.id, restore.id, stamp.at, must=True)
    return (*writes, *answering.objects.lifted(case, item, stamp), void), after
