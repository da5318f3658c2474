"""What of a case can be shown to somebody who must not learn who its people are: by list, never by search.

Nothing is looked for and crossed out. Each fact that may be shown is named here; whatever a later release adds is
withheld until somebody names it too. A digest is shown only where nobody can try one name after the other against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kz_compliance_sdk.domain.audit import SYSTEM, AuditEvent
from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Item, Notice, Reminder
from kz_compliance_sdk.domain.second_person import code
from kz_compliance_sdk.domain.values import instant_text

Said = Notice | Clarification | Cancellation | Reminder

FACTS = frozenset(
    "action answer_by at audience basis category code contest decision decisions due_at effect effective_at ended_at "
    "fell filed_at final flags for form from from_at given_at ground in_reply_to inherits is item items kept kind "
    "lang level lifts message messages not_before notice objects outgoing policy questions receipt receipt_sha256 "
    "received_at result result_at revision sender sent_at sequence settled sha256 source stands state steps "
    "supersedes suspension tell_at text_checked texts to token unasked until until_at version volume volume_limit "
    "was".split()
)
# Made of the name of the object and of what is known otherwise: whoever guesses that name could check it.
_RIDDLES: Mapping[str, tuple[str, ...]] = {
    "user_notice": ("message", "sha256"),
    "tell_user": ("message",),
    "delay_user_notice": ("messages",),
}
_PEOPLE = ("entered_by", "holder")
# A code, an id, a digest; whatever reads like words is none of them.
_TOKEN = re.compile(r"[A-Za-z0-9._:~*-]{1,160}")


class People:
    """The people of one case under numbers, in the order in which they appear. The numbers mean nothing elsewhere."""

    def __init__(self, events: Sequence[AuditEvent] = ()) -> None:
        self._known: dict[str, str] = {}
        for event in events:
            self(event.actor)
            said = data_of(event)
            for name in _PEOPLE:
                self(said.get(name))

    def __call__(self, actor: object) -> str:
        """The number of a person; nobody and the machine keep their names."""
        if not isinstance(actor, str) or actor in ("", SYSTEM.id):
            return SYSTEM.id if actor == SYSTEM.id else ""
        return self._known.setdefault(actor, f"person-{len(self._known) + 1}")


def data_of(event: AuditEvent) -> Mapping[str, Any]:
    """The facts of an event; none if its bytes cannot be read."""
    try:
        data = json.loads(event.content)["data"]
    except (ValueError, TypeError, LookupError):
        return {}
    return data if isinstance(data, dict) else {}


def is_token(value: object) -> bool:
    """Whether it is a code or an id, and no text."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def facts(event: AuditEvent, people: People, shown: frozenset[str]) -> tuple[dict[str, Json], list[str]]:
    """The facts of an event that can be shown, and the names of those that are withheld.

    `shown` are the digests of what lies in the pack: of other things an event's digest would be a riddle with few
    answers.
    """
    told: dict[str, Json] = {}
    withheld: list[str] = []
    for name, value in data_of(event).items():
        if name in _PEOPLE:
            told[name] = people(value)
        elif (name == "receipt_sha256" and value not in shown) or name in _RIDDLES.get(event.kind, ()):
            withheld.append(name)
        elif name in FACTS and (_is_plain(value) or (name == "policy" and code(value))):
            told[name] = value
        elif is_token(name):
            withheld.append(name)
    return told, sorted(withheld)


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_plain(one) and not isinstance(one, list) for one in value)
    return value is None or isinstance(value, bool | int) or is_token(value)


def provable(events: Sequence[AuditEvent]) -> list[bool]:
    """For each event whether its hash can be shown.

    A hash covers everything in its event. Where that is known but for a name, and no nonce is hidden in it, trying all
    colleagues would find the name: such a hash is withheld, and those after it up to the next event with a nonce, since
    each covers the one before.
    """
    answers: list[bool] = []
    safe = True
    for event in events:
        data = data_of(event)
        if isinstance(data.get("nonce"), str):
            safe = True
        elif event.actor != SYSTEM.id or "account" in data or any(data.get(name) for name in _PEOPLE):
            safe = False
        answers.append(safe)
    return answers


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


def decision_of(body: Mapping[str, Any]) -> dict[str, Json]:
    """A decision without what people wrote: what was found, what is done, what is told, and the answers of the legal
    check. The words that were told to the authority stand in its report."""
    proposal = body.get("proposal")
    proposal = proposal if isinstance(proposal, dict) else {}
    check = proposal.get("legal_check")
    items = proposal.get("items")
    return {
        "legal_check": {name: value for name, value in check.items() if value in ("yes", "no", "unclear")}
        if isinstance(check, dict)
        else None,
        "items": [_decided(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else [],
    }


def _decided(item: Mapping[str, Any]) -> dict[str, Json]:
    wording = item.get("wording")
    wording = wording if isinstance(wording, dict) else {}
    told: dict[str, Json] = {}
    for name in ("item_id", "finding", "action", "ground", "scope"):
        if _is_plain(item.get(name)):
            told[name] = item.get(name)
    for name in ("outcome", "refusal_code"):
        if _is_plain(wording.get(name)):
            told[name] = wording.get(name)
    return told


_RECEIPT = frozenset({"receipt_id", "subject_id", "body_sha256", "recorded_at"})


def is_plain_receipt(receipt: bytes) -> bool:
    """Whether a receipt holds the fields of the contract and no other, and nothing that reads like words."""
    try:
        said = json.loads(receipt)
    except ValueError:
        return False
    return isinstance(said, dict) and set(said) <= _RECEIPT and all(is_token(value) for value in said.values())
