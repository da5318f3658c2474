"""What of the words of a case can be shown to somebody who must not learn who its people are: by list, never by search.

Nothing is looked for and crossed out. Each field of a message that may be shown is named here; whatever a later release
adds is withheld until somebody names it too. The open content of events needs no list: no class of event has a field
that could hold a word of anybody, and a test sees to that.
"""

from __future__ import annotations

import json
import re

from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Item, Notice, Reminder
from kz_compliance_sdk.domain.values import instant_text

Said = Notice | Clarification | Cancellation | Reminder

# A code, an id, a digest; whatever reads like words is none of them.
_TOKEN = re.compile(r"[A-Za-z0-9._:~*-]{1,160}")


def said_of(said: Said, *, full: bool) -> dict[str, Json]:
    """What a message of the authority says: all of it, or what names no person and is nobody's free text.

    The authority's own name, its numbers, and the acts and articles that it cites are shown as it wrote them.
    """
    if full:
        told: dict[str, Json] = said.model_dump(mode="json", exclude_none=True)
        return told
    match said:
        case Notice():
            return _notice(said)
        case Clarification():
            items = [_item(item) for item in said.items or ()]
            return {"notice_id": said.notice_id, "answers": len(said.answers), "items": items}
        case Cancellation():
            return {
                "notice_id": said.notice_id,
                "revision": said.revision,
                "effect": said.effect,
                "item_ids": None if said.item_ids is None else list(said.item_ids),
                "reference_number": said.reference_number,
                "issued_at": instant_text(said.issued_at),
            }
        case Reminder():
            return {"notice_id": said.notice_id, "escalation_level": said.escalation_level}


def _notice(notice: Notice) -> dict[str, Json]:
    authority, deadline, told = notice.issuing_authority, notice.deadline, notice.user_notice
    decision = notice.expert_group_decision
    shown: dict[str, Json] = {
        "notice_id": notice.notice_id,
        "revision": notice.revision,
        "kind": notice.kind,
        "reference_number": notice.reference_number,
        "supersedes": notice.supersedes,
        "issuing_authority": {
            "id": authority.id,
            "name": authority.name.model_dump(mode="json", exclude_none=True),
            "type": authority.type,
            "bin": authority.bin,
        },
        "platform_id": notice.platform_id,
        "issued_at": instant_text(notice.issued_at),
        "languages": list(notice.languages),
        "deadline": None if deadline is None else {"hours": deadline.hours, "due_at": _instant(deadline.due_at)},
        "legal_basis": [{"act": one.act, "article": one.article} for one in notice.legal_basis],
        "category": notice.category,
        "expert_group_decision": None
        if decision is None
        else {"number": decision.number, "decided_on": decision.decided_on},
        "items": [_item(item) for item in notice.items],
        "requested_action": notice.requested_action,
        "territorial_scope": list(notice.territorial_scope),
        "user_notice": None if told is None else {"allowed": told.allowed, "delay_until": _instant(told.delay_until)},
        "preservation": None if notice.preservation is None else {"until": _instant(notice.preservation.until)},
    }
    return {name: value for name, value in shown.items() if value is not None}


def _item(item: Item) -> dict[str, Json]:
    """An item without what it points at: an address or an account often is a name."""
    named_by = [name for name in ("url", "object_id", "account_ref") if getattr(item, name)]
    return {"item_id": item.item_id, "content_type": item.content_type, "named_by": named_by}


def _instant(at: int | None) -> str | None:
    return None if at is None else instant_text(at)


_RECEIPT = frozenset({"receipt_id", "subject_id", "body_sha256", "recorded_at"})


def is_plain_receipt(receipt: bytes) -> bool:
    """Whether a receipt holds the fields of the contract and no other, and nothing that reads like words."""
    try:
        said = json.loads(receipt)
    except ValueError:
        return False
    return (
        isinstance(said, dict)
        and set(said) <= _RECEIPT
        and all(isinstance(one, str) and _TOKEN.fullmatch(one) for one in said.values())
    )
