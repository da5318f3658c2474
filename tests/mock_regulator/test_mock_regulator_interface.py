"""The regulator's interface without a socket: who is let in, what is answered, and each fault that needs no network."""

from __future__ import annotations

import ast
import email.utils
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.report import outbound_bytes
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.testing import builders, keys, mock_regulator
from kz_compliance_sdk.testing.mock_regulator import Answer, Fault, MockRegulator, Outage, Platform, Reply, Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile, sign, verify, verify_response
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import FeedPage, HeldNotice, read_feed, read_message, read_problem, read_receipt
from tests.conftest import FrozenClock

BASE = "http://regulator.test"
INTAKE = "https://social.example/kz/notices"
PROFILES: tuple[Profile, ...] = ("rfc9421", "standard-webhooks")


class Inbox:
    """A platform that answers from a script, and keeps what it was sent."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[str, list[tuple[str, str]], bytes]] = []

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        self.got.append((url, list(headers), body))
        status = self.statuses.pop(0) if self.statuses else 202
        return Answer(status, b"{}", "" if status else "ReadError")

    def close(self) -> None:
        self.statuses.clear()


class Caller:
    """A platform's side of the interface: signs as it should unless told otherwise."""

    def __init__(self, regulator: MockRegulator, clock: FrozenClock) -> None:
        self.regulator, self.clock, self.count = regulator, clock, 0

    def __call__(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        key: str | None = None,
        headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),),
        signed_for: str | None = None,
        age: int = 0,
    ) -> Reply:
        self.count += 1
        profile = self.regulator.profile
        signature = sign(
            keys.platform_signing_key(profile),
            profile,
            method,
            BASE + (signed_for or target),
            body,
            self.clock() - age,
            key or f"call-{self.count}",
            f"nonce-{self.count}",
        )
        own = [("idempotency-key", key)] if key else []
        return self.regulator.handle(Request(method, target, [*headers, *own, *signature], body, "127.0.0.1"))

    def report(self, seed: int = 1, report_id: str = "r-1", sequence: int = 1) -> Reply:
        notice = builders.notice(seed)
        body = outbound_bytes(builders.report(notice, report_id, sequence))
        return self("POST", f"/v1/notices/{notice.notice_id}/reports", body, key=report_id)

    def is_proved(self, reply: Reply) -> bool:
        ring = KeyRing([keys.regulator_key(self.regulator.profile)], allow_test_keys=True)
        try:
            verify_response(ring, reply.status, reply.headers, reply.body, self.clock())
        except NotAuthentic:
            return False
        return True


def _regulator(
    clock: FrozenClock, profile: Profile = "standard-webhooks", inbox: Inbox | None = None, seed: int = 1
) -> MockRegulator:
    return MockRegulator(
        [Platform("social", INTAKE, (keys.platform_key(profile),))],
        signing_key=keys.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=seed,
        base_url=BASE,
        sender=inbox or Inbox(),
        sleep=clock.advance,
    )


@pytest.fixture(params=PROFILES)
def regulator(request: pytest.FixtureRequest, clock: FrozenClock) -> MockRegulator:
    return _regulator(clock, request.param)


@pytest.fixture
def call(regulator: MockRegulator, clock: FrozenClock) -> Caller:
    regulator.issue(builders.notice(1))
    return Caller(regulator, clock)


def _code(reply: Reply) -> tuple[int, str | None]:
    problem = read_problem(reply.body)
    assert problem is not None
    assert problem.status == reply.status
    return reply.status, problem.code


# Recording.


def test_a_report_gets_a_receipt_that_the_regulator_signed(call: Caller) -> None:
    reply = call.report()
    assert reply.status == 201
    assert call.is_proved(reply)
    body = outbound_bytes(builders.report(builders.notice(1), "r-1"))
    assert read_receipt(reply.body).covers("r-1", body)


