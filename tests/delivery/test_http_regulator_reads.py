"""What the HTTP regulator reads: look-ups and the feed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import httpx
import pytest

from kz_compliance_sdk.domain.change import Kind
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Receipt
from kz_compliance_sdk.errors import RegulatorError
from kz_compliance_sdk.ports import Delivered, Env, RetryAt
from kz_compliance_sdk.wire.signature import verify
from kz_compliance_sdk.wire.v1 import FeedEntry, FeedPage, HeldNotice, Problem, encode, problem_bytes, read_receipt
from tests.conftest import NOON
from tests.delivery.regulator_cases import (
    MESSAGE,
    PLATFORM,
    PLATFORM_KEY,
    message,
    receipt,
    receipt_bytes,
    regulator,
    signed,
    trusted,
)
from tests.delivery.regulator_server import Behaviour, Exchange

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


# Look-ups.


async def _signed_reply(exchange: Exchange, body: bytes, status: int = 200) -> None:
    await exchange.reply(status, body, *signed(status, body))


def test_a_report_is_looked_up_by_its_own_id(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 200)) as (way, server):
        found = way.look_up(MESSAGE)
        assert isinstance(found, Delivered)
        assert found.signature
        assert replace(found, signature=()) == Delivered("r-1", NOON + 1, receipt_bytes())
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


def test_other_bytes_under_our_id_are_told_as_such(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 200, body_sha256="0" * 64)) as (way, _):
        found = way.look_up(MESSAGE)
        assert isinstance(found, Delivered)
        assert found.otherwise


def test_a_receipt_of_another_id_is_not_our_message(env: Env) -> None:
    with regulator(env, lambda exchange: receipt(exchange, 200, subject_id="another")) as (way, _):
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


def problem(code: str) -> bytes:
    return problem_bytes(Problem.of(code, 400, "It says why."))


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
        assert way.fetch(cursor, 10).next_cursor is None
        (seen,) = server.seen
        sent = httpx.URL(server.url + seen.target).params
        assert (sent.get("after", ""), sent["limit"]) == (cursor, "10")
        verify(trusted(PLATFORM_KEY), "GET", server.url + seen.target, list(seen.headers.items()), b"", NOON)


def test_an_entry_that_is_no_base64_is_left_for_intake_to_refuse_and_hides_no_other(env: Env) -> None:
    with regulator(env, answers(feed(entry(7, "not base64!"), entry(8)))) as (way, _):
        broken, good = way.fetch("", 10).messages
        assert (broken.body, good.body) == (b"not base64!", BODY)


@pytest.mark.parametrize(
    "broken",
    [
        {"sequence": "8", "body": "", "headers": {}},
        {"sequence": 8, "body": "", "headers": {"Webhook-Id": 1}},
        {"sequence": 8, "body": "", "headers": {}, "method": "PUT"},
        {},
        None,
        "entry",
        [],
    ],
    ids=repr,
)
def test_an_entry_that_is_none_is_left_for_intake_to_refuse_and_hides_no_other(env: Env, broken: object) -> None:
    page = json.loads(feed(entry(7), entry(9)))
    page["data"].insert(1, broken)
    with regulator(env, answers(json.dumps(page).encode())) as (way, _):
        first, unreadable, last = way.fetch("", 10).messages
        assert (first.body, last.body) == (BODY, BODY)
        assert [first.sequence, unreadable.sequence, last.sequence] == [7, 8, 9], "no gap is seen where none is"
        assert (unreadable.headers, unreadable.body) == ((), b"")


@pytest.mark.parametrize(
    ("entries", "sequences"),
    [([{}, entry(8)], [7, 8]), ([entry(7), {}], [7, 8]), ([{}, {}], [0, 0])],
    ids=["at the beginning", "at the end", "alone"],
)
def test_where_an_unreadable_entry_stands_follows_from_its_neighbours(
    env: Env, entries: list[FeedEntry | dict[str, str]], sequences: list[int]
) -> None:
    page = json.loads(feed())
    page["data"] = [one.model_dump(mode="json") if isinstance(one, FeedEntry) else one for one in entries]
    with regulator(env, answers(json.dumps(page).encode())) as (way, _):
        assert [one.sequence for one in way.fetch("", 10).messages] == sequences


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 401, "status_401"),
        (b"", 302, "status_302"),
        (b"", 404, "status_404"),
        (b"", 503, "status_503"),
        (b"", 400, "status_400"),
        (problem("limit_invalid"), 400, "status_400"),
        (problem("cursor_unknown"), 400, "cursor_unknown"),
        (problem("cursor_unknown"), 404, "status_404"),
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
    with regulator(env, answers(body, status)) as (way, _):
        with pytest.raises(RegulatorError) as caught:
            way.fetch("c1", 10)
        assert caught.value.code == code
        assert not caught.value.maybe_sent
        assert caught.value.retryable


def test_a_large_page_within_the_cap_is_read(env: Env) -> None:
    large = base64.b64encode(b"x" * 4_000_000).decode()
    with regulator(env, answers(feed(entry(7, large)))) as (way, _):
        assert len(way.fetch("", 1).messages[0].body) == 4_000_000
