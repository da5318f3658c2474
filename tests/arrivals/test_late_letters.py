"""Letters that meet a case which is no longer, or not yet, what they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.events.arrivals import Cancelled
from kz_compliance_sdk.errors import IllegalMove
from kz_compliance_sdk.ports import WaitsFor
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, effects, typed
from tests.case_makers import measure, proposal
from tests.privacy.test_retention import DAY, Desk
from tests.scene import LEAD, M1, PLATFORM, Host


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "desk.sqlite3")
    yield desk
    desk.store.close()


def cancelled_by_letter(host: Host, case: Case) -> Case:
    now = host.world.clock()
    known: dict[str, Any] = {"effect": "annulled", "item_ids": None, "reference": "12-3/77", "how": "by courier"}
    return host.take(M1, case.id, commands.EnterCancellation(issued_at=now, received_at=now, **known))


def in_force(host: Host) -> Case:
    host.push(about("A"), "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    return host.case(about("A").notice_id)


@pytest.mark.slow
def test_what_waited_for_a_revision_takes_effect_once_its_letter_is_vouched_for(host: Host) -> None:
    case = in_force(host)
    host.push(builders.cancellation(about("A", revision=2), "withdrawn"), "m-2")
    typed(host, about("A", revision=2))
    assert host.take(LEAD, case.id, commands.Authenticate("called back")).state is CaseState.LIFTING
    host.drain()
    assert effects(host) == {"A": "restore"}
    assert not host.store.submit(PLATFORM, lambda tx: ((), tx.came(WaitsFor(case.notice_id)))).result()
    host.check_chains()


def test_a_signed_message_that_waited_for_a_letter_is_not_said_to_be_typed_in(host: Host) -> None:
    host.push(builders.cancellation(about("A"), "withdrawn"), "m-1")
    typed(host, about("A"))
    case = host.case(about("A").notice_id)
    (told,) = (on for on in host.records(case.id).stream.events if isinstance(on.event, Cancelled))
    assert (case.state, told.event.came.source, told.who) == (CaseState.CANCELLED, "pushed", None)
    host.check_chains()


def test_a_cancellation_by_letter_of_what_was_erased_is_refused_and_says_so(desk: Desk) -> None:
    case = in_force(desk.host)
    desk.later(1200)
    assert desk.privacy.retention().cases == (case.id,)
    with pytest.raises(IllegalMove, match="erased"):
        cancelled_by_letter(desk.host, case)
    desk.host.drain()
    assert effects(desk.host) == {"A": "remove"}
    desk.check()


def test_a_letter_that_waited_while_its_case_was_erased_lifts_nothing_without_a_name(desk: Desk) -> None:
    case = in_force(desk.host)
    cancelled_by_letter(desk.host, case)
    (letter,) = desk.host.letters_waiting(case.id)
    desk.host.drain()
    desk.later(1200)
    run = desk.privacy.retention()
    assert (run.cases, dict(run.kept)) == ((), {"under_way": 1})
    assert desk.host.take(LEAD, case.id, commands.Vouch(letter.message_id, "called back")).state is CaseState.LIFTING
    desk.host.drain()
    assert effects(desk.host) == {"A": "restore"}


@pytest.mark.slow
def test_an_amendment_by_letter_of_an_erased_notice_is_decided_like_a_new_one(desk: Desk) -> None:
    case = in_force(desk.host)
    desk.later(1200)
    desk.privacy.retention()
    typed(desk.host, about("A", revision=2))
    amended = desk.host.take(LEAD, case.id, commands.Authenticate("called back"))
    assert (amended.state, amended.erased_at, amended.revision) == (CaseState.QUEUED, None, 2)
    assert [item.measure for item in amended.items] == [""]
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    desk.later(2 * DAY)
    assert desk.host.case(case.notice_id).state is CaseState.CLOSED
    desk.check()
