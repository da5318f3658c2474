"""Who sent it, proved: the golden signatures fit, everything else is one refusal, and no other error escapes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import InvalidSignature
from http_message_signatures.algorithms import ED25519

from kz_compliance_sdk.errors import ConfigError, NotAuthentic
from kz_compliance_sdk.wire.signature import (
    Key,
    KeyRing,
    Profile,
    SigningKey,
    Verified,
    keyring,
    material_from_text,
    rfc9421,
    sign,
    sign_response,
    standard_webhooks,
    verify,
    verify_response,
)
from tests.unit.golden import make

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


# What independent implementations signed


@pytest.mark.parametrize("name", REQUESTS)
def test_a_golden_signature_proves_its_sender(name: str) -> None:
    noise = [("host", "evil.example"), ("content-type", "application/json"), ("accept", "a"), ("accept", "b")]
    verified = verify(RING, "POST", TARGET, [*noise, *GOLDEN[name]], BODY, NOW)
    assert (verified.sender, verified.authorities, verified.platform_id) == ("mki", frozenset({"mki-kz"}), "social")
    assert (verified.signed_at, verified.stale, verified.key_expired) == (NOW, False, False)
    expected: tuple[str, str, str | None, str | None]
    if name == "rfc9421":
        expected = ("golden-ed25519", "rfc9421", None, make.NONCE)
    else:
        key_id = "golden-hmac" if name.endswith("v1") else "golden-ed25519"
        expected = (key_id, "standard-webhooks", make.MESSAGE_ID, None)
    assert (verified.key_id, verified.profile, verified.message_id, verified.nonce) == expected


def test_a_golden_answer_proves_its_sender() -> None:
    verified = verify_response(RING, 201, GOLDEN["rfc9421-response"], BODY, NOW)
    assert verified.key_id == "golden-ed25519"
    assert refused(lambda: verify_response(RING, 200, GOLDEN["rfc9421-response"], BODY, NOW)) == "signature_wrong"
    assert verify_response(RING, 200, GOLDEN["standard-webhooks-v1"], BODY, NOW).key_id == "golden-hmac"


@pytest.mark.parametrize(
    ("name", "key", "profile"),
    [
        ("rfc9421", CURVE, "rfc9421"),
        ("standard-webhooks-v1", MAC, "standard-webhooks"),
        ("standard-webhooks-v1a", CURVE, "standard-webhooks"),
    ],
)
def test_we_sign_as_the_independent_implementations_do(name: str, key: SigningKey, profile: Profile) -> None:
    assert sign(key, profile, "POST", TARGET, BODY, NOW, make.MESSAGE_ID, make.NONCE) == GOLDEN[name]


def test_we_sign_answers_as_the_independent_implementation_does() -> None:
    assert sign_response(CURVE, "rfc9421", 201, BODY, NOW, make.NONCE) == GOLDEN["rfc9421-response"]
    assert sign_response(MAC, "standard-webhooks", 201, BODY, NOW, make.MESSAGE_ID) == GOLDEN["standard-webhooks-v1"]


def test_the_vector_of_rfc_9421_appendix_b_2_6() -> None:
    public = bytes.fromhex("26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb")
    key = trusted(CURVE, key_id="test-key-ed25519", material=public)
    verifier = rfc9421._Verifier(
        signature_algorithm=ED25519, key_resolver=rfc9421._TrustedKeys(KeyRing([key], allow_test_keys=True))
    )
    headers = rfc9421._Headers(
        {
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "content-type": "application/json",
            "content-length": "18",
            "signature-input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"',
            "signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1"
            "u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        }
    )
    request = rfc9421._Request("POST", "https://example.com/foo?param=Value&Pet=dog", headers)
    (result,) = verifier.verify(request, max_age=None)
    assert result.parameters["keyid"] == "test-key-ed25519"
    request.headers["content-length"] = "19"
    with pytest.raises(InvalidSignature):
        verifier.verify(request, max_age=None)


@pytest.mark.parametrize(
    ("body", "digest"),
    [
        # RFC 9530, appendices B and D.
        (b'{"hello": "world"}\n', "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="),
        (b'{"hello": "world"}', "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
        (b"", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ],
)
def test_the_digests_of_rfc_9530(body: bytes, digest: str) -> None:
    headers = dict(rfc9421.sign(CURVE, "POST", TARGET, body, NOW, "n"))
    assert headers["content-digest"] == f"sha-256=:{digest}:"


# What is covered


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("body", [BODY.replace(b"1001", b"1002"), BODY + b" ", b"", BODY[:-1]])
def test_another_body_is_refused(name: str, body: bytes) -> None:
    assert refused(lambda: verify(RING, "POST", TARGET, GOLDEN[name], body, NOW)) in {"digest_wrong", "signature_wrong"}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", TARGET),
        ("post", TARGET),
        ("POST", TARGET + "x"),
        ("POST", TARGET + "#x"),
        ("POST", TARGET.replace("push", "PUSH")),
        ("POST", TARGET.replace("https", "http")),
        ("POST", TARGET.replace("social.example", "social.example:443")),
        ("POST", TARGET.replace("://", "://user@")),
        ("POST", "https://evil.example/kz/v1/messages?source=push"),
        ("POST", "/kz/v1/messages?source=push"),
        ("POST", ""),
        ("POST", "https://social.example/\u2100"),
    ],
)
def test_rfc9421_covers_method_and_target(method: str, target: str) -> None:
    refused(lambda: verify(RING, method, target, GOLDEN["rfc9421"], BODY, NOW))


def _by_hand(covered: Sequence[str], parameters: str, lines: Sequence[str]) -> Headers:
    listed = "(" + " ".join(f'"{name}"' for name in covered) + ")"
    base = "\n".join([*lines, f'"@signature-params": {listed}{parameters}'])
    signature = base64.b64encode(Ed25519PrivateKey.from_private_bytes(make.ED25519_SEED).sign(base.encode())).decode()
    digest = dict(GOLDEN["rfc9421"])["content-digest"]
    return [
        ("signature-input", f"kz={listed}{parameters}"),
        ("signature", f"kz=:{signature}:"),
        ("content-digest", digest),
    ]


METHOD, URI = '"@method": POST', f'"@target-uri": {TARGET}'
DIGEST = f'"content-digest": {dict(GOLDEN["rfc9421"])["content-digest"]}'
ALL = ("@method", "@target-uri", "content-digest")
GOOD = f';created={NOW};keyid="golden-ed25519";alg="ed25519";nonce="n";tag="kz-compliance"'


def test_the_control_of_the_tests_below_is_accepted() -> None:
    verify(RING, "POST", TARGET, _by_hand(ALL, GOOD, [METHOD, URI, DIGEST]), BODY, NOW)


@pytest.mark.parametrize(
    ("covered", "lines"),
    [
        (("@target-uri", "content-digest"), [URI, DIGEST]),
        (("@method", "content-digest"), [METHOD, DIGEST]),
        (("@method", "@target-uri"), [METHOD, URI]),
        ((), []),
    ],
)
def test_a_signature_that_covers_less_is_refused(covered: Sequence[str], lines: Sequence[str]) -> None:
    refused(lambda: verify(RING, "POST", TARGET, _by_hand(covered, GOOD, lines), BODY, NOW))


@pytest.mark.parametrize(
    "parameters",
    [
        GOOD.replace(';nonce="n"', ""),
        GOOD.replace('nonce="n"', 'nonce=""'),
        GOOD.replace(f";created={NOW}", ""),
        GOOD.replace(f"created={NOW}", f'created="{NOW}"'),
        GOOD.replace(f"created={NOW}", f"created={NOW}.5"),
        GOOD.replace(';keyid="golden-ed25519"', ""),
        GOOD.replace("golden-ed25519", "golden-hmac"),
        GOOD.replace("golden-ed25519", "../../keys/test"),
        GOOD.replace('tag="kz-compliance"', 'tag="other"'),
        GOOD.replace('alg="ed25519"', 'alg="none"'),
        GOOD.replace('alg="ed25519"', 'alg="hmac-sha256"'),
        GOOD + f";expires={NOW + 60}",
        GOOD + ";extra",
    ],
)
def test_a_signature_with_other_parameters_is_refused(parameters: str) -> None:
    refused(lambda: verify(RING, "POST", TARGET, _by_hand(ALL, parameters, [METHOD, URI, DIGEST]), BODY, NOW))


def test_the_signature_of_a_proxy_beside_ours_is_left_alone() -> None:
    ours = dict(GOLDEN["rfc9421"])
    proxied = [
        ("signature-input", f'proxy=("@method");keyid="p";created=1;tag="edge", {ours["signature-input"]}'),
        ("signature", f"proxy=:AAAA:, {ours['signature']}"),
        ("content-digest", ours["content-digest"]),
    ]
    assert verify(RING, "POST", TARGET, proxied, BODY, NOW).key_id == "golden-ed25519"


def test_a_weaker_signature_beside_a_broken_one_proves_nothing() -> None:
    broken = changed(GOLDEN["rfc9421"], "signature", "kz=:AAAA:")
    refused(lambda: verify(RING, "POST", TARGET, [*broken, *GOLDEN["standard-webhooks-v1"]], BODY, NOW))


# Time and keys


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(("skew", "stale"), [(-301, True), (-300, False), (0, False), (300, False), (301, True)])
def test_a_signature_outside_the_window_is_proved_and_marked(name: str, skew: int, stale: bool) -> None:
    assert verify(RING, "POST", TARGET, GOLDEN[name], BODY, NOW + skew).stale is stale


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"not_after": NOW}, False),
        ({"not_after": NOW - 1}, True),
        ({"not_before": NOW}, False),
        ({"not_before": NOW + 1}, "key_not_yet_valid"),
        ({"revoked_at": NOW}, "key_revoked"),
        ({"revoked_at": NOW + 1}, False),
        ({"revoked_at": NOW - 5, "not_after": NOW - 10}, "key_revoked"),
    ],
)
def test_a_key_counts_in_its_time(name: str, changes: dict[str, Any], expected: bool | str) -> None:
    ring = KeyRing([trusted(CURVE, **changes), trusted(MAC, **changes)])

    def call() -> Verified:
        return verify(ring, "POST", TARGET, GOLDEN[name], BODY, NOW)

    if isinstance(expected, str):
        assert refused(call) == expected
    else:
        assert call().key_expired is expected


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


# Headers that are not what was signed


@pytest.mark.parametrize("name", [*REQUESTS, "rfc9421-response"])
def test_each_header_must_be_there_exactly_once(name: str) -> None:
    for place, (header, value) in enumerate(GOLDEN[name]):
        without = GOLDEN[name][:place] + GOLDEN[name][place + 1 :]
        assert refused(lambda: verify(RING, "POST", TARGET, without, BODY, NOW)) in {"header_missing", "no_signature"}  # noqa: B023
        twice = [*GOLDEN[name], (header, value)]
        assert refused(lambda: verify(RING, "POST", TARGET, twice, BODY, NOW)) == "header_repeated"  # noqa: B023
    assert refused(lambda: verify(RING, "POST", TARGET, [], BODY, NOW)) == "no_signature"


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
        standard_webhooks.sign(MAC, BODY, NOW, message_id)


def test_a_curve_signature_has_one_form() -> None:
    # S039: S + L fits the equation as well as S does.
    order = 2**252 + 27742317777372353535851937790883648493
    raw = base64.b64decode(dict(GOLDEN["standard-webhooks-v1a"])["webhook-signature"].removeprefix("v1a,"))
    grown = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    forged = "v1a," + base64.b64encode(raw[:32] + grown).decode()
    assert refused(lambda: verify(RING, "POST", TARGET, webhook(forged), BODY, NOW)) == "signature_wrong"


# The key ring


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


# Mutations


def _mutant(rng: random.Random, name: str) -> tuple[str, str, Headers, bytes]:
    """A request of which one signed part is another than the golden one."""
    headers, body, method, target = list(GOLDEN[name]), bytearray(BODY), "POST", TARGET
    part = rng.choice(["body", "header", "header", "header", "target"] if name == "rfc9421" else ["body", "header"])
    if part == "body":
        place = rng.randrange(len(body))
        body[place : rng.choice([place, place + 1, len(body)])] = bytes([body[place] ^ (1 << rng.randrange(8))])
    elif part == "target":
        method, target = rng.choice([("PATCH", TARGET), ("POST", _edited(rng, TARGET))])
    else:
        place = rng.randrange(len(headers))
        header, value = headers[place]
        headers[place] = (header, _edited(rng, value))
    return method, target, headers, bytes(body)


def _edited(rng: random.Random, text: str) -> str:
    edited = text
    while edited == text:
        place = rng.randrange(len(text))
        letter = chr(rng.choice([rng.randrange(32, 127), rng.randrange(0, 0x250), 0xD800, 0x661]))
        edited = rng.choice(
            [
                text[:place] + text[place + 1 :],
                text[:place] + letter + text[place:],
                text[:place] + letter + text[place + 1 :],
            ]
        )
    return edited


def _survivors(name: str, count: int) -> int:
    rng = random.Random(f"{name} 2026-11-24")
    survivors = 0
    for _ in range(count):
        method, target, headers, body = _mutant(rng, name)
        try:
            verify(RING, method, target, headers, body, NOW)
            survivors += 1
        except NotAuthentic:
            continue
    return survivors


@pytest.mark.parametrize("name", REQUESTS)
def test_no_mutation_of_a_signed_request_is_authentic(name: str) -> None:
    assert _survivors(name, 3_000) == 0


@pytest.mark.parametrize("name", REQUESTS)
def test_the_control_without_verification_lets_mutants_through(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Believer:
        def verify(self, signature: bytes, data: bytes) -> None:
            """Believes everything."""

    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: True)
    monkeypatch.setattr(ED25519, "verify", lambda self, signature, message: None)
    if name.endswith("v1a"):
        monkeypatch.setattr(KeyRing, "public_key", lambda self, key_id: Believer())
    assert _survivors(name, 300) > 0


def test_the_digest_of_the_body_is_part_of_what_is_signed() -> None:
    other = b"{}"
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(other).digest()).decode()}:"
    swapped = changed(GOLDEN["rfc9421"], "content-digest", digest)
    assert refused(lambda: verify(RING, "POST", TARGET, swapped, other, NOW)) == "signature_wrong"
