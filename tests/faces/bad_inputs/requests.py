"""From a recipe to a request. Written beside the package, not with it: HMAC signatures are made here."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kz_compliance_sdk.wire.signature import SigningKey, sign
from kz_compliance_sdk.wire.signature.keyring import TEST_HMAC_SECRET
from tests.faces.bad_inputs.catalogue import BASE, BadInput

NOW: Final[int] = BASE["now"]
MESSAGE_ID: Final[str] = BASE["webhook_id"]
PLATFORM: Final = "social"
ORIGIN: Final = "https://social.example"
PATH: Final = "/notices"

Headers = list[tuple[str, str]]


def _secret(name: str) -> bytes:
    return hashlib.sha256(f"bad inputs: {name}".encode()).digest()


SECRETS: Final[Mapping[str, bytes]] = {
    "valid": _secret("current key"),
    "old_key_in_grace": _secret("old key in grace"),
    "old_key_expired": _secret("old key expired"),
    "revoked_key": _secret("revoked key"),
    "pgo-kz": _secret("key of the second authority"),
    "other_key": _secret("a key of nobody"),
    "other_tenant_key": _secret("another platform's key"),
    "test_key": TEST_HMAC_SECRET,
    "empty_key": b"",
}
ED25519: Final = Ed25519PrivateKey.from_private_bytes(_secret("curve key"))
CURVE_KEY: Final = SigningKey("mki-curve", "ed25519", _secret("curve key"))
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def envelope(notice_id: str = "KZ-2026-0000123", **data: Any) -> dict[str, Any]:
    """The base notice of the catalogue as a message of the contract; `data` replaces fields of the notice."""
    base = BASE["notice"]
    return {
        "id": MESSAGE_ID,
        "type": "notice.issued",
        "api_version": "1",
        "sent_at": "2026-03-02T08:59:00Z",
        "platform_id": PLATFORM,
        "data": {
            "notice_id": notice_id,
            "revision": 1,
            "kind": "request",
            "reference_number": "45/1",
            "issuing_authority": {"id": base["authority"]["id"], "name": {"en": base["authority"]["name"]}},
            "platform_id": PLATFORM,
            "addressee": {"legal_representative": "Sample LLP"},
            "issued_at": base["issued_at"],
            "languages": [base["language"]],
            "deadline": {"due_at": base["deadline"]},
            "legal_basis": base["legal_basis"],
            "category": base["category"],
            "statement_of_reasons": [{"lang": "kk", "text": "Себебі."}],
            "items": _items(base["content"]),
            "requested_action": "remove",
            # Fields that the contract does not have: kept in the raw bytes, otherwise ignored.
            "priority": base["priority"],
            "reporter": base["reporter"],
            **data,
        },
    }


def cancelled(message: dict[str, Any], notice_id: str) -> dict[str, Any]:
    """The message as a cancellation of `notice_id`."""
    data = {"notice_id": notice_id, "revision": 1, "effect": "withdrawn", "issued_at": "2026-03-02T08:58:00Z"}
    return {**message, "type": "notice.cancelled", "data": data}


def _items(content: object) -> object:
    if not isinstance(content, list):
        return content
    return [
        {"item_id": str(number)} | {{"kind": "content_type"}.get(name, name): value for name, value in item.items()}
        for number, item in enumerate(content, start=1)
    ]


def _deadline(value: object) -> object:
    return None if value is None else {"due_at": value}


# Where a field of the catalogue lies in the contract, and what its value becomes. `/priority` stands for a number
# that the contract has; `/type`, `/revokes` and `/amends` are seen to below.
_FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "/schema": ("/api_version", lambda value: value.removeprefix("kz-notice/")),
    "/type": ("/type", lambda value: {"removal": "notice.issued"}.get(value, value)),
    "/authority": ("/data/issuing_authority", lambda value: value),
    "/authority/id": ("/data/issuing_authority/id", lambda value: value),
    "/authority/name": ("/data/issuing_authority/name/en", lambda value: value),
    "/content": ("/data/items", _items),
    "/content/0/url": ("/data/items/0/url", lambda value: value),
    "/language": ("/data/languages", lambda value: [value]),
    "/deadline": ("/data/deadline", _deadline),
    "/priority": ("/data/revision", lambda value: value),
    "/revokes": ("/data/revokes", lambda value: value),
    "/amends": ("/data/supersedes", lambda value: value),
}


def _put(message: dict[str, Any], path: str, value: object) -> None:
    pointer, convert = _FIELDS.get(path, (f"/data{path}", lambda value: value))
    *parents, last = pointer.split("/")[1:]
    at: Any = message
    for step in parents:
        at = at[int(step) if isinstance(at, list) else step]
    at[int(last) if isinstance(at, list) else last] = convert(value)


def _drop(message: dict[str, Any], path: str) -> None:
    pointer, _ = _FIELDS.get(path, (f"/data{path}", None))
    *parents, last = pointer.split("/")[1:]
    at: Any = message
    for step in parents:
        at = at[step]
    del at[last]


def _in_our_words(message: dict[str, Any]) -> dict[str, Any]:
    """A revocation and an amendment are types of message here, each with its own shape."""
    if message.get("type") == "revocation":
        return cancelled(message, message["data"]["revokes"])
    if message.get("type") == "amendment":
        message["type"], message["data"]["revision"] = "notice.amended", 2
    return message


def serialised(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and when the receiver looks at its clock (UTC seconds)."""

    headers: Headers
    body: bytes
    method: str = "POST"
    target: str = PATH
    now: int = NOW
    secrets: tuple[str, ...] = field(default=())
    """What no log line may hold: the signature that proves it."""


