"""People are alerted once for an audience and an hour, and at once to what they must see to now."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.change import LEASE_S, LONGEST_PAUSE_S, OPENS_AFTER, CursorMoved, EndpointState
from kz_compliance_sdk.domain.messages import NOTIFIER
from kz_compliance_sdk.ports import InForce
from kz_compliance_sdk.services import paging
from kz_compliance_sdk.services.outcomes import TELL_AFTER_S
from tests.delivery import three_days
from tests.delivery.three_days import comes_back, for_hours, goes_down, works
from tests.driver import DAY, HOUR, LEAD, LEGAL, M1, Driver

EVERYBODY = ("moderator", "lead", "head")
PAGED = ("moderator", "lead")


def office_of(folder: Path, *, collect_s: int = HOUR, **policy: Any) -> Driver:
    return Driver(folder, collect_s=collect_s, **policy)


def sent(office: Driver) -> list[tuple[str, ...]]:
    """What each alert tells, since this was asked last."""
    found = [tuple(line.reason for line in alert.lines) for alert in office.pager.sent]
    office.pager.sent.clear()
    return found


def remind(office: Driver, *numbers: int) -> None:
    """Something that moderator and lead are told of and that can wait: level 40."""
    for n in numbers:
        office.remind(office.notice(n)["notice_id"], 2)


def three_cases(folder: Path, **given: Any) -> Driver:
    office = office_of(folder, **given)
    for n in (1, 2, 3):
        office.claim(M1, office.issue(n))
    works(office)
    assert sent(office) == []
    return office


def pages_of(office: Driver, state: str) -> int:
    cases = [row["case"] for row in office.cases()]
    return sum(one["state"] == state for case in cases for one in office.messages(case, "page"))


# ------------------------------------------------------------------------------------------------------------ an hour


@pytest.mark.slow
def test_what_is_due_for_one_audience_leaves_as_one(tmp_path: Path) -> None:
    office = three_cases(tmp_path)
    remind(office, 1, 2, 3)
    works(office)
    (alert,) = office.pager.sent
    assert (alert.audience, alert.level) == (PAGED, 40)
    assert [line.reason for line in alert.lines] == ["reminded"] * 3
    assert {line.case_reference for line in alert.lines} == {row["case"] for row in office.cases()}
    assert {line.link for line in alert.lines} == {
        f"https://desk.example/cases/{row['case']}" for row in office.cases()
    }
    assert pages_of(office, "done") == 3


def test_the_first_leaves_at_once_and_the_others_with_the_end_of_the_hour(tmp_path: Path) -> None:
    office = three_cases(tmp_path)
    remind(office, 1)
    works(office)
    assert sent(office) == [("reminded",)]
    office.wait(60)
    remind(office, 2)
    works(office)
    office.wait(HOUR - 120)
    remind(office, 3)
    works(office)
    office.wait(59)
    works(office)
    assert sent(office) == []
    office.wait(1)
    works(office)
    assert sent(office) == [("reminded", "reminded")]
    assert office.faults() == []


def test_each_audience_has_an_hour_of_its_own(tmp_path: Path) -> None:
    office = three_cases(tmp_path)
    remind(office, 1)
    works(office)
    office.wait(60)
    office.desk.take(LEGAL.actor, office.cases()[0]["case"], _suspension(office))
    works(office)
    assert sent(office) == [("reminded",), ("suspension_to_confirm",)]


def _suspension(office: Driver) -> Any:
    from kz_compliance_sdk.domain import commands

    return commands.Suspend(
        body="a court", reference="1", legal_basis="article 1", from_at=office.clock(), proof_sha256="a" * 64
    )


def test_an_office_can_have_each_round_tell_what_is_due(tmp_path: Path) -> None:
    office = three_cases(tmp_path, collect_s=0)
    for n in (1, 2):
        office.wait(1)
        remind(office, n)
        works(office)
    assert sent(office) == [("reminded",), ("reminded",)]


def test_what_waits_is_no_lie_and_nothing_puts_it_off_for_longer(tmp_path: Path) -> None:
    office = three_cases(tmp_path)
    remind(office, 1)
    works(office)
    office.wait(1)
    remind(office, 2)
    works(office)
    assert pages_of(office, "queued") == 1
    assert office.desk.sweep().lies == ()
    assert office.faults() == []
    assert office.desk.settings.notifier.collect_s <= LONGEST_PAUSE_S


@pytest.mark.parametrize("by_s", [-2 * HOUR, 2 * HOUR])
def test_on_a_clock_that_is_set_what_waits_keeps_its_distance(tmp_path: Path, by_s: int) -> None:
    office = three_cases(tmp_path)
    remind(office, 1)
    works(office)
    office.wait(600)
    remind(office, 2)
    works(office)
    office.clock.step(by_s)
    works(office)
    sent(office)
    office.wait(HOUR - 600)
    works(office)
    assert ("reminded",) in sent(office)


# ------------------------------------------------------------------------------------------------- what cannot wait


def test_what_people_must_see_to_now_is_never_held(tmp_path: Path) -> None:
    """A case that nobody decides: from half an hour before its deadline on, people hear of each step at its time."""
    office = office_of(tmp_path)
    first, second = office.issue(1), None
    office.wait(600)
    second = office.issue(2)
    came: list[tuple[int, str, str]] = []

    def told() -> None:
        came.extend((office.clock(), line.case_reference, line.reason) for a in office.pager.sent for line in a.lines)
        office.pager.sent.clear()

    received = office.clock()
    for_hours(office, 23, told, every_s=600)
    for_hours(office, 4, told)
    told()
    late = {
        (case, step): at + late_s
        for case, at in ((first, received - 600), (second, received))
        for step, late_s in (
            ("due.before_30m", DAY - 1800),
            ("due.due", DAY),
            ("due.overdue.1", DAY + HOUR),
            ("due.overdue.2", DAY + 2 * HOUR),
        )
    }
    at_once = {(case, reason): at for at, case, reason in came if (case, reason) in late}
    assert at_once.keys() == late.keys()
    assert all(at_once[one] - at <= 120 for one, at in late.items())


def test_where_all_is_decided_and_the_regulator_is_late_the_steps_wait(tmp_path: Path) -> None:
    office = office_of(tmp_path)
    goes_down(office)
    for n in (1, 2, 3):
        office.decide(office.issue(n))
        office.wait(600)
    for_hours(office, 22, every_s=600)
    for_hours(office, 4)
    told = [reasons for reasons in sent(office) if "due.due" in reasons or "due.before_30m" in reasons]
    assert [Counter(reasons) for reasons in told] == [
        Counter({"due.before_30m": 1}),
        Counter({"due.before_30m": 2, "due.due": 3}),
    ]


@pytest.mark.slow
def test_the_steps_of_what_waits_for_a_person_to_deliver_it_do_not_wait(tmp_path: Path) -> None:
    office = office_of(tmp_path)
    for n in (1, 2, 3):
        case = office.enter(M1, n)
        office.authenticate(LEAD, case)
        office.decide(case, "none")
        office.wait(600)
    for_hours(office, 26, every_s=60)
    told = [reasons for reasons in sent(office) if "due.before_30m" in reasons]
    assert told == [("due.before_30m",)] * 3


def test_what_was_parked_does_not_wait(tmp_path: Path) -> None:
    office = office_of(tmp_path)
    for n in (1, 2):
        case = office.issue(n)
        office.platform.faults.append(lambda _effect: InForce(1))
        office.decide(case)
        office.wait(60)
        works(office)
    assert sum("answer_unusable" in reasons for reasons in sent(office)) == 2


def test_news_of_people_to_a_decided_case_does_not_wait(tmp_path: Path) -> None:
    office = office_of(tmp_path)
    goes_down(office)
    cases = [office.issue(n) for n in (1, 2)]
    for case in cases:
        office.decide(case)
    works(office)
    sent(office)
    for case in cases:
        office.wait(60)
        office.alarm(LEAD, case)
        works(office)
    assert sent(office) == [("alarm",), ("alarm",)]


# ----------------------------------------------------------------------------------------------------- when it fails


def state_of(office: Driver) -> EndpointState:
    def known(tx: Any) -> Any:
        return (), tx.known(EndpointState, NOTIFIER)

    found: EndpointState = office.desk.store.submit(office.platform_id, known).result()
    return found


def test_what_could_not_be_told_is_told_again_together_and_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "AT_ONCE", 2)  # recorded in two commits
    office = three_cases(tmp_path)
    office.pager.faults = [RuntimeError("nobody answers")]
    remind(office, 1, 2, 3)
    office.desk.deliver()
    assert sent(office) == []
    assert state_of(office).failures == 1
    for _ in range(4):
        office.wait(1)
        works(office)
    assert sent(office) == [("reminded",) * 3]
    assert state_of(office).failures == 0
    results = {
        tuple(try_["result"] for try_ in one["attempts"])
        for row in office.cases()
        for one in office.messages(row["case"], "page")
    }
    assert results == {("retry", "delivered")}
    assert office.faults() == []


@pytest.mark.slow
def test_a_pager_that_fails_again_and_again_is_probed_with_one_alert(tmp_path: Path) -> None:
    office = three_cases(tmp_path)
    office.pager.faults = [RuntimeError("nobody answers") for _ in range(OPENS_AFTER + 1)]
    remind(office, 1, 2, 3)
    office.desk.take(LEGAL.actor, office.cases()[0]["case"], _suspension(office))
    for _ in range(3_600):
        if not office.pager.faults:
            break
        before = len(office.pager.faults)
        office.desk.deliver()
        if state_of(office).failures >= OPENS_AFTER:
            assert before - len(office.pager.faults) <= 2
        office.wait(1)
    for_hours(office, 1)
    assert sorted(sent(office), key=len) == [("suspension_to_confirm",), ("reminded",) * 3]


@pytest.mark.slow
def test_who_dies_between_the_call_and_its_record_has_all_told_again(tmp_path: Path) -> None:
    office = three_cases(tmp_path)
    remind(office, 1, 2, 3)
    (pages,) = office.desk.delivery.paging.lease(8)  # and dies here
    assert len(pages) == 3
    office.stop()
    office.start()
    office.desk.deliver()
    assert sent(office) == []
    office.wait(LEASE_S)
    works(office)
    assert sent(office) == [("reminded",) * 3]
    assert pages_of(office, "done") == 3
    assert office.faults() == []


@pytest.mark.slow
def test_one_that_somebody_else_took_over_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = three_cases(tmp_path)
    remind(office, 1, 2, 3)
    (pages,) = office.desk.delivery.paging.lease(8)
    office.wait(LEASE_S)
    monkeypatch.setattr(paging, "AT_ONCE", 1)
    one = office.desk.delivery.paging
    _, (other,) = office.desk.store.submit(office.platform_id, lambda tx: one._lease(tx, 8, ())).result()
    assert one.tell(pages) == 2  # the call came back after its lease
    assert pages_of(office, "done") == 2
    assert one.tell((other[1],)) == 1
    assert pages_of(office, "done") == 3
    assert office.faults() == []


def test_two_workers_tell_nothing_twice_and_hold_nothing_that_was_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "AT_ONCE", 2)
    office = office_of(tmp_path)
    for n in range(1, 8):
        office.issue(n)
    works(office)
    remind(office, *range(1, 8))
    one = office.desk.delivery.paging
    store, platform = office.desk.store, office.platform_id
    _, first = store.submit(platform, lambda tx: one._lease(tx, 8, ())).result()
    groups = one.lease(8)  # another worker, between two commits of the first
    assert [len(pages) for pages in groups] == [5]
    one.tell(tuple(page for _, page in first))
    one.tell(groups[0])
    assert (
        sorted(Counter(line.case_reference for alert in office.pager.sent for line in alert.lines).values()) == [1] * 7
    )


def test_more_than_one_commit_holds_is_one_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "AT_ONCE", 2)
    office = office_of(tmp_path)
    for n in range(1, 8):
        office.issue(n)
    works(office)
    remind(office, *range(1, 8))
    works(office)
    assert sent(office) == [("reminded",) * 7]


# ------------------------------------------------------------------------------------------------------- the outage


def told_of_outage(office: Driver) -> list[tuple[str, int, int, int]]:
    lines = [line for line in office.pager.alerts if line.case_reference == "regulator"]
    return [(line.reason, line.level, line.due_at, line.waiting) for line in lines]


def test_an_outage_of_the_regulator_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    office = office_of(tmp_path)
    goes_down(office)
    for n in (1, 2):
        office.decide(office.issue(n))
    began = office.clock()
    for_hours(office, TELL_AFTER_S / HOUR)
    assert told_of_outage(office) == []
    for_hours(office, 2)
    told = told_of_outage(office)
    assert [(reason, level, waiting) for reason, level, _, waiting in told] == [("regulator_unreachable", 50, 2)]
    since = told[0][2]
    assert began < since <= began + 300
    comes_back(office)
    for_hours(office, 1.5)
    assert told_of_outage(office)[1:] == [("regulator_reachable", 30, since, 2)]
    assert {line.audience for line in office.pager.alerts if line.case_reference == "regulator"} == {("lead", "head")}
    goes_down(office)
    office.decide(office.issue(3))
    for_hours(office, 1)
    assert [reason for reason, *_ in told_of_outage(office)][2:] == ["regulator_unreachable"]
    assert office.faults() == []


@pytest.mark.slow
def test_an_outage_that_nobody_noted_the_beginning_of_is_told_all_the_same(tmp_path: Path) -> None:
    """As one that was under way when a release came that tells of it."""
    office = office_of(tmp_path)
    goes_down(office)
    office.decide(office.issue(1))
    for_hours(office, 0.2)
    began = CursorMoved(office.desk.platform_id, "regulator.failing", "", office.clock())
    office.desk.store.submit(office.desk.platform_id, lambda _tx: ((began,), None)).result()
    for_hours(office, 3)
    assert [reason for reason, *_ in told_of_outage(office)] == ["regulator_unreachable"]


@pytest.mark.slow
def test_a_short_outage_is_not_told(tmp_path: Path) -> None:
    office = office_of(tmp_path)
    goes_down(office)
    office.decide(office.issue(1))
    for_hours(office, 0.15)
    comes_back(office)
    for_hours(office, 2)
    assert told_of_outage(office) == []
    assert office.desk.case(office.cases(state="closed")[0]["case"]).state == "closed"


@pytest.mark.slow(takes_s=40)
def test_three_days_without_the_regulator(tmp_path: Path) -> None:
    """Each report is recorded once, all within an hour of the regulator's return, and people get one alert for each
    audience and hour; before, each line was one."""
    many = 100
    came = three_days.without_the_regulator(tmp_path, many)
    assert came.alerts.keys() == {("moderator",), PAGED, EVERYBODY, ("lead", "head")}
    assert all(count <= 73 for count in came.alerts.values())
    # Each case is told of in five steps until its term is over, and then once an hour.
    assert came.lines > 30 * many
    assert came.outages == ["regulator_unreachable"]
    assert came.confirmed == many
    assert came.latest_s <= HOUR
    assert came.sent_twice == came.open_cases == 0
