"""The mock regulator over real sockets: faults happen to the connection, and the platform's own client meets them."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.report import outbound_bytes
from kz_compliance_sdk.ports import Delivered, Env, Rejected, RetryAt, Unknown
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import Fault, MockRegulator, Outage, Platform, Reply, Request, asgi_app
from kz_compliance_sdk.testing.mock_regulator.server import Server, running
from kz_compliance_sdk.wire.signature import KeyRing, Profile, sign, verify, verify_response
from kz_compliance_sdk.wire.v1 import read_receipt
from tests.conftest import NOON, FrozenClock
from tests.waiting import PATIENCE_S, comes

PROFILES: tuple[Profile, ...] = ("rfc9421", "standard-webhooks")


class Intake(BaseHTTPRequestHandler):
    """The platform's end of a push: verifies, and answers what the test wants."""

    protocol_version = "HTTP/1.1"
    statuses: list[int]
    got: list[tuple[str, list[tuple[str, str]], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, [(name.lower(), value) for name, value in self.headers.items()], body))
        status = self.statuses.pop(0) if self.statuses else 202
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a test prints nothing."""


@pytest.fixture
def intake() -> Iterator[tuple[str, type[Intake]]]:
    handler = type("Handler", (Intake,), {"statuses": [], "got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/kz/notices", handler
    server.shutdown()
    thread.join()
    server.server_close()


def _regulator(
    clock: FrozenClock, profile: Profile = "standard-webhooks", intake_url: str = "http://127.0.0.1:9/"
) -> MockRegulator:
    return MockRegulator(
        [Platform("social", intake_url, (keys.platform_key(profile),))],
        signing_key=keys.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=1,
        sleep=lambda _seconds: None,
    )


@pytest.fixture(params=PROFILES)
def regulator(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[MockRegulator]:
    with _regulator(clock, request.param).running() as regulator:
        regulator.issue(builders.notice(1))
        yield regulator


@pytest.fixture
def client(regulator: MockRegulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=regulator.url, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def _report(client: httpx.Client, regulator: MockRegulator, seed: int = 1, report_id: str = "r-1") -> httpx.Response:
    notice = builders.notice(seed)
    body = outbound_bytes(builders.report(notice, report_id))
    url = f"{regulator.url}/v1/notices/{notice.notice_id}/reports"
    key, profile = keys.platform_signing_key(regulator.profile), regulator.profile
    signature = sign(key, profile, "POST", url, body, NOON, report_id, "n")
    headers = [("content-type", "application/json"), ("idempotency-key", report_id), *signature]
    return client.post(url, headers=headers, content=body)


def test_a_report_is_recorded_and_its_receipt_is_proved(regulator: MockRegulator, client: httpx.Client) -> None:
    response = _report(client, regulator)
    assert response.status_code == 201
    ring = KeyRing([keys.regulator_key(regulator.profile)], allow_test_keys=True)
    headers = [(name.lower(), value) for name, value in response.headers.items()]
    assert verify_response(ring, 201, headers, response.content, NOON).sender == keys.SENDER
    assert read_receipt(response.content).covers("r-1", outbound_bytes(builders.report(builders.notice(1), "r-1")))


def test_a_lost_reply_is_a_reset_after_the_books_recorded(regulator: MockRegulator, client: httpx.Client) -> None:
    regulator.fail(Fault("reset_after", on="report"))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        _report(client, regulator)
    assert list(regulator.books.recorded) == ["r-1"]
    assert _report(client, regulator).status_code == 201
    assert list(regulator.books.recorded) == ["r-1"]


def test_a_reset_before_leaves_the_books_as_they_were(regulator: MockRegulator, client: httpx.Client) -> None:
    regulator.fail(Fault("reset_before", on="report"))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        _report(client, regulator)
    assert regulator.books.recorded == {}


def test_the_reset_is_one_that_the_network_sees(clock: FrozenClock) -> None:
    """RST, not an orderly end: a client must not be able to take it for a finished connection."""
    with _regulator(clock).running() as regulator:
        regulator.fail(Fault("reset_before"))
        host, port = regulator.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as raw:
            raw.sendall(b"GET /v1/notices HTTP/1.1\r\nhost: x\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                raw.recv(1)


def test_latency_is_waited_and_holds_nobody_else_up(regulator: MockRegulator, client: httpx.Client) -> None:
    regulator.fail(Fault("latency", on="report", latency_ms=400))
    began = time.monotonic()
    assert _report(client, regulator).status_code == 201
    assert time.monotonic() - began >= 0.4
    regulator.fail(Fault("latency", latency_ms=600_000))
    host, port = regulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as slow:
        slow.sendall(b"GET /v1/notices HTTP/1.1\r\nhost: x\r\n\r\n")
        comes(lambda: len(regulator.seen) == 2)
        assert client.get("/control/books").status_code == 200
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.recv(1)


def test_an_outage_that_cannot_be_reached_resets_each_connection(
    regulator: MockRegulator, client: httpx.Client
) -> None:
    regulator.outage(True, Outage("unreachable"))
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            _report(client, regulator)
    regulator.outage(False)
    assert _report(client, regulator).status_code == 201


@pytest.mark.slow
def test_eight_connections_are_served_side_by_side(regulator: MockRegulator, client: httpx.Client) -> None:
    for seed in range(2, 66):
        regulator.issue(builders.notice(seed))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: _report(client, regulator, seed, f"r-{seed}"), range(1, 66)))
    assert [answer.status_code for answer in answers] == [201] * 65
    assert len(regulator.books.recorded) == 65


# HTTP itself.


def _raw(url: str, data: bytes, wait_for: int = 1) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as raw:
        raw.sendall(data)
        got = b""
        while got.count(b"HTTP/1.1 ") < wait_for or not got.endswith(b"}"):
            piece = raw.recv(65_536)
            if not piece:
                break
            got += piece
        return got


@pytest.fixture
def echo() -> Iterator[str]:
    def handle(request: Request) -> Reply:
        if request.path == "/broken":
            raise RuntimeError("a planted fault")
        told = {"method": request.method, "target": request.target, "size": len(request.body), "peer": request.peer}
        delay = 150 if request.path == "/slow" else 0
        return Reply(200, (("content-type", "application/json"),), json.dumps(told).encode(), delay_ms=delay)

    with running(Server(handle)) as (host, port):
        yield f"http://{host}:{port}"


def test_requests_in_one_piece_are_answered_in_order(echo: str) -> None:
    got = _raw(echo, b"".join(b"GET /%d?x=%%41 HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(100)), 100)
    assert [f'"/{n}?x=%41"'.encode() in part for n, part in enumerate(got.split(b"HTTP/1.1 200")[1:])] == [True] * 100


def test_a_slow_reply_is_not_overtaken_on_its_connection(echo: str) -> None:
    got = _raw(echo, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET /fast HTTP/1.1\r\nhost: x\r\n\r\n", 2)
    assert got.index(b"/slow") < got.index(b"/fast")


def test_a_request_may_come_byte_by_byte_and_in_chunks(echo: str) -> None:
    host, port = echo.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for (
            byte
        ) in b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n":
            raw.sendall(bytes([byte]))
        got = b""
        while not got.endswith(b"}"):
            piece = raw.recv(65_536)
            assert piece
            got += piece
        assert b'"size": 5' in got


def test_a_client_that_waits_for_100_gets_it(echo: str) -> None:
    got = _raw(echo, b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx", 2)
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\ncontent-length: 9000000\r\n\r\n" + b"z" * 8_400_000, 413),
    ],
    ids=["not HTTP", "a long head", "a long body"],
)
def test_what_is_not_fit_to_read_ends_the_connection(echo: str, data: bytes, status: int) -> None:
    try:
        got = _raw(echo, data)
    except OSError:
        # The server hung up while we were still talking.
        got = b"HTTP/1.1 413" if status == 413 else b""
    assert got.startswith(b"HTTP/1.1 %d" % status)
    assert b"200" in _raw(echo, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")[:20]


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.1\r\nconnection: close\r\n", b"HEAD / HTTP/1.1\r\n"]
)
def test_a_connection_ends_where_it_should(echo: str, line: bytes) -> None:
    host, port = echo.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as raw:
        raw.sendall(line + b"host: x\r\n\r\n")
        got = b""
        while piece := raw.recv(65_536):
            got += piece
    assert b"connection: close" in got


def test_a_fault_of_the_mocks_own_is_500_and_not_silence(echo: str, caplog: pytest.LogCaptureFixture) -> None:
    assert _raw(echo, b"GET /broken HTTP/1.1\r\nhost: x\r\n\r\n").startswith(b"HTTP/1.1 500 ")
    assert "a planted fault" in caplog.text


def test_an_address_that_is_taken_is_said_at_once(clock: FrozenClock) -> None:
    with _regulator(clock).running() as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"), _regulator(clock).running(port=port):
            pytest.fail("two servers share one address")


def test_stopping_waits_for_no_platform(clock: FrozenClock) -> None:
    """A push that hangs in the control interface must not hang whoever stops the regulator."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with _regulator(clock, intake_url=url).running() as regulator:
            asked = {"sample": 1, "push": True}
            issue = f"{regulator.url}/control/issue"
            hanging = pool.submit(httpx.post, issue, json=asked, trust_env=False, timeout=PATIENCE_S)
            held, _ = silent.accept()
            began = time.monotonic()
        assert time.monotonic() - began < 9, "the push itself would be given up after ten"
        held.close()
        silent.close()
        assert isinstance(hanging.exception(PATIENCE_S), httpx.TransportError)


