"""Whoever can write to the file changes one thing, and the verification names it. Everything else is still checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.change import Heartbeat
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import RetryAt
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.scene import LEGAL, M1, Host, World
from tests.store.conftest import Gate
from tests.unguarded import unguard
from tests.variants import variants

DRIVER = choose_driver()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two cases: one decided by two people, carried out, reported and closed; one just opened."""
    policy = kz_policy().model_copy(update={"undo_window_s": 0, "version": "own"})
    world = World(tmp_path_factory.mktemp("manipulations") / "desk.sqlite3", policy=policy)
    host = Host(world)
    assert host.push(a_notice(seed=1, category="election_rules"), "msg-1").status == 202
    host.drain()
    host.decide(proposal(measure("1")))
    world.regulator.faults.append(lambda _report: RetryAt("503"))
    for _ in range(3):
        host.drain()
        world.clock.advance(60)
    host.push(a_notice(seed=2), "msg-2")
    assert [case.state for case in host.cases()] == ["closed", "queued"]
    host.store.close()
    return world.path


@pytest.fixture
def file(closed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(closed, tmp_path / "desk.sqlite3"))


@pytest.fixture
def desk(file: Path) -> Iterator[ComplianceDesk]:
    settings = Settings(platform_id=builders.PLATFORM_ID, public_url="http://127.0.0.1:8000")
    world = World(file)
    with ComplianceDesk(settings, store=SqliteStore(file, world.env(), threaded=False)) as opened:
        yield opened


