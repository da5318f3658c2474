# Over 700 lines because it has a method for each thing that a person or a peer does.
"""The one driver: a method for each thing that a person or a peer does, and what can be read afterwards.

Tests that must outlive the shape of the core speak to this class, to the command line, to HTTP and to files. What goes
in and what comes out are plain values: names, numbers, texts, and the documents that the command line prints. What is
refused comes out as an error of the public tree (`ComplianceError`), by its `code`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore, SqlStore
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.appeals import Reversal
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, ItemDecision, LegalCheck, Proposal, Wording
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.domain.notice import Answer, Effect, Item, Notice
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.running_time import clock_of
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.faces.documents import appeal_row, case_document, case_row, rendered
from kz_compliance_sdk.ports import Env, Failed, Rejected, RetryAt
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import FakeContent
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.keys import regulator_key, regulator_signing_key
from kz_compliance_sdk.wire.signature import KeyRing, Profile, sign
from tests.blank import put_blank
from tests.fake_messenger import FakeMessenger
from tests.fake_pager import FakePager
from tests.scene import FakePlatform, FakeRegulator

R = TypeVar("R")
PROFILE: Profile = "standard-webhooks"
HOUR = 3600
DAY = 24 * HOUR
_ON_AND_ON = 100
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the office, as the host's authentication names them. Several roles have a space between them."""

    id: str
    role: str = "moderator"
    account: str = ""
    country: str = ""

    def behind(self, account: str) -> Person:
        """The same person, come in by this account."""
        return replace(self, account=account)

    @property
    def actor(self) -> Actor:
        return Actor(self.id, frozenset(self.role.split()), self.account, self.country)


M1, M2 = Person("m1"), Person("m2")
LEAD, LEAD2, LEGAL, LEGAL2 = (Person(name, name.rstrip("2")) for name in ("lead", "lead2", "legal", "legal2"))
HEAD, CLERK, VISITOR = Person("head", "head"), Person("clerk", "head"), Person("visitor", "")


class _Settings(Settings):
    """A platform of tests: its policy and its keys are handed in."""

    def policy(self) -> Policy:
        return _POLICIES[self.platform_id, self.store.path]

    def key_ring(self) -> KeyRing:
        return KeyRing([regulator_key(PROFILE, platform_id=self.platform_id)], allow_test_keys=True)


_POLICIES: dict[tuple[str, Path], Policy] = {}


@cache
def _settings(platform_id: str) -> _Settings:
    """Checked once; a driver's own name another file."""
    return _Settings.model_validate(
        {
            "platform_id": platform_id,
            "public_url": builders.HOST,
            "hosts": ["social.example"],
            "allow_test_keys": True,
            "respondent": {"role": "head_of_office", "name": "Үлгі Б. С."},
            "user_notice": {"appeal_url": "https://social.example/appeals"},
            "dashboard_url": "https://desk.example",
        }
    )


