"""Random walks over the whole desk: authorities, people, platform, regulator and clock in any order.

Whatever the order, an authority's message and a delivery are never refused by the table of moves, an object is
restored only when nothing holds it, and in the end every case can be closed. Together the walks take every row of
the table, with a few detours: a row that nobody takes is dead, and has no place there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from unittest import mock

import pytest

from kz_compliance_sdk.config.sections import RetentionSettings
from kz_compliance_sdk.domain import case as case_module
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.commands.review import Decided
from kz_compliance_sdk.domain.decision import Action, ItemDecision, Proposal
from kz_compliance_sdk.domain.notice import Item, Notice, UserNotice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.transitions import ENDED, TRANSITIONS, UNDECIDED, is_legal
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.ports import Effect, EffectResult, Failed, Pending, Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.services.deadlines import follow_clock
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import naming
from kz_compliance_sdk.testing.frozen import frozen_env
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.wire.signature import sign
from tests.arrivals.demands import TOLD, demand, goes_to_a_lawyer, pressed_while_it_is_lifted
from tests.case_makers import YES, a_notice, measure, proposal, refusal
from tests.objects import object_of
from tests.scene import HEAD, LEAD, LEGAL, M1, M2, PLATFORM, PROFILE, Host, World
from tests.walks.content_detours import CONTENT_DETOURS
from tests.walks.falling_orders import (
    REVERSAL,
    falls_in_line,
    falls_while_appealed,
    falls_while_asked,
    falls_while_claimed,
)
from tests.walks.rare_news import news_rows
from tests.walks.rare_rows import rare_rows
from tests.walks.remedies_recorded import Remedies, rows_of_remedies

CLERK = Actor("clerk", frozenset({"head"}))
STEPS = 300
Taken = set[tuple[str | None, str, str]]
ROWS: Taken = {(str(r.source) if r.source else None, r.verb, str(r.target)) for r in TRANSITIONS}


def privacy_of(host: Host) -> Privacy:
    return Privacy(host.store, PLATFORM, RetentionSettings().retention())


class Walk:
    """One seed's walk. Four notices speak of the same three objects, so that they get in each other's way. In every
    other walk authorities keep to what is simple, which leaves more of its steps to everybody else."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance, self.simple = random.Random(seed), seed % 2 == 0
        undo = self.chance.choice((0, 60))
        users = kz_policy().users.model_copy(update={"report_reversals": seed % 4 < 2, "ask_s": 3000})
        times = {"undo_window_s": undo, "lease_s": 300, "preservation_s": 9000}
        policy = kz_policy().model_copy(update={**times, "users": users})
        self.world = World(folder / f"{seed}.sqlite3", seed=seed, policy=policy, can_look=seed % 3 == 0)
        self.host = Host(self.world)
        self.remedies = Remedies(self.host, self.chance)
        self.privacy = privacy_of(self.host)
        self.sent = 0
        self.revision: dict[int, int] = {}
        self.letters: list[Notice] = []
        self.late: list[tuple[str, bytes]] = []
        self.trail: list[str] = []
        self.looked: set[CaseState] = set()

    # ------------------------------------------------------------------------------- what the authority does

    def notice(self, n: int, revision: int = 1) -> Notice:
        size = self.chance.randint(1, 3)
        shift = 0 if self.simple else self.chance.choice((0, 0, 0, 1))  # an id can change its object
        items = tuple(Item(item_id=str(k), object_id=f"post:{(n + k + shift) % 3}") for k in range(1, size + 1))
        category = "election_rules" if n in (1, 9) else "illegal_gambling"
        silence = self.chance.choice((None, None, True, False))
        until = self.world.clock() + 9_000
        basis = "Act 1" if silence else None
        wish = None if silence is None else UserNotice(allowed=False, delay_until=until, legal_basis=basis)
        notice = a_notice(seed=n, items=1, category=category, revision=revision)
        notice = notice.model_copy(update={"items": items, "user_notice": wish})
        return demand(notice) if n == 2 and revision % 3 == 0 else notice

    def push(self, data: object) -> None:
        self.sent += 1
        answer = self.host.push(data, f"msg-{self.sent}")  # type: ignore[arg-type]
        assert answer.status in (200, 202, 409), answer

    def issue(self) -> None:
        n = self.chance.randint(1, 4)
        self.revision[n] = self.revision.get(n, 0) + 1
        self.push(self.notice(n, self.revision[n]))

    def break_off(self) -> None:
        """An authentic message that cannot be used, about a notice that may or may not be known."""
        n = self.chance.choice((3, 4, 5, 6, 7))
        headers, body = self._unusable(n)
        assert self.host.deliver_push(headers, body).status == 422

    def _unusable(self, n: int) -> tuple[list[tuple[str, str]], bytes]:
        self.sent += 1
        name, now = f"msg-{self.sent}", self.world.clock()
        document = json.loads(builders.message_bytes(self.notice(n), message_id=name, sent_at=now))
        document["data"]["items"] = []
        body = json.dumps(document).encode()
        return _signed(name, body, now), body

    def come_late(self) -> None:
        """A right signature at the wrong time."""
        self.sent += 1
        n, name, now = self.chance.randint(1, 4), f"msg-{self.sent}", self.world.clock()
        self.revision[n] = self.revision.get(n, 0) + 1
        body = builders.message_bytes(self.notice(n, self.revision[n]), message_id=name, sent_at=now)
        assert self.host.deliver_push(_signed(name, body, now - 400), body).status == 422
        self.late.append((name, body))

    def come_again(self) -> None:
        """What came late is signed anew, as its answer asks."""
        if self.late:
            name, body = self.chance.choice(self.late)
            answer = self.host.deliver_push(_signed(name, body, self.world.clock()), body)
            assert answer.status in (200, 202, 409), answer

    def cancel(self) -> None:
        n = self.chance.randint(1, 4)
        effect = self.chance.choice(("withdrawn", "annulled", "remedied", None))
        some = self.chance.choice((None, None, ("1",), ("2",), ("1", "2")))
        revision = max(1, self.revision.get(n, 1) + self.chance.choice((0, 0, 0, -1)))
        self.push(builders.cancellation(self.notice(n), effect, some, revision=revision))  # type: ignore[arg-type]

    def clarify(self) -> None:
        notice = self.notice(self.chance.randint(1, 4))
        items = (
            None
            if self.simple
            else self.chance.choice((None, None, notice.items, (*notice.items, Item(item_id="9", object_id="post:0"))))
        )
        self.push(builders.clarification(notice, "ask").model_copy(update={"items": items}))

    def remind(self) -> None:
        self.push(builders.reminder(self.notice(self.chance.randint(1, 4))))

    def enter(self) -> None:
        n = 9 if self.simple else self.chance.choice((9, 9, 1, 2, 3, 4))
        letter = self.notice(n, self.revision.get(n, 0) + 1)
        if n != 9:
            self.revision[n] = letter.revision
        self.letters.append(letter)
        work, _ = self.host.intake.typed(letter, self.world.clock(), "letter", CLERK)
        assert self.host.store.submit(PLATFORM, work).result().status in (200, 202, 409)

    def confirm(self) -> None:
        """What came as a letter comes signed as well."""
        if self.letters:
            self.push(self.chance.choice(self.letters))

    # --------------------------------------------------------------------------------------- what people do

    def review(self) -> None:
        actor = self.chance.choice((M1, M2, M1, M2, HEAD, LEGAL))
        lease = self.host.taking.claim(actor).result()
        if lease is None:
            return
        case = lease.case
        token = lease.token
        what = self.chance.random()
        if what < 0.08:
            self.host.take(actor, case.id, commands.Renew(token))
        elif what < 0.14:
            self.host.take(actor, case.id, commands.Release(token))
        elif what < 0.24:
            question = Question(text=(Statement(lang="ru", text="Что именно?"),))
            self.host.take(actor, case.id, commands.RequestClarification(token, (question,), text_checked=True))
        else:
            self.propose(case, actor, token)

    def propose(self, case: Case, actor: Actor, token: int) -> None:
        doubt = YES.model_copy(update={"proportionate": "unclear"}) if self.chance.random() < 0.2 else YES
        chosen = proposal(*(self._choose(item_id) for item_id in sorted(case.open_items)), legal_check=doubt)
        self._propose(case.id, actor, token, chosen)

    def _propose(self, case_id: str, actor: Actor, token: int, chosen: Proposal) -> Decided:
        if self.world.can_look:
            chosen = naming(chosen, self.host.looking.look(actor, case_id, token))
        return self.host.take(actor, case_id, commands.Propose(token, chosen))

    def _choose(self, item_id: str) -> ItemDecision:
        actions: tuple[Action, ...] = ("remove", "restrict_access", "suspend_account", "label")
        what = self.chance.random()
        if what < 0.7:
            ground = self.chance.choice(("local_law", "local_law", "terms_of_service"))
            return measure(item_id, self.chance.choice(actions), ground=ground)
        return refusal(item_id, "clarification_needed" if what < 0.8 else "refused")

    def second_look(self) -> None:
        case = self._some(CaseState.IN_APPROVAL)
        digest = self.host.decisions(case.id)[case.decision_version].digest
        if self.chance.random() < 0.6:
            self.host.take(self.chance.choice((LEAD, LEGAL)), case.id, commands.Approve(digest))
        else:
            self.host.take(LEAD, case.id, commands.SendBack(digest, "too broad"))

    def other_steps(self) -> None:
        case = self._some()
        steps: list[Callable[[], object]] = [
            lambda: self.host.take(M1, case.id, commands.Undo()),
            lambda: self.host.take(LEAD, case.id, commands.Reopen("an appeal succeeded", _fallen(case))),
            lambda: self.host.take(M1, case.id, commands.Recall()),
            lambda: self.host.looking.look(M2, case.id),
            lambda: self.host.take(LEAD, case.id, commands.RecordLegalCheck(YES)),
            lambda: self.host.take(LEAD, case.id, commands.ReportInterim()),
            lambda: self.host.take(HEAD, case.id, commands.Acknowledge()),
            lambda: self.host.take(LEAD, case.id, commands.Authenticate("called back")),
            lambda: self.host.take(LEAD, case.id, commands.CorrectReceipt(case.received_at, "the stamp says so")),
            lambda: self.host.take(LEAD, case.id, commands.SettleQuarantine("the sender sends it again")),
            lambda: self.host.take(HEAD, case.id, commands.RaiseAlarm("two officials are in the room")),
            lambda: self.host.take(HEAD, case.id, TOLD),
            lambda: self.host.take(LEGAL, case.id, commands.ReferDemand("filed elsewhere")),
            lambda: self.host.take(LEGAL, case.id, commands.RuleOutDemand("it names no user")),
            lambda: self.host.take(HEAD, case.id, commands.AnswerByHand()),
            lambda: self._delivered_by_hand(case),
            lambda: self._retry(case),
            *self.remedies.steps(case),
            lambda: self.erase(case),
        ]
        self.chance.choice(steps)()

    # ------------------------------------------------------------------------- users, and who answers them

    def appeal(self) -> None:
        self.sent += 1
        found = [(case, item) for case in self.host.cases() for item in case.items if item.measure]
        if found:
            case, item = self.chance.choice(found)
            now = self.world.clock()
            self.host.take(
                SYSTEM, case.id, commands.ReceiveAppeal(item.item_id, "It is satire.", now, f"appeal-{self.sent}")
            )

    def put_off(self) -> None:
        for case in self.host.cases():
            if any(row.state in ("due", "delayed") for row in self.host.case_file(case.id).user_notices):
                until = self.world.clock() + 7000
                self.host.take(LEGAL, case.id, commands.DelayUserNotices(until, "Act 2", "an inquiry"))

    def answer_appeal(self) -> None:
        appeals = self.host.appeals
        one = self.chance.choice(appeals.list().appeals or (None,))
        if one is None:
            raise ComplianceError("there is none")
        what = self.chance.random()
        if what < 0.2:
            self.host.take(SYSTEM, self.host.appeals.case_of(one.appeal_id), commands.WithdrawAppeal(one.appeal_id))
        elif what < 0.5:
            self.host.take(
                LEGAL,
                self.host.appeals.case_of(one.appeal_id),
                commands.DecideAppeal(one.appeal_id, "uphold", "looked at anew"),
            )
        else:
            self.host.take(
                LEGAL,
                self.host.appeals.case_of(one.appeal_id),
                commands.DecideAppeal(one.appeal_id, "reverse", "satire", REVERSAL),
            )

    def erase(self, case: Case) -> None:
        """Early, because two people agree; seldom, for little is left to do with it then."""
        if self.chance.random() < 0.3:
            self.host.take(LEGAL, case.id, commands.AskErasure("subject_request"))
            self.host.take(HEAD, case.id, commands.Erase())

    def _delivered_by_hand(self, case: Case) -> None:
        now = self.world.clock()
        for message in self.host.records(case.id).messages:
            if message.state == "waiting":
                self.host.letters.record(HEAD, message.id, Proof("courier", "12-3/45", now, "signature of the desk"))

    def _retry(self, case: Case) -> None:
        for message in self.host.records(case.id).messages:
            if message.state == "parked":
                self.host.letters.retry(HEAD, message.id)

    def _some(self, state: CaseState | None = None) -> Case:
        found = [case for case in self.host.cases() if state in (None, case.state)]
        # Those that were never more than a quarantined message are many, and there is little to do with them.
        found = [case for case in found if case.items or self.chance.random() < 0.2]
        if not found:
            raise ComplianceError("there is none")
        return self.chance.choice(found)

    # ------------------------------------------------------------------------------------ machinery, weather

    def look(self) -> None:
        """Somebody looks at a case of each state, and takes a pack of it out. It draws no chance: the walk is as it was
        without it."""
        for state, case_id in {case.state: case.id for case in self.host.cases()}.items():
            if state in self.looked:
                continue
            self.looked.add(state)
            self.host.evidence.record_view(HEAD, case_id)
            self.host.evidence.take(HEAD, case_id, "redacted", "ru", "")
            self.set_clock()

    def set_clock(self) -> None:
        """Somebody sets the clock, and back."""
        env = frozen_env(self.world.clock)
        for by in (0, 60, -60):
            self.world.clock.step(by)
            follow_clock(self.host.store, PLATFORM, self.host.policy, env)

    def deliver(self) -> None:
        self.host.delivery.drain_once()

    def watch(self) -> None:
        self.host.watch()
        self.look()

    def wait(self) -> None:
        self.world.clock.advance(self.chance.choice((1, 61, 130, 400, 3600, 20_000)))

    def rewrite(self) -> None:
        """An author changes what a notice speaks of, or takes it away and brings it back."""
        content, name = self.world.content, f"post:{self.chance.randrange(3)}"
        what = self.chance.random()
        if what < 0.1:
            content.remove(name)
        elif what < 0.3:
            content.fail_next(RuntimeError("the storage is down"))
        else:
            content.write(name, str(self.chance.random()))

    def weather(self) -> None:
        """The next call of the platform or of the regulator goes wrong, in one of the ways it can."""
        if self.chance.random() < 0.1:
            self.outage()
        elif self.chance.random() < 0.1:
            gone = Failed("no such user", permanent=self.chance.random() < 0.5)
            self.world.messenger.faults.append(lambda _notice: gone)
        elif self.chance.random() < 0.5:
            self.world.platform.faults.append(
                self.chance.choice((_breaks, _fails_for_good, _fails, self._pending, _in_silence))
            )
        else:
            regulator = self.world.regulator
            regulator.faults.append(
                self.chance.choice((_down, _lost, _refused, lambda m: (regulator.record(m), Unknown("reset"))[1]))
            )

    def outage(self) -> None:
        """The platform, or the regulator, is down for a while."""
        if self.chance.random() < 0.5:
            self.world.platform.faults += [_fails] * self.chance.randint(4, 7)
        else:
            self.world.regulator.faults += [_down] * self.chance.randint(4, 7)

    def _pending(self, _effect: Effect) -> EffectResult:
        return Pending(self.world.clock() + 30)

    # ------------------------------------------------------------------------------------------------ running

    def run(self) -> None:
        authorities = [self.issue, self.break_off, self.cancel, self.clarify, self.remind, self.enter]
        if not self.simple:
            authorities += [self.cancel, self.confirm, self.confirm, self.come_late, self.come_again]
        users = (self.appeal, self.appeal, self.answer_appeal, self.answer_appeal, self.answer_appeal, self.put_off)
        people = (self.review, self.review, self.review, self.second_look, self.other_steps, self.other_steps)
        machinery = (
            self.deliver,
            self.deliver,
            self.deliver,
            self.watch,
            self.wait,
            self.wait,
            self.weather,
            self.rewrite,
        )
        for number in range(STEPS):
            if number % 40 == 0:
                self.host.make_checkpoint()
            who = (tuple(authorities), people, people, machinery, machinery, users)
            step = self.chance.choice(self.chance.choice(who))
            self.trail.append(step.__name__)
            if step in (*people, *users):
                try:
                    step()
                except ComplianceError:
                    continue  # people may be told no; nobody else may
            else:
                step()

    def hold_all(self) -> None:
        """Every state can be held: left to chance, each would take many walks."""
        for case in self.host.cases():
            if case.erased_at is None:
                self.host.take(LEAD, case.id, commands.Hold("an appeal", self.world.clock() + 20_000))
                self.host.take(HEAD, case.id, commands.EndHold("it was withdrawn"))

    def finish(self) -> None:
        """The weather is fine, and people do their work: every case must come to its end."""
        self.world.platform.faults.clear()
        self.world.regulator.faults.clear()
        self.world.messenger.faults.clear()
        self._close_appeals()
        for _ in range(60):
            self._one_day_of_work()
            if all(case.state in ENDED for case in self.host.cases()) and not self._undelivered():
                return
            self.world.clock.advance(1000)
        left = [(case.notice_id, str(case.state), [i.status for i in case.items]) for case in self.host.cases()]
        raise AssertionError(f"cases that cannot end: {[row for row in left if row[1] not in ('closed', 'cancelled')]}")

    def _one_day_of_work(self) -> None:
        for case in self.host.cases():
            if "user_data_demand" in case.flags and case.state in UNDECIDED:
                self.host.take(LEGAL, case.id, commands.RuleOutDemand("it names no user"))
            if case.state is CaseState.QUARANTINED:
                self.host.take(LEAD, case.id, commands.SettleQuarantine("done"))
            elif case.state is CaseState.AWAITING_ANSWER:
                self.host.take(M1, case.id, commands.Recall())
            elif case.state is CaseState.IN_APPROVAL:
                digest = self.host.decisions(case.id)[case.decision_version].digest
                self.host.take(LEAD, case.id, commands.SendBack(digest, "start over"))
        while (lease := self.host.taking.claim(M1).result()) is not None:
            items = tuple(refusal(item_id) for item_id in sorted(lease.case.open_items))
            decided = self._propose(lease.case.id, M1, lease.token, proposal(*items))
            if decided.decision.needs_approval:
                self.host.take(LEGAL, lease.case.id, commands.Approve(decided.digest))
        self.host.drain(200)
        for case in self.host.cases():
            self._delivered_by_hand(case)
            self._retry(case)

    def _close_appeals(self) -> None:
        for one in self.host.appeals.list(limit=500).appeals:
            self.host.take(SYSTEM, self.host.appeals.case_of(one.appeal_id), commands.WithdrawAppeal(one.appeal_id))

    def _undelivered(self) -> list[OutboxMessage]:
        queries = self.host.store.queries(PLATFORM)
        return [
            m
            for case in self.host.cases()
            for m in queries.records(case.id).messages
            if m.state in ("queued", "leased")
        ]

    def check_objects(self) -> None:
        """When everything has been delivered, an object is free exactly if nothing holds it. One that the platform said
        could never be lifted may stay as it is, if something else was to be done with it since."""
        keys = {item.object_key for case in self.host.cases() for item in case.items if item.object_key}
        holds = {key: object_of(self.host.store, key).holds for key in keys}
        held = {key for key, owners in holds.items() if owners}
        queries = self.host.store.queries(PLATFORM)
        messages = [message for case in self.host.cases() for message in queries.records(case.id).messages]
        gave_way = {
            json.loads(m.body)["object_key"]
            for m in messages
            if m.kind == "restore" and m.state == "void" and m.attempts
        }
        for key in keys:
            stands = self.world.platform.effects.get(key, "restore")
            assert (stands == "restore") == (key not in held) or key in gave_way - held, (key, stands, holds)
        in_force = {i.object_key for case in self.host.cases() for i in case.items if i.status == "in_force"}
        assert in_force <= held
        assert not self.world.platform.refused_versions

    def check_users(self) -> None:
        """When everything has been delivered, nobody is still to be told, and nobody was told twice."""
        for case in self.host.cases():
            for row in self.host.case_file(case.id).user_notices:
                assert row.state in ("sent", "failed", "void"), row
                assert (row.state == "sent") <= (row.message_id in self.world.messenger.told), row


