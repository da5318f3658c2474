"""What the people of a walk record of contests, suspensions and letters: a next step at each visit."""

from __future__ import annotations

import random
from collections.abc import Callable

from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.contest import CONTEST_RESULTS, SuspensionOrder
from kz_compliance_sdk.domain.notice import Answer
from kz_compliance_sdk.domain.report import Contest
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.services.by_letter import ByLetter
from kz_compliance_sdk.services.contests import Contests
from tests.journey.scene import HEAD, LEAD, PLATFORM, Host

CLERK = Actor("clerk", frozenset({"head"}))


class Remedies:
    """The steps of a host's people, at random by `chance`."""

    def __init__(self, host: Host, chance: random.Random) -> None:
        self._host, self._chance = host, chance
        self._contests = Contests(host.store, PLATFORM, host.world.env().entropy)
        self._letters = ByLetter(host.store, PLATFORM, host.policy, host.respondent, host.world.env().entropy)

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
            self._contests.record(HEAD, case.id, Contest(body="a court", reference="1", filed_at=now), "annul it")
        else:
            result = self._chance.choice(CONTEST_RESULTS)
            self._contests.settle(LEAD, case.id, open_[0], result, now, "so it was decided")

    def suspend(self, case: Case) -> None:
        now = self._host.world.clock()
        last = case.suspensions[-1] if case.suspensions else None
        if last is None or (last.ended_at is not None or (last.ends_at or now + 1) <= now):
            begin = now - self._chance.choice((0, 600, 40_000))
            until = self._chance.choice((None, None, now + 3_000))
            self._contests.suspend(HEAD, case.id, SuspensionOrder("a court", "2", begin, "article 1", "a" * 64, until))
        elif not last.confirmed_by and self._chance.random() < 0.7:
            self._contests.confirm_suspension(LEAD, case.id, last.number, "read on the court's site")
        else:
            self._contests.end_suspension(LEAD, case.id, last.number, now, "lifted")

    def letter(self, case: Case) -> None:
        waiting, now = self._letters.waiting(case.id), self._host.world.clock()
        if waiting and self._chance.random() < 0.6:
            self._letters.vouch(LEAD, case.id, waiting[0].message_id, "called back")
        elif waiting:
            self._letters.dismiss(LEAD, case.id, waiting[0].message_id, "the authority knows of no such letter")
        elif self._chance.random() < 0.5:
            answer = Answer(text=(LocalText(lang="ru", text="Всё."),))
            self._letters.enter_answer(
                CLERK, case.id, in_reply_to="a", answers=(answer,), received_at=now, how="letter"
            )
        else:
            effect = self._chance.choice(("withdrawn", "annulled", "remedied", None))
            self._letters.enter_cancellation(
                CLERK, case.id, effect=effect, item_ids=None, reference=str(now), issued_at=now, received_at=now,  # type: ignore[arg-type]
                how="letter",
            )  # fmt: skip

    def give_up(self, case: Case) -> None:
        for item in case.items:
            if item.status == "lifting":
                self._host.review.record_undoable(LEAD, case.id, item.item_id, "its object is gone").result()