def hmac_headers(body: bytes, *, key: str = "valid", at: int = NOW, message_id: str = MESSAGE_ID) -> Headers:
    """The headers of the Standard Webhooks profile, signed at `at` with an HMAC."""
    mac = hmac.digest(SECRETS[key], f"{message_id}.{at}.".encode() + body, "sha256")
    return _webhook(message_id, at, f"v1,{base64.b64encode(mac).decode()}")


def _webhook(message_id: str, at: int, signature: str) -> Headers:
    return [
        ("content-type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", signature),
    ]


def curve_headers(body: bytes, *, at: int = NOW, target: str = PATH) -> Headers:
    """The headers of the default profile, signed at `at` with Ed25519."""
    signed = sign(CURVE_KEY, "rfc9421", "POST", ORIGIN + target, body, at, MESSAGE_ID, "nonce-of-bad-inputs")
    return [("content-type", "application/json"), *signed]


def signed(message: Mapping[str, Any], *, key: str = "valid", at: int = NOW) -> Request:
    """The message, signed with an HMAC under its own id."""
    body = serialised(message)
    headers = hmac_headers(body, key=key, at=at, message_id=message["id"])
    return Request(headers, body, now=at, secrets=(headers[-1][1],))


def made(case: BadInput, *, curve: bool = False) -> Request:
    """The request of a case. `curve` signs with the default profile, where the case does not speak of headers."""
    body = _body(case)
    headers = curve_headers(body) if curve else _signed_as(case, body)
    request = Request(headers, body, secrets=(headers[-1][1],))
    for step in case.recipe:
        request = _after(step, request)
    return request


def _body(case: BadInput) -> bytes:
    message = copy.deepcopy(envelope())
    for step in case.recipe:
        if step["op"] == "set":
            _put(message, step["path"], step["value"])
        elif step["op"] == "remove":
            _drop(message, step["path"])
    body = serialised(_in_our_words(message))
    for step in case.recipe:
        body = _before(step, body)
    return body


def _before(step: Mapping[str, Any], body: bytes) -> bytes:
    match step["op"]:
        case "text" | "text_repeat":
            new = step["with"] if step["op"] == "text" else step["prefix"] + step["unit"] * step["times"]
            old = step["find"].encode()
            if old not in body:
                raise AssertionError(f"the body does not hold {step['find']!r}")
            return body.replace(old, new.encode(), 1)
        case "body_text":
            return bytes(step["text"].encode())
        case "body_hex":
            return bytes.fromhex(step["hex"])
        case "body_repeat":
            return bytes((step["prefix"] + step["unit"] * step["times"] + step["suffix"]).encode())
        case "encode":
            return body.decode().encode(step["codec"])
    return body


def _signed_as(case: BadInput, body: bytes) -> Headers:
    message_id = MESSAGE_ID
    mode = "valid"
    for step in case.recipe:
        if step["op"] == "header_before":
            message_id = step["value"]
        elif step["op"] == "sign":
            mode = step["mode"]
    if mode == "hex_digest":
        mac = hmac.digest(SECRETS["valid"], f"{message_id}.{NOW}.".encode() + body, "sha256")
        return _webhook(message_id, NOW, f"v1,{mac.hex()}")
    if mode == "v1a_s_plus_l":
        signature = ED25519.sign(f"{message_id}.{NOW}.".encode() + body)
        s = int.from_bytes(signature[32:], "little") + _ORDER
        forged = signature[:32] + s.to_bytes(32, "little")
        return _webhook(message_id, NOW, f"v1a,{base64.b64encode(forged).decode()}")
    return hmac_headers(body, key=mode, message_id=message_id)


def _after(step: Mapping[str, Any], request: Request) -> Request:
    match step["op"]:
        case "header":
            return replace(request, headers=_with_header(request.headers, step["name"], step["value"]))
        case "drop_header":
            return replace(request, headers=[pair for pair in request.headers if pair[0] != step["name"]])
        case "after_text":
            body = request.body.replace(step["find"].encode(), step["with"].encode(), 1)
            return replace(request, body=body)
        case "after_append_hex":
            return replace(request, body=request.body + bytes.fromhex(step["hex"]))
        case "clock":
            return replace(request, now=NOW + step["skew_s"])
    return request


def _with_header(headers: Headers, name: str, template: str) -> Headers:
    given = dict(headers)
    known = {"{ts}": given.get("webhook-timestamp", ""), "{sig}": given.get("webhook-signature", "")}
    known["{b64}"] = known["{sig}"].partition(",")[2]
    value = re.sub(r"\{[a-z0-9]+\}", lambda match: known[match[0]], template)
    return [*(pair for pair in headers if pair[0] != name), (name, value)]
