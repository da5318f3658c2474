"""Checkpoints over a running desk: what one holds, who keeps it, what a stranger can check, and what it costs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.witnesses import FileWitness, LogWitness, WebhookWitness
from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.wire.signature import SigningKey
from tests.contract.conftest import tamper
from tests.journey.scene import M1, PLATFORM, Host, World
from tests.unit.case_makers import a_notice, measure, proposal


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


def test_every_case_is_proved_to_be_in_the_checkpoint(host: Host) -> None:
    _arrive(host, 5)
    made = host.proof.checkpoint()
    assert (made.size, made.number, made.complete) == (5, 1, True)
    for case in host.cases():
        proof = host.proof.prove(case.id)
        leaf = json.loads(proof["leaf"])
        assert (leaf["case"], leaf["seq"], leaf["head"]) == (case.id, case.audit_seq, case.audit_head)
        assert _checked(proof) == proof["checkpoint"]["root"] == made.root


def test_the_tree_only_grows_and_that_is_proved(host: Host, world: World) -> None:
    _arrive(host, 3)
    first = host.proof.checkpoint()
    host.drain()  # acknowledged: each has moved on
    _arrive(host, 2, first=4)
    second = host.proof.checkpoint()
    assert second.size == 8
    proof = host.proof.prove_growth(first.size)
    assert (proof["since"], proof["checkpoint"]["root"]) == (3, second.root)
    assert len(proof["path"]) > 0
    assert [json.loads(line)["size"] for line in world.witness.lines] == [3, 8]
    for wrong in (0, -1, 9):
        with pytest.raises(InvalidInput, match="no size that the tree had"):
            host.proof.prove_growth(wrong)


def test_what_has_not_changed_gets_no_second_leaf(host: Host) -> None:
    _arrive(host, 4)
    first = host.proof.checkpoint()
    assert host.proof.checkpoint() == first
    one = min(host.cases(), key=lambda case: case.id)
    host.watch()
    assert host.proof.checkpoint() == first
    host.push(a_notice(seed=9), "msg-9")
    assert host.proof.checkpoint().size == 5
    assert host.proof.prove(one.id)["index"] == 0


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
    proof = Checkpoints(
        host.store, PLATFORM, seal=None, entropy=world.env().entropy, witnesses=lambda: [witness], every_s=3600
    )
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
    proof = Checkpoints(host.store, PLATFORM, seal=None, entropy=world.env().entropy, witnesses=list, every_s=0)
    assert proof.run() is None
    assert host.store.queries(PLATFORM).last_checkpoint() is None


def test_a_large_backlog_is_taken_in_parts_and_only_the_end_is_complete(
    host: Host, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kz_compliance_sdk.evidence.checkpoints._AT_ONCE", 2)
    _arrive(host, 5)
    host.proof.checkpoint()
    made = [(one.size, one.complete) for one, _ in host.store.queries(PLATFORM).checkpoints()]
    assert made == [(2, False), (4, False), (5, True)]
    assert len(world.witness.lines) == 1
    host.check_chains()


def test_two_workers_make_one_tree(host: Host, world: World) -> None:
    _arrive(host, 3)
    other = Host(world)
    stale = host.proof._queries.due_for_checkpoint()
    other.proof.checkpoint()
    looks = [one for case_id, marks in stale if (one := host.proof._look_at(case_id, marks, 0)) is not None]
    assert host.proof._append(looks, world.clock(), None, complete=True) is None
    assert host.proof.checkpoint().size == 3
    host.check_chains()


def test_a_case_that_was_tampered_with_gets_no_leaf_and_people_are_told(
    host: Host, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    _arrive(host, 2)
    host.drain()
    before = host.proof.checkpoint()
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, "UPDATE attempts SET detail = 'never happened' WHERE case_id = (SELECT min(id) FROM cases)")
    tamper(host.store, "INSERT INTO checkpoint_due SELECT platform_id, id, 1 FROM cases")
    host.proof.checkpoint()
    held = [json.loads(one.content)["case"] for one in host.store.queries(PLATFORM).leaves()]
    assert held[before.size :] == []
    host.drain()
    assert [alert.reason for alert in world.pager.alerts] == ["audit_fault"]
    first = min(case.id for case in host.cases())
    assert world.pager.alerts[0].case_reference == first
    assert f"case {first}: 1 of its rows are not as a checkpoint saw them" in caplog.text


def test_a_case_that_cannot_be_read_is_counted_as_left_out_until_it_can_be(
    host: Host, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends the checkpoints of no other case, and what it holds comes into the tree once it can be read again."""
    _arrive(host, 1)
    first = min(case.id for case in host.cases())
    assert host.proof.checkpoint().left_out == 0
    world.clock.advance(60)
    assert host.review.claim(M1).result() is not None
    assert isinstance(host.store, SqliteStore)
    with host.store.engine.connect() as connection:
        key = bytes(connection.exec_driver_sql("SELECT data_key FROM cases").scalar_one())
    tamper(host.store, "UPDATE cases SET data_key = x'0001'")
    _arrive(host, 1, first=2)
    world.clock.advance(60)
    made = host.proof.checkpoint()
    assert (made.complete, made.left_out) == (True, 1)
    assert f"case {first}: no checkpoint can hold it: StoreDamaged" in caplog.text
    assert json.loads(made.line)["left_out"] == 1
    assert json.loads(world.witness.lines[-1])["left_out"] == 1
    made = host.proof.checkpoint()
    assert made.left_out == 1, "it holds the alert"
    assert host.proof.checkpoint() == made
    found = verify(host.store.queries(PLATFORM), PLATFORM)
    assert {fault.case_id for fault in found.faults} == {first}
    assert [one for one in found.not_provable if one.startswith("the newest of 1 case:")]

    tamper(host.store, f"UPDATE cases SET data_key = x'{key.hex()}' WHERE id = '{first}'")  # noqa: S608
    world.clock.advance(60)
    made = host.proof.checkpoint()
    assert (made.complete, made.left_out) == (True, 0)
    assert json.loads(host.proof.prove(first)["leaf"])["seq"] == host.cases()[0].audit_seq
    found = verify(host.store.queries(PLATFORM), PLATFORM)
    assert found.faults == ()
    assert not [one for one in found.not_provable if one.startswith("the newest of")]


def test_people_are_told_of_a_fault_once_a_day(host: Host, world: World) -> None:
    _arrive(host, 1)
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, "UPDATE cases SET data_key = x'0001'")
    for _ in range(3):
        host.proof.run()
        world.clock.advance(3600)
    host.drain()
    assert [alert.reason for alert in world.pager.alerts].count("audit_fault") == 1
    world.clock.advance(86_400)
    host.proof.run()
    host.drain()
    assert [alert.reason for alert in world.pager.alerts].count("audit_fault") == 2


# ------------------------------------------------------------------------------------------------ who keeps them


def _checkpoint(line: bytes = b'{"size":1}') -> Checkpoint:
    return Checkpoint("social", 1, 1, "a" * 64, 1, complete=True, peaks=b"", line=line)


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
