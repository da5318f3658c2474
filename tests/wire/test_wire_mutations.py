"""No mutation of a signed request is authentic, and none raises anything but the one refusal."""

from __future__ import annotations

import hmac
import random

import pytest
from http_message_signatures.algorithms import ED25519

from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.wire.signature import (
    KeyRing,
    verify,
)
from tests.wire.golden.keys import BODY, GOLDEN, NOW, REQUESTS, RING, TARGET, Headers


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


@pytest.mark.parametrize("count", [300, pytest.param(3_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", REQUESTS)
def test_no_mutation_of_a_signed_request_is_authentic(name: str, count: int) -> None:
    assert _survivors(name, count) == 0


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
