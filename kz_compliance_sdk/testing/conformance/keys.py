"""The keys that the kit signs with: a published set in every state that a key can be in, or a set of your own.

Everybody can read the published ones here. Only a sandbox may trust them: without `allow_test_keys` the library refuses
each of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.builders import AUTHORITIES, PLATFORM_ID
from kz_compliance_sdk.wire.signature import Key, Profile, SigningKey, material_from_text

Role = Literal["current", "second", "expired", "revoked", "elsewhere"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
EXPIRED_AT: Final = 1_735_689_600
"""2025-01-01T00:00:00Z: when the published `expired` key ended and the `revoked` one was revoked."""

_SECOND_AUTHORITY: Final = "conformance-second-authority"
_MEANS: Final[Mapping[Role, str]] = {
    "current": "good",
    "second": "good, of another sender for another authority",
    "expired": "expired, and not revoked",
    "revoked": "revoked",
    "elsewhere": "good for another platform alone",
}


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one run, by their role. A role without a key: the checks that need it are skipped.

    `authority` is one that `current` may speak for, `second_authority` one that only `second` may.
    """

    keys: Mapping[Role, SigningKey]
    authority: str
    second_authority: str

    @property
    def current(self) -> SigningKey:
        return self.keys["current"]


def published_keys(profile: Profile) -> KeySet:
    """The published set. `current` is the key of the sample regulator, which the mock regulator signs with."""
    keys = {role: _made(role, profile) for role in ROLES} | {"current": published.regulator_signing_key(profile)}
    return KeySet(keys, "sample-authorised-body", _SECOND_AUTHORITY)


def stranger(profile: Profile) -> SigningKey:
    """A key that nobody trusts. No settings may name it."""
    return _made("stranger", profile)


def _made(name: str, profile: Profile) -> SigningKey:
    key_id = f"conformance-{name}-{published.ENDS[profile]}"
    return published.made(profile, key_id, f"conformance key {profile} {name}")


def trusted(keys: KeySet, platform_id: str = PLATFORM_ID, *, elsewhere: str | None = None) -> tuple[Key, ...]:
    """What a platform must hold to be driven with the published set. `elsewhere` names another platform of the same
    installation, whose key is then among them."""
    found = []
    for role, signing in keys.keys.items():
        if role == "elsewhere" and elsewhere is None:
            continue
        named = str(elsewhere) if role == "elsewhere" else platform_id
        key = published.public_key(signing, named, published.SENDER, AUTHORITIES)
        if role == "second":
            key = replace(key, sender="conformance-second", authorities=frozenset({keys.second_authority}))
        elif role == "expired":
            key = replace(key, not_after=EXPIRED_AT)
        elif role == "revoked":
            key = replace(key, revoked_at=EXPIRED_AT)
        found.append(key)
    return tuple(found)


def described(keys: KeySet, platform_id: str = PLATFORM_ID) -> list[dict[str, Any]]:
    """The keys as a platform of any make would enter them: public halves, or shared secrets, in base64."""
    roles = {signing.key_id: role for role, signing in keys.keys.items()}
    return [
        {
            "role": roles[key.key_id],
            "state": _MEANS[roles[key.key_id]],
            **published.key_settings(key),
            "platform_id": key.platform_id,
            "revoked_at": key.revoked_at,
        }
        for key in trusted(keys, platform_id, elsewhere="another-platform")
    ]


def own_keys(path: Path, profile: Profile) -> KeySet:
    """A set of your own, from a JSON file: for each role `key_id`, `algorithm` and `secret` (the raw private key or the
    shared secret in base64); beside them `authority` and, with a key `second`, `second_authority`.

    Raises ConfigError that names the field and repeats no secret.
    """

    def wrong(message: str, field: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=f"--keys: {field}" if field else "--keys", remedy=remedy)

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(f"{path} cannot be read: {error.strerror}.", "", "Name a file that is there.") from None
    except ValueError:
        raise wrong(f"{path} is no JSON.", "", "See docs/guides/conformance.md for its shape.") from None
    if not isinstance(value, dict):
        raise wrong(f"{path} holds no object.", "", "See docs/guides/conformance.md for its shape.")
    keys: dict[Role, SigningKey] = {}
    for role in ROLES:
        row = value.get(role)
        if row is None:
            continue
        for name in ("key_id", "algorithm", "secret"):
            if not isinstance(row, dict) or not isinstance(row.get(name), str):
                raise wrong("it is missing, or no text.", f"{role}.{name}", "Add it.")
        if row["algorithm"] not in ("ed25519", "hmac-sha256"):
            raise wrong("there is no such algorithm.", f"{role}.algorithm", "Use ed25519 or hmac-sha256.")
        if profile == "rfc9421" and row["algorithm"] != "ed25519":
            raise wrong("rfc9421 signs with ed25519.", f"{role}.algorithm", "Give such a key, or another --profile.")
        material = material_from_text(row["secret"], setting=f"--keys: {role}.secret")
        keys[role] = SigningKey(row["key_id"], row["algorithm"], material)
    if "current" not in keys:
        raise wrong("it is missing.", "current", "Add the key that the platform believes.")
    if not isinstance(value.get("authority"), str):
        raise wrong("it is missing, or no text.", "authority", "Name an authority that the key `current` speaks for.")
    second = value.get("second_authority", _SECOND_AUTHORITY)
    if not isinstance(second, str):
        raise wrong("it is no text.", "second_authority", "Name the authority that the key `second` speaks for.")
    return KeySet(keys, value["authority"], second)
