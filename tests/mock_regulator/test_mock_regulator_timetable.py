"""Time, keys and scenarios over the control interface, and how the page shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import SCENARIOS, STRICT, Fault, MockRegulator, Platform, Request, Step
from kz_compliance_sdk.testing.mock_regulator.agenda import step_json
from tests.conftest import NOON, FrozenClock
from tests.mock_regulator.mock_regulators import PROFILE, Inbox, a_regulator, answer_finally, intake_url

LOCAL = (("host", "127.0.0.1:8081"), ("content-type", "application/json"))


@pytest.fixture
def inbox(clock: FrozenClock) -> Inbox:
    return Inbox(clock)


@pytest.fixture
def regulator(clock: FrozenClock, inbox: Inbox) -> MockRegulator:
    return a_regulator(clock, inbox)


def _call(regulator: MockRegulator, method: str, name: str, value: object = None) -> tuple[int, Any]:
    body = b"" if value is None else json.dumps(value).encode()
    reply = regulator.handle(Request(method, f"/control/{name}", LOCAL, body, "127.0.0.1"))
    return reply.status, json.loads(reply.body)


def _page(regulator: MockRegulator) -> str:
    return regulator.handle(Request("GET", "/", LOCAL, b"", "127.0.0.1")).body.decode()


def test_a_day_is_played_by_another_process(regulator: MockRegulator, inbox: Inbox) -> None:
    names = [each["name"] for each in _call(regulator, "GET", "scenarios")[1]["scenarios"]]
    assert names == list(SCENARIOS)
    status, said = _call(regulator, "POST", "play", {"scenario": "quiet_day", "seed": 4, "notices": 5})
    assert status == 200
    assert len(_call(regulator, "GET", "agenda")[1]["agenda"]) == said["planned"]
    status, said = _call(regulator, "POST", "advance", {"seconds": 86_400})
    assert (status, said["now"]) == (200, "2026-11-25T07:00:00Z")
    assert [done["act"] for done in said["taken"]].count("issue") == len(regulator.books.notices) == 5
    history = _call(regulator, "GET", "agenda")[1]["history"]
    assert [done["outcome"] for done in history] == [done.outcome for done in regulator.history()]
    assert len(inbox.got) > 0


def test_steps_are_planned_by_another_process(regulator: MockRegulator, inbox: Inbox) -> None:
    steps = [Step(NOON + 60, "issue", builders.notice(1), message_id="msg-a"), Step(NOON + 90, "push", "msg-a")]
    assert _call(regulator, "POST", "plan", {"steps": [step_json(step) for step in steps]}) == (200, {"planned": 2})
    assert regulator.agenda() == steps
    _call(regulator, "POST", "advance", {"seconds": 90})
    assert inbox.ids == ["msg-a", "msg-a"]


def test_the_clock_the_key_and_the_conduct_are_set(regulator: MockRegulator) -> None:
    assert _call(regulator, "POST", "skew", {"seconds": -90}) == (200, {"skew_s": -90})
    assert regulator.dated() == NOON - 90
    assert (
        _call(regulator, "POST", "rotate", {"authority_id": "sample-court"})[1]["key_id"] == "sample-regulator-hmac-2"
    )
    assert _call(regulator, "GET", "keys")[1]["in_use"] == {"social": "sample-regulator-hmac"}
    status, conduct = _call(regulator, "POST", "conduct", {"reminders_s": [60], "sanctions": [[90, "fine"]]})
    assert (status, conduct["reminders_s"], conduct["sanctions"]) == (200, [60], [[90, "fine"]])
    assert regulator.conduct.sanctions == ((90, "fine"),)
    assert _call(regulator, "GET", "conduct")[1] == conduct
    regulator.books.register(
        json.dumps(dict.fromkeys(("owner", "apps", "legal_representative", "office", "head"), "x") | {"users_a_day": 1})
        .encode(), NOON,
    )  # fmt: skip
    assert _call(regulator, "POST", "registration", {"status": "suspended"})[0] == 200
    assert _call(regulator, "GET", "books")[1]["platforms"]["social"]["registration_status"] == "suspended"


def test_a_public_key_is_given_out_and_a_secret_is_not(regulator: MockRegulator, clock: FrozenClock) -> None:
    said = json.dumps(_call(regulator, "GET", "keys")[1])
    assert keys.regulator_signing_key(PROFILE).material.hex() not in said
    assert "public_key" not in said
    asymmetric = MockRegulator(
        [Platform("social", intake_url("social"), (keys.platform_key(),))],
        signing_key=keys.regulator_signing_key(),
        clock=clock,
    )
    (key,) = _call(asymmetric, "GET", "keys")[1]["keys"]
    assert key["public_key"] == "8j5YdUvIRyVloHie/pCd771oX2XmmTsKC2FbiZvB8Bc="


def test_a_clock_that_runs_is_left_alone() -> None:
    running = MockRegulator(
        [Platform("social", intake_url("social"), (keys.platform_key(),))], signing_key=keys.regulator_signing_key()
    )
    status, problem = _call(running, "POST", "advance", {"seconds": 1})
    assert (status, problem["code"]) == (409, "clock_runs")


@pytest.mark.parametrize(
    ("name", "value", "status", "field"),
    [
        ("play", {"scenario": "nothing"}, 404, "scenario"),
        ("play", {"scenario": "rush", "notices": -1}, 422, "notices"),
        ("plan", {"steps": []}, 422, "steps"),
        ("plan", {"steps": [{"at": "2026-11-24T07:00:00Z", "act": "odd"}]}, 422, "act"),
        ("plan", {"steps": [{"at": "noon", "act": "recover"}]}, 422, "at"),
        ("plan", {"steps": [{"at": "2026-11-24T07:00:00Z", "act": "recover", "message_id": "<b>"}]}, 422, "message_id"),
        ("plan", {"steps": [{"at": "2026-11-24T07:00:00Z", "act": "recover", "platform_id": "x"}]}, 422, "platform_id"),
        ("rotate", {"key_id": "nobody"}, 404, "key_id"),
        ("rotate", {"platform_id": "nobody"}, 422, "platform_id"),
        ("registration", {"status": "odd"}, 422, "status"),
        ("registration", {"status": "pending", "platform_id": "nobody"}, 422, "platform_id"),
        ("registration", {"status": "pending"}, 404, None),
        ("conduct", {"terms": 1}, 422, "terms"),
        ("conduct", {"term_s": 0}, 422, None),
        ("skew", {"seconds": "much"}, 422, "seconds"),
        ("advance", {"seconds": -1}, 422, "seconds"),
    ],
)
def test_a_command_that_is_wrong_names_its_field(
    regulator: MockRegulator, name: str, value: object, status: int, field: str | None
) -> None:
    answered, problem = _call(regulator, "POST", name, value)
    assert (answered, problem.get("field")) == (status, field)
    assert regulator.agenda() == []


def test_the_page_shows_what_is_late_what_is_armed_and_what_is_to_come(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=STRICT)
    late, answered = builders.notice(1), builders.notice(2)
    for notice in (late, answered):
        regulator.push(regulator.issue(notice))
    answer_finally(regulator, answered)
    regulator.advance(STRICT.term_s + 24 * 3_600)
    regulator.fail(Fault("status", on="report", status=429, times=None))
    regulator.skew(-45)
    page = _page(regulator)
    (rows,) = (part for part in page.split("<table>") if part.startswith("<caption>Late"))
    assert rows.count("<tr>") == 2
    assert f"<td>{late.notice_id}</td><td>2026-11-25T07:00:00Z</td><td>24 h 0 min</td>" in rows
    for shown in (
        "<td>S-KZ-2026-0000001-1-warning</td><td>warning</td>",
        "<td>status</td><td>report</td><td>for ever</td><td>on report, status 429</td>",
        "dated -45 s",
        "<td>reminder 3</td>",
        "<td>message</td>",
        "<td>1: removed</td>",
        "<td>2026-11-28T07:00:00Z</td><td>chase</td>",
    ):
        assert shown in page, shown
    assert not any(foreign in page for foreign in ("<script", "<link", "<img", " src=", " href=", "url("))


def test_everything_that_came_from_outside_is_escaped_on_the_page(regulator: MockRegulator) -> None:
    script = "<script>alert(1)</script>"
    regulator.issue(builders.notice(1, items=1))
    odd = builders.sanction(1, reference_number=script)
    regulator.announce_sanction(odd)
    regulator.plan(Step(NOON + 60, "push", script))
    regulator.plan(Step(NOON, "push", script))
    regulator.tick()
    regulator.push_body(b"{}", what=script)
    page = _page(regulator)
    assert script not in page
    assert page.count("&lt;script&gt;") == 3