def _fallen(case: Case) -> list[str]:
    return [item.item_id for item in case.items if not item.order_stands and not item.was]


def _signed(name: str, body: bytes, at: int) -> list[tuple[str, str]]:
    headers = sign(regulator_signing_key(PROFILE), PROFILE, "POST", f"{builders.HOST}/notices", body, at, name, "n")
    return [("content-type", "application/json"), *headers]


def _breaks(_effect: Effect) -> EffectResult:
    raise RuntimeError("the platform's own code failed")


def _fails(_effect: Effect) -> EffectResult:
    return Failed("busy")


def _fails_for_good(_effect: Effect) -> EffectResult:
    return Failed("no such object", permanent=True)


def _in_silence(_effect: Effect) -> None:
    return None


def _down(_message: OutboxMessage) -> Sent:
    return RetryAt("503")


def _lost(_message: OutboxMessage) -> Sent:
    return Unknown("reset by peer")


def _refused(_message: OutboxMessage) -> Sent:
    return Rejected("schema", "a field is wrong")


@contextmanager
def moves() -> Iterator[Taken]:
    """The rows of the table that are taken within it."""
    rows: Taken = {(None, "open", "queued"), (None, "quarantine", "quarantined")}

    def legal(source: CaseState, verb: str, target: CaseState) -> bool:
        if is_legal(source, verb, target):
            rows.add((str(source), verb, str(target)))
            return True
        return False

    with mock.patch.object(case_module, "is_legal", legal):
        yield rows


