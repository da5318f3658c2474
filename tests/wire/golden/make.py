"""Make the golden files: `python -m tests.wire.golden.make`.

Nothing here imports the package. Bodies are written down by hand and laid out by the standard library; HMAC
signatures come from the `standardwebhooks` package; Ed25519 signatures from raw `cryptography` over signature
bases that are spelled out below from the text of RFC 9421. So a mistake that our reader and our writer share
shows up here.
"""

from __future__ import annotations

import base64
import copy
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

HERE = Path(__file__).parent
NOW = 1_772_442_000  # 2026-03-02T09:00:00Z
TARGET = "https://social.example/kz/v1/messages?source=push"
ED25519_SEED = bytes(range(32))
HMAC_SECRET = b"golden secret of thirty-two byte"
MESSAGE_ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
NONCE = "nonce-0001"


def notice() -> dict[str, Any]:
    """A notice with every field that the contract names."""
    return {
        "notice_id": "KZ-2026-0000123",
        "revision": 1,
        "kind": "prescription",
        "reference_number": "45/1-06",
        "supersedes": "KZ-2026-0000100",
        "issuing_authority": {
            "id": "mki-kz",
            "name": {"kk": "Ақпарат комитеті", "ru": "Комитет информации", "en": "Committee of Information"},
            "unit": "Отдел мониторинга",
            "bin": "230940000001",
            "type": "authorised_body",
        },
        "originating_body": "Генеральная прокуратура",
        "signatory": {"name": "А. Серікұлы", "position": "Төраға"},
        "platform_id": "social",
        "addressee": {"legal_representative": "ТОО «Социал Қазақстан»", "bin": "230940000002"},
        "issued_at": "2026-03-02T08:55:00Z",
        "languages": ["kk", "ru"],
        "deadline": {"due_at": "2026-03-03T08:55:00Z", "legal_source": "18-VIII, 9"},
        "urgency_reason": "Құмар ойын жарнамасы.\nРеклама азартных игр.",
        "legal_basis": [
            {
                "act": "18-VIII",
                "article": "9",
                "reference": "4-1",
                "url": "https://adilet.zan.kz/rus/docs/Z2300000018",
            }
        ],
        "category": "illegal_gambling",
        "statement_of_reasons": [
            {"lang": "kk", "text": "Лицензиясыз онлайн-казино."},
            {"lang": "ru", "text": "Онлайн-казино без лицензии."},
        ],
        "expert_group_decision": {"number": "7", "decided_on": "2026-02-27"},
        "items": [
            {
                "item_id": "1",
                "url": "https://social.example/p/1001",
                "object_id": "post:1001",
                "content_type": "post",
                "locator": "second paragraph",
                "description": "Реклама казино",
                "evidence_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            },
            {"item_id": "2", "account_ref": "@casino", "content_type": "account"},
        ],
        "requested_action": "remove",
        "territorial_scope": ["KZ"],
        "user_notice": {"allowed": False, "delay_until": "2026-04-01T00:00:00Z", "legal_basis": "18-VIII, 9"},
        "preservation": {"until": "2026-09-01T00:00:00Z"},
        "redress": {"body": "Астана қалалық соты", "deadline": "3 ай", "url": "https://sud.gov.kz/"},
        "contact": {"name": "Канцелярия", "email": "office@mki.example", "phone": "+7 7172 00 00 00"},
        "attachments": [
            {
                "name": "letter.pdf",
                "media_type": "application/pdf",
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "url": "https://mki.example/letters/45-1.pdf",
            }
        ],
    }


def envelope(kind: str, data: dict[str, Any], *, message_id: str = MESSAGE_ID) -> dict[str, Any]:
    """A message of the regulator."""
    return {
        "id": message_id,
        "type": kind,
        "api_version": "1",
        "sent_at": "2026-03-02T09:00:00Z",
        "platform_id": "social",
        "data": copy.deepcopy(data),
    }


def laid_out(value: object) -> bytes:
    """JSON in UTF-8 with sorted keys and no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def files() -> dict[str, bytes]:
    """Every golden file by its name."""
    issued = laid_out(envelope("notice.issued", notice()))
    receipt = {
        "receipt_id": "rcpt-1",
        "subject_id": "rep-1",
        "body_sha256": hashlib.sha256(laid_out(_report())).hexdigest(),
        "recorded_at": "2026-03-02T11:00:02Z",
    }
    values: dict[str, object] = {
        "notice.amended": envelope("notice.amended", {**notice(), "revision": 2}),
        "notice.clarified": envelope(
            "notice.clarified",
            {
                "notice_id": "KZ-2026-0000123",
                "in_reply_to": "clar-1",
                "answers": [{"item_id": "2", "text": [{"lang": "ru", "text": "Весь аккаунт."}]}],
                "items": [{"item_id": "2", "url": "https://social.example/u/casino", "content_type": "account"}],
            },
        ),
        "notice.cancelled": envelope(
            "notice.cancelled",
            {
                "notice_id": "KZ-2026-0000123",
                "revision": 1,
                "item_ids": ["2"],
                "effect": "annulled",
                "reference_number": "45/1-07",
                "issued_at": "2026-03-02T08:59:00Z",
                "reasons": [{"lang": "ru", "text": "Ошибка."}],
            },
        ),
        "notice.reminded": envelope(
            "notice.reminded", {"notice_id": "KZ-2026-0000123", "escalation_level": 1, "text": "Ждём ответа."}
        ),
        "sanction.announced": envelope(
            "sanction.announced",
            {
                "sanction_id": "s-1",
                "level": "slowdown",
                "notice_ids": ["KZ-2026-0000123"],
                "effective_at": "2026-03-05T00:00:00Z",
                "reference_number": "45/2",
            },
        ),
        "acknowledgement": {
            "notice_id": "KZ-2026-0000123",
            "revision": 1,
            "received_at": "2026-03-02T09:00:01Z",
            "case_reference": "KZ-26-000001",
            "message_id": MESSAGE_ID,
        },
        "clarification-request": {
            "request_id": "clar-1",
            "notice_id": "KZ-2026-0000123",
            "case_reference": "KZ-26-000001",
            "sequence": 1,
            "questions": [{"item_id": "2", "text": [{"lang": "ru", "text": "Какие записи?"}]}],
            "sent_at": "2026-03-02T10:00:00Z",
        },
        "report": _report(),
        "report-interim": {
            **_report(),
            "report_id": "rep-0",
            "final": False,
            "items": [
                _report()["items"][0],
                {
                    "item_id": "2",
                    "outcome": "pending",
                    "action": "none",
                    "territorial_scope": ["KZ"],
                    "statement_of_reasons": [],
                    "decided_by": "human",
                    "appeal_available": True,
                },
            ],
        },
        "receipt": receipt,
        "held-notice": {
            "notice": notice(),
            "acknowledgements": [],
            "clarification_requests": [],
            "reports": [receipt],
        },
        "accepted": {
            "case_reference": "KZ-26-000001",
            "received_at": "2026-03-02T09:00:01Z",
            "due_at": "2026-03-03T09:00:01Z",
        },
        "problem": {
            "type": "https://kz-compliance.example/problems/url_scheme",
            "title": "Url scheme",
            "status": 422,
            "detail": "Use http or https.",
            "code": "url_scheme",
            "field": "data.items[0].url",
        },
        "feed-page": {
            "data": [
                {
                    "sequence": 41,
                    "body": base64.b64encode(issued).decode(),
                    "method": "POST",
                    "headers": dict(signatures(issued)["rfc9421"]),
                }
            ],
            "next_cursor": "41",
            "has_more": False,
        },
    }
    made = {f"{name}.json": laid_out(value) for name, value in values.items()}
    made["notice.issued.json"] = issued
    made["signatures.json"] = json.dumps(signatures(issued), indent=1).encode() + b"\n"
    return made


def signatures(body: bytes) -> dict[str, list[list[str]]]:
    """The headers of each profile over `body`, and over the receipt's answer, made without the package."""
    private = Ed25519PrivateKey.from_private_bytes(ED25519_SEED)
    content_digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    parameters = f';created={NOW};keyid="golden-ed25519";alg="ed25519";nonce="{NONCE}";tag="kz-compliance"'

    def message_signature(lines: list[str], covered: str) -> list[list[str]]:
        base = "\n".join([*lines, f'"@signature-params": {covered}{parameters}'])
        signature = base64.b64encode(private.sign(base.encode())).decode()
        return [
            ["signature-input", f"kz={covered}{parameters}"],
            ["signature", f"kz=:{signature}:"],
            ["content-digest", content_digest],
        ]

    mac = Webhook(HMAC_SECRET).sign(
        MESSAGE_ID,
        datetime.datetime.fromtimestamp(NOW, datetime.UTC),
        body.decode(),
    )
    curve = base64.b64encode(private.sign(f"{MESSAGE_ID}.{NOW}.".encode() + body)).decode()

    def webhook(signature: str) -> list[list[str]]:
        return [["webhook-id", MESSAGE_ID], ["webhook-timestamp", str(NOW)], ["webhook-signature", signature]]

    return {
        "rfc9421": message_signature(
            ['"@method": POST', f'"@target-uri": {TARGET}', f'"content-digest": {content_digest}'],
            '("@method" "@target-uri" "content-digest")',
        ),
        "rfc9421-response": message_signature(
            ['"@status": 201', f'"content-digest": {content_digest}'], '("@status" "content-digest")'
        ),
        "standard-webhooks-v1": webhook(mac),
        "standard-webhooks-v1a": webhook(f"v1a,{curve}"),
    }


def _report() -> dict[str, Any]:
    return {
        "report_id": "rep-1",
        "notice_id": "KZ-2026-0000123",
        "reference_number": "45/1-06",
        "case_reference": "KZ-26-000001",
        "sequence": 1,
        "final": True,
        "received_at": "2026-03-02T09:00:01Z",
        "reported_at": "2026-03-02T11:00:00Z",
        "items": [
            {
                "item_id": "1",
                "outcome": "removed",
                "action": "remove",
                "territorial_scope": ["KZ"],
                "effective_at": "2026-03-02T10:59:00Z",
                "ground": "local_law",
                "legal_provision": "18-VIII, 9",
                "statement_of_reasons": [{"lang": "ru", "text": "Реклама онлайн-казино."}],
                "decided_by": "human",
                "user_notified": "delayed",
                "appeal_available": True,
            },
            {
                "item_id": "2",
                "outcome": "refused",
                "action": "none",
                "territorial_scope": ["KZ"],
                "refusal_code": "overbroad",
                "statement_of_reasons": [{"lang": "ru", "text": "Весь аккаунт не нарушает закон."}],
                "decided_by": "human",
                "appeal_available": True,
            },
        ],
        "authorised_person": {"role": "head_of_office", "name": "Б. Ахметова"},
        "audit_head": "ab" * 32,
    }


if __name__ == "__main__":
    for name, content in files().items():
        (HERE / name).write_bytes(content)
