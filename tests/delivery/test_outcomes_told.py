"""What each answer to an attempt comes to, answer by answer: its name, what it changes, and who is told. Nothing is
stored: a change is looked at as it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import change
from kz_compliance_sdk.domain.change import Attempt, Change, EndpointState, Leased, OutboxMessage, Watch
from kz_compliance_sdk.domain.content import Looked
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.delivery import Tried
from kz_compliance_sdk.domain.messages import ENFORCER, NOTIFIER, REGULATOR
from kz_compliance_sdk.domain.user_notices import MESSENGER, Telling
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.ports import (
    ByPerson,
    Delivered,
    Failed,
    InForce,
    Pending,
    Rejected,
    RetryAt,
    Told,
    Tx,
    Unknown,
)
from kz_compliance_sdk.services.outcomes import (
    ContentChanged,
    Outcomes,
    Result,
    Superseded,
    Unusable,
    checked,
    fault,
    told,
)
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, messages, proposal
from tests.conftest import NOON
from tests.scene import PLATFORM, Host, World

HOUR = 3600


@dataclass
class After:
    """What one attempt changes."""

    change: Change
    settled: bool
    message: OutboxMessage
    attempt: Attempt

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in messages(self.change, "page")]

    @property
    def reasons(self) -> list[str]:
        return [alert["reason"] for alert in self.alerts]

    @property
    def endpoint(self) -> EndpointState:
        (state,) = [one for one in self.change if isinstance(one, EndpointState)]
        return state

    @property
    def changes_a_case(self) -> bool:
        return any(isinstance(one, Watch) for one in self.change)


class Scene:
    """A decided case of one measure whose messages are in hand, and what an attempt at one of them would change."""

    def __init__(self, host: Host) -> None:
        self.host, self.notice = host, a_notice()
        host.push(self.notice, "m-1")
        host.drain()
        host.decide(proposal(measure("1")))
        self.now = host.world.clock()
        self.outcomes = Outcomes(host.policy, host.respondent, Telling(), lambda: 0.0)

    @property
    def enforce(self) -> OutboxMessage:
        return self.message("enforce")

    @property
    def acknowledgement(self) -> OutboxMessage:
        return self.message("acknowledgement")

    def message(self, kind: str) -> OutboxMessage:
        """A message as it stands while it is tried for the first time."""
        found = self.host.records(self.host.case(self.notice.notice_id).id).messages
        (one,) = [message for message in found if message.kind == kind]
        lease = {"lease_token": 7, "lease_expires_at": self.now + 120}
        return one.but(state="leased", attempts=1, settled_at=None, receipt=b"", **lease)

    def page(self) -> OutboxMessage:
        return self.acknowledgement.but(kind="page", endpoint=NOTIFIER)

    def to_user(self) -> OutboxMessage:
        return self.enforce.but(kind="user_notice", endpoint=MESSENGER, lane="", lane_seq=0)

    def after(self, message: OutboxMessage, result: Result) -> After:
        return self._looked(lambda tx: self.outcomes.record(tx, message, result, tx.now - 3))

    def unrecorded(self, message: OutboxMessage) -> After:
        return self._looked(lambda tx: self.outcomes.unrecorded(tx, message, "in_force; then disk", tx.now - 3))

    def lost(self, message: OutboxMessage) -> Change:
        return self.host.store.submit(PLATFORM, lambda tx: ((), self.outcomes.lost(tx, message, 120))).result()

    def _looked(self, work: Any) -> After:
        def look(tx: Tx) -> tuple[Change, tuple[Change, bool]]:
            return (), work(tx)

        change, settled = self.host.store.submit(PLATFORM, look).result()
        (write,) = [one for one in change if isinstance(one, Leased)]
        (attempt,) = [one for one in change if isinstance(one, Attempt)]
        assert write.held_under == 7, "only under the lease that the attempt was made with"
        assert write.message.lease_expires_at is None
        return After(change, settled, write.message, attempt)

    def regulator_failed(self, times: int) -> None:
        """So many failures in a row are on record."""
        state = EndpointState(PLATFORM, REGULATOR, times, 0, 0, "status_503")
        self.host.store.submit(PLATFORM, lambda _tx: ((state,), None)).result()


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    host = Host(World(tmp_path_factory.mktemp("outcomes") / "desk.sqlite3"))
    yield Scene(host)
    host.store.close()


@pytest.fixture
def scene(decided: Scene) -> Iterator[Scene]:
    yield decided
    decided.regulator_failed(0)


# ------------------------------------------------------------------------------------------------- names and faults


@pytest.mark.parametrize(
    ("result", "name", "detail"),
    [
        (Delivered("r-1", NOON, b""), "delivered", "r-1"),
        (RetryAt("status_503"), "retry", "status_503"),
        (Unknown("reset"), "unknown", "reset"),
        (Rejected("schema", "no items"), "rejected", "schema: no items"),
        (ByPerson("a letter"), "by_person", "a letter"),
        (InForce(NOON), "in_force", f"in force since {NOON}"),
        (Pending(NOON), "pending", f"to be checked at {NOON}"),
        (Failed("busy"), "failed", "busy"),
        (Told(NOON), "told", f"the user was told at {NOON}"),
        (ContentChanged(Looked(available=True)), "content_changed", "nothing was carried out"),
        (ContentChanged(Looked(available=False)), "content_changed", "the content is gone"),
        (Unusable("InForce.effective_at is 1"), "unusable", "InForce.effective_at is 1"),
        (Superseded(), "superseded", "the regulator does not hold it, and it no longer says what holds"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_each_result_has_its_name_and_says_what_there_is_to_say(result: Result, name: str, detail: str) -> None:
    assert told(result) == (name, detail)


def test_what_a_call_that_raised_came_to_depends_on_whom_it_was_for() -> None:
    """Only of the regulator nobody knows whether it holds the message now: it is looked up before it is sent again."""
    found = {name: fault(name, "OSError") for name in (ENFORCER, MESSENGER, NOTIFIER, REGULATOR, "by_hand")}
    assert found == {
        ENFORCER: Failed("OSError"),
        MESSENGER: Failed("OSError"),
        NOTIFIER: RetryAt("OSError"),
        REGULATOR: Unknown("OSError"),
        "by_hand": Unknown("OSError"),
    }


@pytest.mark.parametrize(
    ("kind", "fit", "unfit"),
    [
        ("enforce", (InForce(NOON), Pending(NOON), Failed("x"), ContentChanged(Looked())), (Told(NOON), RetryAt("x"))),
        ("to_user", (Told(NOON), RetryAt("x"), Failed("x"), ContentChanged(Looked())), (InForce(NOON), Pending(NOON))),
        (
            "acknowledgement",
            (Delivered("r", NOON, b""), RetryAt("x"), Rejected("a", "b"), Unknown("x"), ByPerson("x"), Superseded()),
            (InForce(NOON), Failed("x"), ContentChanged(Looked())),
        ),
    ],
)
def test_an_answer_counts_only_from_whom_it_can_come(scene: Scene, kind: str, fit: Any, unfit: Any) -> None:
    message = scene.to_user() if kind == "to_user" else scene.message(kind)
    assert [checked(message, one, NOON) for one in fit] == list(fit)
    for one in unfit:
        what = f"it returned {type(one).__name__}, which is no answer"
        assert checked(message, one, NOON) == fault(message.endpoint, what)


def test_a_time_that_cannot_be_says_how_to_go_on(scene: Scene) -> None:
    answer = checked(scene.enforce, InForce(1), scene.now)
    assert isinstance(answer, Unusable)
    assert answer.what.startswith("InForce.effective_at is 1: ")
    assert answer.what.endswith(" Mend it, then: kz-compliance cases retry")
    again = checked(scene.acknowledgement, RetryAt("x", 1.5), scene.now)  # type: ignore[arg-type]  # a wrong time
    assert isinstance(again, Unknown), "nothing was done that a person must see to"
    assert again.reason.startswith("RetryAt.at is 1.5: ")


# ----------------------------------------------------------------------------------------- the message, by the answer


def test_a_row_says_when_it_was_tried_and_holds_no_more_than_500_characters(scene: Scene) -> None:
    row = scene.after(scene.acknowledgement.but(attempts=4), RetryAt("a" * 501)).attempt
    assert (row.number, row.started_at, row.ended_at) == (4, scene.now - 3, scene.now)
    assert (row.result, row.detail) == ("retry", "a" * 500)


@pytest.mark.parametrize(
    ("kind", "result", "state"),
    [
        ("acknowledgement", Delivered("r-1", NOON, b"{}"), "done"),
        ("acknowledgement", Rejected("schema", "no"), "parked"),
        ("acknowledgement", Superseded(), "void"),
        ("acknowledgement", ByPerson("a letter"), "waiting"),
        ("enforce", InForce(NOON), "done"),
        ("enforce", Failed("gone", permanent=True), "parked"),
        ("enforce", ContentChanged(Looked()), "void"),
        ("to_user", Told(NOON), "done"),
        ("to_user", Failed("gone", permanent=True), "void"),
        ("page", Delivered("notified", NOON, b""), "done"),
    ],
)
def test_what_settles_a_message_is_stamped_with_its_time(scene: Scene, kind: str, result: Result, state: str) -> None:
    made = {"to_user": scene.to_user, "page": scene.page}
    after = scene.after(made[kind]() if kind in made else scene.message(kind), result)
    assert (after.settled, after.message.state, after.message.settled_at) == (True, state, scene.now)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("acknowledgement", RetryAt("x")),
        ("acknowledgement", Unknown("x")),
        ("acknowledgement", Rejected("x", "x", final=False)),
        ("enforce", Failed("busy")),
        ("enforce", Pending(NOON + 60)),
    ],
)
def test_what_settles_nothing_is_queued_for_another_time(scene: Scene, kind: str, result: Result) -> None:
    after = scene.after(scene.message(kind), result)
    assert (after.settled, after.message.state, after.message.settled_at) == (False, "queued", None)
    assert after.message.next_attempt_at > scene.now


def test_what_cannot_be_used_is_parked_and_stays_unsettled_until_a_person_acts(scene: Scene) -> None:
    after = scene.after(scene.enforce.but(attempts=3), Unusable("InForce.effective_at is 1"))
    assert (after.settled, after.message.state, after.message.settled_at) == (True, "parked", None)
    assert after.message.maybe_arrived
    assert after.reasons == ["answer_unusable"]


@pytest.mark.parametrize(
    ("kind", "result", "before", "maybe"),
    [
        ("acknowledgement", Delivered("r-1", NOON, b"{}"), True, False),
        ("acknowledgement", Superseded(), True, False),
        ("acknowledgement", Rejected("x", "x", final=False), True, False),
        ("acknowledgement", Rejected("x", "x"), True, False),
        ("acknowledgement", Unknown("x"), False, True),
        ("acknowledgement", RetryAt("x"), False, False),
        ("acknowledgement", RetryAt("x"), True, True),
        ("enforce", InForce(NOON), True, False),
        ("enforce", Failed("x"), False, False),
        ("enforce", Failed("x"), True, True),
    ],
)
def test_whether_it_may_have_arrived_is_kept_until_somebody_knows(
    scene: Scene, kind: str, result: Result, before: bool, maybe: bool
) -> None:
    after = scene.after(scene.message(kind).but(maybe_arrived=before), result)
    assert after.message.maybe_arrived is maybe


def test_a_receipt_is_kept_with_the_headers_that_sign_it(scene: Scene) -> None:
    signed = scene.after(scene.acknowledgement, Delivered("r-1", NOON, b"{}", (("webhook-id", "1"),))).message
    assert (signed.receipt, signed.receipt_proof) == (b"{}", b'[["webhook-id","1"]]')
    bare = scene.after(scene.acknowledgement, Delivered("r-1", NOON, b"{}")).message
    assert (bare.receipt, bare.receipt_proof) == (b"{}", b"")


def test_a_receipt_is_told_in_the_case_and_one_of_an_alert_is_not(scene: Scene) -> None:
    receipt = Delivered("r-1", NOON, b"{}")
    assert scene.after(scene.acknowledgement, receipt).changes_a_case
    assert not scene.after(scene.page(), receipt).changes_a_case


# ------------------------------------------------------------------------------------------------- when it goes on


@pytest.mark.parametrize(("asked", "waits"), [(-5, 1), (0, 1), (1, 1), (60, 60), (HOUR, HOUR), (HOUR + 1, HOUR)])
def test_the_platform_is_asked_again_when_it_says_within_the_hour(scene: Scene, asked: int, waits: int) -> None:
    after = scene.after(scene.enforce, Pending(scene.now + asked))
    assert after.message.next_attempt_at - scene.now == waits


@pytest.mark.parametrize(
    ("asked", "left", "waits"),
    [
        (None, None, 4),
        (1, None, 4),
        (30, None, 30),
        (HOUR, None, HOUR),
        (HOUR + 1, None, HOUR),
        (HOUR, 600, 600),
        (HOUR, 1, 1),
        (HOUR, 0, HOUR),
        (HOUR, -1, HOUR),
    ],
)
def test_the_regulator_is_left_alone_as_long_as_it_asks_but_not_past_the_deadline(
    scene: Scene, asked: int | None, left: int | None, waits: int
) -> None:
    deadline = None if left is None else scene.now + left
    at = None if asked is None else scene.now + asked
    after = scene.after(scene.acknowledgement.but(deadline_at=deadline), RetryAt("busy", at))
    assert after.message.next_attempt_at - scene.now == waits


# -------------------------------------------------------------------------------------------------- who is told when


def _told_at(scene: Scene, message: OutboxMessage, result: Result) -> dict[int, list[str]]:
    found = {tries: scene.after(message.but(attempts=tries), result).reasons for tries in range(1, 70)}
    return {tries: reasons for tries, reasons in found.items() if reasons}


def test_people_hear_of_an_effect_that_fails_at_the_fifth_time(scene: Scene) -> None:
    assert _told_at(scene, scene.enforce, Failed("busy")) == {5: ["enforce_stuck"]}


@pytest.mark.slow
def test_people_hear_of_a_restore_that_can_never_be_at_once_and_then_less_and_less(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    lifting = Scene(host)
    host.drain()
    host.push(builders.cancellation(lifting.notice, "withdrawn"), "m-2")
    gone = Failed("gone", permanent=True)
    assert _told_at(lifting, lifting.message("restore"), gone) == {tries: ["restore_stuck"] for tries in (1, 8, 64)}
    host.store.close()


def test_a_lead_hears_at_the_fifth_time_that_a_user_cannot_be_told(scene: Scene) -> None:
    assert _told_at(scene, scene.to_user(), Failed("mailbox full")) == {5: ["user_notice_stuck"]}
    (alert,) = scene.after(scene.to_user().but(attempts=5), RetryAt("busy")).alerts
    assert (alert["audience"], alert["level"]) == (["lead"], 30)


def test_people_hear_of_what_cannot_be_recorded_at_each_doubling(scene: Scene) -> None:
    found = {n: scene.unrecorded(scene.enforce.but(attempts=n)).alerts for n in range(1, 20)}
    assert {n for n, alerts in found.items() if alerts} == {1, 2, 4, 8, 16}
    (alert,) = found[1]
    assert (alert["reason"], alert["audience"], alert["level"]) == ("stuck", ["moderator", "lead"], 50)
    assert alert["case_reference"] == scene.enforce.case_id


def test_what_cannot_be_recorded_decides_nothing_and_goes_on(scene: Scene) -> None:
    after = scene.unrecorded(scene.enforce)
    assert (after.settled, after.message.state, after.message.maybe_arrived) == (False, "queued", False)
    assert after.message.next_attempt_at == scene.now + 4
    assert (after.attempt.result, after.attempt.detail) == ("unrecorded", "in_force; then disk")
    assert (after.attempt.started_at, after.attempt.ended_at) == (scene.now - 3, scene.now)
    held = scene.host.case(scene.notice.notice_id)
    written = [one.case for one in after.change if isinstance(one, Watch)]
    assert [case.but(pages=held.pages, version=held.version) for case in written] == [held], "it counts the alert"
    assert scene.unrecorded(scene.enforce.but(maybe_arrived=True)).message.maybe_arrived
    assert scene.unrecorded(scene.acknowledgement).message.maybe_arrived, "the regulator may hold it"


def test_an_alert_that_cannot_be_recorded_alerts_nobody(scene: Scene) -> None:
    assert scene.unrecorded(scene.page()).alerts == []


@pytest.mark.parametrize(("case_id", "about"), [("", "id"), ("no such case", "case_id")])
def test_without_a_case_people_hear_of_the_message(scene: Scene, case_id: str, about: str) -> None:
    message = scene.acknowledgement.but(case_id=case_id)
    (alert,) = scene.unrecorded(message).alerts
    assert alert["case_reference"] == getattr(message, about)
    assert (alert["reason"], alert["audience"], alert["level"]) == ("stuck", ["moderator", "lead"], 50)


def test_the_fifth_attempt_that_is_lost_is_told_if_it_was_the_platforms(scene: Scene) -> None:
    def paged(message: OutboxMessage) -> bool:
        return any(isinstance(one, Watch) for one in scene.lost(message))

    assert [n for n in range(1, 12) if paged(scene.enforce.but(attempts=n))] == [5]
    assert not paged(scene.acknowledgement.but(attempts=5))


def test_a_lost_attempt_ended_with_its_lease(scene: Scene) -> None:
    told, row = scene.lost(scene.enforce.but(lease_expires_at=scene.now - 10))
    assert isinstance(told, Happened)
    assert isinstance(told.event, Tried)
    assert isinstance(row, Attempt)
    assert (row.result, row.started_at, row.ended_at) == ("lost", scene.now - 130, scene.now - 10)
    assert row.detail == "nothing was recorded before its lease ran out"


# ------------------------------------------------------------------------------------------- refusals and the breaker


def test_a_refusal_that_may_pass_is_counted_from_the_first_and_parks_after_an_hour(scene: Scene) -> None:
    no = Rejected("status_404", "no", final=False)
    first = scene.after(scene.acknowledgement, no).message
    assert (first.refusals, first.refused_since) == (1, scene.now)
    since = scene.now - HOUR + 1
    late = scene.acknowledgement.but(refusals=3, refused_since=since)
    assert (scene.after(late, no).message.refusals, scene.after(late, no).message.refused_since) == (4, since)
    assert scene.after(late, no).message.state == "queued"
    assert scene.after(late.but(refused_since=since - 1), no).message.state == "parked"


def test_people_hear_of_the_fifth_refusal_unless_everything_is_refused(scene: Scene) -> None:
    no = Rejected("status_404", "no", final=False)
    found = {n: scene.after(scene.acknowledgement.but(refusals=n), no) for n in range(8)}
    assert {n: after.reasons for n, after in found.items() if after.reasons} == {4: ["acknowledgement_refused"]}
    (alert,) = found[4].alerts
    assert (alert["audience"], alert["level"]) == (["moderator", "lead"], 50)
    fifth = scene.acknowledgement.but(refusals=4)
    scene.regulator_failed(change.OPENS_AFTER - 2)
    assert scene.after(fifth, no).reasons == ["acknowledgement_refused"]
    scene.regulator_failed(change.OPENS_AFTER - 1)
    assert scene.after(fifth, no).reasons == ["regulator_refuses"], "one alert about the endpoint says so"
    scene.regulator_failed(change.OPENS_AFTER)
    assert scene.after(fifth, no).reasons == []


def test_the_lead_hears_once_that_an_endpoint_refuses_everything(scene: Scene) -> None:
    scene.regulator_failed(change.OPENS_AFTER - 1)
    (alert,) = scene.after(scene.acknowledgement, Rejected("status_401", "no", final=False)).alerts
    assert alert["case_reference"] == REGULATOR
    assert (alert["audience"], alert["level"]) == (["lead"], 50)
    assert scene.after(scene.acknowledgement, RetryAt("status_503")).reasons == [], "an outage passes by itself"


@pytest.mark.parametrize(
    ("result", "what"),
    [
        (RetryAt("status_503"), "status_503"),
        (Unknown("reset"), "reset"),
        (Rejected("status_401", "a text of theirs", final=False), "status_401"),
    ],
)
def test_the_breaker_counts_what_is_wrong_on_the_way_and_repeats_nothing_of_a_message(
    scene: Scene, result: Result, what: str
) -> None:
    scene.regulator_failed(2)
    state = scene.after(scene.acknowledgement, result).endpoint
    assert (state.failures, state.last_failure) == (3, what)


@pytest.mark.parametrize("result", [Delivered("r-1", NOON, b"{}"), Rejected("schema", "no"), ByPerson("a letter")])
def test_an_answer_about_the_message_shows_that_the_way_is_open(scene: Scene, result: Result) -> None:
    scene.regulator_failed(4)
    state = scene.after(scene.acknowledgement, result).endpoint
    assert (state.failures, state.last_success_at) == (0, scene.now)


def test_what_works_as_before_writes_nothing_about_the_way(scene: Scene) -> None:
    after = scene.after(scene.acknowledgement, Delivered("r-1", NOON, b"{}"))
    assert not [one for one in after.change if isinstance(one, EndpointState)]


@pytest.mark.parametrize("result", [Failed("busy"), InForce(NOON)])
def test_what_fails_on_one_object_says_nothing_about_the_others(scene: Scene, result: Result) -> None:
    after = scene.after(scene.enforce, result)
    assert not [one for one in after.change if isinstance(one, EndpointState)]


# ------------------------------------------------------------------------------------------------ without its case


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (Delivered("r-1", NOON, b"{}"), "done"),
        (Rejected("schema", "no"), "parked"),
        (Unusable("a wrong time"), "parked"),
        (ContentChanged(Looked()), "void"),
        (RetryAt("x"), "queued"),
    ],
)
@pytest.mark.parametrize("case_id", ["", "no such case"])
def test_a_message_of_no_case_comes_to_the_same_and_changes_no_case(
    scene: Scene, case_id: str, result: Result, state: str
) -> None:
    message = scene.acknowledgement.but(case_id=case_id)
    if case_id and isinstance(result, Delivered):
        with pytest.raises(NotFound):  # its receipt has no place: it is looked up once the case is there again
            scene.after(message, result)
        return
    after = scene.after(message, result)
    assert after.message.state == state
    assert not after.changes_a_case
    assert after.reasons == []


def test_a_time_that_cannot_be_of_an_effect_that_nobody_asks_for_any_more_settles_it(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    scene = Scene(host)
    old = scene.enforce
    (_under_way,) = (one for one in host.delivery.lease(8) if one.kind == "enforce")
    host.push(builders.cancellation(scene.notice, "annulled"), "m-2")
    state = host.case(scene.notice.notice_id).state
    after = scene.after(old, Unusable("a wrong time"))
    assert (after.message.state, after.message.maybe_arrived, after.reasons) == ("done", False, [])
    assert host.case(scene.notice.notice_id).state is state
    host.store.close()


def _written(change: Change, _tx: Tx) -> tuple[Change, None]:
    return change, None


def test_a_time_that_cannot_be_of_a_message_alerts_once_for_each_attempt(scene: Scene) -> None:
    pages = []
    for tries in (1, 2):
        change = scene.after(scene.acknowledgement.but(attempts=tries), Unusable("a wrong time")).change
        told = tuple(one for one in change if isinstance(one, Watch | Happened))
        scene.host.store.submit(PLATFORM, partial(_written, told)).result()
        pages += messages(told)
    assert [json.loads(one.body)["reason"] for one in pages] == ["answer_unusable"] * 2
    assert pages[0].id != pages[1].id


def test_an_attempt_that_fails_is_no_occasion_to_tell_anybody_of_a_message_to_the_regulator(scene: Scene) -> None:
    assert _told_at(scene, scene.acknowledgement, RetryAt("status_503")) == {}