def test_a_repeat_is_answered_with_the_same_receipt(call: Caller, clock: FrozenClock) -> None:
    first = call.report()
    clock.advance(60)
    again = call.report()
    assert (again.status, again.body) == (201, first.body)
    assert call.is_proved(again)


def test_a_sequence_that_is_taken_is_answered_409_with_the_signed_recorded_receipt(call: Caller) -> None:
    first = call.report(report_id="r-1")
    second = call.report(report_id="r-2")
    assert (second.status, second.body) == (409, first.body)
    assert call.is_proved(second)


def test_what_is_held_can_be_looked_up(call: Caller) -> None:
    notice = builders.notice(1)
    call(
        "POST",
        f"/v1/notices/{notice.notice_id}/acknowledgements",
        outbound_bytes(builders.acknowledgement(notice)),
        key="a-1",
    )
    ask = outbound_bytes(builders.clarification_request(notice, "q-1"))
    call("POST", f"/v1/notices/{notice.notice_id}/clarification-requests", ask, key="q-1")
    receipt = call.report().body
    looked_up = call("GET", "/v1/reports/r-1")
    assert (looked_up.status, looked_up.body) == (200, receipt)
    assert call.is_proved(looked_up)
    reply = call("GET", f"/v1/notices/{notice.notice_id}")
    assert call.is_proved(reply)
    held = read(HeldNotice, reply.body)
    assert held.notice == notice
    assert [each.subject_id for each in held.acknowledgements] == ["a-1"]
    assert [each.subject_id for each in held.clarification_requests] == ["q-1"]
    assert held.reports == (read_receipt(receipt),)


@pytest.mark.parametrize("target", ["/v1/reports/r-1", "/v1/notices/KZ-nobody", "/v1/platforms/social/registration"])
def test_what_is_not_held_is_404(call: Caller, target: str) -> None:
    assert call("GET", target).status == 404


def test_a_percent_encoded_id_is_the_same_id(call: Caller, regulator: MockRegulator) -> None:
    regulator.issue(builders.notice(2, notice_id="KZ:2"))
    assert call("GET", "/v1/notices/KZ%3A2").status == 200


# Who is let in.


def test_every_cause_of_a_refusal_gives_the_same_bytes(call: Caller, regulator: MockRegulator) -> None:
    unsigned = regulator.handle(Request("GET", "/v1/notices", (), b"", "127.0.0.1"))
    late = call("GET", "/v1/notices", age=301)
    early = call("GET", "/v1/notices", age=-301)
    other = _regulator(call.clock, regulator.profile)
    stranger = keys.regulator_signing_key(regulator.profile)
    signature = sign(stranger, regulator.profile, "GET", f"{BASE}/v1/notices", b"", call.clock(), "m", "n")
    foreign = other.handle(Request("GET", "/v1/notices", signature))
    assert unsigned == late == early == foreign
    assert _code(unsigned) == (401, "not_authentic")
    assert call("GET", "/v1/notices", age=300).status == 200


def test_a_body_that_was_changed_is_not_authentic(call: Caller, regulator: MockRegulator) -> None:
    notice = builders.notice(1)
    target = f"/v1/notices/{notice.notice_id}/reports"
    body = outbound_bytes(builders.report(notice, "r-1"))
    key = keys.platform_signing_key(regulator.profile)
    signature = sign(key, regulator.profile, "POST", BASE + target, body, call.clock(), "r-1", "n")
    headers = [("content-type", "application/json"), ("idempotency-key", "r-1"), *signature]
    assert regulator.handle(Request("POST", target, headers, body + b" ")).status == 401
    assert regulator.books.recorded == {}
    assert regulator.handle(Request("POST", target, headers, body)).status == 201


def test_rfc9421_holds_the_address(clock: FrozenClock) -> None:
    call = Caller(_regulator(clock, "rfc9421"), clock)
    assert call("GET", "/v1/notices", signed_for="/v1/notices?after=x").status == 401


