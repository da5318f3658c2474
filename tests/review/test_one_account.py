"""Another person has another number and another known account, in every step that takes a second one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.errors import NotAllowed
from kz_compliance_sdk.testing.frozen import frozen_env
from tests.driver import LEGAL, LEGAL2, M1, Driver, Person
from tests.variants import variants

FIRST, SECOND = LEGAL2, LEGAL
BOX, OTHER = "box-1", "box-2"
Second = Callable[[Person], Any]


def _approve(office: Driver, first: Person) -> Second:
    case = office.issue(category="terrorism_extremism", kind="prescription")
    office.propose(first, case, office.claim(first, case))
    return lambda by: office.approve(by, case)


def _authenticate(office: Driver, first: Person) -> Second:
    case = office.enter(first)
    return lambda by: office.authenticate(by, case)


def _authenticate_amendment(office: Driver, first: Person) -> Second:
    case = office.issue()
    office.enter(first, revision=2)
    return lambda by: office.authenticate(by, case)


def _correct_receipt(office: Driver, first: Person) -> Second:
    case = office.enter(first)
    return lambda by: office.correct_receipt(by, case, office.clock() - 60)


def _vouch_for_a_cancellation(office: Driver, first: Person) -> Second:
    case = office.issue()
    letter = office.enter_cancellation(first, case)
    return lambda by: office.vouch(by, case, letter)


def _vouch_for_an_answer(office: Driver, first: Person) -> Second:
    case = office.issue()
    letter = office.enter_answer(first, case, office.ask(M1, case, office.claim(M1, case)))
    return lambda by: office.vouch(by, case, letter)


def _removed(office: Driver, first: Person) -> str:
    case = office.issue()
    office.decide(case, by=first)
    office.deliver()
    return case


def _uphold(office: Driver, first: Person) -> Second:
    appeal = office.appeal(_removed(office, first))
    return lambda by: office.uphold(by, appeal)


def _reverse(office: Driver, first: Person) -> Second:
    appeal = office.appeal(_removed(office, first))
    return lambda by: office.reverse(by, appeal)


def _withdraw(office: Driver, first: Person) -> Second:
    appeal = office.appeal(_removed(office, first))
    return lambda by: office.withdraw_appeal(appeal, by)


def _appeal_against_an_approval(office: Driver, first: Person) -> Second:
    case = office.issue(category="terrorism_extremism", kind="prescription")
    office.decide(case, by=M1, approved_by=first)
    office.deliver()
    appeal = office.appeal(case)
    return lambda by: office.uphold(by, appeal)


def _appeal_against_a_second_decision(office: Driver, first: Person) -> Second:
    case = _removed(office, M1)
    appeal = office.appeal(case)
    office.reopen(SECOND, case)
    office.decide(case, by=first)
    office.deliver()
    return lambda by: office.uphold(by, appeal)


def _confirm_suspension(office: Driver, first: Person) -> Second:
    case = office.issue()
    office.suspend(SECOND.behind(OTHER), case)
    number = office.suspend(first, case)
    return lambda by: office.confirm_suspension(by, case, number)


def _erase(office: Driver, first: Person) -> Second:
    case = office.issue()
    office.decide(case, "none")
    office.deliver()
    office.ask_erasure(SECOND.behind(OTHER), case)
    office.ask_erasure(first, case)
    return lambda by: office.erase(by, case)


STEPS = {
    begin.__name__.strip("_"): begin
    for begin in (
        _approve,
        _authenticate,
        _authenticate_amendment,
        _correct_receipt,
        _vouch_for_a_cancellation,
        _vouch_for_an_answer,
        _uphold,
        _reverse,
        _withdraw,
        _appeal_against_an_approval,
        _appeal_against_a_second_decision,
        _confirm_suspension,
        _erase,
    )
}
every_step = pytest.mark.parametrize("begin", STEPS.values(), ids=STEPS)


def refusal(step: Second, by: Person) -> str:
    """The code of the refusal; empty if the step was taken."""
    try:
        step(by)
    except NotAllowed as error:
        return error.code
    return ""


@every_step
def test_whoever_comes_in_by_the_first_account_or_by_an_unknown_one_is_no_other_person(
    tmp_path: Path, begin: Callable[[Driver, Person], Second]
) -> None:
    office = Driver(tmp_path)
    step = begin(office, FIRST.behind(BOX))
    before = office.fingerprint()
    found = {
        "the same person": refusal(step, FIRST.behind(BOX)),
        "the same person by another account": refusal(step, FIRST.behind(OTHER)),
        "the same person by an unknown account": refusal(step, FIRST),
        "another id behind the same account": refusal(step, SECOND.behind(BOX)),
        "another id behind an unknown account": refusal(step, SECOND),
    }
    assert found == {
        "the same person": "four_eyes",
        "the same person by another account": "four_eyes",
        "the same person by an unknown account": "four_eyes",
        "another id behind the same account": "same_account",
        "another id behind an unknown account": "account_unknown",
    }
    assert office.fingerprint() == before
    assert refusal(step, SECOND.behind(OTHER)) == ""
    assert office.fingerprint() != before
    assert office.faults() == []


@every_step
@pytest.mark.parametrize("account", variants({"unknown": "", "another": OTHER}, "unknown"))
def test_where_nobody_knows_the_first_account_the_id_alone_tells_two_persons_apart(
    tmp_path: Path, begin: Callable[[Driver, Person], Second], account: str
) -> None:
    office = Driver(tmp_path)
    step = begin(office, FIRST)
    before = office.fingerprint()
    assert refusal(step, FIRST.behind(account)) == "four_eyes"
    assert office.fingerprint() == before
    assert refusal(step, SECOND.behind(account)) == ""


def test_the_refusal_says_who_came_in_by_the_account_and_what_to_do(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    step = _approve(office, FIRST.behind(BOX))
    with pytest.raises(NotAllowed, match=r"legal2 came in by the account 'box-1' as well"):
        step(SECOND.behind(BOX))
    with pytest.raises(NotAllowed, match=r"Actor\.account"):
        step(SECOND)


def test_who_may_not_approve_does_not_have_the_content_looked_at_either(tmp_path: Path) -> None:
    office = Driver(tmp_path, can_look=True)
    step = _approve(office, FIRST.behind(BOX))
    before = office.fingerprint()
    looks = len(office.content.calls)
    assert refusal(step, SECOND.behind(BOX)) == "same_account"
    assert len(office.content.calls) == looks
    assert office.fingerprint() == before
    assert refusal(step, SECOND.behind(OTHER)) == ""
    assert len(office.content.calls) > looks


def test_the_awaited_desk_tells_persons_apart_in_the_same_way(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(category="terrorism_extremism", kind="prescription")
    digest = office.propose(FIRST.behind(BOX), case, office.claim(FIRST.behind(BOX), case))

    office.stop()

    async def refusals() -> list[str]:
        found = []
        async with AsyncComplianceDesk(office.desk.settings, env=frozen_env(office.clock)) as desk:
            for by in (SECOND.behind(BOX), SECOND, SECOND.behind(OTHER)):
                try:
                    await desk.approve(by.actor, case, digest)
                except NotAllowed as error:
                    found.append(error.code)
        return found

    assert asyncio.run(refusals()) == ["same_account", "account_unknown"]
    office.start()
    assert office.case(case)["state"] == "decided"
