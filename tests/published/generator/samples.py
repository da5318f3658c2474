"""Examples of every message: one with every field that fits, one with none that can be left out, and the odd ones.

Made by the builders from fixed seeds and signed with the published test keys, so that they are the same in every run
and each digest and signature in them is right.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final

from kz_compliance_sdk.domain.notice import Notice, UserNotice
from kz_compliance_sdk.domain.report import (
    OutboundModel,
    Receipt,
    Report,
    ReportItem,
    ReportSignature,
    outbound_bytes,
    unsigned_bytes,
)
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import platform_signing_key, regulator_signing_key
from kz_compliance_sdk.wire.codes import CODES
from kz_compliance_sdk.wire.signature import sign
from kz_compliance_sdk.wire.strict_json import validated
from kz_compliance_sdk.wire.v1 import (
    ENVELOPES,
    Accepted,
    FeedEntry,
    FeedPage,
    HeldNotice,
    Noted,
    Problem,
    encode,
    problem_bytes,
    read_message,
)
from tests.published.generator.schemas import MODELS

__all__ = ["INTAKE_URL", "REGISTRATION", "examples"]

INTAKE_URL: Final = f"{builders.HOST}/kz/notices"
_AT: Final = builders.ISSUED_AT
_CASE: Final = "019ab4e6-5d4f-7c1e-9a55-0c6a2f8d1b77"

REGISTRATION: Final[Mapping[str, Any]] = {
    "owner": {"name": "ТОО «Образец»", "bin": "000000000009"},
    "apps": [builders.HOST],
    "users_a_day": 250_000,
    "legal_representative": {"name": "Үлгі Д. Қ.", "email": "kz@social.example"},
    "office": {"address": "Астана, Үлгі көшесі, 1", "phone": "+7 7172 00 00 00"},
    "head": {"name": "Үлгі Б. С.", "citizenship": "KZ"},
}


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """The examples of each message by their names, as JSON values. Not to be changed."""
    made = {name: {"complete": _json(body)} for name, body in _complete().items()}
    for name, values in made.items():
        least = _least(values["complete"], partial(_is_read, name))
        # An answer is always whole; in a problem everything is optional, and an empty one shows nothing.
        if least != values["complete"] and name not in ("noted", "problem"):
            values["minimal"] = least
    made["notice.cancelled"]["without-effect"] = _without(made["notice.cancelled"]["complete"], "effect", "item_ids")
    made["report"]["interim"] = _json(outbound_bytes(_interim()))
    made["report"]["restored"] = _json(outbound_bytes(_restored()))
    made["problem"]["not-authentic"] = _json(NOT_AUTHENTIC.body)
    made["registration"] = {"complete": copy.deepcopy(dict(REGISTRATION))}
    entry = {"registration": REGISTRATION, "status": "registered"}
    times = {"registered_at": instant_text(_AT), "updated_at": instant_text(_AT + 86_400)}
    made["register-entry"] = {"complete": copy.deepcopy({**entry, **times})}
    made["sanctions"] = {"complete": {"data": [made["sanction.announced"]["complete"]["data"]]}}
    return made


def _complete() -> dict[str, bytes]:
    notice = _notice()
    amended = _notice(revision=2, deadline={"due_at": _AT + 43_200, "legal_source": "18-VIII, 9"})
    clarification = builders.clarification(
        notice, "ask-1", answers=[{"item_id": "1", "text": [{"lang": "ru", "text": "Речь идёт о записи целиком."}]}],
        items=notice.items[:1],
    )  # fmt: skip
    report = _report()
    acknowledgement = builders.acknowledgement(notice, case_reference=_CASE, message_id="msg_notice-issued")
    asked = builders.clarification_request(
        notice,
        case_reference=_CASE,
        questions=[{"item_id": "1", "text": [{"lang": "ru", "text": "Какая именно часть записи?"}]}],
    )
    issued = builders.message_bytes(notice, message_id="msg_notice-issued")
    receipt = _receipt(report, report.report_id)
    return {
        "notice.issued": issued,
        "notice.amended": builders.message_bytes(amended, message_id="msg_notice-amended", sent_at=_AT + 600),
        "notice.clarified": builders.message_bytes(clarification, message_id="msg_notice-clarified", sent_at=_AT + 900),
        "notice.cancelled": builders.message_bytes(
            builders.cancellation(notice, "annulled", ["2"]), message_id="msg_notice-cancelled", sent_at=_AT + 3_600
        ),
        "notice.reminded": builders.message_bytes(
            builders.reminder(notice), message_id="msg_notice-reminded", sent_at=_AT + 72_000
        ),
        "sanction.announced": builders.message_bytes(
            builders.sanction(1, [notice.notice_id]), message_id="msg_sanction-announced", sent_at=_AT + 90_000
        ),
        "acknowledgement": outbound_bytes(acknowledgement),
        "clarification-request": outbound_bytes(asked),
        "report": outbound_bytes(report),
        "accepted": encode(Accepted(case_reference=_CASE, received_at=_AT + 1, due_at=_AT + 86_401)),
        "noted": json.dumps(Noted(subject_id="S-1", received_at=_AT + 90_001).model_dump(mode="json")).encode(),
        "receipt": encode(receipt),
        "feed-page": encode(_page(issued)),
        "held-notice": encode(
            HeldNotice(
                notice=notice,
                acknowledgements=(_receipt(acknowledgement, "ack-1"),),
                clarification_requests=(_receipt(asked, asked.request_id),),
                reports=(receipt,),
            )
        ),
        "problem": problem_bytes(_problem("schema_missing", 422, field="data.legal_basis")),
    }


def _notice(**changes: Any) -> Notice:
    base = builders.notice(2, items=2)
    items = [item.model_dump(exclude_none=True) for item in base.items]
    items[0] |= {"account_ref": "user-2-1", "locator": "00:01:30", "description": "Жарнама. Реклама."}
    more: dict[str, Any] = {
        "supersedes": "KZ-2026-0000001",
        "originating_body": "Ішкі істер министрлігі (үлгі)",
        "deadline": {"hours": 12, "legal_source": "18-VIII, 9"},
        "urgency_reason": "Балаға қауіп төніп тұр. Угроза ребёнку.",
        "legal_basis": [
            {"act": "18-VIII", "article": "9", "reference": "3", "url": "https://adilet.zan.kz/rus/docs/Z2300000018"}
        ],
        "items": items,
        "territorial_scope": ["KZ"],
        "user_notice": UserNotice(allowed=False, delay_until=_AT + 2_592_000, legal_basis="18-VIII, 9"),
        "preservation": {"until": _AT + 15_552_000},
        "redress": {"body": "Аудандық сот (үлгі)", "deadline": "үш ай / три месяца", "url": "https://court.example/kz"},
        "contact": {"name": "Кеңсе / Канцелярия", "email": "office@regulator.example", "phone": "+7 7172 00 00 00"},
        "attachments": [
            {
                "name": "letter.pdf",
                "media_type": "application/pdf",
                "sha256": hashlib.sha256(b"letter").hexdigest(),
                "url": "https://regulator.example/letters/2.pdf",
            }
        ],
    }
    return Notice.model_validate(base.model_dump(exclude_none=True) | more | changes)


def _report() -> Report:
    reasons = [{"lang": "kk", "text": "Қаралды."}, {"lang": "ru", "text": "Рассмотрено."}]
    base: dict[str, Any] = {"statement_of_reasons": reasons, "territorial_scope": ["KZ"], "appeal_available": True}
    removed: dict[str, Any] = {
        "outcome": "removed",
        "action": "remove",
        "effective_at": _AT + 3_600,
        "ground": "local_law",
        "legal_provision": "18-VIII, 9",
        "user_notified": "delayed",
    }
    restricted: dict[str, Any] = {
        "outcome": "restricted",
        "action": "restrict_access",
        "effective_at": _AT + 3_600,
        "ends_at": _AT + 2_592_000,
        "ground": "terms_of_service",
        "user_notified": "yes",
    }
    court = {"body": "Аудандық сот (үлгі)", "reference": "7194-26", "filed_at": _AT + 3_500}
    others: list[dict[str, Any]] = [
        {"outcome": "refused", "action": "none", "refusal_code": "protected_speech", "legal_provision": "20"},
        {
            "outcome": "cannot_comply",
            "action": "none",
            "cannot_comply": {"reason": "technical_or_operational", "details": "Хранилище недоступно."},
        },
        {"outcome": "contested", "action": "none", "contest": court},
        {"outcome": "not_found", "action": "none"},
    ]
    items = [
        ReportItem.model_validate({**base, **each, "item_id": str(number)})
        for number, each in enumerate((removed, restricted, *others), start=1)
    ]
    checkpoint = {"size": 1_204, "root": hashlib.sha256(b"a checkpoint over all cases").hexdigest()}
    given: dict[str, Any] = {"case_reference": _CASE, "items": items, "checkpoint": checkpoint}
    return _sealed(builders.report(builders.notice(2, items=6), "report-1", **given))


def _interim() -> Report:
    items = [
        {"item_id": "1", "outcome": "removed", "action": "remove", "effective_at": _AT + 3_600},
        {"item_id": "2", "outcome": "pending", "action": "none"},
    ]
    return _sealed(builders.report(_notice(), "report-0", case_reference=_CASE, final=False, items=items))


def _restored() -> Report:
    return _sealed(builders.report(_notice(), "report-2", sequence=2, outcome="restored", case_reference=_CASE))


def _sealed(report: Report) -> Report:
    key = platform_signing_key()
    value = base64.b64encode(key.private_key().sign(unsigned_bytes(report))).decode("ascii")
    return report.model_copy(update={"signature": ReportSignature(key_id=key.key_id, alg="ed25519", value=value)})


def _receipt(of: OutboundModel, subject_id: str) -> Receipt:
    digest = hashlib.sha256(outbound_bytes(of)).hexdigest()
    return Receipt(receipt_id=f"rcpt-{subject_id}", subject_id=subject_id, body_sha256=digest, recorded_at=_AT + 3_701)


def _page(body: bytes) -> FeedPage:
    key = regulator_signing_key()
    headers = sign(key, "rfc9421", "POST", INTAKE_URL, body, _AT, "msg_notice-issued", "nonce-of-the-feed")
    entry = FeedEntry(sequence=1, body=base64.b64encode(body).decode("ascii"), headers=dict(headers))
    return FeedPage(data=(entry,), next_cursor="Y3Vyc29yLzE", has_more=True)


def _problem(code: str, status: int, field: str | None = None) -> Problem:
    known = CODES[code]
    instance = f"urn:uuid:{_CASE}" if status == 422 else None
    return Problem.of(code, status, f"{known.cause} {known.remedy}", field=field, instance=instance)


def _json(body: bytes) -> Any:
    return json.loads(body)


def _without(value: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    return {**value, "data": {key: each for key, each in value["data"].items() if key not in fields}}


def _is_read(name: str, value: Mapping[str, Any]) -> bool:
    try:
        if name in ENVELOPES:
            read_message(json.dumps(value, ensure_ascii=False).encode())
        else:
            validated(MODELS[name], value)
    except Unreadable:
        return False
    return True


def _least(value: Any, accepts: Callable[[Any], bool]) -> Any:
    """What is left of an example when everything is gone that its reader does not miss."""
    if isinstance(value, dict):
        for key in reversed(list(value)):
            fewer = {name: each for name, each in value.items() if name != key}
            value = fewer if accepts(fewer) else value
        for key in list(value):
            value = {**value, key: _least(value[key], partial(_accepts_at, accepts, value, key))}
    elif isinstance(value, list):
        value = next(value[:count] for count in range(len(value) + 1) if accepts(value[:count]))
        for place in range(len(value)):
            least = _least(value[place], partial(_accepts_at, accepts, value, place))
            value = [*value[:place], least, *value[place + 1 :]]
    return value


def _accepts_at(accepts: Callable[[Any], bool], whole: Any, at: Any, part: Any) -> bool:
    changed = copy.copy(whole)
    changed[at] = part
    return accepts(changed)
