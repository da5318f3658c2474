"""What the HTTP regulator sends, which receipts it believes and which refusals are final, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.domain.change import Kind
from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.ports import Delivered, Env, Rejected, Unknown
from kz_compliance_sdk.wire.signature import KeyRing, verify
from kz_compliance_sdk.wire.v1 import Problem, problem_bytes
from tests.conftest import NOON
from tests.delivery.regulator_cases import (
    MESSAGE,
    PLATFORM_KEY,
    REGULATOR_KEY,
    SHARED,
    message,
    receipt,
    receipt_bytes,
    regulator,
    signed,
    trusted,
)
from tests.delivery.regulator_server import Behaviour, Exchange

# What is sent.


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("acknowledgement", "/v1/notices/n:1/acknowledgements"),
        ("clarification", "/v1/notices/n:1/clarification-requests"),
        ("report", "/v1/notices/n:1/reports"),
    ],
)
def test_each_kind_goes_to_its_own_address_with_its_exact_bytes_and_a_signature_over_them(
    env: Env, kind: Kind, path: str
) -> None:
    sent = message(kind)
    with regulator(env, lambda exchange: receipt(exchange, subject=sent)) as (way, server):
        result = way.send(sent)
        (seen,) = server.seen
        assert isinstance(result, Delivered)
        assert replace(result, signature=()) == Delivered("r-1", NOON + 1, receipt_bytes(sent))
        assert {name for name, _ in result.signature} == {"signature-input", "signature", "content-digest"}
        assert (seen.method, seen.target, seen.body) == ("POST", path, sent.body)
        assert seen.headers["idempotency-key"] == sent.id
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["accept-encoding"] == "identity"
        verified = verify(trusted(PLATFORM_KEY), "POST", server.url + path, list(seen.headers.items()), seen.body, NOON)
        assert verified.key_id == "platform-1"
        assert '"idempotency-key"' in seen.headers["signature-input"]
        other = [(name, "other" if name == "idempotency-key" else value) for name, value in seen.headers.items()]
        with pytest.raises(NotAuthentic):
            verify(trusted(PLATFORM_KEY), "POST", server.url + path, other, seen.body, NOON)


def test_every_try_is_signed_afresh(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await (exchange.reply(503) if exchange.number == 1 else receipt(exchange))

    with regulator(env, behaviour) as (way, server):
        assert isinstance(way.send(MESSAGE), Delivered)
        assert len({seen.headers["signature"] for seen in server.seen}) == 2
        assert len({seen.headers["idempotency-key"] for seen in server.seen}) == 1


def test_the_compatible_profile_signs_with_the_message_id_and_verifies_with_the_shared_secret(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        body = receipt_bytes()
        await exchange.reply(201, body, *signed(201, body, key=SHARED, profile="standard-webhooks"))

    options: dict[str, Any] = {"profile": "standard-webhooks", "signing_key": SHARED, "ring": trusted(SHARED)}
    with regulator(env, behaviour, **options) as (way, server):
        assert isinstance(way.send(MESSAGE), Delivered)
        assert server.seen[0].headers["webhook-id"] == MESSAGE.id


def test_one_connection_serves_many_calls(env: Env) -> None:
    with regulator(env, receipt) as (way, server):
        for _ in range(5):
            assert isinstance(way.send(MESSAGE), Delivered)
        assert server.connections == 1


@pytest.mark.parametrize("notice_id", [".", ".."])
def test_a_notice_id_that_is_a_step_in_a_path_leads_nowhere(env: Env, notice_id: str) -> None:
    odd = message(notice_id=notice_id)
    with regulator(env, receipt) as (way, server):
        result = way.send(odd)
        assert isinstance(result, Rejected)
        assert result.final
        assert way.look_up(odd) is None
        assert server.seen == []


# Receipts.


def doubtful(case: str) -> Behaviour:
    async def behaviour(exchange: Exchange) -> None:
        body = receipt_bytes()
        headers = signed(201, body)
        match case:
            case "another digest":
                body = receipt_bytes(body_sha256="0" * 64)
                headers = signed(201, body)
            case "another subject":
                body = receipt_bytes(subject_id="somebody-else")
                headers = signed(201, body)
            case "unsigned":
                headers = ()
            case "signed for another status":
                headers = signed(200, body)
            case "changed after signing":
                body = body.replace(b"r-1", b"r-2")
            case "signed by a stranger":
                headers = signed(201, body, key=PLATFORM_KEY)
            case "no receipt":
                body = b'{"ok":true}'
                headers = signed(201, body)
            case "no JSON":
                body = b"<html>"
                headers = signed(201, body)
            case "compressed":
                headers = (*headers, ("Content-Encoding", "gzip"))
            case "too large":
                body = b" " * 70_000 + body
                headers = signed(201, body)
        await exchange.reply(201, body, *headers)

    return behaviour


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("another digest", "receipt_mismatch"),
        ("another subject", "receipt_mismatch"),
        ("unsigned", "receipt_unproved:no_signature"),
        ("signed for another status", "receipt_unproved:signature_wrong"),
        ("changed after signing", "receipt_unproved:digest_wrong"),
        ("signed by a stranger", "receipt_unproved:signature_wrong"),
        ("no receipt", "receipt_unreadable:schema_missing"),
        ("no JSON", "receipt_unreadable:json_syntax"),
        ("compressed", "receipt_encoded"),
        ("too large", "receipt_too_large"),
    ],
)
def test_a_receipt_that_proves_nothing_leaves_the_outcome_unknown(env: Env, case: str, reason: str) -> None:
    with regulator(env, doubtful(case)) as (way, server):
        assert way.send(MESSAGE) == Unknown(reason)
        assert len(server.seen) == 1


def test_the_control_of_those_receipts_is_believed(env: Env) -> None:
    with regulator(env, doubtful("nothing at all")) as (way, _):
        assert isinstance(way.send(MESSAGE), Delivered)


@pytest.mark.parametrize(
    ("ring", "reason"),
    [
        (trusted(REGULATOR_KEY, "another-platform"), "receipt_other_platform"),
        (trusted(REGULATOR_KEY, not_after=NOON - 1), "receipt_key_expired"),
        (trusted(REGULATOR_KEY, not_before=NOON + 1), "receipt_key_not_yet_valid"),
        (trusted(REGULATOR_KEY, revoked_at=NOON), "receipt_unproved:key_revoked"),
    ],
)
def test_a_receipt_by_a_key_that_may_not_speak_to_this_platform_is_unknown(
    env: Env, ring: KeyRing, reason: str
) -> None:
    with regulator(env, receipt, ring=ring) as (way, _):
        assert way.send(MESSAGE) == Unknown(reason)


def test_an_old_receipt_that_is_given_again_stays_true(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        body = receipt_bytes()
        await exchange.reply(200, body, *signed(200, body, at=NOON - 86_400))

    with regulator(env, behaviour) as (way, _):
        assert isinstance(way.send(MESSAGE), Delivered)


def test_a_success_without_a_receipt_is_unknown(env: Env) -> None:
    with regulator(env, lambda exchange: exchange.reply(202)) as (way, _):
        assert way.send(MESSAGE) == Unknown("no_receipt:202")


# Refusals.


def test_a_conflict_that_returns_our_own_receipt_is_delivered(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 409)) as (way, _):
        assert isinstance(way.send(MESSAGE), Delivered)


def test_a_conflict_that_returns_the_receipt_of_another_message_is_refused_for_good(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 409, subject_id="another")) as (way, server):
        result = way.send(MESSAGE)
        assert isinstance(result, Rejected)
        assert (result.code, result.final) == ("conflict", True)
        assert len(server.seen) == 1


def test_a_conflict_that_returns_the_receipt_of_other_bytes_of_ours_says_what_stands(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 409, body_sha256="0" * 64)) as (way, _):
        result = way.send(MESSAGE)
        assert isinstance(result, Delivered)
        assert result.otherwise
        assert result.signature


def test_a_conflict_that_proves_nothing_is_refused_but_not_for_good(env: Env) -> None:
    with regulator(env, lambda exchange: exchange.reply(409, b"{}")) as (way, _):
        result = way.send(MESSAGE)
        assert isinstance(result, Rejected)
        assert not result.final


def test_a_problem_gives_its_code_and_a_reason_without_control_characters(env: Env) -> None:
    body = problem_bytes(Problem.of("schema_value", 422, "a\x1b[31m \u202e list " + "x" * 900, field="items[0]"))
    with regulator(env, lambda exchange: exchange.reply(422, body)) as (way, server):
        result = way.send(MESSAGE)
        assert isinstance(result, Rejected)
        assert (result.code, result.final) == ("schema_value", True)
        assert result.reason.isprintable()
        assert len(result.reason) <= 300
        assert len(server.seen) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415])
def test_other_refusals_may_pass_once_somebody_mends_something(env: Env, status: int) -> None:
    with regulator(env, lambda exchange: exchange.reply(status)) as (way, server):
        assert way.send(MESSAGE) == Rejected(f"status_{status}", f"status {status}", final=False)
        assert len(server.seen) == 1
