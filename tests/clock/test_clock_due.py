"""When a notice is due, and what is shown of its two clocks."""

from __future__ import annotations

import shutil
import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.clock import Calendar, Pause, Term, clock_view, due_at, local, urgent_at
from kz_compliance_sdk.domain.policy import Source, kz_calendar, kz_policy
from kz_compliance_sdk.errors import InvalidInput
from tests.chance import examples

SOURCE = Source(act="an act")
WEEKDAYS = Calendar()
H = 3600


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def hours(n: int) -> Term:
    return Term(hours=n, source=SOURCE)


def days(n: int) -> Term:
    return Term(working_days=n, source=SOURCE)


# ------------------------------------------------------------------------------------------------- due


def test_a_day_is_86400_seconds_across_the_change_of_2024_03_01() -> None:
    received = at("2024-02-29T06:00:00+00:00")
    due = due_at(received, hours(24), WEEKDAYS)
    assert due == at("2024-03-01T06:00:00+00:00")
    assert due - received == 86_400


def test_the_local_arithmetic_that_we_do_not_use_is_an_hour_wrong() -> None:
    """The control: were this not so, the test above would prove nothing."""
    received = datetime(2024, 2, 29, 12, tzinfo=clock.almaty())
    assert (received + timedelta(hours=24)).timestamp() - received.timestamp() == 25 * H


@pytest.mark.parametrize("n", [1, 3, 24, 72])
@pytest.mark.parametrize(
    "received", ["2026-05-08T18:00:00+05:00", "2026-05-09T03:00:00+05:00", "2026-12-31T23:59:59+05:00"]
)
def test_hours_run_through_nights_weekends_and_holidays(n: int, received: str) -> None:
    assert due_at(at(received), hours(n), kz_calendar()) == at(received) + n * H


@pytest.mark.parametrize(
    ("received", "n", "due"),
    [
        ("2026-03-02T00:00:00+05:00", 1, "2026-03-03T23:59:59+05:00"),  # Monday
        ("2026-03-02T23:59:59+05:00", 1, "2026-03-03T23:59:59+05:00"),
        ("2026-03-02T19:00:00+00:00", 1, "2026-03-04T23:59:59+05:00"),  # in UTC still Monday, in Almaty Tuesday
        ("2026-03-02T10:00:00+05:00", 3, "2026-03-05T23:59:59+05:00"),
        ("2026-03-05T10:00:00+05:00", 1, "2026-03-06T23:59:59+05:00"),  # Thursday
        ("2026-03-06T10:00:00+05:00", 1, "2026-03-10T23:59:59+05:00"),  # Friday; Monday is given for 8 March
        ("2026-03-07T10:00:00+05:00", 1, "2026-03-10T23:59:59+05:00"),  # Saturday
        ("2026-03-20T10:00:00+05:00", 3, "2026-03-30T23:59:59+05:00"),  # Friday before Nauryz
        (
            "2026-12-30T10:00:00+05:00",
            4,
            "2027-01-08T23:59:59+05:00",
        ),  # 31 December, 5, 6 and, past Christmas, 8 January
    ],
)
def test_working_days_end_with_the_nth_working_day_in_almaty(received: str, n: int, due: str) -> None:
    assert local(due_at(at(received), days(n), kz_calendar())) == local(at(due))