def manipulate(file: Path, *statements: str) -> None:
    words = {
        "OF_FIRST": "stream = (SELECT n FROM streams WHERE name = 'case/' || FIRST)",
        "FIRST": "(SELECT id FROM cases ORDER BY received_at LIMIT 1)",
        "REPORT": "(SELECT message_id FROM attempts WHERE number = 2)",
        "ZEROS": f"'{'0' * 64}'",
    }
    with closing(DRIVER.module.connect(file, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        for sql in statements:
            for word, meaning in words.items():
                sql = sql.replace(word, meaning)
            assert raw.execute(sql).rowcount != 0, sql


def rows(file: Path, sql: str) -> list[Any]:
    with closing(DRIVER.module.connect(file)) as raw:
        return list(raw.execute(sql).fetchall())


# FIRST, REPORT and ZEROS are put in by `manipulate`.
OTHER = "UPDATE events SET {0} = cast(replace(cast({0} AS TEXT), '{1}', '{2}') AS blob) WHERE kind = '{3}'"
MANIPULATIONS = {
    "event's hash": ("UPDATE events SET hash = zeroblob(32) WHERE kind = 'claimed'", "not those that were hashed"),
    "event of another kind": (
        "UPDATE events SET kind = 'renewed' WHERE kind = 'claimed'",
        "do not say what its content",
    ),
    "event's time as text": ("UPDATE events SET at = 'noon' WHERE kind = 'claimed'", "holds what was never written"),
    "event beyond Unicode": ("UPDATE events SET kind = cast(x'ff' AS text) WHERE kind = 'claimed'", "do not say what"),
    "messages exchanged": (
        """UPDATE parts SET bytes = (SELECT bytes FROM parts AS other WHERE other.name = 'message'
        AND other.stream <> parts.stream) WHERE name = 'message' AND OF_FIRST""",
        "its part message does not open",
    ),
    "attempt's words": ("UPDATE attempts SET detail = cast(x'00' || detail AS blob)", "attempts.detail is not as it"),
    "case's flags as a number": ("UPDATE cases SET flags = x'00' WHERE id = FIRST", "as it was written"),
    "case's ladder as text": (
        "INSERT INTO watches SELECT stream, platform_id, id, 'x', NULL FROM cases WHERE id = FIRST",
        "its line in watches",
    ),
    "case's unknown state": ("UPDATE cases SET state = 'gone' WHERE id = FIRST", "as it was written"),
    "case's state": ("UPDATE cases SET state = 'enforced', closed_at = NULL WHERE id = FIRST", "state"),
    "case's receipt": ("UPDATE cases SET received_at = received_at + 3600 WHERE id = FIRST", "received_at"),
    "case's due time": ("UPDATE cases SET due_at = due_at + 3600 WHERE id = FIRST", "due_at"),
    "case's due time as text": ("UPDATE cases SET due_at = 'later' WHERE id = FIRST", "due_at"),
    "case's flags": ("UPDATE cases SET flags = 'appealed' WHERE id = FIRST", "another flags"),
    "case taken away": ("DELETE FROM cases WHERE id = FIRST", "the case is gone"),
    "decision's words": (
        "UPDATE parts SET bytes = cast(bytes || ' ' AS blob) WHERE name = 'proposal'",
        "its part proposal does not open",
    ),
    "decision's words as text": ("UPDATE parts SET bytes = '{}' WHERE name = 'proposal'", "its part proposal does not"),
    "decision's words taken away": ("DELETE FROM parts WHERE name = 'proposal'", "its part proposal is missing"),
    "decision's words emptied": (
        "UPDATE parts SET bytes = NULL WHERE name = 'proposal'",
        "its part proposal was emptied, and no event says so",
    ),
    "words of which no event speaks": (
        "INSERT INTO parts SELECT stream, seq, 'extra', class, bytes FROM parts WHERE name = 'proposal'",
        "does not speak of its part extra",
    ),
    "words of no stream": (
        "INSERT INTO parts VALUES (999, 1, 'extra', 'kept', x'00')",
        "in parts of the stream 999, which is not there",
    ),
    "a key of no stream": (
        "INSERT INTO keys VALUES (999, 'kept', x'00', 'm')",
        "in keys of the stream 999, which is not there",
    ),
    "an event of no stream": (
        "INSERT INTO events SELECT 999, seq, at, kind, content, people, hash, mac, key_id FROM events LIMIT 1",
        "in events of the stream 999, which is not there",
    ),
    "a stream without events": ("INSERT INTO streams VALUES (999, 'social', 'made-up')", "never written [made-up]"),
    "decision's proposer": (OTHER.format("people", "m1", "m9", "proposed"), "not those that were hashed"),
    "decision's approver": (OTHER.format("people", "legal", "m9", "approved"), "not those that were hashed"),
    "decision's digest": (
        OTHER.format("content", '"digest":"', '"digest":"0', "approved"),
        "not those that were hashed",
    ),
    "decision's second person": (
        OTHER.format("content", '"four_eyes":true', '"four_eyes":false', "proposed"),
        "not those that were hashed",
    ),
    "decision's approval": ("DELETE FROM events WHERE kind = 'approved'", "an event is missing"),
    "decision taken away": ("DELETE FROM events WHERE kind = 'proposed'", "an event is missing"),
    "decision added": (
        """INSERT INTO events SELECT stream, (SELECT 1 + max(seq) FROM events AS one WHERE one.stream = events.stream),
        at, kind, content, people, hash, mac, key_id FROM events WHERE kind = 'proposed'""",
        "not those that were hashed",
    ),
    "message's bytes": (
        "UPDATE parts SET bytes = cast(bytes || ' ' AS blob) WHERE name = 'message' AND OF_FIRST",
        "its part message does not open",
    ),
    "message taken away": ("DELETE FROM parts WHERE name = 'message' AND OF_FIRST", "its part message is missing"),
    "message's digest": ("UPDATE inbox SET body = 'other' WHERE case_id = FIRST", "its rows in inbox are not those"),
    "message of another event": ("UPDATE inbox SET seq = 2 WHERE case_id = FIRST", "its rows in inbox are not those"),
    "message's row taken away": ("DELETE FROM inbox WHERE case_id = FIRST", "its rows in inbox are not those"),
    "message added": (
        (
            "INSERT INTO outbox"
            " SELECT stream, 'made-up', platform_id, id, 'report', 'regulator', x'', 1, 1, 'queued', '', 0"
            " FROM cases WHERE id = FIRST"
        ),
        "its rows in outbox are not those",
    ),
    "line added": (
        (
            "INSERT INTO leases SELECT stream, 'made-up', platform_id, id, 'regulator', 1, 1, 0, 0, NULL, 1, NULL"
            " FROM cases WHERE id = FIRST"
        ),
        "a line of leases is of a message made-up",
    ),
    "receipt": (
        "UPDATE parts SET bytes = cast(bytes || ' ' AS blob) WHERE name = 'receipt' AND OF_FIRST",
        "its part receipt does not open",
    ),
    "attempt taken away": ("DELETE FROM attempts WHERE message_id = REPORT AND number = 2", "the attempt 2 of the"),
    "earlier attempt taken away": ("DELETE FROM attempts WHERE message_id = REPORT AND number = 1", "the attempt 1 of"),
}


def test_untouched_there_is_no_fault(desk: ComplianceDesk) -> None:
    verdict = desk.verify_audit()
    assert (verdict.checked, verdict.faults) == (2, ())


@pytest.mark.parametrize("name", variants({name: name for name in MANIPULATIONS}, *list(MANIPULATIONS)[::3]))
def test_what_was_changed_is_named_and_the_rest_is_checked(name: str, file: Path, desk: ComplianceDesk) -> None:
    sql, named = MANIPULATIONS[name]
    other = desk.cases(state="queued").cases[0].id
    manipulate(file, sql)
    verdict = desk.verify_audit()
    checked, faults = verdict.checked, verdict.faults
    mine = [fault for fault in faults if fault.case_id != other]
    assert any(named in fault.what for fault in mine), faults
    assert checked == (1 if "cases WHERE" in sql and sql.startswith("DELETE") else 2)
    assert not [fault for fault in faults if fault.case_id == other]


def test_the_database_itself_refuses_text_for_bytes(file: Path) -> None:
    with closing(DRIVER.module.connect(file, isolation_level=None)) as raw:
        unguard(raw)
        with pytest.raises(DRIVER.module.IntegrityError, match="bytes"):
            raw.execute(
                "INSERT INTO outbox"
                " SELECT stream, 'm', platform_id, id, 'page', 'notifier', hex(id), 1, 1, 'queued', '', 0 FROM cases"
            )


READS: dict[str, Callable[[ComplianceDesk, str], object]] = {
    "case": lambda desk, case_id: desk.case(case_id),
    "case file": lambda desk, case_id: desk.case_file(case_id),
    "list": lambda desk, _: desk.cases(),
    "authenticate": lambda desk, case_id: desk.take(LEGAL, case_id, commands.Authenticate("called")),
    "claim": lambda desk, case_id: desk.claim(M1, case_id=case_id),
}


@pytest.mark.parametrize("name", READS)
def test_a_damaged_case_is_named_wherever_it_is_read(name: str, file: Path, desk: ComplianceDesk) -> None:
    case = desk.cases(state="queued").cases[0]
    manipulate(file, "UPDATE cases SET revision = 'x' WHERE state = 'queued'")
    with pytest.raises(StoreDamaged) as refused:
        READS[name](desk, case.id)
    assert refused.value.reference == case.id


def test_a_damaged_case_fails_its_own_work_alone(file: Path) -> None:
    manipulate(file, "UPDATE cases SET revision = 'x' WHERE state = 'queued'")
    with closing(SqliteStore(file, World(file).env())) as store:
        (case_id,) = [row[0] for row in rows(file, "SELECT id FROM cases WHERE state = 'queued'")]
        with Gate(store):
            damaged = store.submit(builders.PLATFORM_ID, lambda tx: ((), tx.case(case_id)))
            good = store.save(builders.PLATFORM_ID, (Heartbeat(builders.PLATFORM_ID, "test", 1),))
        with pytest.raises(StoreDamaged):
            damaged.result(10)
        good.result(10)
    assert rows(file, "SELECT at FROM heartbeats WHERE part = 'test'") == [(1,)]
