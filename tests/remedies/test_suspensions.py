"""Contests and suspension orders, from the record to the clock, the queue, the ladder and the ledger."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain import commands, proofs, running_time
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.clock import ClockView, clock_view
from kz_compliance_sdk.domain.events.office import Escalated
from kz_compliance_sdk.domain.running_time import steps_of
from kz_compliance_sdk.errors import ComplianceError, IllegalMove, InvalidInput, NotAllowed
from kz_compliance_sdk.ports import Failed
from kz_compliance_sdk.testing import builders
from tests.case_makers import HOUR, LEGAL, a_notice, measure, proposal, refusal
from tests.scene import HEAD, LEAD, M1, PLATFORM, Host, World
from tests.unguarded import unguard

DAY = 24 * HOUR


class Scene:
    """One case that was just received, with a term of 24 hours, and everybody who acts on it."""

    def __init__(self, folder: Path, items: int = 1) -> None:
        self.world = World(folder / "desk.sqlite3")
        self.host = Host(self.world)
        self.notice = a_notice(items=items)
        self.host.push(self.notice, "m-1")
        self.start = self.world.clock()

    @property
    def case(self) -> Case:
        return self.host.case(self.notice.notice_id)

    def clock(self) -> ClockView:
        case = self.case
        return clock_view(
            received_at=case.received_at,
            due_at=case.due_at,
            now=self.world.clock(),
            pauses=running_time.pauses_of(case),
            receipt_at=case.closed_at,
        )

    def hours(self, n: float) -> None:
        """Time passes, and the watch runs whenever the case says that it must."""
        end = self.world.clock() + round(n * HOUR)
        while (at := self.case.watch_at) is not None and at <= end:
            self.world.clock.advance(max(0, at - self.world.clock()))
            self.host.watch()
        self.world.clock.advance(end - self.world.clock())

    def suspend(self, from_h: float = 0, until_h: float | None = None, by: Actor = LEGAL) -> None:
        until = None if until_h is None else self.start + round(until_h * HOUR)
        order = commands.Suspend(
            body="Алматы қалалық соты",
            reference="3а-12/2026",
            from_at=self.start + round(from_h * HOUR),
            legal_basis="an article that a court named",
            proof_sha256="a" * 64,
            until_at=until,
        )
        self.host.take(by, self.case.id, order)

    def confirm(self, number: int = 1) -> None:
        self.host.take(LEAD, self.case.id, commands.ConfirmSuspension(number, "read on the court's own site"))

    def fired(self) -> list[str]:
        return [one.step for one in steps_of(self.host.records(self.case.id).stream.case)]

    def alerts(self) -> list[str]:
        self.host.drain()
        return [alert.reason for alert in self.world.pager.alerts]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def a_contest(at: int) -> commands.RecordContest:
    return commands.RecordContest("the ministry", "J-1", at, "to annul the prescription")


def test_a_contest_is_kept_with_all_that_was_said_and_pauses_nothing(scene: Scene) -> None:
    before = scene.case
    scene.host.take(
        LEGAL,
        before.id,
        a_contest(scene.start),
    )
    case = scene.case
    assert (case.due_at, case.urgent_at, case.watch_at) == (before.due_at, before.urgent_at, before.watch_at)
    assert [(one.number, one.filed_at, one.result) for one in case.contests] == [(1, scene.start, "")]
    (told,) = (on for on in scene.host.records(case.id).stream.events if on.kind == "contest_recorded")
    said = {name: said for (seq, name), said in scene.host.words(case.id).items() if seq == told.seq}
    assert said == {"body": b"the ministry", "reference": b"J-1", "remedy": b"to annul the prescription"}
    assert "ministry" not in repr(told)
    assert "contested" in case.flags

    scene.hours(1)
    scene.host.take(
        LEAD, case.id, commands.SettleContest(1, "granted", scene.start + 60, "the order is annulled, J-1/2")
    )
    assert (scene.case.contests[0].result, scene.case.contests[0].result_at) == ("granted", scene.start + 60)
    assert "contested" not in scene.case.flags
    assert "contest.granted" in scene.alerts()
    assert scene.case.state == "queued", "what follows from it a person decides"
    scene.host.check_chains()


def test_what_a_contest_must_say(scene: Scene) -> None:
    case_id, at = scene.case.id, scene.start
    for contest, field in (
        (replace(a_contest(at), body=" "), "body"),
        (replace(a_contest(at), reference=""), "reference"),
        (a_contest(at + 60), "filed_at"),
        (replace(a_contest(at), remedy=" "), "remedy"),
    ):
        with pytest.raises(InvalidInput) as caught:
            scene.host.take(LEGAL, case_id, contest)
        assert (caught.value.field, bool(caught.value.remedy)) == (field, True)
    with pytest.raises(NotAllowed):
        scene.host.take(
            M1,
            case_id,
            a_contest(at),
        )
    with pytest.raises(InvalidInput):
        scene.host.take(LEAD, case_id, commands.SettleContest(1, "rejected", at, "why"))
    scene.host.take(HEAD, case_id, a_contest(at))
    with pytest.raises(InvalidInput):
        scene.host.take(LEAD, case_id, commands.SettleContest(1, "lost", at, "why"))  # type: ignore[arg-type]  # the point of it
    scene.host.take(LEAD, case_id, commands.SettleContest(1, "withdrawn", at, "why"))
    with pytest.raises(IllegalMove):
        scene.host.take(LEAD, case_id, commands.SettleContest(1, "rejected", at, "why"))


def test_a_suspension_has_no_effect_before_a_second_person_confirms_it(scene: Scene) -> None:
    scene.suspend()
    scene.hours(2)
    assert not scene.clock().paused
    assert scene.case.urgent_at == scene.case.due_at
    assert "suspension_unconfirmed" in scene.case.flags
    with pytest.raises(NotAllowed) as caught:
        scene.host.take(LEGAL, scene.case.id, commands.ConfirmSuspension(1, "I am sure"))
    assert caught.value.code == "four_eyes"
    with pytest.raises(NotAllowed):
        scene.host.take(HEAD, scene.case.id, commands.ConfirmSuspension(1, "the head alone does not"))

    scene.confirm()
    assert scene.clock().paused
    assert (scene.clock().due_at, scene.clock().unpaused_due_at) == (scene.start + 26 * HOUR, scene.start + DAY)
    assert "suspension_unconfirmed" not in scene.case.flags
    assert "suspended" in scene.case.flags
    assert "suspended" in scene.alerts()
    with pytest.raises(IllegalMove):
        scene.confirm()
    scene.host.check_chains()


def test_one_that_was_taken_back_never_has_an_effect(scene: Scene) -> None:
    scene.suspend()
    scene.host.take(LEAD, scene.case.id, commands.EndSuspension(1, scene.start, "it speaks of another order"))
    with pytest.raises(IllegalMove):
        scene.confirm()
    assert not scene.case.flags or not {"suspended", "suspension_unconfirmed"} & set(scene.case.flags)
    assert scene.clock().due_at == scene.start + DAY


def test_one_that_nobody_confirmed_can_be_taken_back_after_its_time(scene: Scene) -> None:
    scene.suspend(until_h=2)
    scene.hours(3)
    scene.host.take(LEGAL, scene.case.id, commands.EndSuspension(1, scene.world.clock(), "it was a forgery"))
    assert "suspension_unconfirmed" not in scene.case.flags
    assert scene.clock().due_at == scene.clock().unpaused_due_at
    with pytest.raises(IllegalMove):
        scene.host.take(LEGAL, scene.case.id, commands.EndSuspension(1, scene.world.clock(), "again"))
    with pytest.raises(IllegalMove):
        scene.confirm()
    scene.host.check_chains()


@pytest.mark.slow
def test_the_ladder_stands_still_and_goes_on_with_what_was_left(scene: Scene) -> None:
    """Suspended from hour 13 to hour 113: what was due at hour 24 is due at hour 124, and each step fires once."""
    scene.hours(13)
    early = scene.fired()
    assert "due.before_12h" in early
    scene.suspend(13, 113)
    scene.confirm()
    scene.hours(99.5)
    assert scene.fired() == early, "nothing fires while the term stands still"
    assert scene.clock().paused
    scene.hours(1)  # the watch wakes at the end by itself
    assert not scene.clock().paused
    assert "suspended" not in scene.case.flags
    assert scene.case.urgent_at == scene.clock().due_at == scene.start + 124 * HOUR
    assert scene.case.due_at == scene.start + DAY, "the statutory time itself never moves"
    assert "suspension_over" in scene.alerts()
    assert scene.fired() == early
    scene.hours(4.5)  # hour 118: six hours are left
    assert [step for step in scene.fired() if step not in early] == ["due.before_6h"]
    scene.hours(6.5)
    steps = scene.fired()
    assert steps.count("due.before_12h") == 1
    assert "due.due" in steps
    scene.host.check_chains()


@pytest.mark.slow
def test_without_a_suspension_the_same_hours_are_overdue(scene: Scene) -> None:
    """The control of the test before."""
    scene.hours(118)
    assert scene.clock().late
    assert any(step.startswith("due.overdue") for step in scene.fired())
    assert scene.host.store.queries(PLATFORM).health(scene.world.clock()).overdue == 1


def test_an_order_recorded_late_gives_the_time_back_and_fires_nothing_twice(scene: Scene) -> None:
    scene.hours(13)
    early = scene.fired()
    scene.suspend(2, 10)  # it is over before anybody heard of it
    scene.confirm()
    assert not scene.clock().paused
    assert scene.clock().due_at == scene.start + 32 * HOUR
    scene.hours(8.5)  # hour 21.5; twelve hours were left a second time at hour 20
    assert scene.fired() == early
    scene.hours(5)  # hour 26.5
    assert [step for step in scene.fired() if step not in early] == ["due.before_6h"]


@pytest.mark.slow
def test_without_an_end_people_are_asked_now_and_then(scene: Scene) -> None:
    scene.hours(1)
    scene.suspend(0)
    scene.confirm()
    before = scene.fired()
    for _ in range(3):
        scene.world.clock.advance(7 * DAY)
        scene.host.watch()
    assert scene.alerts().count("suspension_open") == 3
    assert scene.case.urgent_at > scene.world.clock(), "it is not the most urgent of the queue"
    health = scene.host.store.queries(PLATFORM).health(scene.world.clock())
    assert (health.overdue, health.suspended) == (0, 1)
    assert health.oldest_due_at == scene.case.urgent_at

    ended = scene.world.clock() - HOUR
    scene.host.take(LEAD, scene.case.id, commands.EndSuspension(1, ended, "the court lifted its order"))
    assert scene.clock().due_at == ended + DAY
    assert scene.case.urgent_at == ended + DAY
    scene.hours(11.5)
    assert [step for step in scene.fired() if step not in before] == ["due.before_12h"]
    with pytest.raises(IllegalMove):
        scene.host.take(LEAD, scene.case.id, commands.EndSuspension(1, ended, "again"))
    scene.host.check_chains()


def test_a_suspended_case_leaves_the_front_of_the_queue_and_comes_back(scene: Scene) -> None:
    scene.world.clock.advance(HOUR)
    other = a_notice(seed=2)
    scene.host.push(other, "m-2")
    first = scene.host.store.queries(PLATFORM).cases().cases[0]
    assert first.id == scene.case.id
    scene.suspend(0, 10)
    scene.confirm()
    lease = scene.host.taking.claim(M1).result()
    assert lease is not None
    assert lease.case.notice_id == other.notice_id


def test_a_suspended_case_can_be_decided_and_is_not_late(scene: Scene) -> None:
    scene.suspend(0, 100)
    scene.confirm()
    scene.hours(50)
    scene.host.decide(proposal(refusal("1")))
    scene.host.drain()
    case = scene.case
    assert case.state == "closed"
    assert not scene.clock().late
    assert scene.clock().unpaused_due_at < (case.closed_at or 0)
    scene.host.watch()
    assert scene.case.watch_at is None


@pytest.mark.slow
def test_an_ended_case_keeps_its_suspension_when_it_is_opened_again(scene: Scene) -> None:
    scene.host.decide(proposal(refusal("1")))
    scene.host.drain()
    scene.suspend(0)
    scene.confirm()
    assert scene.case.watch_at is None
    scene.world.clock.advance(30 * HOUR)
    scene.host.take(LEAD, scene.case.id, commands.Reopen("the court asks for another look"))
    assert scene.clock().paused
    assert scene.case.urgent_at > scene.world.clock()
    scene.host.take(LEAD, scene.case.id, commands.EndSuspension(1, scene.world.clock(), "lifted"))
    assert scene.clock().due_at == scene.start + 54 * HOUR
    scene.hours(11.5)
    assert scene.fired() == []
    scene.hours(1)
    assert scene.fired() == ["due.before_12h"]


def test_an_amendment_leaves_a_suspension_as_it_is(scene: Scene) -> None:
    scene.suspend(0, 48)
    scene.confirm()
    scene.hours(3)
    scene.host.push(scene.notice.model_copy(update={"revision": 2}), "m-2")
    assert scene.clock().paused
    assert scene.case.urgent_at == scene.start + 72 * HOUR
    scene.hours(40)
    assert scene.fired() == []


def test_what_an_order_must_say(scene: Scene) -> None:
    good = commands.Suspend("court", "1", scene.start, "article 1", "a" * 64)
    for order, field in (
        (replace(good, body=""), "body"),
        (replace(good, reference=" "), "reference"),
        (replace(good, legal_basis=""), "legal_basis"),
        (replace(good, proof_sha256="g" * 64), "proof_sha256"),
        (replace(good, from_at=scene.start + 1), "from_at"),
        (replace(good, until_at=scene.start), "until_at"),
    ):
        with pytest.raises(InvalidInput) as caught:
            scene.host.take(LEGAL, scene.case.id, order)
        assert (caught.value.field, bool(caught.value.remedy)) == (field, True)
    with pytest.raises(NotAllowed):
        scene.host.take(M1, scene.case.id, good)
    scene.host.take(LEGAL, scene.case.id, good)
    for number, at, field in ((2, scene.start, "number"), (1, scene.start + 1, "ended_at"), (1, 5, "ended_at")):
        with pytest.raises(InvalidInput) as caught:
            scene.host.take(LEGAL, scene.case.id, commands.EndSuspension(number, at, "why"))
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("forged", "named"),
    [("due_at = due_at + 60", "another due_at"), ("flags = ''", "another flags")],
)
def test_a_pause_that_nobody_recorded_is_found(scene: Scene, forged: str, named: str) -> None:
    scene.host.take(
        LEAD,
        scene.case.id,
        a_contest(scene.start),
    )
    scene.suspend()
    scene.confirm()
    records = scene.host.store.queries(PLATFORM).records
    assert proofs.check(records(scene.case.id)) == ()
    with closing(choose_driver().module.connect(scene.world.path)) as raw:
        unguard(raw)
        raw.execute(f"UPDATE cases SET {forged}")  # noqa: S608  a text of this file
        raw.commit()
    found = [fault.what for fault in proofs.check(records(scene.case.id))]
    assert any(named in what for what in found), found


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 12), marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_random_order_of_suspensions_fires_no_step_twice_and_none_early(tmp_path: Path, seeds: range) -> None:
    """Whatever is recorded, confirmed and ended: each step fires at most once, and never before its share of the term
    has run."""
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        scene, chance = Scene(folder), random.Random(seed)
        pages: list[str] = []
        for _ in range(40):
            scene.hours(chance.choice((0.5, 1, 3)))
            now_h = (scene.world.clock() - scene.start) / HOUR
            try:
                if chance.random() < 0.3:
                    begin = chance.uniform(0, now_h)
                    scene.suspend(begin, chance.choice((None, begin + chance.uniform(0.5, 20))))
                if chance.random() < 0.3:
                    scene.confirm(chance.randint(1, 4))
                if chance.random() < 0.3:
                    number, back = chance.randint(1, 4), chance.choice((0, 0, 1800))
                    scene.host.take(
                        LEAD, scene.case.id, commands.EndSuspension(number, scene.world.clock() - back, "lifted")
                    )
            except ComplianceError:
                continue
        events = scene.host.records(scene.case.id).stream.events
        for on in events:
            if isinstance(on.event, Escalated):
                pages += on.event.steps
        assert len(pages) == len(set(pages)), (seed, pages)
        assert pages, seed
        scene.host.check_chains()


def test_a_second_suspension_leaves_the_time_to_lift_as_it_was_planned(tmp_path: Path) -> None:
    scene = Scene(tmp_path, items=2)
    host = scene.host
    host.world.platform.faults += [
        lambda effect: Failed("busy") if effect.item_id == "2" or effect.version > 1 else None
    ] * 9
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    scene.suspend(until_h=0.1)
    scene.confirm()
    host.push(builders.cancellation(scene.notice, "withdrawn", ("1",)), "m-2")
    planned = scene.case.watch_at
    scene.world.clock.advance(HOUR // 5)
    scene.suspend(from_h=0.15)
    scene.confirm(2)
    assert (scene.case.state, scene.case.watch_at) == (CaseState.LIFTING, planned)
