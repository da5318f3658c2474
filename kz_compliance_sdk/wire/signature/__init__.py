"""One call for both profiles: who sent this, proved over the raw bytes, or one refusal.

    verified = verify(ring, "POST", public_url + raw_target, headers, body, now)

`target_uri` is the configured public URL plus the raw target of the request line, never the Host header, which
the sender chooses. Header names come in lower case, as ASGI and WSGI servers give them.

The tag `kz-compliance` in a `Signature-Input` chooses the profile: such a message is judged as rfc9421 and by nothing
else, so that a second, weaker signature beside it proves nothing. What a proxy signed disturbs neither profile.
"""

from __future__ import annotations

from collections.abc import Sequence

from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.wire.signature import keyring, rfc9421
from kz_compliance_sdk.wire.signature.keyring import (
    WINDOW_S,
    Algorithm,
    Key,
    KeyRing,
    Profile,
    RefusalReason,
    SigningKey,
    Verified,
    material_from_text,
    refusal,
)

__all__ = [
    "SIGNATURE_HEADERS",
    "WINDOW_S",
    "Algorithm",
    "Key",
    "KeyRing",
    "Profile",
    "RefusalReason",
    "SigningKey",
    "Verified",
    "material_from_text",
    "profile_of",
    "sign",
    "sign_response",
    "verify",
    "verify_response",
]

SIGNATURE_HEADERS = frozenset(rfc9421.HEADERS) | frozenset(keyring.HEADERS)
"""The headers that carry a signature: what a feed entry or the evidence of a push must keep."""


def profile_of(headers: Sequence[tuple[str, str]]) -> Profile | None:
    """Which profile the headers speak of; None if they carry no signature of either."""
    found: Profile | None = None
    for name, value in headers:
        if name == "signature-input":
            if rfc9421.TAGGED in value:
                return "rfc9421"
            found = found or "rfc9421"
        if name == "webhook-signature":
            found = "standard-webhooks"
    return found


def verify(
    ring: KeyRing, method: str, target_uri: str, headers: Sequence[tuple[str, str]], body: bytes, now: int
) -> Verified:
    """Who sent a request. `now` is UTC seconds.

    A signature that is right but stale, or by a key out of its time that was not revoked, is returned with its
    flag set. Standard Webhooks covers neither method nor target.

    Raises NotAuthentic and nothing else; its `code` is a RefusalReason.
    """
    try:
        profile = profile_of(headers)
        if profile == "rfc9421":
            return rfc9421.verify(ring, method, target_uri, headers, body, now)
        if profile == "standard-webhooks":
            return keyring.verify(ring, headers, body, now)
    except NotAuthentic:
        raise
    except Exception:  # noqa: BLE001  # whatever a hostile header provokes in a parser, it proves no origin
        raise refusal("internal") from None
    raise refusal("no_signature")


def verify_response(ring: KeyRing, status: int, headers: Sequence[tuple[str, str]], body: bytes, now: int) -> Verified:
    """Who sent a response, such as a receipt. As `verify`; the status is covered by rfc9421 alone."""
    try:
        profile = profile_of(headers)
        if profile == "rfc9421":
            return rfc9421.verify_response(ring, status, headers, body, now)
        if profile == "standard-webhooks":
            return keyring.verify(ring, headers, body, now)
    except NotAuthentic:
        raise
    except Exception:  # noqa: BLE001  # as above
        raise refusal("internal") from None
    raise refusal("no_signature")


def sign(
    key: SigningKey,
    profile: Profile,
    method: str,
    target_uri: str,
    body: bytes,
    now: int,
    message_id: str,
    nonce: str,
    *,
    idempotency_key: str | None = None,
) -> list[tuple[str, str]]:
    """The headers that sign a request at `now` (UTC seconds), with names in lower case.

    rfc9421 signs the nonce and the `idempotency_key`, and needs an Ed25519 key; standard-webhooks signs the message
    id, which has to be that key, and takes either.

    Raises ConfigError for a key of the wrong kind and ValueError for an argument that cannot be signed.
    """
    if profile == "rfc9421":
        return rfc9421.sign(key, method, target_uri, body, now, nonce, idempotency_key)
    return keyring.sign(key, body, now, message_id)


def sign_response(
    key: SigningKey, profile: Profile, status: int, body: bytes, now: int, message_id: str
) -> list[tuple[str, str]]:
    """The headers that sign a response. `message_id` serves as the nonce of rfc9421. Raises as `sign`."""
    if profile == "rfc9421":
        return rfc9421.sign_response(key, status, body, now, message_id)
    return keyring.sign(key, body, now, message_id)