def detours(folder: Path) -> Taken:
    """Ways that a walk takes too rarely to wait for: an order falls while another effect is still on its way."""
    ways = {
        "claimed": falls_while_claimed,
        "asked": falls_while_asked,
        "lifting": falls_in_line,
        "appealed": falls_while_appealed,
        "demand": goes_to_a_lawyer,
        "pressed": pressed_while_it_is_lifted,
    }
    with moves() as rows:
        for name, way in ways.items():
            host = Host(World(folder / f"{name}.sqlite3"))
            way(host)
            host.store.close()
        for host in chain(rows_of_remedies(folder), rare_rows(folder), news_rows(folder)):
            host.store.close()
        for name, changes in CONTENT_DETOURS.items():
            host = Host(World(folder / f"content_{name}.sqlite3", can_look=True))
            changes(host)
            host.store.close()
    return rows


def walk(folder: Path, seed: int) -> Taken:
    """Run one seed; whatever goes wrong names it."""
    one = Walk(folder, seed)
    try:
        with moves() as rows:
            one.run()
            one.hold_all()
            one.finish()
        one.host.check_chains()
        one.check_objects()
        one.check_users()
        return rows
    except Exception as error:
        error.add_note(f"seed {seed}; the last steps were {one.trail[-12:]}")
        raise
    finally:
        one.host.store.close()


@pytest.mark.slow
@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize("seed", range(30))
def test_no_order_of_events_leads_off_the_table(tmp_path: Path, seed: int) -> None:
    assert walk(tmp_path, seed) <= ROWS


ENOUGH = (102, 103, 104, 112, 116, 126, 127, 130, 132, 135, 137, 139, 141, 153, 161)
"""Seeds that take every row between them. Where they no longer do, others are tried."""


@pytest.mark.slow(takes_s=60)
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("remembering")
def test_every_row_of_the_table_is_taken(tmp_path: Path) -> None:
    """A row that cannot be reached is a fault of the design, and is named here."""
    taken = detours(tmp_path)
    for seed in (*ENOUGH, *range(200, 900)):
        taken |= walk(tmp_path, seed)
        if taken >= ROWS:
            break
    dead = sorted(ROWS - taken, key=str)
    assert not dead, f"{len(dead)} rows were never taken: {dead}"
