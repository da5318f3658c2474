"""Standard Webhooks: rotation, and headers that are not what was signed."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable

import pytest

from kz_compliance_sdk.wire.signature import KeyRing, SigningKey, keyring, verify
from tests.wire.golden import make
from tests.wire.golden.keys import (
    BODY,
    GOLDEN,
    MAC,
    NOW,
    RING,
    TARGET,
    Headers,
    changed,
    refused,
    trusted,
)


def _mac(secret: bytes, *, encode: Callable[[bytes], str] | None = None, signed: bytes | None = None) -> str:
    raw = hmac.digest(secret, signed or f"{make.MESSAGE_ID}.{NOW}.".encode() + BODY, "sha256")
    return f"v1,{(encode or (lambda data: base64.b64encode(data).decode()))(raw)}"


def webhook(signature: str) -> Headers:
    return changed(GOLDEN["standard-webhooks-v1"], "webhook-signature", signature)


def test_during_a_rotation_the_better_key_counts() -> None:
    new = SigningKey("new", "hmac-sha256", b"n" * 32)
    ring = KeyRing([trusted(MAC, not_after=NOW - 1), trusted(new)])
    both = f"{_mac(MAC.material)} {_mac(new.material)}"
    assert verify(ring, "POST", TARGET, webhook(both), BODY, NOW).key_id == "new"
    assert verify(ring, "POST", TARGET, webhook(_mac(MAC.material)), BODY, NOW).key_expired


def test_a_revoked_key_does_not_spoil_the_signature_of_a_good_one() -> None:
    new = SigningKey("new", "hmac-sha256", b"n" * 32)
    ring = KeyRing([trusted(MAC, revoked_at=NOW - 1), trusted(new)])
    assert (
        verify(ring, "POST", TARGET, webhook(f"{_mac(MAC.material)} {_mac(new.material)}"), BODY, NOW).key_id == "new"
    )


def test_the_keys_of_another_platform_are_unknown() -> None:
    other = SigningKey("other", "hmac-sha256", b"o" * 32)
    ring = KeyRing([trusted(MAC), trusted(other, platform_id="other")])
    assert verify(ring, "POST", TARGET, webhook(_mac(other.material)), BODY, NOW).platform_id == "other"
    ours = ring.of_platform("social")
    assert refused(lambda: verify(ours, "POST", TARGET, webhook(_mac(other.material)), BODY, NOW)) == "signature_wrong"


VALID = dict(GOLDEN["standard-webhooks-v1"])["webhook-signature"]
B64 = VALID.removeprefix("v1,")
SIGNATURES = {
    "S004 empty": "",
    "S007 padding": "v1,AAA",
    "S008 junk inside": f"v1,!!!{B64}",
    "S010 two commas": f"{VALID},x",
    "S011 hex": _mac(MAC.material, encode=lambda raw: raw.hex()),
    "S012 unknown version": f"v9,{B64}",
    "S014 none": f"none,{B64}",
    "no comma": "v1",
    "no version": f",{B64}",
    "two blanks": f"v9,AAAA  {VALID}",
    "url-safe letters": VALID.replace("+", "-").replace("/", "_"),
    "spare bits set": VALID[:-2] + chr(ord(VALID[-2]) + 1) + "=",
    "half a signature": f"v1,{base64.b64encode(base64.b64decode(B64)[:16]).decode()}",
    "one bit": f"v1,{base64.b64encode(bytes([base64.b64decode(B64)[0] ^ 1]) + base64.b64decode(B64)[1:]).decode()}",
    "S019 another key": _mac(b"x" * 32),
    "S020 empty key": _mac(b""),
    "S022 published test key": _mac(keyring.TEST_HMAC_SECRET),
    "body alone": _mac(MAC.material, signed=BODY),
    "33 signatures": " ".join([VALID] * 33),
    "a million letters": "v1," + "A" * 1_000_000,
    "not ASCII": "v1,\u0661" + B64[1:],
    "a MAC offered as a curve signature": f"v1a,{B64}",
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_a_signature_header_that_is_not_what_was_signed_is_refused(signature: str) -> None:
    refused(lambda: verify(RING, "POST", TARGET, webhook(signature), BODY, NOW))


def test_up_to_32_signatures_are_looked_at_and_unknown_versions_are_passed_over() -> None:
    wrong = "v1," + base64.b64encode(bytes(32)).decode()
    assert verify(RING, "POST", TARGET, webhook(" ".join([wrong] * 31 + [VALID])), BODY, NOW).key_id == "golden-hmac"
    assert verify(RING, "POST", TARGET, webhook(f"v9,whatever {VALID}"), BODY, NOW).key_id == "golden-hmac"


def test_only_a_few_curve_signatures_are_tried() -> None:
    curve = dict(GOLDEN["standard-webhooks-v1a"])["webhook-signature"]
    assert (
        refused(lambda: verify(RING, "POST", TARGET, webhook(" ".join([curve] * 5)), BODY, NOW))
        == "too_many_signatures"
    )


@pytest.mark.parametrize(
    "timestamp",
    ["", f"{NOW}.9", "1.772442e9", "1_772_442_000", "\u0661\u0667\u0667\u0662\u0664\u0664\u0662\u0660\u0660\u0660",
     "inf", "9" * 400, "2026-03-02T09:00:00Z", f"+{NOW}", f" {NOW}", f"{NOW}\n", f"0{NOW}"],
)  # fmt: skip
def test_a_timestamp_is_ten_digits(timestamp: str) -> None:
    headers = changed(GOLDEN["standard-webhooks-v1"], "webhook-timestamp", timestamp)
    assert refused(lambda: verify(RING, "POST", TARGET, headers, BODY, NOW)) in {
        "timestamp_malformed",
        "header_malformed",
    }


@pytest.mark.parametrize("message_id", ["", "a\x00b", "a\r\nb", "a b", "\u0430", "a" * 129, "a/b"])
def test_a_message_id_is_plain(message_id: str) -> None:
    signed = f"{message_id}.{NOW}.".encode() + BODY
    headers = changed(webhook(_mac(MAC.material, signed=signed)), "webhook-id", message_id)
    assert refused(lambda: verify(RING, "POST", TARGET, headers, BODY, NOW)) == "id_malformed"
    with pytest.raises(ValueError, match="message id"):
        keyring.sign(MAC, BODY, NOW, message_id)


def test_a_curve_signature_has_one_form() -> None:
    # S039: S + L fits the equation as well as S does.
    order = 2**252 + 27742317777372353535851937790883648493
    raw = base64.b64decode(dict(GOLDEN["standard-webhooks-v1a"])["webhook-signature"].removeprefix("v1a,"))
    grown = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    forged = "v1a," + base64.b64encode(raw[:32] + grown).decode()
    assert refused(lambda: verify(RING, "POST", TARGET, webhook(forged), BODY, NOW)) == "signature_wrong"
