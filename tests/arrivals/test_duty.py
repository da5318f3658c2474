"""Who is paged at intake: a lawyer for user data, somebody for a notice that nobody on duty may approve."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.domain.arrivals import approvers_on_duty, open_case
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.messages import alert_in
from kz_compliance_sdk.domain.policy import ApproverDuty, Policy, kz_policy, tighten
from tests.case_makers import a_notice, arrival, messages, stamp

DAY = ApproverDuty(days=(1, 2, 3, 4, 5), starts="09:00", ends="18:00", approvers=2)
NIGHT = ApproverDuty(days=(5,), starts="22:00", ends="06:00")
POLICY = tighten(
    kz_policy(),
    """
    [[safeguards.approver_duty]]
    days = [1, 2, 3, 4, 5]
    starts = "09:00"
    ends = "18:00"
    """,
)


def at(day: int, time: str) -> int:
    """UTC seconds of a time in Almaty; 23 November 2026 is a Monday."""
    hour, minute = map(int, time.split(":"))
    return int(datetime(2026, 11, 22 + day, hour, minute, tzinfo=almaty()).timestamp())


@pytest.mark.parametrize(
    ("day", "time", "on_duty"),
    [
        (1, "08:59", 0),
        (1, "09:00", 2),
        (5, "17:59", 2),
        (5, "18:00", 0),
        (5, "22:00", 1),
        (6, "05:59", 1),
        (6, "06:00", 0),
        (6, "12:00", 0),
        (5, "05:00", 0),
        (7, "23:00", 0),
    ],
)
def test_who_is_on_duty_by_the_clock_of_almaty(day: int, time: str, on_duty: int) -> None:
    assert approvers_on_duty((DAY, NIGHT), at(day, time)) == on_duty


@pytest.mark.parametrize(("starts", "ends"), [("09:00", "09:00"), ("24:30", "06:00"), ("9:00", "18:00")])
def test_a_duty_that_cannot_be_is_refused(starts: str, ends: str) -> None:
    with pytest.raises(ValidationError):
        ApproverDuty(days=(1,), starts=starts, ends=ends)


def _called(at: int, policy: Policy = POLICY, category: str = "illegal_gambling", **came: Any) -> list[Any]:
    """Whom the alerts of a notice call that comes at this time, and why."""
    change, _ = open_case("case-1", a_notice(category=category), arrival(at, **came), policy, stamp(at))
    return [(said.reason, said.audience) for said in map(alert_in, messages(change, "page"))]


@pytest.mark.parametrize(
    ("category", "flags"), [("election_rules", ()), ("personal_data", ()), ("fraud", ("url_wildcard:1",))]
)
def test_a_notice_that_takes_two_at_night_calls_an_approver(category: str, flags: tuple[str, ...]) -> None:
    night, day = at(1, "02:00"), at(1, "12:00")
    everybody = ("lead", "legal", "head")
    assert _called(night, category=category, flags=flags) == [("no_approver_on_duty", everybody)]
    assert _called(day, category=category, flags=flags) == []
    assert _called(night, kz_policy(), category=category, flags=flags) == [], "nobody has said who is on duty"


def test_what_one_person_decides_calls_nobody() -> None:
    assert _called(at(1, "02:00")) == []


def test_a_demand_for_user_data_calls_a_lawyer_at_any_hour() -> None:
    for hour in ("02:00", "12:00"):
        assert _called(at(1, hour), flags=("user_data_demand",)) == [("user_data_demand", ("legal", "lead"))]
