"""A store with cases in every state, the checkpoints that were kept of it elsewhere, and backups from on the way."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from kz_compliance_sdk import assembly
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.appeals import Reversal
from kz_compliance_sdk.domain.ledger import LedgerKey, LedgerKeys
from kz_compliance_sdk.domain.notice import UserNotice
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.domain.retention import Retention
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.evidence.verify_store import AuditVerdict, verify
from kz_compliance_sdk.ports import Failed, Rejected, RetryAt
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.wire.signature import SigningKey, sign
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import HEAD, LEAD, LEGAL, M1, M2, PLATFORM, PROFILE, Host, World

DRIVER = choose_driver()
_YEAR = 365 * 86_400
# Messages of no case go at once, cases only where somebody asks for it.
_NO_TIME = Retention(_YEAR, _YEAR, _YEAR, _YEAR, 0, _YEAR)
LEDGER = LedgerKey(b"l" * 32)
KEY = SigningKey("platform-key", "ed25519", bytes(range(32)))


@dataclass
class Scenery:
    """The world, its host, and the backups that were made after each checkpoint but the last."""

    world: World
    host: Host
    backups: list[bytes] = field(default_factory=list)

    @property
    def outside(self) -> bytes:
        """What somebody else kept: a line for each checkpoint."""
        return b"\n".join(self.world.witness.lines)

    def verify(self, *, outside: bool = True) -> AuditVerdict:
        kept = self.outside if outside else None
        return verify(self.host.store.queries(PLATFORM), PLATFORM, kept=kept, check=assembly.seal_check(KEY))

    def proof(self) -> Checkpoints:
        """Whoever holds the database may hold the key as well, and can make checkpoints; nobody is told of them."""
        store = self.host.store
        return Checkpoints(store, PLATFORM, seal=assembly.seal(KEY), witnesses=list)


def build(folder: Path) -> Scenery:
    """Play the whole story. The last checkpoint is a minute older than now, and nothing happened since."""
    world = World(folder / "desk.sqlite3")
    host = Host(world, SqliteStore(world.path, world.env(), threaded=False, ledger_keys=LedgerKeys((LEDGER,))))
    host.proof = Checkpoints(
        host.store,
        PLATFORM,
        seal=assembly.seal(KEY),
        witnesses=lambda: [world.witness],
        every_s=1,
    )
    scenery = Scenery(world, host)
    scenes = (_decided, _arrived, _on_the_way, _second_thoughts, _by_letter, _users, _erased, _unfinished)
    for scene in scenes:
        scene(host)
        world.clock.advance(60)
        host.make_checkpoint()
        world.clock.advance(60)
        scenery.backups.append(image(world.path))
    scenery.backups.pop()
    return scenery


def image(path: Path) -> bytes:
    """The database as it is now, as the bytes of one file."""
    copy = path.with_name("image.sqlite3")
    with closing(DRIVER.module.connect(path)) as source, closing(DRIVER.module.connect(copy)) as target:
        source.backup(target)
    try:
        return copy.read_bytes()
    finally:
        copy.unlink()


def _decided(host: Host) -> None:
    """Two that are closed, one of them with two people and two items, and one that was refused."""
    host.push(a_notice(seed=1, items=2, category="election_rules"), "msg-1")
    host.drain()
    host.decide(proposal(measure("1"), measure("2", "restrict_access")))
    host.world.regulator.faults.append(lambda _message: RetryAt("503"))
    _for_a_while(host)
    host.push(a_notice(seed=2), "msg-2")
    host.decide(proposal(refusal("1")))
    _for_a_while(host)
    host.push(builders.sanction(3), "msg-3")
    host.drain()


def _arrived(host: Host) -> None:
    """What waits for its notice, what cannot be used, what was typed in, a repeat, and a sanction."""
    host.push(builders.cancellation(a_notice(seed=40), "withdrawn"), "msg-4")
    broken = a_notice(seed=5)
    body = builders.message_bytes(broken, message_id="msg-5", sent_at=host.world.clock()).replace(
        b'"category":"illegal_gambling"', b'"category":17'
    )
    _push_raw(host, body, "msg-5")
    letter = a_notice(seed=6)
    work, _ = host.intake.typed(letter, host.world.clock() - 3600, "a letter", HEAD)
    assert host.store.submit(PLATFORM, work).result().status == 202
    host.take(LEAD, host.case(letter.notice_id).id, commands.Authenticate("called the authority back"))
    host.push(a_notice(seed=2), "msg-2-again")
    host.drain()


def _on_the_way(host: Host) -> None:
    """A cancellation that lifts a measure, a measure that fails, a report that is refused."""
    for seed, name in ((7, "msg-7"), (8, "msg-8")):
        host.push(a_notice(seed=seed), name)
    one = host.taking.claim(M1, case_id=host.case(a_notice(seed=7).notice_id).id).result()
    assert one is not None
    host.take(M1, one.case.id, commands.Propose(one.token, proposal(measure("1"))))
    _for_a_while(host)
    host.push(builders.cancellation(a_notice(seed=7), "annulled"), "msg-9")
    _for_a_while(host)
    two = host.taking.claim(M2, case_id=host.case(a_notice(seed=8).notice_id).id).result()
    assert two is not None
    host.take(M2, two.case.id, commands.Propose(two.token, proposal(measure("1"))))
    host.world.platform.faults += [lambda _effect: Failed("busy")] * 3
    host.world.regulator.faults += [lambda _message: Rejected("schema", "a field is wrong")]
    _for_a_while(host)


def _second_thoughts(host: Host) -> None:
    """Sent back, asked, answered, reopened, reminded; and the ladder rings."""
    host.push(a_notice(seed=10, category="election_rules"), "msg-10")
    lease = host.taking.claim(M1, case_id=host.case(a_notice(seed=10).notice_id).id).result()
    assert lease is not None
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    host.take(LEAD, lease.case.id, commands.SendBack(decided.digest, "too broad: name the posts"))
    host.push(builders.reminder(a_notice(seed=10)), "msg-11")
    host.take(LEAD, host.case(a_notice(seed=2).notice_id).id, commands.Reopen("an appeal succeeded"))
    host.world.clock.advance(20_000)
    host.watch()
    host.take(HEAD, host.case(a_notice(seed=10).notice_id).id, commands.Acknowledge())
    host.drain()


def _by_letter(host: Host) -> None:
    """A letter that was answered by letter."""
    case = host.case(a_notice(seed=6).notice_id)
    lease = host.taking.claim(M1, case_id=case.id).result()
    assert lease is not None
    host.take(M1, case.id, commands.Propose(lease.token, proposal(measure("1"))))
    _for_a_while(host)
    for message in host.records(case.id).messages:
        if message.state == "waiting":
            host.letters.record(HEAD, message.id, Proof("courier", "12-3/45", host.world.clock(), "a signature"))
    _for_a_while(host)


def _users(host: Host) -> None:
    """Users who were told, one who is told later and one who could not be; appeals that are open, lost and won."""
    host.push(a_notice(seed=20, items=3), "msg-20")
    host.world.messenger.faults.append(lambda _notice: Failed("no such account", permanent=True))
    case_id = _remove(host, 20, "1", "2", "3")
    first, second, _ = (
        host.take(SYSTEM, case_id, commands.ReceiveAppeal(item, "It is satire.", host.world.clock(), f"A-{item}"))
        for item in "123"
    )
    host.take(
        LEGAL, host.appeals.case_of(first.appeal_id), commands.DecideAppeal(first.appeal_id, "uphold", "it is not")
    )
    ru = (Statement(lang="ru", text="Это сатира."),)
    won = Reversal("not_illegal", "protected_speech", ru, text_checked=True)
    host.take(
        LEGAL, host.appeals.case_of(second.appeal_id), commands.DecideAppeal(second.appeal_id, "reverse", "it is", won)
    )
    _for_a_while(host)
    until = host.world.clock() + 86_400
    kept_back = UserNotice(allowed=False, delay_until=until, legal_basis="art. 8")
    host.push(a_notice(seed=21).model_copy(update={"user_notice": kept_back}), "msg-21")
    _remove(host, 21, "1")


def _erased(host: Host) -> None:
    """A case and a message of no case whose time has come, and what comes to the case afterwards."""
    host.push(a_notice(seed=30), "msg-30")
    _refuse(host, 30)
    host.push(builders.cancellation(a_notice(seed=41), "withdrawn"), "msg-41")
    host.drain()
    host.make_checkpoint()
    privacy = Privacy(host.store, PLATFORM, _NO_TIME)
    case_id = host.case(a_notice(seed=30).notice_id).id
    host.take(LEGAL, case_id, commands.AskErasure("subject_request"))
    host.take(HEAD, case_id, commands.Erase())
    host.world.clock.advance(60)
    assert privacy.retention().unmatched
    host.make_checkpoint()
    host.push(a_notice(seed=30), "msg-30-again")
    _for_a_while(host)


def _unfinished(host: Host) -> None:
    """One that waits for its second person, one that is being looked at, one that is free."""
    for seed, category in ((12, "election_rules"), (13, "illegal_gambling"), (14, "illegal_gambling")):
        host.push(a_notice(seed=seed, category=category), f"msg-{seed}")
    lease = host.taking.claim(M1, case_id=host.case(a_notice(seed=12).notice_id).id).result()
    assert lease is not None
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert host.taking.claim(M2, case_id=host.case(a_notice(seed=13).notice_id).id).result() is not None
    host.world.pager.faults.append(RuntimeError("nobody answers"))
    host.drain()


def _refuse(host: Host, seed: int) -> None:
    lease = host.taking.claim(M1, case_id=host.case(a_notice(seed=seed).notice_id).id).result()
    assert lease is not None
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(refusal("1"))))
    _for_a_while(host)


def _remove(host: Host, seed: int, *items: str) -> str:
    lease = host.taking.claim(M1, case_id=host.case(a_notice(seed=seed).notice_id).id).result()
    assert lease is not None
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(*map(measure, items))))
    _for_a_while(host)
    return lease.case.id


def _for_a_while(host: Host) -> None:
    for _ in range(4):
        host.drain()
        host.world.clock.advance(90)


def _push_raw(host: Host, body: bytes, name: str) -> None:
    key, now = regulator_signing_key(PROFILE), host.world.clock()
    headers = sign(key, PROFILE, "POST", f"{builders.HOST}/notices", body, now, name, "nonce")
    assert host.deliver_push([("content-type", "application/json"), *headers], body).status == 422
