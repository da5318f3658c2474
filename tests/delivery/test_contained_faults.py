"""One case or one message with which this program fails: it is told and seen, and holds up no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import holding
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.running_time import steps_of
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import Effect, FeedMessage, FeedPage, Pending
from kz_compliance_sdk.services import polling
from kz_compliance_sdk.services.admission import Admission
from tests.case_makers import a_notice, measure, proposal
from tests.scene import PLATFORM, FakeRegulator, Host, World, signed

HOUR = 3600


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.store.close()


def failing_for(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *case_ids: str) -> None:
    """The named step of the domain fails for these cases, as it does for a value that nobody thought of."""
    step = getattr(owner, name)

    def failing(case: Case, *args: Any, **more: Any) -> Any:
        if case.id in case_ids:
            raise ValueError("what a notice says must not stand in a log")
        return step(case, *args, **more)

    monkeypatch.setattr(owner, name, failing)


def stuck_case(host: Host) -> Case:
    """One item is in force and the other pending: near the deadline an interim report is due."""
    notice = a_notice(items=2)
    host.push(notice, "m-1")
    first, second = (item.item_id for item in notice.items)

    def pending(effect: Effect) -> Pending | None:
        return Pending(host.world.clock() + HOUR) if effect.item_id == second else None

    host.world.platform.faults += [pending] * 200
    host.decide(proposal(measure(first), measure(second)))
    host.drain()
    return host.case(notice.notice_id)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "alert", "escalated"),
    [("offer_interim", "report_stuck", True), ("escalate", "watch_stuck", False)],
)
def test_a_case_that_cannot_be_watched_keeps_no_other_from_its_escalation(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    alert: str,
    escalated: bool,
) -> None:
    poisoned, other = stuck_case(host), a_notice(seed=7)
    host.world.clock.advance(60)
    host.push(other, "m-2")
    failing_for(monkeypatch, holding, step, poisoned.id)
    host.world.clock.advance(23 * HOUR)
    for _ in range(3):
        host.watch()
        host.world.clock.advance(HOUR)
    queries = host.store.queries(PLATFORM)
    assert steps_of(queries.records(host.case(other.notice_id).id).stream.case)
    assert bool(steps_of(queries.records(poisoned.id).stream.case)) is escalated
    assert {beat.part for beat in queries.health(host.world.clock()).heartbeats} == {"watcher"}
    host.drain()
    assert alert in {told.reason for told in host.world.pager.alerts if told.case_reference == poisoned.id}
    assert "ValueError at test_contained_faults.py" in caplog.text
    assert "what a notice says" not in caplog.text
    host.check_chains()


def test_a_watch_ends_when_the_store_fails(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a fault of the store is no case's fault, and nothing is tried one by one."""
    host.push(a_notice(), "m-1")
    host.world.clock.advance(23 * HOUR)

    tried: list[Any] = []

    def full(*case: Any) -> Any:
        tried.append(case)
        raise StoreError("the disk is full")

    monkeypatch.setattr(holding, "escalate", full)
    with pytest.raises(StoreError):
        host.watch()
    assert len(tried) == 1


def one_page(host: Host, regulator: FakeRegulator, *ids: str) -> None:
    entries = []
    for number, name in enumerate(ids, start=1):
        headers, body = signed(host.world, a_notice(seed=number), name)
        entries.append(FeedMessage(number, "POST", tuple(headers), body))
    page = FeedPage(tuple(entries), "c1", has_more=False)

    def fetch(after: str, limit: int) -> FeedPage:
        return FeedPage((), after, has_more=False) if after else page

    regulator.fetch = fetch  # type: ignore[method-assign]


def polled(host: Host) -> polling.Polled:
    return polling.poll(host.store, host.intake, host.world.regulator, PLATFORM, "/notices", 10)


def _failing_admission(monkeypatch: pytest.MonkeyPatch, message_id: str, error: Exception) -> None:
    admit = Admission.admit

    def failing(self: Admission, tx: Any, received: Any, message: Any) -> Any:
        if message.id == message_id:
            raise error
        return admit(self, tx, received, message)

    monkeypatch.setattr(Admission, "admit", failing)


def test_an_entry_that_cannot_be_taken_in_is_set_aside_and_the_feed_goes_on(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one_page(host, host.world.regulator, "m-1", "m-2", "m-3")
    _failing_admission(monkeypatch, "m-2", KeyError("a name"))
    came = polled(host)
    assert (came.admitted, came.quarantined) == (2, 1)
    assert polled(host).messages == 0
    (aside,) = (case for case in host.cases() if case.state is CaseState.QUARANTINED)
    (row,) = host.records(aside.id).inbox
    assert (row.message_id, json.loads(row.reply)["code"]) == ("m-2", "intake_fault")
    host.drain()
    assert "quarantine.intake_fault" in {alert.reason for alert in host.world.pager.alerts}
    assert "KeyError at test_contained_faults.py" in caplog.text


def test_a_store_that_fails_leaves_the_cursor_where_it_is(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what could not be written is read again."""
    one_page(host, host.world.regulator, "m-1", "m-2")
    with monkeypatch.context() as patched:
        _failing_admission(patched, "m-2", StoreError("the disk is full"))
        with pytest.raises(StoreError):
            polled(host)
    assert polled(host).messages == 2
    assert {case.notice_id for case in host.cases()} == {a_notice(seed=n).notice_id for n in (1, 2)}
