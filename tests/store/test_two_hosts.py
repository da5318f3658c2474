"""Two hosts on one PostgreSQL: wherever one of them stands in what it does, the other may do all of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from kz_compliance_sdk.adapters.sql import transaction
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.testing import builders
from tests import postgres
from tests.case_makers import a_notice, measure, proposal
from tests.scene import M1, M2, PLATFORM, Host, World
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow
Step = Callable[[Host], Any]

STEPS: Final = ("begin", "run", "flush", "commit")
"""Behind each of these one host stands still. Behind `begin` it has seen its moment, behind `flush` it holds its
locks."""
_HELD_BACK_S = 0.25


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as one:
        yield one


@pytest.fixture
def hosts(url: str, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    world = World(tmp_path / "no file", url=url)
    both = Host(world), Host(world)
    # The platform's key is made once, and who makes it meets whoever does: here it is there already.
    both[0].store.submit(PLATFORM, lambda tx: ((), tx._tx.private.keyed(PLATFORM, "")))  # type: ignore[attr-defined]
    yield both
    for one in both:
        one.store.close()


def interleaved(monkeypatch: pytest.MonkeyPatch, at: str, first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """Do what is first up to this step, then all of what is second, as far as the first lets it, then the rest."""
    mine, real = threading.current_thread(), getattr(SqlTransaction, at)
    done: list[Any] = []

    def stopping(self: SqlTransaction, *given: Any) -> Any:
        result = real(self, *given)
        if threading.current_thread() is mine and not done:
            if at == "begin":
                self._writer.rows("SELECT count(*) FROM cases", ())  # from here on it sees one moment
            done.append(beside.submit(second))
            # It may have to wait until the first is through.
            threading.Event().wait(0) if done[0].done() else _wait(done[0])
        return result

    with ThreadPoolExecutor(1) as beside, monkeypatch.context() as patch:
        patch.setattr(SqlTransaction, at, stopping)
        first()
        assert done, at
        done[0].result(PATIENCE_S)


def _wait(future: Any) -> None:
    came = threading.Event()
    future.add_done_callback(lambda _: came.set())
    came.wait(_HELD_BACK_S)


NOTICE = a_notice(2, seed=1)
CANCELLATION = builders.cancellation(NOTICE, "withdrawn")


def notice_comes(host: Host) -> None:
    assert host.push(NOTICE, "m-1").status in (200, 202)


def cancellation_comes(host: Host) -> None:
    assert host.push(CANCELLATION, "m-2").status in (200, 202)


def decides(host: Host, case_id: str, token: int, reasons: str) -> bool:
    try:
        host.take(M1, case_id, commands.Propose(token, proposal(measure("1", reasons=reasons), measure("2"))))
    except ComplianceError:
        return False
    return True


@pytest.mark.postgres
@pytest.mark.parametrize("at", STEPS)
@pytest.mark.parametrize("order", [(notice_comes, cancellation_comes), (cancellation_comes, notice_comes)])
def test_a_notice_and_its_cancellation_on_two_hosts_meet(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch, order: tuple[Step, Step], at: str
) -> None:
    one, two = hosts
    interleaved(monkeypatch, at, lambda: order[0](one), lambda: order[1](two))
    case = one.case(NOTICE.notice_id)
    assert case.state == "cancelled"
    assert {item.status for item in case.items} == {"withdrawn"} or not case.open_items
    two.check_chains()


@pytest.mark.postgres
def test_the_control_they_miss_each_other_where_nobody_writes_alone(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = hosts
    monkeypatch.setattr(transaction, "_waits", lambda _one: False)
    interleaved(monkeypatch, "run", lambda: cancellation_comes(one), lambda: notice_comes(two))
    assert one.case(NOTICE.notice_id).state == "queued"


@pytest.mark.postgres
@pytest.mark.parametrize("at", STEPS)
def test_the_same_notice_on_two_hosts_opens_one_case(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    one, two = hosts
    interleaved(monkeypatch, at, lambda: notice_comes(one), lambda: notice_comes(two))
    assert [case.notice_id for case in one.cases()] == [NOTICE.notice_id]
    assert one.history(one.case(NOTICE.notice_id).id).count("opened") == 1
    one.check_chains()


@pytest.mark.postgres
@pytest.mark.parametrize("at", STEPS)
def test_of_two_decisions_on_one_case_one_stands(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    one, two = hosts
    notice_comes(one)
    lease = one.taking.claim(M1).result()
    assert lease is not None
    won: list[bool] = []
    decide = [
        lambda host=host, reasons=reasons: won.append(decides(host, lease.case.id, lease.token, reasons))
        for host, reasons in zip(hosts, ("lottery", "casino"), strict=True)
    ]
    interleaved(monkeypatch, at, *decide)
    assert sorted(won) == [False, True]
    assert two.history(lease.case.id).count("proposed") == 1
    two.check_chains()


@pytest.mark.postgres
@pytest.mark.parametrize("at", STEPS)
def test_two_decisions_on_one_object_get_versions_one_behind_the_other(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Two notices name the same post: what is done to it is in one order, whoever decided where."""
    one, two = hosts
    notices = [a_notice(1), a_notice(1).model_copy(update={"notice_id": "KZ-2026-0000077"})]
    for n, data in enumerate(notices):
        assert one.push(data, f"m-{n}").status == 202
    leases = [host.taking.claim(actor).result() for host, actor in ((one, M1), (two, M2))]
    assert {lease.case.notice_id for lease in leases if lease} == {one.notice_id for one in notices}
    decide = [
        lambda host=host, actor=actor, lease=lease: host.take(
            actor, lease.case.id, commands.Propose(lease.token, proposal(measure("1")))
        )
        for host, actor, lease in ((one, M1, leases[0]), (two, M2, leases[1]))
    ]
    interleaved(monkeypatch, at, *decide)
    versions = sorted(item.effect_version for case in one.cases() for item in case.items)
    assert versions == [1, 2], versions
    one.drain()
    assert one.world.platform.refused_versions == []
    one.check_chains()


@pytest.mark.postgres
@pytest.mark.parametrize("at", STEPS)
def test_two_claims_on_two_hosts_get_two_cases(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    one, two = hosts
    for n in (1, 2):
        one.push(a_notice(1, seed=n), f"m-{n}")
    got: list[str] = []

    def claims(host: Host) -> None:
        lease = host.taking.claim(M1).result()
        assert lease is not None
        got.append(lease.case.id)

    interleaved(monkeypatch, at, lambda: claims(one), lambda: claims(two))
    assert len(set(got)) == 2
    one.check_chains()


@pytest.mark.postgres
@pytest.mark.parametrize("pooler", [True, False], ids=["", "control: statements are prepared"])
def test_behind_a_pooler_nothing_outlives_a_transaction(url: str, tmp_path: Path, pooler: bool) -> None:
    """Whatever connection of the server it gives next, nothing on it is of this process."""
    world = World(tmp_path / "no file", url=url)
    host = Host(world, world.open_at(world.env(), threaded=False, pooler=pooler))
    for n in range(8):
        host.push(a_notice(seed=n), f"m-{n}")
    writer = host.store._writer  # type: ignore[attr-defined]
    asked = "SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_locks WHERE granted"
    asked += " AND pid = pg_backend_pid() AND locktype = 'advisory'), current_setting('lock_timeout')"
    ((prepared, locks, timeout),) = writer.rows(asked, ())
    assert (prepared == 0) is pooler
    assert (locks, timeout) == (0, "0")
    host.store.close()
