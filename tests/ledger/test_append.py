"""Appending to the ledger and reading it, on a real store: what was appended is read, and nothing else."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from kz_compliance_sdk.adapters.sql.lane import Job, _commit
from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.change import Change, EndpointState, Happened
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.delivery import Tried
from kz_compliance_sdk.domain.events.office import Viewed
from kz_compliance_sdk.domain.events.privacy import Erased, Held
from kz_compliance_sdk.domain.events.review import Claimed
from kz_compliance_sdk.domain.fold import Case
from kz_compliance_sdk.domain.ledger import FIRST, Damage
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.errors import CommitUnknown, Conflict
from tests.case_makers import PLATFORM, a_notice, measure, proposal, refusal
from tests.ledger.beside import Beside
from tests.ledger.shadow import Shadow
from tests.ledger.stored import (
    AT,
    M1,
    M2,
    ONE,
    TWO,
    Batch,
    Outside,
    appended,
    bare,
    every_kind,
    happened,
    opened,
    streams,
    viewed,
    words,
)
from tests.scene import M1 as MODERATOR
from tests.scene import Host, World
from tests.walks.rare_scenes import cancel


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite3"


# ------------------------------------------------------------------------------------------------- what is read


def test_every_kind_is_read_as_it_was_appended(path: Path) -> None:
    store = opened(path)
    writes = every_kind(ONE)
    appended(store, *writes)
    store.close()
    again = opened(path)
    stream = streams(again, ONE)[ONE].whole()
    assert [on.kind for on in stream.events] == [one.event.called for one in writes]
    assert {on.kind for on in stream.events} == set(KINDS) - {"erased"}
    for on, write in zip(stream.events, writes, strict=True):
        assert msgspec.structs.replace(on.event, parts={}) == write.event
        assert {name: said.cls for name, said in on.event.parts.items()} == dict(write.event.words)
        assert (on.at, on.who, on.person) == (write.at, write.actor, {None: 0, M1: 1, M2: 2}[write.actor])
    said = words(again, ONE)
    assert said == {(n, name): data for n, one in enumerate(writes, 1) for name, data in one.words.items()}
    assert len(said) > 50
    assert stream.roster.persons == {"m1": 1, "m2": 2}
    again.close()


def test_a_stream_of_which_nothing_is_stored_is_empty(path: Path) -> None:
    store = opened(path)
    (stream,) = streams(store, "case/none").values()
    assert (stream.number, stream.seq, stream.head, stream.events, stream.fault) == (0, 0, FIRST, [], None)
    store.close()


def test_many_streams_are_read_in_one_statement(path: Path) -> None:
    store = opened(path)
    names = [f"case/{n}" for n in range(60)]
    appended(store, *(viewed(name, 0) for name in names))
    asked: list[str] = []

    def work(tx: Any) -> tuple[Change, dict[str, Any]]:
        tx._tx._writer._connection.set_trace_callback(asked.append)
        try:
            return (), tx.streams(names)
        finally:
            tx._tx._writer._connection.set_trace_callback(None)

    found = store.submit(PLATFORM, work).result(10)
    assert [stream.seq for stream in found.values()] == [1] * 60
    assert len(asked) == 1
    store.close()


def test_a_decision_reads_its_case_and_then_the_objects_that_this_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, read, rows_of = Host(World(tmp_path / "office.sqlite3")), list[list[str]](), Ledger._rows_of

    def reading(held: Any, platform: str, since: Any) -> Any:
        read.append(sorted(name.partition("/")[0] for name in since))
        return rows_of(held, platform, since)

    host.push(a_notice(2), "m-1")
    lease = host.taking.claim(MODERATOR).result()
    assert lease is not None
    monkeypatch.setattr(Ledger, "_rows_of", reading)
    host.take(MODERATOR, lease.case.id, commands.Propose(lease.token, proposal(measure("1"), refusal("2"))))
    assert read == [["case", "keys"], ["object", "object"]], "and by the stream of keys each of them is judged"
    host.store.close()


def test_the_objects_of_all_that_is_decided_together_are_read_in_one_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, read, rows_of = Host(World(tmp_path / "office.sqlite3")), list[list[str]](), Ledger._rows_of
    jobs, store = list[Job](), cast("SqliteStore", host.store)
    inline = store._lane._open()

    def reading(held: Any, platform: str, since: Any) -> Any:
        read.append(sorted(name.partition("/")[0] for name in since))
        return rows_of(held, platform, since)

    def together(*futures: Future[Any]) -> list[Any]:
        _commit(inline, list(jobs))
        jobs.clear()
        return [future.result() for future in futures]

    for seed in (1, 2):
        host.push(a_notice(2, seed=seed), f"m-{seed}")
    monkeypatch.setattr(store._lane, "submit", jobs.append)
    leases = together(*(host.taking.claim(MODERATOR) for _ in range(2)))
    decided = proposal(refusal("1"), refusal("2"))
    monkeypatch.setattr(Ledger, "_rows_of", reading)
    proposed = (host.taking.take(MODERATOR, one.case.id, commands.Propose(one.token, decided)) for one in leases)
    assert {one.case.decision_version for one in together(*proposed)} == {1}
    assert read == [["case", "case", "keys"], ["object"] * 4]
    inline.close()
    store.close()


def test_the_bytes_of_all_that_is_due_are_read_in_one_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, read, ask_parts = Host(World(tmp_path / "office.sqlite3")), list[list[str]](), Ledger._ask_parts
    for seed in (1, 2, 3):
        host.push(a_notice(seed=seed), f"m-{seed}")
    host.drain()
    for _ in range(3):
        host.decide(proposal(refusal("1")))

    def asking(held: Any, wanted: Any) -> Any:
        read.extend([[name for _, _, name in wanted]] if wanted else [])
        return ask_parts(held, wanted)

    monkeypatch.setattr(Ledger, "_ask_parts", asking)
    leased = host.delivery.lease(8)
    assert [one.kind for one in leased] == ["report"] * 3
    assert all(one.body for one in leased)
    assert read == [["body"] * 3]
    host.store.close()


def test_rows_of_a_table_are_written_at_once_however_many(path: Path) -> None:
    store, ran = opened(path), list[str]()

    def work(tx: Any) -> tuple[Change, None]:
        tx._tx._writer._connection.set_trace_callback(ran.append)
        return tuple(viewed(f"case/{n}", 0) for n in range(11)), None

    store.submit(PLATFORM, work).result(10)
    written = [one.split()[2] for one in ran if one.startswith("INSERT")]
    assert written.count("events") == written.count("streams") == written.count("log") == 1
    store.close()


def _decided(host: Host) -> None:
    host.decide(proposal(measure("1"), refusal("2")))
    host.drain()


def _cancelled(host: Host) -> None:
    _decided(host)
    cancel(host, a_notice(2))
    host.drain()


def _amended(host: Host) -> None:
    host.push(a_notice(2, revision=2, category="fraud"), "m-2")
    _decided(host)


def _handed_back(host: Host) -> None:
    lease = host.taking.claim(MODERATOR).result()
    assert lease is not None
    host.take(MODERATOR, lease.case.id, commands.Release(lease.token))
    _decided(host)


JOURNEYS: dict[str, Callable[[Host], None]] = {
    "decided, carried out, reported": _decided,
    "cancelled afterwards": _cancelled,
    "amended before": _amended,
    "handed back": _handed_back,
}


def journey(folder: Path, monkeypatch: pytest.MonkeyPatch, steps: Callable[[Host], None]) -> Shadow:
    """What happens in these steps, by its events."""
    beside, commit = Beside(), SqlTransaction.commit

    def committed(self: Any) -> None:
        commit(self)
        for change in self._written:
            beside.take(change, tuple)

    with monkeypatch.context() as patch:
        patch.setattr(SqlTransaction, "commit", committed)
        host = Host(World(folder / "office.sqlite3"))
        host.push(a_notice(2), "m-1")
        steps(host)
        host.store.close()
    (shadow,) = beside.shadows.values()
    return shadow


def same(case: Case | None) -> Case:
    """A case without what salts make of it: they are fresh each time."""
    assert case is not None
    decisions = {n: msgspec.structs.replace(one, digest="") for n, one in case.decisions.items()}
    return msgspec.structs.replace(case, head=FIRST, decisions=decisions)


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_whole_case_is_the_same_from_the_store(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow = journey(path.parent, monkeypatch, JOURNEYS[name])
    store = opened(path)
    told = shadow.read_back()
    assert len(told) >= 8
    for on in told:
        said = {part: part.encode() for part in on.event.parts}
        appended(
            store,
            Happened(
                PLATFORM, shadow.stream, msgspec.structs.replace(on.event, parts={}), on.at, on.seq - 1, on.who, said
            ),
        )
    stream = streams(store, shadow.stream)[shadow.stream]
    assert same(stream.case) == same(shadow.case)
    assert words(store, shadow.stream) == {(on.seq, part): part.encode() for on in told for part in on.event.parts}
    store.close()


# --------------------------------------------------------------------------------------------------- one batch


def test_a_change_of_events_alone_goes_through_the_writer(path: Path) -> None:
    """A decision reads a stream, and what it yields is the write."""
    store = opened(path, threaded=True)

    def work(tx: Any) -> tuple[Change, int]:
        stream = tx.streams([ONE])[ONE].whole()
        event = Claimed(token=stream.case.token + 1, until=AT + 900)
        return (Happened(PLATFORM, ONE, event, tx.now, stream.seq, M1),), event.token

    assert [store.submit(PLATFORM, work).result(10) for _ in range(3)] == [1, 2, 3]
    stream = streams(store, ONE)[ONE]
    assert (stream.seq, stream.case.token, stream.case.lease.person if stream.case.lease else 0) == (3, 3, 1)
    store.close()


def test_a_later_work_of_a_batch_sees_what_the_earlier_appended(path: Path) -> None:
    store = opened(path, threaded=True)
    appended(store, viewed(ONE, 0))
    seen: list[tuple[int, int]] = []

    def work(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([ONE])[ONE]
        seen.append((stream.seq, stream.case.token))
        assert tx.words(stream, [(on.seq, "reasons") for on in stream.events if on.kind == "held"]) == {
            (on.seq, "reasons"): b"because" for on in stream.events if on.kind == "held"
        }
        claimed = Claimed(token=stream.case.token + 1, until=AT)
        held = Held(until=AT)
        return (
            Happened(PLATFORM, ONE, claimed, AT, stream.seq, M1),
            Happened(PLATFORM, ONE, held, AT, stream.seq, M1, {"reasons": b"because"}),
        ), None

    for future in Batch(store).run(work, work, work):
        future.result(10)
    assert seen == [(1, 0), (3, 1), (5, 2)]
    assert streams(store, ONE)[ONE].seq == 7
    store.close()


def test_what_was_written_in_the_middle_of_a_batch_is_seen_like_the_rest(path: Path) -> None:
    """Works that speak of one endpoint must see each other in the database, so that the batch is written between."""
    store = opened(path, threaded=True)

    def work(tx: Any) -> tuple[Change, int]:
        stream = tx.streams([ONE])[ONE]
        said = tx.words(stream, [(on.seq, "reasons") for on in stream.events])
        assert list(said.values()) == [b"because"] * stream.seq
        state = EndpointState(PLATFORM, "regulator", stream.seq, 0, 0, "")
        return (
            Happened(PLATFORM, ONE, Held(until=AT), AT, stream.seq, M1, {"reasons": b"because"}),
            state,
        ), tx.known(EndpointState, "regulator").failures

    assert [future.result(0) for future in Batch(store).run(work, work, work)] == [0, 0, 1]
    assert len(words(store, ONE)) == 3
    store.close()


def test_a_stale_work_fails_alone_and_leaves_nothing_in_any_stream(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = opened(path, threaded=True)
    appended(store, viewed(ONE, 0))

    def append(*writes: Happened) -> Callable[[Any], tuple[Change, None]]:
        return lambda _tx: (writes, None)

    first, stale, third = Batch(store).run(
        append(viewed(ONE, 1)),
        append(viewed(TWO, 0, M2), happened(TWO, "held", read=0), viewed(ONE, 1)),
        append(viewed(ONE, 2, M2)),
    )
    first.result(0)
    third.result(0)
    with pytest.raises(Conflict, match="went on meanwhile"):
        stale.result(0)
    found = streams(store, ONE, TWO)
    assert (found[ONE].seq, found[TWO].seq, found[TWO].number) == (3, 0, 0)
    outside = Outside(path)
    assert outside.run("SELECT name FROM streams") == [(ONE,)]
    assert outside.run("SELECT n, seq FROM log ORDER BY n") == [(1, 1), (2, 2), (3, 3)]
    assert outside.run("SELECT count(*) FROM parts") == outside.run("SELECT count(*) FROM keys") == [(0,)]
    outside.close()
    store.close()


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another work"])
def test_an_event_that_its_case_cannot_come_to_is_not_written(beside: bool, path: Path) -> None:
    """Nobody could read that case any more."""
    world = World(path)
    store = world.open_store(threaded=True)
    host = Host(world, store)
    host.push(a_notice(), "m-1")
    (case,) = host.cases()
    name = stream_of(case.id)
    appended(store, *(viewed(name, case.version) for _ in range(130)))
    read = streams(store, name)[name].seq
    of_none = Tried(message="none", count=1, result="lost", attempts="0" * 32)
    works: list[Callable[[Any], tuple[Change, None]]] = [
        lambda _tx: ((Happened(PLATFORM, name, of_none, AT, read),), None)
    ]
    if beside:
        works.append(lambda _tx: ((viewed(ONE, 0),), None))
    refused, *others = Batch(store).run(*works)
    assert isinstance(refused.exception(0), KeyError)
    assert [one.result(0) for one in others] == [None] * beside
    found = streams(store, name)[name]
    assert (found.seq, found.fault) == (read, None)
    assert found.case.seq == read
    store.close()


def test_where_the_log_has_no_end_an_event_is_not_written_with_what_another_work_notes(path: Path) -> None:
    store = opened(path, threaded=True)
    appended(store, viewed(ONE, 0))
    outside = Outside(path)
    outside.run("UPDATE log SET n = 'none'")
    refused, noted = Batch(store).run(
        lambda _tx: ((viewed(TWO, 0),), None), lambda _tx: ((EndpointState(PLATFORM, "regulator", 1),), None)
    )
    assert isinstance(refused.exception(0), Damage)
    assert noted.result(0) is None
    assert outside.run("SELECT name FROM streams") == [(ONE,)]
    assert outside.run("SELECT count(*) FROM events") == [(1,)]
    outside.close()
    store.close()


def test_what_a_work_could_not_read_is_told_once_where_it_is_run_again(path: Path) -> None:
    store = opened(path, threaded=True)

    def noted(failures: int) -> EndpointState:
        return EndpointState(PLATFORM, "regulator", failures)

    def work(tx: Any) -> tuple[Change, list[str]]:
        tx.unreadable.append("case")
        return (noted(2),), list(tx.unreadable)

    first, second = Batch(store).run(lambda _tx: ((noted(1),), None), work)
    assert (first.result(0), second.result(0)) == (None, ["case"])
    store.close()


@pytest.mark.parametrize("seed", range(4))
def test_works_of_a_batch_in_any_order_leave_what_a_single_writer_would(seed: int, path: Path) -> None:
    """Two works at a time over three streams: each reads, or holds what it read before; the stale one is refused."""
    chance = random.Random(seed)
    store = opened(path, threaded=True)
    batch = Batch(store)
    expected: dict[str, list[str]] = {f"duty/{n}": [] for n in range(3)}

    def work(plan: list[tuple[str, str]], stale: int) -> Callable[[Any], tuple[Change, None]]:
        told: list[str] = []

        def run(tx: Any) -> tuple[Change, None]:
            # One that tells of the same message as the work before it is run again once that is written.
            while told:
                expected[told.pop()].pop()
            found = tx.streams(dict.fromkeys(name for name, _ in plan))
            for name, stream in found.items():
                assert [on.kind for on in stream.events] == expected[name]
            writes = tuple(
                happened(name, kind, read=found[name].seq - (stale if n == len(plan) - 1 else 0))
                for n, (name, kind) in enumerate(plan)
            )
            if not stale:
                for name, kind in plan:
                    expected[name].append(kind)
                    told.append(name)
            return writes, None

        return run

    kinds = [name for name in KINDS if name not in ("erased", "ledger_key_retired")]
    for _ in range(12):
        plans = [
            [(f"duty/{chance.randrange(3)}", chance.choice(kinds)) for _ in range(chance.randint(1, 4))]
            for _ in range(2)
        ]
        stale = [chance.choice((0, 0, 1)) for _ in plans]
        for future, was in zip(batch.run(*map(work, plans, stale)), stale, strict=True):
            assert isinstance(future.exception(0), Conflict if was else type(None))
    for name, stream in streams(store, *expected).items():
        assert [on.kind for on in stream.whole().events] == expected[name]
        assert len(words(store, name)) == sum(len(KINDS[kind].words) for kind in expected[name])
    store.close()
    outside = Outside(path)
    assert outside.found() == []
    outside.close()


def test_events_of_one_change_on_several_streams_are_logged_in_their_order(path: Path) -> None:
    store = opened(path)
    appended(store, viewed(ONE, 0), viewed(TWO, 0), viewed(ONE, 0), viewed(TWO, 0))
    outside = Outside(path)
    logged = "SELECT s.name, l.seq FROM log l JOIN streams s ON s.n = l.stream ORDER BY l.n"
    assert outside.run(logged) == [(ONE, 1), (TWO, 1), (ONE, 2), (TWO, 2)]
    outside.close()
    store.close()


@pytest.mark.parametrize("table", ["events", "log"])
def test_a_stream_with_which_the_log_does_not_end_is_damaged(tmp_path: Path, table: str) -> None:
    store = opened(tmp_path / "desk.sqlite3")
    appended(store, viewed(ONE, 0), viewed(ONE, 0, M2), viewed(TWO, 0))
    outside = Outside(tmp_path / "desk.sqlite3")
    outside.run(f"DELETE FROM {table} WHERE stream = 1 AND seq = 2")  # noqa: S608
    outside.close()
    found = streams(store, ONE, TWO)
    assert "the log does not end with the stream" in str(found[ONE].fault)
    assert found[TWO].fault is None
    store.close()


def test_no_new_stream_gets_the_number_of_one_that_was_taken_away(tmp_path: Path) -> None:
    """What is left of it would be of the new one."""
    store = opened(tmp_path / "desk.sqlite3")
    appended(store, happened(ONE, "held", read=0))
    outside = Outside(tmp_path / "desk.sqlite3")
    for table in ("streams", "events", "log"):
        outside.run(f"DELETE FROM {table}")  # noqa: S608  its words are left, and their key
    outside.close()
    Path(f"{store.path}.mark").unlink()
    appended(store, viewed(TWO, 0))
    stream = streams(store, TWO)[TWO].whole()
    assert (stream.number, stream.seq) == (2, 1)
    store.close()


def test_each_platform_has_streams_and_a_log_of_its_own(path: Path) -> None:
    store = opened(path)
    for platform in (PLATFORM, "other"):
        store.save(platform, (Happened(platform, ONE, Viewed(), AT, 0, M1),)).result(10)
    outside = Outside(path)
    assert outside.run("SELECT platform, n FROM log ORDER BY platform") == [("other", 1), (PLATFORM, 1)]
    assert streams(store, ONE)[ONE].seq == 1
    outside.close()
    store.close()


def test_the_machine_is_nobody(path: Path) -> None:
    store = opened(path)
    appended(store, viewed(ONE, 0, SYSTEM), viewed(ONE, 0, None))
    assert [(on.person, on.who) for on in streams(store, ONE)[ONE].events] == [(0, None), (0, None)]
    store.close()


def test_what_no_reader_would_take_is_refused_and_leaves_nothing(path: Path) -> None:
    store = opened(path)
    odd = (
        Happened(PLATFORM, ONE, Claimed(token=-1, until=AT), AT, 0, M1),
        Happened(PLATFORM, ONE, Viewed(), AT, 0, M1, {"nothing": b"of the kind"}),
        Happened(PLATFORM, ONE, msgspec.structs.replace(bare("held")[0], parts={"reasons": _said()}), AT, 0, M1),
        Happened(PLATFORM, ONE, Erased(ground="retention", emptied=((1, 1),)), AT, 0),
    )
    for one in odd:
        with pytest.raises((ValueError, Conflict)):
            appended(store, viewed(TWO, 0), one)
    found = streams(store, ONE, TWO)
    assert [stream.seq for stream in found.values()] == [0, 0]
    appended(store, viewed(TWO, 0), viewed(ONE, 0))
    store.close()


def _said() -> Any:
    from kz_compliance_sdk.domain.ledger import Part, seal

    return seal(Part("reasons", "erasable", bytes(16), b"x"))


def test_who_acted_in_a_refused_work_gets_no_number(path: Path) -> None:
    store = opened(path, threaded=True)
    appended(store, viewed(ONE, 0))
    refused = (viewed(ONE, 1, M2), Happened(PLATFORM, ONE, Claimed(token=-1, until=AT), AT, 1, M1))
    third = Actor("m3", account="a-3")
    first, second = Batch(store).run(lambda _tx: (refused, None), lambda _tx: ((viewed(ONE, 1, third),), None))
    with pytest.raises(ValueError, match="no claimed"):
        first.result(0)
    second.result(0)
    stream = streams(store, ONE)[ONE].whole()
    assert [(on.person, on.who) for on in stream.events] == [(1, M1), (2, third)]
    store.close()


def test_a_fold_that_was_read_stays_as_it_was_when_a_later_work_appends(path: Path) -> None:
    store = opened(path, threaded=True)
    kept: list[Case] = []

    def work(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([ONE])[ONE]
        kept.append(stream.case)
        return (Happened(PLATFORM, ONE, Claimed(token=stream.case.token + 1, until=AT), AT, stream.seq, M1),), None

    Batch(store).run(work, work)
    assert [case.token for case in kept] == [0, 1]
    store.close()


# ------------------------------------------------------------------------------------------- commits that fail


KILLED = """
import os, sys
from pathlib import Path
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from tests.ledger.stored import ONE, TWO, appended, every_kind, opened, viewed

