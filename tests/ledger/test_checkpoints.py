"""Checkpoints over a running desk: what one holds, who keeps it, what a stranger can check, and what it costs."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.notifiers import FileWitness, LogWitness, WebhookWitness
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import merkle
from kz_compliance_sdk.domain.checkpoints import Checkpoint, LogLine
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound, StoreDamaged
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.wire.signature import SigningKey
from tests.case_makers import a_notice, measure, proposal
from tests.privacy.test_lost_keys import of
from tests.scene import PLATFORM, Host, World
from tests.store.conftest import tamper
from tests.variants import variants


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "desk.sqlite3")


@pytest.fixture
def host(world: World) -> Host:
    return Host(world)


def _arrive(host: Host, count: int, first: int = 1) -> None:
    for seed in range(first, first + count):
        assert host.push(a_notice(seed=seed), f"msg-{seed}").status == 202


def _checked(proof: dict[str, Any]) -> str:
    """The root that a stranger comes to, by the words of RFC 9162, section 2.1.3.2, and nothing else."""
    fn, sn = proof["index"], proof["checkpoint"]["size"] - 1
    r = hashlib.sha256(b"\x00" + proof["leaf"].encode()).digest()
    for p in map(bytes.fromhex, proof["path"]):
        assert sn
        if fn % 2 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r.hex()


def _lines(host: Host) -> list[LogLine]:
    return [line for line in host.store.queries(PLATFORM).log_lines() if line is not None]


def test_every_case_is_proved_to_be_in_the_checkpoint(host: Host) -> None:
    _arrive(host, 5)
    lines = _lines(host)
    made = host.proof.checkpoint()
    assert (made.size, made.number) == (len(lines), 1)
    assert made.root == merkle.root(merkle.leaf_hash(line.leaf) for line in lines).hex()
    for case in host.cases():
        proof, stream = host.proof.prove(case.id), host.records(case.id).stream
        leaf = json.loads(proof["leaf"])
        assert leaf == {"hash": stream.head.hex(), "n": proof["index"] + 1, "seq": stream.seq, "stream": stream.name}
        assert _checked(proof) == proof["checkpoint"]["root"] == made.root


def test_what_came_to_a_case_afterwards_is_not_proved_yet(host: Host) -> None:
    _arrive(host, 1)
    (case,) = host.cases()
    before = host.records(case.id).stream
    host.proof.checkpoint()
    host.drain()
    assert host.records(case.id).stream.seq > before.seq
    assert json.loads(host.proof.prove(case.id)["leaf"])["hash"] == before.head.hex()
    host.proof.checkpoint()
    proof = host.proof.prove(case.id)
    assert json.loads(proof["leaf"])["hash"] == host.records(case.id).stream.head.hex()
    assert _checked(proof) == proof["checkpoint"]["root"]


def test_the_tree_only_grows_and_that_is_proved(host: Host, world: World) -> None:
    _arrive(host, 3)
    first = host.proof.checkpoint()
    host.drain()  # acknowledged: each has moved on
    _arrive(host, 2, first=4)
    second = host.proof.checkpoint()
    assert second.size > first.size
    proof = host.proof.prove_growth(first.size)
    assert (proof["since"], proof["checkpoint"]["root"]) == (first.size, second.root)
    assert merkle.verify_consistency(
        first.size,
        bytes.fromhex(first.root),
        second.size,
        bytes.fromhex(second.root),
        [bytes.fromhex(node) for node in proof["path"]],
    )
    assert [json.loads(line)["size"] for line in world.witness.lines] == [first.size, second.size]
    for wrong in (0, -1, second.size + 1):
        with pytest.raises(InvalidInput, match="no size that the tree had"):
            host.proof.prove_growth(wrong)


def test_a_checkpoint_does_not_call_for_the_next_one(host: Host) -> None:
    _arrive(host, 4)
    first = host.proof.checkpoint()
    assert len(_lines(host)) == first.size + 2, "it is in the log itself: made, and handed out"
    assert host.proof.checkpoint() == first
    host.watch()
    assert host.proof.checkpoint() == first
    host.push(a_notice(seed=9), "msg-9")
    assert host.proof.checkpoint().number == 2
    host.check_chains()


def test_there_is_nothing_to_prove_before_a_checkpoint(host: Host) -> None:
    with pytest.raises(NotFound, match="no case yet"):
        host.proof.checkpoint()
    with pytest.raises(NotFound):
        host.proof.prove_growth(1)
    _arrive(host, 1)
    with pytest.raises(NotFound, match="no checkpoint holds"):
        host.proof.prove(host.cases()[0].id)
    with pytest.raises(NotFound, match="no such case"):
        host.proof.prove("01a20dfd-7c70-7efe-bcb3-0e039ce26b09")


def test_each_report_carries_the_last_checkpoint(host: Host, world: World) -> None:
    _arrive(host, 2)
    host.decide(proposal(measure("1")))
    host.drain()
    made = host.proof.checkpoint()
    host.decide(proposal(measure("1")))
    host.drain()
    first, second = sorted(world.regulator.reports(), key=lambda one: "checkpoint" in one)
    assert "checkpoint" not in first
    assert second["checkpoint"] == {"size": made.size, "root": made.root}


def test_the_interval_is_kept_and_what_was_not_kept_is_handed_out_again(host: Host, world: World) -> None:
    class Down:
        def __init__(self) -> None:
            self.down, self.kept = True, 0

        def keep(self, checkpoint: Checkpoint) -> None:
            if self.down:
                raise ComplianceError("nobody is there", code="checkpoint_not_kept")
            self.kept += 1

    witness = Down()
    proof = Checkpoints(host.store, PLATFORM, seal=None, witnesses=lambda: [witness], every_s=3600)
    _arrive(host, 1)
    with pytest.raises(ComplianceError, match="nobody is there"):
        proof.run()
    witness.down = False
    assert proof.run() is None
    assert witness.kept == 1
    assert proof.run() is None
    assert witness.kept == 1
    _arrive(host, 1, first=2)
    world.clock.advance(3599)
    assert proof.run() is None
    world.clock.advance(1)
    made = proof.run()
    assert made is not None
    assert (made.number, witness.kept) == (2, 2)


def test_an_interval_of_nothing_makes_none(host: Host, world: World) -> None:
    _arrive(host, 1)
    proof = Checkpoints(host.store, PLATFORM, seal=None, witnesses=list, every_s=0)
    assert proof.run() is None
    assert host.store.queries(PLATFORM).last_checkpoint() is None


def test_two_workers_make_one_tree(host: Host, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _arrive(host, 3)
    other, append = Host(world), Checkpoints._append

    def late(self: Checkpoints, *given: Any) -> Checkpoint | None:
        monkeypatch.setattr(Checkpoints, "_append", append)
        other.proof.checkpoint()
        return append(self, *given)

    monkeypatch.setattr(Checkpoints, "_append", late)
    assert host.proof._make() is None, "the other was first"
    assert host.proof.checkpoint().number == 1
    host.check_chains()


def test_what_two_workers_hand_out_is_said_once(host: Host, world: World) -> None:
    _arrive(host, 1)
    made = host.proof.checkpoint()
    last = _lines(host)[-1]
    work = partial(host.proof._handed_out, number=made.number)
    host.store.submit(PLATFORM, work).result()
    assert _lines(host)[-1] == last
    assert last.stream == "checkpoint/0000000001"


TILES = {
    "untouched": "UPDATE tiles SET n = n",
    "gone": "DELETE FROM tiles",
    "one is gone": "DELETE FROM tiles WHERE n = 0",
    "changed": "UPDATE tiles SET hash = x'" + "00" * 32 + "' WHERE n = 0",
    "of another level": "UPDATE tiles SET level = level + 7",
    "no hash": "UPDATE tiles SET hash = x'00'",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", variants({name: name for name in TILES}, "untouched", "one is gone", "changed"))
def test_tiles_are_never_believed_and_are_made_anew(
    name: str, host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(merkle, "TILE_HEIGHT", 2)  # one for each four lines
    _arrive(host, 6)
    first = host.proof.checkpoint()
    _arrive(host, 12, first=7)
    second = host.proof.checkpoint()
    assert isinstance(host.store, SqliteStore)
    kept = _tiles(host.store)
    assert len(kept) > second.size // 4
    tamper(host.store, TILES[name])
    case = host.cases()[0]
    assert _checked(host.proof.prove(case.id)) == second.root
    assert host.proof.prove_growth(first.size)["checkpoint"]["root"] == second.root
    _arrive(host, 1, first=20)
    third = host.proof.checkpoint()
    lines = _lines(host)[: third.size]
    assert third.root == merkle.root(merkle.leaf_hash(line.leaf) for line in lines).hex()
    assert ("are made anew" in caplog.text) == (name != "untouched")
    assert kept <= _tiles(host.store)
    host.check_chains()


def _tiles(store: SqliteStore) -> set[Any]:
    with store.engine.connect() as connection:
        return {tuple(row) for row in connection.exec_driver_sql("SELECT level, n, hash FROM tiles")}


def test_tiles_that_lie_are_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merkle, "TILE_HEIGHT", 2)
    _arrive(host, 5)
    host.proof.checkpoint()
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, TILES["changed"])
    (fault, *_) = verify(host.store.queries(PLATFORM), PLATFORM).faults
    assert "the tiles of level 1 are not those of the log" in fault.what


BROKEN = {
    "a line is gone": "DELETE FROM log WHERE n = 2",
    "a line was changed": "UPDATE log SET hash = x'" + "00" * 32 + "' WHERE n = 2",
    "a stream has another name": "UPDATE streams SET name = 'case/x' WHERE n = (SELECT stream FROM log WHERE n = 2)",
    "a line of another type": "UPDATE log SET seq = 'x' WHERE n = 2",
    "a line whose number is none": "UPDATE log SET n = 'x' WHERE n = 2",
    "a line whose number is half of one": "UPDATE log SET n = 1.5 WHERE n = 2",
}


@pytest.mark.parametrize(
    "name",
    variants({name: name for name in BROKEN}, "a line is gone", "a line was changed", "a line whose number is none"),
)
def test_a_log_that_is_not_the_one_its_checkpoint_saw_proves_nothing(name: str, host: Host) -> None:
    _arrive(host, 3)
    made = host.proof.checkpoint()
    case = max(host.cases(), key=lambda case: case.notice_id)
    assert _checked(host.proof.prove(case.id)) == made.root, "the control"
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, BROKEN[name])
    with pytest.raises(StoreDamaged, match=r"not the one|is missing, or cannot be read"):
        host.proof.prove(case.id)
    with pytest.raises(StoreDamaged, match=r"not the one|is missing, or cannot be read"):
        host.proof.prove_growth(1)
    named = [fault.what for fault in verify(host.store.queries(PLATFORM), PLATFORM).faults]
    assert [
        what
        for what in named
        if "line 2 of the log" in what or "the log goes on with" in what or "without a number" in what
    ]
    assert f"the checkpoint 1 has another root than the first {made.size} lines of the log" in named


def test_people_are_told_of_a_log_that_no_checkpoint_can_be_made_of(host: Host, world: World) -> None:
    _arrive(host, 1)
    host.proof.checkpoint()
    _arrive(host, 1, first=2)
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, "DELETE FROM log WHERE n = (SELECT max(n) - 1 FROM log)")
    for _ in range(3):
        with pytest.raises(StoreDamaged):
            host.proof.run()
        world.clock.advance(1_000)
    host.drain()
    assert [(alert.reason, alert.case_reference) for alert in world.pager.alerts] == [("case_unreadable", "log")]
    world.clock.advance(3_600)
    with pytest.raises(StoreDamaged):
        host.proof.run()
    host.drain()
    assert len(world.pager.alerts) == 2


def test_a_case_that_cannot_be_read_holds_up_no_checkpoint(host: Host) -> None:
    _arrive(host, 2)
    first, second = host.cases()
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, f"UPDATE keys SET wrapped = x'0001' WHERE {of(first.id)}")  # noqa: S608
    made = host.proof.checkpoint()
    assert {_checked(host.proof.prove(case.id)) for case in (first, second)} == {made.root}
    assert {fault.case_id for fault in verify(host.store.queries(PLATFORM), PLATFORM).faults} == {first.id}


def test_a_checkpoint_that_was_changed_is_named_and_in_no_report(host: Host, world: World) -> None:
    """It is an event like any other: whoever has no ledger key cannot write another."""
    _arrive(host, 1)
    host.proof.checkpoint()
    assert isinstance(host.store, SqliteStore)
    root = 'CAST(replace(CAST(content AS TEXT), \'"root":"\', \'"root":"0\') AS BLOB)'
    tamper(host.store, f"UPDATE events SET content = {root} WHERE kind = 'checkpointed'")  # noqa: S608
    host.decide(proposal(measure("1")))
    host.drain()
    (report,) = world.regulator.reports()
    assert "checkpoint" not in report
    with pytest.raises(StoreDamaged):
        host.proof.checkpoint()
    (fault,) = verify(host.store.queries(PLATFORM), PLATFORM).faults
    assert "its bytes are not those that were hashed [checkpoint/0000000001]" in fault.what


# ------------------------------------------------------------------------------------------------ who keeps them


def _checkpoint(line: bytes = b'{"size":1}') -> Checkpoint:
    return Checkpoint("social", 1, 1, "a" * 64, 1, line)


def test_a_file_gets_one_line_for_each(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    for number in (1, 2):
        FileWitness(file).keep(_checkpoint(b'{"size":%d}' % number))
    assert file.read_bytes() == b'{"size":1}\n{"size":2}\n'
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_an_error_with_a_code(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError) as refused:
        FileWitness(tmp_path / "nowhere" / "file").keep(_checkpoint())
    assert refused.value.code == "checkpoint_not_kept"


def test_a_webhook_gets_the_exact_line_signed(env: Env) -> None:
    posts: list[tuple[str, bytes, dict[str, str]]] = []
    answers = iter((204, 500))

    def post(url: str, body: bytes, headers: Any) -> int:
        posts.append((url, body, dict(headers)))
        return next(answers)

    witness = WebhookWitness("https://witness.example", SigningKey("k", "hmac-sha256", bytes(32)), env, post)
    witness.keep(_checkpoint())
    assert posts[0][:2] == ("https://witness.example", b'{"size":1}')
    assert posts[0][2]["webhook-signature"].startswith("v1,")
    with pytest.raises(ComplianceError, match="answered 500"):
        witness.keep(_checkpoint())


def test_the_log_gets_size_and_root(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="kz_compliance_sdk")
    LogWitness().keep(_checkpoint())
    assert f"size=1 root={'a' * 64}" in caplog.text