def test_one_platform_does_not_see_the_other(clock: FrozenClock) -> None:
    other = keys.platform_key("standard-webhooks", platform_id="other")
    regulator = MockRegulator(
        [Platform("social", INTAKE, (keys.platform_key("standard-webhooks"),)), Platform("other", INTAKE, (other,))],
        signing_key=keys.regulator_signing_key("standard-webhooks"),
        profile="standard-webhooks",
        clock=clock,
        base_url=BASE,
    )
    call = Caller(regulator, clock)
    regulator.issue(builders.notice(1, platform_id="other"))
    assert _code(call("GET", f"/v1/notices/{builders.notice(1).notice_id}")) == (404, "notice_unknown")
    assert _code(call("GET", "/v1/platforms/other/sanctions")) == (404, "platform_unknown")
    assert read_feed(call("GET", "/v1/notices").body).data == ()
    assert len(regulator.books_of("other").feed) == 1


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v2/notices", 404, "path_unknown"),
        ("DELETE", "/v1/notices", 405, "method_not_allowed"),
        ("GET", "/v1/notices/KZ-2026-0000001/reports", 405, "method_not_allowed"),
        ("GET", "/v1/notices?limit=0", 400, "limit_invalid"),
        ("GET", "/v1/notices?limit=1001", 400, "limit_invalid"),
        ("GET", "/v1/notices?limit=%D9%A1", 400, "limit_invalid"),
        ("GET", "/v1/notices?after=nonsense", 400, "cursor_unknown"),
        ("GET", "/v1/notices?after=%FF", 400, "cursor_unknown"),
        ("GET", "/v1/notices?since=yesterday", 400, "time_format"),
        ("GET", "/v1/notices?since=2026-01-01T00:00:00Z", 400, "since_too_old"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    call: Caller, method: str, target: str, status: int, code: str
) -> None:
    reply = call(method, target)
    assert _code(reply) == (status, code)
    assert (status == 405) is any(name == "allow" for name, _ in reply.headers)


def test_a_report_needs_json_and_a_key(call: Caller) -> None:
    notice = builders.notice(1)
    target = f"/v1/notices/{notice.notice_id}/reports"
    body = outbound_bytes(builders.report(notice, "r-1"))
    assert call("POST", target, body, key="r-1", headers=[("content-type", "text/plain")]).status == 415
    assert call("POST", target, body, key="r-1", headers=()).status == 415
    assert _code(call("POST", target, body)) == (400, "idempotency_key_missing")
    twice = [("content-type", "application/json"), ("idempotency-key", "r-1")]
    assert _code(call("POST", target, body, key="r-1", headers=twice)) == (400, "idempotency_key_missing")
    assert (
        call("POST", target, body, key="r-1", headers=[("content-type", "application/json; charset=utf-8")]).status
        == 201
    )


def test_a_report_that_is_wrong_names_its_field(call: Caller) -> None:
    notice = builders.notice(1)
    body = outbound_bytes(builders.report(notice, "r-1")).replace(b'"final":true', b'"final":"yes"')
    reply = call("POST", f"/v1/notices/{notice.notice_id}/reports", body, key="r-1")
    problem = read_problem(reply.body)
    assert problem is not None
    assert (problem.status, problem.code, problem.field) == (422, "schema_type", "final")


def _acknowledged(call: Caller, key: str, *, signed_key: str | None = None, covered: bool = True) -> Reply:
    """An acknowledgement sent under `key`, whose signature was made for `signed_key`."""
    profile = call.regulator.profile
    notice = builders.notice(1)
    body = outbound_bytes(builders.acknowledgement(notice))
    target = f"/v1/notices/{notice.notice_id}/acknowledgements"
    signature = sign(
        keys.platform_signing_key(profile),
        profile,
        "POST",
        BASE + target,
        body,
        call.clock(),
        signed_key or key,
        "n",
        idempotency_key=(signed_key or key) if covered else None,
    )
    own = [("content-type", "application/json"), ("idempotency-key", key)]
    return call.regulator.handle(Request("POST", target, [*own, *signature], body, "127.0.0.1"))