class Driver:
    """A desk over a file of its own in `folder`, its platform, its regulator, its pager and its users.

    `undo_window_s` and any other field of the policy given by name replace the packaged one's; 0 lets decided measures
    leave at once. With `can_look` the platform can say what a piece of content is. For `collect_s` seconds alerts that
    can wait are collected.
    """

    def __init__(
        self,
        folder: Path,
        *,
        can_look: bool = False,
        name: str = "desk.sqlite3",
        platform: str = builders.PLATFORM_ID,
        keys: MasterKeys | None = None,
        ledger_keys: LedgerKeys = LedgerKeys(),  # noqa: B008  frozen
        collect_s: int = 0,
        **policy: Any,
    ) -> None:
        self.path, self.platform_id = folder / name, platform
        self.keys, self.ledger_keys, self.collect_s = keys, ledger_keys, collect_s
        put_blank(self.path)
        self.clock = FrozenClock()
        self.policy = kz_policy().model_copy(update={"undo_window_s": 0, **policy})
        self.regulator = FakeRegulator(self.clock)
        self.platform = FakePlatform(self.clock)
        self.pager = FakePager()
        self.messenger = FakeMessenger(self.clock)
        self.content = FakeContent(self.clock)
        self.can_look = can_look
        self._messages = self._starts = 0
        self.start()

    def start(self) -> None:
        """Start the process of the desk; after `stop`, over the same file."""
        of_all = _settings(self.platform_id)
        own = {"store": {"path": self.path}, "notifier": {"collect_s": self.collect_s}}
        settings = of_all.model_copy(update={n: getattr(of_all, n).model_copy(update=one) for n, one in own.items()})
        _POLICIES[settings.platform_id, settings.store.path] = self.policy
        self._starts += 1
        env = frozen_env(self.clock, self._starts)
        self.desk = ComplianceDesk(
            settings,
            enforcer=self.platform,
            content=self.content if self.can_look else None,
            messenger=self.messenger,
            notifier=self.pager,
            regulator=self.regulator,
            store=self.open_store(env),
            env=env,
        )

    def open_store(self, env: Env) -> SqlStore:
        """The store of the desk."""
        return SqliteStore(self.path, env, threaded=False, keys=self.keys, ledger_keys=self.ledger_keys)

    def stop(self) -> None:
        """End the process; what is stored stays."""
        self.desk.close()

    # ---------------------------------------------------------------------------------------------- the authority

    def notice(self, n: int = 1, items: int | Sequence[Mapping[str, Any]] = 1, **fields: Any) -> Document:
        """A notice of the category `illegal_gambling`, which asks for no second person; `fields` replace its own."""
        wanted = {"category": "illegal_gambling", "kind": "prescription", "languages": ("kk", "ru")}
        made = builders.notice(n, items=items, **{**wanted, "expert_group_decision": None, **fields})
        return made.model_dump(mode="json", exclude_none=True)

    def push(
        self, kind: str, data: Mapping[str, Any], message_id: str = "", *, signed_at: int | None = None
    ) -> Document:
        """What the regulator is answered for a signed message, as `{"status": ..., **body}`."""
        self._messages += 1
        name = message_id or f"msg-{self._messages}"
        envelope = {"id": name, "type": kind, "api_version": "1", "platform_id": builders.PLATFORM_ID, "data": data}
        body = json.dumps({**envelope, "sent_at": _rfc3339(self.clock())}, ensure_ascii=False).encode()
        return self.push_bytes(body, name, signed_at=signed_at)

    def push_bytes(
        self, body: bytes, message_id: str, *, signed_at: int | None = None, forged: bool = False
    ) -> Document:
        """As `push`, of these bytes. A `forged` message is not the one that was signed."""
        now = self.clock() if signed_at is None else signed_at
        key, target = regulator_signing_key(PROFILE), f"{builders.HOST}/notices"
        signed = body + b" " if forged else body
        headers = sign(key, PROFILE, "POST", target, signed, now, message_id, f"nonce-{self._messages}")
        answer = self.desk.receive("POST", "/notices", [("content-type", "application/json"), *headers], body)
        return {"status": answer.status, **(json.loads(answer.body) if answer.body else {})}

    def issue(self, n: int = 1, items: int | Sequence[Mapping[str, Any]] = 1, **fields: Any) -> str:
        """The authority issues a notice; returns the id of its case."""
        answer = self.push("notice.issued", self.notice(n, items, **fields))
        assert answer["status"] in (200, 202), answer
        return str(answer["case_reference"])

    def amend(self, notice: Mapping[str, Any], **changes: Any) -> Document:
        """The authority supersedes a notice by its next revision."""
        return self.push("notice.amended", {**notice, "revision": notice["revision"] + 1, **changes})

    def clarify(self, notice_id: str, in_reply_to: str, items: Sequence[Mapping[str, Any]] | None = None) -> Document:
        """The authority answers the question `in_reply_to` (the id of our message)."""
        answers = [{"text": [{"lang": "ru", "text": "Речь идёт о записи целиком."}]}]
        more = {} if items is None else {"items": list(items)}
        said = {"notice_id": notice_id, "in_reply_to": in_reply_to, "answers": answers, **more}
        return self.push("notice.clarified", said)

    def cancel(
        self, notice_id: str, effect: str | None = "withdrawn", item_ids: Sequence[str] | None = None, revision: int = 1
    ) -> Document:
        """The authority cancels a notice, or some of its items."""
        said = {
            "notice_id": notice_id,
            "revision": revision,
            "item_ids": item_ids,
            "effect": effect,
            "reference_number": "7-1",
            "issued_at": _rfc3339(self.clock()),
            "reasons": [{"lang": "ru", "text": "Требование отозвано."}],
        }
        return self.push("notice.cancelled", {name: value for name, value in said.items() if value is not None})

    def remind(self, notice_id: str, level: int = 1) -> Document:
        """The authority asks again."""
        return self.push("notice.reminded", {"notice_id": notice_id, "escalation_level": level, "text": "Ждём ответа."})

    def announce_sanction(self, notice_ids: Sequence[str], sanction_id: str = "S-1") -> Document:
        """The authority announces a warning."""
        said = {"sanction_id": sanction_id, "level": "warning", "notice_ids": list(notice_ids)}
        return self.push(
            "sanction.announced", {**said, "effective_at": _rfc3339(self.clock()), "reference_number": "S/1"}
        )

    def break_off(self, n: int = 1) -> str:
        """The authority's message is authentic and cannot be used; returns the id of the case in quarantine."""
        answer = self.push("notice.issued", {**self.notice(n), "items": []})
        assert answer["status"] == 422, answer
        return str(self.cases(notice_id=self.notice(n)["notice_id"])[0]["case"])

    # ---------------------------------------------------------------------------------- the people: a day's steps

    def enter(self, by: Person, n: int = 1, received_at: int | None = None, **fields: Any) -> str:
        """Type a letter in; returns the id of its case."""
        at = self.clock() if received_at is None else received_at
        return self.desk.enter(by.actor, Notice.model_validate(self.notice(n, **fields)), at, "a letter").id

    def authenticate(self, by: Person, case: str) -> None:
        """Say how a letter's authenticity was checked."""
        self._take(by, case, commands.Authenticate("called the number on its head"))

    def correct_receipt(self, by: Person, case: str, received_at: int) -> None:
        """Correct when a letter came in."""
        self._take(by, case, commands.CorrectReceipt(received_at, "the stamp says so"))

    def claim(self, by: Person = M1, case: str | None = None) -> int:
        """Take a case; returns the lease's token. Raises NotFound if nothing is free."""
        lease = self.desk.claim(by.actor, case_id=case)
        if lease is None:
            raise NotFound("no case is free.")
        return lease.token

    def renew(self, by: Person, case: str, token: int) -> None:
        """Keep a case for another lease time."""
        self.desk.renew(by.actor, case, token)

    def release(self, by: Person, case: str, token: int) -> None:
        """Give a case back."""
        self.desk.release(by.actor, case, token)

    def look(self, by: Person, case: str, token: int | None = None) -> dict[str, str | None]:
        """Look at the content of the open items; returns the digest of each, None where there is a fault."""
        return {seen.item_id: seen.digest or None for seen in self.desk.look(by.actor, case, token)}

    def check_law(self, by: Person, case: str, **answers: str) -> int:
        """Answer the legal check, by default so that a measure may rest on it; returns its version."""
        return self._take(by, case, commands.RecordLegalCheck(legal_check(**answers))).version

    def propose(
        self,
        by: Person,
        case: str,
        token: int,
        action: str = "remove",
        *,
        items: Mapping[str, Mapping[str, Any]] | None = None,
        legal: Mapping[str, str] | int | None = None,
        text_checked: bool = True,
        **fields: Any,
    ) -> str:
        """Propose the same action for each open item (`none` refuses), or what `items` says for those that it names;
        returns the digest that an approval names. `fields` replace those of each item's decision."""
        if items is None:
            items = {one.item_id: {} for one in self.desk.case(case).items if one.status in ("open", "failed")}
        seen = self.look(by, case, token) if self.can_look and action != "none" else {}
        named = {one: {"content_sha256": seen[one]} for one in items if seen.get(one)}
        decisions = [
            item_decision(one, **{"action": action, **fields, **named.get(one, {}), **items[one]}) for one in items
        ]
        check = legal if isinstance(legal, int) else legal_check(**(legal or {}))
        given = Proposal(items=tuple(decisions), legal_check=check, text_checked=text_checked)
        return self.desk.propose(by.actor, case, token, given).digest

    def decide(
        self, case: str, action: str = "remove", *, by: Person = M1, approved_by: Person = LEGAL, **given: Any
    ) -> None:
        """Claim a case and decide it, with a second person where one is asked for."""
        digest = self.propose(by, case, self.claim(by, case), action, **given)
        if self.case(case)["state"] == "in_approval":
            self.approve(approved_by, case, digest)

    def approve(self, by: Person, case: str, digest: str | None = None) -> None:
        """Approve a proposal, by default the one that waits."""
        self.desk.approve(by.actor, case, digest or self.digest(case))

    def send_back(self, by: Person, case: str, digest: str | None = None) -> None:
        """Send a proposal back, by default the one that waits."""
        self.desk.send_back(by.actor, case, digest or self.digest(case), "the reasons are thin")

    def undo(self, by: Person, case: str) -> None:
        """Take a decision back inside the undo window."""
        self.desk.undo(by.actor, case)

    def acknowledge(self, by: Person, case: str) -> None:
        """Say that the escalations of a case were seen."""
        self.desk.acknowledge(by.actor, case)

    def take_over(self, by: Person, case: str) -> int:
        """Take a case out of a colleague's hand; returns the token of the new lease."""
        return self._take(by, case, commands.TakeOver("they went home")).token

    def assign(self, by: Person, case: str, to: str = "third") -> None:
        """Say who is to take care of a case."""
        self._take(by, case, commands.Assign(to))

    def note(self, by: Person, case: str) -> None:
        """Keep a note on a case."""
        self._take(by, case, commands.Note("the caller rings again at noon"))

    def record_copy_deleted(self, by: Person, case: str, item_id: str = "1") -> None:
        """Record that the copy of what an item names is deleted."""
        self._take(by, case, commands.RecordCopyDeleted(item_id))

    # ------------------------------------------------------------------------------------- the people: beside it

    def ask(self, by: Person, case: str, token: int) -> str:
        """Ask the authority what is missing; returns the id of the question."""
        before = {message["message"] for message in self.messages(case)}
        asked = Question(text=(Statement(lang="ru", text="Какая именно часть записи?"),))
        self._take(by, case, commands.RequestClarification(token, [asked], text_checked=True))
        (new,) = [one for one in self.messages(case) if one["message"] not in before and one["kind"] == "clarification"]
        return str(new["message"])

    def recall(self, by: Person, case: str) -> None:
        """Decide without waiting for the answer."""
        self._take(by, case, commands.Recall())

    def reopen(self, by: Person, case: str, items: Sequence[str] = ()) -> None:
        """Supersede the decision of an ended case; `items` names those whose order fell and that are decided anew."""
        self._take(by, case, commands.Reopen("it was wrong", items=items))

    def settle_quarantine(self, by: Person, case: str) -> None:
        """Close a quarantined message that was dealt with otherwise."""
        self._take(by, case, commands.SettleQuarantine("asked them, and they sent it anew"))

    def report_interim(self, by: Person, case: str) -> None:
        """Have what is settled reported now."""
        self._take(by, case, commands.ReportInterim())

    def record_undoable(self, by: Person, case: str, item_id: str = "1") -> None:
        """Record that a measure can never be lifted."""
        self._take(by, case, commands.RecordUndoable(item_id, "the object is gone"))

    def view(self, by: Person, case: str) -> None:
        """Look at a case."""
        self.desk.record_view(by.actor, case)

    def alarm(self, by: Person, case: str) -> None:
        """Call a lead and a lawyer to a case."""
        self._take(by, case, commands.RaiseAlarm("this is about a journalist"))

    def record_instruction(self, by: Person, case: str) -> None:
        """Record what somebody told the office to do."""
        said = commands.RecordInstruction(
            given_by="a caller", unit="an office", channel="phone", given_at=self.clock(), said="remove it before noon"
        )
        self._take(by, case, said)

    def refer_demand(self, by: Person, case: str) -> None:
        """Take a demand for user data out of here."""
        self._take(by, case, commands.ReferDemand("it asks who wrote this"))

    def rule_out_demand(self, by: Person, case: str) -> None:
        """Find that it is no demand for user data."""
        self._take(by, case, commands.RuleOutDemand("it only names the account"))

    def answer_by_hand(self, by: Person, case: str) -> None:
        """Answer a case by letter from now on."""
        self._take(by, case, commands.AnswerByHand())

    def record_delivery(self, by: Person, message: str) -> None:
        """Record that a letter of ours was delivered."""
        self.desk.record_delivery(by.actor, message, Proof("courier", "out-1", self.clock(), "a stamped copy"))

    def retry(self, by: Person, message: str) -> None:
        """Try a parked message again."""
        self.desk.retry(by.actor, message)

    def enter_cancellation(
        self, by: Person, case: str, effect: str | None = "withdrawn", item_ids: Sequence[str] | None = None
    ) -> str:
        """Type in a letter that cancels; returns its message id."""
        now, before = self.clock(), self._letters(case)
        fate = cast("Effect | None", effect)
        self._take(by, case, commands.EnterCancellation("7-1", now, now, "a letter", fate, item_ids))
        return next(iter(self._letters(case) - before), "")

    def enter_answer(
        self, by: Person, case: str, question: str, items: Sequence[Mapping[str, Any]] | None = None
    ) -> str:
        """Type in a letter that answers a question of ours; returns its message id."""
        before = self._letters(case)
        answer = Answer(text=(LocalText(lang="ru", text="Вся запись."),))
        named = None if items is None else [Item.model_validate(one) for one in items]
        self._take(by, case, commands.EnterAnswer(question, [answer], self.clock(), "a letter", named))
        return next(iter(self._letters(case) - before), "")

    def _letters(self, case: str) -> set[str]:
        return {letter.message_id for letter in self.desk.letters_waiting(case)}

    def vouch(self, by: Person, case: str, letter: str) -> None:
        """Record how a letter's authenticity was checked: it then does what it says."""
        self._take(by, case, commands.Vouch(letter, "called the number on its head"))

    def dismiss(self, by: Person, case: str, letter: str) -> None:
        """Record that a letter is not what it seemed."""
        self._take(by, case, commands.Dismiss(letter, "they never wrote it"))

    def contest(self, by: Person, case: str) -> int:
        """Record that the order is contested; returns the contest's number."""
        return (
            self._take(by, case, commands.RecordContest("a court", "1", self.clock(), "annul it")).contests[-1].number
        )

    def settle_contest(self, by: Person, case: str, number: int = 1, result: str = "rejected") -> None:
        """Record how a contest ended."""
        self._take(by, case, commands.SettleContest(number, result, self.clock(), "so it was decided"))  # type: ignore[arg-type]

    def suspend(self, by: Person, case: str, from_at: int | None = None, until_at: int | None = None) -> int:
        """Record an order that suspends the case's order; returns the suspension's number."""
        begin = self.clock() if from_at is None else from_at
        order = commands.Suspend("a court", "2", begin, "article 1", "a" * 64, until_at)
        return self._take(by, case, order).suspensions[-1].number

    def confirm_suspension(self, by: Person, case: str, number: int = 1) -> None:
        """Confirm a suspension that somebody else recorded."""
        self._take(by, case, commands.ConfirmSuspension(number, "read on the court's site"))

    def end_suspension(self, by: Person, case: str, number: int = 1) -> None:
        """Record that a suspension ended now."""
        self._take(by, case, commands.EndSuspension(number, self.clock(), "the court lifted it"))

    def delay_user_notice(self, by: Person, case: str, until: int) -> None:
        """Put off telling the user."""
        self._take(by, case, commands.DelayUserNotices(until, "article 1", "an investigation runs"))

    def appeal(self, case: str, item_id: str = "1", by: Person | None = None, reference: str = "") -> str:
        """A user appeals, by the platform's own system or by somebody who writes it down; returns the appeal's id."""
        self._messages += 1
        name = reference or f"appeal-{self._messages}"
        return self._take(by, case, commands.ReceiveAppeal(item_id, "It was satire.", self.clock(), name)).appeal_id

    def uphold(self, by: Person, appeal: str) -> None:
        """Leave the measure that a user appealed against."""
        upheld = commands.DecideAppeal(appeal, "uphold", "the first decision was right")
        self._take(by, self._case_of(appeal), upheld)

    def reverse(self, by: Person, appeal: str) -> None:
        """Lift the measure that a user appealed against."""
        anew = Reversal(
            "not_illegal", "protected_speech", (Statement(lang="ru", text="Пересмотрено."),), text_checked=True
        )
        self._take(by, self._case_of(appeal), commands.DecideAppeal(appeal, "reverse", "it was satire", anew))

    def withdraw_appeal(self, appeal: str, by: Person | None = None) -> None:
        """The user takes an appeal back."""
        self._take(by, self._case_of(appeal), commands.WithdrawAppeal(appeal))

    def _take(self, by: Person | None, case: str, command: commands.Command[R]) -> R:
        """Take a command, by a person or by the platform's own system."""
        return self.desk.take(SYSTEM if by is None else by.actor, case, command)

    def _case_of(self, appeal: str) -> str:
        """The id of an appeal's case; of one that is not there that of no case, so that the step says what is wrong."""
        with suppress(NotFound):
            return self.desk.appeals.case_of(appeal)
        return appeal

    def hold(self, by: Person, case: str, until: int | None = None) -> None:
        """Keep a case whatever the retention says."""
        self._take(by, case, commands.Hold("a court asked for it", until or self.clock() + 400 * DAY))

    def end_hold(self, by: Person, case: str) -> None:
        """End a legal hold."""
        self._take(by, case, commands.EndHold("the court is done"))

    def ask_erasure(self, by: Person, case: str) -> None:
        """Ask to destroy the personal data of an ended case."""
        self._take(by, case, commands.AskErasure("subject_request"))

    def erase(self, by: Person, case: str) -> None:
        """Agree to an erasure that somebody else asked for."""
        self._take(by, case, commands.Erase())

    def export(self, by: Person, case: str) -> Document:
        """All personal data of a case, for a person who asks."""
        return dict(json.loads(self.desk.privacy.export(by.actor, case)))

    def evidence(self, by: Person, case: str, *, full: bool = False) -> bytes:
        """An evidence pack of a case, with names if it is `full`."""
        return self.desk.evidence(by.actor, case, full=full, reason="a court asked for it" if full else "")

    # ------------------------------------------------------------------------------------- what fails around it

    def regulator_is_down(self) -> None:
        """From now on the regulator's system is busy with something else."""
        self.regulator.faults += [lambda _message: RetryAt("503")] * _ON_AND_ON

    def regulator_refuses(self) -> None:
        """The regulator refuses the next message for good."""
        self.regulator.faults.append(lambda _message: Rejected("unknown_notice", "never heard of it"))

    def platform_fails(self, item_id: str) -> None:
        """From now on the platform cannot act on the object of this item."""
        self.platform.faults += [lambda effect: Failed("busy") if effect.item_id == item_id else None] * _ON_AND_ON

    def users_are_out_of_reach(self) -> None:
        """From now on no message to a user gets through."""

        def fail(_notice: object) -> None:
            raise ConnectionError("the mailbox is full")

        self.messenger.faults += [fail] * _ON_AND_ON

    def commit_fails(self, *, lands: bool, readable: bool = True) -> None:
        """The next change is answered by the disk with an error, whether it `lands` all the same or not; before the
        change after it nobody can look, unless the file stays `readable`."""
        self.watch()
        writer = self.desk.store._lane._inline._writer  # type: ignore[attr-defined]
        writer._cursor = _FailingCursor(writer._cursor, writer._driver.module, lands, readable)

    # ------------------------------------------------------------------------------------------------ the machine

    def wait(self, seconds: float) -> None:
        """Let time pass; nothing else happens."""
        self.clock.advance(seconds)

    def deliver(self, passes: int = 30) -> int:
        """Let the worker deliver until nothing is due; returns how many messages were settled."""
        settled = 0
        for _ in range(passes):
            drained = self.desk.deliver()
            if not drained.leased:
                return settled
            settled += drained.settled
        raise AssertionError(f"the outbox is not empty after {passes} passes")

    def watch(self) -> None:
        """Let the worker look at the clocks."""
        self.desk.watch()

    def checkpoint(self) -> bytes:
        """Let the worker make a checkpoint; returns what is kept of it elsewhere."""
        return self.desk.proof.checkpoint().line

    def retention(self) -> None:
        """Let the worker destroy what nobody may keep any longer."""
        self.desk.privacy.retention()

    # ------------------------------------------------------------------------------------------------ what is read

    def case(self, case: str) -> Document:
        """A case as `cases show --json` prints it."""
        file = self.desk.case_file(case)
        try:
            notice = self.desk.notice(case)
        except NotFound:
            notice = None
        return _printed(case_document(file, notice))

    def cases(self, **which: Any) -> list[Document]:
        """The cases as `cases list --json` prints them."""
        return [_printed(case_row(one, clock_of(one, (), self.clock()))) for one in self.desk.cases(**which).cases]

    def standing(self, case: str) -> Document:
        """Where a case stands: its row, whether its personal data was destroyed, and what `cases show --json` says of
        its items and of its lifting."""
        held = self.desk.case(case)
        return {
            **_printed(case_row(held, clock_of(held, (), self.clock()))),
            "item_states": [
                {"item_id": one.item_id, "status": one.status, "measure": one.measure or None} for one in held.items
            ],
            "erased": held.erased_at is not None,
            "lift_due_at": None if held.lift_due_at is None else _rfc3339(held.lift_due_at),
        }

    def messages(self, case: str, *kinds: str) -> list[Document]:
        """The messages of a case, by default of every kind."""
        return [one for one in self.case(case)["messages"] if not kinds or one["kind"] in kinds]

    def appeals(self, state: str = "open") -> list[Document]:
        """The appeals in a state."""
        return [_printed(appeal_row(appeal)) for appeal in self.desk.appeals.list(state).appeals]

    def digest(self, case: str) -> str:
        """The digest of the newest proposal of a case."""
        return str(self.case(case)["decisions"][-1]["digest"])

    def items(self, case: str) -> dict[str, Document]:
        """Where each item of a case stands."""
        return {one["item_id"]: one for one in self.case(case)["item_states"]}

    def history(self, case: str) -> list[str]:
        """The kinds of the events of a case, oldest first."""
        return [on.kind for on in self.desk.case_file(case).chain.events]

    def reports(self, notice_id: str | None = None) -> list[Document]:
        """The reports in the regulator's books, by sequence."""
        return self.regulator.reports(notice_id)

    def pages(self) -> list[str]:
        """What people were paged for, oldest first: the reason of each alert."""
        return [alert.reason for alert in self.pager.alerts]

    def health(self) -> Document:
        """The health document."""
        return self.desk.health_document()

    def faults(self, outside: bytes | None = None) -> list[str]:
        """What `audit verify` finds, if need be with what was kept of checkpoints `outside`."""
        found = self.desk.verify_audit(checkpoint=outside).faults
        return [f"{fault.case_id} {fault.seq}: {fault.what}" for fault in found]

    def fingerprint(self) -> str:
        """A digest over everything that is stored: a refused step leaves it as it was."""
        # Another library of SQLite in this process would drop the locks of this one.
        with closing(choose_driver().module.connect(f"file:{self.path}?mode=ro", uri=True)) as reader:
            schema = reader.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
            found = sha256(repr(schema).encode())
            for name in (name for kind, name, _ in schema if kind == "table"):
                found.update(repr((name, reader.execute(f'SELECT * FROM "{name}"').fetchall())).encode())  # noqa: S608
            return found.hexdigest()


