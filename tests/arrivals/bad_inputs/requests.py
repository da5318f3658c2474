"""The requests of the catalogue's cases. Signed beside the package, not with it: HMAC signatures are made here."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kz_compliance_sdk.testing.conformance.bad_inputs import (
    BASE,
    BadInput,
    Headers,
    body_of,
    cancelled,
    changed,
    envelope,
    mode_of,
    serialised,
    skew_of,
    webhook_id_of,
)
from kz_compliance_sdk.testing.conformance.transport import GROUP_ORDER
from kz_compliance_sdk.wire.signature import SigningKey, sign
from kz_compliance_sdk.wire.signature.keyring import TEST_HMAC_SECRET

__all__ = [
    "CURVE_KEY", "ED25519", "MESSAGE_ID", "NOW", "ORIGIN", "PATH", "PLATFORM", "SECRETS", "Headers", "Request",
    "cancelled", "curve_headers", "envelope", "hmac_headers", "made", "serialised", "signed",
]  # fmt: skip

NOW: Final[int] = BASE["now"]
MESSAGE_ID: Final[str] = BASE["webhook_id"]
PLATFORM: Final = "social"
ORIGIN: Final = "https://social.example"
PATH: Final = "/notices"


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
    body = body_of(case, envelope())
    headers = curve_headers(body) if curve else _signed_as(case, body)
    secret = headers[-1][1]
    headers, body = changed(case, headers, body)
    return Request(headers, body, now=NOW + skew_of(case), secrets=(secret,))


def _signed_as(case: BadInput, body: bytes) -> Headers:
    message_id, mode = webhook_id_of(case, MESSAGE_ID), mode_of(case)
    if mode == "hex_digest":
        mac = hmac.digest(SECRETS["valid"], f"{message_id}.{NOW}.".encode() + body, "sha256")
        return _webhook(message_id, NOW, f"v1,{mac.hex()}")
    if mode == "v1a_s_plus_l":
        signature = ED25519.sign(f"{message_id}.{NOW}.".encode() + body)
        s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
        forged = signature[:32] + s.to_bytes(32, "little")
        return _webhook(message_id, NOW, f"v1a,{base64.b64encode(forged).decode()}")
    return hmac_headers(body, key=mode, message_id=message_id)
