"""The OpenAPI documents: the regulator's endpoints with the pushes as webhooks, and the platform's intake as a path.

Many tools read no webhooks, so the second document says the same of the intake once more in the form that they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kz_compliance_sdk.wire.v1 import API_VERSION, ENVELOPES
from tests.published.generator.parts import (
    HEADERS,
    PARAMETERS,
    SECURITY,
    SECURITY_SCHEMES,
    Side,
    body,
    header_refs,
    parameter_ref,
    refusal_ref,
    refusals,
    signature_headers,
    statuses_of,
)
from tests.published.generator.schemas import COMPONENTS_AT, DIALECT, components
from tests.published.generator.texts import MEANINGS

__all__ = ["VERSION", "intake_document", "regulator_document"]

Part = dict[str, Any]

VERSION: Final = f"{API_VERSION}.1"
"""Of the contract: the first number is `api_version`, the second grows with each compatible addition."""

_ABOUT: Final = (
    "A proposal: no public specification of the Kazakh regulator's interface was found. Times are RFC 3339 with an "
    "offset. null counts as absent. Nothing is converted. An unknown field of a message to the platform is ignored and "
    "kept in the raw bytes; messages of the platform have no fields but these. format is binding. x-codes has the "
    "codes of a refusal, and x-open marks a set that may grow."
)
# What a side can say to any request, whatever it asks for.
_ALWAYS: Final[Mapping[Side, tuple[int, ...]]] = {
    "intake": tuple(statuses_of("intake")),
    "regulator": (400, 401, 404, 405, 431, 503),
}
_INTAKE_PATH: Final = "/notices"


def regulator_document() -> Part:
    """What the regulator serves, under `paths`, and what it pushes to the platform, under `webhooks`."""
    return _document(
        "Kazakhstan's removal notices: the contract between a platform and the regulator",
        "Under paths: what the regulator serves. Under webhooks: what it pushes to the platform's intake address.",
        servers=[{"url": "https://regulator.example", "description": "The regulator; the address is an example."}],
        paths=_paths(),
        webhooks={kind: {"post": _push((kind,), kind)} for kind in ENVELOPES},
        sides=("regulator", "intake"),
    )


def intake_document() -> Part:
    """The platform's intake as one path: what each webhook of the other document says."""
    return _document(
        "Kazakhstan's removal notices: the platform's intake",
        "The webhooks of openapi.json as one path, for tools that read no webhooks.",
        servers=[{"url": "https://social.example/kz", "description": "The platform; address and path are examples."}],
        paths={_INTAKE_PATH: {"post": _push(tuple(ENVELOPES), "push")}},
        sides=("intake",),
    )


def _document(
    title: str, about: str, *, servers: list[Part], paths: Part, sides: Iterable[Side], webhooks: Part | None = None
) -> Part:
    responses = {name: response for side in sides for name, response in refusals(side)}
    whole: Part = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": f"{about} {_ABOUT}",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": DIALECT,
        "servers": servers,
        "security": SECURITY,
        "paths": paths,
        **({"webhooks": webhooks} if webhooks else {}),
        "components": {
            "schemas": dict(components()),
            "responses": responses,
            "parameters": dict(PARAMETERS),
            "headers": dict(HEADERS),
            "securitySchemes": dict(SECURITY_SCHEMES),
        },
    }
    return _used(whole)


def _push(kinds: tuple[str, ...], name: str) -> Part:
    taken = {"description": "Durable: the case, or null where none takes it", "content": body("accepted", "noted")}
    again = {"description": "A repeat: what was answered first", "content": body("accepted", "noted")}
    for response in (taken, again):
        response["headers"] = header_refs("CacheControl")
    asked = body(*kinds)
    if len(kinds) > 1:
        schema = asked["application/json"]["schema"]
        mapping = {kind: f"{COMPONENTS_AT}{model.__name__}" for kind, model in ENVELOPES.items()}
        schema["oneOf"] = schema.pop("anyOf")
        schema["discriminator"] = {"propertyName": "type", "mapping": mapping}
    text = MEANINGS[ENVELOPES[kinds[0]].__name__] if len(kinds) == 1 else "One message of the regulator."
    return {
        "operationId": f"push-{name.replace('.', '-')}" if len(kinds) == 1 else name,
        "summary": text,
        "description": "202, 200, 409 and 422 are the exits of what is authentic: all of it is kept. 401 keeps a "
        "counter and nothing else. A server or proxy in front may answer 4xx for the transport in words of its own.",
        "parameters": [parameter_ref(header) for header in signature_headers()],
        "requestBody": {"required": True, "content": asked},
        "responses": {"202": taken, "200": again} | _refusals("intake"),
    }


