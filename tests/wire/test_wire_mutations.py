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
from tests.wire.golden.keys import BODY, GOLDEN, NOW, REQUESTS, RING, TARGET
from tests.wire.mutated import answers, mutant


def _survivors(name: str, count: int) -> int:
    rng = random.Random(f"{name} 2026-11-24")
    survivors = 0
    for _ in range(count):
        method, target, headers, body = mutant(rng, name)
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


@pytest.mark.slow
def test_nothing_that_was_changed_is_queued_or_comes_to_a_fault_of_ours() -> None:
    rng = random.Random("2026-12-02")
    found = answers(mutant(rng, rng.choice(REQUESTS)) for _ in range(1_000))
    assert found.total() == 1_000
    assert [answer for answer in found if answer == "queued" or answer.startswith("5")] == []
    whole = answers(("POST", TARGET, list(GOLDEN[name]), BODY) for name in REQUESTS)
    assert whole == {"queued": len(REQUESTS)}, "the control"
