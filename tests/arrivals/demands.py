"""Demands for data of a user, on their way to a lawyer from every state that they can be found in."""

from __future__ import annotations

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.transitions import UNDECIDED
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.ports import RetryAt
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.scene import LEGAL, M1, PLATFORM, Host

TOLD = commands.RecordInstruction(
    given_by="a colonel", unit="a unit", channel="in person", given_at=builders.ISSUED_AT, said="do it now"
)
_CLERK = Actor("clerk", frozenset({"head"}))


def demand(notice: Notice) -> Notice:
    """The same notice, asking for data of a user."""
    words = (LocalText(lang="ru", text="Предоставьте регистрационные данные пользователя."),)
    return notice.model_copy(update={"requested_action": "other", "statement_of_reasons": words})


def marked_later(host: Host, state: CaseState, seed: int) -> Case:
    """A case that a typed-in amendment, which nobody has vouched for, marks as a demand while it is in hand."""
    notice = a_notice(seed=seed, category="election_rules")
    host.push(notice, f"m-{seed}")
    case = host.case(notice.notice_id)
    if state is not CaseState.QUEUED:
        lease = host.taking.claim(M1, case_id=case.id).result()
        assert lease is not None
        if state is CaseState.IN_APPROVAL:
            host.take(M1, case.id, commands.Propose(lease.token, proposal(measure("1"))))
        elif state is CaseState.AWAITING_ANSWER:
            question = Question(text=(Statement(lang="ru", text="Что именно?"),))
            host.take(M1, case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))
    letter = demand(notice).model_copy(update={"revision": 2})
    work, _ = host.intake.typed(letter, host.world.clock(), "letter", _CLERK)
    host.store.submit(PLATFORM, work).result()
    marked = host.case(notice.notice_id)
    assert (marked.state, "user_data_demand" in marked.flags) == (state, True)
    return marked


def pressed_while_it_is_lifted(host: Host) -> None:
    """An alarm and an instruction while a measure is being lifted, and once it is while nobody has been told."""
    notice = a_notice()
    host.push(notice, "m-1")
    host.decide(proposal(measure("1")))
    host.world.clock.advance(60)
    host.drain()
    host.world.regulator.faults += [lambda _message: RetryAt("503")] * 8
    host.push(builders.cancellation(notice, "withdrawn"), "m-2")
    for state in (CaseState.LIFTING, CaseState.LIFTED):
        case = host.case(notice.notice_id)
        assert case.state is state
        host.take(LEGAL, case.id, commands.RaiseAlarm("they are in the room"))
        host.take(LEGAL, case.id, TOLD)
        host.drain()


def goes_to_a_lawyer(host: Host) -> None:
    """From each state in which nothing is decided, out of here and back among the others."""
    for seed, state in enumerate(UNDECIDED, 1):
        host.take(LEGAL, marked_later(host, state, seed).id, commands.ReferDemand("filed elsewhere"))
        host.take(LEGAL, marked_later(host, state, seed + 10).id, commands.RuleOutDemand("it names no user"))
