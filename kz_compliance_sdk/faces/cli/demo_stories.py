"""What happens in the demonstration: its stories and its script, which `demo.toml` tells, and the books at its end.

The receiver, the worker and the regulator are processes of their own. This one only does what people do.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partialmethod
from pathlib import Path
from typing import Any, Final, Literal

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION
from kz_compliance_sdk.domain.messages import BY_HAND, object_key
from kz_compliance_sdk.domain.notice import Effect, Item, Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.values import written
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.command import Answer
from kz_compliance_sdk.faces.cli.demo_stage import UNDO_S, Stage, Stuck, show_end
from kz_compliance_sdk.faces.cli.session import Session
from kz_compliance_sdk.faces.documents import Document, fields
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

_WRITTEN: Final[Mapping[str, Any]] = written("kz_compliance_sdk.faces.cli", "demo.toml")
_VERDICTS: Final[Mapping[str, Verdict]] = {
    **{str(action): usual for action, usual in VERDICTS.items()},
    "speech": Verdict("none", "refused", "not_illegal", "protected_speech"),
    "gone": Verdict("none", "already_unavailable", "not_assessed"),
    "doubted": Verdict("none", "refused", "not_assessed", "not_authentic"),
}
_MEASURE_OF: Final[Mapping[str, str]] = {outcome: action for action, outcome in OUTCOME_OF_ACTION.items()}
_SAMPLES: Final = "gambling bullying drugs fraud extremism false personal adult".split()
"""The sample notices by their subject: the builder chooses it by the number's rest."""
_LAST_SAMPLES: Final = 9_600_000
"""Behind the numbers of every run's stories."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the moderator decides of each item of a case that was just claimed, and what somebody does right after it;
    or that the authority is asked."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    then: Literal["", "undo", "send back", "ask"] = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One notice. `outcomes` is what the regulator must hold of each item in the end. `revised` is what the authority
    puts in its place."""

    key: str
    title: str
    way: str
    notice: Notice
    turns: tuple[Turn, ...]
    outcomes: Mapping[str, str]
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
        return {object_key(items[name]): _MEASURE_OF.get(self.outcomes[name], "") for name in touched}


def stories(seed: int, now: int) -> tuple[Story, ...]:
    """Every story of one run. The same `seed` (1 to MAX_SEED) tells the same; `now` is UTC seconds."""
    return tuple(_story(seed, now, place, row) for place, row in enumerate(_WRITTEN["stories"]))


def _story(seed: int, now: int, place: int, row: Mapping[str, Any]) -> Story:
    verdicts = [_VERDICTS[name] for name in row.get("verdicts", ())]
    items: Any = len(verdicts) or 1
    if "about" in row:
        items = [_item("1", f"{row['about']}-{seed}", _VERDICTS["suspend_account"] in verdicts)]
    number = ((seed - 1) * 100 + place) * 8 + _SAMPLES.index(row["sample"]) + 1
    named = {"category": row["category"]} if "category" in row else {}
    notice = builders.notice(number, items=items, issued_at=now, **named)
    decided = {item.item_id: verdict for item, verdict in zip(notice.items, verdicts, strict=False)}
    outcomes = {name: verdict.outcome for name, verdict in decided.items()} | row.get("ends", {})
    turns = tuple(map(_turn, row["turns"])) if "turns" in row else (Turn(decided),) * bool(decided)
    revised = None
    if "revised" in row:
        items = (notice.items[0], _item("3", f"amended-{notice.notice_id}"))
        revised = notice.model_copy(update={"revision": 2, "items": items})
    return Story(row["key"], row["title"], row.get("way", "pushed"), notice, turns, outcomes, revised)


def _turn(row: Mapping[str, Any]) -> Turn:
    return Turn({name: _VERDICTS[verdict] for name, verdict in row["verdicts"].items()}, row.get("then", ""))


def _item(item_id: str, name: str, account: bool = False) -> Item:
    if account:
        return Item(item_id=item_id, account_ref=name, content_type="account")
    return Item(item_id=item_id, url=f"{builders.HOST}/p/{name}", object_id=name, content_type="post")


