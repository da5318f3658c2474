"""The baseline of the HTTP rows: Starlette doing what anybody must do with a notice, and storing nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Literal

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kz_compliance_sdk.testing import keys
from tests.benchmarks.samples import PATH


class _Text(BaseModel):
    lang: str
    text: str


class _Basis(BaseModel):
    act: str
    article: str
    reference: str | None = None
    url: str | None = None


class _Authority(BaseModel):
    id: str
    name: dict[str, str]
    unit: str | None = None
    bin: str | None = None
    type: Literal["authorised_body", "prosecutor", "national_security", "court", "other"] | None = None


class _Item(BaseModel):
    item_id: str
    url: str | None = None
    object_id: str | None = None
    account_ref: str | None = None
    content_type: str | None = None
    evidence_sha256: str | None = None


class _Notice(BaseModel):
    notice_id: str
    revision: int
    kind: Literal["request", "prescription", "submission", "notification", "recommendation", "court_order"]
    reference_number: str
    issuing_authority: _Authority
    signatory: dict[str, str] | None = None
    platform_id: str
    addressee: dict[str, str] | None = None
    issued_at: str
    languages: list[str]
    urgency_reason: str | None = None
    legal_basis: list[_Basis]
    category: str
    statement_of_reasons: list[_Text]
    items: list[_Item]
    requested_action: str
    territorial_scope: list[str] = ["KZ"]
    contact: dict[str, str] | None = None


class _Envelope(BaseModel):
    id: str
    type: Literal["notice.issued"]
    api_version: Literal["1"]
    sent_at: str
    platform_id: str
    data: _Notice


def bare() -> Starlette:
    """Starlette, the HMAC of Standard Webhooks and a pydantic model of the same message; nothing is stored."""
    secret = keys.regulator_signing_key("standard-webhooks").material

    async def receive(request: Request) -> Response:
        body = await request.body()
        headers = request.headers
        message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not _is_authentic(secret, f"{message_id}.{stamp}.".encode(), stamp, body, headers.get("webhook-signature")):
            return Response(b"", 401)
        envelope = _Envelope.model_validate_json(body)
        answer = f'{{"case_reference":"{envelope.id}","received_at":"{envelope.sent_at}"}}'
        return Response(answer, 202, media_type="application/json")

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


def _is_authentic(secret: bytes, prefix: bytes, stamp: str, body: bytes, signatures: str | None) -> bool:
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
        return False
    expected = base64.b64encode(hmac.new(secret, prefix + body, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{expected}", given) for given in (signatures or "").split(" "))
