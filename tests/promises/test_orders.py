"""Orders that fall, change or are pressed: what is lifted, what stays, and what waits for a second person."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain.policy import kz_policy, tighten
from tests.driver import HEAD, HOUR, LEAD, LEGAL, LEGAL2, M1, Driver
from tests.promises.refusing import refused

SAME = [{"item_id": "1", "url": "https://social.example/p/1"}]


def _in_force(office: Driver, n: int = 1, **given: object) -> str:
    """A case whose measure is in force and reported."""
    case = office.issue(n, SAME)
    office.decide(case, **given)  # type: ignore[arg-type]  # fields of the decision
    office.deliver()
    assert office.case(case)["state"] == "closed"
    return case


def _cancel(office: Driver, effect: str | None = "withdrawn", n: int = 1) -> None:
    office.cancel(office.notice(n)["notice_id"], effect)


@pytest.mark.parametrize("effect", ["withdrawn", "annulled"])
def test_what_only_a_fallen_order_held_is_lifted_and_that_is_reported(effect: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    _cancel(office, effect)
    office.deliver()
    assert office.items(case)["1"]["status"] == "lifted"
    assert [item["outcome"] for item in office.reports()[-1]["items"]] == ["restored"]


def test_what_another_order_holds_stays(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, _ = _in_force(office, 1), _in_force(office, 2)
    _cancel(office)
    assert office.items(case)["1"]["status"] == "kept"
    office.deliver()
    assert {what for what, _, _ in office.platform.calls} == {"enforce"}


def test_what_rests_on_the_platforms_own_terms_stays(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office, ground="terms_of_service")
    _cancel(office)
    office.deliver()
    assert office.items(case)["1"]["status"] == "kept"


def test_what_was_remedied_is_not_published_again(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    _cancel(office, "remedied")
    office.deliver()
    assert office.items(case)["1"]["status"] == "kept"


def test_a_cancellation_without_an_effect_lifts_nothing_and_people_are_told(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    _cancel(office, None)
    office.deliver()
    assert office.items(case)["1"]["status"] == "in_force"
    assert "cancelled.effect_missing" in office.pages()


def test_nothing_is_decided_any_more_of_what_was_cancelled(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    _cancel(office, None)
    assert office.case(case)["state"] == "cancelled"
    with refused("illegal_move"):
        office.claim(M1, case)


def test_no_measure_rests_on_an_order_that_fell(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    _cancel(office)
    office.deliver()
    office.reopen(LEAD, case, ["1"])
    token = office.claim(M1, case)
    with refused("invalid_input"):
        office.propose(M1, case, token)
    office.propose(M1, case, token, ground="terms_of_service")
    assert office.case(case)["state"] == "in_approval", "on the platform's own terms it takes two persons"


def test_an_amendment_takes_back_what_was_not_carried_out(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case, notice = office.issue(), office.notice()
    office.decide(case)
    office.amend(notice)
    office.wait(HOUR)
    office.deliver()
    assert office.platform.calls == []
    assert office.case(case)["state"] == "queued"


def test_what_an_amendment_no_longer_names_is_lifted(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, notice = office.issue(1, 2), office.notice(1, 2)
    office.decide(case)
    office.deliver()
    office.amend(notice, items=notice["items"][:1])
    office.deliver()
    assert office.items(case)["2"]["status"] == "lifted"
    assert office.items(case)["1"]["measure"] == "remove", "what it names stays until people have decided"


def test_a_suspension_holds_back_what_has_not_begun(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue()
    office.decide(case)
    office.suspend(HEAD, case)
    office.wait(HOUR)
    office.deliver()
    assert office.platform.calls == []
    assert office.case(case)["state"] == "in_approval"
    assert "withheld" in office.pages()


def test_an_instruction_holds_back_what_one_person_decided(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=60)
    case = office.issue()
    office.decide(case)
    office.record_instruction(HEAD, case)
    office.wait(HOUR)
    office.deliver()
    assert office.platform.calls == []
    office.approve(LEGAL, case)
    office.wait(60)
    office.deliver()
    assert len(office.platform.calls) == 1


def test_a_measure_after_an_instruction_takes_two_persons(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.record_instruction(HEAD, case)
    office.propose(M1, case, office.claim(M1, case))
    assert office.case(case)["state"] == "in_approval"


def test_an_alarm_calls_a_lead_and_a_lawyer_in_every_state(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    office.alarm(M1, case)
    office.deliver()
    alerts = [one for one in office.pager.alerts if one.reason == "alarm"]
    assert [one.audience for one in alerts] == [("lead", "legal")]
    assert "journalist" not in repr(alerts), "the reason is sealed"


def test_a_night_without_an_approver_is_found_out_at_intake(tmp_path: Path) -> None:
    roster = 'days = [1, 2, 3, 4, 5]\nstarts = "01:00"\nends = "02:00"\napprovers = 1'
    policy = tighten(kz_policy(), f"[[safeguards.approver_duty]]\n{roster}")
    office = Driver(tmp_path, safeguards=policy.safeguards)
    office.issue(category="mass_riots")
    office.deliver()
    assert "no_approver_on_duty" in office.pages()


def test_a_contest_decides_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    office.contest(HEAD, case)
    office.settle_contest(LEAD, case, result="granted")
    office.deliver()
    assert office.items(case)["1"]["status"] == "in_force"
    assert "contest.granted" in office.pages()


def test_whoever_decided_first_never_decides_the_appeal(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, SAME, category="mass_riots")
    office.decide(case, by=LEAD)
    office.deliver()
    appeal = office.appeal(case)
    for first in (LEAD, LEGAL):
        with refused("four_eyes"):
            office.reverse(first, appeal)
    office.reverse(LEGAL2, appeal)


def test_an_appeal_that_succeeds_lifts_and_is_reported(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    office.reverse(LEAD, office.appeal(case))
    office.deliver()
    assert office.items(case)["1"]["status"] == "lifted"
    assert [report["sequence"] for report in office.reports()] == [1, 2]
    assert office.reports()[-1]["items"][0]["outcome"] == "restored"
    assert ("1", "restored") in office.messenger.kinds()


def test_people_are_told_of_an_appeal_that_waits(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    office.appeal(case)
    office.wait(office.policy.users.appeal_term_s)
    office.deliver()
    assert {"appeal_received", "appeal_near", "appeal_overdue"} <= set(office.pages())
