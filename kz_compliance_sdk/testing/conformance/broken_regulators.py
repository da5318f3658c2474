"""Regulators that are broken on purpose, each in one way: `controls.toml` says how, and which checks must find it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.conformance import transport
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Reply, Request, document_of, refuse
from kz_compliance_sdk.testing.mock_regulator.faults import Fault, FaultKind
from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator
from kz_compliance_sdk.wire.signature import sign_response

Handle = Callable[[Request], Reply]
Headers = Sequence[tuple[str, str]]
URL: Final = "http://regulator.test"
_PROOF: Final = frozenset(("content-digest", "signature-input", "signature"))


def _armed(kind: FaultKind) -> Callable[[MockRegulator], Handle]:
    def make(regulator: MockRegulator) -> Handle:
        regulator.fail(Fault(kind, times=None))
        return regulator.handle

    return make


def _answers(change: Callable[[MockRegulator, Request, Reply], Reply]) -> Callable[[MockRegulator], Handle]:
    """Says something else than it does."""
    return lambda regulator: lambda request: change(regulator, request, regulator.handle(request))


def _takes(change: Callable[[MockRegulator, Request], Request]) -> Callable[[MockRegulator], Handle]:
    """Reads something else than was sent."""
    return lambda regulator: lambda request: regulator.handle(change(regulator, request))


def _as_platform(regulator: MockRegulator, request: Request, target: str | None = None) -> Request:
    """The request as if the platform had signed it now, for `target`."""
    asked = target or request.target
    key, method = published.platform_signing_key(), request.method
    proof = transport.rfc9421(key, URL + asked, request.body, created=regulator.now(), method=method)
    return replace(request, target=asked, headers=[*bare(request.headers), *proof])


def _receipt(regulator: MockRegulator, status: int, **fields: Any) -> Reply:
    body = canonical(fields)
    proof = sign_response(published.regulator_signing_key(), "rfc9421", status, body, regulator.now(), "broken")
    return Reply(status, (JSON, *proof), body)


def _second_receipt(regulator: MockRegulator) -> Handle:
    seen: dict[str, int] = {}

    def handle(request: Request) -> Reply:
        reply = regulator.handle(request)
        key = request.header("idempotency-key")
        if key is None or reply.status != 201:
            return reply
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 1:
            return reply
        return _receipt(regulator, 201, **json.loads(reply.body) | {"receipt_id": f"rcpt-again-{seen[key]}"})

    return handle


def _records(what: Callable[[Reply, dict[str, Any]], bool]) -> Callable[[MockRegulator], Handle]:
    """Gives a receipt where this says so of the reply and its document, and records nothing."""
    return _answers(
        lambda regulator, request, reply: (
            _new_receipt(regulator, request) if what(reply, document_of(reply.body)) else reply
        )
    )


def _says(status: int, code: str, below: str, instead_of: int) -> Callable[[MockRegulator], Handle]:
    """Refuses with another problem, there."""
    refused = refuse(status, code, "It is broken.").reply()
    return _answers(
        lambda _regulator, request, reply: (
            refused if request.path.startswith(below) and reply.status == instead_of else reply
        )
    )


def _new_receipt(regulator: MockRegulator, request: Request) -> Reply:
    return _receipt(
        regulator,
        201,
        receipt_id="rcpt-other",
        subject_id=request.header("idempotency-key"),
        body_sha256=hashlib.sha256(request.body).hexdigest(),
        recorded_at=instant_text(regulator.now()),
    )


def _is_feed(request: Request) -> bool:
    return request.method == "GET" and request.path == "/v1/notices"


def _skips(regulator: MockRegulator, request: Request, reply: Reply) -> Reply:
    if not _is_feed(request) or "after=" not in request.target or reply.status != 200:
        return reply
    page = json.loads(reply.body)
    if not page["has_more"]:
        return reply
    return regulator.handle(_as_platform(regulator, request, f"/v1/notices?limit=1&after={page['next_cursor']}"))


def _repeats(regulator: MockRegulator, request: Request) -> Request:
    if _is_feed(request) and "after=" in request.target and "never-given-out" not in request.target:
        return _as_platform(regulator, request, request.target.partition("&after=")[0])
    return request


def _ignores_limit(regulator: MockRegulator, request: Request) -> Request:
    if _is_feed(request) and "limit=1&" not in request.target + "&":
        return request
    if _is_feed(request) and regulator.handle(request).status != 401:
        return _as_platform(regulator, request, request.target.replace("limit=1", "limit=100", 1))
    return request


def _without_type(_regulator: MockRegulator, _request: Request, reply: Reply) -> Reply:
    told = {name: value for name, value in document_of(reply.body).items() if name != "type"}
    return replace(reply, body=canonical(told)) if reply.status >= 400 else reply


def _asks_nobody(regulator: MockRegulator, request: Request) -> Request:
    signed = any(name in _PROOF for name, _ in request.headers)
    return request if signed else _as_platform(regulator, request)


def _never_late(regulator: MockRegulator, request: Request) -> Request:
    created = (request.header("signature-input") or "").partition("created=")[2].partition(";")[0]
    late = created.isdigit() and regulator.now() - int(created) > 300
    return _as_platform(regulator, request) if late else request


def _unproved_entries(_regulator: MockRegulator, request: Request, reply: Reply) -> Reply:
    if not _is_feed(request) or reply.status != 200:
        return reply
    page = json.loads(reply.body)
    for entry in page["data"]:
        entry["headers"]["signature"] = entry["headers"]["signature"].swapcase()
    return replace(reply, body=canonical(page))


def _makes_a_key(regulator: MockRegulator, request: Request) -> Request:
    if request.method != "POST" or request.header("idempotency-key") is not None:
        return request
    name = json.loads(request.body).get("report_id", "none")
    return replace(request, headers=[*request.headers, ("idempotency-key", name)])


def bare(headers: Headers) -> Headers:
    return [pair for pair in headers if pair[0] not in _PROOF]


MAKES: Final[Mapping[str, Callable[[MockRegulator], Handle]]] = {
    "wrong_digest": _armed("wrong_digest"),
    "wrong_subject": _armed("wrong_subject"),
    "unsigned_receipts": _armed("unsigned"),
    "badly_signed_receipts": _armed("bad_signature"),
    "second_receipt": _second_receipt,
    "takes_other_bytes": _records(lambda _reply, told: told.get("code") == "idempotency_key_reused"),
    "makes_up_a_key": _takes(_makes_a_key),
    "takes_a_second_report": _records(lambda reply, _told: reply.status == 409),
    "takes_any_item": _records(lambda _reply, told: str(told.get("field")).endswith("item_id")),
    "feed_skips": _answers(_skips),
    "cursor_stands_still": _takes(_repeats),
    "ignores_the_limit": _takes(_ignores_limit),
    "unproved_entries": _answers(_unproved_entries),
    "forgets_reports": _says(404, "report_unknown", "/v1/reports/", 200),
    "problem_without_type": _answers(_without_type),
    "fails_on_the_unknown": _says(500, "internal", "/v1/notices/", 404),
    "asks_nobody": _takes(_asks_nobody),
    "takes_the_stale": _takes(_never_late),
}
