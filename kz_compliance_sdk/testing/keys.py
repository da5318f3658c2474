"""Key pairs for tests and demonstrations. Everybody can read them here, so they prove nothing elsewhere.

The two sides have different keys, so that a mix-up of theirs shows.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from kz_compliance_sdk.testing.builders import AUTHORITIES, PLATFORM_ID
from kz_compliance_sdk.wire.signature import Key, Profile, SigningKey
from kz_compliance_sdk.wire.signature.keyring import TEST_ED25519_PRIVATE, TEST_HMAC_SECRET

SENDER: Final = "sample-regulator"

_FOR_EVER: Final = 7_258_118_399  # the last second of 2199


def regulator_signing_key(profile: Profile = "rfc9421", generation: int = 1) -> SigningKey:
    """The key that the sample regulator signs with; further generations are those that it may rotate to."""
    if generation > 1:
        kind, algorithm = ("key", "ed25519") if profile == "rfc9421" else ("secret", "hmac-sha256")
        name = f"sample-regulator-{algorithm.partition('-')[0]}-{generation}"
        return SigningKey(name, algorithm, _material(kind, name))  # type: ignore[arg-type]  # one of the two above
    if profile == "rfc9421":
        return SigningKey("sample-regulator-ed25519", "ed25519", TEST_ED25519_PRIVATE)
    return SigningKey("sample-regulator-hmac", "hmac-sha256", TEST_HMAC_SECRET)


def regulator_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID, generation: int = 1) -> Key:
    """What a platform holds to verify the sample regulator: for a ring with `allow_test_keys`."""
    return _public(regulator_signing_key(profile, generation), SENDER, frozenset(AUTHORITIES), platform_id)


def platform_signing_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID) -> SigningKey:
    """The key that a sample platform signs with: another than the regulator's, and than any other platform's."""
    if profile == "rfc9421":
        return SigningKey(f"{platform_id}-ed25519", "ed25519", _material("key", platform_id))
    return SigningKey(f"{platform_id}-hmac", "hmac-sha256", _material("secret", platform_id))


def platform_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID) -> Key:
    """What the sample regulator holds to verify a platform."""
    return _public(platform_signing_key(profile, platform_id=platform_id), platform_id, frozenset(), platform_id)


def key_settings(key: Key) -> dict[str, Any]:
    """A key as the settings write it."""
    row = {
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "public_key" if key.algorithm == "ed25519" else "secret": base64.b64encode(key.material).decode("ascii"),
        "sender": key.sender,
        "authorities": sorted(key.authorities),
        "not_before": key.not_before,
        "not_after": key.not_after,
    }
    return row if key.revoked_at is None else {**row, "revoked_at": key.revoked_at}


def _material(kind: str, platform_id: str) -> bytes:
    return hashlib.sha256(f"kz-compliance published test {kind} of {platform_id}".encode()).digest()


def _public(key: SigningKey, sender: str, authorities: frozenset[str], platform_id: str) -> Key:
    return Key(
        key_id=key.key_id,
        algorithm=key.algorithm,
        material=key.verification_material(),
        sender=sender,
        authorities=authorities,
        platform_id=platform_id,
        not_before=0,
        not_after=_FOR_EVER,
    )
