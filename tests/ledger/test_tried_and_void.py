"""What leaves no more although it was tried: that nobody has it in hand is told, for no event knows of leases.

That the fold says so too is for `tests/beside_plugin.py` to hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.ports import RetryAt, TellResult, Told
from tests.case_makers import measure, proposal
from tests.scene import LEAD, M2, Host, World
from tests.walks.rare_scenes import DOWN, SECOND_LAWYER, appealed, cancel, case_of, closed, notice_about, regulator

DAY = 86_400


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def _states(host: Host, kind: str) -> list[str]:
    messages = host.records(case_of(host).id).messages
    return [one.state for one in messages if one.kind == kind]


def _measured_otherwise(host: Host) -> None:
    host.take(LEAD, case_of(host).id, commands.Reopen("look again"))
    host.decide(proposal(measure("1", "restrict_access")), M2)
    host.drain()


@pytest.mark.slow
@pytest.mark.parametrize("answer", [RetryAt("busy"), Told(1)], ids=["tried again", "an answer that cannot be used"])
def test_a_user_is_not_told_of_a_measure_that_was_changed_while_the_telling_was_tried(
    host: Host, answer: TellResult
) -> None:
    host.world.messenger.faults.append(lambda _notice: answer)
    closed(host, "A")
    assert _states(host, "user_notice") == ["queued" if isinstance(answer, RetryAt) else "parked"]
    _measured_otherwise(host)
    assert _states(host, "user_notice") == ["void", "done"]


@pytest.mark.slow
def test_a_telling_that_somebody_has_in_hand_is_void_when_it_comes_back(host: Host) -> None:
    ways = host.delivery._ways
    host.delivery._ways = replace(ways, messenger=None)
    closed(host, "A")
    assert [one.kind for one in Host(host.world, host.store).delivery.lease(8)] == ["user_notice"]  # and dies here
    _measured_otherwise(host)
    assert _states(host, "user_notice") == ["leased", "queued"]
    host.delivery._ways = ways
    host.world.clock.advance(LEASE_S + 1)
    host.drain()
    assert _states(host, "user_notice") == ["void", "done"]


def test_a_reminder_that_was_tried_is_void_with_its_appeal(host: Host) -> None:
    closed(host, "A")
    appeal = appealed(host, "1")
    host.drain()
    host.world.clock.advance(12 * DAY)
    host.world.pager.faults.append(RuntimeError("the pager is down"))
    host.drain()
    host.take(
        SECOND_LAWYER, host.appeals.case_of(appeal), commands.DecideAppeal(appeal, "uphold", "it is what the law says")
    )
    assert _states(host, "page").count("void") == 2


def test_a_question_that_was_tried_is_void_once_nothing_is_left_to_ask(host: Host) -> None:
    notice = notice_about("A", "B")
    host.push(notice, "m-1")
    lease = host.taking.claim(M2).result()
    assert lease is not None
    asked = Question(text=(Statement(lang="ru", text="Какая часть?"),))
    host.take(M2, lease.case.id, commands.RequestClarification(lease.token, [asked], text_checked=True))
    regulator(host, acknowledgement=DOWN, clarification=DOWN)
    cancel(host, notice, "1")
    assert _states(host, "clarification") == ["queued"], "of the second item it is still to be known"
    cancel(host, notice, "2")
    assert _states(host, "clarification") == ["void"]
