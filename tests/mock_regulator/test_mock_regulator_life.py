"""What the mock regulator does in time: by its agenda, by its conduct, and by what faults do to its pushes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import Clarification, Notice, Reminder, Sanction
from kz_compliance_sdk.errors import ConfigError, NotAuthentic
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import (
    STRICT,
    Conduct,
    Fault,
    MockRegulator,
    Outage,
    Platform,
    Rotation,
    Step,
)
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused
from kz_compliance_sdk.wire.signature import KeyRing, verify, verify_response
from kz_compliance_sdk.wire.v1 import read_feed, read_receipt
from tests.conftest import NOON, FrozenClock
from tests.mock_regulator.mock_regulators import PROFILE, Inbox, a_regulator, answer_finally, ask, intake_url, submit

HOUR = 3_600
DAY = 24 * HOUR


@pytest.fixture
def inbox(clock: FrozenClock) -> Inbox:
    return Inbox(clock)


@pytest.fixture
def regulator(clock: FrozenClock, inbox: Inbox) -> MockRegulator:
    return a_regulator(clock, inbox)


def _kinds(inbox: Inbox) -> list[str]:
    return [message.type for message in inbox.messages]


# The agenda.


def test_a_step_is_taken_when_its_time_has_come_and_says_so(
    regulator: MockRegulator, inbox: Inbox, clock: FrozenClock
) -> None:
    notice = builders.notice(1, issued_at=NOON + 60)
    regulator.plan(
        Step(NOON + 120, "cancel", builders.cancellation(notice)),
        Step(NOON + 60, "issue", notice, message_id="msg-one"),
    )
    assert (regulator.tick(), regulator.next_at()) == ([], NOON + 60)
    clock.advance(90)
    (done,) = regulator.tick()
    assert (done.step.act, done.at, done.outcome) == ("issue", NOON + 90, "done")
    (message,) = inbox.messages
    # Late as the look was, the message is of the time that was planned.
    assert (message.id, message.sent_at) == ("msg-one", NOON + 60)
    clock.advance(30)
    regulator.tick()
    assert _kinds(inbox) == ["notice.issued", "notice.cancelled"]
    assert regulator.agenda() == []


def test_time_travel_takes_each_step_at_its_time(regulator: MockRegulator, inbox: Inbox, clock: FrozenClock) -> None:
    regulator.plan(*(Step(NOON + 600 * n, "issue", builders.notice(n)) for n in (3, 1, 2)))
    done = regulator.advance(DAY)
    assert [each.at for each in done] == [NOON + 600, NOON + 1_200, NOON + 1_800]
    assert [when for when, *_ in inbox.got] == [NOON + 600, NOON + 1_200, NOON + 1_800]
    assert clock() == NOON + DAY


def test_steps_of_one_second_are_taken_in_the_order_in_which_they_were_planned(regulator: MockRegulator) -> None:
    regulator.plan(*(Step(NOON, "issue", builders.notice(n)) for n in (5, 3, 9, 1)))
    regulator.tick()
    assert [message.notice_id for message in regulator.books.feed] == [f"KZ-2026-000000{n}" for n in (5, 3, 9, 1)]


def test_a_clock_that_runs_by_itself_is_not_advanced() -> None:
    running = MockRegulator(
        [Platform("social", intake_url("social"), (keys.platform_key(PROFILE),))],
        signing_key=keys.regulator_signing_key(PROFILE),
        profile=PROFILE,
    )
    with pytest.raises(TypeError, match="advance"):
        running.advance(1)


def test_time_does_not_run_backwards(regulator: MockRegulator) -> None:
    with pytest.raises(ValueError, match="backwards"):
        regulator.advance(-1)


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Step(NOON, "cancel", builders.cancellation(builders.notice(9))), "notice_unknown"),
        (Step(NOON, "issue", builders.notice(1), message_id="no id"), "invalid: ValidationError"),
        (Step(NOON, "push", "nobody"), "message_unknown"),
        (Step(NOON, "registration", "suspended"), "registration_unknown"),
        (Step(NOON, "rotate", Rotation("nobody")), "unknown: no key 'nobody' is known: give it in spare_keys"),
        (Step(NOON, "remind", builders.reminder(builders.notice(1)), platform_id="nobody"), "unknown: nobody"),
    ],
    ids=lambda value: value.act if isinstance(value, Step) else "",
)
def test_a_step_that_makes_no_sense_is_noted_and_stops_nothing(
    regulator: MockRegulator, step: Step, outcome: str
) -> None:
    regulator.plan(step, Step(NOON, "issue", builders.notice(1)))
    assert [done.outcome for done in regulator.tick()] == [outcome, "done"]
    assert [done.outcome for done in regulator.history()] == [outcome, "done"]


def test_faults_and_outages_come_and_go_by_the_agenda(regulator: MockRegulator) -> None:
    regulator.issue(builders.notice(1))
    regulator.plan(
        Step(NOON + 1, "fail", Fault("status", status=500, times=None)),
        Step(NOON + 2, "disarm"),
        Step(NOON + 3, "outage", Outage("unreachable", until=NOON + 10)),
        Step(NOON + 4, "recover"),
        Step(NOON + 5, "outage", Outage(until=NOON + 5 + 72 * HOUR)),
    )
    seen = []
    for _ in range(6):
        reply = ask(regulator, "GET", "/v1/notices")
        seen.append((reply.status, reply.ending))
        regulator.advance(1)
    assert seen == [(200, "whole"), (500, "whole"), (200, "whole"), (503, "reset"), (200, "whole"), (503, "whole")]
    regulator.advance(72 * HOUR)
    assert ask(regulator, "GET", "/v1/notices").status == 200
    assert regulator.faults.struck == {"status": 1, "unreachable": 1, "unavailable": 1}


def test_keys_are_forgotten_by_the_agenda(regulator: MockRegulator) -> None:
    notice = builders.notice(1)
    regulator.issue(notice)
    answer_finally(regulator, notice)
    answer_finally(regulator, notice)
    regulator.plan(Step(NOON, "forget_keys"))
    regulator.tick()
    forgotten = submit(regulator, builders.report(notice, "r-1"), "r-1")
    assert (forgotten.status, read_receipt(forgotten.body).subject_id) == (409, "r-1")


# What it does by itself.


def test_by_itself_it_does_nothing_unless_told(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.push(regulator.issue(builders.notice(1)))
    assert regulator.advance(90 * DAY) == []
    assert _kinds(inbox) == ["notice.issued"]


def test_a_notice_that_is_not_answered_is_chased_until_it_is(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=STRICT)
    notice = builders.notice(1)
    regulator.issue(notice)
    due = NOON + STRICT.term_s
    regulator.advance(80 * HOUR)
    found = [(when - due, message.data) for (when, *_), message in zip(inbox.got, inbox.messages, strict=True)]
    reminders = [(after, data.escalation_level) for after, data in found if isinstance(data, Reminder)]
    sanctions = [(after, data.level, data.notice_ids) for after, data in found if isinstance(data, Sanction)]
    assert reminders == [(0, 1), (HOUR, 2), (6 * HOUR, 3)]
    assert sanctions == [(24 * HOUR, "warning", (notice.notice_id,))]
    assert [sanction.level for sanction in regulator.books.sanctions] == ["warning"]
    answer_finally(regulator, notice)
    regulator.advance(30 * DAY)
    assert len(inbox.got) == 4


def test_an_interim_report_is_no_answer(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=STRICT)
    notice = builders.notice(1)
    regulator.issue(notice)
    assert submit(regulator, builders.report(notice, "r-1", final=False), "r-1").status == 201
    regulator.advance(STRICT.term_s)
    assert _kinds(inbox) == ["notice.reminded"]
    answer_finally(regulator, notice, "r-2", 2)
    regulator.advance(30 * DAY)
    assert _kinds(inbox) == ["notice.reminded"]


def test_a_deadline_of_the_notices_own_counts(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=STRICT)
    regulator.issue(builders.notice(1, deadline={"hours": 2}))
    regulator.advance(2 * HOUR - 1)
    assert inbox.got == []
    regulator.advance(1)
    assert _kinds(inbox) == ["notice.reminded"]


def test_a_revision_is_due_anew_and_a_cancelled_notice_never(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=STRICT)
    notice, other = builders.notice(1), builders.notice(2)
    regulator.issue(notice)
    regulator.issue(other)
    answer_finally(regulator, notice)
    regulator.advance(HOUR)
    regulator.amend(builders.notice(1, revision=2))
    regulator.cancel(builders.cancellation(other))
    regulator.advance(STRICT.term_s - 1)
    assert inbox.got == []
    regulator.advance(1)
    assert [message.data.notice_id for message in inbox.messages] == [notice.notice_id]  # type: ignore[union-attr]


def test_another_conduct_looks_at_what_is_owed_anew(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.issue(builders.notice(1))
    regulator.advance(25 * HOUR)
    regulator.behave(Conduct(reminders_s=(0, 2 * HOUR), sanctions=((3 * HOUR, "fine"),)))
    regulator.advance(DAY)
    # The first reminder's time is past: nobody is reminded twice in a second.
    assert _kinds(inbox) == ["notice.reminded", "sanction.announced"]
    regulator.behave(Conduct())
    assert regulator.agenda() == []


def test_a_question_is_answered_after_a_while(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=Conduct(answer_after_s=600))
    notice = builders.notice(1)
    regulator.issue(notice)
    for _ in range(2):  # a repeat is no second question
        assert submit(regulator, builders.clarification_request(notice, "q-1"), "q-1").status == 201
    regulator.advance(599)
    assert inbox.got == []
    regulator.advance(1)
    (message,) = inbox.messages
    assert isinstance(message.data, Clarification)
    assert (message.data.notice_id, message.data.in_reply_to) == (notice.notice_id, "q-1")
    assert regulator.agenda() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"term_s": 0},
        {"answer_after_s": -1},
        {"register_after_s": -1},
        {"reminders_s": (60, 60)},
        {"reminders_s": (-1,)},
        {"sanctions": ((60, "warning"), (30, "fine"))},
        {"sanctions": ((60, "jail"),)},
    ],
)
def test_a_conduct_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"term_s|times of|a sanction is"):
        Conduct(**wrong)


def test_a_registration_is_pending_until_it_was_looked_at(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, conduct=Conduct(register_after_s=HOUR))
    entry = {"owner": "o", "apps": ["a"], "users_a_day": 1, "legal_representative": "l", "office": "o", "head": "h"}
    place = "/v1/platforms/social/registration"

    def status() -> str:
        return str(json.loads(ask(regulator, "GET", place).body)["status"])

    assert ask(regulator, "PUT", place, json.dumps(entry).encode()).status == 201
    assert status() == "pending"
    regulator.advance(HOUR)
    assert status() == "registered"
    regulator.set_registration("suspended")
    assert ask(regulator, "PUT", place, json.dumps(entry).encode()).status == 200
    assert status() == "suspended"
    with pytest.raises(Refused):
        a_regulator(clock, inbox).set_registration("suspended")


# Pushes that go wrong.


def _three(regulator: MockRegulator) -> list[str]:
    return [
        push.message_id
        for push in (regulator.push(regulator.issue(builders.notice(n, issued_at=NOON))) for n in (1, 2, 3))
    ]


def test_a_push_may_be_doubled(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.fail(Fault("push_duplicated", skip=1))
    one, two, three = _three(regulator)
    assert inbox.ids == [one, two, two, three]
    assert inbox.got[1][3] == inbox.got[2][3]


def test_a_push_may_be_late(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.fail(Fault("push_delayed", delay_s=HOUR))
    one, two, three = _three(regulator)
    assert inbox.ids == [two, three]
    assert (regulator.pushes[0].what, regulator.pushes[0].status) == ("push_delayed", None)
    regulator.advance(HOUR)
    assert inbox.ids == [two, three, one]
    # Signed when it was sent, or its age would give the delay away as a replay.
    assert inbox.signer() == "sample-regulator-hmac"


def test_a_push_may_be_overtaken_by_the_next(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.fail(Fault("push_reordered"))
    one, two, three = _three(regulator)
    assert inbox.ids == [two, one, three]
    regulator.advance(DAY)
    assert len(inbox.got) == 3


def test_a_push_that_nothing_overtakes_goes_out_all_the_same(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.fail(Fault("push_reordered", delay_s=300))
    message = regulator.issue(builders.notice(1))
    regulator.push(message)
    regulator.advance(299)
    assert inbox.got == []
    regulator.advance(1)
    assert inbox.ids == [message.id]


def test_a_push_may_be_lost_and_the_feed_has_it(regulator: MockRegulator, inbox: Inbox) -> None:
    regulator.fail(Fault("push_lost"))
    one, two, three = _three(regulator)
    regulator.advance(DAY)
    assert inbox.ids == [two, three]
    page = read_feed(ask(regulator, "GET", "/v1/notices").body)
    assert [json.loads(entry.exact_body())["id"] for entry in page.data] == [one, two, three]


def test_a_fault_of_a_push_waits_for_one_and_a_fault_of_a_reply_strikes_none(regulator: MockRegulator) -> None:
    regulator.fail(Fault("push_lost"))
    regulator.fail(Fault("unsigned"))
    regulator.fail(Fault("slow_accept", latency_ms=1))
    regulator.push(regulator.issue(builders.notice(1)))
    assert [fault.kind for _, fault, _ in regulator.faults.armed()] == ["unsigned", "slow_accept"]
    ask(regulator, "GET", "/v1/notices")
    assert [fault.kind for _, fault, _ in regulator.faults.armed()] == ["slow_accept"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault("odd"),  # type: ignore[arg-type]
        lambda: Fault("push_lost", on="report"),
        lambda: Fault("slow_accept", path="/v1/*"),
        lambda: Fault("dripping", bytes_per_s=0),
        lambda: Fault("push_delayed", delay_s=0),
    ],
)
def test_a_fault_that_could_never_strike_is_refused(make: Callable[[], Fault]) -> None:
    with pytest.raises(ValueError, match="fault"):
        make()


# Time that is wrong, and keys that change.


@pytest.mark.parametrize("seconds", [900, -900])
def test_a_clock_that_is_wrong_shows_in_all_that_is_written(
    regulator: MockRegulator, inbox: Inbox, seconds: int
) -> None:
    regulator.skew(seconds)
    notice = builders.notice(1)
    regulator.push(regulator.issue(notice))
    assert inbox.messages[0].sent_at == NOON + seconds
    ring = KeyRing([keys.regulator_key(PROFILE)], allow_test_keys=True)
    when, url, headers, body = inbox.got[0]
    assert verify(ring, "POST", url, headers, body, when + seconds).stale is False
    assert verify(ring, "POST", url, headers, body, when).stale is True
    # It still believes requests that are signed by the right time.
    reply = submit(regulator, builders.report(notice, "r-1"), "r-1")
    assert (reply.status, read_receipt(reply.body).recorded_at) == (201, NOON + seconds)
    regulator.fail(Fault("status", status=429, retry_after_s=60, retry_after_form="date"))
    late = dict(ask(regulator, "GET", "/v1/notices").headers)["retry-after"]
    regulator.skew(0)
    regulator.fail(Fault("status", status=429, retry_after_s=60, retry_after_form="date"))
    assert dict(ask(regulator, "GET", "/v1/notices").headers)["retry-after"] != late


def test_from_one_moment_on_another_key_signs(regulator: MockRegulator, inbox: Inbox) -> None:
    first, second = builders.notice(1), builders.notice(2)
    message = regulator.issue(first)
    regulator.push(message)
    entry = read_feed(ask(regulator, "GET", "/v1/notices").body).data[0]
    regulator.plan(Step(NOON + 60, "rotate", Rotation()))
    regulator.advance(60)
    regulator.push(regulator.issue(second))
    regulator.push(message)
    assert [inbox.signer(at) for at in range(3)] == [
        "sample-regulator-hmac", "sample-regulator-hmac-2", "sample-regulator-hmac-2",
    ]  # fmt: skip
    reply = submit(regulator, builders.report(first, "r-1"), "r-1")
    new = KeyRing([keys.regulator_key(PROFILE, generation=2)], allow_test_keys=True)
    assert verify_response(new, reply.status, reply.headers, reply.body, regulator.now()).sender == keys.SENDER
    # A feed entry that was signed a minute ago would be given out as it was, had the key not changed.
    again = read_feed(ask(regulator, "GET", "/v1/notices").body).data[0]
    assert again.headers != entry.headers
    with pytest.raises(KeyError, match="no key left"):
        regulator.rotate()


def test_a_key_that_is_revoked_mid_flight_proves_nothing_until_the_next_one_signs(
    regulator: MockRegulator, inbox: Inbox
) -> None:
    """The regulator is told too late: the platform has revoked the key by which a push is still signed."""
    revoked = replace(keys.regulator_key(PROFILE), revoked_at=NOON + 60)
    ring = KeyRing([revoked, keys.regulator_key(PROFILE, generation=2)], allow_test_keys=True)

    def signer() -> str:
        when, url, headers, body = inbox.got[-1]
        return verify(ring, "POST", url, headers, body, when).key_id

    message = regulator.issue(builders.notice(1))
    regulator.push(message)
    assert signer() == "sample-regulator-hmac", "the control: good until then"
    regulator.advance(60)
    regulator.push(message)
    with pytest.raises(NotAuthentic):
        signer()
    regulator.rotate()
    regulator.push(message)
    assert signer() == "sample-regulator-hmac-2"


def test_authorities_and_platforms_have_keys_of_their_own(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, "social", "video", generations=4)
    regulator.rotate("sample-regulator-hmac-2", authority_id="sample-prosecutor")
    regulator.rotate("sample-regulator-hmac-3", platform_id="video")
    regulator.rotate("sample-regulator-hmac-4", platform_id="video", authority_id="sample-court")
    by_authority = {builders.notice(n).issuing_authority.id: n for n in (1, 5, 7)}
    signers: dict[str, dict[str, str]] = {}
    for platform_id in regulator.platforms:
        for authority, seed in by_authority.items():
            regulator.push(regulator.issue(builders.notice(seed, platform_id=platform_id)))
            signer = inbox.signer(generations=4, platform_id=platform_id)
            signers.setdefault(platform_id, {})[authority] = signer.removeprefix("sample-regulator-hmac")
    assert signers == {
        "social": {"sample-authorised-body": "", "sample-prosecutor": "-2", "sample-court": ""},
        "video": {"sample-authorised-body": "-3", "sample-prosecutor": "-3", "sample-court": "-4"},
    }
    # What an authority says later about its notice is signed with its key as well.
    regulator.push(regulator.cancel(builders.cancellation(builders.notice(5))))
    assert inbox.signer(generations=4) == "sample-regulator-hmac-2"


def test_a_platform_may_change_its_keys(regulator: MockRegulator) -> None:
    mine = regulator.platforms["social"].keys
    regulator.trust("social", [keys.platform_key(PROFILE, platform_id="other")])
    assert ask(regulator, "GET", "/v1/notices").status == 401
    regulator.trust("social", mine)
    assert ask(regulator, "GET", "/v1/notices").status == 200
    with pytest.raises(ConfigError):
        regulator.trust("social", [*mine, *mine])
    assert ask(regulator, "GET", "/v1/notices").status == 200
    with pytest.raises(KeyError):
        regulator.trust("nobody", mine)


def test_books_and_chases_of_two_platforms_are_apart(clock: FrozenClock, inbox: Inbox) -> None:
    regulator = a_regulator(clock, inbox, "social", "video", conduct=STRICT)
    mine, theirs = builders.notice(1, platform_id="social"), builders.notice(1, platform_id="video")
    regulator.issue(mine)
    regulator.issue(theirs)
    answer_finally(regulator, mine)
    regulator.advance(STRICT.term_s + 24 * HOUR)
    assert {message.platform_id for message in inbox.messages} == {"video"}
    assert {url for _, url, *_ in inbox.got} == {intake_url("video")}
    assert (len(regulator.books_of("social").sanctions), len(regulator.books_of("video").sanctions)) == (0, 1)


def test_a_regulator_that_is_asked_for_a_day_gives_it(regulator: MockRegulator, inbox: Inbox) -> None:
    steps = regulator.day(seed=3)
    assert len(steps) == len(regulator.agenda())
    regulator.advance(DAY)
    issued = [step for step in steps if isinstance(step.data, Notice) and step.act == "issue"]
    assert len(issued) == 30
    assert len(regulator.books.notices) == 30
    assert isinstance(regulator.platforms["social"], Platform)
