"""What happens in the demonstration: the stories as data, the play that lets them happen, and the books at its end.

The receiver, the worker and the regulator are processes of their own. This one only does what people do.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION
from kz_compliance_sdk.domain.messages import BY_HAND, object_key
from kz_compliance_sdk.domain.notice import Effect, Item, Notice
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.command import Answer
from kz_compliance_sdk.faces.cli.demo_stage import Processes, Screen, Stuck, show_end
from kz_compliance_sdk.faces.cli.documents import Document, fields
from kz_compliance_sdk.faces.cli.session import Session
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import agreement, builders
from kz_compliance_sdk.testing.agreement import Check, Sent
from kz_compliance_sdk.testing.mock_regulator import ControlClient
from kz_compliance_sdk.testing.office import VERDICTS, Office, Verdict
from kz_compliance_sdk.wire.signature import Profile
from kz_compliance_sdk.wire.v1 import MessageData

MAX_SEED: Final = 9_999
"""The highest seed: each has a hundred notice numbers of its own."""
UNDO_S: Final = 2
"""The undo window of the demonstration, in seconds. The policy's is longer, and only a sandbox may shorten it."""
_PATIENCE_S: Final = 30.0

_LEGAL, _REMOVE, _RESTRICT = VERDICTS["none"], VERDICTS["remove"], VERDICTS["restrict_access"]
_AGE, _LABEL, _SUSPEND = VERDICTS["age_restrict"], VERDICTS["label"], VERDICTS["suspend_account"]
_SPEECH: Final = Verdict("none", "refused", "not_illegal", "protected_speech")
_GONE: Final = Verdict("none", "already_unavailable", "not_assessed")
_DOUBTED: Final = Verdict("none", "refused", "not_assessed", "not_authentic")
_MEASURE_OF: Final = {outcome: action for action, outcome in OUTCOME_OF_ACTION.items()}
# The sample notices by their subject: the builder chooses it by the number's rest.
_GAMBLING, _BULLYING, _DRUGS, _FRAUD, _EXTREMISM, _FALSE, _PERSONAL, _ADULT = range(8)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the moderator decides of each item of a case that was just claimed; of none, the authority is asked. `then`
    is what somebody does right after that."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    then: Literal["", "undo", "send_back"] = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One notice. `outcomes` is what the regulator must hold of each item in the end. `falls` is how the authority
    takes its order back; `revised` is what it puts in its place."""

    key: str
    title: str
    way: Literal["pushed", "polled", "both", "typed in"]
    notice: Notice
    turns: tuple[Turn, ...]
    outcomes: Mapping[str, str]
    falls: Effect | None = None
    revised: Notice | None = None

    @property
    def end(self) -> CaseState:
        """Where its case must be in the end."""
        return CaseState.CLOSED if self.turns else CaseState.CANCELLED

    @property
    def objects(self) -> dict[str, str]:
        """Each object that is touched, with the measure that must be in force in the end."""
        items = {item.item_id: item for item in (*self.notice.items, *(self.revised.items if self.revised else ()))}
        touched = {name for turn in self.turns for name, verdict in turn.verdicts.items() if verdict.action != "none"}
        return {object_key(items[name]): _MEASURE_OF.get(self.outcomes[name], "") for name in sorted(touched)}  # type: ignore[call-overload]


def stories(seed: int, now: int) -> tuple[Story, ...]:
    """Every story of one run. The same `seed` (1 to MAX_SEED) tells the same; `now` is UTC seconds."""
    told: list[Story] = []

    def tell(
        key: str, title: str, theme: int, *verdicts: Verdict, way: str = "pushed", about: str = "", **more: Any
    ) -> None:
        number = ((seed - 1) * 100 + len(told)) * 8 + theme + 1
        category = {"category": more.pop("category")} if "category" in more else {}
        items: Any = max(1, len(verdicts)) if not about else [_item(f"{about}-{seed}", _SUSPEND in verdicts)]
        notice = builders.notice(number, items=items, issued_at=now, **category)
        decided = {item.item_id: verdict for item, verdict in zip(notice.items, verdicts, strict=False)}
        lifted = more.get("falls") in ("withdrawn", "annulled") and not key.startswith("held")
        outcomes = {name: "restored" if lifted else verdict.outcome for name, verdict in decided.items()}
        given = {"turns": (Turn(decided),) if decided else (), "outcomes": outcomes, **more}
        told.append(Story(key=key, title=title, way=way, notice=notice, **given))  # type: ignore[arg-type]

    first = {"1": _REMOVE}
    tell("plain", "one post, one decision", _GAMBLING, _REMOVE)
    tell("partial", "three items, three outcomes", _DRUGS, _REMOVE, _LEGAL, _RESTRICT)
    tell("four_eyes", "a second person approves", _EXTREMISM, _REMOVE)
    again = (Turn({"1": _LABEL}, then="send_back"), Turn({"1": _LABEL}))
    tell("sent_back", "the second person sends it back first", _FALSE, _LABEL, turns=again)
    tell("speech", "political speech: refused", _EXTREMISM, _SPEECH, category="unsanctioned_assembly")
    tell("duplicate", "pushed twice: one case, one answer", _GAMBLING, _REMOVE)
    tell("question", "asked what was meant, then decided", _BULLYING, _REMOVE, turns=(Turn(), Turn(first)))
    tell("forged", "forged before the true one came", _GAMBLING, _REMOVE)
    tell("unreadable", "unusable first: it keeps the earlier clock", _PERSONAL, _REMOVE)
    anew = (Turn(first, then="undo"), Turn({"1": _RESTRICT}))
    tell("undone", "taken back inside the undo window, decided anew", _DRUGS, _RESTRICT, turns=anew)
    tell("cut", "its receipt is lost: looked up, not sent again", _DRUGS, _RESTRICT)
    tell("flaky", "the platform fails once", _ADULT, _AGE, about="flaky")
    tell("amended", "amended after its decision: decided anew", _PERSONAL, _REMOVE, _REMOVE)
    told[-1] = _amended(told[-1])
    tell("withdrawn", "withdrawn after the measure: lifted", _GAMBLING, _REMOVE, falls="withdrawn")
    tell("annulled", "annulled after the measure: lifted", _DRUGS, _RESTRICT, falls="annulled")
    account: dict[str, Any] = {"falls": "remedied", "outcomes": {"1": "restored"}}
    tell("remedied_account", "remedied: the account is lifted", _FRAUD, _SUSPEND, about="shop", **account)
    tell("remedied_post", "remedied: the post is not republished", _BULLYING, _REMOVE, falls="remedied")
    tell("held", "an order about an object that another names", _GAMBLING, _REMOVE, about="bet")
    held = "withdrawn, but another order holds the object"
    tell("held_too", held, _GAMBLING, _REMOVE, about="bet", falls="withdrawn")
    tell("early", "withdrawn before any decision", _DRUGS)
    tell("first", "its cancellation came before it", _FRAUD)
    tell("court", "a court order from the feed", _PERSONAL, _REMOVE, way="polled")
    tell("adult", "a recommendation: a term of working days", _ADULT, _AGE, way="polled")
    tell("slow", "the platform needs a while", _DRUGS, _RESTRICT, way="polled", about="slow")
    tell("gone", "gone before the notice came", _FRAUD, _GONE, way="polled")
    tell("reminded", "the authority reminds", _GAMBLING, _REMOVE, _REMOVE, way="polled")
    tell("both", "pushed, and in the feed as well: one case", _BULLYING, _REMOVE, way="both")
    tell("letter", "a letter, vouched for and answered by hand", _PERSONAL, _REMOVE, way="typed in")
    tell("doubted", "an e-mail that nobody vouches for", _GAMBLING, _DOUBTED, way="typed in")
    tell("down", "answered while the regulator is down", _GAMBLING, _REMOVE, _RESTRICT)
    return tuple(told)


def _item(name: str, account: bool) -> Item:
    if account:
        return Item(item_id="1", account_ref=name, content_type="account")
    return Item(item_id="1", url=f"{builders.HOST}/p/{name}", object_id=name, content_type="post")


def _amended(story: Story) -> Story:
    """One item gone, one new: decided anew."""
    before = story.notice
    new = _item(f"amended-{before.notice_id}", account=False).model_copy(update={"item_id": "3"})
    after = before.model_copy(update={"revision": 2, "items": (before.items[0], new)})
    outcomes = {"1": "removed", "2": "restored", "3": "restricted"}
    turns = (*story.turns, Turn({"1": _REMOVE, "3": _RESTRICT}))
    return replace(story, turns=turns, outcomes=outcomes, revised=after)


_QUESTION: Final = Question(
    text=(
        Statement(lang="kk", text="Жарияланымның қай бөлігі айтылып отыр?"),
        Statement(lang="ru", text="Какая часть публикации имеется в виду?"),
    )
)


class Play:
    """One performance. `checks` holds what was seen on the way and what had to be seen. Raises Stuck."""

    def __init__(
        self,
        told: Sequence[Story],
        desk: ComplianceDesk,
        regulator: ControlClient,
        processes: Processes,
        on_screen: Screen,
    ) -> None:
        self._stories = {story.key: story for story in told}
        self._number = {story.key: number for number, story in enumerate(told, 1)}
        self._desk, self._office, self._regulator = desk, Office(desk), regulator
        self._processes, self._screen = processes, on_screen
        self._case_ids: dict[str, str] = {}
        self._turns: Counter[str] = Counter()
        self.checks: list[Check] = []
        self._settled_case_id = self._sanction_id = ""

    def perform(self) -> None:
        """All of it, in order."""
        self._arrive()
        self._office_opens()
        self._moderate()
        self._answer_the_question()
        self._wait_until_ended(but=("cut", "down"))
        self._think_again()
        self._moderate()
        self._wait_until_ended(but=("down",))
        self._go_through_an_outage()
        self._wait_until_ended()
        self._look_back()

    # ---------------------------------------------------------------------------------------- what arrives

    def _arrive(self) -> None:
        special = ("duplicate", "forged", "unreadable", "first", "cut", "down")
        pushed = [story for story in self._came("pushed") if story.key not in special]
        self._step("The regulator pushes its notices: {}", *pushed)
        for story in pushed:
            self._push(story.notice)
        cut = self._stories["cut"].notice
        # As often as one call tries: what became of it is then unknown, and the next attempt has to ask.
        lost = {"path": f"/v1/notices/{cut.notice_id}/reports", "times": self._desk.settings.regulator.attempts}
        self._regulator.do("faults", kind="reset_after", on="report", **lost)
        self._push(cut)
        self._forge(self._stories["forged"])
        self._push_twice(self._stories["duplicate"])
        first, early = self._stories["first"], self._stories["early"]
        told = "The cancellation of {} arrives before the notice itself; {} is withdrawn before anybody decides."
        self._step(told, first, early)
        message = self._issue(first.notice)["message_id"]
        self._cancel(first, "withdrawn")
        self._expect(self._regulator.do("push", message_id=message))
        self._cancel(early, "withdrawn")
        self._send_what_cannot_be_used(self._stories["unreadable"])
        polled = [*self._came("polled"), *self._came("both")]
        self._step("Others stand in its feed, which the worker reads: {}", *polled)
        for story in polled:
            self._issue(story.notice, push=story.way == "both", in_feed=True)
        typed = self._came("typed in")
        self._step("The office types in a letter and an e-mail that came an hour ago: {}", *typed)
        for story, how in zip(typed, ("letter", "e-mail"), strict=True):
            self._desk.enter(Office.head, story.notice, self._desk.store.now() - 3_600, how)
        self._wait("the worker to read the feed", lambda: all(self._find(story) is not None for story in polled))

    def _came(self, way: str) -> list[Story]:
        return [story for story in self._stories.values() if story.way == way]

    def _forge(self, story: Story) -> None:
        self._step("Somebody who is not the regulator sends {} first, in three ways: each gets the same 401.", story)
        message = self._issue(story.notice)["message_id"]
        ways = ("unsigned", "wrong_key", "tampered")
        answers = [self._regulator.do("push-forged", message_id=message, how=how) for how in ways]
        found = {
            f"answered with {[answer['status'] for answer in answers]}": {a["status"] for a in answers} != {401},
            "the three answers are not the same bytes": len({answer["body"] for answer in answers}) != 1,
            "something of a forgery was stored": self._find(story) is not None,
        }
        self._note("forgeries leave nothing behind", f"{len(answers)} answered with 401", found)
        self._expect(self._regulator.do("push", message_id=message))

    def _push_twice(self, story: Story) -> None:
        self._step("{} is pushed twice, as after a lost answer.", story)
        message = self._issue(story.notice, push=True, copies=2)["message_id"]
        pushes = self._regulator.books(self._desk.platform_id)["pushes"]
        answers = [(push["status"], push["body"]) for push in pushes if push["message_id"] == message]
        statuses, bodies = [status for status, _ in answers], {body for _, body in answers}
        found = {
            f"answered with {statuses} and not with 202, then 200": statuses != [202, 200],
            "the two answers differ": len(bodies) != 1,
            "there is not exactly one case": len(self._desk.cases(notice_id=story.notice.notice_id).cases) != 1,
        }
        self._note("a repeat gets the first answer", "202, then 200 with the same body", found)

    def _send_what_cannot_be_used(self, story: Story) -> None:
        self._step("{} comes without its legal basis, and another message is cut off: both go to quarantine.", story)
        now = self._desk.store.now()
        message = json.loads(builders.message_bytes(story.notice, message_id="msg_without_basis", sent_at=now))
        del message["data"]["legal_basis"]
        whole = builders.message_bytes(builders.notice(1), message_id="msg_cut_off", sent_at=now)
        for body in (json.dumps(message, ensure_ascii=False).encode(), whole[: len(whole) // 2]):
            answer = self._regulator.do("push-unreadable", body=base64.b64encode(body).decode())
            self._expect(answer, 422)
        self._settled_case_id = json.loads(answer["body"])["instance"].removeprefix("urn:uuid:")

    # ------------------------------------------------------------------------------------- what people do

    def _office_opens(self) -> None:
        unreadable, letter, reminded = (self._stories[key] for key in ("unreadable", "letter", "reminded"))
        told = "The lead vouches for {} after calling back; nobody vouches for {}."
        self._step(told, letter, self._stories["doubted"])
        called = "Called back on the number in the register of authorities."
        self._desk.take(Office.lead, self._case(letter).id, commands.Authenticate(called))
        self._step("The lead settles the message that was cut off; the authority sends {} anew.", unreadable)
        why = "The sender was called: a test of its system, no demand."
        self._desk.take(Office.lead, self._settled_case_id, commands.SettleQuarantine(why))
        held = self._case(unreadable)
        self._wait("a second to pass", lambda: self._desk.store.now() > held.received_at)
        self._push(unreadable.notice)
        admitted, since = self._case(unreadable), screen.both(held.received_at)
        kept = (admitted.id, admitted.received_at, admitted.state) == (held.id, held.received_at, CaseState.QUEUED)
        found = {f"received {since}, its clock says {screen.both(admitted.received_at)}": not kept}
        self._note("what came back from quarantine keeps its clock", f"received {since}", found)
        self._step("The authority reminds of {}, and announces a warning.", reminded)
        self._push(builders.reminder(reminded.notice, 2), "notice.reminded")
        sanction = builders.sanction(1, [reminded.notice.notice_id], effective_at=self._desk.store.now())
        self._push(sanction, "sanction.announced")
        self._sanction_id = sanction.sanction_id
        level, known = self._case(reminded).level, [noted.sanction_id for noted in self._desk.sanctions()]
        found = {
            f"the reminder left the level at {level}": level < 2,
            f"the sanctions on the board are {known}": known != [self._sanction_id],
        }
        self._note("the reminder and the sanction are noted", f"level {level}, {len(known)} sanction", found)

    def _moderate(self) -> None:
        self._step("The moderator takes the most urgent case, again and again, until none is free.")
        of_notice = {story.notice.notice_id: story for story in self._stories.values()}
        while (lease := self._desk.claim(Office.moderator)) is not None:
            story = of_notice[lease.case.notice_id]
            done = self._turns[story.key]
            if done >= len(story.turns):
                raise Stuck(f"{lease.case.notice_id} came back once more than it should.", reference=lease.case.id)
            self._turns[story.key] += 1
            self._take_turn(story, story.turns[done], lease)

    def _take_turn(self, story: Story, turn: Turn, lease: Lease) -> None:
        desk, case_id = self._desk, lease.case.id
        if not turn.verdicts:
            self._step("{}: it is not clear which part is meant. The moderator asks.", story)
            desk.take(
                Office.moderator, case_id, commands.RequestClarification(lease.token, [_QUESTION], text_checked=True)
            )
            return
        proposal = self._office.proposal(desk.notice(case_id), turn.verdicts)
        decided = desk.propose(Office.moderator, case_id, lease.token, proposal)
        if turn.then == "send_back":
            self._step("{}: the lead does not agree and sends it back.", story)
            desk.send_back(Office.lead, case_id, decided.digest, "Say in the reasons which statement is meant.")
            return
        if decided.decision.needs_approval:
            self._step("{}: this category needs a second person. A lawyer approves what was proposed.", story)
            desk.approve(Office.legal, case_id, decided.digest)
        if turn.then == "undo":
            self._step("{}: the moderator takes the decision back inside the undo window.", story)
            desk.undo(Office.moderator, case_id)

    def _answer_the_question(self) -> None:
        story = self._stories["question"]

        def asked() -> Any:
            books = self._regulator.books(self._desk.platform_id)
            return books["notices"][story.notice.notice_id]["clarification_requests"]

        self._wait("the question to reach the regulator", lambda: bool(asked()))
        self._step("The authority answers the question about {}.", story)
        self._push(builders.clarification(story.notice, asked()[0]["idempotency_key"]), "notice.clarified")
        self._moderate()

    def _carry_letters(self) -> None:
        for story in self._came("typed in"):
            for message in self._messages(story, "report"):
                if message.state != "waiting":
                    continue
                for lang in ("kk", "ru"):
                    file = self._processes.directory / f"letter-{story.notice.notice_id}-{lang}.txt"
                    file.write_text(self._desk.letter(message.id, lang), encoding="utf-8")
                self._step("The office prints the answer to {}, posts it, and records number, time and proof.", story)
                number = f"2-{self._number[story.key]}/26"
                proof = Proof("post", number, self._desk.store.now(), f"Postal receipt of letter {number}.")
                self._desk.record_delivery(Office.head, message.id, proof)

    # ----------------------------------------------------------------------------- what comes after a decision

    def _think_again(self) -> None:
        for told, *keys in (
            (
                "The authority withdraws {} and annuls {}: what rests on them alone is lifted at once.",
                "withdrawn",
                "annulled",
            ),
            (
                "{} and {} are remedied: the account is lifted, the post is not republished.",
                "remedied_account",
                "remedied_post",
            ),
            ("{} is withdrawn too, but {} names the same object: it stays.", "held_too", "held"),
        ):
            fallen = [self._stories[key] for key in keys]
            self._step(told, *fallen)
            for story in fallen:
                if story.falls is not None:
                    self._cancel(story, story.falls)
        amended = self._stories["amended"]
        self._step("{} is amended: one item gone, one new. It is decided anew.", amended)
        assert amended.revised is not None  # noqa: S101  its story says so
        self._push(amended.revised, "notice.amended")

    def _go_through_an_outage(self) -> None:
        self._step("The regulator's interface goes down: every call gets 503 and 'Retry-After: 1'.")
        self._regulator.do("outage", on=True, retry_after_s=1)
        down = self._stories["down"]
        self._push(down.notice)
        self._moderate()
        self._wait("a report to fail", lambda: bool(self._results(down, "report")))
        self._step("It comes back. Nothing was lost: the outbox goes on trying.")
        self._regulator.do("outage", on=False)

    def _look_back(self) -> None:
        """Check what the attempts say about the outage, the lost receipt and the platform's moods."""
        results = self._results(self._stories["down"], "report")
        survived = "retry" in results and results[-1:] == ["delivered"]
        self._note("the outage was felt and survived", ", ".join(results), {"no failure and recovery": not survived})
        cut = self._stories["cut"]
        paths = {f"/v1/reports/{message.id}" for message in self._messages(cut, "report")}
        asked = any(request["path"] in paths for request in self._regulator.get("requests")["data"])
        results = self._results(cut, "report")
        found = {
            f"the attempts of its report came to {results}": results != ["unknown", "delivered"],
            "nobody asked whether it had arrived": not asked,
        }
        self._note("a lost receipt is looked up", ", ".join(results), found)
        for key, answer in (("slow", "pending"), ("flaky", "failed")):
            results = self._results(self._stories[key], "enforce")
            found = {f"the attempts came to {results}": results != [answer, "in_force"]}
            self._note(f"a {key} platform is waited for", ", ".join(results), found)

    # ------------------------------------------------------------------------------------- both sets of books

    def close(self) -> list[dict[str, Any]]:
        """Hold the books of both sides and the platform against each other. One row for each notice, and for what came
        and is none."""
        case_ids = self._desk.store.queries(self._desk.platform_id).case_ids()
        files = [self._desk.case_file(case_id) for case_id in case_ids]
        of_notice = {file.case.notice_id: file for file in files}
        (settled,) = (file for file in files if file.case.id == self._settled_case_id)
        self.checks[:0] = [*self._agreements(files), *self._ends(files, settled)]
        every: list[tuple[str, str, str, CaseFile | None]] = [
            *((key, one.title, one.way, of_notice[one.notice.notice_id]) for key, one in self._stories.items()),
            ("quarantine", "cut off: settled by a person", "pushed", settled),
            ("forgery", f"three forgeries of #{self._number['forged']}: refused with 401", "pushed", None),
            ("sanction", f"the warning {self._sanction_id}: on the board", "pushed", None),
        ]
        return [_row(number, *row) for number, row in enumerate(every, 1)]

    def _agreements(self, files: Sequence[CaseFile]) -> Iterator[Check]:
        told = self._stories.values()
        books, changes = self._regulator.books(self._desk.platform_id), self._processes.changes()
        signed, typed = [story for story in told if story.way != "typed in"], self._came("typed in")
        messages = [(file, message) for file in files for message in file.messages]
        sent = [
            Sent.of(file.case.notice_id, m)
            for file, m in messages
            if m.kind in agreement.KINDS and m.endpoint != BY_HAND and m.state != "void"
        ]
        for kind in agreement.KINDS:
            yield agreement.receipts(kind, sent, books)
        revisions = {s.notice.notice_id: [1, s.revised.revision] if s.revised else [1] for s in signed}
        yield agreement.acknowledgements(revisions, books)
        yield agreement.outcomes({story.notice.notice_id: story.outcomes for story in signed}, books)
        letters = [wrong for story in typed for wrong in self._letters(story)]
        yield Check("every letter is answered, with its proof", f"{len(typed)} letters", (*letters,))
        decided = {key: measure for story in told for key, measure in story.objects.items()}
        standing = {key: measure for key, _, measure in changes}
        yield agreement.effects(decided, standing, [(key, version) for key, version, _ in changes])
        outbox, health = agreement.outbox((m.id, m.kind, m.state) for _, m in messages), self._desk.health()
        lost = (f"{health.undelivered} undelivered, {health.parked} parked",) * bool(health.undelivered + health.parked)
        yield Check(outbox.name, outbox.told, (*outbox.differences, *lost))

    def _ends(self, files: Sequence[CaseFile], settled: CaseFile) -> Iterator[Check]:
        verdict, events = self._desk.verify_audit(), sum(len(file.chain.events) for file in files)
        told = f"{events} events of {verdict.checked} cases"
        yield Check("the ledger is whole", told, (*map(str, verdict.faults),))
        ends = {story.notice.notice_id: story.end for story in self._stories.values()}
        stand = [(file.case.notice_id, file.case.state) for file in files if file is not settled]
        astray = [f"{name} is {state} and not {ends.get(name)}" for name, state in stand if state != ends.get(name)]
        yield Check("every notice has come to its end", f"{len(ends)} notices", (*astray,))
        late = [f"{file.case.notice_id} was late" for file in files if file.clock.late]
        yield Check("nobody was late", f"{len(files)} clocks", (*late,))
        held = [f"{file.case.id} is there" for file in files if file.case.state is CaseState.QUARANTINED]
        kinds = [event.kind for event in settled.chain.events][-2:]
        held += [] if kinds == ["quarantine_settled", "counted"] else [f"what was cut off ended with {kinds}"]
        yield Check("the quarantine is empty", "one settled by a person, one admitted", (*held,))

    def _letters(self, story: Story) -> Iterator[str]:
        name, reports = story.notice.notice_id, self._messages(story, "report")
        answered = [(m, json.loads(m.receipt)) for m in reports if m.endpoint == BY_HAND and m.state == "done"]
        if len(answered) != 1:
            yield f"{name}: {len(answered)} letters are recorded"
        for report, proof in answered:
            if proof["body_sha256"] != hashlib.sha256(report.body).hexdigest() or not proof["proof"]:
                yield f"{name}: the proof does not speak of the letter"
            if _outcomes(report) != dict(story.outcomes):
                yield f"{name}: the letter says {_outcomes(report)}"

    # ------------------------------------------------------------------------------------- both sides' hands

    def _issue(self, data: MessageData, kind: str = "notice.issued", **how: Any) -> dict[str, Any]:
        value = data.model_dump(mode="json", exclude_none=True)
        return self._regulator.do("issue", type=kind, data=value, **{"push": False, "in_feed": False, **how})

    def _push(self, data: MessageData, kind: str = "notice.issued") -> None:
        self._expect(self._issue(data, kind, push=True)["push"])

    def _cancel(self, story: Story, effect: Effect) -> None:
        cancelled = builders.cancellation(story.notice, effect, issued_at=self._desk.store.now())
        self._push(cancelled, "notice.cancelled")

    def _expect(self, push: Mapping[str, Any], status: int = 202) -> None:
        if push["status"] != status:
            raise Stuck(f"a message was answered with {push['tries']} and not with {status}.")

    def _find(self, story: Story) -> Case | None:
        if story.key not in self._case_ids:
            found = self._desk.cases(notice_id=story.notice.notice_id).cases
            if not found:
                return None
            self._case_ids[story.key] = found[0].id
        return self._desk.case(self._case_ids[story.key])

    def _case(self, story: Story) -> Case:
        case = self._find(story)
        if case is None:
            raise Stuck(f"{story.notice.notice_id} has no case.")
        return case

    def _messages(self, story: Story, kind: str) -> list[OutboxMessage]:
        return [m for m in self._desk.case_file(self._case(story).id).messages if m.kind == kind]

    def _results(self, story: Story, kind: str) -> list[str]:
        # One reading: the worker may write a message between two.
        file = self._desk.case_file(self._case(story).id)
        return [attempt.result for m in file.messages if m.kind == kind for attempt in file.attempts[m.id]]

    def _wait_until_ended(self, *, but: tuple[str, ...] = ()) -> None:
        def ended() -> bool:
            self._carry_letters()
            return all(self._case(story).state == story.end for key, story in self._stories.items() if key not in but)

        self._wait("every answer to be confirmed", ended)

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        def seen() -> bool:
            done = happened()
            self._screen.states({name: state for name, state, _ in self._states() if state != "nowhere"})
            return done

        def late() -> str:
            told = [f"{name} is {state}" for name, state, end in self._states() if state != end]
            return f" Not where they should be: {', '.join(told) or 'none'}."

        self._processes.await_(what, seen, _PATIENCE_S, late)

    def _states(self) -> list[tuple[str, str, str]]:
        """Each notice, how its case stands, and how it must stand in the end."""
        found = [(story, self._find(story)) for story in self._stories.values()]
        return [
            (story.notice.notice_id, case.state.value if case else "nowhere", story.end.value) for story, case in found
        ]

    def _note(self, name: str, told: str, found: Mapping[str, bool]) -> None:
        """Keep a check; `found` is what would be wrong, and whether it is."""
        self.checks.append(Check(name, told, tuple(what for what, is_so in found.items() if is_so)))

    def _step(self, text: str, *about: Story) -> None:
        numbers = [f"#{self._number[story.key]}" for story in about]
        self._screen.step(text.format(*numbers if text.count("{}") == len(numbers) else [" ".join(numbers)]))


