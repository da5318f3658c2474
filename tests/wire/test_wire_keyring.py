"""A key ring that proves nothing is not made, and no secret is shown."""

from __future__ import annotations

import base64

import pytest

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.wire.signature import (
    Key,
    KeyRing,
    SigningKey,
    keyring,
    material_from_text,
    sign,
)
from tests.wire.golden import make
from tests.wire.golden.keys import BODY, CURVE, MAC, NOW, RING, TARGET, trusted


def _torsion() -> set[bytes]:
    """The y of every point whose order divides 8, found by arithmetic and not from a list."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    found: set[bytes] = set()
    number = 2
    while len(found) < 5:
        number += 1
        square = (number * number - 1) * pow(d * number * number + 1, -1, p) % p
        root = pow(square, (p + 3) // 8, p)
        root = root if root * root % p == square else root * pow(2, (p - 1) // 4, p) % p
        if root * root % p != square:
            continue
        x, y = 0, 1
        for bit in bin(2**252 + 27742317777372353535851937790883648493)[2:]:
            x, y = _add(x, y, x, y, d, p)
            if bit == "1":
                x, y = _add(x, y, root, number, d, p)
        a, b = x, y
        for _ in range(8):
            found.add(b.to_bytes(32, "little"))
            a, b = _add(a, b, x, y, d, p)
    return found


def _add(x1: int, y1: int, x2: int, y2: int, d: int, p: int) -> tuple[int, int]:
    t = d * x1 * x2 * y1 * y2 % p
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - t, -1, p) % p


def test_an_ed25519_key_for_which_anybody_can_sign_is_not_loaded() -> None:
    p = 2**255 - 19
    small = _torsion()
    assert len(small) == 5
    for y in [*small, p.to_bytes(32, "little"), (p + 1).to_bytes(32, "little")]:
        for material in (y, y[:31] + bytes([y[31] | 0x80])):
            with pytest.raises(ConfigError) as error:
                KeyRing([trusted(CURVE, material=material)])
            assert error.value.field == "keys.golden-ed25519"


def test_an_ed25519_key_that_is_no_point_is_not_loaded() -> None:
    with pytest.raises(ConfigError):
        KeyRing([trusted(CURVE, material=(2).to_bytes(32, "little"))])


@pytest.mark.parametrize(
    "keys",
    [
        [trusted(MAC, material=b"s" * 23)],
        [trusted(MAC, material=b"")],
        [trusted(CURVE, material=b"p" * 31)],
        [trusted(MAC), trusted(MAC, material=b"o" * 32)],
        [trusted(MAC), trusted(MAC, key_id="twin")],
        [trusted(MAC, not_before=2, not_after=1)],
    ],
)
def test_a_ring_that_proves_nothing_is_not_made(keys: list[Key]) -> None:
    with pytest.raises(ConfigError) as error:
        KeyRing(keys)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("algorithm", "material"),
    [("hmac-sha256", keyring.TEST_HMAC_SECRET), ("ed25519", keyring.TEST_ED25519_PUBLIC)],
)
def test_published_test_keys_are_refused_unless_asked_for(algorithm: keyring.Algorithm, material: bytes) -> None:
    key = trusted(MAC, algorithm=algorithm, material=material)
    with pytest.raises(ConfigError, match="published"):
        KeyRing([key])
    assert KeyRing([key], allow_test_keys=True).keys == (key,)


def test_the_published_test_key_is_the_pair_that_it_says() -> None:
    own = SigningKey("test", "ed25519", keyring.TEST_ED25519_PRIVATE)
    assert own.verification_material() == keyring.TEST_ED25519_PUBLIC


def test_no_repr_shows_a_secret() -> None:
    for shown in (repr(MAC), repr(trusted(MAC)), repr(RING)):
        assert "golden secret" not in shown
        assert make.HMAC_SECRET.hex() not in shown


@pytest.mark.parametrize("prefix", ["", "whsec_", "whsk_", "whpk_"])
def test_a_key_is_read_from_its_text(prefix: str) -> None:
    assert material_from_text(f"{prefix}{base64.b64encode(b'k' * 32).decode()}\n", setting="s") == b"k" * 32


def test_a_key_that_is_not_base64_names_its_setting_and_not_its_text() -> None:
    with pytest.raises(ConfigError) as error:
        material_from_text("s3cret!", setting="regulator.key")
    assert error.value.field == "regulator.key"
    assert "s3cret" not in str(error.value)


def test_a_key_of_the_wrong_kind_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError):
        sign(MAC, "rfc9421", "POST", TARGET, BODY, NOW, "m", "n")
    with pytest.raises(ConfigError):
        SigningKey("short", "hmac-sha256", b"s" * 23)
    with pytest.raises(ConfigError):
        SigningKey("short", "ed25519", b"s" * 31)
