"""A suspension or an instruction that comes after the decision: what has not begun waits for a second person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.errors import Conflict, IllegalMove, NotAllowed
from kz_compliance_sdk.ports import Effect, Failed
from tests.driver import CLERK, HEAD, HOUR, LEAD, LEGAL, M1, M2, Driver
from tests.variants import variants

OWN_TERMS = {"ground": "terms_of_service", "finding": "not_assessed"}
EACH = {"1": {"reasons": "seen in the first post"}, "2": {"reasons": "seen in the second post"}}
POSTS = [{"item_id": name, "object_id": f"post:{name}"} for name in ("1", "2")]
News = Callable[[Driver, str], object]


@pytest.fixture
def office(tmp_path: Path) -> Driver:
    return Driver(tmp_path, undo_window_s=60)


def _recorded(office: Driver, case: str) -> None:
    office.suspend(HEAD, case)


def _confirmed(office: Driver, case: str) -> None:
    office.suspend(HEAD, case)
    office.confirm_suspension(LEAD, case)


def _instructed(office: Driver, case: str) -> None:
    office.record_instruction(CLERK, case)


SUSPENSIONS = {"recorded": _recorded, "confirmed": _confirmed}
EITHER = pytest.mark.parametrize("news", variants({"recorded": _recorded, "instructed": _instructed}, "recorded"))
NEWS = pytest.mark.parametrize("news", variants(SUSPENSIONS | {"instructed": _instructed}, "recorded", "instructed"))
SUSPENDED = pytest.mark.parametrize("news", variants(SUSPENSIONS, "recorded"))


def _decided(office: Driver, **given: Any) -> str:
    """One person decided it, and the undo window runs."""
    case = office.issue(1, POSTS)
    office.decide(case, **given)
    office.wait(30)
    return case


def _later(office: Driver) -> None:
    office.wait(60)
    office.deliver()


def _statuses(office: Driver, case: str) -> list[str]:
    return [item["status"] for item in office.items(case).values()]


def _outcomes(office: Driver, case: str) -> list[str]:
    return [item["outcome"] for item in office.reports(office.case(case)["notice_id"])[-1]["items"]]


def _fails_for_2(effect: Effect) -> Failed | None:
    return Failed("busy") if effect.item_id == "2" else None


@NEWS
@pytest.mark.slow
def test_what_has_not_begun_waits_for_a_second_person(office: Driver, news: News) -> None:
    case = _decided(office)
    digest = office.digest(case)
    news(office, case)
    _later(office)
    _later(office)
    assert office.platform.calls == []
    shown = office.case(case)
    assert (shown["state"], _statuses(office, case)) == ("in_approval", ["open", "open"])
    assert "withheld" in shown["flags"], "whoever looks at the case sees why it waits"
    assert (office.health()["open_cases"], office.health()["withheld"]) == ({"in_approval": 1}, 1)
    assert "withheld" in office.pages()
    with pytest.raises(NotAllowed):
        office.approve(M1, case, digest)
    with pytest.raises(Conflict):
        office.approve(LEGAL, case, "0" * 64)
    office.approve(LEGAL, case, digest)
    office.deliver()
    assert office.platform.calls == [], "what a second person decided can be taken back as well"
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]
    assert ("withheld" in office.case(case)["flags"], office.health()["withheld"]) == (False, 0)
    assert office.history(case).count("withheld") == 1
    assert office.faults() == []


@EITHER
@pytest.mark.slow
def test_the_second_person_sends_it_back_and_it_is_refused(office: Driver, news: News) -> None:
    case = _decided(office)
    news(office, case)
    office.send_back(LEGAL, case)
    office.decide(case, "none", by=M2)
    _later(office)
    assert (office.platform.calls, _outcomes(office, case)) == ([], ["refused", "refused"])


@EITHER
def test_what_is_proposed_anew_takes_two_persons(office: Driver, news: News) -> None:
    case = _decided(office)
    news(office, case)
    office.send_back(LEGAL, case)
    office.propose(M2, case, office.claim(M2, case))
    assert office.case(case)["state"] == "in_approval"
    _later(office)
    assert office.platform.calls == []


@NEWS
def test_what_is_recorded_before_the_proposal_takes_two_persons(office: Driver, news: News) -> None:
    case = office.issue(1, POSTS)
    news(office, case)
    digest = office.propose(M1, case, office.claim(M1, case))
    assert office.case(case)["state"] == "in_approval"
    assert "withheld" not in office.history(case)
    office.approve(LEGAL, case, digest)
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]


@EITHER
def test_what_is_recorded_in_approval_changes_nothing_about_it(office: Driver, news: News) -> None:
    case = office.issue(1, POSTS, category="terrorism_extremism")
    digest = office.propose(M1, case, office.claim(M1, case), items=EACH)
    news(office, case)
    assert "withheld" not in office.history(case)
    office.approve(LEGAL, case, digest)
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]


@EITHER
@pytest.mark.slow
def test_what_is_in_force_stays(office: Driver, news: News) -> None:
    case = _decided(office)
    _later(office)
    news(office, case)
    _later(office)
    assert (office.case(case)["state"], _statuses(office, case)) == ("closed", ["in_force", "in_force"])
    assert len(office.platform.calls) == 2


@pytest.mark.slow
@EITHER
def test_what_has_begun_goes_on_and_its_neighbour_waits(office: Driver, news: News) -> None:
    """The second effect waits behind another case's on the same object, and has not begun."""
    other = office.issue(9, [POSTS[1]])
    office.decide(other)
    office.platform.faults += [_fails_for_other] * 4
    case = _decided(office)
    office.platform.faults += [_fails_for_other] * 4
    office.wait(31)
    office.deliver()
    news(office, case)
    assert office.case(case)["state"] == "in_approval"
    office.platform.faults.clear()
    for _ in range(8):
        _later(office)
    assert _statuses(office, case) == ["in_force", "open"]
    office.approve(LEGAL, case)
    _later(office)
    assert (office.case(case)["state"], _outcomes(office, case)) == ("closed", ["removed", "removed"])
    assert office.faults() == []


