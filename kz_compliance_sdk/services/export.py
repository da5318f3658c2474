"""All personal data of a case as one document, for somebody who asks what is held of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.events import texts_in
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.values import instant_text

_STAFF = ("proposed_by", "approved_by", "entered_by", "recorded_by", "account", "actor", "holder")


def export_document(case: Case, records: Records, *, with_staff: bool) -> dict[str, Any]:
    """Everything that is stored of a case, in the order in which it came. Without `with_staff` a pseudonym stands for
    each person of the office: what they did is the platform's, who they are is theirs."""
    who = (lambda name: name) if with_staff else _pseudonyms()
    return {
        "what": "the personal data that is held in one case",
        "read_before_handing_over": "It may speak of other people. Take out what is not about the person who asked.",
        "platform_id": case.platform_id,
        "case_reference": case.id,
        "notice_id": case.notice_id,
        "authority_id": case.authority_id,
        "category": case.category,
        "state": str(case.state),
        "received_at": instant_text(case.received_at),
        "items": [
            {
                "item_id": item.item_id,
                "url": item.url,
                "object_id": item.object_id,
                "account_ref": item.account_ref,
                "status": item.status,
                "measure": item.measure,
            }
            for item in case.items
        ],
        "received": [
            {
                "message_id": row.message_id,
                "sender": row.sender,
                "type": row.type,
                "received_at": instant_text(row.received_at),
                "body": _readable(row.body, who),
                "proof": _readable(row.proof, who),
            }
            for row in records.inbox
            if row.case_id == case.id
        ],
        "decisions": [
            {
                "version": row.version,
                "body": _readable(row.body, who),
                "proposed_by": who(row.proposed_by),
                "approved_by": who(row.approved_by),
            }
            for row in records.decisions
        ],
        "written_by_people": [
            {
                "at": instant_text(on.at),
                "step": on.kind,
                "by": who(on.who.id if on.who is not None else SYSTEM.id),
                "about": name,
                "text": (records.words[on.seq, name] or b"").decode("utf-8", "replace"),
            }
            for on in records.stream.events
            for name in texts_in(on)
            if records.words.get((on.seq, name))
        ],
        "sent": [
            {
                "id": message.id,
                "kind": message.kind,
                "to": message.endpoint,
                "created_at": instant_text(message.created_at),
                "body": _readable(message.body, who),
                "receipt": _readable(message.receipt, who),
                "attempts": [
                    {"at": instant_text(one.started_at), "result": one.result, "detail": one.detail}
                    for one in records.attempts
                    if one.message_id == message.id
                ],
            }
            for message in records.messages
        ],
    }


def _pseudonyms() -> Callable[[str], str]:
    known: dict[str, str] = {"": "", "system": "system"}

    def pseudonym(name: str) -> str:
        return known.setdefault(name, f"person-{len(known) - 1}")

    return pseudonym


def _readable(body: bytes, who: Callable[[str], str]) -> Any:
    try:
        return _without_staff(json.loads(body), who)
    except ValueError:
        return {"base64": base64.b64encode(body).decode("ascii")} if body else None


def _without_staff(value: Any, who: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            key: who(one) if key in _STAFF and isinstance(one, str) else _without_staff(one, who)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_without_staff(one, who) for one in value]
    return value