def test_the_key_of_an_acknowledgement_is_proved_by_its_signature(call: Caller, regulator: MockRegulator) -> None:
    """Whoever sees one acknowledgement must not get a receipt for it under a key of his own."""
    assert _acknowledged(call, "a-1").status == 201
    assert _acknowledged(call, "a-1").status == 201
    other = _acknowledged(call, "a-2", signed_key="a-1")
    assert other.status == {"rfc9421": 401, "standard-webhooks": 409}[regulator.profile]
    assert len(regulator.books.recorded) == 1


def test_a_sender_of_1_0_does_not_sign_the_key_and_gets_one_receipt_for_the_same_bytes(
    call: Caller, regulator: MockRegulator
) -> None:
    first = _acknowledged(call, "a-1", covered=False)
    assert first.status == 201
    assert _acknowledged(call, "a-1", covered=False).body == first.body
    second = _acknowledged(call, "a-2", covered=False)
    assert (second.status, second.body) == (409, first.body)
    assert len(regulator.books.recorded) == 1


# The feed.


def _page(reply: Reply) -> FeedPage:
    assert reply.status == 200, reply.body
    return read_feed(reply.body)


def test_the_feed_gives_every_message_once_oldest_first(call: Caller, regulator: MockRegulator) -> None:
    for seed in range(2, 8):
        regulator.issue(builders.notice(seed))
    regulator.remind(builders.reminder(builders.notice(3)))
    seen: list[int] = []
    cursor = ""
    more = True
    while more:
        page = _page(call("GET", f"/v1/notices?limit=3{cursor and '&after=' + cursor}"))
        seen += [entry.sequence for entry in page.data]
        cursor, more = str(page.next_cursor), page.has_more
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert _page(call("GET", f"/v1/notices?after={cursor}")).data == ()
    late = regulator.issue(builders.notice(8))
    assert [entry.exact_body() for entry in _page(call("GET", f"/v1/notices?after={cursor}")).data] == [late.body]


def test_an_entry_is_signed_for_the_platforms_own_intake(call: Caller, regulator: MockRegulator) -> None:
    """As good as a push, and however late it is fetched."""
    ring = KeyRing([keys.regulator_key(regulator.profile)], allow_test_keys=True)
    for _ in range(3):
        (entry,) = _page(call("GET", "/v1/notices")).data
        proved = verify(ring, entry.method, INTAKE, entry.header_list(), entry.exact_body(), call.clock())
        assert not proved.stale
        assert read_message(entry.exact_body()).data == builders.notice(1)
        call.clock.advance(3_600)


def test_a_cursor_of_other_books_is_refused_rather_than_skipping(clock: FrozenClock) -> None:
    """A regulator that lost its books must not take an old cursor for a place ahead."""
    old, same_seed, other_seed = _regulator(clock), _regulator(clock), _regulator(clock, seed=2)
    for seed in (1, 2, 3):
        old.issue(builders.notice(seed))
        other_seed.issue(builders.notice(seed + 10))
    same_seed.issue(builders.notice(4))
    cursor = _page(Caller(old, clock)("GET", "/v1/notices")).next_cursor
    for new in (same_seed, other_seed):
        assert _code(Caller(new, clock)("GET", f"/v1/notices?after={cursor}")) == (400, "cursor_unknown")


def test_since_reads_again_from_a_time(call: Caller, regulator: MockRegulator, clock: FrozenClock) -> None:
    clock.advance(100)
    second = regulator.issue(builders.notice(2))
    page = _page(call("GET", f"/v1/notices?since={instant_text(clock())}"))
    assert [entry.exact_body() for entry in page.data] == [second.body]
    assert len(_page(call("GET", f"/v1/notices?since={instant_text(clock() - 100)}")).data) == 2
    assert _page(call("GET", f"/v1/notices?since={instant_text(clock() + 9)}")).data == ()


