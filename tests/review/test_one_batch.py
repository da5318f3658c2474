"""Works that the writer takes in one batch read before what the others decided is written: each must see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.errors import IllegalMove, NotFound
from kz_compliance_sdk.services.intake import Pending
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.recorders import statements_read
from tests.scene import M1, PLATFORM, Host, World, signed
from tests.store.conftest import Gate

CASES = 6


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    world = World(tmp_path / "desk.sqlite3")
    made = Host(world, world.open_store(threaded=True))
    yield made
    made.check_chains()
    made.store.close()


def undone(host: Host, case: Case) -> Future[Any]:
    return host.taking.take(M1, case.id, commands.Undo())


def annulled(host: Host, _case: Case) -> Future[Any]:
    headers, body = signed(host.world, builders.cancellation(a_notice(), "annulled"), "m-2")
    answer = host.intake.receive("POST", "/notices", headers, body)
    assert isinstance(answer, Pending)
    return host.store.submit(PLATFORM, answer.work)


def in_hand(host: Host, take_back: Callable[[Host, Case], Future[Any]]) -> Future[Any]:
    """What comes of taking back a measure that somebody leases in the same batch; it is carried out then."""
    host.push(a_notice(), "m-1")
    host.drain()
    case = host.decide(proposal(measure("1"))).case
    assert isinstance(host.store, SqliteStore)
    with Gate(host.store):
        leased = host.store.submit(PLATFORM, lambda tx: host.delivery._lease(tx, 8, {}))
        taken_back = take_back(host, case)
    (message,) = leased.result().leased
    assert (message.kind, host.delivery.deliver(message)) == ("enforce", True)
    return taken_back


def test_a_measure_that_is_in_hand_is_not_undone(host: Host) -> None:
    refused = in_hand(host, undone)
    with pytest.raises(IllegalMove, match="the undo window is over"):
        refused.result()
    host.drain()
    (case,) = host.cases()
    assert (case.state, case.items[0].status) == (CaseState.CLOSED, "in_force")


def test_a_measure_that_is_in_hand_is_lifted_when_its_order_falls(host: Host) -> None:
    assert in_hand(host, annulled).result().status == 202
    host.drain()
    (case,) = host.cases()
    assert (case.state, case.items[0].status) == (CaseState.CLOSED, "lifted")
    assert list(host.world.platform.effects.values()) == ["restore"]


def test_what_commands_of_a_batch_ask_of_their_cases_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = statements_read(monkeypatch)
    world = World(tmp_path / "desk.sqlite3")
    host = Host(world, store := world.open_store(threaded=True))
    for seed in range(CASES):
        host.push(a_notice(seed=seed), f"m-{seed}")
    cases = [case.id for case in host.cases()]
    assert len(cases) == CASES
    read.clear()
    with Gate(store):
        noted_down = [host.taking.take(M1, case_id, commands.Note("seen")) for case_id in cases]
        twice, unknown = (host.taking.take(M1, name, commands.Note("again")) for name in (cases[0], "none"))
    assert [future.result().id for future in noted_down] == cases
    assert twice.result().version == noted_down[0].result().version + 1, "it sees what came before it in the batch"
    with pytest.raises(NotFound):
        unknown.result()
    of_cases = [sql for sql in read if sql.startswith(("SELECT cases.", "WITH wanted"))]
    assert len(of_cases) <= 4, "at once, and once more after the first had to be written"
    assert len([sql for sql in read if sql.startswith("SELECT parts.")]) == 1, "and what words them too"
    host.check_chains()
    store.close()
