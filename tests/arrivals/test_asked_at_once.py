"""What the works of a batch will ask for is read at once; whatever they said they would ask, they come to the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.lane import Job, _commit
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks
from kz_compliance_sdk.services.intake import Pending
from tests.case_makers import a_notice
from tests.scene import PLATFORM, Host, signed

NOTICES = 20
AskedAs = Callable[[Asks], Asks]
_ASKS = ("SELECT inbox.", "SELECT cases.", "WITH wanted")


def in_one_batch(host: Host, seeds: Iterable[int], asked_as: AskedAs) -> tuple[list[Any], list[str]]:
    """The answers to these notices, and the statements that read what is known of them."""
    store: Any = host.store
    transaction, read, jobs = store._open_transaction(), list[str](), list[Job]()
    for seed in seeds:
        came = host.intake.receive("POST", "/notices", *signed(host.world, a_notice(seed=seed), f"m-{seed}"))
        assert isinstance(came, Pending)
        jobs.append(Job(PLATFORM, came.work, Future(), asked_as(came.asks)))
    transaction._writer._connection.set_trace_callback(read.append)
    _commit(transaction, jobs)
    transaction._writer._connection.set_trace_callback(None)
    transaction.close()
    return [job.future.result() for job in jobs], [one for one in read if one.startswith(_ASKS)]


def test_a_batch_of_notices_is_read_for_at_once(host: Host) -> None:
    answers, read = in_one_batch(host, range(NOTICES), lambda asks: asks)
    assert {one.status for one in answers} == {202}
    assert len(read) <= 4
    _, alone = in_one_batch(host, range(NOTICES, 2 * NOTICES), lambda _asks: ASKS_NOTHING)
    assert len(alone) > 3 * NOTICES, "without a word each asks for itself"


@pytest.mark.parametrize(
    "asked_as",
    [lambda asks: asks, lambda _asks: ASKS_NOTHING, lambda _asks: Asks(("case/none",), ("nobody", "m"), "none")],
    ids=["what it asks", "nothing", "what it does not ask"],
)
def test_whatever_is_asked_a_batch_comes_to_the_same(host: Host, asked_as: AskedAs) -> None:
    answers, _ = in_one_batch(host, [1, 2, 1, 3, 2], asked_as)
    assert [one.status for one in answers] == [202, 202, 200, 202, 200]
    assert (answers[0].body, answers[1].body) == (answers[2].body, answers[4].body)
    again, _ = in_one_batch(host, [1, 4], asked_as)
    assert [one.status for one in again] == [200, 202]
    assert again[0].body == answers[0].body


def test_a_key_that_does_not_open_is_told_to_each_work_by_itself(host: Host) -> None:
    in_one_batch(host, [1], lambda asks: asks)
    store: Any = host.store
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE platform_keys SET key = x'00'")
    transaction = store._open_transaction()
    fine = Job(PLATFORM, lambda tx: ((), tx.now), Future())
    came = host.intake.receive("POST", "/notices", *signed(host.world, a_notice(seed=2), "m-2"))
    assert isinstance(came, Pending)
    damaged = Job(PLATFORM, came.work, Future(), came.asks)
    _commit(transaction, [fine, damaged])
    transaction.close()
    assert fine.future.result() == host.world.clock()
    assert damaged.future.exception() is not None
