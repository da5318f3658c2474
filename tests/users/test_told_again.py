"""What a user is told of a measure that comes back: whoever was last told something else is told of it again."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.ports import Failed
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.remedies.test_appeals import SATIRE, appealed
from tests.scene import LEAD, LEGAL, M2, PLATFORM, Host
from tests.store.conftest import tamper
from tests.users.test_telling_users import removed

NOTICE = a_notice()


def told(host: Host) -> list[str]:
    """The kind or the measure of each notice to the user, in their order."""
    found = (notice for notice, _ in host.world.messenger.told.values())
    return [one.action if one.kind == "measure" else one.kind for one in found]


def decide_anew(host: Host, case_id: str, action: str) -> None:
    host.take(LEAD, case_id, commands.Reopen("look again"))
    host.decide(proposal(measure("1", action)), M2)  # type: ignore[arg-type]  # it is an action
    host.drain()


@pytest.mark.slow
def test_a_user_who_was_told_of_the_end_is_told_when_the_same_measure_comes_back(host: Host) -> None:
    removed(host)
    host.push(builders.cancellation(NOTICE, "withdrawn"), "m-2")
    host.drain()
    host.push(NOTICE.model_copy(update={"revision": 2}), "m-3")
    host.decide(proposal(measure("1")), M2)
    host.drain()
    assert told(host) == ["remove", "restored", "remove"]
    host.check_chains()


@pytest.mark.slow
def test_a_user_who_was_told_of_another_measure_since_is_told_of_the_first_again(host: Host) -> None:
    case_id = removed(host)
    for action in ("restrict_access", "remove", "remove"):
        decide_anew(host, case_id, action)
    assert told(host) == ["remove", "restrict_access", "remove"]


@pytest.mark.slow
def test_an_end_that_leaves_while_the_measure_comes_back_is_not_the_last_word(host: Host) -> None:
    """Both are taken in hand at once, and the end is told after the measure is in force again."""
    removed(host)
    host.world.messenger.faults += [lambda _notice: Failed("busy")] * 5
    host.push(builders.cancellation(NOTICE, "withdrawn"), "m-2")
    host.drain()
    host.push(NOTICE.model_copy(update={"revision": 2}), "m-3")
    host.decide(proposal(measure("1")), M2)
    host.world.messenger.faults.clear()
    for _ in range(3):
        host.world.clock.advance(3_600)
        host.drain()
    assert told(host) == ["remove", "restored", "remove"]


def test_each_of_two_appeals_against_one_decision_has_its_own_answer(host: Host) -> None:
    case_id = removed(host)
    for reference in ("A-1", "A-2"):
        one = appealed(host, case_id, reference=reference)
        host.take(LEGAL, case_id, commands.DecideAppeal(one.appeal_id, "uphold", "it is what the law says"))
        host.drain()
    assert [kind for _, kind in host.world.messenger.kinds()] == ["measure", "appeal_decided", "appeal_decided"]


@pytest.mark.writes_by_itself
@pytest.mark.parametrize("outcome", ["uphold", "reverse"])
def test_an_appeal_is_decided_although_the_notice_cannot_be_read_any_more(host: Host, outcome: str) -> None:
    case_id = removed(host)
    one = appealed(host, case_id)
    tamper(host.store, "DELETE FROM parts WHERE name = 'message'")  # type: ignore[arg-type]  # it is a SqliteStore
    wording = SATIRE if outcome == "reverse" else None
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, outcome, "looked at anew", wording),  # type: ignore[arg-type]
    )
    host.drain()
    case = host.store.queries(PLATFORM).case(case_id)
    assert (case.state, case.items[0].measure) == (CaseState.CLOSED, "" if outcome == "reverse" else "remove")
    assert "user_notice_stuck" in [alert.reason for alert in host.world.pager.alerts]
