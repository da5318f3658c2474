"""What the people of a walk record of contests, suspensions and letters: a next step at each visit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.clock import CONTEST_RESULTS
from kz_compliance_sdk.domain.notice import Answer, Effect, Item, Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.ports import Failed, RetryAt
from kz_compliance_sdk.testing import builders
from tests.arrivals.demands import TOLD
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import HEAD, LEAD, M1, Host, World

CLERK = Actor("clerk", frozenset({"head"}))


class Remedies:
    """The steps of a host's people, at random by `chance`."""

    def __init__(self, host: Host, chance: random.Random) -> None:
        self._host, self._chance = host, chance

    def steps(self, case: Case) -> list[Callable[[], object]]:
        """What can be tried with a case."""
        return [
            lambda: self.contest(case),
            lambda: self.suspend(case),
            lambda: self.letter(case),
            lambda: self.give_up(case),
        ]

    def contest(self, case: Case) -> None:
        now = self._host.world.clock()
        open_ = [one.number for one in case.contests if not one.result]
        if not open_:
            self._host.take(
                HEAD, case.id, commands.RecordContest(body="a court", reference="1", filed_at=now, remedy="annul it")
            )
        else:
            result = self._chance.choice(CONTEST_RESULTS)
            self._host.take(LEAD, case.id, commands.SettleContest(open_[0], result, now, "so it was decided"))

    def suspend(self, case: Case) -> None:
        now = self._host.world.clock()
        last = case.suspensions[-1] if case.suspensions else None
        if last is None or (last.ended_at is not None or (last.ends_at or now + 1) <= now):
            begin = now - self._chance.choice((0, 600, 40_000))
            until = self._chance.choice((None, None, now + 3_000))
            self._host.take(HEAD, case.id, commands.Suspend("a court", "2", begin, "article 1", "a" * 64, until))
        elif not last.confirmed_by and self._chance.random() < 0.7:
            self._host.take(LEAD, case.id, commands.ConfirmSuspension(last.number, "read on the court's site"))
        else:
            self._host.take(LEAD, case.id, commands.EndSuspension(last.number, now, "lifted"))

    def letter(self, case: Case) -> None:
        waiting, now = self._host.letters_waiting(case.id), self._host.world.clock()
        if waiting and self._chance.random() < 0.6:
            self._host.take(LEAD, case.id, commands.Vouch(waiting[0].message_id, "called back"))
        elif waiting:
            self._host.take(
                LEAD, case.id, commands.Dismiss(waiting[0].message_id, "the authority knows of no such letter")
            )
        elif self._chance.random() < 0.5:
            answer = Answer(text=(LocalText(lang="ru", text="Всё."),))
            self._host.take(
                CLERK, case.id, commands.EnterAnswer(in_reply_to="a", answers=(answer,), received_at=now, how="letter")
            )
        else:
            effect: Effect | None = self._chance.choice(("withdrawn", "annulled", "remedied", None))
            self._host.take(
                CLERK,
                case.id,
                commands.EnterCancellation(
                    effect=effect, item_ids=None, reference=str(now), issued_at=now, received_at=now, how="letter"
                ),
            )

    def give_up(self, case: Case) -> None:
        for item in case.items:
            if item.status == "lifting":
                self._host.take(LEAD, case.id, commands.RecordUndoable(item.item_id, "its object is gone"))


def rows_of_remedies(folder: Path) -> list[Host]:
    """Hosts on which everything was recorded in every state: too rare a meeting to wait for it."""
    ways: tuple[Callable[[Host], None], ...] = (
        *(_recorded_in(way) for way in (_queued, _claimed, _asked, _in_approval, _own_terms, _enforced)),
        *(_recorded_in(way) for way in (_closed, _cancelled, _lifting, _lifted)),
        *(_undoable_in(way) for way in (_queued, _claimed, _asked, _in_approval)),
        _undoable_after_deciding,
        _undoable_when_lifting,
    )
    hosts = []
    for number, way in enumerate(ways):
        hosts.append(Host(World(folder / f"remedies-{number}.sqlite3")))
        way(hosts[-1])
    return hosts


def _recorded_in(way: Callable[[Host], None]) -> Callable[[Host], None]:
    def take(host: Host) -> None:
        host.push(_notice(), "m-1")
        way(host)
        _record_all(host)

    return take


