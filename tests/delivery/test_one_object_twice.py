"""Two items of a notice about one object: what is lifted for both is told to everybody once."""

from __future__ import annotations

from collections import Counter

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import UserNotice
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, effects
from tests.case_makers import measure, proposal, refusal
from tests.remedies.test_appeals import SATIRE, appealed, outcomes
from tests.scene import LEGAL, Host


def twice(host: Host) -> str:
    host.push(about("A", "A"), "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    case = host.case(about("A").notice_id)
    assert case.state is CaseState.CLOSED
    return case.id


def told(host: Host) -> Counter[str]:
    return Counter(notice.kind for notice, _ in host.world.messenger.told.values())


@pytest.mark.parametrize("way", ["an appeal", "a cancellation"])
@pytest.mark.slow
def test_what_two_items_held_is_lifted_and_told_once(host: Host, way: str) -> None:
    case_id = twice(host)
    if way == "an appeal":
        one = appealed(host, case_id)
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
        )
    else:
        host.push(builders.cancellation(about("A", "A"), "withdrawn"), "m-2")
    host.drain()
    assert effects(host) == {"A": "restore"}
    assert told(host)["restored"] == 1
    assert outcomes(host) == [(1, ["removed", "removed"]), (2, ["restored", "restored"])], "each item has its answer"
    host.check_chains()


@pytest.mark.slow
def test_what_one_item_gives_up_stays_for_the_other(host: Host) -> None:
    twice(host)
    again = about("A", "A").items[:1]
    host.push(builders.clarification(about("A", "A"), "ask").model_copy(update={"items": again}), "m-2")
    host.decide(proposal(refusal("1")))
    host.drain()
    assert effects(host) == {"A": "remove"}
    assert [(item.status, item.measure) for item in host.case(about("A").notice_id).items] == [
        ("settled", ""), ("in_force", "remove"),
    ]  # fmt: skip
    host.push(builders.cancellation(about("A", "A"), "withdrawn"), "m-3")
    host.drain()
    assert effects(host) == {"A": "restore"}
    host.check_chains()


@pytest.mark.slow
def test_an_end_that_was_put_off_is_put_off_once(host: Host) -> None:
    wish = UserNotice(allowed=False, delay_until=host.world.clock() + 9_000, legal_basis="Act 1")
    notice = about("A", "A", user_notice=wish)
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(builders.cancellation(notice, "withdrawn"), "m-2")
    host.drain()
    assert not told(host)
    host.world.clock.advance(9_000)
    host.drain()
    assert told(host) == {"restored": 1}


@pytest.mark.slow
def test_a_measure_that_comes_back_for_the_other_item_alone_is_told(host: Host) -> None:
    """The user heard of its end under the first item only."""
    twice(host)
    host.push(builders.cancellation(about("A", "A"), "withdrawn"), "m-2")
    host.drain()
    before = told(host)["measure"]
    again = about("A", "A", revision=2)
    host.push(again.model_copy(update={"items": again.items[1:]}), "m-3")
    host.decide(proposal(measure("2")))
    host.drain()
    assert effects(host) == {"A": "remove"}
    assert told(host)["measure"] == before + 1
    host.push(builders.cancellation(again, "withdrawn", revision=2), "m-4")
    host.drain()
    assert told(host)["restored"] == 2
    host.check_chains()