def test_a_worked_saturday_counts_and_a_holiday_does_not() -> None:
    friday, saturday, monday = date(2026, 6, 5), date(2026, 6, 6), date(2026, 6, 8)
    received = at("2026-06-05T09:00:00+05:00")
    assert friday.weekday() == 4
    assert due_at(received, days(1), WEEKDAYS) == at("2026-06-08T23:59:59+05:00")
    assert due_at(received, days(1), Calendar(worked=frozenset({saturday}))) == at("2026-06-06T23:59:59+05:00")
    assert due_at(received, days(1), Calendar(holidays=frozenset({monday}))) == at("2026-06-09T23:59:59+05:00")


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (
            "2024-02-28T12:00:00+06:00",
            "2024-02-29T23:59:59+05:00",
        ),  # the day that had 25 hours ends with the second 23:59:59
        ("2024-02-29T12:00:00+06:00", "2024-03-01T23:59:59+05:00"),
    ],
)
def test_a_working_day_ends_right_on_both_sides_of_the_change(received: str, due: str) -> None:
    assert due_at(at(received), days(1), WEEKDAYS) == at(due)


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(received=st.integers(at("2024-01-01T00:00:00+00:00"), at("2027-12-01T00:00:00+00:00")), n=st.integers(1, 30))
def test_a_term_in_working_days_is_never_shorter_than_so_many_times_24_hours(received: int, n: int) -> None:
    """`Term.least_hours` rests on this: it decides whether a term in hours tightens one in working days."""
    term = days(n)
    assert due_at(received, term, kz_calendar()) - received >= term.least_hours * H


@settings(max_examples=examples(300))
@given(received=st.integers(at("2026-01-01T00:00:00+00:00"), at("2026-12-31T00:00:00+00:00")), n=st.integers(1, 10))
@pytest.mark.slow
def test_working_days_are_counted_one_by_one(received: int, n: int) -> None:
    due = datetime.fromtimestamp(due_at(received, days(n), kz_calendar()), timezone(timedelta(hours=5)))
    first = datetime.fromtimestamp(received, timezone(timedelta(hours=5))).date()
    between = [first + timedelta(days=step) for step in range(1, (due.date() - first).days + 1)]
    assert sum(kz_calendar().is_working(day) for day in between) == n
    assert kz_calendar().is_working(between[-1])
    assert due.time().isoformat() == "23:59:59"


def test_a_shorter_time_asked_for_is_urgent_and_a_longer_one_is_not() -> None:
    assert urgent_at(100, None) == 100
    assert urgent_at(100, 40) == 40
    assert urgent_at(100, 400) == 100


# ---------------------------------------------------------------------------------------------- display

RECEIVED = at("2026-03-02T09:00:00+00:00")
DUE = RECEIVED + 24 * H


def pause(start_h: int, end_h: int | None) -> Pause:
    end = None if end_h is None else RECEIVED + end_h * H
    return Pause(RECEIVED + start_h * H, end)


def test_both_clocks_run_until_their_own_end() -> None:
    open_ = clock_view(received_at=RECEIVED, due_at=DUE, now=RECEIVED + 4 * H, requested_due_at=DUE - H)
    assert (open_.decide_left_s, open_.receipt_left_s, open_.late, open_.paused) == (20 * H, 20 * H, False, False)
    assert (open_.received_at, open_.due_at, open_.unpaused_due_at, open_.requested_due_at) == (
        RECEIVED,
        DUE,
        DUE,
        DUE - H,
    )

    decided = clock_view(received_at=RECEIVED, due_at=DUE, now=RECEIVED + 30 * H, decided_at=RECEIVED + 5 * H)
    assert (decided.decide_left_s, decided.receipt_left_s, decided.late) == (19 * H, -6 * H, True)

    closed = clock_view(
        received_at=RECEIVED, due_at=DUE, now=DUE + 999, decided_at=RECEIVED + 5 * H, receipt_at=RECEIVED + 6 * H
    )
    assert (closed.decide_left_s, closed.receipt_left_s, closed.late) == (19 * H, 18 * H, False)


@pytest.mark.parametrize(("receipt_at", "late"), [(DUE - 1, False), (DUE, False), (DUE + 1, True)])
def test_the_second_in_which_it_is_due_is_still_in_time(receipt_at: int, late: bool) -> None:
    assert clock_view(received_at=RECEIVED, due_at=DUE, now=DUE + H, receipt_at=receipt_at).late is late
    assert clock_view(received_at=RECEIVED, due_at=DUE, now=receipt_at).late is late


