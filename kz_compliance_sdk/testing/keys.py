"""Key pairs for tests and demonstrations. Everybody can read them here, so they prove nothing elsewhere.

The two sides have different keys, so that a mix-up of theirs shows.
"""

from __future__ import annotations

from collections.abc import Iterable

from kz_compliance_sdk.testing.builders import PLATFORM_ID
from kz_compliance_sdk.wire.signature import Key, Profile, SigningKey, published
from kz_compliance_sdk.wire.signature.published import ENDS as ENDS
from kz_compliance_sdk.wire.signature.published import SENDER as SENDER
from kz_compliance_sdk.wire.signature.published import key_settings as key_settings
from kz_compliance_sdk.wire.signature.published import made as made
from kz_compliance_sdk.wire.signature.published import regulator_signing_key as regulator_signing_key


def regulator_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID, generation: int = 1) -> Key:
    """What a platform holds to verify the sample regulator: for a ring with `allow_test_keys`."""
    return published.regulator_key(profile, platform_id, generation)


def platform_signing_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID) -> SigningKey:
    """The key that a sample platform signs with: another than the regulator's, and than any other platform's."""
    return published.platform_signing_key(profile, platform_id)


def platform_key(profile: Profile = "rfc9421", *, platform_id: str = PLATFORM_ID) -> Key:
    """What the sample regulator holds to verify a platform."""
    return public_key(platform_signing_key(profile, platform_id=platform_id), platform_id, platform_id)


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
        not_after=published.FOR_EVER,
    )