def _fails_for_other(effect: Effect) -> Failed | None:
    return Failed("busy") if effect.object_key.endswith("2") else None


@EITHER
def test_what_may_have_begun_is_not_called_back(office: Driver, news: News) -> None:
    case = _decided(office)
    office.platform.faults += [_fails_for_2] * 2
    office.wait(30)
    office.deliver()
    news(office, case)
    assert office.case(case)["state"] == "decided", "of a try nobody knows how far it got"
    for _ in range(4):
        _later(office)
    assert _statuses(office, case) == ["in_force", "in_force"]


@SUSPENDED
def test_a_suspension_withholds_what_two_decided_as_well(office: Driver, news: News) -> None:
    """Neither of them knew of it: it is decided anew, and again by two."""
    case = _two_decided(office)
    news(office, case)
    _later(office)
    assert (office.platform.calls, office.case(case)["state"]) == ([], "queued")
    digest = office.propose(M1, case, office.claim(M1, case), items=EACH)
    office.approve(LEGAL, case, digest)
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]
    assert office.faults() == []


def test_an_instruction_bears_on_nothing_that_two_decided(office: Driver) -> None:
    case = _two_decided(office)
    _instructed(office, case)
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]


def _two_decided(office: Driver) -> str:
    case = office.issue(1, POSTS, category="terrorism_extremism")
    office.decide(case, items=EACH)
    return case


@SUSPENDED
def test_the_platforms_own_terms_need_no_order(office: Driver, news: News) -> None:
    case = _decided(office, items={"1": OWN_TERMS, "2": {}})
    news(office, case)
    assert _statuses(office, case) == ["decided", "open"]
    _later(office)
    assert [key for _, key, _ in office.platform.calls] == ["object:post:1"]
    office.approve(LEGAL, case)
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]


def test_an_instruction_bears_on_the_platforms_own_terms_too(office: Driver) -> None:
    case = _decided(office, **OWN_TERMS)
    _instructed(office, case)
    assert _statuses(office, case) == ["open", "open"]


@EITHER
def test_a_refusal_waits_for_nobody(office: Driver, news: News) -> None:
    case = _decided(office, action="none")
    news(office, case)
    _later(office)
    assert (office.case(case)["state"], _outcomes(office, case)) == ("closed", ["refused", "refused"])


