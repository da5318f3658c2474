"""The parts that the operations of the contract share: headers, parameters, security, and the refusals of each side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.wire.codes import CODES
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Problem
from tests.published.generator.samples import examples
from tests.published.generator.schemas import COMPONENTS_AT, component_of

__all__ = [
    "HEADERS",
    "PARAMETERS",
    "SECURITY",
    "SECURITY_SCHEMES",
    "Side",
    "body",
    "codes_of",
    "header_refs",
    "parameter_ref",
    "refusal_ref",
    "refusals",
    "statuses_of",
]

Part = dict[str, Any]
Side = Literal["intake", "regulator"]

_IDENTIFIER: Final[Part] = {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"}
_DIGEST = "^sha-256=:[A-Za-z0-9+/]{43}=:$"

_SIGNATURE_HEADERS: Final[Mapping[str, tuple[str, str, Part]]] = {
    "SignatureInput": (
        "Signature-Input",
        "Profile rfc9421: what is covered, with created, keyid, alg, nonce and the tag kz-compliance.",
        {"type": "string"},
    ),
    "Signature": ("Signature", "Profile rfc9421: the Ed25519 signature under the same label.", {"type": "string"}),
    "ContentDigest": (
        "Content-Digest",
        "Profile rfc9421: SHA-256 of the exact bytes of the body (RFC 9530).",
        {"type": "string", "pattern": _DIGEST},
    ),
    "WebhookId": ("webhook-id", "Profile standard-webhooks: the id of the message.", _IDENTIFIER),
    "WebhookTimestamp": (
        "webhook-timestamp",
        "Profile standard-webhooks: when it was signed, in UTC seconds.",
        {"type": "string", "pattern": "^[0-9]{10}$"},
    ),
    "WebhookSignature": (
        "webhook-signature",
        "Profile standard-webhooks: signatures v1 (HMAC-SHA256) or v1a (Ed25519), separated by a blank.",
        {"type": "string"},
    ),
}

HEADERS: Final[Mapping[str, Part]] = {
    **{key: {"description": text, "schema": schema} for key, (_, text, schema) in _SIGNATURE_HEADERS.items()},
    "Allow": {"description": "The methods that the address answers.", "required": True, "schema": {"type": "string"}},
    "CacheControl": {
        "description": "No answer of the intake may be kept by a cache.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "RetryAfter": {
        "description": "When to try again: seconds, or an HTTP date.",
        "schema": {"type": "string", "pattern": "^([0-9]{1,10}|[A-Z][a-z]{2}, .* GMT)$"},
    },
}
"""Headers of answers, by the name of their component."""

PARAMETERS: Final[Mapping[str, Part]] = {
    **{
        key: {"name": name, "in": "header", "description": text, "schema": schema}
        for key, (name, text, schema) in _SIGNATURE_HEADERS.items()
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "The id of the message, stored before it is first sent. The same key with the same body gets "
        "the same receipt; with another body it is refused.",
        "schema": _IDENTIFIER,
    },
    "NoticeId": {
        "name": "notice_id",
        "in": "path",
        "required": True,
        "description": "The notice.",
        "schema": _IDENTIFIER,
    },
    "ReportId": {
        "name": "report_id",
        "in": "path",
        "required": True,
        "description": "The report: its report_id, which was its Idempotency-Key.",
        "schema": _IDENTIFIER,
    },
    "PlatformId": {
        "name": "platform_id",
        "in": "path",
        "required": True,
        "description": "The platform that the key belongs to.",
        "schema": _IDENTIFIER,
    },
    "After": {
        "name": "after",
        "in": "query",
        "description": "The next_cursor of the page before. Not together with since.",
        "schema": {"type": "string", "maxLength": 512},
    },
    "Since": {
        "name": "since",
        "in": "query",
        "description": "Read again what was published from then on, at most 90 days back. Not together with after.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "Limit": {
        "name": "limit",
        "in": "query",
        "description": "How many entries a page may hold.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100},
    },
}
"""Parameters of requests, by the name of their component."""

SECURITY_SCHEMES: Final[Mapping[str, Part]] = {
    "rfc9421": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "HTTP Message Signatures (RFC 9421), Ed25519, over method, target URI and Content-Digest, with "
        "created, nonce and keyid. OpenAPI has no type of its own for it: signatures.md has the rules and vectors.",
    },
    "standard-webhooks": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks over id, timestamp and body: HMAC-SHA256 (v1) or Ed25519 (v1a).",
    },
}
SECURITY: Final[list[Part]] = [{"rfc9421": []}, {"standard-webhooks": []}]

_TITLES: Final[Mapping[int, str]] = {
    400: "The request cannot be read as it is",
    401: "Not authentic: the same bytes for every cause",
    404: "There is nothing of this name",
    405: "Another method",
    408: "The body did not come in time",
    409: "The same revision is held with another content; this one is kept in quarantine",
    411: "The length is missing",
    413: "Too large",
    415: "Not JSON as it is",
    422: "Authentic, and cannot be used",
    431: "Too many headers",
    503: "Nothing was acknowledged: send the same again",
}


def codes_of(side: Side, status: int) -> list[str]:
    """The codes that a side may send with a status."""
    return [
        name
        for name, code in CODES.items()
        if not code.mock_only and status in (code.intake if side == "intake" else code.regulator)
    ]


def statuses_of(side: Side) -> list[int]:
    """The statuses with which a side refuses."""
    found = (code.intake if side == "intake" else code.regulator for code in CODES.values() if not code.mock_only)
    return sorted({status for statuses in found for status in statuses} | {503})


def refusals(side: Side) -> Iterator[tuple[str, Part]]:
    """The response components of a side's refusals: each with all of its codes, and an example of each."""
    for status in statuses_of(side):
        headers = ["CacheControl"] if side == "intake" else []
        headers += {405: ["Allow"], 503: ["RetryAfter"]}.get(status, [])
        codes = codes_of(side, status)
        content: Part = {"schema": {"$ref": f"{COMPONENTS_AT}Problem"}}
        if codes:
            content["examples"] = {code: {"value": _example(side, code, status)} for code in codes}
        yield (
            _refusal_name(side, status),
            {
                "description": _TITLES[status],
                **({"headers": header_refs(*headers)} if headers else {}),
                "content": {PROBLEM_MEDIA_TYPE: content},
                "x-codes": codes,
            },
        )


