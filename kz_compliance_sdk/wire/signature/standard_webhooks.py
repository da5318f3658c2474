"""The Standard Webhooks profile: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`) over id, time and body.

The compatible profile. HMAC proves nothing to a third party, since both sides hold the secret. Method and
address are not covered, so a key is only as good as its pinning to one platform.

Written out because the reference library lets other exceptions than its own escape, holds one secret, reads
its own clock, and accepts a header that is not what was signed (junk inside base64, a time with a fraction).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature

from kz_compliance_sdk.wire.signature.keyring import (
    Key,
    KeyRing,
    SigningKey,
    Verified,
    one_of_each,
    refusal,
    verified_by,
)

HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")

MAX_SIGNATURES: Final = 32
# Each costs a curve operation for each key, and whoever sends it need not be anybody.
MAX_ED25519_SIGNATURES: Final = 4

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_VERSION = re.compile(r"[a-z0-9]{1,16}")
_SIZES = {"v1": 32, "v1a": 64}


def verify(ring: KeyRing, headers: Sequence[tuple[str, str]], body: bytes, now: int) -> Verified:
    """The sender of `body`. Header names are in lower case. Raises NotAuthentic."""
    message_id, timestamp, signatures = one_of_each(headers, HEADERS)
    if not _ID.fullmatch(message_id):
        raise refusal("id_malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise refusal("timestamp_malformed")
    macs, curve = _candidates(signatures)
    signed = f"{message_id}.{timestamp}.".encode("ascii") + body
    key = _best(_fitting(ring, signed, macs, curve), now)
    return verified_by(key, "standard-webhooks", signed_at=int(timestamp), now=now, message_id=message_id)


def sign(key: SigningKey, body: bytes, now: int, message_id: str) -> list[tuple[str, str]]:
    """The three headers that sign `body` at `now`. Raises ValueError for an id that no verifier would take."""
    if not _ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 128 of A-Z a-z 0-9 . _ : -")
    signed = f"{message_id}.{now:010d}.".encode("ascii") + body
    if key.algorithm == "hmac-sha256":
        version, signature = "v1", hmac.digest(key.material, signed, "sha256")
    else:
        version, signature = "v1a", key.private_key().sign(signed)
    encoded = base64.b64encode(signature).decode("ascii")
    return list(zip(HEADERS, (message_id, f"{now:010d}", f"{version},{encoded}"), strict=True))


def _candidates(header: str) -> tuple[list[bytes], list[bytes]]:
    parts = header.split(" ", MAX_SIGNATURES)
    if len(parts) > MAX_SIGNATURES:
        raise refusal("too_many_signatures")
    macs: list[bytes] = []
    curve: list[bytes] = []
    for part in parts:
        version, comma, encoded = part.partition(",")
        if not comma or "," in encoded or not _VERSION.fullmatch(version):
            raise refusal("header_malformed")
        size = _SIZES.get(version)
        if size is not None:
            (macs if version == "v1" else curve).append(_decoded(encoded, size))
    if len(curve) > MAX_ED25519_SIGNATURES:
        raise refusal("too_many_signatures")
    return macs, curve


def _decoded(encoded: str, size: int) -> bytes:
    try:
        signature = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise refusal("header_malformed") from None
    # One signature has one text: the spare bits of the last letter must be zero.
    if len(signature) != size or base64.b64encode(signature).decode("ascii") != encoded:
        raise refusal("header_malformed")
    return signature


def _fitting(ring: KeyRing, signed: bytes, macs: list[bytes], curve: list[bytes]) -> Iterator[Key]:
    if macs:
        for key in ring.hmac_keys:
            expected = hmac.digest(key.material, signed, "sha256")
            if any([hmac.compare_digest(expected, candidate) for candidate in macs]):  # noqa: C419  # each is compared
                yield key
    if curve:
        for key in ring.ed25519_keys:
            public = ring.public_key(key.key_id)
            for candidate in curve:
                try:
                    if public is not None:
                        public.verify(candidate, signed)
                        yield key
                except InvalidSignature:
                    continue


def _best(fitting: Iterator[Key], now: int) -> Key:
    # A sender that rotates signs with the old key and with the new one: the better of them counts.
    found: Key | None = None
    for key in fitting:
        if key.is_usable(now):
            if not key.is_expired(now):
                return key
            found = key
        elif found is None:
            found = key
    if found is None:
        raise refusal("signature_wrong")
    return found