@pytest.mark.parametrize(
    ("pauses", "now_h", "moved_h", "paused"),
    [
        ([], 10, 0, False),
        ([pause(2, None)], 10, 8, True),
        ([pause(2, 5)], 10, 3, False),
        ([pause(2, 5)], 4, 2, True),
        ([pause(2, 5)], 1, 0, False),
        ([pause(2, 6), pause(4, 8)], 10, 6, False),  # what overlaps counts once
        ([pause(4, 8), pause(2, 6)], 10, 6, False),  # in whatever order it was recorded
        ([pause(2, 8), pause(3, 4)], 10, 6, False),
        ([pause(-5, 3)], 10, 3, False),  # nothing is paused before receipt
        ([pause(25, 30)], 40, 0, False),  # the term had run out
        ([pause(20, 30), pause(33, 35)], 40, 12, False),  # the second begins inside what the first gave back
        ([pause(20, 30), pause(35, 36)], 40, 10, False),  # and this one too late
    ],
)
def test_a_pause_is_shown_beside_the_statutory_time(
    pauses: list[Pause], now_h: int, moved_h: int, paused: bool
) -> None:
    view = clock_view(received_at=RECEIVED, due_at=DUE, now=RECEIVED + now_h * H, pauses=pauses)
    assert view.unpaused_due_at == DUE
    assert view.due_at == DUE + moved_h * H
    assert view.receipt_left_s == (24 + moved_h - now_h) * H
    assert view.paused is paused


def test_a_pause_after_the_receipt_changes_nothing_that_is_over() -> None:
    view = clock_view(
        received_at=RECEIVED, due_at=DUE, now=RECEIVED + 50 * H, receipt_at=RECEIVED + 20 * H, pauses=[pause(22, None)]
    )
    assert (view.due_at, view.receipt_left_s, view.late, view.paused) == (DUE, 4 * H, False, False)


def test_a_pause_does_not_end_before_it_starts() -> None:
    with pytest.raises(InvalidInput) as caught:
        Pause(10, 9)
    assert caught.value.field == "ended_at"
    assert caught.value.remedy


# ------------------------------------------------------------------------------------------------- zone


def test_times_are_shown_as_people_in_kazakhstan_read_them() -> None:
    assert local(at("2026-03-02T09:00:00+00:00")) == "2026-03-02 14:00:00 +05:00"
    assert local(at("2024-02-29T09:00:00+00:00")) == "2024-02-29 15:00:00 +06:00"


def test_start_up_needs_plus_five() -> None:
    assert clock.almaty_ok(at("2024-03-01T00:00:00+05:00"))
    assert not clock.almaty_ok(at("2024-02-29T12:00:00+06:00"))
    assert clock.system_zone_ok(timezone(timedelta(hours=5)), RECEIVED)
    assert not clock.system_zone_ok(timezone(timedelta(hours=6)), RECEIVED)
    assert not clock.system_zone_ok(UTC, RECEIVED)


def test_old_zone_data_on_the_host_changes_nothing(tmp_path: Path) -> None:
    """A host whose Asia/Almaty is +06:00: the doctor sees it, our deadlines do not."""
    (tmp_path / "Asia").mkdir()
    with as_file(files("tzdata") / "zoneinfo" / "Asia" / "Bishkek") as plus_six:
        shutil.copy(plus_six, tmp_path / "Asia" / "Almaty")
    clock.almaty.cache_clear()
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        assert not clock.system_zone_ok(zoneinfo.ZoneInfo.no_cache("Asia/Almaty"), RECEIVED)
        assert clock.almaty_ok(RECEIVED)
        term = kz_policy().term("recommendation", "fraud")
        assert due_at(RECEIVED, term, kz_calendar()) == at("2026-03-05T23:59:59+05:00")
    finally:
        clock.almaty.cache_clear()
        zoneinfo.reset_tzpath()
