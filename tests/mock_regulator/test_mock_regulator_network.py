"""What the mock regulator does to a connection, on real sockets: as bytes on the wire, and as the platform meets it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import httpx
import pytest

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.report import outbound_bytes
from kz_compliance_sdk.ports import Delivered, Env, Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import (
    Fault,
    MockRegulator,
    Platform,
    Reply,
    Request,
    asgi_app,
    httpx_handler,
)
from kz_compliance_sdk.testing.mock_regulator.exchange import GARBAGE
from kz_compliance_sdk.testing.mock_regulator.server import Server, running
from kz_compliance_sdk.wire.signature import KeyRing, Profile, sign
from kz_compliance_sdk.wire.v1 import read_problem
from tests.conftest import NOON, FrozenClock
from tests.waiting import PATIENCE_S, comes

PROFILE: Profile = "standard-webhooks"
NOTICE = builders.notice(1)
BODY = outbound_bytes(builders.report(NOTICE, "r-1"))
MESSAGE = OutboxMessage("r-1", "social", "case-1", "report", "regulator", BODY, NOON, NOON)
PATH = f"/v1/notices/{NOTICE.notice_id}/reports"


@pytest.fixture
def regulator(clock: FrozenClock) -> Iterator[MockRegulator]:
    mock = MockRegulator(
        [Platform("social", "http://127.0.0.1:9/", (keys.platform_key(PROFILE),))],
        signing_key=keys.regulator_signing_key(PROFILE),
        profile=PROFILE,
        clock=clock,
        seed=1,
    )
    with mock.running() as regulator:
        regulator.issue(NOTICE)
        yield regulator


def _platform(regulator: MockRegulator, env: Env, read_timeout: float = PATIENCE_S) -> HttpRegulator:
    return HttpRegulator(
        regulator.url,
        platform_id="social",
        ring=KeyRing([keys.regulator_key(PROFILE)], allow_test_keys=True),
        signing_key=keys.platform_signing_key(PROFILE),
        profile=PROFILE,
        env=env,
        attempts=1,
        read_timeout=read_timeout,
    )


def _request(url: str) -> list[tuple[str, str]]:
    signature = sign(keys.platform_signing_key(PROFILE), PROFILE, "POST", url + PATH, BODY, NOON, "r-1", "n")
    return [("content-type", "application/json"), ("idempotency-key", "r-1"), *signature]


def _connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def _post(url: str) -> bytes:
    headers = "".join(f"{name}: {value}\r\n" for name, value in _request(url))
    return f"POST {PATH} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {len(BODY)}\r\n\r\n".encode() + BODY


def _until_closed(raw: socket.socket) -> bytes:
    got = b""
    while piece := raw.recv(65_536):
        got += piece
    return got


def _announced(head: bytes) -> int:
    (line,) = (line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    return int(line.partition(b":")[2])


# The bytes.


def test_a_truncated_body_ends_in_its_middle_and_was_recorded(regulator: MockRegulator) -> None:
    regulator.fail(Fault("truncated", on="report"))
    with _connect(regulator.url) as raw:
        raw.sendall(_post(regulator.url))
        head, _, body = _until_closed(raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 ")
    assert len(body) == _announced(head) // 2
    assert list(regulator.books.recorded) == ["r-1"]


def test_a_dripping_body_comes_whole_at_its_rate(regulator: MockRegulator) -> None:
    regulator.fail(Fault("dripping", on="report", bytes_per_s=600))
    with httpx.Client(trust_env=False) as client:
        began = time.monotonic()
        response = client.post(regulator.url + PATH, headers=_request(regulator.url), content=BODY)
        took = time.monotonic() - began
        plain = client.post(regulator.url + PATH, headers=_request(regulator.url), content=BODY)
    assert (response.status_code, response.content) == (201, plain.content)
    assert took >= len(plain.content) / 600 * 0.9


def test_a_dripping_body_may_be_truncated_as_well(regulator: MockRegulator) -> None:
    regulator.fail(Fault("dripping", bytes_per_s=2_000))
    regulator.fail(Fault("truncated"))
    with _connect(regulator.url) as raw:
        raw.sendall(_post(regulator.url))
        head, _, body = _until_closed(raw).partition(b"\r\n\r\n")
    assert len(body) == _announced(head) // 2


@pytest.mark.parametrize(("kind", "recorded"), [("hang_before", []), ("hang_after", ["r-1"])])
def test_a_hang_lasts_until_the_client_gives_up(regulator: MockRegulator, kind: Any, recorded: list[str]) -> None:
    regulator.fail(Fault(kind))
    with _connect(regulator.url) as raw:
        raw.settimeout(0.3)
        raw.sendall(_post(regulator.url) * 2)
        with pytest.raises(TimeoutError):
            raw.recv(1)
        comes(lambda: regulator.seen)
    # What waits behind a request that hangs was not looked at, and others are served meanwhile.
    assert [seen.status for seen in regulator.seen] == [201 if recorded else 503]
    assert list(regulator.books.recorded) == recorded
    with httpx.Client(trust_env=False) as client:
        again = client.post(regulator.url + PATH, headers=_request(regulator.url), content=BODY)
    assert again.status_code == 201


def test_stopping_does_not_wait_for_what_hangs(regulator: MockRegulator) -> None:
    asked = Event()

    def hang(_request: Request) -> Reply:
        asked.set()
        return Reply(200, ending="hang")

    with running(Server(hang)) as (host, port):
        raw = socket.create_connection((host, port), timeout=PATIENCE_S)
        raw.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert asked.wait(PATIENCE_S)
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE_S
    raw.close()


def test_garbage_is_no_http(regulator: MockRegulator) -> None:
    regulator.fail(Fault("garbage", on="report"))
    with _connect(regulator.url) as raw:
        raw.sendall(_post(regulator.url))
        assert _until_closed(raw) == GARBAGE
    regulator.fail(Fault("garbage", on="report"))
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.post(regulator.url + PATH, headers=_request(regulator.url), content=BODY)
    assert list(regulator.books.recorded) == ["r-1"]


def test_a_slow_accept_holds_up_one_connection_and_no_other(regulator: MockRegulator) -> None:
    regulator.fail(Fault("slow_accept", latency_ms=600_000))
    with _connect(regulator.url) as slow:
        slow.sendall(b"GET /v1/notices HTTP/1.1\r\nhost: x\r\n\r\n")
        comes(lambda: regulator.faults.struck["slow_accept"])
        with _connect(regulator.url) as fast:
            fast.sendall(b"GET /v1/notices HTTP/1.1\r\nhost: x\r\n\r\n")
            assert fast.recv(9) == b"HTTP/1.1 "
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.recv(1)


def test_a_slow_accept_is_served_after_its_time(regulator: MockRegulator) -> None:
    regulator.fail(Fault("slow_accept", latency_ms=400))
    began = time.monotonic()
    with _connect(regulator.url) as slow:
        slow.sendall(b"GET /v1/notices HTTP/1.1\r\nhost: x\r\n\r\n")
        assert slow.recv(9) == b"HTTP/1.1 "
        assert time.monotonic() - began >= 0.39


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "conflict"),
        (422, "schema_value"),
        (429, "too_many_requests"),
        (500, "internal_error"),
        (502, "internal_error"),
    ],
)
def test_a_status_on_command_looks_like_a_real_problem(regulator: MockRegulator, status: int, code: str) -> None:
    regulator.fail(Fault("status", status=status, times=3))
    with httpx.Client(trust_env=False) as client:
        answers = [client.post(regulator.url + PATH, headers=_request(regulator.url), content=BODY) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status] * 3 + [201]
    problem = read_problem(answers[0].content)
    assert problem is not None
    assert (problem.code, problem.status, answers[0].headers["content-type"]) == (
        code, status, "application/problem+json",
    )  # fmt: skip
    assert regulator.seen[0].faults == ("status",)
    assert regulator.seen[3].faults == ()


# What the platform's own client makes of it.


@pytest.mark.parametrize(
    ("fault", "sent", "recorded"),
    [
        (Fault("truncated"), Unknown, True),
        (Fault("garbage"), Unknown, True),
        (Fault("hang_after"), Unknown, True),
        (Fault("hang_before"), Unknown, False),
        (Fault("dripping", bytes_per_s=2_000), Delivered, True),
        (Fault("slow_accept", latency_ms=100), Delivered, True),
        (Fault("slow_accept", latency_ms=400), Unknown, True),
        (Fault("status", status=409), Rejected, False),
        (Fault("status", status=422), Rejected, False),
        (Fault("status", status=500), RetryAt, False),
    ],
    ids=lambda value: value.kind + str(value.latency_ms or value.status) if isinstance(value, Fault) else "",
)
def test_the_platforms_client_draws_the_right_conclusion(
    regulator: MockRegulator, env: Env, fault: Fault, sent: type[Sent], recorded: bool
) -> None:
    regulator.fail(fault)
    waits_in_vain = fault.kind.startswith("hang") or (fault.kind == "slow_accept" and sent is Unknown)
    with _platform(regulator, env, 0.25 if waits_in_vain else PATIENCE_S) as platform:
        result = platform.send(MESSAGE)
    assert isinstance(result, sent), result
    if isinstance(result, Rejected):
        assert result.final is (fault.status == 422)
    comes(lambda: regulator.seen)  # what the client left behind is read later
    assert list(regulator.books.recorded) == (["r-1"] if recorded else [])
    with _platform(regulator, env) as platform:
        held = platform.look_up(MESSAGE)
        assert isinstance(held, Delivered) if recorded else held is None
        assert isinstance(platform.send(MESSAGE), Delivered)
    assert len(regulator.books.recorded) == 1


# The mount that has no connection.


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang_before", TimeoutError),
        ("hang_after", TimeoutError),
        ("garbage", ConnectionResetError),
        ("truncated", ConnectionResetError),
        ("reset_before", ConnectionResetError),
    ],
)
def test_an_asgi_client_meets_an_error_where_there_is_no_connection(
    regulator: MockRegulator, kind: Any, error: type[Exception]
) -> None:
    regulator.reached_at("http://regulator.test")
    url = "http://regulator.test"

    async def both() -> tuple[int, bytes, bytes]:
        transport = httpx.ASGITransport(asgi_app(regulator.handle))
        async with httpx.AsyncClient(transport=transport, base_url=url) as client:
            regulator.fail(Fault(kind))
            with pytest.raises(error):
                await client.post(PATH, headers=_request(url), content=BODY)
            regulator.fail(Fault("dripping", bytes_per_s=5_000))
            dripped = await client.post(PATH, headers=_request(url), content=BODY)
            plain = await client.post(PATH, headers=_request(url), content=BODY)
            return dripped.status_code, dripped.content, plain.content

    status, dripped, plain = asyncio.run(both())
    assert status == 201
    assert dripped == plain


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang_before", httpx.ReadTimeout),
        ("hang_after", httpx.ReadTimeout),
        ("garbage", httpx.RemoteProtocolError),
        ("truncated", httpx.RemoteProtocolError),
        ("reset_after", httpx.ReadError),
    ],
)
def test_a_client_of_httpx_in_this_process_meets_what_it_would_meet_on_a_socket(
    regulator: MockRegulator, clock: FrozenClock, kind: Any, error: type[Exception]
) -> None:
    transport = httpx.MockTransport(httpx_handler(regulator.handle, sleep=clock.advance))
    with httpx.Client(transport=transport, base_url=regulator.url, timeout=7) as client:
        regulator.fail(Fault(kind))
        began = clock.monotonic()
        with pytest.raises(error):
            client.post(PATH, headers=_request(regulator.url), content=BODY)
        assert clock.monotonic() - began == (7 if error is httpx.ReadTimeout else 0)
        regulator.fail(Fault("dripping", bytes_per_s=8))
        dripped = client.post(PATH, headers=_request(regulator.url), content=BODY)
        assert clock.monotonic() - began >= len(dripped.content) / 8
        assert dripped.content == client.post(PATH, headers=_request(regulator.url), content=BODY).content
        regulator.fail(Fault("dripping", bytes_per_s=1))
        assert client.post(PATH, headers=_request(regulator.url), content=BODY, timeout=2).status_code == 201


def test_the_server_tells_a_handler_nothing_about_a_connection_it_left_waiting() -> None:
    """The control: without the fault the same connection is read at once."""
    asked: list[Request] = []

    def handle(request: Request) -> Reply:
        asked.append(request)
        return Reply(200, (), b"{}")

    for waits_ms in (600_000, 1):
        server = Server(handle, accepting=lambda waits_ms=waits_ms: waits_ms)  # type: ignore[misc]
        with running(server) as (host, port), _connect(f"http://{host}:{port}") as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            if waits_ms == 1:
                assert raw.recv(9) == b"HTTP/1.1 "
            else:
                time.sleep(0.1)
            assert len(asked) == (1 if waits_ms == 1 else 0)
