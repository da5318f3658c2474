"""Signatures of both profiles, written out by hand.

Not with `wire`: what is driven may be this library, and a mistake in `wire` would then excuse itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from kz_compliance_sdk.wire.signature import Profile, SigningKey

Headers = list[tuple[str, str]]
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the group of Ed25519."""
TAG: Final = "kz-compliance"
_COVERED: Final = ("@method", "@target-uri", "content-digest")


def content_digest(body: bytes) -> str:
    """The Content-Digest of RFC 9530 with SHA-256."""
    return f"sha-256=:{in_base64(hashlib.sha256(body).digest())}:"


def rfc9421(
    key: SigningKey,
    target_uri: str,
    body: bytes,
    *,
    created: int | None,
    nonce: str | None = "conformance",
    method: str = "POST",
    key_id: str | None = None,
    algorithm: str | None = "ed25519",
    tag: str | None = TAG,
    expires: int | None = None,
    covered: Sequence[str] = _COVERED,
    label: str = "kz",
    prove: Callable[[bytes], bytes] | None = None,
) -> Headers:
    """The three headers of RFC 9421. A parameter that is None is left out. `created` and `expires` are UTC seconds.
    `prove` makes another signature than the key would, of what is covered."""
    digest = content_digest(body)
    values = {"@method": method, "@target-uri": target_uri, "content-digest": digest}
    parameters = "(" + " ".join(f'"{name}"' for name in covered) + ")"
    for name, value in (
        ("created", created),
        ("keyid", key.key_id if key_id is None else key_id),
        ("alg", algorithm),
        ("nonce", nonce),
        ("tag", tag),
        ("expires", expires),
    ):
        if value is not None:
            parameters += f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
    lines = [f'"{name}": {values[name]}' for name in covered] + [f'"@signature-params": {parameters}']
    covered_bytes = "\n".join(lines).encode()
    proof = in_base64(prove(covered_bytes) if prove is not None else signature(key, covered_bytes))
    return [
        ("content-digest", digest),
        ("signature-input", f"{label}={parameters}"),
        ("signature", f"{label}=:{proof}:"),
    ]


def webhook(key: SigningKey, body: bytes, *, message_id: str, at: int) -> Headers:
    """The three headers of Standard Webhooks, signed at `at` (UTC seconds)."""
    version = "v1" if key.algorithm == "hmac-sha256" else "v1a"
    proof = f"{version},{in_base64(signature(key, f'{message_id}.{at}.'.encode() + body))}"
    return [("webhook-id", message_id), ("webhook-timestamp", str(at)), ("webhook-signature", proof)]


def signed(
    profile: Profile, key: SigningKey, method: str, uri: str, body: bytes, *, at: int, message_id: str, nonce: str
) -> Headers:
    """The headers of a rightly signed request, under either profile."""
    if profile == "rfc9421":
        return rfc9421(key, uri, body, created=at, nonce=nonce, method=method)
    return webhook(key, body, message_id=message_id, at=at)


def signature(key: SigningKey, covered: bytes) -> bytes:
    """The Ed25519 signature, or the HMAC, over these bytes."""
    if key.algorithm == "hmac-sha256":
        return hmac.digest(key.material, covered, "sha256")
    return key.private_key().sign(covered)


def malleable(right: bytes) -> bytes:
    """An Ed25519 signature with the group's order added to its second half, which must not be taken."""
    return right[:32] + (int.from_bytes(right[32:], "little") + GROUP_ORDER).to_bytes(32, "little")


def in_base64(proof: bytes) -> str:
    return base64.b64encode(proof).decode()
