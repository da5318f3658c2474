"""A time that the platform's own code or an adapter gives wrongly: it is told at once, and nothing is made of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.ports import Delivered, InForce, Pending, Told
from kz_compliance_sdk.testing.content import FakeContent
from tests.driver import DAY, HOUR, LEAD, M1, Driver
from tests.variants import variants

NONSENSE: dict[str, Any] = {
    "1970": lambda _now: 1,
    "nought": lambda _now: 0,
    "before the Common Era": lambda now: -now,
    "milliseconds": lambda now: now * 1000,
    "nanoseconds": lambda now: now * 10**9,
    "beyond every calendar": lambda _now: 10**5000,
    "true": lambda _now: True,
    "a float": float,
    "none": lambda _now: None,
    "a text": str,
}
OFF: dict[str, Any] = {
    "an hour before the decision": lambda now: now - HOUR,
    "the hour of Almaty": lambda now: now + 5 * HOUR,
}
FEW = {name: NONSENSE[name] for name in ("1970", "milliseconds", "true")}
every_wrong = pytest.mark.parametrize(
    "time", variants(NONSENSE | OFF, "1970", "milliseconds", "true", "an hour before the decision")
)
wrong_or_off = pytest.mark.parametrize("time", variants(FEW | OFF, "1970", "the hour of Almaty"))
wrong = pytest.mark.parametrize("time", variants(FEW, "1970", "milliseconds"))
Time = Callable[[int], Any]


@pytest.fixture
def office(tmp_path: Path) -> Driver:
    return Driver(tmp_path)


def decided(office: Driver) -> str:
    case = office.issue()
    office.decide(case)
    return case


def parked(office: Driver, case: str) -> dict[str, Any]:
    (found,) = [one for one in office.messages(case) if one["state"] == "parked"]
    return found


def over_and_over(office: Driver) -> None:
    """Let the worker work for hours."""
    for _ in range(4):
        office.deliver()
        office.watch()
        office.wait(HOUR)


@every_wrong
@pytest.mark.slow
def test_a_measure_in_force_since_a_wrong_time_is_told_at_once_and_never_reported(
    office: Driver, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    case = decided(office)
    office.platform.faults.append(lambda _effect: InForce(time(office.clock())))
    with caplog.at_level(logging.ERROR):
        over_and_over(office)
    assert len(office.platform.calls) == 1, "nothing is carried out again and again"
    assert office.reports() == []
    message = parked(office, case)
    (attempt,) = message["attempts"]
    assert (message["kind"], attempt["result"]) == ("enforce", "unusable")
    for word in ("InForce.effective_at", "UTC seconds", "cases retry"):
        assert word in attempt["detail"]
        assert word in caplog.text
    assert office.pages().count("answer_unusable") == 1
    assert "parked_messages" in office.health()["attention"]
    assert office.case(case)["state"] == "decided"
    assert "answer_unusable" in office.history(case)
    # The code is mended, and the call is asked again.
    office.retry(M1, message["message"])
    office.deliver()
    assert office.case(case)["state"] == "closed"
    assert len(office.reports()) == 1
    assert office.faults() == []


@wrong_or_off
@pytest.mark.slow
def test_a_measure_that_was_lifted_at_a_wrong_time_waits_for_a_person_as_well(office: Driver, time: Time) -> None:
    case = decided(office)
    office.deliver()
    office.wait(3 * HOUR)
    office.cancel(office.notice()["notice_id"])
    office.platform.faults.append(lambda _effect: InForce(time(office.clock())))
    over_and_over(office)
    assert [verb for verb, *_ in office.platform.calls] == ["enforce", "restore"]
    assert parked(office, case)["kind"] == "restore"
    office.retry(M1, parked(office, case)["message"])
    office.deliver()
    assert office.items(case)["1"]["status"] == "lifted"
    assert office.faults() == []


@wrong
def test_whoever_asks_to_be_asked_again_at_a_wrong_time_is_not_asked_for_ever(office: Driver, time: Time) -> None:
    case = decided(office)
    office.platform.faults += [lambda _effect: Pending(time(office.clock()))] * 5
    over_and_over(office)
    assert len(office.platform.calls) == 1
    assert "Pending.check_at" in parked(office, case)["attempts"][0]["detail"]
    office.platform.faults = []
    office.retry(M1, parked(office, case)["message"])
    office.deliver()
    assert office.case(case)["state"] == "closed"


def test_an_answer_of_a_kind_of_its_own_is_looked_at_as_well(office: Driver) -> None:
    class Since(InForce):
        __slots__ = ()

    case = decided(office)
    office.platform.faults.append(lambda _effect: Since(1))
    office.deliver()
    assert "InForce.effective_at is 1" in parked(office, case)["attempts"][0]["detail"]


def test_a_text_in_place_of_a_time_is_repeated_nowhere(office: Driver, caplog: pytest.LogCaptureFixture) -> None:
    case = decided(office)
    office.platform.faults.append(lambda _effect: InForce("Ivanov's post"))  # type: ignore[arg-type]
    office.deliver()
    assert "of the type str" in parked(office, case)["attempts"][0]["detail"]
    assert "Ivanov" not in caplog.text


@pytest.mark.parametrize("later", [-60, 0, 900, 3 * DAY])
def test_a_time_to_be_asked_again_may_be_just_over_or_days_away(office: Driver, later: int) -> None:
    case = decided(office)
    office.platform.faults.append(lambda _effect: Pending(office.clock() + later))
    over_and_over(office)
    assert office.case(case)["state"] == "closed"
    assert "answer_unusable" not in office.pages()


@wrong_or_off
def test_a_user_who_was_told_at_a_wrong_time_is_not_told_again_and_again(office: Driver, time: Time) -> None:
    office.messenger.faults.append(lambda _notice: Told(time(office.clock())))
    case = decided(office)
    over_and_over(office)
    assert len(office.messenger.calls) == 1
    message = parked(office, case)
    assert (message["kind"], message["attempts"][0]["result"]) == ("user_notice", "unusable")
    assert "Told.told_at" in message["attempts"][0]["detail"]
    assert "answer_unusable" in office.pages()
    assert office.case(case)["state"] == "closed", "nothing statutory waits for it"
    office.retry(M1, message["message"])
    office.deliver()
    assert [one["state"] for one in office.messages(case, "user_notice")] == ["done"]


@wrong
def test_a_receipt_of_a_wrong_time_closes_nothing_and_is_looked_up_once_the_adapter_is_mended(
    office: Driver, time: Time
) -> None:
    case = decided(office)

    def recorded(message: Any) -> Delivered | None:
        if message.kind != "report":
            return None
        found = office.regulator.record(message)
        assert isinstance(found, Delivered)
        return Delivered(found.receipt_id, time(office.clock()), found.body)

    office.regulator.faults += [recorded] * 4
    over_and_over(office)
    message = parked(office, case)
    assert (message["kind"], message["attempts"][0]["result"]) == ("report", "unusable")
    assert "Delivered.recorded_at" in message["attempts"][0]["detail"]
    assert office.case(case)["state"] == "enforced"
    assert "answer_unusable" in office.pages()
    sends = len(office.regulator.sends)
    office.retry(M1, message["message"])
    office.deliver()
    assert office.case(case)["state"] == "closed"
    assert len(office.regulator.sends) == sends, "it was looked up"


@wrong
def test_content_seen_at_a_wrong_time_was_not_seen(tmp_path: Path, time: Time) -> None:
    office = Driver(tmp_path, can_look=True)
    case = office.issue()
    token = office.claim(M1, case)
    well = office.content
    office.stop()
    office.content = FakeContent(lambda: time(office.clock()))
    office.start()
    assert office.look(M1, case, token) == {"1": None}
    office.stop()
    office.content = well
    office.start()
    assert office.look(M1, case, token)["1"] is not None


def test_an_order_that_falls_while_the_time_of_its_measure_is_unknown_lifts_the_measure(office: Driver) -> None:
    case = decided(office)
    office.platform.faults.append(lambda _effect: InForce(1))
    office.deliver()
    with pytest.raises(Exception, match="undo window"):
        office.undo(M1, case)
    office.cancel(office.notice()["notice_id"])
    office.deliver()
    assert [verb for verb, *_ in office.platform.calls] == ["enforce", "restore"]
    assert office.items(case)["1"]["status"] == "lifted"
    office.retry(M1, parked(office, case)["message"])
    office.deliver()
    assert [verb for verb, *_ in office.platform.calls] == ["enforce", "restore"], "it was overtaken"
    assert office.faults() == []


def test_what_was_lifted_at_a_wrong_time_can_be_given_up_by_a_person(office: Driver) -> None:
    case = decided(office)
    office.deliver()
    office.cancel(office.notice()["notice_id"])
    office.platform.faults.append(lambda _effect: InForce(1))
    office.deliver()
    office.record_undoable(LEAD, case)
    office.deliver()
    assert office.items(case)["1"]["status"] == "gone"
    assert office.case(case)["state"] == "closed"