_QUESTION: Final = Question(
    text=(
        Statement(lang="kk", text="Жарияланымның қай бөлігі айтылып отыр?"),
        Statement(lang="ru", text="Какая часть публикации имеется в виду?"),
    )
)


class Play:
    """One performance of `told`. The public methods are what the script can ask for, each of some stories. Raises
    Stuck."""

    def __init__(self, told: Sequence[Story], desk: ComplianceDesk, regulator: ControlClient, stage: Stage) -> None:
        self._stories = {story.key: story for story in told}
        self._number = {story.key: number for number, story in enumerate(told, 1)}
        self._of_notice = {story.notice.notice_id: story for story in told}
        self._typed = [story for story in told if story.way == "typed in"]
        self._desk, self._office, self._regulator, self._stage = desk, Office(desk), regulator, stage
        self._turns = {story.key: iter(story.turns) for story in told}
        self._cut_off = ""

    def perform(self) -> tuple[list[dict[str, Any]], list[Check]]:
        """All of the script, and then both sets of books and the platform held against each other: a row for each
        notice and for what came and is none, and the checks."""
        for row in _WRITTEN["script"]:
            about = [self._stories[key] for key in row.get("about", "").split()]
            if "told" in row:
                self._step(row["told"], *about)
            getattr(self, row["act"])(*about)
        case_ids = self._desk.store.queries(self._desk.platform_id).case_ids()
        files = {case_id: self._desk.case_file(case_id) for case_id in case_ids}
        every: list[tuple[str, str, str, CaseFile | None]] = [
            *((key, one.title, one.way, files[self._case(one).id]) for key, one in self._stories.items()),
            ("quarantine", "cut off: settled by a person", "pushed", files[self._cut_off]),
            ("forgery", f"three forgeries of #{self._number['forged']}: refused with 401", "pushed", None),
            ("sanction", "the warning S-1: on the board", "pushed", None),
        ]
        checks = [*self._agreements([*files.values()]), *self._ends(files), *self._seen()]
        return [_row(number, *row) for number, row in enumerate(every, 1)], checks

    # ---------------------------------------------------------------------------------------- what arrives

    def push(self, *about: Story) -> None:
        """The regulator pushes them."""
        for story in about:
            self._issue(story.notice, push=True)

    def push_late(self, story: Story) -> None:
        """Its cancellation comes first."""
        message = self._issue(story.notice)
        self.withdraw(story)
        self._expect(202, self._regulator.do("push", message_id=message))

    def push_twice(self, story: Story) -> None:
        """As after a lost answer."""
        self._issue(story.notice, push=True, copies=2)

    def lose_receipt(self, story: Story) -> None:
        """The regulator records its report, and breaks the connection off."""
        # As often as one call tries: what became of it is then unknown, and the next attempt has to ask.
        path, times = f"/v1/notices/{story.notice.notice_id}/reports", self._desk.settings.regulator.attempts
        self._regulator.do("faults", kind="reset_after", on="report", path=path, times=times)
        self.push(story)

    def forge(self, story: Story) -> None:
        """Somebody else sends it before the regulator does."""
        message = self._issue(story.notice)
        for how in ("unsigned", "wrong_key", "tampered"):
            self._regulator.do("push-forged", message_id=message, how=how)
        self._expect(202, self._regulator.do("push", message_id=message))

    def spoil(self, story: Story) -> None:
        """It comes without its legal basis, and another message cut off."""
        now = self._desk.store.now()
        message = json.loads(builders.message_bytes(story.notice, message_id="msg_without_basis", sent_at=now))
        del message["data"]["legal_basis"]
        whole = builders.message_bytes(builders.notice(1), message_id="msg_cut_off", sent_at=now)
        for body in (json.dumps(message, ensure_ascii=False).encode(), whole[: len(whole) // 2]):
            answer = self._regulator.do("push-unreadable", body=base64.b64encode(body).decode())
            self._expect(422, answer)
        self._cut_off = json.loads(answer["body"])["instance"].removeprefix("urn:uuid:")

    def feed(self, *about: Story) -> None:
        """They stand in the feed, until the worker has read them."""
        for story in about:
            self._issue(story.notice, push=story.way == "both", in_feed=True)
        self._wait("the worker to read the feed", lambda: all(map(self._find, about)))

    def type_in(self, *about: Story) -> None:
        """A letter and an e-mail that came an hour ago."""
        for story, how in zip(about, ("letter", "e-mail"), strict=True):
            self._desk.enter(Office.head, story.notice, self._desk.store.now() - 3_600, how)

    def remind(self, story: Story) -> None:
        """The authority asks again, and announces a warning."""
        self._issue(builders.reminder(story.notice, 2), push=True)
        named = [story.notice.notice_id]
        self._issue(builders.sanction(1, named, effective_at=self._desk.store.now()), push=True)

    def _cancel(self, *about: Story, effect: Effect) -> None:
        for story in about:
            now = self._desk.store.now()
            self._issue(builders.cancellation(story.notice, effect, issued_at=now), push=True)

    withdraw = partialmethod(_cancel, effect="withdrawn")
    annul = partialmethod(_cancel, effect="annulled")
    remedy = partialmethod(_cancel, effect="remedied")

    def amend(self, story: Story) -> None:
        """The authority puts another revision in its place."""
        self._issue(story.revised or story.notice, push=True)

    def answer(self, story: Story) -> None:
        """The authority answers what the moderator has asked."""

        def asked() -> list[Any]:
            notices = self._regulator.books(self._desk.platform_id)["notices"]
            return list(notices[story.notice.notice_id]["clarification_requests"])

        self._wait("the question to reach the regulator", lambda: bool(asked()))
        self._issue(builders.clarification(story.notice, asked()[0]["idempotency_key"]), push=True)

    def go_down(self, story: Story) -> None:
        """It is decided while nobody can be told."""
        self._regulator.do("outage", on=True, retry_after_s=1)
        self.push(story)
        self.moderate()
        self._wait("a report to fail", lambda: bool(self._results(story, "report")))

    def come_back(self) -> None:
        """The outage is over."""
        self._regulator.do("outage", on=False)

    # ------------------------------------------------------------------------------------- what people do

    def vouch(self, story: Story) -> None:
        """Another person than the typist says that it is authentic."""
        called = "Called back on the number in the register of authorities."
        self._desk.take(Office.lead, self._case(story).id, commands.Authenticate(called))

    def settle(self, story: Story) -> None:
        """A person settles what was cut off; the other message comes anew, and whole."""
        why = "The sender was called: a test of its system, no demand."
        self._desk.take(Office.lead, self._cut_off, commands.SettleQuarantine(why))
        held = self._case(story)
        self._wait("a second to pass", lambda: self._desk.store.now() > held.received_at)
        self.push(story)

    def moderate(self) -> None:
        """Take case after case, until none is free."""
        while (lease := self._desk.claim(Office.moderator)) is not None:
            story = self._of_notice[lease.case.notice_id]
            turn = next(self._turns[story.key], None)
            if turn is None:
                raise Stuck(f"{lease.case.notice_id} came back once more than it should.", reference=lease.case.id)
            self._take(turn, story, lease)

    def _take(self, turn: Turn, story: Story, lease: Lease) -> None:
        desk, case_id = self._desk, lease.case.id
        if turn.then == "ask":
            self._step("{}: it is not clear which part is meant. The moderator asks.", story)
            desk.take(
                Office.moderator, case_id, commands.RequestClarification(lease.token, [_QUESTION], text_checked=True)
            )
            return
        proposal = self._office.proposal(desk.notice(case_id), turn.verdicts)
        decided = desk.propose(Office.moderator, case_id, lease.token, proposal)
        if turn.then == "send back":
            self._step("{}: the lead does not agree and sends it back.", story)
            desk.send_back(Office.lead, case_id, decided.digest, "Say in the reasons which statement is meant.")
        elif decided.decision.needs_approval:
            self._step("{}: this category needs a second person. A lawyer approves what was proposed.", story)
            desk.approve(Office.legal, case_id, decided.digest)
        elif turn.then == "undo":
            self._step("{}: the moderator takes the decision back inside the undo window.", story)
            desk.undo(Office.moderator, case_id)

    def end_all_but(self, *but: Story) -> None:
        """Wait until all others are where they must be in the end."""

        def ended() -> bool:
            self._carry_letters()
            stories = [story for story in self._of_notice.values() if story not in but]
            # A case can end while its acknowledgement is still on its way.
            return all(self._case(story).state == story.end for story in stories) and all(map(self._has_left, stories))

        self._wait("every answer to be confirmed", ended)

    def _carry_letters(self) -> None:
        for story in self._typed:
            for message in self._messages(story, "report"):
                if message.state != "waiting":
                    continue
                for lang in ("kk", "ru"):
                    file = self._stage.directory / f"letter-{story.notice.notice_id}-{lang}.txt"
                    file.write_text(self._desk.letter(message.id, lang), encoding="utf-8")
                self._step("The office prints the answer to {}, posts it, and records number, time and proof.", story)
                number = f"2-{self._number[story.key]}/26"
                proof = Proof("post", number, self._desk.store.now(), f"Postal receipt of letter {number}.")
                self._desk.record_delivery(Office.head, message.id, proof)

    # ------------------------------------------------------------------------------------- both sets of books

    def _agreements(self, files: Sequence[CaseFile]) -> Iterator[Check]:
        books, changes = self._regulator.books(self._desk.platform_id), self._stage.changes()
        signed = {name: story for name, story in self._of_notice.items() if story not in self._typed}
        messages = [(file.case.notice_id, m) for file in files for m in file.messages]
        sent = [
            Sent.of(name, m)
            for name, m in messages
            if m.kind in agreement.KINDS and m.endpoint != BY_HAND and m.state != "void"
        ]
        for kind in agreement.KINDS:
            yield agreement.receipts(kind, sent, books)
        yield agreement.acknowledgements({name: [1, 2] if s.revised else [1] for name, s in signed.items()}, books)
        yield agreement.outcomes({name: story.outcomes for name, story in signed.items()}, books)
        letters = [(story, [*map(_proved, self._messages(story, "report"))]) for story in self._typed]
        wrong = [f"{s.notice.notice_id}: {proved} is proved" for s, proved in letters if proved != [s.outcomes]]
        yield Check("every letter is answered, with its proof", f"{len(letters)} letters", (*wrong,))
        decided = {key: measure for story in self._of_notice.values() for key, measure in story.objects.items()}
        standing = {key: measure for key, _, measure in changes}
        yield agreement.effects(decided, standing, [(key, version) for key, version, _ in changes])
        outbox, health = agreement.outbox((m.id, m.kind, m.state) for _, m in messages), self._desk.health()
        lost = (f"{health.undelivered} undelivered, {health.parked} parked",) * bool(health.undelivered + health.parked)
        yield Check(outbox.name, outbox.told, (*outbox.differences, *lost))

    def _ends(self, files: Mapping[str, CaseFile]) -> Iterator[Check]:
        verdict, events = self._desk.verify_audit(), sum(len(file.chain.events) for file in files.values())
        yield Check("the ledger is whole", f"{events} events of {verdict.checked} cases", (*map(str, verdict.faults),))
        ends = Counter((name, story.end) for name, story in self._of_notice.items())
        ends.subtract((file.case.notice_id, file.case.state) for key, file in files.items() if key != self._cut_off)
        astray = [f"{name} is {'not ' * (times > 0)}{state.value}" for (name, state), times in ends.items() if times]
        yield Check("every notice has come to its end", f"{len(self._stories)} notices", (*astray,))
        late = [f"{file.case.notice_id} was late" for file in files.values() if file.clock.late]
        yield Check("nobody was late", f"{len(files)} clocks", (*late,))
        held = [f"{file.case.id} is there" for file in files.values() if file.case.state is CaseState.QUARANTINED]
        kinds = [event.kind for event in files[self._cut_off].chain.events][-2:]
        held += [f"what was cut off ended with {kinds}"] * (kinds != ["quarantine_settled", "counted"])
        yield Check("the quarantine is empty", "one settled by a person, one admitted", (*held,))

    def _seen(self) -> Iterator[Check]:
        """What was to be seen on the way."""
        for row in _WRITTEN["seen"]:
            key, kind = row["story"], row["kind"]
            told = self._pushes(key) if kind == "push" else " ".join(self._results(self._stories[key], kind))
            yield Check(row["name"], told, () if re.fullmatch(row["came"], told) else (f"it came to {told}",))
        paths = {f"/v1/reports/{message.id}" for message in self._messages(self._stories["cut"], "report")}
        asked = [request for request in self._regulator.get("requests")["data"] if request["path"] in paths]
        yield Check("an unknown receipt is asked for", f"{len(asked)} look-ups", () if asked else ("nobody asked",))
        file = self._desk.case_file(self._case(self._stories["unreadable"]).id)
        first, last, since = file.inbox[0].received_at, file.inbox[-1].received_at, file.case.received_at
        told = f"received {screen.both(first)}"
        wrong = (f"{told} and {screen.both(last)}, its clock says {screen.both(since)}",) * (not first == since < last)
        yield Check("what came back from quarantine keeps its clock", told, wrong)
        level, known = self._case(self._stories["reminded"]).level, [one.sanction_id for one in self._desk.sanctions()]
        told = f"level {level}, sanctions {', '.join(known)}"
        yield Check("the reminder and the sanction are noted", told, (told,) * (level < 2 or known != ["S-1"]))

    # ------------------------------------------------------------------------------------- both sides' hands

    def _issue(self, data: MessageData, *, push: bool = False, **how: Any) -> str:
        value, kind = data.model_dump(mode="json", exclude_none=True), builders.kind_of(data)
        issued = self._regulator.do("issue", type=kind, data=value, push=push, **{"in_feed": False, **how})
        # What a repeat is answered with is judged at the end.
        if push and "copies" not in how:
            self._expect(202, issued["push"])
        return str(issued["message_id"])

    def _expect(self, status: int, push: Mapping[str, Any]) -> None:
        if push["status"] != status:
            raise Stuck(f"a message was answered with {push['tries']} and not with {status}.")

    def _pushes(self, key: str) -> str:
        """The statuses of the pushes of a notice, and how many different answers there were."""
        books, name = self._regulator.books(self._desk.platform_id), self._stories[key].notice.notice_id
        ids = {message["message_id"] for message in books["notices"][name]["messages"]}
        pushes = [push for push in books["pushes"] if push["message_id"] in ids]
        statuses = " ".join(str(push["status"]) for push in pushes)
        return f"{statuses}, {len({push['body'] for push in pushes})} different"

    def _find(self, story: Story) -> Case | None:
        return next(iter(self._desk.cases(notice_id=story.notice.notice_id).cases), None)

    def _case(self, story: Story) -> Case:
        case = self._find(story)
        if case is None:
            raise Stuck(f"{story.notice.notice_id} has no case.")
        return case

    def _has_left(self, story: Story) -> bool:
        """Whether nothing of a notice is left to be sent, but to users."""
        messages = self._desk.case_file(self._case(story).id).messages
        return all(one.is_settled for one in messages if one.kind != "user_notice")

    def _messages(self, story: Story, kind: str) -> list[OutboxMessage]:
        return [m for m in self._desk.case_file(self._case(story).id).messages if m.kind == kind]

    def _results(self, story: Story, kind: str) -> list[str]:
        # One reading: the worker may write a message between two.
        file = self._desk.case_file(self._case(story).id)
        return [attempt.result for m in file.messages if m.kind == kind for attempt in file.attempts[m.id]]

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        def seen() -> bool:
            done = happened()
            self._stage.show_states({name: state for name, state, _ in self._states() if state})
            return done

        def late() -> str:
            return ", ".join(f"{name} is {state or 'nowhere'}" for name, state, end in self._states() if state != end)

        self._stage.await_(what, seen, late)

    def _states(self) -> list[tuple[str, str, str]]:
        """Each notice by its number, how its case stands, and how it must stand in the end."""
        found = [(story, self._find(story)) for story in self._of_notice.values()]
        return [
            (f"#{self._number[story.key]}", case.state.value if case else "", story.end.value) for story, case in found
        ]

    def _step(self, text: str, *about: Story) -> None:
        self._stage.step(text.format(" ".join(f"#{self._number[story.key]}" for story in about)))


def _proved(report: OutboxMessage) -> Mapping[str, str]:
    """The outcomes of a letter whose proof of delivery names it."""
    proof = json.loads(report.receipt) if report.receipt and report.endpoint == BY_HAND else {}
    is_meant = proof.get("proof") and proof["body_sha256"] == hashlib.sha256(report.body).hexdigest()
    return _outcomes(report) if is_meant and report.state == "done" else {}


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
    screen.say(_WRITTEN["preface"].format(undo_s=UNDO_S), stderr=session.json)
    with (
        Stage(directory, env, stderr=session.json, paced=paced) as stage,
        closing(ControlClient(stage.regulator_url)) as regulator,
    ):
        try:
            stage.begin(profile, seed)
            with ComplianceDesk(Settings.load(stage.settings_file, environ={})) as desk:
                stage.await_("the worker", lambda: bool(desk.health().heartbeats))
                rows, checks = Play(told, desk, regulator, stage).perform()
                if serve:
                    _leave_work(desk, regulator, stage)
        except ComplianceError:
            for words in stage.last_words():
                session.tell(words)
            raise
        agrees, seconds = all(check.holds for check in checks), round(stage.seconds, 1)
        document = Document(agrees=agrees, profile=profile, seed=seed, seconds=seconds, directory=str(directory))
        noted = [fields(check, "name holds told differences") for check in checks]
        verdict = f"{len(told)} notices in {seconds} s. The regulator's books and ours {_VERDICT[agrees]}."
        Answer(Document(document, notices=rows, checks=noted, _verdict=verdict), show_end).show(session)
        if serve:
            sys.stdout.flush()
            made = stage.open_office(Office.moderator, Office.lead, Office.legal)
            tokens = "\n".join(f"    {name:<20}  {token}" for name, token in made)
            first = told[0].notice.notice_id
            session.tell(_WRITTEN["serving"].format(at=stage, program=_program(stage), first=first, tokens=tokens))
            stage.stay()
            session.tell("Stopping.")
    return agrees


def _leave_work(desk: ComplianceDesk, regulator: ControlClient, stage: Stage) -> None:
    """Have a notice of each sample come, and one that cannot be read: the board of the office has cases in every state
    to work on."""
    for number in range(1, len(_SAMPLES) + 1):
        regulator.do("issue", sample=_LAST_SAMPLES + number, push=True)
    whole = builders.message_bytes(builders.notice(_LAST_SAMPLES), message_id="msg_to_read", sent_at=desk.store.now())
    regulator.do("push-unreadable", body=base64.b64encode(whole[: len(whole) // 2]).decode())
    stage.await_("the new notices", lambda: len(desk.cases(state="queued").cases) >= len(_SAMPLES))
    (four_eyes,) = desk.cases(state="queued", category="terrorism_extremism").cases
    lease = desk.claim(Office.moderator, case_id=four_eyes.id)
    if lease is not None:
        desk.propose(Office.moderator, four_eyes.id, lease.token, Office(desk).proposal(desk.notice(four_eyes.id)))
    asked, _held = desk.claim(Office.moderator), desk.claim(Office.moderator)
    if asked is not None:
        question = commands.RequestClarification(asked.token, [_QUESTION], text_checked=True)
        desk.take(Office.moderator, asked.case.id, question)


def _program(stage: Stage) -> str:
    called = Path(sys.argv[0])
    is_script = called.name == "kz-compliance" and called.is_file()
    words = [str(called.absolute())] if is_script else [sys.executable, "-m", "kz_compliance_sdk"]
    return shlex.join([*words, "--config", str(stage.settings_file)])


_VERDICT: Final = {True: "agree", False: "do NOT agree"}
