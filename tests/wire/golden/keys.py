"""The golden keys and headers as this package takes them, and what tests of signatures share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.wire.signature import Key, KeyRing, SigningKey, Verified
from tests.wire.golden import make

Headers = list[tuple[str, str]]

NOW = make.NOW
TARGET = make.TARGET
YEAR = 31_536_000
BODY = (Path(make.__file__).parent / "notice.issued.json").read_bytes()
GOLDEN: dict[str, Headers] = {
    name: [(header, value) for header, value in pairs]
    for name, pairs in json.loads((Path(make.__file__).parent / "signatures.json").read_bytes()).items()
}
CURVE = SigningKey("golden-ed25519", "ed25519", make.ED25519_SEED)
MAC = SigningKey("golden-hmac", "hmac-sha256", make.HMAC_SECRET)


def trusted(own: SigningKey, **changes: Any) -> Key:
    values: dict[str, Any] = {
        "key_id": own.key_id,
        "algorithm": own.algorithm,
        "material": own.verification_material(),
        "sender": "mki",
        "authorities": frozenset({"mki-kz"}),
        "platform_id": "social",
        "not_before": NOW - YEAR,
        "not_after": NOW + YEAR,
    }
    return Key(**{**values, **changes})


RING = KeyRing([trusted(CURVE), trusted(MAC)])
REQUESTS = ("rfc9421", "standard-webhooks-v1", "standard-webhooks-v1a")


def refused(call: Callable[[], Verified]) -> str:
    """The reason of the refusal; anything but a refusal fails the test."""
    with pytest.raises(NotAuthentic) as error:
        call()
    assert str(error.value) == "the origin of the message is not proved"
    return error.value.code


def changed(headers: Headers, name: str, value: str) -> Headers:
    assert name in dict(headers)
    return [(at, value if at == name else old) for at, old in headers]