def test_a_page_ends_at_its_size_and_loses_nothing(clock: FrozenClock) -> None:
    regulator = _regulator(clock)
    reasons = [{"lang": "ru", "text": "я" * 90_000}] * 4
    for seed in range(1, 7):
        regulator.issue(builders.notice(seed, statement_of_reasons=reasons))
    first = Caller(regulator, clock)("GET", "/v1/notices")
    page = _page(first)
    assert len(first.body) < 8 * 1024 * 1024
    assert page.has_more
    rest = _page(Caller(regulator, clock)("GET", f"/v1/notices?after={page.next_cursor}"))
    assert [entry.sequence for entry in (*page.data, *rest.data)] == list(range(1, 7))


def test_a_message_may_be_kept_out_of_the_feed(call: Caller, regulator: MockRegulator) -> None:
    regulator.issue(builders.notice(2), in_feed=False)
    regulator.issue(builders.notice(3))
    assert [entry.sequence for entry in _page(call("GET", "/v1/notices")).data] == [1, 2]


# Registration and sanctions.


def test_the_register_gives_back_what_was_entered(call: Caller) -> None:
    entry = {
        "owner": "Social", "apps": ["Social"], "users_a_day": 1, "legal_representative": "ТОО", "office": "Алматы",
        "head": {"name": "Үлгі", "citizenship": "any"},
    }  # fmt: skip
    body = json.dumps(entry).encode()
    target = "/v1/platforms/social/registration"
    assert [call("PUT", target, body).status for _ in range(2)] == [201, 200]
    reply = call("GET", target)
    assert call.is_proved(reply)
    value = json.loads(reply.body)
    assert (value["registration"], value["status"]) == (entry, "registered")


def test_sanctions_that_were_announced_are_open(call: Caller, regulator: MockRegulator) -> None:
    regulator.announce_sanction(builders.sanction(7))
    (open_one,) = json.loads(call("GET", "/v1/platforms/social/sanctions").body)["data"]
    assert (open_one["sanction_id"], open_one["level"]) == ("S-7", "warning")


# Faults.


def test_a_status_on_command_strikes_before_anything_is_recorded(call: Caller, regulator: MockRegulator) -> None:
    regulator.fail(Fault("status", on="report", status=503, times=2))
    assert [call.report().status for _ in range(3)] == [503, 503, 201]
    assert [seen.status for seen in regulator.seen] == [503, 503, 201]


def test_retry_after_comes_in_both_forms(call: Caller, regulator: MockRegulator) -> None:
    regulator.fail(Fault("status", status=429, retry_after_s=30))
    regulator.fail(Fault("status", status=503, retry_after_s=90, retry_after_form="date"))
    seconds, date = (dict(call("GET", "/v1/notices").headers)["retry-after"] for _ in range(2))
    assert seconds == "30"
    assert email.utils.parsedate_to_datetime(date).timestamp() == call.clock() + 90


def test_a_fault_hits_only_what_it_names(call: Caller, regulator: MockRegulator) -> None:
    regulator.fail(Fault("status", on="report", path="/v1/notices/KZ-2026-0000002/*", times=None))
    regulator.issue(builders.notice(2))
    assert call("GET", "/v1/notices").status == 200
    assert call.report(1, "r-1").status == 201
    assert [call.report(2, "r-2").status for _ in range(2)] == [503, 503]


def test_a_fault_may_let_requests_through_first_and_can_be_disarmed(call: Caller, regulator: MockRegulator) -> None:
    name = regulator.fail(Fault("status", skip=2, times=None))
    assert [call("GET", "/v1/notices").status for _ in range(4)] == [200, 200, 503, 503]
    regulator.faults.remove(name)
    assert call("GET", "/v1/notices").status == 200


def test_latency_adds_up_and_the_request_goes_on(call: Caller, regulator: MockRegulator) -> None:
    regulator.fail(Fault("latency", latency_ms=30))
    regulator.fail(Fault("latency", latency_ms=12))
    regulator.fail(Fault("status", status=500))
    first, second = call.report(), call.report()
    assert (first.status, first.delay_ms) == (500, 42)
    assert (second.status, second.delay_ms) == (201, 0)


