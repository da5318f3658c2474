"""Key pairs for tests and demonstrations. Everybody can read them here, so they prove nothing elsewhere.

The two sides have different keys, so that a mix-up of theirs shows.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from kz_compliance_sdk.testing.builders import AUTHORITIES, PLATFORM_ID
from kz_compliance_sdk.wire.signature import Key, Profile, SigningKey
from kz_compliance_sdk.wire.signature.keyring import TEST_ED25519_PRIVATE, TEST_HMAC_SECRET

SENDER: Final = "sample-regulator"

_FOR_EVER: Final = 7_258_118_399  # the last second of 2199


_ALGORITHMS: Final[Mapping[Profile, Literal["ed25519", "hmac-sha256"]]] = {
    "rfc9421": "ed25519",
    "standard-webhooks": "hmac-sha256",
}
_KINDS: Final[Mapping[Profile, str]] = {"rfc9421": "key", "standard-webhooks": "secret"}
ENDS: Final[Mapping[Profile, str]] = {"rfc9421": "ed25519", "standard-webhooks": "hmac"}
"""How the id of a published key ends."""


def made(profile: Profile, key_id: str, seed: str) -> SigningKey:
    """A key of the kind that a profile takes, which everybody can make from its seed."""
    material = hashlib.sha256(f"kz-compliance published {seed}".encode()).digest()
    return SigningKey(key_id, _ALGORITHMS[profile], material)


def regulator_signing_key(profile: Profile = "rfc9421", generation: int = 1) -> SigningKey:
    """The key that the sample regulator signs with; further generations are those that it may rotate to."""
    name = f"sample-regulator-{ENDS[profile]}"
    if generation > 1:
        return made(profile, f"{name}-{generation}", f"test {_KINDS[profile]} of {name}-{generation}")
    return SigningKey(name, _ALGORITHMS[profile], TEST_ED25519_PRIVATE if profile == "rfc9421" else TEST_HMAC_SECRET)


def regulator_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID, generation: int = 1) -> Key:
    """What a platform holds to verify the sample regulator: for a ring with `allow_test_keys`."""
    return public_key(regulator_signing_key(profile, generation), platform_id, SENDER, AUTHORITIES)


def platform_signing_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID) -> SigningKey:
    """The key that a sample platform signs with: another than the regulator's, and than any other platform's."""
    return made(profile, f"{platform_id}-{ENDS[profile]}", f"test {_KINDS[profile]} of {platform_id}")


def platform_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID) -> Key:
    """What the sample regulator holds to verify a platform."""
    return public_key(platform_signing_key(profile, platform_id=platform_id), platform_id, platform_id)


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


def public_key(key: SigningKey, platform_id: str, sender: str, authorities: Iterable[str] = ()) -> Key:
    """What verifies a key, for ever."""
    return Key(
        key_id=key.key_id,
        algorithm=key.algorithm,
        material=key.verification_material(),
        sender=sender,
        authorities=frozenset(authorities),
        platform_id=platform_id,
        not_before=0,
        not_after=_FOR_EVER,
    )