def killed(self, commit=SqlTransaction.commit):
    self.flush() if sys.argv[2] == "before" else commit(self)
    os._exit(9)

store = opened(Path(sys.argv[1]))
appended(store, viewed(ONE, 0))
SqlTransaction.commit = killed
appended(store, *every_kind(TWO), viewed(ONE, 1))
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_in_a_commit_leaves_all_of_it_or_nothing(when: str, path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(path), when], check=False).returncode == 9
    _whole_after(path, before=when == "before")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("before", [True, False])
def test_a_commit_that_is_broken_off_leaves_all_of_it_or_nothing(
    before: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    appended(store, viewed(ONE, 0))
    commit = SqlTransaction.commit

    def killed(self: Any) -> None:
        if before:
            self.flush()
        else:
            commit(self)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SqlTransaction, "commit", killed)
        with pytest.raises(Killed):
            appended(store, *every_kind(TWO), viewed(ONE, 1))
    store.close()
    _whole_after(path, before=before)


def _whole_after(path: Path, *, before: bool) -> None:
    again = opened(path)
    found = streams(again, ONE, TWO)
    whole = len(KINDS) - 1
    assert (found[ONE].seq, found[TWO].seq) == ((1, 0) if before else (2, whole))
    assert [stream.fault for stream in found.values()] == [None, None]
    appended(again, viewed(ONE, found[ONE].seq))
    again.close()
    outside = Outside(path)
    assert outside.found() == []
    outside.close()


@pytest.mark.parametrize("landed", [True, False])
def test_a_commit_of_unknown_outcome_is_looked_up(landed: bool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(path)
    commit = SqlTransaction.commit

    def unknown(self: Any) -> None:
        if landed:
            commit(self)
        else:
            self.flush()
        raise CommitUnknown("the outcome of a commit is not known.")

    with monkeypatch.context() as patch:
        patch.setattr(SqlTransaction, "commit", unknown)
        future = store.save(PLATFORM, (viewed(ONE, 0),))
        if landed:
            future.result(10)
        else:
            with pytest.raises(CommitUnknown):
                future.result(10)
    assert streams(store, ONE)[ONE].seq == int(landed)
    store.close()