@EITHER
@pytest.mark.slow
def test_a_lift_waits_for_nobody(office: Driver, news: News) -> None:
    case = _decided(office)
    _later(office)
    office.reverse(LEGAL, office.appeal(case))
    news(office, case)
    office.deliver()
    assert office.platform.effects["object:post:1"] == "restore"


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.slow
def test_the_end_of_a_suspension_releases_nothing_by_itself(office: Driver, confirmed: bool) -> None:
    case = _decided(office)
    (_confirmed if confirmed else _recorded)(office, case)
    office.end_suspension(LEAD, case)
    _later(office)
    assert (office.platform.calls, office.case(case)["state"]) == ([], "in_approval")
    office.approve(LEGAL, case)
    _later(office)
    assert _outcomes(office, case) == ["removed", "removed"]


@pytest.mark.slow
def test_a_suspension_that_is_confirmed_after_the_approval_is_news_again(office: Driver) -> None:
    case = _decided(office)
    _recorded(office, case)
    office.approve(LEGAL, case)
    office.confirm_suspension(LEAD, case)
    _later(office)
    assert (office.platform.calls, office.case(case)["state"]) == ([], "queued")
    assert office.faults() == []


@pytest.mark.slow
@EITHER
def test_what_is_lifted_beside_it_goes_on_and_the_term_runs(office: Driver, news: News) -> None:
    """A measure of an earlier decision is being lifted; the new one beside it waits, on the clock of the term."""
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.recall(M1, case)
    office.decide(case)
    _later(office)
    office.clarify(notice["notice_id"], question, [notice["items"][1]])
    office.decide(case, "label", by=M2)
    office.cancel(notice["notice_id"], "withdrawn", ["1"])
    assert office.case(case)["state"] == "lifting"
    news(office, case)
    assert (office.case(case)["state"], office.case(case)["lift_due_at"]) == ("in_approval", None)
    assert _statuses(office, case) == ["lifting", "open"]
    _later(office)
    assert _statuses(office, case) == ["lifted", "open"]
    office.approve(LEGAL, case)
    _later(office)
    assert (office.case(case)["state"], _outcomes(office, case)) == ("closed", ["restored", "labelled"])
    assert office.faults() == []


@EITHER
@pytest.mark.slow
def test_what_was_decided_before_is_decided_anew(office: Driver, news: News) -> None:
    """The window of the first decision still runs when the second, about the other item, is taken."""
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.recall(M1, case)
    office.decide(case)
    office.clarify(notice["notice_id"], question, [notice["items"][1]])
    office.decide(case, "label", by=M2)
    news(office, case)
    assert (office.case(case)["state"], _statuses(office, case)) == ("queued", ["open", "open"])
    _later(office)
    assert office.platform.calls == []


@pytest.mark.parametrize(
    "hand",
    variants(
        {hand: hand for hand in ("queued", "claimed", "in_approval", "awaiting_answer")}, "claimed", "in_approval"
    ),
)
@pytest.mark.slow
def test_what_runs_beside_a_case_in_hand_is_open_again(office: Driver, hand: str) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.recall(M1, case)
    office.decide(case)
    office.clarify(notice["notice_id"], question, [notice["items"][1]])
    if hand != "queued":
        token = office.claim(M1, case)
        if hand == "in_approval":
            office.propose(M1, case, token, legal={"clarity": "unclear"})
        if hand == "awaiting_answer":
            office.ask(M1, case, token)
    assert office.case(case)["state"] == hand
    _instructed(office, case)
    assert office.case(case)["state"] == ("queued" if hand == "in_approval" else hand)
    _later(office)
    assert (office.platform.calls, _statuses(office, case)) == ([], ["open", "open"])
    assert office.faults() == []


@NEWS
def test_the_ladder_goes_on_while_it_waits(office: Driver, news: News) -> None:
    """A recorded order pauses no term, nor does an instruction; a confirmed one does."""
    case = _decided(office)
    news(office, case)
    office.wait(25 * HOUR)
    office.watch()
    assert ("escalated" in office.history(case)) == (news is not _confirmed)


@pytest.mark.slow
def test_it_cannot_be_undone_while_it_waits(office: Driver) -> None:
    case = _decided(office)
    _recorded(office, case)
    with pytest.raises(IllegalMove):
        office.undo(M1, case)


@EITHER
def test_the_authority_withdraws_what_waits(office: Driver, news: News) -> None:
    case = _decided(office)
    news(office, case)
    office.cancel(office.case(case)["notice_id"])
    assert office.case(case)["state"] == "cancelled"
    _later(office)
    assert office.platform.calls == []
