"""The order of the ledger on PostgreSQL: given to what is committed, by one host at a time, without a gap."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kz_compliance_sdk.adapters.sql.postgres import _OF_STORE, PostgresStore, PostgresWriter
from kz_compliance_sdk.domain.ledger import LedgerKey, LedgerKeys
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import Env
from tests import postgres
from tests.case_makers import a_notice
from tests.scene import PLATFORM, Host, World

# Two hosts write, and each sees alone what is its own.
pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.writes_by_itself]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with postgres.database() as url:
        yield World(tmp_path / "no file", url=url)


def late(world: World) -> Host:
    """A host that is about to place what has happened, and never comes to it."""
    store = world.open_store(threaded=True)
    _never_places(store)
    return Host(world, store)


def _never_places(store: Any) -> None:
    opened = store._open_transaction

    def open_one() -> Any:
        transaction = opened()
        store._writer.look = lambda: None
        return transaction

    store._lane._open = open_one


def lines(host: Host) -> list[int]:
    return [line.n for line in host.store.queries(PLATFORM).log_lines() if line is not None]


def faults(host: Host) -> list[str]:
    return [fault.what for fault in verify(host.store.queries(PLATFORM), PLATFORM, policy=host.policy).faults]


def test_what_has_no_place_yet_is_whole_and_another_host_places_it(world: World) -> None:
    first = late(world)
    first.push(a_notice(seed=1), "m-1")
    assert lines(first) == []
    assert faults(first) == []
    first.push(a_notice(seed=1, revision=1), "m-2")  # it goes on from there, too
    first.store.close()
    second = Host(world)
    second.push(a_notice(seed=2), "m-3")
    found = lines(second)
    assert found == list(range(1, len(found) + 1))
    events = postgres.run("SELECT count(*) FROM events", url=world.url)
    assert events == [(len(found),)]
    assert faults(second) == []
    second.store.close()


def test_who_ends_while_another_host_places_leaves_nothing_behind(world: World) -> None:
    store = world.open_store(threaded=True)
    store._env = replace(store._env, sleep=time.sleep)  # it pauses while the other is at it
    host = Host(world, store)
    with psycopg.connect(world.url) as placing:
        placing.execute(f"SELECT pg_advisory_xact_lock(7224510, {_OF_STORE})")
        host.push(a_notice(seed=1), "m-1")
        ends = threading.Thread(target=host.store.close)
        ends.start()
        ends.join(0.2)
        placing.commit()
        ends.join(10)
    assert postgres.run("SELECT count(*) FROM unplaced", url=world.url) == [(0,)]


def test_a_placer_that_is_ended_at_work_leaves_it_to_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ended = PostgresWriter._place, list[int]()

    def place(self: PostgresWriter) -> bool:
        if not ended:
            assert self._connection is not None
            ended.append(self._connection.info.backend_pid)
            postgres.run(f"SELECT pg_terminate_backend({ended[0]}, 5000)", url=world.url)
        return real(self)

    monkeypatch.setattr(PostgresWriter, "_place", place)
    host = Host(world)
    assert host.push(a_notice(seed=1), "m-1").status == 202, "it stands: only its place was not given"
    assert lines(host) == []
    host.push(a_notice(seed=2), "m-2")
    found = lines(host)
    assert found == list(range(1, len(found) + 1))
    assert faults(host) == []
    host.store.close()


def test_two_who_place_at_once_leave_no_gap(world: World) -> None:
    hosts = [late(world), late(world)]
    over = threading.Event()

    def places() -> None:
        store = PostgresStore(world.url, Env.system())
        while not over.is_set():
            store.place_all()
        store.place_all()
        store.close()

    def pushes(given: tuple[int, Host]) -> None:
        for n in range(15):
            seed = 100 * given[0] + n
            given[1].push(a_notice(seed=seed), f"m-{seed}")

    with ThreadPoolExecutor(5) as pool:
        placing = [pool.submit(places) for _ in range(2)]
        list(pool.map(pushes, enumerate(hosts)))
        over.set()
        for one in placing:
            one.result()
    found = lines(hosts[0])
    assert found == list(range(1, len(found) + 1))
    assert (len(found),) == postgres.run("SELECT count(*) FROM events", url=world.url)[0]
    assert faults(hosts[0]) == []
    for host in hosts:
        host.store.close()


def test_an_event_that_somebody_keeps_from_its_place_is_named(world: World) -> None:
    host = late(world)
    host.push(a_notice(seed=1), "m-1")
    postgres.run("DELETE FROM unplaced WHERE k = (SELECT max(k) FROM unplaced)", url=world.url)
    assert any("has no place in the log, and waits for none" in one for one in faults(host))
    host.store.close()


def test_a_key_is_retired_behind_all_that_was_appended_under_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from kz_compliance_sdk.adapters.sql.rewrapping import retire_ledger_keys

    old, new = LedgerKey(b"o" * 32), LedgerKey(b"n" * 32)

    def opened(*keys: LedgerKey) -> Any:
        return world.open_at(world.env(), threaded=True, ledger_keys=LedgerKeys(keys))

    first = Host(world, opened(old))
    _never_places(first.store)
    first.push(a_notice(seed=1), "m-1")
    second = Host(world, opened(new, old))
    second.store.place_all()  # type: ignore[attr-defined]
    with second.store.engine.connect() as connection:  # type: ignore[attr-defined]
        keys = LedgerKeys((new, old))
        assert retire_ledger_keys(connection, PLATFORM, keys, second.store.submit) == [old.id.hex()]
    assert faults(second) == []
    first.store.close()
    second.store.close()
