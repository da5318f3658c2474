"""How the HTTP regulator and the poster are set up, and where they refuse to go."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from kz_compliance_sdk.adapters.http_client import HttpPoster
from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.errors import ComplianceError, ConfigError, InvalidInput
from kz_compliance_sdk.ports import Delivered, Env, RetryAt, Unknown
from kz_compliance_sdk.wire.signature import verify
from tests.conftest import NOON, FrozenClock
from tests.delivery.regulator_cases import (
    MESSAGE,
    PLATFORM,
    PLATFORM_KEY,
    REGULATOR_KEY,
    SHARED,
    receipt,
    receipt_bytes,
    regulator,
    signed,
    trusted,
)
from tests.delivery.regulator_server import Exchange, serving
from tests.waiting import PATIENCE_S


def setup(url: str, env: Env, **options: Any) -> HttpRegulator:
    given: dict[str, Any] = {"platform_id": PLATFORM, "ring": trusted(REGULATOR_KEY), "signing_key": PLATFORM_KEY}
    return HttpRegulator(url, env=env, **{**given, **options})


@pytest.mark.parametrize(
    "url",
    [
        "http://regulator.example",
        "http://10.0.0.1",
        "http://127.0.0.1.example",
        "ftp://127.0.0.1",
        "https://",
        "https://user:secret@regulator.example",
        "https://regulator.example/?x=1",
        "https://regulator.example/#x",
        "regulator.example",
        "https://[::1",
    ],
)
def test_a_base_url_that_is_not_safe_is_refused_and_not_repeated(env: Env, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        setup(url, env)
    assert caught.value.field == "regulator.url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://regulator.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"]
)
def test_https_and_this_machine_are_safe(env: Env, url: str) -> None:
    setup(url, env).close()


def test_plain_http_elsewhere_takes_a_word_of_its_own(env: Env) -> None:
    setup("http://regulator.example", env, allow_insecure=True).close()


def test_the_default_profile_needs_a_key_that_can_sign_it(env: Env) -> None:
    with pytest.raises(ConfigError):
        setup("https://regulator.example", env, signing_key=SHARED)


def test_a_message_that_is_not_for_the_regulator_is_a_fault_of_the_caller(env: Env) -> None:
    with setup("https://regulator.example", env) as way:
        with pytest.raises(InvalidInput):
            way.send(MESSAGE.but(kind="enforce"))
        with pytest.raises(InvalidInput):
            way.send(MESSAGE.but(body=b"{}"))


def test_no_proxy_is_taken_from_the_environment(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(receipt) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with regulator(env, receipt) as (way, server):
            assert isinstance(way.send(MESSAGE), Delivered)
            assert len(server.seen) == 1
        assert proxy.seen == []


def self_signed(folder: Path) -> Path:
    """A file with a certificate for this machine that only its own key vouches for, and that key."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, None)
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return file


@pytest.mark.parametrize("known", [False, True])
def test_a_certificate_that_nobody_vouches_for_ends_before_anything_is_sent(
    env: Env, tmp_path: Path, known: bool
) -> None:
    file = self_signed(tmp_path)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(file)
    ours = ssl.create_default_context(cafile=file if known else None)
    with serving(receipt, theirs) as server, setup(server.url, env, ssl_context=ours) as way:
        result = way.send(MESSAGE)
        assert isinstance(result, Delivered if known else RetryAt)
        assert len(server.seen) == known


@pytest.mark.slow
def test_no_more_calls_are_in_flight_than_allowed(env: Env) -> None:
    most, now, lock, full = 0, 0, threading.Lock(), asyncio.Event()

    async def behaviour(exchange: Exchange) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        if now == 3:
            full.set()
        await asyncio.wait_for(full.wait(), PATIENCE_S)
        await asyncio.sleep(0.03)  # time in which a fourth would come
        with lock:
            now -= 1
        await receipt(exchange)

    with regulator(env, behaviour, in_flight=3) as (way, server):
        with ThreadPoolExecutor(10) as pool:
            results = list(pool.map(lambda _: way.send(MESSAGE), range(20)))
        assert all(isinstance(result, Delivered) for result in results)
        assert most == 3
        assert server.connections == 3


@respx.mock
def test_a_client_of_the_callers_own_is_used_and_left_open(env: Env) -> None:
    body = receipt_bytes()
    route = respx.post("https://regulator.example/base/v1/notices/n:1/reports").respond(
        201, content=body, headers=dict(signed(201, body))
    )
    with httpx.Client() as client:
        with setup("https://REGULATOR.example:443/base/", env, client=client) as way:
            assert isinstance(way.send(MESSAGE), Delivered)
        assert not client.is_closed
    request = route.calls.last.request
    verify(trusted(PLATFORM_KEY), "POST", str(request.url), request.headers.multi_items(), request.content, NOON)


@respx.mock
def test_a_foreign_client_is_cut_between_two_pieces_at_the_deadline(env: Env, clock: FrozenClock) -> None:
    def pieces() -> Any:
        for _ in range(1_000):
            clock.advance(1.0)
            yield b" "

    respx.post(url__startswith="https://regulator.example/").mock(
        side_effect=lambda _: httpx.Response(201, stream=_Pieces(pieces()))
    )
    with httpx.Client() as client, setup("https://regulator.example", env, client=client, total_s=5.0) as way:
        assert way.send(MESSAGE) == Unknown("deadline")
    assert clock() <= NOON + 7


class _Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: Any) -> None:
        self._pieces = pieces

    def __iter__(self) -> Any:
        return self._pieces


# Posting alerts.


def test_the_poster_gives_the_status_and_follows_nothing(env: Env) -> None:
    with serving(lambda exchange: exchange.reply(302, b"", ("Location", "http://127.0.0.1:9/"))) as server:
        poster = HttpPoster(env)
        assert poster(f"{server.url}/hook?team=a", b"{}", [("x-a", "b")]) == 302
        poster.close()
        (seen,) = server.seen
        assert (seen.target, seen.headers["x-a"], seen.body) == ("/hook?team=a", "b", b"{}")


def test_the_poster_says_when_nobody_answered(env: Env) -> None:
    with serving(receipt) as server:
        url = server.url
    with pytest.raises(ComplianceError) as caught:
        HttpPoster(env)(f"{url}/secret", b"{}", [])
    assert caught.value.code == "unreachable"
    assert "secret" not in str(caught.value)


def test_the_poster_refuses_an_unsafe_address_and_does_not_repeat_it(env: Env) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpPoster(env)("http://pager.example/secret", b"{}", [])
    assert caught.value.field == "notifier.webhook_url"
    assert "secret" not in str(caught.value)


def test_no_log_names_an_address_that_may_be_a_secret(env: Env, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with serving(lambda exchange: exchange.reply(200)) as server:
        poster = HttpPoster(env)
        assert poster(f"{server.url}/hook-secret", b"{}", []) == 200
        poster.close()
    assert caplog.records
    assert "hook-secret" not in caplog.text