def _outcomes(report: OutboxMessage | None) -> dict[str, str]:
    return {item["item_id"]: item["outcome"] for item in json.loads(report.body)["items"]} if report else {}


def _row(number: int, key: str, title: str, way: str, file: CaseFile | None) -> dict[str, Any]:
    reports = [m for m in file.messages if m.kind == "report" and m.state == "done"] if file else []
    report = max(reports, key=lambda message: message.lane_seq, default=None)
    receipt = json.loads(report.receipt) if report and report.receipt else {}
    by_hand = f"{receipt['channel']} {receipt['outgoing_number']}" if "channel" in receipt else None
    return {
        "number": number,
        "story": key,
        "title": title,
        "came": way,
        "notice_id": file.case.notice_id if file else None,
        "case": file.case.id if file else None,
        "state": file.case.state.value if file else None,
        "outcomes": _outcomes(report),
        "receipt_id": receipt.get("receipt_id") or by_hand,
        "decided_with_left_s": file.clock.decide_left_s if file and file.case.decided_at is not None else None,
        "receipt_with_left_s": file.clock.receipt_left_s if file and report else None,
    }


def perform(session: Session, directory: Path, profile: Profile, seed: int, *, paced: bool, serve: bool) -> bool:
    """One run in an empty directory; whether everything agrees. With `paced` it pauses where somebody watches, with
    `serve` it waits for Ctrl-C before it stops the processes.

    Raises Stuck if it cannot come to its end; what the processes said last is then shown.
    """
    env = Env.system()
    told = stories(seed, env.clock())
    numbers = {story.notice.notice_id: number for number, story in enumerate(told, 1)}
    screen.say(_PREFACE, stderr=session.json)
    on_screen = Screen(numbers, env, stderr=session.json, paced=paced)
    with Processes(directory, env) as processes, closing(ControlClient(processes.regulator_url)) as regulator:
        try:
            processes.begin(profile, seed, UNDO_S)
            with ComplianceDesk(Settings.load(processes.settings_file, environ={})) as desk:
                processes.await_("the worker", lambda: bool(desk.health().heartbeats), _PATIENCE_S)
                play = Play(told, desk, regulator, processes, on_screen)
                play.perform()
                rows, checks = play.close(), play.checks
        except ComplianceError:
            for words in processes.last_words():
                session.tell(words)
            raise
        agrees, seconds = all(check.holds for check in checks), round(on_screen.seconds, 1)
        document = Document(agrees=agrees, profile=profile, seed=seed, seconds=seconds, directory=str(directory))
        noted = [fields(check, "name holds told differences") for check in checks]
        verdict = f"{len(told)} notices in {seconds} s. The regulator's books and ours {_VERDICT[agrees]}."
        Answer(Document(document, notices=rows, checks=noted, _verdict=verdict), show_end).show(session)
        if serve:
            _serve(session, processes, told[0].notice.notice_id, env)
    return agrees


