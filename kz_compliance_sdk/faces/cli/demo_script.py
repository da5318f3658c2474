"""Letting the stories happen: the authority's side over the mock's control interface, the office's side at the desk.

The receiver and the worker are processes of their own. This one only does what people do.
"""

from __future__ import annotations

import json
from typing import Any, Final

from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.demo_processes import Stuck
from kz_compliance_sdk.faces.cli.demo_stage import Stage
from kz_compliance_sdk.faces.cli.demo_stories import Story, Turn, proposal
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.services.review import Lease
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.agreement import Check

__all__ = ["Play"]

MODERATOR: Final = Actor("moderator-1", frozenset({"moderator"}))
LEAD: Final = Actor("lead-1", frozenset({"lead"}))
LAWYER: Final = Actor("lawyer-1", frozenset({"legal"}))
OFFICE: Final = Actor("office-1", frozenset({"head"}))

_FORGERIES: Final = ("unsigned", "wrong_key", "tampered")
_HOUR_S: Final = 3_600


class Play(Stage):
    """One performance. `checks` holds what was seen on the way and what had to be seen. Raises Stuck."""

    def perform(self) -> None:
        """All of it, in order."""
        self._arrive()
        self._office_opens()
        self._moderate()
        self._answer_the_question()
        self._wait_until_ended(except_for=("cut",))
        self._think_again()
        self._moderate()
        self._wait_until_ended()
        self._go_through_an_outage()
        self._wait_until_ended(everything=True)

    # ---------------------------------------------------------------------------------------- what arrives

    def _arrive(self) -> None:
        pushed = [story for story in self._stories.values() if story.way == "pushed" and not story.held_back]
        special = ("duplicate", "forged", "unreadable", "first", "cut")
        plain = [story for story in pushed if story.key not in special]
        self._step("The regulator pushes its notices: {}", *plain)
        for story in plain:
            self._expect(story, self._regulator.issue(story.notice, push=True)["push"], 202)
        self._lose_the_receipt()
        self._forge()
        self._push_twice()
        self._cancel_too_early()
        self._send_what_cannot_be_used()
        polled = [story for story in self._stories.values() if story.way in ("polled", "both")]
        self._step("Others stand in its feed, which the worker reads: {}", *polled)
        for story in polled:
            self._regulator.issue(story.notice, push=story.way != "polled", in_feed=True)
        self._type_in()
        self._wait("the worker to read the feed", lambda: all(self._find(story) is not None for story in polled))

    def _lose_the_receipt(self) -> None:
        story = self._stories["cut"]
        # As often as one call tries: what became of it is then unknown, and the next attempt has to ask.
        times = self._desk.settings.regulator.attempts
        path = f"/v1/notices/{story.notice.notice_id}/reports"
        self._regulator.fail("reset_after", on="report", path=path, times=times)
        self._expect(story, self._regulator.issue(story.notice, push=True)["push"], 202)

    def _forge(self) -> None:
        story = self._stories["forged"]
        self._step("Somebody who is not the regulator sends {} first, in three ways: each gets the same 401.", story)
        message = self._regulator.issue(story.notice, push=False)["message_id"]
        answers = [self._regulator.push_forged(message, how) for how in _FORGERIES]
        bad = [
            f"{how}: {answer['status']}"
            for how, answer in zip(_FORGERIES, answers, strict=True)
            if answer["status"] != 401
        ]
        if len({answer["body"] for answer in answers}) != 1:
            bad.append("the three answers are not the same bytes")
        if self._find(story) is not None:
            bad.append("something of a forgery was stored")
        self.checks.append(Check("forgeries leave nothing behind", f"{len(answers)} answered with 401", tuple(bad)))
        self._expect(story, self._regulator.push(message), 202)

    def _push_twice(self) -> None:
        story = self._stories["duplicate"]
        self._step("{} is pushed twice, as after a lost answer.", story)
        message = self._regulator.issue(story.notice, push=True, copies=2)["message_id"]
        books = self._regulator.books(self._desk.platform_id)
        pushes = [push for push in books["pushes"] if push["message_id"] == message]
        found = []
        if [push["status"] for push in pushes] != [202, 200]:
            found.append(f"answered with {[push['status'] for push in pushes]} and not with 202, then 200")
        if len({push["body"] for push in pushes}) != 1:
            found.append("the two answers differ")
        if len(self._desk.cases(notice_id=story.notice.notice_id).cases) != 1:
            found.append("there is not exactly one case")
        self.checks.append(Check("a repeat gets the first answer", "202, then 200 with the same body", tuple(found)))

    def _cancel_too_early(self) -> None:
        first, early = self._stories["first"], self._stories["early"]
        self._step(
            "The cancellation of {} arrives before the notice itself; {} is withdrawn before anybody decides.",
            first,
            early,
        )
        message = self._regulator.issue(first.notice, push=False)["message_id"]
        self._cancel(first, "withdrawn")
        self._expect(first, self._regulator.push(message), 202)
        self._cancel(early, "withdrawn")

    def _send_what_cannot_be_used(self) -> None:
        story = self._stories["unreadable"]
        self._step("{} comes without its legal basis, and another message is cut off: both go to quarantine.", story)
        body = json.loads(self._bytes_of(story.notice, "msg_without_basis"))
        del body["data"]["legal_basis"]
        self._expect(story, self._regulator.push_body(json.dumps(body, ensure_ascii=False).encode()), 422)
        whole = self._bytes_of(builders.notice(1), "msg_cut_off")
        answer = self._regulator.push_body(whole[: len(whole) // 2])
        self._expect(story, answer, 422)
        self.settled_case_id = json.loads(answer["body"])["instance"].removeprefix("urn:uuid:")

    def _type_in(self) -> None:
        typed = [story for story in self._stories.values() if story.way == "typed in"]
        self._step("The office types in a letter and an e-mail that came an hour ago: {}", *typed)
        for story in typed:
            how = "letter" if story.key == "letter" else "e-mail"
            self._desk.enter(OFFICE, story.notice, self._desk.store.now() - _HOUR_S, how)

    # ----------------------------------------------------------------------------------- what people do

    def _office_opens(self) -> None:
        unreadable, letter, reminded = (self._stories[key] for key in ("unreadable", "letter", "reminded"))
        self._step(
            "The lead vouches for {} after calling back; nobody vouches for {}.", letter, self._stories["doubted"]
        )
        self._desk.authenticate(
            LEAD, self._case(letter).id, "Called back on the number in the register of authorities."
        )
        self._step("The lead settles the message that was cut off; the authority sends {} anew.", unreadable)
        self._desk.settle_quarantine(
            LEAD, self.settled_case_id, "The sender was called: a test of its system, no demand."
        )
        held = self._case(unreadable)
        self._wait("a second to pass", lambda: self._desk.store.now() > held.received_at)
        self._expect(unreadable, self._regulator.issue(unreadable.notice, push=True)["push"], 202)
        admitted = self._case(unreadable)
        kept = (admitted.id, admitted.received_at, admitted.state) == (held.id, held.received_at, CaseState.QUEUED)
        self.checks.append(
            Check(
                "what came back from quarantine keeps its clock",
                f"received {screen.both(held.received_at)}",
                ()
                if kept
                else (f"received {screen.both(held.received_at)}, its clock says {screen.both(admitted.received_at)}",),
            )
        )
        self._step("The authority reminds of {}, and announces a warning.", reminded)
        self._regulator.issue(builders.reminder(reminded.notice, 2), "notice.reminded", push=True)
        sanction = builders.sanction(1, [reminded.notice.notice_id], effective_at=self._desk.store.now())
        self._regulator.issue(sanction, "sanction.announced", push=True)
        self.sanction_id = sanction.sanction_id
        raised, known = self._case(reminded).level, [noted.sanction_id for noted in self._desk.sanctions()]
        found = [] if raised >= 2 else [f"the reminder left the level at {raised}"]
        found += [] if known == [self.sanction_id] else [f"the sanctions on the board are {known}"]
        self.checks.append(
            Check("the reminder and the sanction are noted", f"level {raised}, {len(known)} sanction", tuple(found))
        )

    def _moderate(self) -> None:
        self._screen.step("The moderator takes the most urgent case, again and again, until none is free.")
        while (lease := self._desk.claim(MODERATOR)) is not None:
            self._take_turn(lease)

    def _take_turn(self, lease: Lease) -> None:
        case = lease.case
        story = self._of_notice[case.notice_id]
        number = self._turns[story.key]
        if number >= len(story.turns):
            raise Stuck(f"{case.notice_id} came back to the queue once more than it should.", reference=case.id)
        self._turns[story.key] += 1
        turn = story.turns[number]
        if turn.asks:
            self._step("{}: it is not clear which part is meant. The moderator asks.", story)
            self._desk.request_clarification(MODERATOR, case.id, lease.token, [_QUESTION], text_checked=True)
            return
        self._decide(story, turn, lease)

    def _decide(self, story: Story, turn: Turn, lease: Lease) -> None:
        case_id = lease.case.id
        decided = self._desk.propose(MODERATOR, case_id, lease.token, proposal(turn))
        if turn.then == "send_back":
            self._step("{}: the lead does not agree and sends it back.", story)
            self._desk.send_back(LEAD, case_id, decided.digest, "Say in the reasons which statement is meant.")
            return
        if decided.decision.needs_approval:
            self._step("{}: this category needs a second person. A lawyer approves what was proposed.", story)
            self._desk.approve(LAWYER, case_id, decided.digest)
        if turn.then == "undo":
            self._step("{}: the moderator takes the decision back inside the undo window.", story)
            self._desk.undo(MODERATOR, case_id)

    def _answer_the_question(self) -> None:
        story = self._stories["question"]
        asked: list[dict[str, Any]] = []

        def has_come() -> bool:
            books = self._regulator.books(self._desk.platform_id)
            asked[:] = books["notices"][story.notice.notice_id]["clarification_requests"]
            return bool(asked)

        self._wait("the question to reach the regulator", has_come)
        self._step("The authority answers the question about {}.", story)
        answer = builders.clarification(story.notice, asked[0]["idempotency_key"])
        self._regulator.issue(answer, "notice.clarified", push=True)
        self._moderate()

    def _carry_letters(self) -> None:
        for story in self._stories.values():
            if story.way != "typed in":
                continue
            for message in self._messages(story, "report"):
                if message.state == "waiting":
                    self._carry(story, message)

    def _carry(self, story: Story, message: OutboxMessage) -> None:
        for lang in ("kk", "ru"):
            file = self._place.directory / f"letter-{story.notice.notice_id}-{lang}.txt"
            file.write_text(self._desk.letter(message.id, lang), encoding="utf-8")
        self._step("The office prints the answer to {}, posts it, and records number, time and proof.", story)
        number = f"2-{self._number[story.key]}/26"
        proof = Proof("post", number, self._desk.store.now(), f"Postal receipt of letter {number}.")
        self._desk.record_delivery(OFFICE, message.id, proof)

    # ---------------------------------------------------------------------------- what comes after a decision

    def _think_again(self) -> None:
        self._step(
            "The authority withdraws {} and annuls {}: what rests on them alone is lifted at once.",
            self._stories["withdrawn"], self._stories["annulled"],
        )  # fmt: skip
        self._cancel(self._stories["withdrawn"], "withdrawn")
        self._cancel(self._stories["annulled"], "annulled")
        account, post, held = (self._stories[key] for key in ("remedied_account", "remedied_post", "held_too"))
        self._step("{} and {} are remedied: the account is lifted, the post is not republished.", account, post)
        self._cancel(account, "remedied")
        self._cancel(post, "remedied")
        self._step("{} is withdrawn too, but {} names the same object: it stays.", held, self._stories["held"])
        self._cancel(held, "withdrawn")
        amended = self._stories["amended"]
        self._step("{} is amended: one item gone, one new. It is decided anew.", amended)
        assert amended.revised is not None  # noqa: S101  its story says so
        self._expect(amended, self._regulator.issue(amended.revised, "notice.amended", push=True)["push"], 202)

    def _go_through_an_outage(self) -> None:
        self._screen.step("The regulator's interface goes down: every call gets 503 and 'Retry-After: 1'.")
        self._regulator.outage(True, retry_after_s=1)
        down = [story for story in self._stories.values() if story.held_back]
        for story in down:
            self._expect(story, self._regulator.issue(story.notice, push=True)["push"], 202)
        self._moderate()
        self._wait("a report to fail", lambda: all(self._attempts(story, "report") for story in down))
        self._screen.step("It comes back. Nothing was lost: the outbox goes on trying.")
        self._regulator.outage(False)

    def _cancel(self, story: Story, effect: Any) -> None:
        cancelled = builders.cancellation(story.notice, effect, issued_at=self._desk.store.now())
        self._expect(story, self._regulator.issue(cancelled, "notice.cancelled", push=True)["push"], 202)

    def _wait_until_ended(self, *, except_for: tuple[str, ...] = (), everything: bool = False) -> None:
        awaited = [
            story
            for story in self._stories.values()
            if story.key not in except_for and (everything or not story.held_back)
        ]

        def ended() -> bool:
            self._carry_letters()
            return all(self._case(story).state == story.end for story in awaited)

        self._wait("every answer to be confirmed", ended)

    # ----------------------------------------------------------------------------------------- afterwards

    def look_back(self) -> None:
        """Check what the attempts say about the outage, the lost receipt and the platform's moods."""
        down = [
            attempt
            for story in self._stories.values()
            if story.held_back
            for attempt in self._attempts(story, "report")
        ]
        results = [result for result, _ in down]
        survived = "retry" in results and results[-1:] == ["delivered"]
        self.checks.append(
            Check(
                "the outage was felt and survived", ", ".join(results), () if survived else ("no failure and recovery",)
            )
        )
        cut = self._stories["cut"]
        reports = self._messages(cut, "report")
        asked = [r for r in self._regulator.requests() if r["path"] in {f"/v1/reports/{m.id}" for m in reports}]
        results = [result for result, _ in self._attempts(cut, "report")]
        found = [] if results == ["unknown", "delivered"] else [f"the attempts of its report came to {results}"]
        found += [] if asked else ["nobody asked whether it had arrived"]
        self.checks.append(Check("a lost receipt is looked up", ", ".join(results), tuple(found)))
        for key, answer in (("slow", "pending"), ("flaky", "failed")):
            results = [result for result, _ in self._attempts(self._stories[key], "enforce")]
            right = results == [answer, "in_force"]
            self.checks.append(
                Check(
                    f"a {key} platform is waited for",
                    ", ".join(results),
                    () if right else (f"the attempts came to {results}",),
                )
            )


_QUESTION: Final = Question(
    text=(
        Statement(lang="kk", text="Жарияланымның қай бөлігі айтылып отыр?"),
        Statement(lang="ru", text="Какая часть публикации имеется в виду?"),
    )
)
