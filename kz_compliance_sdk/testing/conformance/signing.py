"""Signatures of both profiles, written out by hand.

Not with `wire`: what is driven may be this library, and a mistake in `wire` would then excuse itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from kz_compliance_sdk.wire.signature import SigningKey

Headers = list[tuple[str, str]]
TAG: Final = "kz-compliance"
_COVERED: Final = ("@method", "@target-uri", "content-digest")


def content_digest(body: bytes) -> str:
    """The Content-Digest of RFC 9530 with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


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
    digest: str | None = None,
) -> Headers:
    """The three headers of RFC 9421. A parameter that is None is left out. `created` and `expires` are UTC seconds."""
    digest = content_digest(body) if digest is None else digest
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
    proof = signed_in_base64(key, "\n".join(lines).encode())
    return [
        ("content-digest", digest),
        ("signature-input", f"{label}={parameters}"),
        ("signature", f"{label}=:{proof}:"),
    ]


def webhook(key: SigningKey, body: bytes, *, message_id: str, at: int, secret: bytes | None = None) -> Headers:
    """The three headers of Standard Webhooks, signed at `at` (UTC seconds)."""
    covered = f"{message_id}.{at}.".encode() + body
    if secret is not None or key.algorithm == "hmac-sha256":
        mac = hmac.digest(key.material if secret is None else secret, covered, "sha256")
        proof = f"v1,{base64.b64encode(mac).decode()}"
    else:
        proof = f"v1a,{signed_in_base64(key, covered)}"
    return [("webhook-id", message_id), ("webhook-timestamp", str(at)), ("webhook-signature", proof)]


def signed_in_base64(key: SigningKey, covered: bytes) -> str:
    """The Ed25519 signature, or the HMAC, over these bytes."""
    if key.algorithm == "hmac-sha256":
        return base64.b64encode(hmac.digest(key.material, covered, "sha256")).decode()
    return base64.b64encode(key.private_key().sign(covered)).decode()
