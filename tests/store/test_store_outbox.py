"""The outbox in the store: what is due, in which order, and by which index."""

from __future__ import annotations

from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.rows import lease_row
from kz_compliance_sdk.adapters.sql.statements import Compiled
from kz_compliance_sdk.adapters.sql.store import SqliteStore, SqlStore
from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.case import happened_to
from kz_compliance_sdk.domain.change import Attempt, Change, Leased, OutboxMessage
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.delivery import Begun
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.errors import Conflict, LeaseLost
from kz_compliance_sdk.ports import Tx
from tests.case_makers import PLATFORM, T0, planted_row
from tests.store.conftest import Gate, OpenStore, every_lane, every_store, raw, save, saved

store, lane = every_store, every_lane


def message(name: str, **more: Any) -> OutboxMessage:
    """An alert: of no case nothing else ever leaves."""
    wanted: dict[str, Any] = {"endpoint": "notifier", "created_at": T0, "next_attempt_at": T0, "deadline_at": T0 + 900}
    body = b'{"audience":[],"case_reference":"","due_at":0,"level":1,"reason":"x"}'
    return OutboxMessage(name, PLATFORM, "", "page", body=body, **{**wanted, **more})


def put(store: SqlStore, *messages: OutboxMessage) -> None:
    """Put rows and lines where no stream owes anything: here only their order and their indexes are asked for."""
    for one in messages:
        for table, row in (("outbox", planted_row(0, one)), ("leases", lease_row(0, one))):
            if not one.is_settled:
                raw(store, f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608


def alert(about: str) -> Happened:
    return notify(PLATFORM, about, "x", (), 1, Stamp(T0, SYSTEM))


def due(store: SqlStore, endpoint: str = "notifier", now: int = T0, limit: int = 8) -> list[str]:
    statement = store.statements.due_messages
    given = {"k_platform_id": PLATFORM, "k_endpoint": endpoint, "now": now, "n": limit}
    return [row[1] for row in raw(store, statement.sql, *statement.bind(given))]


def next_deadline(store: SqlStore, now: int, endpoint: str = "notifier") -> int | None:
    return store.submit(PLATFORM, lambda tx: ((), tx.next_deadline(endpoint, now))).result()


def test_what_is_due_comes_by_its_deadline_whenever_it_was_tried_last(store: SqlStore) -> None:
    put(
        store,
        *(
            message("late", deadline_at=T0 + 9000, next_attempt_at=T0 - 500),
            message("soon", deadline_at=T0 + 60),
            message("alert", deadline_at=None, created_at=T0 - 1),
            message("overdue", deadline_at=T0 - 60),
            message("waits", deadline_at=T0 + 1, next_attempt_at=T0 + 1),
            message("settled", deadline_at=T0 + 1, state="done"),
            message("elsewhere", deadline_at=T0 + 1, endpoint="regulator"),
        ),
    )
    assert due(store) == ["overdue", "alert", "soon", "late"]
    assert due(store, limit=2) == ["overdue", "alert"]
    assert due(store, "regulator") == ["elsewhere"]
    assert due(store, now=T0 + 1)[2] == "waits"


def test_a_later_message_of_a_lane_waits_however_urgent_it_is(store: SqlStore) -> None:
    first = message("first", lane="report:1", lane_seq=1, deadline_at=T0 + 900)
    put(store, first, message("second", lane="report:1", lane_seq=2, deadline_at=T0))
    assert due(store) == ["first"]
    raw(store, "DELETE FROM outbox WHERE id = 'first'")
    assert due(store) == ["second"]


def test_the_next_deadline_is_that_of_what_has_still_to_leave(store: SqlStore) -> None:
    put(
        store,
        *(
            message("overdue", deadline_at=T0 - 5),
            message("waits", deadline_at=T0 + 60, next_attempt_at=T0 + 50),
            message("settled", deadline_at=T0 + 1, state="done"),
            message("elsewhere", deadline_at=T0 + 1, endpoint="regulator"),
        ),
    )
    assert next_deadline(store, T0) == T0 + 60
    assert next_deadline(store, T0 + 60) is None


def test_the_outbox_is_read_through_its_own_index_and_sorted_by_it(open_store: OpenStore) -> None:
    """Whatever was settled costs nothing, and no backlog is sorted to find its first."""
    on_file = open_store()
    for statement in (on_file.statements.due_messages, on_file.statements.next_deadline):
        steps = _plan(on_file, statement, statement.sql)
        assert "leases_due (platform_id=? AND endpoint=?" in steps[0], steps
        assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")], steps
        other = statement.sql.replace("ORDER BY leases.urgent_at", "ORDER BY leases.attempts")
        found = str(_plan(on_file, statement, other))
        assert "TEMP B-TREE" in found, "the control: another order has to be sorted"


def test_the_watch_reads_what_is_due_through_its_own_index_and_sorted_by_it(open_store: OpenStore) -> None:
    on_file = open_store()
    statement = on_file.statements.watched
    steps = _plan(on_file, statement, statement.sql)
    assert "watches_due (platform_id=? AND watch_at<?)" in steps[0], steps
    assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")], steps
    other = _plan(on_file, statement, statement.sql.replace("ORDER BY watches.watch_at", "ORDER BY cases.due_at"))
    assert "TEMP B-TREE" in str(other), "the control: another order has to be sorted"


def test_a_queue_is_read_in_its_order_whatever_lies_behind_it(open_store: OpenStore) -> None:
    on_file = open_store()
    statement = on_file.statements.claimable
    steps = _plan(on_file, statement, statement.sql)
    assert "cases_claimable (platform_id=?)" in steps[0], steps
    assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")], steps


def _plan(store: SqliteStore, statement: Compiled, sql: str) -> list[str]:
    return [row[3] for row in raw(store, f"EXPLAIN QUERY PLAN {sql}", *[0] * len(statement.names))]


def test_an_attempt_that_was_given_up_for_lost_takes_what_became_of_it(store: SqlStore) -> None:
    saved(store, case_id="case-1")
    put(store, message("m", lease_token=2))
    save(store, (Attempt(PLATFORM, "case-1", "m", 1, T0, T0 + 120, "lost"),))
    late = Attempt(PLATFORM, "case-1", "m", 1, T0, T0 + 500, "delivered", "r-1")
    with pytest.raises(LeaseLost):
        save(store, (Leased(message("m", state="done"), 1), late))
    (kept,) = store.queries(PLATFORM).records("case-1").attempts
    assert kept.result == "lost"
    save(store, (late,))
    assert store.queries(PLATFORM).records("case-1").attempts == [late]


def test_an_event_that_its_case_cannot_take_is_refused_alone(lane: SqlStore) -> None:
    case = saved(lane)
    never = happened_to(PLATFORM, case.id, Begun(message="none"), Stamp(T0, SYSTEM))
    with Gate(lane):
        before, bad, after = (lane.save(PLATFORM, (one,)) for one in (alert("one"), never, alert("other")))
    assert isinstance(bad.exception(10), KeyError)
    assert (before.exception(10), after.exception(10)) == (None, None)
    assert raw(lane, "SELECT count(*) FROM events WHERE kind = 'begun'") == [(0,)]
    assert raw(lane, "SELECT count(*) FROM events WHERE kind = 'alerted'") == [(2,)]


@pytest.mark.parametrize("read", ["what is free to claim", "what it speaks of itself"])
def test_a_change_that_cannot_be_written_is_nobody_elses_fault(lane: SqlStore, read: str) -> None:
    """A work of the batch that reads has what is staged written first. What that provokes must neither be charged to
    whoever reads, nor let the rest of the batch be answered without having been written."""

    def reader(tx: Tx) -> tuple[Change, None]:
        if read == "what is free to claim":
            tx.claimable(lambda _one: True)
            return (), None
        return (alert("innocent"),), None

    with Gate(lane):
        innocent = lane.save(PLATFORM, (alert("innocent"),))
        bad = lane.save(PLATFORM, (Attempt(PLATFORM, "case-1", "other", 1, T0, T0, "failed", "\ud800"),))
        reading = lane.submit(PLATFORM, reader)
    assert innocent.exception(10) is None
    assert isinstance(bad.exception(10), UnicodeEncodeError)
    error = reading.exception(10)
    assert error is None if read == "what is free to claim" else isinstance(error, Conflict)
    assert raw(lane, "SELECT count(*) FROM outbox") == [(1,)]
