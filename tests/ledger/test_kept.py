# ruff: noqa: S608  every statement is made of names in this file, and of numbers
"""A long chain that was proved is kept from one transaction to the next, and what follows is read behind it: whatever
becomes of it in the file is noticed all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import ledger
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.change import Change, Happened, Leased, OutboxMessage
from kz_compliance_sdk.domain.events.office import LedgerKeyRetired
from kz_compliance_sdk.domain.events.privacy import Erased, erasable
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.errors import LeaseLost
from kz_compliance_sdk.services.sweep import Sweep
from tests.case_makers import PLATFORM, a_notice, measure, proposal
from tests.ledger.stored import AT, NEW, OLD, ONE, TWO, Outside, appended, happened, opened, streams, viewed, words
from tests.scene import Host, World
from tests.walks.rare_scenes import appealed, notice_about, one_is_kept, reverse

MANY = 130
OF_IT = "stream = (SELECT n FROM streams WHERE name = 'duty/1')"
SAME = f"(SELECT content, people, hash, mac FROM events WHERE {OF_IT}"
LOGGED = ("events", "log")


def long_store(path: Path, **options: Any) -> SqliteStore:
    """A store with a long stream, which its process has kept."""
    store = opened(path, **options)
    appended(store, happened(ONE, "held", read=0), *(viewed(ONE, 0) for _ in range(MANY - 1)))
    assert kept(store) == [MANY]
    return store


def kept(store: SqliteStore) -> list[int]:
    """How many events of each kept stream there are."""
    held: Any = store._lane._inline
    return [len(stream.events) for stream, _ in held.ledger._kept._streams.values()]


def one(store: SqliteStore) -> Stream:
    return streams(store, ONE)[ONE]


def from_outside(path: Path, *statements: str) -> None:
    with closing(Outside(path)) as outside:
        for statement in statements:
            outside.run(statement)


def test_what_follows_is_read_behind_what_is_kept(tmp_path: Path) -> None:
    store = long_store(tmp_path / "desk.sqlite3")
    asked: list[str] = []

    def work(tx: Any) -> tuple[Change, Stream]:
        tx._tx._writer._connection.set_trace_callback(asked.append)
        try:
            return (), tx.streams([ONE])[ONE]
        finally:
            tx._tx._writer._connection.set_trace_callback(None)

    appended(store, viewed(ONE, MANY))
    found = store.submit(PLATFORM, work).result(10)
    assert (found.seq, found.fault) == (MANY + 1, None)
    assert any(f'"{ONE}":{MANY + 1}' in sql for sql in asked), asked
    assert [on.seq for on in found.events] == [*range(1, MANY + 2)]
    store.close()


CUT: dict[str, tuple[str, ...]] = {
    "a cut tail": (f"DELETE FROM events WHERE {OF_IT} AND seq > 120",),
    "a tail that was cut with its log": (
        f"DELETE FROM events WHERE {OF_IT} AND seq > 120",
        f"DELETE FROM log WHERE {OF_IT} AND seq > 120",
    ),
    "all of it": (f"DELETE FROM events WHERE {OF_IT}", f"DELETE FROM log WHERE {OF_IT}"),
    "its name": ("UPDATE streams SET name = 'duty/9' WHERE name = 'duty/1'",),
    "its head rewritten": (f"UPDATE events SET content = x'7b7d' WHERE {OF_IT} AND seq = {MANY}",),
    "another event in place of its head": (
        f"UPDATE events SET (content, people, hash, mac) = {SAME} AND seq = {MANY - 1}) WHERE {OF_IT} AND seq = {MANY}",
    ),
}


@pytest.mark.parametrize("how", CUT)
def test_a_tail_that_was_cut_or_rewritten_is_noticed(tmp_path: Path, how: str) -> None:
    store = long_store(tmp_path / "desk.sqlite3")
    from_outside(tmp_path / "desk.sqlite3", *CUT[how])
    assert one(store).fault is not None
    assert one(store).fault is not None, "also whoever asks again"
    store.close()


def test_a_tail_that_was_cut_and_grew_again_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = long_store(path)
    from_outside(path, *CUT["a tail that was cut with its log"])
    Path(f"{path}.mark").unlink()
    other = opened(path)
    appended(other, *(viewed(ONE, 120, actor=None) for _ in range(20)))
    assert one(other).fault is None, "who read nothing before cannot know"
    assert one(store).fault is not None
    other.close()
    store.close()


def test_another_process_that_appends_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store, other = long_store(path), opened(path)
    appended(other, viewed(ONE, MANY), viewed(ONE, MANY))
    found = one(store)
    assert (found.seq, found.fault) == (MANY + 2, None)
    appended(store, viewed(ONE, MANY + 2))
    assert one(other).seq == MANY + 3
    other.close()
    store.close()


def test_nothing_is_kept_of_what_was_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = long_store(path)
    gone = OutboxMessage("m", PLATFORM, "c", "page", "notifier", b"{}", AT, AT)
    with pytest.raises(LeaseLost):
        store.save(PLATFORM, (viewed(ONE, MANY), Leased(gone, 1))).result(10)
    assert (one(store).seq, one(store).fault) == (MANY, None)
    assert kept(store) == [MANY]
    appended(store, viewed(ONE, MANY))
    assert one(store).seq == MANY + 1
    store.close()


def erase(store: SqliteStore) -> None:
    def work(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([ONE])[ONE].whole()
        event = Erased(ground="retention", emptied=erasable(stream.events))
        return (Happened(PLATFORM, ONE, event, AT, stream.seq),), None

    store.submit(PLATFORM, work).result(10)


@pytest.mark.parametrize("by", ["itself", "another"])
def test_no_word_outlives_its_erasure(tmp_path: Path, by: str) -> None:
    path = tmp_path / "desk.sqlite3"
    store, other = long_store(path), opened(path)
    assert words(store, ONE)[1, "reasons"] == b"held: the reasons of it"
    assert held_words(store) == [], "also while nobody has erased it"
    erase(store if by == "itself" else other)
    assert words(store, ONE)[1, "reasons"] is None
    assert one(store).fault is None
    assert len(one(store).events) == MANY + 1
    other.close()
    store.close()


def held_words(store: SqliteStore) -> list[object]:
    """What the writer holds between two transactions of what was written by anybody."""
    held: Any = store._lane._inline
    chains = [repr(one) for one in held.ledger._kept._streams.values() if "the reasons of it" in repr(one)]
    return [*held.ledger._words.values(), *held.shared._cases.values(), *held.shared.makings.values(), *chains]


def test_an_event_that_was_rewritten_behind_the_head_decides_nothing_and_is_named_within_the_hour(
    tmp_path: Path,
) -> None:
    host, case_id, before = long_case(tmp_path)
    store, name = host.store, before.name
    assert isinstance(store, SqliteStore)
    from_outside(
        host.world.path, f"UPDATE events SET at = at + 1, content = x'7b7d' WHERE stream = {before.number} AND seq = 1"
    )
    now = streams(store, name)[name]
    assert [on.hash for on in now.events] == [on.hash for on in before.events], "what was proved is what decides"
    assert now.events[0].at == before.events[0].at
    assert swept(host) == case_id
    store.close()


def amended_and_reversed(host: Host) -> None:
    """A case whose notice names less by now, and whose user was right."""
    notice = notice_about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    reverse(host, appealed(host, "2"))
    host.drain()
    host.push(notice.model_copy(update={"revision": 2, "items": notice.items[:1]}), "m-2")
    host.decide(proposal(measure("1")))
    host.drain()


def long_case(tmp_path: Path) -> tuple[Host, str, Stream]:
    """A case whose chain is kept."""
    host = Host(World(tmp_path / "desk.sqlite3"))
    host.push(a_notice(), "m-1")
    (case,) = host.cases()
    name, seq = stream_of(case.id), case.version
    assert isinstance(host.store, SqliteStore)
    appended(host.store, *(viewed(name, seq) for _ in range(MANY)))
    return host, case.id, streams(host.store, name)[name]


def swept(host: Host) -> str:
    """The case that a sweep finds broken."""
    return Sweep(host.store, PLATFORM, host.policy, host.respondent, host.world.clock).all().broken[0]


def test_a_tail_that_was_cut_is_named_by_the_sweep_too(tmp_path: Path) -> None:
    host, case_id, before = long_case(tmp_path)
    cut = (f"DELETE FROM {table} WHERE stream = {before.number} AND seq > 99" for table in LOGGED)
    from_outside(host.world.path, *cut)
    Path(f"{host.world.path}.mark").unlink()
    assert [swept(host), swept(host)] == [case_id, case_id]
    host.store.close()


def test_where_a_key_was_retired_since_all_of_it_is_judged_again(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    old = opened(path, ledger_keys=LedgerKeys((OLD,)))
    appended(old, *(viewed(ONE, 0) for _ in range(MANY)))
    old.close()
    store = opened(path, ledger_keys=LedgerKeys((NEW, OLD)))
    appended(store, viewed(ONE, MANY))
    assert one(store).fault is None
    assert kept(store) == [MANY + 1]
    gone = LedgerKeyRetired(key=OLD.id.hex(), last=10)
    appended(store, Happened(PLATFORM, ledger.KEYS, gone, AT, 0))
    assert "had been retired" in str(one(store).fault)
    store.close()


def test_there_is_a_bound_to_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "_MOST_KEPT", 2 * MANY)
    store = long_store(tmp_path / "desk.sqlite3")
    appended(store, *(viewed(TWO, 0) for _ in range(MANY)))
    one(store)
    appended(store, *(viewed("duty/3", 0) for _ in range(MANY)))
    assert kept(store) == [MANY, MANY]
    assert {name for _, name in _kept_names(store)} == {ONE, "duty/3"}, "what was read last stays"
    appended(store, *(viewed("duty/4", 0) for _ in range(50)))
    assert {name for _, name in _kept_names(store)} == {ONE, "duty/3"}, "a short one is read whole each time"
    store.close()


def _kept_names(store: SqliteStore) -> list[tuple[str, str]]:
    held: Any = store._lane._inline
    return list(held.ledger._kept._streams)


@pytest.mark.parametrize("scene", [one_is_kept, amended_and_reversed], ids=["kept", "reversed"])
def test_a_case_before_an_event_stays_as_it_was(scene: Callable[[Host], object], tmp_path: Path) -> None:
    """The case after it shares with that one whatever the event left alone, and that one is kept."""
    host = Host(World(tmp_path / "desk.sqlite3"))
    scene(host)
    name = stream_of(host.cases()[0].id)
    assert isinstance(host.store, SqliteStore)
    chain = streams(host.store, name)[name]
    case = fold.Case(chain.platform, name)
    for n, on in enumerate(chain.events, 1):
        said, after = repr(case), fold.evolve(case, on)
        assert repr(case) == said, on.kind
        assert after == fold.fold(chain.platform, name, chain.events[:n])
        case = after
    host.store.close()
