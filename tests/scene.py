"""A whole desk over one file, with the world outside it replaced: a clock that stands still, a regulator, a platform
and a pager that remember. The world outlives the host, so a crash is: throw the host away, build another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, InboxRow, OutboxMessage
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.commands.review import Decided
from kz_compliance_sdk.domain.decision import Decision, Proposal, decisions_by_version
from kz_compliance_sdk.domain.flags import Recipient
from kz_compliance_sdk.domain.messages import BY_HAND, REGULATOR, Respondent
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.received import received_in
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.domain.values import MESSAGES, stream_of
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.evidence.taking import Evidence
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import (
    ByPerson,
    Delivered,
    Effect,
    EffectResult,
    Env,
    FeedPage,
    InForce,
    Rejected,
    RetryAt,
    Sent,
    Store,
    Tx,
)
from kz_compliance_sdk.services import deadlines
from kz_compliance_sdk.services.admission import Admission, Response
from kz_compliance_sdk.services.delivery import Delivery, Ways
from kz_compliance_sdk.services.intake import Headers, Intake, Pending
from kz_compliance_sdk.services.letters import Letters
from kz_compliance_sdk.services.loading import CaseFile, Letter, case_file_of, letters_of
from kz_compliance_sdk.services.looking import Appeals, Care, Looking
from kz_compliance_sdk.services.take import Taking
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import FakeContent, naming
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.keys import regulator_key, regulator_signing_key
from kz_compliance_sdk.wire.signature import Key, KeyRing, Profile, sign
from kz_compliance_sdk.wire.v1 import MessageData
from tests.blank import put_blank
from tests.fake_messenger import FakeMessenger
from tests.fake_pager import FakePager
from tests.figures.tallies import check_tallies
from tests.witness import FakeWitness

R = TypeVar("R")
PLATFORM = builders.PLATFORM_ID
PROFILE: Profile = "standard-webhooks"
M1 = Actor("m1", frozenset({"moderator"}))
M2 = Actor("m2", frozenset({"moderator"}))
LEAD = Actor("lead", frozenset({"lead"}))
LEGAL = Actor("legal", frozenset({"legal"}))
HEAD = Actor("head", frozenset({"head"}))


class FakeRegulator:
    """Keeps every message under its id and answers a repeat with the same receipt. `faults` are played first."""

    name = REGULATOR

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.books: dict[str, tuple[str, bytes, int]] = {}
        self.sends: list[str] = []
        self.faults: list[Callable[[OutboxMessage], Sent | None]] = []

    def send(self, message: OutboxMessage) -> Sent:
        self.sends.append(message.id)
        if self.faults:
            fault = self.faults.pop(0)(message)
            if fault is not None:
                return fault
        return self.record(message)

    def record(self, message: OutboxMessage) -> Sent:
        held = self.books.setdefault(message.id, (message.kind, message.body, self._clock()))
        if held[1] != message.body:
            return Rejected("key_reused", "the same id with another body")
        return self._receipt(message.id)

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        if message.id not in self.books:
            return None
        return replace(self._receipt(message.id), otherwise=self.books[message.id][1] != message.body)

    def fetch(self, after: str, limit: int) -> FeedPage:
        return FeedPage((), after, False)

    def _receipt(self, name: str) -> Delivered:
        _, body, at = self.books[name]
        receipt = {"receipt_id": f"r-{name[:8]}", "subject_id": name, "body_sha256": hashlib.sha256(body).hexdigest()}
        return Delivered(f"r-{name[:8]}", at, json.dumps(receipt).encode())

    def reports(self, notice_id: str | None = None) -> list[dict[str, Any]]:
        """The reports in the books, by sequence."""
        found = [json.loads(body) for kind, body, _ in self.books.values() if kind == "report"]
        return sorted(
            (r for r in found if notice_id in (None, r["notice_id"])), key=lambda r: (r["notice_id"], r["sequence"])
        )


class FakePlatform:
    """An enforcer that obeys the port: the same effect twice changes nothing, a lower version is refused."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.versions: dict[str, int] = {}
        self.done: dict[tuple[str, int], tuple[str, int]] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.faults: list[Callable[[Effect], EffectResult | None]] = []
        self.refused_versions: list[tuple[str, int]] = []

    def enforce(self, effect: Effect) -> EffectResult:
        return self._do("enforce", effect)

    def restore(self, effect: Effect) -> EffectResult:
        return self._do("restore", effect)

    def _do(self, what: str, effect: Effect) -> EffectResult:
        self.calls.append((what, effect.object_key, effect.version))
        if self.faults:
            fault = self.faults.pop(0)(effect)
            if fault is not None:
                return fault
        if effect.version < self.versions.get(effect.object_key, 0):
            self.refused_versions.append((effect.object_key, effect.version))
            raise RuntimeError("a lower version than one that was carried out already")
        self.versions[effect.object_key] = effect.version
        verb = effect.action if what == "enforce" else "restore"
        _, at = self.done.setdefault((effect.object_key, effect.version), (verb, self._clock()))
        return InForce(at)

    @property
    def effects(self) -> dict[str, str]:
        """What stands on each object now."""
        return {key: self.done[key, version][0] for key, version in self.versions.items()}