def refusal_ref(side: Side, status: int) -> Part:
    """A reference to the response component of a refusal."""
    return {"$ref": f"#/components/responses/{_refusal_name(side, status)}"}


def header_refs(*names: str) -> Part:
    """References to header components, by the names that they have on the wire."""
    return {_on_the_wire(name): {"$ref": f"#/components/headers/{name}"} for name in names}


def parameter_ref(name: str) -> Part:
    """A reference to a parameter component."""
    return {"$ref": f"#/components/parameters/{name}"}


def body(*names: str) -> Part:
    """The JSON content that holds one of the messages `names`, with the examples of each."""
    references = [{"$ref": f"{COMPONENTS_AT}{component_of(name)}"} for name in names]
    shown = {
        f"{name}.{kind}".replace(".", "-"): {"value": value}
        for name in names
        for kind, value in examples()[name].items()
    }
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"application/json": {"schema": schema, "examples": shown}}


def signature_headers() -> list[str]:
    """The components of the headers of both signature profiles."""
    return list(_SIGNATURE_HEADERS)


def _refusal_name(side: Side, status: int) -> str:
    return f"{side.capitalize()}{status}"


def _on_the_wire(name: str) -> str:
    if name in _SIGNATURE_HEADERS:
        return _SIGNATURE_HEADERS[name][0]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name)


def _example(side: Side, code: str, status: int) -> Any:
    if side == "intake" and code == "not_authentic":
        return json.loads(NOT_AUTHENTIC.body)
    known = CODES[code]
    problem = Problem.of(code, status, f"{known.cause} {known.remedy}")
    return problem.model_dump(mode="json", exclude_none=True)