def _paths() -> Part:
    notice, platform = [parameter_ref("NoticeId")], [parameter_ref("PlatformId")]
    query = [parameter_ref(name) for name in ("After", "Since", "Limit")]
    return {
        "/v1/notices": {"get": _get("feed", "The feed of messages, oldest first", query, "feed-page")},
        "/v1/notices/{notice_id}": {
            "get": _get("notice", "What the regulator holds of a notice", notice, "held-notice")
        },
        "/v1/notices/{notice_id}/acknowledgements": {
            "post": _submit("acknowledge", "A revision was received", "acknowledgement")
        },
        "/v1/notices/{notice_id}/clarification-requests": {
            "post": _submit("ask", "What is missing or contradictory", "clarification-request")
        },
        "/v1/notices/{notice_id}/reports": {"post": _submit("report", "The outcome: the confirmation", "report")},
        "/v1/reports/{report_id}": {
            "get": _get("look-up-report", "Did a report arrive?", [parameter_ref("ReportId")], "receipt")
        },
        "/v1/platforms/{platform_id}/registration": {
            "get": _get("registration", "The platform's entry in the register", platform, "register-entry"),
            "put": {
                **_operation("register", "Enter the platform in the register, or change its entry", platform),
                "requestBody": {"required": True, "content": body("registration")},
                "responses": {
                    "200": _signed("The entry was changed", "register-entry"),
                    "201": _signed("The entry is new", "register-entry"),
                }
                | _refusals("regulator", 413, 415, 422),
            },
        },
        "/v1/platforms/{platform_id}/sanctions": {
            "get": _get("sanctions", "Warnings, fines, slowdowns and blocks", platform, "sanctions")
        },
    }


def _get(name: str, summary: str, parameters: list[Part], answer: str) -> Part:
    return {
        **_operation(name, summary, parameters),
        "responses": {"200": _signed(summary, answer)} | _refusals("regulator"),
    }


def _submit(name: str, summary: str, message: str) -> Part:
    parameters = [parameter_ref("NoticeId"), parameter_ref("IdempotencyKey")]
    return {
        **_operation(name, summary, parameters),
        "requestBody": {"required": True, "content": body(message)},
        "responses": {
            "201": _signed("Recorded; a repeat gets the same receipt", "receipt"),
            "409": _signed("Something else is recorded in its place: the receipt of that", "receipt"),
        }
        | _refusals("regulator", 413, 415, 422),
    }


def _operation(name: str, summary: str, parameters: list[Part]) -> Part:
    signed = [parameter_ref(header) for header in signature_headers()]
    return {"operationId": name, "summary": summary, "parameters": parameters + signed}


def _signed(description: str, answer: str) -> Part:
    return {
        "description": f"{description}. Signed by the regulator.",
        "headers": header_refs(*signature_headers()),
        "content": body(answer),
    }


def _refusals(side: Side, *more: int) -> Part:
    return {str(status): refusal_ref(side, status) for status in sorted({*_ALWAYS[side], *more})}


def _used(whole: Part) -> Part:
    """The document without the components that nothing in it refers to."""
    used: set[str] = set()
    queue: list[Any] = [whole["paths"], whole.get("webhooks", {})]
    for node in queue:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in used:
                used.add(reference)
                _, _, kind, name = reference.split("/")
                queue.append(whole["components"][kind][name])
            queue.extend(node.values())
        elif isinstance(node, list):
            queue.extend(node)
    for kind, known in whole["components"].items():
        if kind != "securitySchemes":
            whole["components"][kind] = {
                name: each for name, each in known.items() if f"#/components/{kind}/{name}" in used
            }
    return whole
