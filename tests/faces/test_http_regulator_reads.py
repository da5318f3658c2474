"""What the HTTP regulator reads: look-ups and the feed. And how it is set up."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx

from kz_compliance_sdk.adapters.http_regulator import HttpPoster, HttpRegulator
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.outbox import Kind
from kz_compliance_sdk.domain.report import Receipt
from kz_compliance_sdk.errors import ComplianceError, ConfigError, InvalidInput, RegulatorError
from kz_compliance_sdk.ports import Delivered, Env, RetryAt, Unknown
from kz_compliance_sdk.wire.signature import verify
from kz_compliance_sdk.wire.v1 import FeedEntry, FeedPage, HeldNotice, encode, read_receipt
from tests.conftest import NOON, FrozenClock
from tests.faces.regulator_cases import (
    MESSAGE,
    PLATFORM,
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
from tests.faces.regulator_server import Behaviour, Exchange, serving

NOTICE = Notice.model_validate(
    {
        "notice_id": "n:1",
        "revision": 1,
        "kind": "request",
        "reference_number": "12-34/567",
        "issuing_authority": {"id": "mki", "name": {"ru": "Министерство"}, "type": "authorised_body"},
        "platform_id": PLATFORM,
        "issued_at": NOON - 3600,
        "legal_basis": [{"act": "Закон 18-VIII", "article": "9"}],
        "category": "fraud",
        "statement_of_reasons": [{"lang": "ru", "text": "Обман."}],
        "items": [{"item_id": "i1", "url": "https://social.example/p/1"}],
        "requested_action": "remove",
    }
)


def setup(url: str, env: Env, **options: Any) -> HttpRegulator:
    given: dict[str, Any] = {"platform_id": PLATFORM, "ring": trusted(REGULATOR_KEY), "signing_key": PLATFORM_KEY}
    return HttpRegulator(url, env=env, **{**given, **options})


# Look-ups.


async def _signed_reply(exchange: Exchange, body: bytes, status: int = 200) -> None:
    await exchange.reply(status, body, *signed(status, body))


def test_a_report_is_looked_up_by_its_own_id(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 200)) as (way, server):
        assert way.look_up(MESSAGE) == Delivered("r-1", NOON + 1, receipt_bytes())
        (seen,) = server.seen
        assert (seen.method, seen.target) == ("GET", f"/v1/reports/{MESSAGE.id}")
        uri = server.url + seen.target
        assert verify(trusted(PLATFORM_KEY), "GET", uri, list(seen.headers.items()), b"", NOON).platform_id == PLATFORM


@pytest.mark.parametrize(
    ("kind", "group"), [("acknowledgement", "acknowledgements"), ("clarification", "clarification_requests")]
)
def test_other_messages_are_looked_up_among_what_is_held_of_their_notice(env: Env, kind: Kind, group: str) -> None:
    sent = message(kind)
    mine = read_receipt(receipt_bytes(sent))
    another = Receipt(receipt_id="r-0", subject_id="another", body_sha256="0" * 64, recorded_at=NOON)
    held = encode(HeldNotice.model_validate({"notice": NOTICE, group: (another, mine)}))
    with regulator(env, lambda exchange: _signed_reply(exchange, held)) as (way, server):
        assert way.look_up(sent) == Delivered("r-1", NOON + 1, encode(mine))
        assert server.seen[0].target == "/v1/notices/n:1"


def test_a_notice_that_holds_nothing_of_ours_says_so(env: Env) -> None:
    held = encode(HeldNotice(notice=NOTICE))
    with regulator(env, lambda exchange: _signed_reply(exchange, held)) as (way, _):
        assert way.look_up(message("acknowledgement")) is None


@pytest.mark.parametrize("kind", ["report", "acknowledgement"])
def test_what_is_not_found_is_not_held(env: Env, kind: Kind) -> None:
    with regulator(env, lambda exchange: exchange.reply(404)) as (way, _):
        assert way.look_up(message(kind)) is None


def test_other_bytes_under_our_id_are_not_our_message(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 200, body_sha256="0" * 64)) as (way, _):
        assert way.look_up(MESSAGE) is None


@pytest.mark.parametrize(
    ("status", "body", "sign", "reason"),
    [
        (200, receipt_bytes(), False, "receipt_unproved:no_signature"),
        (200, b"{}", True, "look_up_unreadable:schema_missing"),
        (401, b"", False, "look_up_401"),
        (302, b"", False, "look_up_302"),
        (503, b"", False, "status_503"),
    ],
)
def test_a_look_up_that_proves_nothing_is_repeated(env: Env, status: int, body: bytes, sign: bool, reason: str) -> None:
    headers = signed(status, body) if sign else ()
    with regulator(env, lambda exchange: exchange.reply(status, body, *headers)) as (way, _):
        assert way.look_up(MESSAGE) == RetryAt(reason)


def test_a_look_up_without_an_answer_is_repeated(env: Env) -> None:
    async def behaviour(exchange: Exchange) -> None:
        exchange.reset()

    with regulator(env, behaviour) as (way, _):
        assert way.look_up(MESSAGE) == RetryAt("read_error")


# The feed.

BODY = b'{"id":"m-1"}'


def entry(sequence: int = 7, body: str | None = None) -> FeedEntry:
    text = base64.b64encode(BODY).decode() if body is None else body
    return FeedEntry(sequence=sequence, body=text, headers={"Webhook-Id": "m-1"})


def feed(*entries: FeedEntry, next_cursor: str | None = "c2", has_more: bool = False) -> bytes:
    return encode(FeedPage(data=entries, next_cursor=next_cursor, has_more=has_more))


def answers(body: bytes, status: int = 200) -> Behaviour:
    return lambda exchange: exchange.reply(status, body)


def test_a_page_of_the_feed_carries_exact_bytes_and_their_own_signature_headers(env: Env) -> None:
    with regulator(env, answers(feed(entry(), has_more=True))) as (way, server):
        page = way.fetch("c1", 50)
        (got,) = page.messages
        assert (got.sequence, got.method, got.body) == (7, "POST", BODY)
        assert got.headers == (("webhook-id", "m-1"),)
        assert (page.next_cursor, page.has_more) == ("c2", True)
        assert server.seen[0].target == "/v1/notices?after=c1&limit=50"


@pytest.mark.parametrize("cursor", ["", "a b&limit=9", "%2e/é?#", "+=", "x" * 512])
def test_any_cursor_comes_back_as_it_was_given_and_is_signed_as_it_was_sent(env: Env, cursor: str) -> None:
    with regulator(env, answers(feed(next_cursor=None))) as (way, server):
        assert way.fetch(cursor, 10).next_cursor == cursor
        (seen,) = server.seen
        sent = httpx.URL(server.url + seen.target).params
        assert (sent.get("after", ""), sent["limit"]) == (cursor, "10")
        verify(trusted(PLATFORM_KEY), "GET", server.url + seen.target, list(seen.headers.items()), b"", NOON)


def test_an_entry_that_is_no_base64_is_left_for_intake_to_refuse_and_hides_no_other(env: Env) -> None:
    with regulator(env, answers(feed(entry(7, "not base64!"), entry(8)))) as (way, _):
        broken, good = way.fetch("", 10).messages
        assert (broken.body, good.body) == (b"not base64!", BODY)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 401, "status_401"),
        (b"", 302, "status_302"),
        (b"", 404, "status_404"),
        (b"", 503, "status_503"),
        (b"{}", 200, "unreadable"),
        (b"<html>", 200, "unreadable"),
        (feed(next_cursor=None, has_more=True), 200, "cursor_stands_still"),
        (feed(next_cursor="c1", has_more=True), 200, "cursor_stands_still"),
        (b" " * (8 * 1_048_576 + 1), 200, "too_large"),
    ],
)
def test_a_feed_that_cannot_be_read_is_an_error_and_moves_no_cursor(
    env: Env, body: bytes, status: int, code: str
) -> None:
    with regulator(env, answers(body, status), read_timeout=5.0) as (way, _):
        with pytest.raises(RegulatorError) as caught:
            way.fetch("c1", 10)
        assert caught.value.code == code
        assert not caught.value.maybe_sent
        assert caught.value.retryable


def test_a_large_page_within_the_cap_is_read(env: Env) -> None:
    large = base64.b64encode(b"x" * 4_000_000).decode()
    with regulator(env, answers(feed(entry(7, large))), read_timeout=5.0) as (way, _):
        assert len(way.fetch("", 1).messages[0].body) == 4_000_000


# Setting it up.


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
            way.send(replace(MESSAGE, kind="enforce"))
        with pytest.raises(InvalidInput):
            way.send(replace(MESSAGE, body=b"{}"))


def test_no_proxy_is_taken_from_the_environment(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(receipt) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with regulator(env, receipt) as (way, server):
            assert isinstance(way.send(MESSAGE), Delivered)
            assert len(server.seen) == 1
        assert proxy.seen == []


def test_a_certificate_that_nobody_vouches_for_ends_before_anything_is_sent(env: Env) -> None:
    with serving(receipt) as server:
        way = setup(server.url.replace("http://", "https://"), env, ssl_context=ssl.create_default_context())
        result = way.send(MESSAGE)
        way.close()
        assert isinstance(result, RetryAt)
        assert server.seen == []


def test_no_more_calls_are_in_flight_than_allowed(env: Env) -> None:
    most, now, lock = 0, 0, threading.Lock()

    async def behaviour(exchange: Exchange) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        await asyncio.sleep(0.03)
        with lock:
            now -= 1
        await receipt(exchange)

    with regulator(env, behaviour, in_flight=3, read_timeout=5.0) as (way, server):
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
        poster = HttpPoster(f"{server.url}/hook?team=a", env)
        assert poster(b"{}", [("x-a", "b")]) == 302
        poster.close()
        (seen,) = server.seen
        assert (seen.target, seen.headers["x-a"], seen.body) == ("/hook?team=a", "b", b"{}")


def test_the_poster_says_when_nobody_answered(env: Env) -> None:
    with serving(receipt) as server:
        url = server.url
    with pytest.raises(ComplianceError) as caught:
        HttpPoster(url, env)(b"{}", [])
    assert caught.value.code == "unreachable"


def test_the_poster_refuses_an_unsafe_address(env: Env) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpPoster("http://pager.example/hook", env)
    assert caught.value.field == "notifier.webhook_url"
