"""One handler behind every mount: the same exchanges, through each, are answered with the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest
import respx

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.report import outbound_bytes
from kz_compliance_sdk.ports import Delivered, Env, Unknown
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import Fault, MockRegulator, Platform, Reply, Request, asgi_app
from kz_compliance_sdk.testing.mock_regulator.in_process import httpx_handler, respx_routes
from kz_compliance_sdk.testing.mock_regulator.server import running
from kz_compliance_sdk.wire.signature import KeyRing, Profile, sign
from tests.conftest import FrozenClock
from tests.variants import variants

# The control interface answers this machine alone, so every mount has an address of it.
BASE = "http://127.0.0.1:8800"
PROFILES: tuple[Profile, ...] = ("rfc9421", "standard-webhooks")
NOTICE = builders.notice(1)
JSON = ("content-type", "application/json")

Answered = tuple[int, list[tuple[str, str]], bytes] | str
"""Status, headers, body; or what became of the connection."""


@dataclass(frozen=True)
class Exchange:
    """One request, and the fault that is armed before it."""

    method: str
    target: str
    body: bytes = b""
    key: str = ""
    signed: bool = True
    headers: tuple[tuple[str, str], ...] = (JSON,)
    fault: Fault | None = None


def _report(report_id: str, sequence: int, fault: Fault | None = None, body: bytes | None = None) -> Exchange:
    target = f"/v1/notices/{NOTICE.notice_id}/reports"
    sent = outbound_bytes(builders.report(NOTICE, report_id, sequence)) if body is None else body
    return Exchange("POST", target, sent, report_id, fault=fault)


REGISTRATION = (
    b'{"owner":"TOO","apps":["a"],"users_a_day":1,"legal_representative":"x","office":"Almaty","head":{"name":"N"}}'
)
EXCHANGES = (
    Exchange("GET", "/v1/notices?limit=1"),
    Exchange("GET", "/v1/notices?after=nonsense&limit=1"),
    Exchange("GET", f"/v1/notices/{NOTICE.notice_id}"),
    Exchange("GET", f"/v1/notices/{quote('no such/notice', safe='')}"),
    _report("r-1", 1),
    _report("r-1", 1),
    _report("r-2", 1),
    _report("r-3", 2, body=b'{"report_id":"r-3"}'),
    Exchange("GET", "/v1/reports/r-1"),
    Exchange("GET", "/v1/reports/r-404"),
    Exchange("GET", "/v1/reports/r-1", signed=False),
    Exchange("DELETE", "/v1/reports/r-1"),
    Exchange("GET", "/nowhere"),
    Exchange("PUT", "/v1/platforms/social/registration", REGISTRATION),
    Exchange("GET", "/v1/platforms/social/registration"),
    Exchange("GET", "/v1/platforms/social/sanctions"),
    Exchange("POST", f"/v1/notices/{NOTICE.notice_id}/acknowledgements", b"{}", "a-1", headers=()),
    _report("r-4", 4, Fault("status", status=503, retry_after_s=7)),
    _report("r-4", 4, Fault("status", status=429, retry_after_s=7, retry_after_form="date")),
    _report("r-4", 4, Fault("latency", latency_ms=30)),
    _report("r-5", 5, Fault("wrong_digest")),
    _report("r-6", 6, Fault("unsigned")),
    _report("r-7", 7, Fault("bad_signature")),
    _report("r-8", 8, Fault("reset_before")),
    _report("r-8", 8, Fault("reset_after")),
    _report("r-8", 8),
    Exchange("GET", "/control/faults", signed=False),
    Exchange("GET", "/", signed=False),
)

Send = Callable[[Exchange, list[tuple[str, str]]], Answered]
Mount = Callable[[MockRegulator, FrozenClock], list[Answered]]


def regulator(clock: FrozenClock, profile: Profile = "rfc9421") -> MockRegulator:
    """The same regulator every time, with one notice issued."""
    made = MockRegulator(
        [Platform("social", "https://social.example/notices", (keys.platform_key(profile),))],
        signing_key=keys.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=7,
        base_url=BASE,
    )
    made.issue(NOTICE)
    return made


def signed(mock: MockRegulator, exchange: Exchange, number: int) -> list[tuple[str, str]]:
    """The headers of an exchange, as the platform sends them now."""
    headers = [*exchange.headers, *([("idempotency-key", exchange.key)] if exchange.key else [])]
    if not exchange.signed:
        return headers
    key, name = keys.platform_signing_key(mock.profile), exchange.key or f"call-{number}"
    url = mock.url + exchange.target
    return headers + sign(key, mock.profile, exchange.method, url, exchange.body, mock.now(), name, f"nonce-{number}")


def _run(mock: MockRegulator, send: Send) -> list[Answered]:
    answers = []
    for number, exchange in enumerate(EXCHANGES):
        if exchange.fault:
            mock.fail(exchange.fault)
        answers.append(send(exchange, signed(mock, exchange, number)))
    return answers


def _through(client: httpx.Client, url: str = BASE) -> Send:
    def send(exchange: Exchange, headers: list[tuple[str, str]]) -> Answered:
        try:
            got = client.request(exchange.method, url + exchange.target, headers=headers, content=exchange.body)
        except httpx.ReadError:
            return "reset"
        return got.status_code, got.headers.multi_items(), got.content

    return send


def _awaited(mock: MockRegulator, client: httpx.AsyncClient) -> list[Answered]:
    async def run() -> list[Answered]:
        answers: list[Answered] = []
        async with client:
            for number, exchange in enumerate(EXCHANGES):
                if exchange.fault:
                    mock.fail(exchange.fault)
                headers, url = signed(mock, exchange, number), BASE + exchange.target
                try:
                    got = await client.request(exchange.method, url, headers=headers, content=exchange.body)
                except (httpx.ReadError, ConnectionResetError):
                    answers.append("reset")
                else:
                    answers.append((got.status_code, got.headers.multi_items(), got.content))
        return answers

    return asyncio.run(run())


# The mounts. Each gives the answers to all exchanges.


def called(mock: MockRegulator, _clock: FrozenClock) -> list[Answered]:
    """No mount: what the handler itself says, with the length that each mount has to add."""

    def send(exchange: Exchange, headers: list[tuple[str, str]]) -> Answered:
        host = ("host", "127.0.0.1:8800")
        reply = mock.handle(Request(exchange.method, exchange.target, [host, *headers], exchange.body, "127.0.0.1"))
        if reply.ending == "reset":
            return "reset"
        return reply.status, [*reply.headers, ("content-length", str(len(reply.body)))], reply.body

    return _run(mock, send)


def on_a_socket(mock: MockRegulator, _clock: FrozenClock) -> list[Answered]:
    """The real server; its port is part of what requests sign."""
    with running(mock.server()) as (host, port), httpx.Client(trust_env=False) as client:
        mock.reached_at(f"http://{host}:{port}")
        return _run(mock, _through(client, mock.url))


def in_asgi(mock: MockRegulator, _clock: FrozenClock) -> list[Answered]:
    """An ASGI application."""
    return _awaited(mock, httpx.AsyncClient(transport=httpx.ASGITransport(asgi_app(mock.handle))))


def in_respx(mock: MockRegulator, clock: FrozenClock) -> list[Answered]:
    """Routes of respx, which takes httpcore's place."""
    with respx.mock() as router, httpx.Client(trust_env=False) as client:
        respx_routes(mock, router, sleep=clock.advance)
        return _run(mock, _through(client))


