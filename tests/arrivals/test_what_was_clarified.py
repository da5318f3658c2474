"""What is decided about is what the case took in, in the order in which it did: not by the times or ids of messages."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.services.loading import notice_of
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, effects
from tests.case_makers import HOUR, measure, proposal
from tests.scene import HEAD, LEAD, PLATFORM, Host
from tests.walks.falling_orders import REVERSAL
from tests.walks.rare_scenes import SECOND_LAWYER


def _named(host: Host, notice_id: str) -> dict[str, str]:
    """The objects of what is decided about."""
    case = host.case(notice_id)
    notice = host.store.submit(PLATFORM, lambda tx: ((), notice_of(tx, case))).result()
    return {item.item_id: str(item.object_id).removeprefix("post:") for item in notice.items}


def _says(host: Host, notice: object, name: str, **objects: str) -> int:
    items = tuple(Item(item_id=key.removeprefix("i"), object_id=f"post:{target}") for key, target in objects.items())
    said = builders.clarification(notice, "ask").model_copy(update={"items": items})  # type: ignore[arg-type]
    return host.push(said, name).status


@pytest.mark.parametrize("second", ["m-1", "m-3"])
def test_the_later_of_two_within_one_second_holds(host: Host, second: str) -> None:
    notice = about("A")
    host.push(notice, "m-0")
    assert _says(host, notice, "m-2", i1="B") == _says(host, notice, second, i1="C") == 202
    assert _named(host, notice.notice_id) == {"1": "C"}
    host.decide(proposal(measure("1")))
    host.drain()
    assert effects(host) == {"C": "remove"}
    host.check_chains()


def test_what_came_before_its_notice_holds(host: Host) -> None:
    notice = about("A")
    assert _says(host, notice, "m-1", i1="B", i2="C") == 202
    host.world.clock.advance(HOUR)
    host.push(notice, "m-2")
    assert {item.item_id for item in host.case(notice.notice_id).items} == {"1", "2"}
    assert _named(host, notice.notice_id) == {"1": "B", "2": "C"}
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    assert effects(host) == {"B": "remove", "C": "remove"}
    host.check_chains()


def test_a_letter_counts_from_when_somebody_vouched_for_it(host: Host) -> None:
    notice = about("A")
    host.push(notice, "m-1")
    case_id = host.case(notice.notice_id).id
    answers = builders.clarification(notice, "ask").answers
    received_at, items = host.world.clock(), [Item(item_id="2", object_id="post:B")]
    host.take(
        HEAD,
        case_id,
        commands.EnterAnswer(in_reply_to="ask", answers=answers, received_at=received_at, how="letter", items=items),
    )
    host.world.clock.advance(HOUR)
    host.push(about("A", revision=2), "m-2")
    (letter,) = host.letters_waiting(case_id)
    host.take(LEAD, case_id, commands.Vouch(letter.message_id, "called back"))
    assert _named(host, notice.notice_id) == {"1": "A", "2": "B"}
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    assert effects(host) == {"A": "remove", "B": "remove"}
    host.check_chains()


def test_an_amendment_in_the_same_second_holds(host: Host) -> None:
    notice = about("A")
    host.push(notice, "m-1")
    _says(host, notice, "m-2", i1="B")
    host.push(about("C", revision=2), "m-3")
    assert _named(host, notice.notice_id) == {"1": "C"}


@pytest.mark.slow
def test_what_only_marks_the_case_names_no_item_anew(host: Host) -> None:
    """A measure is being lifted while the authority says that the id means something else: a person asks what of it."""
    notice = about("A")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    appeal = host.take(
        SYSTEM, host.case(notice.notice_id).id, commands.ReceiveAppeal("1", "satire", host.world.clock(), "appeal-1")
    )
    host.take(
        SECOND_LAWYER,
        host.appeals.case_of(appeal.appeal_id),
        commands.DecideAppeal(appeal.appeal_id, "reverse", "satire", REVERSAL),
    )
    assert host.case(notice.notice_id).state is CaseState.LIFTING
    _says(host, notice, "m-2", i1="B")
    assert "clarified" in host.case(notice.notice_id).flags
    host.drain()
    host.take(LEAD, host.case(notice.notice_id).id, commands.Reopen("looked at again", []))
    assert _named(host, notice.notice_id) == {"1": "A"}
    host.decide(proposal(measure("1")))
    host.drain()
    assert effects(host) == {"A": "remove"}
    host.check_chains()