class ByHandStandIn:
    """The regulator that is a person: every message waits for one."""

    name = BY_HAND

    def send(self, message: OutboxMessage) -> Sent:
        return ByPerson(f"letter {message.id}")

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        return None

    def fetch(self, after: str, limit: int) -> FeedPage:
        return FeedPage((), after, False)


@dataclass
class World:
    """What a crash of the host leaves as it is."""

    path: Path
    seed: int = 20261124
    clock: FrozenClock = field(default_factory=FrozenClock)
    policy: Policy = field(default_factory=lambda: kz_policy().model_copy(update={"undo_window_s": 0}))
    can_look: bool = False
    collect_s: int = 0
    keys: tuple[Key, ...] = (regulator_key(PROFILE),)
    url: str = ""
    """Of a PostgreSQL database, where that takes the place of the file."""

    def __post_init__(self) -> None:
        if not self.url:
            put_blank(self.path)
        self.regulator = FakeRegulator(self.clock)
        self.platform = FakePlatform(self.clock)
        self.pager = FakePager()
        self.witness = FakeWitness()
        self.content = FakeContent(self.clock)
        self.messenger = FakeMessenger(self.clock)
        self._hosts = 0

    def env(self) -> Env:
        self._hosts += 1
        return replace(frozen_env(self.clock, self.seed * 1000 + self._hosts), spawn=_at_once)

    def open_store(self, *, threaded: bool = False) -> Any:
        return self.open_at(self.env(), threaded=threaded)

    def open_at(self, env: Env, **options: Any) -> Any:
        """A store of this world, in which time, ids and chance are those of `env`."""
        if not self.url:
            return SqliteStore(self.path, env, **options)
        from kz_compliance_sdk.adapters.sql.postgres import PostgresStore

        return PostgresStore(self.url, env, **options)


@contextmanager
def place(database: str) -> Iterator[str]:
    """The URL of a database that is gone in the end, where a world is on PostgreSQL; nothing for one on a file."""
    if database == "sqlite":
        yield ""
        return
    from tests import postgres

    with postgres.database() as url:
        yield url