def in_respx_awaited(mock: MockRegulator, clock: FrozenClock) -> list[Answered]:
    """The same routes under a client of an event loop, with respx in the place of httpx's transports."""
    with respx.mock(using="httpx") as router:
        respx_routes(mock, router, sleep=clock.advance)
        return _awaited(mock, httpx.AsyncClient(trust_env=False))


def in_a_transport(mock: MockRegulator, clock: FrozenClock) -> list[Answered]:
    """A transport of httpx."""
    with httpx.Client(transport=httpx.MockTransport(httpx_handler(mock.handle, sleep=clock.advance))) as client:
        return _run(mock, _through(client))


MOUNTS: tuple[Mount, ...] = (on_a_socket, in_asgi, in_respx, in_respx_awaited, in_a_transport)


def differences(mount: Mount, profile: Profile) -> list[str]:
    """The exchanges that a mount does not answer as the handler itself does."""
    wanted, clock = called(regulator(FrozenClock(), profile), FrozenClock()), FrozenClock()
    given = mount(regulator(clock, profile), clock)
    assert len(wanted) == len(given) == len(EXCHANGES)
    return [
        f"{exchange.method} {exchange.target}: {want} but {got}"
        for exchange, want, got in zip(EXCHANGES, wanted, given, strict=True)
        if want != got
    ]


@pytest.fixture(autouse=True)
def _the_clock_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    # A latency moves the frozen clock in some mounts and the real one in others, which the receipts would show.
    monkeypatch.setattr(FrozenClock, "advance", lambda _self, _seconds: None)


@pytest.mark.parametrize("profile", variants({name: name for name in PROFILES}, "standard-webhooks"))
@pytest.mark.parametrize("mount", MOUNTS, ids=lambda mount: mount.__name__)
def test_every_mount_answers_byte_for_byte_as_the_handler_does(mount: Mount, profile: Profile) -> None:
    assert differences(mount, profile) == []