def _record_all(host: Host) -> None:
    case, now = host.case(_notice().notice_id), host.world.clock()
    host.take(HEAD, case.id, commands.RecordContest(body="a court", reference="1", filed_at=now, remedy="annul it"))
    host.take(LEAD, case.id, commands.SettleContest(1, "rejected", now, "so it was decided"))
    host.take(HEAD, case.id, commands.Suspend("a court", "2", now, "article 1", "a" * 64))
    host.take(LEAD, case.id, commands.ConfirmSuspension(1, "read on the court's site"))
    host.take(LEAD, case.id, commands.EndSuspension(1, now, "lifted"))
    host.take(
        CLERK,
        case.id,
        commands.EnterCancellation(
            effect=None, item_ids=None, reference="3", issued_at=now, received_at=now, how="letter"
        ),
    )
    host.take(HEAD, case.id, commands.RaiseAlarm("they are in the room"))
    host.take(HEAD, case.id, TOLD)
    host.take(HEAD, case.id, commands.Acknowledge())
    host.push(builders.reminder(_notice()), "m-reminder")
    if case.state is not CaseState.CANCELLED:
        host.take(HEAD, case.id, commands.AnswerByHand())
    after = host.take(
        LEAD, case.id, commands.Dismiss(host.letters_waiting(case.id)[0].message_id, "unknown to the authority")
    )
    assert after.state == case.state


def _notice() -> Notice:
    items = (Item(item_id="1", object_id="post:1"), Item(item_id="2", object_id="post:2"))
    return a_notice(items=2, category="election_rules").model_copy(update={"items": items})


def _queued(_host: Host) -> None:
    """As it is."""


def _claimed(host: Host) -> None:
    assert host.taking.claim(M1).result() is not None


def _asked(host: Host) -> None:
    lease = host.taking.claim(M1).result()
    assert lease is not None
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))


def _in_approval(host: Host) -> None:
    lease = host.taking.claim(M1).result()
    assert lease is not None
    chosen = proposal(*(refusal(item_id) for item_id in sorted(lease.case.open_items)))
    host.take(M1, lease.case.id, commands.Propose(lease.token, chosen))


def _decided(host: Host) -> None:
    host.decide(proposal(measure("1"), measure("2")))


def _own_terms(host: Host) -> None:
    """Two decided it without the order: nothing that is recorded holds it back."""
    host.decide(proposal(*(measure(one, ground="terms_of_service") for one in ("1", "2"))))


def _enforced(host: Host) -> None:
    _decided(host)
    host.world.regulator.faults = [lambda _message: RetryAt("503")] * 100
    host.drain()


def _closed(host: Host) -> None:
    _decided(host)
    host.drain()


def _cancelled(host: Host) -> None:
    host.push(builders.cancellation(_notice(), "withdrawn"), "m-2")


def _lifting(host: Host) -> None:
    _closed(host)
    host.push(builders.cancellation(_notice(), "annulled"), "m-2")


def _lifted(host: Host) -> None:
    _lifting(host)
    host.world.regulator.faults = [lambda _message: RetryAt("503")] * 100
    host.drain()


def _fails_for_good(host: Host) -> None:
    host.world.platform.faults = [lambda _effect: Failed("no such object", permanent=True)] * 2
    host.delivery.drain_once()
    host.world.platform.faults = []


def _undoable_in(way: Callable[[Host], None]) -> Callable[[Host], None]:
    """One item of a reopened case falls, its measure cannot be lifted, and the other is still undecided."""

    def take(host: Host) -> None:
        host.push(_notice(), "m-1")
        _closed(host)
        case = host.case(_notice().notice_id)
        host.take(LEAD, case.id, commands.Reopen("another look"))
        host.push(builders.cancellation(_notice(), "withdrawn", ("1",)), "m-2")
        _fails_for_good(host)
        way(host)
        host.take(LEAD, case.id, commands.RecordUndoable("1", "it is gone"))

    return take


def _undoable_after_deciding(host: Host) -> None:
    host.push(_notice(), "m-1")
    _closed(host)
    case = host.case(_notice().notice_id)
    host.take(LEAD, case.id, commands.Reopen("another look"))
    host.decide(proposal(refusal("1"), refusal("2")))
    _fails_for_good(host)
    for item_id in ("1", "2"):
        host.take(LEAD, case.id, commands.RecordUndoable(item_id, "it is gone"))


def _undoable_when_lifting(host: Host) -> None:
    host.push(_notice(), "m-1")
    _lifting(host)
    _fails_for_good(host)
    for item_id in ("1", "2"):
        host.take(LEAD, host.case(_notice().notice_id).id, commands.RecordUndoable(item_id, "it is gone"))


IN_HAND: tuple[Callable[[Host], None], ...] = (_queued, _claimed, _asked, _in_approval)
"""How the most urgent case comes into each state in which nothing is decided."""
