"""What the HTTP regulator makes of faults that pass, of answers that are cut off and of servers that drip."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.ports import Delivered, Env, Rejected, RetryAt, Unknown
from tests.conftest import NOON, FrozenClock
from tests.delivery.regulator_cases import (
    MESSAGE,
    PLATFORM,
    PLATFORM_KEY,
    REGULATOR_KEY,
    real,
    receipt,
    receipt_bytes,
    regulator,
    signed,
    trusted,
)
from tests.delivery.regulator_server import Behaviour, Exchange, serving
from tests.waiting import PATIENCE_S, comes

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


def patience(name: str, of_hang_s: float) -> float:
    """Seconds to wait for each answer: only the one that never comes is given up while others would still be
    awaited."""
    return of_hang_s if name == "hang" else PATIENCE_S


@pytest.mark.parametrize("name", CUTS)
def test_an_answer_that_is_cut_off_is_unknown_once_the_tries_are_used_up(env: Env, name: str) -> None:
    behaviour, reason = CUTS[name]
    with regulator(env, behaviour, read_timeout=patience(name, 0.3)) as (way, server):
        assert way.send(MESSAGE) == Unknown(reason)
        comes(lambda: len(server.seen) >= 3)
    assert len(server.seen) == 3


@pytest.mark.parametrize("name", CUTS)
def test_an_answer_that_is_cut_off_once_is_delivered_by_the_next_try(env: Env, name: str) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await (CUTS[name][0](exchange) if exchange.number == 1 else receipt(exchange, 200))

    with regulator(env, behaviour, read_timeout=patience(name, 1.5)) as (way, server):
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
    with regulator(real(env), drip, total_s=1.0) as (way, server):
        begun = time.monotonic()
        result = way.send(MESSAGE)
        assert 0.9 < time.monotonic() - begun < PATIENCE_S / 2
        assert isinstance(result, Unknown)
        assert len(server.seen) == 1


@pytest.mark.slow
def test_the_status_counts_though_its_body_drips(env: Env) -> None:
    with regulator(real(env), drip_refusal, total_s=1.0) as (way, _):
        assert way.send(MESSAGE) == RetryAt("status_503")


@pytest.mark.slow
def test_without_the_deadline_the_same_drip_would_outlive_every_read(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        if exchange.number == 1:
            body = receipt_bytes()
            await exchange.raw(b"HTTP/1.1 201 Created\r\n")
            for name, value in signed(201, body):
                await exchange.raw(f"{name}: {value}\r\n".encode())
                await asyncio.sleep(0.2)
            await exchange.raw(f"Content-Length: {len(body)}\r\n\r\n".encode())
            for start in range(0, len(body), 15):
                await asyncio.sleep(0.2)
                await exchange.raw(body[start : start + 15])

    with regulator(real(env), behaviour, read_timeout=2.0, total_s=PATIENCE_S) as (way, _):
        begun = time.monotonic()
        assert isinstance(way.send(MESSAGE), Delivered)
        assert time.monotonic() - begun > 2.0


def test_an_answer_without_end_is_cut_at_its_size(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.raw(b"1000\r\n" + b" " * 0x1000 + b"\r\n")

    with regulator(env, behaviour) as (way, server):
        assert way.send(MESSAGE) == Unknown("receipt_too_large")
        assert len(server.seen) == 1
