"""Who sent it, proved: the golden signatures fit, everything else is one refusal, and no other error escapes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import InvalidSignature
from http_message_signatures.algorithms import ED25519

from kz_compliance_sdk.wire.signature import (
    KeyRing,
    Profile,
    SigningKey,
    Verified,
    keyring,
    rfc9421,
    sign,
    sign_response,
    verify,
    verify_response,
)
from tests.wire.golden import make
from tests.wire.golden.keys import (
    BODY,
    CURVE,
    GOLDEN,
    MAC,
    NOW,
    REQUESTS,
    RING,
    TARGET,
    Headers,
    changed,
    refused,
    trusted,
)

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


_EDGE_INPUT = ("signature-input", 'edge=("@method");keyid="p";created=1;tag="edge"')
_EDGE = ("signature", "edge=:AAAA:")
_WEBHOOK = [("webhook-id", "p"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA")]


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("added", ["before", "behind"])
def test_a_proxy_that_signs_in_lines_of_its_own_disturbs_nothing(name: str, added: str) -> None:
    edge = [_EDGE_INPUT, _EDGE, *(_WEBHOOK if name == "rfc9421" else [])]
    headers = [*edge, *GOLDEN[name]] if added == "before" else [*GOLDEN[name], *edge]
    alone = verify(RING, "POST", TARGET, GOLDEN[name], BODY, NOW)
    assert verify(RING, "POST", TARGET, headers, BODY, NOW) == alone


@pytest.mark.parametrize("second", ['kz=("@method");created=1;key', 'edge=("@method"), kz=("@method")', "kz"])
@pytest.mark.parametrize("at", [0, 3], ids=["before", "behind"])
def test_our_label_in_a_second_line_is_refused(second: str, at: int) -> None:
    """It is no proxy's, and which of the two is meant nobody can say."""
    headers = [*GOLDEN["rfc9421"]]
    headers.insert(at, ("signature-input", second))
    refused(lambda: verify(RING, "POST", TARGET, headers, BODY, NOW))


def test_the_signature_of_a_proxy_alone_proves_nothing() -> None:
    digest = ("content-digest", dict(GOLDEN["rfc9421"])["content-digest"])
    refused(lambda: verify(RING, "POST", TARGET, [_EDGE_INPUT, _EDGE, digest], BODY, NOW))


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
        ({"not_before": NOW + 1}, False),
        ({"not_before": NOW + 1, "revoked_at": NOW}, "key_revoked"),
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
        verified = call()
        assert (verified.key_expired, verified.key_early) == (expected, changes.get("not_before") == NOW + 1)


# Headers that are not what was signed


@pytest.mark.parametrize("name", [*REQUESTS, "rfc9421-response"])
def test_each_header_must_be_there_exactly_once(name: str) -> None:
    for place, (header, value) in enumerate(GOLDEN[name]):
        without = GOLDEN[name][:place] + GOLDEN[name][place + 1 :]
        assert refused(lambda: verify(RING, "POST", TARGET, without, BODY, NOW)) in {"header_missing", "no_signature"}  # noqa: B023
        twice = [*GOLDEN[name], (header, value)]
        assert refused(lambda: verify(RING, "POST", TARGET, twice, BODY, NOW)) == "header_repeated"  # noqa: B023
    assert refused(lambda: verify(RING, "POST", TARGET, [], BODY, NOW)) == "no_signature"


def test_the_digest_of_the_body_is_part_of_what_is_signed() -> None:
    other = b"{}"
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(other).digest()).decode()}:"
    swapped = changed(GOLDEN["rfc9421"], "content-digest", digest)
    assert refused(lambda: verify(RING, "POST", TARGET, swapped, other, NOW)) == "signature_wrong"


def test_a_bug_in_a_parser_is_a_refusal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(rfc9421, "one_of_each", broken)
    monkeypatch.setattr(keyring, "one_of_each", broken)
    for name in ("rfc9421", "standard-webhooks-v1"):
        headers = GOLDEN[name]
        assert refused(partial(verify, RING, "POST", TARGET, headers, BODY, NOW)) == "internal"
        assert refused(partial(verify_response, RING, 201, headers, BODY, NOW)) == "internal"


def test_two_signatures_of_ours_are_one_too_many() -> None:
    once = dict(GOLDEN["rfc9421"])
    twice = [
        ("signature-input", f"{once['signature-input']}, b{once['signature-input'][1:]}"),
        ("signature", f"{once['signature']}, b{once['signature'][1:]}"),
        ("content-digest", once["content-digest"]),
    ]
    assert refused(lambda: verify(RING, "POST", TARGET, twice, BODY, NOW)) == "too_many_signatures"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("signature-input", '("@method" ', '("@method"  '),
        ("signature-input", ";created", "; created"),
        ("signature-input", 'keyid="golden-ed25519"', 'keyid="golden\\-ed25519"'),
        ("signature", "==:", "=:"),
        ("signature", "==:", "==:;x"),
        ("content-digest", "sha-256=:", "sha-256= :"),
    ],
)
def test_a_signature_written_in_another_way_is_refused(name: str, old: str, new: str) -> None:
    value = dict(GOLDEN["rfc9421"])[name]
    assert old in value
    headers = changed(GOLDEN["rfc9421"], name, value.replace(old, new))
    refused(lambda: verify(RING, "POST", TARGET, headers, BODY, NOW))


@pytest.mark.parametrize(
    ("method", "target", "nonce"), [("post", TARGET, "n"), ("POST", "/x", "n"), ("POST", TARGET, "")]
)
def test_what_no_verifier_would_take_is_not_signed(method: str, target: str, nonce: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the message is the library's
        rfc9421.sign(CURVE, method, target, BODY, NOW, nonce)