class _FailingCursor:
    """A cursor whose next COMMIT is answered with an error; what follows works once a transaction begins again."""

    def __init__(self, real: Any, module: Any, lands: bool, readable: bool) -> None:
        self._real, self._module, self._lands, self._readable = real, module, lands, readable
        self._waits, self._blind = True, False

    def execute(self, sql: str, values: Any = ()) -> Any:
        if sql == "BEGIN IMMEDIATE":
            self._blind = False
        if self._blind:
            raise self._module.OperationalError("disk I/O error")
        if sql != "COMMIT" or not self._waits:
            return self._real.execute(sql, values)
        self._waits, self._blind = False, not self._readable
        self._real.execute("COMMIT" if self._lands else "ROLLBACK")
        raise self._module.OperationalError("disk I/O error")


def legal_check(**answers: str) -> LegalCheck:
    """The answers with which a measure may rest on local law, but for those given."""
    yes = dict.fromkeys(("authority", "legal_basis", "clarity", "content_matches", "proportionate", "narrowest"), "yes")
    return LegalCheck.model_validate({**yes, "protected_speech": "no", **answers})


def item_decision(item_id: str, action: str = "remove", **fields: Any) -> ItemDecision:
    """A complete decision on one item: a measure on the ground of local law, or with `none` a refusal."""
    said: Iterable[Mapping[str, str]] = ({"lang": "ru", "text": "Рассмотрено."},)
    wording: dict[str, Any] = {"outcome": "refused", "refusal_code": "not_illegal", "statement_of_reasons": said}
    made: dict[str, Any] = {"finding": "not_illegal", "wording": Wording.model_validate(wording)}
    if action != "none":
        wording = {"outcome": OUTCOME_OF_ACTION[action], "statement_of_reasons": said}  # type: ignore[index]
        made = {"finding": "illegal", "ground": "local_law", "wording": Wording.model_validate(wording)}
    return ItemDecision.model_validate(
        {"item_id": item_id, "reasons": "as the notice says", "action": action, **made, **fields}
    )


def seconds(at: str | None) -> int | None:
    """A time as a document gives it, in UTC seconds."""
    return None if at is None else int(datetime.fromisoformat(at).timestamp())


def _printed(document: Document) -> Document:
    printed: Document = rendered(document)
    return printed


def _rfc3339(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
