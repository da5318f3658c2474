"""What the HTTP regulator makes of every answer that a server can give to a message, over real sockets."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.domain.outbox import Kind
from kz_compliance_sdk.ports import Delivered, Env, Rejected, RetryAt, Unknown
from kz_compliance_sdk.wire.problem import Problem, problem_bytes
from kz_compliance_sdk.wire.signature import KeyRing, verify
from tests.conftest import NOON, FrozenClock
from tests.faces.regulator_cases import (
    MESSAGE,
    PLATFORM,
    PLATFORM_KEY,
    REGULATOR_KEY,
    SHARED,
    message,
    real,
    receipt,
    receipt_bytes,
    regulator,
    signed,
    trusted,
)
from tests.faces.regulator_server import Behaviour, Exchange, serving

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
        assert result == Delivered("r-1", NOON + 1, receipt_bytes(sent))
        assert (seen.method, seen.target, seen.body) == ("POST", path, sent.body)
        assert seen.headers["idempotency-key"] == sent.id
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["accept-encoding"] == "identity"
        verified = verify(trusted(PLATFORM_KEY), "POST", server.url + path, list(seen.headers.items()), seen.body, NOON)
        assert verified.key_id == "platform-1"


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


def test_a_conflict_that_returns_the_receipt_of_other_bytes_is_refused_for_good(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 409, body_sha256="0" * 64)) as (way, server):
        result = way.send(MESSAGE)
        assert isinstance(result, Rejected)
        assert (result.code, result.final) == ("conflict", True)
        assert len(server.seen) == 1


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


# Passing faults.


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_status_is_tried_three_times_within_a_few_seconds(env: Env, clock: FrozenClock, status: int) -> None:
    with regulator(env, lambda exchange: exchange.reply(status)) as (way, server):
        assert way.send(MESSAGE) == RetryAt(f"status_{status}")
        assert len(server.seen) == 3
        assert 2 <= clock() - NOON <= 4


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120),
        ("999999", 3600),
        (formatdate(NOON + 90, usegmt=True), 90),
        (formatdate(NOON + 999_999, usegmt=True), 3600),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_in_either_form_is_left_to_the_outbox(env: Env, status: int, header: str, wait: int) -> None:
    with regulator(env, lambda exchange: exchange.reply(status, b"", ("Retry-After", header))) as (way, server):
        assert way.send(MESSAGE) == RetryAt(f"status_{status}", NOON + wait)
        assert len(server.seen) == 1


@pytest.mark.parametrize("header", ["4", formatdate(NOON + 4, usegmt=True)])
def test_a_short_retry_after_in_either_form_is_waited_for(env: Env, clock: FrozenClock, header: str) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await (exchange.reply(503, b"", ("Retry-After", header)) if exchange.number == 1 else receipt(exchange))

    with regulator(env, behaviour) as (way, _):
        assert isinstance(way.send(MESSAGE), Delivered)
        assert clock() == NOON + 4


def test_a_wait_that_would_cross_the_deadline_of_the_call_is_not_begun(env: Env, clock: FrozenClock) -> None:
    behaviour: Behaviour = lambda exchange: exchange.reply(503, b"", ("Retry-After", "4"))  # noqa: E731
    with regulator(env, behaviour, total_s=3.0) as (way, server):
        assert way.send(MESSAGE) == RetryAt("status_503", NOON + 4)
        assert len(server.seen) == 1
        assert clock() == NOON


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_no_redirect_is_followed(env: Env, status: int) -> None:
    with serving(receipt) as elsewhere:
        location = ("Location", f"{elsewhere.url}/v1/notices/n:1/reports")
        with regulator(env, lambda exchange: exchange.reply(status, b"", location)) as (way, server):
            assert way.send(MESSAGE) == RetryAt("redirect")
            assert len(server.seen) == 1
        assert elsewhere.seen == []


def test_a_refused_connection_has_sent_nothing(env: Env) -> None:
    with serving(receipt) as server:
        url = server.url
    with HttpRegulator(
        url, platform_id=PLATFORM, ring=trusted(REGULATOR_KEY), signing_key=PLATFORM_KEY, env=env
    ) as way:
        assert way.send(MESSAGE) == RetryAt("connect_error")


async def hang(exchange: Exchange) -> None:
    await asyncio.sleep(60)


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def silent_close(exchange: Exchange) -> None:
    await exchange.close()


async def garbage(exchange: Exchange) -> None:
    await exchange.raw(b"HELO 201 fine\r\n\r\n")
    await exchange.close()


async def cut_body(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{")
    await exchange.close()


async def cut_headers(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 201 Created\r\nContent-Le")
    await exchange.close()


async def endless_headers(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 201 Created\r\n" + b"X-A: " + b"a" * 200_000)
    await exchange.close()


CUTS: dict[str, tuple[Behaviour, str]] = {
    "hang": (hang, "read_timeout"),
    "reset": (reset, "read_error"),
    "silent close": (silent_close, "remote_protocol_error"),
    "garbage": (garbage, "remote_protocol_error"),
    "cut body": (cut_body, "cut"),
    "cut headers": (cut_headers, "remote_protocol_error"),
    "endless headers": (endless_headers, "remote_protocol_error"),
}


@pytest.mark.parametrize("name", CUTS)
def test_an_answer_that_is_cut_off_is_unknown_once_the_tries_are_used_up(env: Env, name: str) -> None:
    behaviour, reason = CUTS[name]
    with regulator(env, behaviour) as (way, server):
        assert way.send(MESSAGE) == Unknown(reason)
        assert len(server.seen) == 3


@pytest.mark.parametrize("name", CUTS)
def test_an_answer_that_is_cut_off_once_is_delivered_by_the_next_try(env: Env, name: str) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await (CUTS[name][0](exchange) if exchange.number == 1 else receipt(exchange, 200))

    with regulator(env, behaviour) as (way, server):
        assert isinstance(way.send(MESSAGE), Delivered)
        assert len(server.seen) == 2


@pytest.mark.parametrize("status", [302, 401, 409, 503])
def test_after_a_try_that_may_have_arrived_a_refusal_that_may_pass_settles_nothing(env: Env, status: int) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await (reset(exchange) if exchange.number == 1 else exchange.reply(status))

    with regulator(env, behaviour) as (way, _):
        assert isinstance(way.send(MESSAGE), Unknown)


def test_after_a_try_that_may_have_arrived_a_final_refusal_counts(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await (reset(exchange) if exchange.number == 1 else exchange.reply(422))

    with regulator(env, behaviour) as (way, _):
        assert isinstance(way.send(MESSAGE), Rejected)


# The deadline of the whole call.


async def drip_body(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 201 Created\r\nContent-Length: 5000\r\n\r\n")
    while True:
        await exchange.raw(b" ")
        await asyncio.sleep(0.05)


async def drip_headers(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 201 Created\r\nX-Slow: ")
    while True:
        await exchange.raw(b"a")
        await asyncio.sleep(0.05)


async def drip_refusal(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 503 Later\r\nContent-Length: 5000\r\n\r\n")
    while True:
        await exchange.raw(b" ")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("drip", [drip_body, drip_headers])
def test_a_server_that_drips_its_answer_is_cut_at_the_deadline_of_the_call(env: Env, drip: Behaviour) -> None:
    with regulator(real(env), drip, total_s=0.6) as (way, server):
        begun = time.monotonic()
        result = way.send(MESSAGE)
        assert 0.5 < time.monotonic() - begun < 1.5
        assert isinstance(result, Unknown)
        assert len(server.seen) == 1


def test_the_status_counts_though_its_body_drips(env: Env) -> None:
    with regulator(real(env), drip_refusal, total_s=0.6) as (way, _):
        assert way.send(MESSAGE) == RetryAt("status_503")


def test_without_the_deadline_the_same_drip_would_outlive_every_read(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        if exchange.number == 1:
            body = receipt_bytes()
            await exchange.raw(b"HTTP/1.1 201 Created\r\n")
            for name, value in signed(201, body):
                await exchange.raw(f"{name}: {value}\r\n".encode())
                await asyncio.sleep(0.2)
            await exchange.raw(f"Content-Length: {len(body)}\r\n\r\n".encode())
            for start in range(0, len(body), 60):
                await asyncio.sleep(0.2)
                await exchange.raw(body[start : start + 60])

    with regulator(real(env), behaviour, total_s=10.0) as (way, _):
        begun = time.monotonic()
        assert isinstance(way.send(MESSAGE), Delivered)
        assert time.monotonic() - begun > 0.9


def test_an_answer_without_end_is_cut_at_its_size(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.raw(b"1000\r\n" + b" " * 0x1000 + b"\r\n")

    with regulator(env, behaviour) as (way, server):
        assert way.send(MESSAGE) == Unknown("receipt_too_large")
        assert len(server.seen) == 1
