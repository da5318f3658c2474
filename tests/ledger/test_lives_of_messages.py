"""What the ledger is told of a message from its first try to its end: once, in order, and with what was said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain import arrivals, commands
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.delivery import Receipt, Retried
from kz_compliance_sdk.domain.holding import receipt
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.ports import Failed, Rejected, RetryAt, Told, Unknown
from kz_compliance_sdk.services.letters import Proof
from tests.case_makers import POLICY, a_notice, arrival, events, measure, messages, proposal, stamp
from tests.scene import HEAD, LEGAL, M1, Host, World
from tests.walks.rare_scenes import case_of, closed

Fault = Callable[[Any], Any]
LATER = Rejected("wait", "later", final=False)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Happened]:
    """All that the steps tell, in order."""
    found: list[Happened] = []
    commit = SqlTransaction.commit

    def committed(self: Any) -> None:
        commit(self)
        for change in self._written:
            for write in change:
                found.extend([write] if isinstance(write, Happened) else ())

    monkeypatch.setattr(SqlTransaction, "commit", committed)
    return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.store.close()


def _message(host: Host, kind: str) -> OutboxMessage:
    return next(one for one in host.records(case_of(host).id).messages if one.kind == kind)


def _life(told: list[Happened], message: OutboxMessage) -> list[str]:
    return [one.event.called for one in told if getattr(one.event, "message", "") == message.id]


def _said(told: list[Happened], kind: str, name: str) -> str:
    """The words of this name in the only event of this kind."""
    (one,) = [one for one in told if one.event.called == kind]
    assert one.words.keys() <= KINDS[kind].words.keys()
    return one.words[name].decode()


def _on_and_on(host: Host, hours: int = 3) -> None:
    for _ in range(hours * 4):
        host.drain()
        host.world.clock.advance(900)


def _of(kind: str, answer: Any) -> Fault:
    return lambda message: answer if message.kind == kind else None


@pytest.mark.parametrize(
    ("answers", "life"),
    [
        ([], ["begun", "receipt"]),
        ([RetryAt("503")] * 4, ["begun", *["tried"] * 4, "receipt"]),
        ([Unknown("a timeout")] * 3, ["begun", "tried", "outcome_unknown", "tried", "tried", "receipt"]),
        (
            [Unknown("a timeout"), Rejected("wait", "later", final=False)],
            ["begun", "tried", "outcome_unknown", "tried", "begun", "tried", "receipt"],
        ),
        ([RetryAt("503")] * 20, ["begun", *["tried"] * 6, "receipt"]),
    ],
)
def test_however_often_a_message_is_tried_only_what_changes_is_told(
    host: Host, told: list[Happened], answers: list[Any], life: list[str]
) -> None:
    host.push(a_notice(), "m-1")
    host.world.regulator.faults += [_of("acknowledgement", answer) for answer in answers]
    _on_and_on(host, 6)
    sent = _message(host, "acknowledgement")
    assert sent.attempts == len(answers) + 1
    assert _life(told, sent) == life
    assert _said(told, "receipt", "receipt").encode() == sent.receipt


def test_a_refused_report_says_why_and_who_has_it_tried_again(host: Host, told: list[Happened]) -> None:
    host.world.regulator.faults += [lambda _message: None, lambda _message: Rejected("form/3", "no such form")]
    closed(host, "A")
    refused = _message(host, "report")
    assert refused.state == "parked"
    host.letters.retry(HEAD, refused.id)
    host.drain()
    assert _life(told, refused) == ["begun", "rejected", "retried", "voided"], "its case is decided anew"
    assert _said(told, "rejected", "reason") == "no such form"
    (again,) = [one for one in told if isinstance(one.event, Retried)]
    assert again.actor == HEAD
    assert [one.words["body"] for one in told if one.event.called == "reported"] == [refused.body]


def test_what_cannot_be_carried_out_says_why(host: Host, told: list[Happened]) -> None:
    host.world.platform.faults.append(lambda _effect: Failed("no such post", permanent=True))
    closed(host, "A")
    assert _life(told, _message(host, "enforce")) == ["begun", "measure_failed"]
    assert _said(told, "measure_failed", "reason") == "no such post"


def test_an_answer_that_cannot_be_used_is_asked_again_by_a_person_after_a_look(
    host: Host, told: list[Happened]
) -> None:
    host.world.messenger.faults.append(lambda _notice: Told(1))
    closed(host, "A")
    parked = _message(host, "user_notice")
    host.letters.retry(HEAD, parked.id)
    host.drain()
    life = ["begun", "stuck", "parked", "retried", "outcome_unknown", "tried", "user_told"]
    assert _life(told, parked) == life
    assert _said(told, "user_notice_owed", "body").encode() == parked.body


def test_a_user_is_told_later_with_a_basis_and_reasons(host: Host, told: list[Happened]) -> None:
    host.world.messenger.faults.append(lambda _notice: RetryAt("busy"))
    closed(host, "A")
    until = host.world.clock() + 86_400
    host.take(LEGAL, case_of(host).id, commands.DelayUserNotices(until, "Law, art. 5", "an inquiry is under way"))
    assert _said(told, "user_notice_delayed", "legal_basis") == "Law, art. 5"
    assert _said(told, "user_notice_delayed", "reasons") == "an inquiry is under way"


def test_a_letter_waits_for_a_person_whose_proof_is_kept(host: Host, told: list[Happened]) -> None:
    host.push(a_notice(), "m-1")
    host.drain()
    host.take(HEAD, case_of(host).id, commands.AnswerByHand())
    host.decide(proposal(measure("1")))
    host.drain()
    letter = _message(host, "report")
    host.letters.record(M1, letter.id, Proof("courier", "12-3/45", host.world.clock(), "signature of the desk"))
    assert _life(told, letter) == ["begun", "waiting", "tried", "receipt"]
    held = [one for one in told if isinstance(one.event, Receipt) and one.event.message == letter.id]
    assert [(one.words["by_hand"], one.actor) for one in held] == [(_message(host, "report").receipt, M1)]


def test_a_question_that_was_refused_goes_by_letter_as_well_once_the_case_does(
    host: Host, told: list[Happened]
) -> None:
    host.push(a_notice(), "m-1")
    host.drain()
    lease = host.taking.claim(M1).result()
    assert lease is not None
    question = Question(text=(Statement(lang="ru", text="О какой записи речь?"),))
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))
    host.world.regulator.faults.append(lambda _message: Rejected("schema_value", "a wrong list", final=True))
    host.drain()
    asked = _message(host, "clarification")
    assert asked.state == "parked"
    host.take(HEAD, lease.case.id, commands.AnswerByHand())
    host.check_chains()
    host.letters.retry(HEAD, asked.id)
    host.drain()
    assert (_message(host, "clarification").endpoint, _life(told, asked)[-1]) == ("by_hand", "waiting")
    host.check_chains()


def test_a_receipt_is_kept_with_the_signature_that_proves_it() -> None:
    change, case = arrivals.open_case("case-1", a_notice(), arrival(), POLICY, stamp())
    (sent,) = messages(change, "acknowledgement")
    held = sent.but(state="done", receipt=b"{}", receipt_proof=b"[]")
    (one,) = events(receipt(case, held, stamp()))
    assert one.words == {"receipt": b"{}", "signature": b"[]"}
