"""What of the words of a case can be shown to somebody who must not learn who its people are: by list, never by search.

Nothing is looked for and crossed out. Each field of a message that may be shown is named here; whatever a later release
adds is withheld until somebody names it too. The open content of events needs no list: no class of event has a field
that could hold a word of anybody, and a test sees to that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Item, Notice, Reminder

Said = Notice | Clarification | Cancellation | Reminder

# A code, an id, a digest; whatever reads like words is none of them.
_TOKEN = re.compile(r"[A-Za-z0-9._:~*-]{1,160}")


_SHOWN: Mapping[type[Said], Mapping[str, Any]] = {
    Notice: {
        **dict.fromkeys(
            "notice_id revision kind reference_number supersedes platform_id issued_at languages category "
            "requested_action territorial_scope".split(),
            True,
        ),
        "issuing_authority": {"id", "name", "type", "bin"},
        "deadline": {"hours", "due_at"},
        "legal_basis": {"__all__": {"act", "article"}},
        "expert_group_decision": {"number", "decided_on"},
        "user_notice": {"allowed", "delay_until"},
        "preservation": {"until"},
    },
    Clarification: {"notice_id": True},
    Cancellation: dict.fromkeys("notice_id revision effect item_ids reference_number issued_at".split(), True),
    Reminder: dict.fromkeys(("notice_id", "escalation_level"), True),
}
"""The fields of a message that name no person and are nobody's free text."""


def said_of(said: Said, *, full: bool) -> dict[str, Json]:
    """What a message of the authority says: all of it, or what names no person and is nobody's free text.

    The authority's own name, its numbers, and the acts and articles that it cites are shown as it wrote them.
    """
    include: Any = None if full else _SHOWN[type(said)]
    told: dict[str, Json] = said.model_dump(mode="json", exclude_none=True, include=include)
    if not full and isinstance(said, Notice | Clarification):
        told["items"] = [_item(item) for item in said.items or ()]
    if not full and isinstance(said, Clarification):
        told["answers"] = len(said.answers)
    return told


def _item(item: Item) -> dict[str, Json]:
    """An item without what it points at: an address or an account often is a name."""
    named_by = [name for name in ("url", "object_id", "account_ref") if getattr(item, name)]
    return {"item_id": item.item_id, "content_type": item.content_type, "named_by": named_by}


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