@pytest.mark.slow
def test_the_exchanges_see_every_kind_of_answer() -> None:
    """Otherwise mounts that agree would not say much."""
    answers = called(regulator(FrozenClock()), FrozenClock())
    statuses = {answer[0] for answer in answers if not isinstance(answer, str)}
    assert statuses == {200, 201, 400, 401, 404, 405, 409, 415, 422, 429, 503}
    assert answers.count("reset") == 2


@pytest.mark.slow
def test_a_mount_that_changes_one_byte_or_one_header_is_seen() -> None:
    """The control."""

    def spoiled(spoil: Callable[[Reply], Reply]) -> Mount:
        def mount(mock: MockRegulator, _clock: FrozenClock) -> list[Answered]:
            handler = httpx_handler(lambda request: spoil(mock.handle(request)))
            with httpx.Client(transport=httpx.MockTransport(handler)) as client:
                return _run(mock, _through(client))

        return mount

    whole = spoiled(lambda reply: reply)
    no_header = spoiled(lambda reply: Reply(reply.status, reply.headers[1:], reply.body, ending=reply.ending))
    one_byte = spoiled(
        lambda reply: Reply(reply.status, reply.headers, reply.body[:-1] + b" ", reply.delay_ms, reply.ending)
    )
    assert differences(whole, "rfc9421") == []
    resets = 2
    assert len(differences(no_header, "rfc9421")) == len(EXCHANGES) - resets
    assert len(differences(one_byte, "rfc9421")) == len(EXCHANGES) - resets


# The library's own client through the mounts that need no network.


def _message() -> OutboxMessage:
    body = outbound_bytes(builders.report(NOTICE, "r-1"))
    return OutboxMessage("r-1", "social", "case-1", "report", "regulator", body, 0, 0)


def _http_regulator(env: Env, client: httpx.Client | None) -> HttpRegulator:
    return HttpRegulator(
        BASE,
        platform_id="social",
        ring=KeyRing([keys.regulator_key()], allow_test_keys=True),
        signing_key=keys.platform_signing_key(),
        env=env,
        client=client,
        attempts=1,
    )


@pytest.fixture(params=["respx, own pool", "respx, client", "transport"])
def way(request: pytest.FixtureRequest, env: Env) -> Iterator[tuple[HttpRegulator, MockRegulator]]:
    """The adapter over its own connections or over a client, and the regulator at the other end."""
    assert isinstance(env.clock, FrozenClock)
    mock = regulator(env.clock)
    if request.param == "transport":
        with httpx.Client(transport=httpx.MockTransport(httpx_handler(mock.handle, sleep=env.sleep))) as client:
            yield _http_regulator(env, client), mock
        return
    with respx.mock() as router, httpx.Client(trust_env=False) as client:
        respx_routes(mock, router, sleep=env.sleep)
        with _http_regulator(env, client if "client" in request.param else None) as http:
            yield http, mock


def test_the_librarys_client_gets_its_receipt_through_it(way: tuple[HttpRegulator, MockRegulator]) -> None:
    http, mock = way
    sent = http.send(_message())
    assert isinstance(sent, Delivered)
    assert sent.receipt_id == mock.books.recorded["r-1"].receipt.receipt_id
    page = http.fetch("", 10)
    assert [entry.body for entry in page.messages] == [mock.books.feed[0].body]


def test_a_reply_that_is_lost_leaves_the_outcome_unknown_until_it_is_looked_up(
    way: tuple[HttpRegulator, MockRegulator],
) -> None:
    http, mock = way
    mock.fail(Fault("reset_after", on="report"))
    assert http.send(_message()) == Unknown("read_error")
    assert list(mock.books.recorded) == ["r-1"]
    assert isinstance(http.look_up(_message()), Delivered)


def test_a_reply_that_takes_too_long_is_a_read_timeout(way: tuple[HttpRegulator, MockRegulator]) -> None:
    http, mock = way
    mock.fail(Fault("latency", on="report", latency_ms=60_000))
    assert http.send(_message()) == Unknown("read_timeout")


def test_respx_leaves_other_addresses_to_the_router(clock: FrozenClock) -> None:
    mock = regulator(clock)
    with respx.mock(assert_all_called=False) as router, httpx.Client(trust_env=False) as client:
        route = respx_routes(mock, router)
        elsewhere = router.get("http://127.0.0.1:8801/v1/notices").respond(418)
        assert client.get("http://127.0.0.1:8801/v1/notices").status_code == 418
        assert (elsewhere.called, route.called) == (True, False)
        with pytest.raises(respx.models.AllMockedAssertionError):
            client.get("http://regulator.example/v1/notices")
        assert router["kz_regulator"] is route