def test_a_reply_that_is_lost_was_recorded_and_one_that_is_cut_before_was_not(
    call: Caller, regulator: MockRegulator
) -> None:
    regulator.fail(Fault("reset_before"))
    assert call.report().ending == "reset"
    assert regulator.books.recorded == {}
    regulator.fail(Fault("reset_after"))
    assert call.report().ending == "reset"
    assert list(regulator.books.recorded) == ["r-1"]
    assert (call.report().ending, len(regulator.books.recorded)) == ("whole", 1)


def test_a_receipt_for_other_bytes_is_signed_all_the_same(call: Caller, regulator: MockRegulator) -> None:
    body = outbound_bytes(builders.report(builders.notice(1), "r-1"))
    regulator.fail(Fault("wrong_digest"))
    regulator.fail(Fault("wrong_subject", skip=1))
    for _ in range(2):
        reply = call.report()
        assert call.is_proved(reply)
        assert not read_receipt(reply.body).covers("r-1", body)
    assert read_receipt(call.report().body).covers("r-1", body)


@pytest.mark.parametrize("kind", ["unsigned", "bad_signature"])
def test_a_receipt_without_a_good_signature_proves_nothing(call: Caller, regulator: MockRegulator, kind: Any) -> None:
    regulator.fail(Fault(kind))
    spoiled = call.report()
    assert spoiled.status == 201
    assert not call.is_proved(spoiled)
    assert call.is_proved(call.report())


def test_a_receipt_fault_is_not_spent_on_an_answer_without_a_receipt(call: Caller, regulator: MockRegulator) -> None:
    regulator.fail(Fault("wrong_digest"))
    call("GET", "/v1/notices")
    call("GET", "/v1/reports/nobody")
    assert read_receipt(call.report().body).body_sha256 == "0" * 64


def test_an_outage_lasts_until_its_end(call: Caller, regulator: MockRegulator, clock: FrozenClock) -> None:
    regulator.outage(True, Outage("unavailable", retry_after_s=60, until=clock() + 3_600))
    down = call.report()
    assert (down.status, dict(down.headers)["retry-after"]) == (503, "60")
    clock.advance(3_600)
    assert call.report().status == 201
    regulator.outage(True, Outage("unreachable"))
    assert call.report(report_id="r-2", sequence=2).ending == "reset"
    regulator.outage(False)
    assert call.report(report_id="r-2", sequence=2).status == 201


@pytest.mark.parametrize(
    "wrong", [{"status": 200}, {"status": 600}, {"times": 0}, {"skip": -1}, {"latency_ms": -1}, {"retry_after_s": -1}]
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"fault|times"):
        Fault("status", **wrong)  # type: ignore[arg-type]


# Pushes.


@pytest.mark.parametrize("profile", PROFILES)
def test_a_push_is_signed_for_the_intake_and_tried_until_it_is_taken(profile: Profile, clock: FrozenClock) -> None:
    inbox = Inbox(503, None, 429, 202)
    regulator = _regulator(clock, profile, inbox)
    message = regulator.issue(builders.notice(1))
    push = regulator.push(message)
    assert push.was_taken
    assert [answer.status for answer in push.answers] == [503, None, 429, 202]
    ring = KeyRing([keys.regulator_key(profile)], allow_test_keys=True)
    nonces = set()
    for url, headers, body in inbox.got:
        assert (url, body) == (INTAKE, message.body)
        proved = verify(ring, "POST", url, [pair for pair in headers if pair[0] != "content-type"], body, clock())
        nonces.add(proved.nonce or proved.signed_at)
    assert profile == "standard-webhooks" or len(nonces) == 4
    assert read_message(message.body).id == message.id


