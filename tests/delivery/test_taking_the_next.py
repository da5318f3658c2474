"""What came of a call is recorded with the next message in hand, in one commit: whatever fails, neither is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.adapters.sql.view import View
from kz_compliance_sdk.domain import change
from kz_compliance_sdk.domain.change import LEASE_S, EndpointState, OutboxMessage
from kz_compliance_sdk.domain.messages import REGULATOR
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import RetryAt, Sent, Unknown
from tests.case_makers import a_notice
from tests.recorders import statements_read
from tests.scene import PLATFORM, Host, World
from tests.store.conftest import Gate
from tests.waiting import PATIENCE_S, comes

SEEDS = (1, 2, 3)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def always() -> bool:
    return True


def first_in_hand(host: Host) -> OutboxMessage:
    """The first of three acknowledgements that are due."""
    for seed in SEEDS:
        host.push(a_notice(seed=seed), f"m-{seed}")
    (message,) = host.delivery.lease(1)
    return message


def kept(host: Host) -> dict[str, OutboxMessage]:
    """The acknowledgements as they are stored, by the ids of their notices."""
    cases = host.cases()
    return {one.notice_id: host.records(one.id).messages[0] for one in cases}


def states(host: Host) -> list[str]:
    return sorted(message.state for message in kept(host).values())


def results(host: Host, message: OutboxMessage) -> list[str]:
    return [one.result for one in host.records(message.case_id).attempts if one.message_id == message.id]


def all_arrive(host: Host) -> None:
    """Each acknowledgement is recorded by the regulator once, and its receipt is in hand."""
    host.world.clock.advance(LEASE_S)
    host.drain()
    assert states(host) == ["done"] * len(SEEDS)
    assert len(host.world.regulator.books) == len(SEEDS)


def test_a_result_is_recorded_with_the_next_message_in_one_commit(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    message, commits = first_in_hand(host), list[None]()
    commit = SqlTransaction.commit

    def counted(of: SqlTransaction) -> None:
        commits.append(None)
        commit(of)

    monkeypatch.setattr(SqlTransaction, "commit", counted)
    following = host.delivery.deliver_and_take(message, always)
    assert following is not None
    assert len(commits) == 1
    assert (following.state, following.endpoint, following.attempts) == ("leased", REGULATOR, 1)
    assert following.lease_expires_at == host.world.clock() + LEASE_S
    assert states(host) == ["done", "leased", "queued"]
    last = host.delivery.deliver_and_take(following, always)
    assert last is not None
    assert len({message.id, following.id, last.id}) == len(SEEDS)
    assert host.delivery.deliver_and_take(last, always) is None
    all_arrive(host)


def test_who_is_to_stop_takes_nothing(host: Host) -> None:
    assert host.delivery.deliver_and_take(first_in_hand(host), lambda: False) is None
    assert states(host) == ["done", "queued", "queued"]


def test_a_sender_that_dies_with_the_next_in_hand_loses_neither(host: Host) -> None:
    message = first_in_hand(host)
    following = host.delivery.deliver_and_take(message, always)  # and dies here
    assert following is not None
    assert results(host, message) == ["delivered"]
    all_arrive(host)
    assert results(host, following) == ["lost", "delivered"]
    assert results(host, message) == ["delivered"]


def test_where_the_commit_fails_nothing_is_taken_and_the_call_is_looked_up(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = first_in_hand(host)

    def full(_of: SqlTransaction) -> None:
        raise StoreError("the disk is full.", code="storage_full")

    with monkeypatch.context() as patched:
        patched.setattr(SqlTransaction, "commit", full)
        assert host.delivery.deliver_and_take(message, always) is None
    assert results(host, message) == []
    assert states(host) == ["leased", "queued", "queued"]
    all_arrive(host)
    assert results(host, message) == ["lost", "delivered"]


def test_where_taking_fails_the_result_is_recorded_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    message = first_in_hand(host)

    def failing(*_: Any) -> Any:
        raise ValueError("a text of the notice")

    with monkeypatch.context() as patched:
        patched.setattr(View, "due_messages", failing)
        assert host.delivery.deliver_and_take(message, always) is None
    assert results(host, message) == ["delivered"]
    assert states(host) == ["done", "queued", "queued"]
    assert "ValueError" in caplog.text
    assert "a text of the notice" not in caplog.text
    all_arrive(host)


def test_a_result_that_comes_too_late_takes_nothing(host: Host) -> None:
    message = first_in_hand(host)
    host.world.clock.advance(LEASE_S)
    for other in host.delivery.lease(8):
        if other.id != message.id:
            host.delivery.deliver(other)
    host.push(a_notice(seed=4), "m-4")
    assert host.delivery.deliver_and_take(message, always) is None
    assert states(host) == ["done", "done", "leased", "queued"]


@pytest.mark.parametrize("answer", [RetryAt("status_503"), Unknown("reset")])
def test_behind_a_call_that_failed_nothing_is_taken(host: Host, answer: Sent) -> None:
    host.world.regulator.faults = [lambda _message: answer]
    assert host.delivery.deliver_and_take(first_in_hand(host), always) is None
    assert states(host) == ["queued"] * len(SEEDS)


def test_what_a_probe_came_to_opens_the_way_and_takes_nothing_itself(host: Host) -> None:
    """The probe's own success is not read by who takes beside it."""
    for seed in SEEDS:
        host.push(a_notice(seed=seed), f"m-{seed}")
    broken = EndpointState(PLATFORM, REGULATOR, change.OPENS_AFTER, 0, 0, "status_503")
    host.store.submit(PLATFORM, lambda _tx: ((broken,), None)).result()
    (probe,) = host.delivery.lease(8)
    assert host.delivery.deliver_and_take(probe, always) is None
    assert len(host.delivery.lease(8)) == len(SEEDS) - 1


@pytest.mark.slow
def test_senders_whose_results_share_a_commit_take_each_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = statements_read(monkeypatch)
    world = World(tmp_path / "desk.sqlite3")
    host = Host(world, store := world.open_store(threaded=True))
    assert isinstance(store, SqliteStore)
    for seed in range(8):
        host.push(a_notice(seed=seed), f"m-{seed}")
    in_hand, taken = host.delivery.lease(4), list[OutboxMessage | None]()
    assert len(in_hand) == 4
    senders = [threading.Thread(target=_sends(host, message, taken)) for message in in_hand]
    asked.clear()
    with Gate(store):
        for sender in senders:
            sender.start()
        comes(lambda: store.waiting == len(senders))
    for sender in senders:
        sender.join(PATIENCE_S)
    named = {one.id for one in taken if one is not None}
    assert len(named) == len(senders)
    assert named.isdisjoint({one.id for one in in_hand})
    assert len([sql for sql in asked if "leases" in sql]) == 1, "what is due is read once for all of them"
    assert sorted(one.state for one in kept(host).values()) == ["done"] * 4 + ["leased"] * 4
    host.check_chains()
    store.close()


def _sends(host: Host, message: OutboxMessage, taken: list[OutboxMessage | None]) -> Callable[[], None]:
    return lambda: taken.append(host.delivery.deliver_and_take(message, always))
