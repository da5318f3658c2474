"""The keys of the sample regulator and of a sandbox that speaks to it. Everybody can read them here, so they prove
nothing elsewhere.

The two sides have different keys, so that a mix-up of theirs shows.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from kz_compliance_sdk.wire.signature.keyring import (
    TEST_ED25519_PRIVATE,
    TEST_HMAC_SECRET,
    Algorithm,
    Key,
    Profile,
    SigningKey,
)

SENDER: Final = "sample-regulator"
AUTHORITIES: Final = frozenset({"sample-authorised-body", "sample-court", "sample-prosecutor"})
"""The ids of the authorities for which the sample regulator speaks."""

FOR_EVER: Final = 7_258_118_399  # the last second of 2199
ENDS: Final[Mapping[Profile, str]] = {"rfc9421": "ed25519", "standard-webhooks": "hmac"}
"""How the id of a published key ends."""

_ALGORITHMS: Final[Mapping[Profile, Algorithm]] = {"rfc9421": "ed25519", "standard-webhooks": "hmac-sha256"}
_KINDS: Final[Mapping[Profile, str]] = {"rfc9421": "key", "standard-webhooks": "secret"}


def made(profile: Profile, key_id: str, seed: str) -> SigningKey:
    """A key of the kind that a profile takes, which everybody can make from its seed."""
    material = hashlib.sha256(f"kz-compliance published {seed}".encode()).digest()
    return SigningKey(key_id, _ALGORITHMS[profile], material)


def regulator_signing_key(profile: Profile = "rfc9421", generation: int = 1) -> SigningKey:
    """The key that the sample regulator signs with; further generations are those that it may rotate to."""
    name = f"{SENDER}-{ENDS[profile]}"
    if generation > 1:
        return made(profile, f"{name}-{generation}", f"test {_KINDS[profile]} of {name}-{generation}")
    return SigningKey(name, _ALGORITHMS[profile], TEST_ED25519_PRIVATE if profile == "rfc9421" else TEST_HMAC_SECRET)


def regulator_key(profile: Profile, platform_id: str, generation: int = 1) -> Key:
    """What a platform holds to verify the sample regulator: for a ring with `allow_test_keys`."""
    key = regulator_signing_key(profile, generation)
    material = key.verification_material()
    return Key(key.key_id, key.algorithm, material, SENDER, AUTHORITIES, platform_id, 0, FOR_EVER)


def platform_signing_key(profile: Profile, platform_id: str) -> SigningKey:
    """The key that a sample platform signs with: another than the regulator's, and than any other platform's."""
    return made(profile, f"{platform_id}-{ENDS[profile]}", f"test {_KINDS[profile]} of {platform_id}")


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