def _serve(session: Session, processes: Processes, first: str, env: Env) -> None:
    sys.stdout.flush()
    called = Path(sys.argv[0])
    is_script = called.name == "kz-compliance" and called.is_file()
    program = (
        shlex.quote(str(called.absolute())) if is_script else f"{shlex.quote(sys.executable)} -m kz_compliance_sdk"
    )
    program += f" --config {shlex.quote(str(processes.settings_file))}"
    session.tell(_SERVING.format(at=processes, program=program, first=first))
    try:
        while True:
            processes.check()
            env.sleep(0.5)
    except KeyboardInterrupt:
        session.tell("Stopping.")


_VERDICT: Final = {True: "agree", False: "do NOT agree"}
_PREFACE: Final = (
    "A mock regulator, the receiver and the worker run as three processes on this machine; nothing leaves it.\n"
    f"A sandbox: the undo window is {UNDO_S} s, not the policy's; the regulator signs with a published test key;\n"
    "its notices are invented. The platform's key was made for this run."
)
_SERVING: Final = """
Everything keeps running. Ctrl-C stops it.
  the regulator's books   {at.regulator_url}/
  the receiver            {at.intake_url}  (health: {at.intake_url}/health)
  settings and files      {at.directory}
Try, in another terminal:
  {program} cases list
  {program} cases show {first}
  {program} audit verify
  {program} doctor
  curl -s {at.regulator_url}/control/issue -H 'content-type: application/json' -d '{{"sample": 7, "push": true}}'"""