def _at_once(call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except Exception as error:  # noqa: BLE001 - the future is how the caller learns of it
        future.set_exception(error)
    return future


class Host:
    """One process of the desk: everything in it is lost in a crash."""

    def __init__(self, world: World, store: Store | None = None) -> None:
        self.world, env = world, world.env()
        self.entropy = env.entropy
        self.store: Store = store or world.open_store()
        policy, respondent = world.policy, Respondent("head_of_office", "Үлгі Б. С.")
        self.policy, self.respondent = policy, respondent
        admission = Admission.under(PLATFORM, policy, respondent, frozenset({"social.example"}), Recipient())
        ring = KeyRing(world.keys, allow_test_keys=True)
        self.intake = Intake(
            admission, ring, target_uri=lambda target: f"{builders.HOST}{target}", clock=self.store.now, ids=env.ids
        )
        self.looking = Looking(
            self.store,
            PLATFORM,
            world.content,
            lambda: world.can_look,
            spawn=_at_once,
            monotonic=env.monotonic,
        )
        self.care = Care(self.store, PLATFORM, policy, Recipient())
        self.letters = Letters(self.store, PLATFORM)
        self.proof = Checkpoints(self.store, PLATFORM, seal=None, witnesses=lambda: [world.witness], every_s=1)
        self.telling = Telling(policy.users, appeal_url="https://social.example/appeals")
        self.taking = Taking(self.store, PLATFORM, policy, respondent, self.telling, self.looking)
        self.appeals = Appeals(self.store, PLATFORM)
        self.delivery = Delivery(
            self.store,
            PLATFORM,
            policy,
            respondent,
            Ways(
                regulators={REGULATOR: world.regulator, BY_HAND: ByHandStandIn()},
                enforcer=world.platform,
                can_enforce=lambda: True,
                notifier=world.pager,
                link=lambda reference: f"https://desk.example/{reference}",
                look=self.looking.at_last,
                messenger=world.messenger,
            ),
            clock=self.store.now,
            random=env.random,
            spawn=_at_once,
            telling=self.telling,
            collect_s=world.collect_s,
        )

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.store, PLATFORM, self.policy, target_uri=lambda target: f"{builders.HOST}{target}")

    def push(self, data: MessageData, message_id: str, **envelope: Any) -> Response:
        """What the regulator gets for a signed push of `data`."""
        return self.deliver_push(*signed(self.world, data, message_id, **envelope))

    def deliver_push(self, headers: Headers, body: bytes) -> Response:
        answer = self.intake.receive("POST", "/notices", headers, body)
        return self.store.submit(PLATFORM, answer.work).result() if isinstance(answer, Pending) else answer

    def take(self, actor: Actor, case_id: str, command: Command[R]) -> R:
        return self.taking.take(actor, case_id, command).result()

    def case_file(self, case_id: str) -> CaseFile:
        return case_file_of(self.store.queries(PLATFORM), case_id, self.store.now())

    def letters_waiting(self, case_id: str) -> tuple[Letter, ...]:
        return self.store.submit(PLATFORM, lambda tx: ((), letters_of(tx, tx.case(case_id)))).result()

    def decide(self, proposal: Proposal, actor: Actor = M1, approver: Actor = LEGAL) -> Decided:
        """Claim the most urgent case and decide it, with a second person where policy asks for one."""
        lease = self.taking.claim(actor).result()
        assert lease is not None
        if self.world.can_look:
            proposal = naming(proposal, self.looking.look(actor, lease.case.id, lease.token))
        decided = self.take(actor, lease.case.id, commands.Propose(lease.token, proposal))
        if decided.decision.needs_approval:
            decided = self.take(approver, lease.case.id, commands.Approve(decided.digest))
        return decided

    def drain(self, passes: int = 20) -> int:
        """Deliver what is due now, until nothing is. Returns how many messages were settled."""
        settled = 0
        for _ in range(passes):
            drained = self.delivery.drain_once()
            if not drained.leased:
                return settled
            settled += drained.settled
        raise AssertionError(f"the outbox is not empty after {passes} passes")

    def watch(self) -> deadlines.Watched:
        return deadlines.watch(self.store, PLATFORM, self.policy)

    def case(self, notice_id: str) -> Case:
        queries = self.store.queries(PLATFORM)
        (found,) = queries.cases(notice_id=notice_id).cases
        return queries.case(found.id)

    def cases(self) -> tuple[Case, ...]:
        """All cases, in the order in which they came; those of one second by the number of their notice."""
        queries = self.store.queries(PLATFORM)
        found = [queries.case(case_id) for case_id in queries.case_ids()]
        return tuple(sorted(found, key=lambda case: (case.received_at, case.notice_id, case.quarantine_no)))

    def records(self, case_id: str) -> Records:
        return self.store.queries(PLATFORM).records(case_id)

    def decisions(self, case_id: str) -> dict[int, Decision]:
        chain = self.records(case_id).chain
        return decisions_by_version(chain.stream, chain.words)

    def history(self, case_id: str) -> list[str]:
        return [on.kind for on in self.records(case_id).stream.events]

    def words(self, case_id: str) -> dict[tuple[int, str], bytes | None]:
        """What lies beside the events of a case, by sequence and name."""

        def work(tx: Tx) -> tuple[Change, dict[tuple[int, str], bytes | None]]:
            stream = tx.streams([stream_of(case_id)])[stream_of(case_id)]
            return (), tx.words(stream, [(on.seq, name) for on in stream.events for name in on.event.parts])

        return self.store.submit(PLATFORM, work).result()

    def check_chains(self) -> None:
        """Every case's chain is whole, and agrees with the case, with what is stored beside it, and with what the
        checkpoints saw, if any were made."""
        faults = verify(self.store.queries(PLATFORM), PLATFORM, policy=self.policy).faults
        assert not faults, faults
        check_tallies(self.store.queries(PLATFORM))

    def make_checkpoint(self) -> None:
        """What has happened since the last one is no tampering in its eyes."""
        self.proof.run()
        self.check_chains()


def lodged(store: Store, platform_id: str = PLATFORM) -> list[InboxRow]:
    """The messages that no case has taken, in the order in which they came."""

    def work(tx: Tx) -> tuple[Change, list[InboxRow]]:
        streams = tx.streams(one.about for one in tx.found(MESSAGES, 1 << 20)).values()
        rows = [row for stream in streams for row in received_in(stream, tx.words) if not row.case_id]
        return (), sorted(rows, key=lambda row: (row.received_at, row.message_id))

    return store.submit(platform_id, work).result()


def signed(world: World, data: MessageData, message_id: str, **envelope: Any) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and body of a push that the regulator signs now."""
    now = world.clock()
    body = builders.message_bytes(data, message_id=message_id, sent_at=now, **envelope)
    key = regulator_signing_key(PROFILE)
    headers = sign(key, PROFILE, "POST", f"{builders.HOST}/notices", body, now, message_id, "nonce")
    return [("content-type", "application/json"), *headers], body
