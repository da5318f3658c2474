"""A question that did not leave before the authority said something else is not asked any more."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.ports import Unknown
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire.v1 import MessageData
from tests.journey.scene import M1, PLATFORM, Host
from tests.journey.test_second_messages import about
from tests.unit.case_makers import measure, proposal

WHICH = (Question(text=(Statement(lang="ru", text="Что именно удалить?"),)),)


def asked(host: Host, notice: Notice) -> str:
    """A case whose question waits in the outbox: its id."""
    host.push(notice, "m-1")
    host.drain()
    lease = host.review.claim(M1).result()
    assert lease is not None
    host.review.request_clarification(M1, lease.case.id, lease.token, WHICH, text_checked=True).result()
    return lease.case.id


def question(host: Host, case_id: str) -> OutboxMessage:
    (found,) = (one for one in host.store.queries(PLATFORM).messages(case_id) if one.kind == "clarification")
    return found


@pytest.mark.parametrize(
    ("said", "verb"),
    [
        (about("B", revision=2), "amend"),
        (builders.cancellation(about("A"), "withdrawn"), "cancel"),
        (builders.cancellation(about("A"), None), "cancel"),
    ],
    ids=["amended", "withdrawn", "cancelled without an effect"],
)
def test_a_question_about_what_no_longer_stands_does_not_leave(host: Host, said: MessageData, verb: str) -> None:
    case_id = asked(host, about("A"))
    host.push(said, "m-2")
    host.drain()
    assert question(host, case_id).state == "void"
    assert "clarification" not in {kind for kind, _, _ in host.world.regulator.books.values()}
    (event,) = (one for one in host.store.queries(PLATFORM).audit(case_id) if one.kind == verb)
    assert f'"unasked":["{question(host, case_id).id}"]'.encode() in event.content
    host.check_chains()


def test_a_question_about_what_a_cancellation_leaves_is_asked(host: Host) -> None:
    case_id = asked(host, about("A", "B"))
    host.push(builders.cancellation(about("A", "B"), "withdrawn", ("2",)), "m-2")
    host.drain()
    assert question(host, case_id).state == "done"


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