# The way to the platform.


@pytest.mark.parametrize("profile", PROFILES)
def test_a_push_arrives_signed_for_its_address(
    profile: Profile, clock: FrozenClock, intake: tuple[str, type[Intake]]
) -> None:
    url, handler = intake
    handler.statuses[:] = [503, 202]
    with _regulator(clock, profile, url).running() as regulator:
        message = regulator.issue(builders.notice(1))
        push = regulator.push(message)
    assert [answer.status for answer in push.answers] == [503, 202]
    ring = KeyRing([keys.regulator_key(profile)], allow_test_keys=True)
    for path, headers, body in handler.got:
        target = url[: url.index("/kz")] + path
        assert body == message.body
        assert verify(ring, "POST", target, headers, body, clock()).platform_id == "social"


def test_a_platform_that_is_not_there_is_recorded_as_such(clock: FrozenClock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with _regulator(clock, intake_url=url).running() as regulator:
        push = regulator.push(regulator.issue(builders.notice(1)))
    assert [answer.status for answer in push.answers] == [None] * 5
    assert "ConnectError" in push.answers[0].error


def test_another_process_drives_it_over_http(clock: FrozenClock, intake: tuple[str, type[Intake]]) -> None:
    url, handler = intake
    with _regulator(clock, intake_url=url).running() as regulator, httpx.Client(trust_env=False) as other:
        said = other.post(f"{regulator.url}/control/issue", json={"sample": 3, "push": True, "copies": 2}).json()
        assert said["push"]["status"] == 202
        assert len(handler.got) == 2
        assert "KZ-2026-0000003" in other.get(f"{regulator.url}/").text
        books = other.get(f"{regulator.url}/control/books").json()
        assert list(books["platforms"]["social"]["notices"]) == ["KZ-2026-0000003"]


# Against the platform's own client.


@pytest.fixture
def platform(regulator: MockRegulator, env: Env) -> Iterator[HttpRegulator]:
    with HttpRegulator(
        regulator.url,
        platform_id="social",
        ring=KeyRing([keys.regulator_key(regulator.profile)], allow_test_keys=True),
        signing_key=keys.platform_signing_key(regulator.profile),
        profile=regulator.profile,
        env=env,
        attempts=1,
    ) as platform:
        yield platform


def _message(kind: str, message_id: str, body: bytes) -> OutboxMessage:
    return OutboxMessage(message_id, "social", "case-1", kind, "regulator", body, NOON, NOON)  # type: ignore[arg-type]


def _report_message(report_id: str = "r-1", sequence: int = 1) -> OutboxMessage:
    return _message("report", report_id, outbound_bytes(builders.report(builders.notice(1), report_id, sequence)))


def test_the_platforms_client_delivers_all_three_and_looks_them_up(
    regulator: MockRegulator, platform: HttpRegulator
) -> None:
    notice = builders.notice(1)
    messages = [
        _message("acknowledgement", "a-1", outbound_bytes(builders.acknowledgement(notice))),
        _message("clarification", "q-1", outbound_bytes(builders.clarification_request(notice, "q-1"))),
        _report_message(),
    ]
    for message in messages:
        assert platform.look_up(message) is None
        sent = platform.send(message)
        assert isinstance(sent, Delivered), sent
        found = platform.look_up(message)
        assert isinstance(found, Delivered), found
        assert found.receipt_id == sent.receipt_id
    assert isinstance(platform.send(_report_message("r-2")), Rejected)
    assert list(regulator.books.recorded) == ["a-1", "q-1", "r-1"]


def test_the_platforms_client_finds_what_a_lost_reply_left_behind(
    regulator: MockRegulator, platform: HttpRegulator
) -> None:
    regulator.fail(Fault("reset_after", on="report"))
    assert isinstance(platform.send(_report_message()), Unknown)
    assert isinstance(platform.look_up(_report_message()), Delivered)
    assert len(regulator.books.recorded) == 1


@pytest.mark.parametrize("kind", ["wrong_digest", "wrong_subject", "unsigned", "bad_signature"])
def test_the_platforms_client_takes_no_receipt_that_does_not_prove_it(
    regulator: MockRegulator, platform: HttpRegulator, kind: str
) -> None:
    regulator.fail(Fault(kind))  # type: ignore[arg-type]
    assert isinstance(platform.send(_report_message()), Unknown)
    assert isinstance(platform.send(_report_message()), Delivered)


def test_the_platforms_client_waits_as_long_as_it_is_told(regulator: MockRegulator, platform: HttpRegulator) -> None:
    regulator.fail(Fault("status", status=429, retry_after_s=120, retry_after_form="date"))
    later = platform.send(_report_message())
    assert isinstance(later, RetryAt)
    assert later.at == NOON + 120


def test_the_platforms_client_reads_the_feed_to_its_end(regulator: MockRegulator, platform: HttpRegulator) -> None:
    for seed in range(2, 6):
        regulator.issue(builders.notice(seed))
    bodies: list[bytes] = []
    after, more = "", True
    while more:
        page = platform.fetch(after, 2)
        bodies += [message.body for message in page.messages]
        after, more = page.next_cursor or after, page.has_more
    assert bodies == [message.body for message in regulator.books.feed]


# Other mounts.


def test_the_same_regulator_answers_as_an_asgi_application(clock: FrozenClock) -> None:
    regulator = _regulator(clock)
    regulator.issue(builders.notice(1))
    regulator.reached_at("http://regulator.test")
    notice = builders.notice(1)
    body = outbound_bytes(builders.report(notice, "r-1"))
    url = f"{regulator.url}/v1/notices/{notice.notice_id}/reports"
    key = keys.platform_signing_key("standard-webhooks")
    headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "r-1"),
        *sign(key, "standard-webhooks", "POST", url, body, NOON, "r-1", "n"),
    ]

    async def twice() -> tuple[int, int]:
        transport = httpx.ASGITransport(asgi_app(regulator.handle))
        async with httpx.AsyncClient(transport=transport) as client:
            regulator.fail(Fault("reset_after"))
            with pytest.raises(ConnectionResetError):
                await client.post(url, headers=headers, content=body)
            first = await client.post(url, headers=headers, content=body)
            page = await client.get("http://localhost/?a=%41")
            return first.status_code, page.status_code

    assert asyncio.run(twice()) == (201, 200)


@pytest.mark.slow
def test_it_serves_as_a_process_until_it_is_told_to_stop() -> None:
    code = """
from kz_compliance_sdk.testing import keys
from kz_compliance_sdk.testing.mock_regulator import MockSettings, serve
serve(
    MockSettings("http://127.0.0.1:9/", "social", keys.regulator_signing_key(), (keys.platform_key(),), seed=1),
    lambda url: print(url, flush=True),
)
"""
    with subprocess.Popen([sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert httpx.get(f"{url}/control/books", trust_env=False).status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
