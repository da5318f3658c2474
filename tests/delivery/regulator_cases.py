"""What the tests of the HTTP regulator share: keys, messages, and a regulator in front of a scripted server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.domain.change import Kind, OutboxMessage
from kz_compliance_sdk.domain.report import (
    Acknowledgement,
    AuthorisedPerson,
    ClarificationRequest,
    OutboundModel,
    Question,
    Receipt,
    Report,
    ReportItem,
    Statement,
    outbound_bytes,
)
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.wire.signature import Key, KeyRing, Profile, SigningKey, sign_response
from kz_compliance_sdk.wire.signature.keyring import TEST_ED25519_PRIVATE
from tests.conftest import NOON
from tests.delivery.regulator_server import Behaviour, Exchange, Server, serving
from tests.waiting import PATIENCE_S

PLATFORM = "social-kz"
REGULATOR_KEY = SigningKey("regulator-1", "ed25519", TEST_ED25519_PRIVATE)
PLATFORM_KEY = SigningKey("platform-1", "ed25519", bytes(range(32)))
SHARED = SigningKey("shared-1", "hmac-sha256", b"a secret that both sides hold: 32+ bytes")


def trusted(key: SigningKey, platform_id: str = PLATFORM, **changes: Any) -> KeyRing:
    fields: dict[str, Any] = {
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "material": key.verification_material(),
        "sender": "somebody",
        "authorities": frozenset({"mki"}),
        "platform_id": platform_id,
        "not_before": 0,
        "not_after": NOON + 1_000_000,
    }
    return KeyRing([Key(**{**fields, **changes})], allow_test_keys=True)


def message(kind: Kind = "report", *, notice_id: str = "n:1") -> OutboxMessage:
    key = f"00000000-0000-5000-8000-00000000000{len(kind) % 10}"
    values: Mapping[Kind, OutboundModel] = {
        "report": Report(
            report_id=key,
            notice_id=notice_id,
            reference_number="12-34/567",
            case_reference="case-1",
            sequence=1,
            final=True,
            received_at=NOON - 3600,
            reported_at=NOON,
            items=(ReportItem(item_id="i1", outcome="removed", action="remove"),),
            authorised_person=AuthorisedPerson(role="head of the office"),
            audit_head="0" * 64,
        ),
        "acknowledgement": Acknowledgement(notice_id=notice_id, revision=1, received_at=NOON, case_reference="case-1"),
        "clarification": ClarificationRequest(
            request_id=key,
            notice_id=notice_id,
            case_reference="case-1",
            questions=(Question(text=(Statement(lang="ru", text="Какой адрес?"),)),),
            sent_at=NOON,
        ),
    }
    return OutboxMessage(
        id=key,
        platform_id=PLATFORM,
        case_id="case-1",
        kind=kind,
        endpoint="regulator",
        body=outbound_bytes(values[kind]),
        created_at=NOON,
        next_attempt_at=NOON,
    )


MESSAGE = message()


def receipt_bytes(subject: OutboxMessage = MESSAGE, **changes: Any) -> bytes:
    receipt = Receipt(
        receipt_id="r-1",
        subject_id=subject.id,
        body_sha256=hashlib.sha256(subject.body).hexdigest(),
        recorded_at=NOON + 1,
    )
    return outbound_bytes(receipt.model_copy(update=changes))


def signed(
    status: int, body: bytes, *, key: SigningKey = REGULATOR_KEY, profile: Profile = "rfc9421", at: int = NOON
) -> tuple[tuple[str, str], ...]:
    return tuple(sign_response(key, profile, status, body, at, "answer-1"))


async def receipt(exchange: Exchange, status: int = 201, **changes: Any) -> None:
    body = receipt_bytes(**changes)
    await exchange.reply(status, body, *signed(status, body))


@contextmanager
def regulator(env: Env, behaviour: Behaviour, **options: Any) -> Iterator[tuple[HttpRegulator, Server]]:
    with serving(behaviour) as server:
        given: dict[str, Any] = {
            "platform_id": PLATFORM,
            "ring": trusted(REGULATOR_KEY),
            "signing_key": PLATFORM_KEY,
            "env": env,
            "read_timeout": PATIENCE_S,
            "connect_timeout": PATIENCE_S,
        }
        with HttpRegulator(server.url, **{**given, **options}) as way:
            yield way, server


def real(env: Env) -> Env:
    """The frozen Env on the machine's own monotonic clock, for deadlines that must really pass."""
    return replace(env, monotonic=time.monotonic, sleep=time.sleep)
