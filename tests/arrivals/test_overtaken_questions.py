"""A question that did not leave before the authority said something else is not asked any more."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.ports import Unknown
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.transparency.counting import demand_of
from kz_compliance_sdk.wire.v1 import MessageData
from tests.arrivals.demands import marked_later
from tests.arrivals.test_second_messages import about
from tests.case_makers import measure, proposal
from tests.figures.tallies import counted_anew, tallies_of
from tests.scene import LEGAL, M1, PLATFORM, Host

WHICH = (Question(text=(Statement(lang="ru", text="Что именно удалить?"),)),)


def asked(host: Host, notice: Notice) -> str:
    """A case whose question waits in the outbox: its id."""
    host.push(notice, "m-1")
    host.drain()
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, WHICH, text_checked=True))
    return lease.case.id


def question(host: Host, case_id: str) -> OutboxMessage:
    (found,) = (one for one in host.records(case_id).messages if one.kind == "clarification")
    return found


@pytest.mark.parametrize(
    "said",
    [
        about("B", revision=2),
        builders.cancellation(about("A"), "withdrawn"),
        builders.cancellation(about("A"), None),
    ],
    ids=["amended", "withdrawn", "cancelled without an effect"],
)
def test_a_question_about_what_no_longer_stands_does_not_leave(host: Host, said: MessageData) -> None:
    case_id = asked(host, about("A"))
    host.push(said, "m-2")
    host.drain()
    assert question(host, case_id).state == "void"
    assert "clarification" not in {kind for kind, _, _ in host.world.regulator.books.values()}
    owed = host.records(case_id).stream.case.messages
    assert owed[question(host, case_id).id].state == "voided"
    host.check_chains()


def test_a_question_about_what_a_cancellation_leaves_is_asked(host: Host) -> None:
    case_id = asked(host, about("A", "B"))
    host.push(builders.cancellation(about("A", "B"), "withdrawn", ("2",)), "m-2")
    host.drain()
    assert question(host, case_id).state == "done"


@pytest.mark.slow
def test_a_question_that_may_have_arrived_is_followed_up(host: Host) -> None:
    case_id = asked(host, about("A"))

    def lost(message: OutboxMessage) -> Unknown | None:
        return Unknown("the line broke") if message.kind == "clarification" else None

    host.world.regulator.faults.append(lost)
    host.drain()
    host.push(about("B", revision=2), "m-2")
    host.world.clock.advance(3_600)
    host.drain()
    assert question(host, case_id).state == "done"
    host.decide(proposal(measure("1")))
    host.drain()
    assert host.case(about("A").notice_id).state is CaseState.CLOSED
    host.check_chains()


def clarified(host: Host, case_id: str) -> str:
    """What the public figures say of it, by the row that its end left and by its chain."""
    queries = host.store.queries(PLATFORM)
    (kept,) = tallies_of(queries)
    assert kept == counted_anew(queries, case_id)
    (said,) = demand_of(kept.facts, ()).values["demands_by_clarification"]
    return said


@pytest.mark.parametrize("leaves", [True, False], ids=["asked", "taken back"])
def test_the_figures_count_what_was_asked_and_not_what_was_taken_back(host: Host, *, leaves: bool) -> None:
    case_id = asked(host, about("A"))
    if leaves:
        host.drain()
    host.push(builders.cancellation(about("A"), "withdrawn"), "m-2")
    host.drain()
    assert clarified(host, case_id) == ("asked" if leaves else "not_asked")


def test_one_question_that_left_counts_beside_one_that_did_not(host: Host) -> None:
    case_id = asked(host, about("A"))
    host.drain()
    host.take(M1, case_id, commands.Recall())
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.take(M1, case_id, commands.RequestClarification(lease.token, WHICH, text_checked=True))
    host.push(about("B", revision=2), "m-2")
    host.decide(proposal(measure("1")))
    host.drain()
    assert clarified(host, case_id) == "asked"


def test_a_question_before_an_amendment_that_voided_it_is_not_counted_when_the_case_ends_later(host: Host) -> None:
    case_id = asked(host, about("A"))
    host.push(about("B", revision=2), "m-2")
    host.decide(proposal(measure("1")))
    host.drain()
    assert clarified(host, case_id) == "not_asked"


def test_a_question_that_a_lawyer_took_back_with_the_demand_is_not_counted(host: Host) -> None:
    case_id = marked_later(host, CaseState.AWAITING_ANSWER, 1).id
    host.take(LEGAL, case_id, commands.ReferDemand("a lawyer answers it"))
    assert question(host, case_id).state == "void"
    assert clarified(host, case_id) == "not_asked"