@pytest.mark.parametrize("status", [400, 401, 409, 422])
def test_a_push_that_is_refused_for_what_it_is_is_not_tried_again(status: int, clock: FrozenClock) -> None:
    regulator = _regulator(clock, inbox=Inbox(status))
    push = regulator.push(regulator.issue(builders.notice(1)))
    assert ([answer.status for answer in push.answers], push.was_taken) == ([status], False)


def test_a_push_is_given_up_after_its_last_try(clock: FrozenClock) -> None:
    regulator = _regulator(clock, inbox=Inbox(*[None] * 9))
    push = regulator.push(regulator.issue(builders.notice(1)))
    assert (len(push.answers), push.was_taken, push.answers[-1].error) == (5, False, "ReadError")


def test_copies_are_the_same_message_again(clock: FrozenClock) -> None:
    inbox = Inbox()
    regulator = _regulator(clock, inbox=inbox)
    message = regulator.issue(builders.notice(1))
    regulator.push(message, copies=3)
    assert [body for _, _, body in inbox.got] == [message.body] * 3
    assert [push.message_id for push in regulator.pushes] == [message.id] * 3


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("how", ["unsigned", "wrong_key", "tampered", "other_target"])
def test_a_forged_push_is_never_authentic(profile: Profile, how: Any, clock: FrozenClock) -> None:
    inbox = Inbox(401)
    regulator = _regulator(clock, profile, inbox)
    message = regulator.issue(builders.notice(1))
    if profile == "standard-webhooks" and how == "other_target":
        with pytest.raises(ValueError, match="covers no address"):
            regulator.push_forged(message, how)
        return
    regulator.push_forged(message, how)
    ring = KeyRing([keys.regulator_key(profile)], allow_test_keys=True)
    ((url, headers, body),) = inbox.got
    with pytest.raises(NotAuthentic):
        verify(ring, "POST", url, headers, body, clock())


def test_an_unreadable_push_is_authentic(regulator: MockRegulator, clock: FrozenClock) -> None:
    inbox = Inbox(422)
    regulator = _regulator(clock, regulator.profile, inbox)
    regulator.push_unreadable(regulator.issue(builders.notice(1)))
    ((url, headers, body),) = inbox.got
    ring = KeyRing([keys.regulator_key(regulator.profile)], allow_test_keys=True)
    assert verify(ring, "POST", url, headers, body, clock()).sender == keys.SENDER
    with pytest.raises(Exception, match="JSON"):
        read_message(body)


def test_the_same_seed_gives_the_same_messages_whatever_happens_between(clock: FrozenClock) -> None:
    quiet, busy = _regulator(clock), _regulator(clock)
    busy.push(busy.issue(builders.notice(1)), copies=7)
    Caller(busy, clock).report()
    quiet.issue(builders.notice(1))
    assert quiet.issue(builders.notice(2)).body == busy.issue(builders.notice(2)).body


def test_a_notice_that_does_not_fit_the_books_changes_nothing(regulator: MockRegulator) -> None:
    notice = builders.notice(1)
    regulator.issue(notice)
    with pytest.raises(mock_regulator.Refused):
        regulator.issue(notice)
    with pytest.raises(mock_regulator.Refused):
        regulator.cancel(builders.cancellation(builders.notice(2)))
    with pytest.raises(KeyError):
        regulator.issue(builders.notice(3, platform_id="nobody"))
    assert len(regulator.books.feed) == len(regulator.books.messages) == 1


# What it is made of.


def test_the_mock_shares_only_the_wire_with_what_it_checks() -> None:
    """Else a mistake of the desk could be the mock's mistake as well."""
    shared = ("domain.notice", "domain.report", "domain.values", "errors", "testing", "wire")
    allowed = tuple(f"kz_compliance_sdk.{name}" for name in shared)
    files = sorted(Path(mock_regulator.__file__).parent.glob("*.py"))
    assert len(files) > 8
    for file in [*files, Path(builders.__file__), Path(keys.__file__)]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("kz_compliance_sdk"):
                assert str(node.module).startswith(allowed), f"{file.name}: {node.module}"
