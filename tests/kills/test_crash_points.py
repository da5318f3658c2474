"""A crash between every two steps of a notice's way, and what the world then holds.

The run is played once without a crash, and its points are numbered: before and after every commit, before and after
every call to the platform, the regulator and the pager. Then it is played once for each point: there the host dies, a
new one is built over the same file, and everybody does again what they had no answer to. The end must be the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.errors import IllegalMove, LeaseLost
from kz_compliance_sdk.ports import (
    ASKS_NOTHING,
    Alert,
    Asks,
    Effect,
    EffectResult,
    Queries,
    Sent,
    TellResult,
    UserNotice,
    Work,
)
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.fake_messenger import FakeMessenger
from tests.fake_pager import FakePager
from tests.scene import (
    LEGAL,
    M1,
    PLATFORM,
    FakePlatform,
    FakeRegulator,
    Host,
    World,
    place,
    signed,
)

T = TypeVar("T")


class Crash(BaseException):
    """The host dies here. No `except Exception` of the host may survive it."""


@dataclass
class Points:
    """Counts the points that are passed, and crashes at number `at`, once."""

    at: int | None = None
    passed: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) - 1 == self.at:
            raise Crash(name)


class CrashingStore:
    """The store as the host sees it. With `early`, a future is answered before its commit: the mistake to catch."""

    def __init__(self, store: SqliteStore, points: Points, *, early: bool = False) -> None:
        self._store, self._points, self._early = store, points, early

    def now(self) -> int:
        return self._store.now()

    def submit(self, platform_id: str, work: Work[T], asks: Asks = ASKS_NOTHING) -> Future[T]:
        if self._early and (answer := self._foretold(platform_id, work)) is not None:
            return answer
        self._points("before_commit")
        future = self._store.submit(platform_id, work, asks)
        self._points("after_commit")
        return future

    def _foretold(self, platform_id: str, work: Work[T]) -> Future[T] | None:
        """What the work will answer, learnt by deciding it without writing; its commit is lost in the crash."""
        told: Future[T] = Future()

        def peek(tx: Any) -> tuple[tuple[()], T]:
            return (), work(tx)[1]

        told.set_result(self._store.submit(platform_id, peek).result())
        try:
            self._points("acknowledged")
        except Crash:
            return told
        return None

    def queries(self, platform_id: str) -> Queries:
        return self._store.queries(platform_id)

    def close(self) -> None:
        self._store.close()


class CrashingPlatform(FakePlatform):
    points: Points

    def _do(self, what: str, effect: Effect) -> EffectResult:
        self.points("before_enforcer")
        result = super()._do(what, effect)
        self.points("after_enforcer")
        return result


class CrashingRegulator(FakeRegulator):
    points: Points

    def send(self, message: Any) -> Sent:
        self.points("before_regulator")
        result = super().send(message)
        self.points("after_regulator")
        return result


class CrashingPager(FakePager):
    points: Points

    def notify(self, alert: Alert) -> None:
        self.points("before_pager")
        super().notify(alert)
        self.points("after_pager")


class CrashingMessenger(FakeMessenger):
    points: Points

    def tell(self, notice: UserNotice) -> TellResult:
        self.points("before_messenger")
        result = super().tell(notice)
        self.points("after_messenger")
        return result


class Play:
    """The regulator issues, the desk decides, enforces and reports; then the regulator withdraws one of two items.

    Each act is repeated until it was answered, by people and by the regulator, as they would.
    """

    def __init__(self, path: Path, points: Points, *, early: bool = False, url: str = "") -> None:
        self.points, self.early = points, early
        self.world = World(path, url=url)
        clock = self.world.clock
        self.world.platform = platform = CrashingPlatform(clock)
        self.world.regulator = regulator = CrashingRegulator(clock)
        self.world.pager = pager = CrashingPager()
        self.world.messenger = messenger = CrashingMessenger(clock)
        platform.points = regulator.points = pager.points = messenger.points = points
        self.acknowledged: list[str] = []
        self.crashes = 0
        self.notice = a_notice(3, category="election_rules")
        self.host = self._boot()

    def _boot(self) -> Host:
        self.store = self.world.open_store()
        return Host(self.world, CrashingStore(self.store, self.points, early=self.early))

    def act(self, what: Callable[[], object]) -> None:
        while True:
            try:
                what()
            except Crash:
                self.crashes += 1
                self.store.close()
                self.host = self._boot()
                continue
            return

    def run(self) -> None:
        # What was signed once is sent again as it was.
        headers, body = signed(self.world, self.notice, "msg-issued")
        self.act(lambda: self._push("msg-issued", headers, body))
        self.act(self._propose)
        self.act(self._approve)
        self._settle()
        cancelled = signed(self.world, builders.cancellation(self.notice, "withdrawn", ["1"]), "msg-cancelled")
        self.act(lambda: self._push("msg-cancelled", *cancelled))
        self._settle()

    def _push(self, name: str, headers: list[tuple[str, str]], body: bytes) -> None:
        assert self.host.deliver_push(headers, body).status in (200, 202)
        self.acknowledged.append(name)

    def _propose(self) -> None:
        case = self.host.case(self.notice.notice_id)
        if case.state is CaseState.CLAIMED:
            # The answer to the claim was lost: nobody knows the token, and the lease runs out.
            self.world.clock.advance(self.host.policy.lease_s)
        if case.state is CaseState.IN_APPROVAL:
            return
        lease = self.host.taking.claim(M1).result()
        assert lease is not None
        chosen = proposal(measure("1"), measure("2"), refusal("3"))
        try:
            self.host.take(M1, lease.case.id, commands.Propose(lease.token, chosen))
        except LeaseLost:
            raise AssertionError("a lease that was just given is lost") from None

    def _approve(self) -> None:
        case = self.host.case(self.notice.notice_id)
        digest = self.host.decisions(case.id)[1].digest
        try:
            self.host.take(LEGAL, case.id, commands.Approve(digest))
        except IllegalMove:
            assert self.host.case(self.notice.notice_id).state is CaseState.DECIDED

    def _settle(self) -> None:
        """The worker runs until nothing is left; what a dead worker held is free again when its lease has run out."""
        for _ in range(40):
            self.act(lambda: self.host.drain())
            queries = self.store.queries(PLATFORM)
            left = [m for case in self.host.cases() for m in queries.records(case.id).messages if m.settled_at is None]
            if not left:
                return
            self.world.clock.advance(LEASE_S)
        raise AssertionError(f"not settled: {[(m.kind, m.state) for m in left]}")

    def end(self) -> dict[str, object]:
        """What matters in the end, without the ids and times that a crash may change."""
        self.host.check_chains()
        (case,) = self.host.cases()
        world, queries = self.world, self.store.queries(PLATFORM)
        reports = [
            {k: v for k, v in report.items() if k in ("notice_id", "sequence", "final")}
            | {"items": [(i["item_id"], i["outcome"], i["action"]) for i in report["items"]]}
            for report in world.regulator.reports()
        ]
        moves = self.host.history(case.id)
        kinds = sorted((kind, body_of(body)) for kind, body, _ in world.regulator.books.values())
        return {
            "state": str(case.state),
            "items": [(item.item_id, item.status, item.measure) for item in case.items],
            "effects": world.platform.effects,
            "versions": world.platform.versions,
            "books": kinds,
            "reports": reports,
            "alerts": sorted({alert.reason for alert in world.pager.alerts}),
            "decisions": len(self.host.decisions(case.id)),
            "inbox": sorted(row.message_id for row in queries.records(case.id).inbox),
            "messages": sorted((m.kind, m.state) for m in queries.records(case.id).messages),
            # A receipt, and that a user was told, may come before another measure or after it.
            "moves": [move for move in moves if move not in _MAY_DIFFER],
            "receipts": moves.count("receipt"),
            "told": sorted(world.messenger.kinds()),
            "tellings": moves.count("user_told"),
        }


_MAY_DIFFER = ("claimed", "expired", "receipt", "user_told", "begun", "tried", "outcome_unknown", "done")
"""Events that a crash may make more of, or put elsewhere."""


def body_of(body: bytes) -> str:
    """What names a message in the books, whatever time it carries."""
    document = json.loads(body)
    return f"{document['notice_id']} {document.get('sequence', '')}"


def play(path: Path, at: int | None, on: str = "sqlite") -> tuple[Play, dict[str, object]]:
    with place(on) as url:
        one = Play(path, Points(at), url=url)
        try:
            one.run()
            return one, one.end()
        finally:
            one.store.close()


@pytest.mark.slow
def test_the_run_without_a_crash_ends_as_it_should(tmp_path: Path) -> None:
    one, end = play(tmp_path / "whole.sqlite3", None)
    assert end["state"] == "closed"
    assert [status for _, status, _ in end["items"]] == ["lifted", "in_force", "settled"]  # type: ignore[attr-defined]
    assert sorted(one.world.platform.effects.values()) == ["remove", "restore"]
    assert [report["sequence"] for report in one.world.regulator.reports()] == [1, 2]
    names = set(one.points.passed)
    assert names == {
        f"{when}_{what}"
        for when in ("before", "after")
        for what in ("commit", "enforcer", "regulator", "pager", "messenger")
    }
    assert end["told"] == [("1", "measure"), ("1", "restored"), ("2", "measure")]


@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize(
    ("part", "on"),
    [
        (0, "sqlite"),
        *(pytest.param(n, "sqlite", marks=pytest.mark.slow) for n in range(1, 24)),
        *(
            pytest.param(n, "postgresql", marks=[pytest.mark.slow(takes_s=20), pytest.mark.postgres])
            for n in range(0, 24, 3)
        ),
    ],
)
@pytest.mark.slow
def test_a_crash_at_any_point_changes_nothing_of_the_end(tmp_path: Path, part: int, on: str) -> None:
    whole, expected = play(tmp_path / "whole.sqlite3", None)
    count = len(whole.points.passed)
    assert count >= 50
    for at in range(part, count, 24):
        one, end = play(tmp_path / f"{at}.sqlite3", at, on)
        assert one.crashes == 1, at
        assert end == expected, f"crash at point {at}, {one.points.passed[at]}"
        assert not one.world.platform.refused_versions


@pytest.mark.slow
@pytest.mark.usefixtures("remembering")
def test_a_crash_after_an_answer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Every message that got its 2xx is in the file, with the bytes that were signed."""
    whole, _ = play(tmp_path / "whole.sqlite3", None)
    for at, name in enumerate(whole.points.passed):
        if name != "after_commit":
            continue
        one, end = play(tmp_path / f"{at}.sqlite3", at)
        assert set(one.acknowledged) <= set(end["inbox"])  # type: ignore[call-overload]


def test_acknowledging_before_the_commit_is_caught(tmp_path: Path) -> None:
    """The control: a store that answers early loses an acknowledged notice, and this suite sees it."""
    one = Play(tmp_path / "early.sqlite3", Points(0), early=True)
    try:
        headers, body = signed(one.world, one.notice, "msg-issued")
        one.act(lambda: one._push("msg-issued", headers, body))
        assert one.acknowledged == ["msg-issued"]
        assert not one.host.cases(), "acknowledged, and nowhere to be found"
        with pytest.raises((ValueError, AssertionError)):
            one._propose()
    finally:
        one.store.close()
