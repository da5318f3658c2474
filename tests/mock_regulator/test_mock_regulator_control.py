"""The control interface and the builders: another process gets what it asks for, and a browser gets nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import Notice, languages_of
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.report import outbound_bytes
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import Answer, MockRegulator, Platform, Reply, Request
from kz_compliance_sdk.wire.v1 import MessageData, read_message, read_problem
from tests.conftest import FrozenClock

LOCAL = (("host", "127.0.0.1:8081"), ("content-type", "application/json"))


class Inbox:
    def __init__(self) -> None:
        self.got: list[bytes] = []

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        self.got.append(body)
        return Answer(202, b'{"case_reference":"c"}')

    def close(self) -> None:
        self.got.clear()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def regulator(clock: FrozenClock, inbox: Inbox) -> MockRegulator:
    return MockRegulator(
        [Platform("social", "https://social.example/notices", (keys.platform_key("rfc9421"),))],
        signing_key=keys.regulator_signing_key("rfc9421"),
        clock=clock,
        seed=1,
        sender=inbox,
        sleep=clock.advance,
    )


def _call(regulator: MockRegulator, method: str, name: str, value: object = None) -> tuple[int, Any]:
    body = b"" if value is None else json.dumps(value).encode()
    reply = regulator.handle(Request(method, f"/control/{name}", LOCAL, body, "127.0.0.1"))
    return reply.status, json.loads(reply.body)


def test_a_notice_is_issued_and_pushed_on_command(regulator: MockRegulator, inbox: Inbox) -> None:
    notice = builders.notice(1, items=2).model_dump(mode="json", exclude_none=True)
    asked = {"type": "notice.issued", "data": notice, "push": True, "copies": 2}
    status, said = _call(regulator, "POST", "issue", asked)
    assert (status, said["sequence"], said["push"]["status"], said["push"]["was_taken"]) == (200, 1, 202, True)
    first, second = inbox.got
    assert first == second
    message = read_message(first)
    assert (message.id, message.data) == (said["message_id"], builders.notice(1, items=2))


def test_a_sample_is_issued_on_command(regulator: MockRegulator, inbox: Inbox) -> None:
    status, said = _call(regulator, "POST", "issue", {"sample": 4, "in_feed": False})
    assert (status, said["sequence"], said["push"]) == (200, 0, None)
    assert inbox.got == []
    assert _call(regulator, "POST", "push", {"message_id": said["message_id"]})[1]["status"] == 202
    assert len(inbox.got) == 1


@pytest.mark.parametrize("kind", ["amended", "clarified", "cancelled", "reminded", "sanction"])
def test_everything_else_an_authority_says_is_issued_on_command(regulator: MockRegulator, kind: str) -> None:
    notice = builders.notice(1)
    regulator.issue(notice)
    name, data = {
        "amended": ("notice.amended", builders.notice(1, revision=2)),
        "clarified": ("notice.clarified", builders.clarification(notice, "ask-1")),
        "cancelled": ("notice.cancelled", builders.cancellation(notice, "remedied", ["1"])),
        "reminded": ("notice.reminded", builders.reminder(notice)),
        "sanction": ("sanction.announced", builders.sanction(1, [notice.notice_id])),
    }[kind]
    status, said = _call(regulator, "POST", "issue", {"type": name, "data": data.model_dump(mode="json")})
    assert (status, said["type"], said["sequence"]) == (200, name, 2)
    assert read_message(regulator.books.feed[1].body).data == data


def test_the_books_are_given_out_whole(regulator: MockRegulator) -> None:
    notice = builders.notice(1)
    regulator.push(regulator.issue(notice))
    report = outbound_bytes(builders.report(notice, "r-1"))
    recorded = regulator.books.record("report", notice.notice_id, "r-1", report, regulator.now())
    regulator.announce_sanction(builders.sanction(1))
    books = _call(regulator, "GET", "books")[1]["platforms"]["social"]
    held = books["notices"][notice.notice_id]
    assert held["reports"] == [
        {
            "idempotency_key": "r-1",
            "body": json.loads(report),
            "body_sha256": recorded.receipt.body_sha256,
            "receipt": recorded.receipt.model_dump(mode="json"),
        }
    ]
    assert held["outcomes"] == {"1": "removed"}
    assert [message["type"] for message in held["messages"]] == ["notice.issued"]
    assert (books["pushes"][0]["status"], len(books["sanctions"]), books["feed_length"]) == (202, 1, 2)


def test_faults_and_outages_are_armed_and_cleared(regulator: MockRegulator) -> None:
    fault = {"kind": "status", "status": 429, "retry_after_s": 5, "retry_after_form": "date", "times": None}
    assert _call(regulator, "POST", "faults", fault) == (200, {"fault_id": 1})
    until = "2026-11-25T00:00:00Z"
    assert _call(regulator, "POST", "outage", {"on": True, "how": "unreachable", "until": until})[0] == 200
    plan = _call(regulator, "GET", "faults")[1]
    assert (plan["faults"][0]["status"], plan["faults"][0]["left"], plan["outage"]["how"]) == (429, None, "unreachable")
    assert regulator.handle(Request("GET", "/v1/notices")).ending == "reset"
    assert _call(regulator, "GET", "requests")[1]["data"][0]["ending"] == "reset"
    _call(regulator, "POST", "outage", {"on": False})
    assert regulator.handle(Request("GET", "/v1/notices")).status == 429
    _call(regulator, "DELETE", "faults")
    assert _call(regulator, "GET", "faults")[1] == {"faults": [], "outage": None}
    assert regulator.handle(Request("GET", "/v1/notices")).status == 401


def test_forged_and_unreadable_pushes_are_sent_on_command(regulator: MockRegulator, inbox: Inbox) -> None:
    message = regulator.issue(builders.notice(1))
    _call(regulator, "POST", "push-forged", {"message_id": message.id, "how": "tampered"})
    _call(regulator, "POST", "push-unreadable", {"message_id": message.id})
    _call(regulator, "POST", "push-unreadable", {"body": base64.b64encode(b"{]").decode()})
    assert inbox.got == [message.body + b" ", message.body[: len(message.body) // 2], b"{]"]
    assert [push.what for push in regulator.pushes] == ["forged: tampered", "unreadable", "unreadable"]


def test_keys_are_forgotten_on_command(regulator: MockRegulator) -> None:
    notice = builders.notice(1)
    regulator.issue(notice)
    body = outbound_bytes(builders.acknowledgement(notice))
    regulator.books.record("acknowledgement", notice.notice_id, "k", body, 0)
    _call(regulator, "POST", "forget-keys")
    with pytest.raises(Exception, match="k"):
        regulator.books.record("acknowledgement", notice.notice_id, "k", body, 0)


@pytest.mark.parametrize(
    ("method", "name", "value", "status", "field"),
    [
        ("POST", "issue", {"type": "notice.issued"}, 422, "data"),
        ("POST", "issue", {"type": "notice.odd", "data": {}}, 422, "type"),
        ("POST", "issue", {"sample": 1, "platform_id": "nobody"}, 422, "platform_id"),
        ("POST", "issue", {"sample": 1, "copies": 0}, 422, "copies"),
        ("POST", "issue", {"sample": 1, "pusch": True}, 422, "pusch"),
        ("POST", "push", {"message_id": "nobody"}, 404, "message_id"),
        ("POST", "push-unreadable", {}, 422, "message_id"),
        ("POST", "push-unreadable", {"body": "%"}, 422, "body"),
        ("POST", "faults", {"kind": "odd"}, 422, "kind"),
        ("POST", "faults", {"kind": "status", "stauts": 500}, 422, "stauts"),
        ("POST", "faults", {"kind": "status", "status": 200}, 422, None),
        ("POST", "outage", {"on": True, "how": "odd"}, 422, "how"),
        ("POST", "nothing", {}, 404, None),
        ("PUT", "issue", {}, 405, None),
    ],
)
def test_a_command_that_is_wrong_names_its_field(
    regulator: MockRegulator, method: str, name: str, value: object, status: int, field: str | None
) -> None:
    answered, problem = _call(regulator, method, name, value)
    assert (answered, problem.get("field")) == (status, field)
    assert len(regulator.books.messages) == 0
    assert regulator.faults.armed() == []


def _refused(reply: Reply) -> str | None:
    problem = read_problem(reply.body)
    return problem.code if problem else None


@pytest.mark.parametrize(
    ("peer", "headers", "code"),
    [
        ("203.0.113.9", LOCAL, "not_from_here"),
        ("", LOCAL, "not_from_here"),
        ("127.0.0.1", (("host", "rebound.example"), LOCAL[1]), "not_from_here"),
        ("127.0.0.1", (LOCAL[1],), "not_from_here"),
        ("127.0.0.1", (*LOCAL, ("origin", "http://127.0.0.1:8081")), "not_from_here"),
        ("127.0.0.1", (LOCAL[0], ("content-type", "text/plain")), "media_type"),
        ("127.0.0.1", LOCAL, None),
        ("::1", (("host", "[::1]:8081"), LOCAL[1]), None),
        ("127.0.0.1", (("host", "localhost"), LOCAL[1]), None),
    ],
)
def test_only_this_machine_drives_it_and_no_browser_does(
    regulator: MockRegulator, peer: str, headers: tuple[tuple[str, str], ...], code: str | None
) -> None:
    reply = regulator.handle(Request("POST", "/control/outage", headers, b'{"on": true}', peer))
    assert _refused(reply) == code
    assert (regulator.faults.outage is None) is (code is not None)


def test_the_page_shows_the_books_and_escapes_everything(regulator: MockRegulator) -> None:
    script = "<script>alert(1)</script>"
    regulator.issue(builders.notice(1))
    regulator.announce_sanction(builders.sanction(1))
    regulator.push_body(b"{}", message_id="msg-1", what=script)
    reply = regulator.handle(Request("GET", "/", LOCAL, b"", "127.0.0.1"))
    page = reply.body.decode()
    assert reply.status == 200
    assert "KZ-2026-0000001" in page
    assert script not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in dict(reply.headers)["content-security-policy"]
    assert regulator.handle(Request("GET", "/", LOCAL, b"", "203.0.113.9")).status == 403
    assert regulator.handle(Request("POST", "/", LOCAL, b"", "127.0.0.1")).status == 405


# What the builders make.


@pytest.mark.parametrize("seed", range(1, 41))
def test_a_built_notice_is_read_from_its_own_bytes(seed: int) -> None:
    notice = builders.notice(seed, items=1 + seed % 5)
    assert read_message(builders.message_bytes(notice)).data == notice
    assert builders.notice(seed, items=1 + seed % 5) == notice
    assert notice.category in kz_policy().categories
    assert {reason.lang for reason in notice.statement_of_reasons} == set(languages_of(notice))
    builders.report(notice)


def test_built_notices_vary() -> None:
    notices = [builders.notice(seed) for seed in range(1, 41)]
    assert len({notice.notice_id for notice in notices}) == 40
    assert len({notice.category for notice in notices}) == 8
    assert {notice.kind for notice in notices} >= {"prescription", "request", "submission", "court_order"}
    assert {notice.languages for notice in notices} == {("kk", "ru"), ("kk",), ("ru",)}
    assert {notice.issuing_authority.id for notice in notices} == set(builders.AUTHORITIES)


def test_every_builder_makes_what_its_message_type_needs() -> None:
    notice: Notice = builders.notice(1)
    values: list[MessageData] = [
        notice,
        builders.notice(1, revision=2),
        builders.clarification(notice, "ask-1"),
        builders.cancellation(notice),
        builders.reminder(notice),
        builders.sanction(),
    ]
    said = [read_message(builders.message_bytes(value)) for value in values]
    assert [message.type for message in said] == [
        "notice.issued", "notice.amended", "notice.clarified", "notice.cancelled", "notice.reminded",
        "sanction.announced",
    ]  # fmt: skip
    assert [message.data for message in said] == values


def test_the_two_sides_have_different_keys() -> None:
    for profile in ("rfc9421", "standard-webhooks"):
        assert keys.regulator_key(profile).material != keys.platform_key(profile).material
