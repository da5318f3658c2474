"""A clock that is set while cases run: every step of the ladder comes at its true time, and people are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from kz_compliance_sdk.adapters.sql.rows import lease_row
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.config.sections import RetentionSettings
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.change import EndpointState, OutboxMessage
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.services import deadlines
from kz_compliance_sdk.services.deadlines import follow_clock
from kz_compliance_sdk.services.health import health_document
from kz_compliance_sdk.services.privacy import Privacy
from tests.case_makers import a_notice, measure, planted_row, proposal
from tests.clock.__main__ import main
from tests.clock.stepped import Act, H, Run, acts_of, faults, run
from tests.scene import M1, PLATFORM, FakePlatform, Host, World
from tests.store.conftest import raw

DAY = 24 * H
AHEAD = 25 * H
SEEDS = 200
TEN_MINUTES = [Act(0, notice=1), Act(2 * H, by=AHEAD), Act(2 * H + 600, by=-AHEAD)]


def reasons(came: Run, since: int, until: int) -> list[str]:
    return [reason for at, reason in came.alerts if since <= at < until]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 382))])
@pytest.mark.slow
def test_every_step_comes_at_its_true_time(tmp_path: Path, seed: int) -> None:
    """Of the last one the second notice comes while the host is down: it is received when the host is up again."""
    assert list(faults(run(tmp_path, acts_of(seed)))) == []


@pytest.mark.slow(takes_s=10)
@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_step_comes_at_its_true_time_whatever_is_done_to_the_clock(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert list(faults(run(folder, acts_of(seed)))) == [], f"seed {seed}"


@pytest.mark.slow
def test_the_campaign_says_what_came_of_its_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--seed", "400"]) == 0
    assert capsys.readouterr().out.endswith(" 0 faults\n")


@pytest.mark.slow
def test_nobody_is_paged_in_time_where_nobody_looks_at_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the look, ten minutes a day ahead take every page of the true deadline away."""
    monkeypatch.setattr(deadlines, "step_between", lambda _last, _now: None)
    found = list(faults(run(tmp_path, TEN_MINUTES)))
    assert any("due.due did not come" in one for one in found), found


@pytest.mark.slow
def test_ten_minutes_a_day_ahead_take_no_page_away(tmp_path: Path) -> None:
    came = run(tmp_path, TEN_MINUTES)
    assert list(faults(came)) == []
    assert reasons(came, 2 * H, 3 * H) == ["unsure.due.overdue.3", "clock_stepped", "clock_stepped"]
    assert reasons(came, 22 * H, 25 * H) == ["again.due.before_2h", "again.due.before_30m", "again.due.due"]


@pytest.mark.slow
def test_ten_days_ahead_for_hours_take_no_page_away(tmp_path: Path) -> None:
    """The deadline passes while the clock is wrong, and comes all the same."""
    acts = [Act(0, notice=1), Act(20 * H, by=10 * DAY), Act(27 * H, by=-10 * DAY)]
    came = run(tmp_path, acts)
    assert list(faults(came)) == []
    assert "again.due.due" in reasons(came, 24 * H, 24 * H + 60)


@pytest.mark.slow
def test_a_host_that_started_with_its_clock_ahead_fires_again_once_that_is_known(tmp_path: Path) -> None:
    """Nobody can know it when it starts: the ladder runs on ahead. What it told is told again at its time."""
    acts = [Act(0, notice=1), Act(2 * H, by=AHEAD, down=120, anew=True), Act(3 * H, by=-AHEAD)]
    came = run(tmp_path, acts)
    (fired,) = came.fired.values()
    right = {step: one.at for one in fired if one.at > 3 * H for step in one.steps}
    for step, at in {
        "due.before_12h": 12 * H,
        "due.before_6h": 18 * H,
        "due.before_30m": 23.5 * H,
        "due.due": DAY,
    }.items():
        assert at <= right[step] <= at + 60
    assert reasons(came, DAY, DAY + 60) == ["again.due.due"]


def test_a_case_that_was_received_on_a_wrong_clock_says_so(tmp_path: Path) -> None:
    """Its stored times are a day off, and nothing moves them. Its ladder follows the time that passed."""
    world = World(tmp_path / "desk.sqlite3")
    host, clock, env = Host(world), world.clock, world.env()
    follow_clock(host.store, PLATFORM, host.policy, env)
    clock.step(AHEAD)
    follow_clock(host.store, PLATFORM, host.policy, env)
    notice = a_notice(seed=1)
    host.push(notice, "m-1")
    was = host.case(notice.notice_id)
    clock.advance(600)
    clock.step(-AHEAD)
    assert follow_clock(host.store, PLATFORM, host.policy, env) == -AHEAD
    case = host.case(notice.notice_id)
    assert (case.received_at, case.due_at) == (was.received_at, was.due_at)
    assert was.watch_at is not None
    assert (case.clock_shift_s, case.watch_at) == (-AHEAD, was.watch_at - AHEAD)
    assert "clock_stepped" in case.flags
    assert "clock_stepped" not in was.flags
    assert host.history(case.id)[-1] == "clock_stepped"
    assert follow_clock(host.store, PLATFORM, host.policy, env) == 0, "it is done once"
    host.check_chains()
    host.store.close()


# ------------------------------------------------------------------------------------- what else was planned


class Desk:
    """One decided case whose undo window runs, on a clock that can be set."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "desk.sqlite3")
        self.world.policy = self.world.policy.model_copy(update={"undo_window_s": 300})
        self.host, self.clock = Host(self.world), self.world.clock
        self.platform: FakePlatform = self.world.platform
        self.env = self.world.env()
        self.host.push(a_notice(seed=1), "m-1")
        self.look()

    def look(self) -> int:
        return follow_clock(self.host.store, PLATFORM, self.host.policy, self.env)

    def messages(self) -> dict[str, OutboxMessage]:
        (case,) = self.host.cases()
        return {message.kind: message for message in self.host.records(case.id).messages}

    def set(self, by: int) -> None:
        self.clock.advance(5)
        self.clock.step(by)
        assert self.look() == by


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("by", [AHEAD, 120, -120, -AHEAD])
def test_an_undo_window_stays_as_long_as_it_was(desk: Desk, by: int) -> None:
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    desk.look()
    desk.set(by)
    desk.host.drain()
    assert desk.platform.calls == []
    desk.clock.advance(294)
    desk.host.drain()
    assert desk.platform.calls == []
    desk.clock.advance(2)
    desk.host.drain()
    assert len(desk.platform.calls) == 1


@pytest.mark.parametrize("by", [AHEAD, -AHEAD])
def test_a_lease_of_a_case_keeps_what_was_left_of_it(desk: Desk, by: int) -> None:
    lease = desk.host.taking.claim(M1).result()
    assert lease is not None
    left = (lease.case.lease_expires_at or 0) - desk.clock()
    desk.look()
    desk.set(by)
    (case,) = desk.host.cases()
    assert case.lease_expires_at == desk.clock() + left - 5
    desk.host.take(M1, case.id, commands.Renew(lease.token))


@pytest.mark.parametrize("by", [AHEAD, -AHEAD])
def test_a_message_that_nobody_recorded_a_result_of_is_taken_up_when_its_lease_is_over(desk: Desk, by: int) -> None:
    assert desk.host.delivery.lease(8), "and its process dies"
    desk.look()
    desk.set(by)
    assert all(message.kind == "page" for message in desk.host.delivery.lease(8)), "its lease still runs"
    desk.clock.advance(120)
    assert "acknowledgement" in {message.kind for message in desk.host.delivery.lease(8)}


def test_what_is_to_be_tried_again_is_tried_again_after_the_clock_went_back(desk: Desk) -> None:
    desk.world.regulator.faults = [lambda _message: (_ for _ in ()).throw(OSError("down"))] * 6
    for _ in range(6):
        desk.clock.advance(900)
        desk.look()
        desk.host.drain()
    state = desk.host.store.submit(PLATFORM, lambda tx: ((), tx.known(EndpointState, "regulator"))).result()
    assert state.open_until > desk.clock(), "it is left alone for a while"
    desk.world.regulator.faults = []
    desk.set(-10 * DAY)
    desk.clock.advance(900)
    desk.host.drain()
    assert desk.messages()["acknowledgement"].state == "done"


def health(desk: Desk) -> dict[str, Any]:
    return health_document(desk.host.store.queries(PLATFORM).health(desk.clock()), desk.clock())


def test_a_watcher_that_is_silent_is_so_whatever_the_clock_says(desk: Desk) -> None:
    desk.host.watch()
    assert "watcher_silent" not in health(desk)["attention"]
    desk.clock.step(-AHEAD)
    assert "watcher_silent" in health(desk)["attention"], "it cannot have run in the future"
    desk.look()
    assert "watcher_silent" not in health(desk)["attention"]
    desk.clock.advance(301)
    assert "watcher_silent" in health(desk)["attention"]


def test_health_tells_of_a_clock_that_was_set_for_a_day(desk: Desk) -> None:
    assert "clock_stepped" not in health(desk)["attention"]
    desk.set(AHEAD)
    assert "clock_stepped" in health(desk)["attention"]
    assert health(desk)["clock_stepped"] == {"at": instant_text(desk.clock()), "by": "+90000 s"}
    desk.clock.advance(DAY + 1)
    assert "clock_stepped" not in health(desk)["attention"]


def test_a_checkpoint_is_due_that_was_made_on_a_clock_ahead(desk: Desk) -> None:
    desk.clock.step(10 * DAY)
    assert desk.host.proof.run() is not None
    desk.clock.step(-10 * DAY)
    desk.host.push(a_notice(seed=2), "m-2")
    assert desk.host.proof.run() is not None


@pytest.mark.parametrize(("by", "wrong"), [(10 * DAY, 10 * DAY), (-10 * DAY, 0)])
def test_nothing_is_erased_on_a_clock_that_may_be_ahead(desk: Desk, by: int, wrong: int) -> None:
    """What was destroyed too early does not come back: the earlier of the two readings counts."""
    privacy = Privacy(desk.host.store, PLATFORM, RetentionSettings().retention())
    desk.set(by)
    assert privacy.retention(dry_run=True).at == desk.clock() - wrong
    desk.set(-by)
    assert privacy.retention(dry_run=True).at == desk.clock()


@pytest.mark.writes_by_itself
def test_a_day_until_which_a_user_must_not_be_told_stays_that_day(desk: Desk) -> None:
    (case,) = desk.host.cases()
    day = desk.clock() + DAY
    store = cast("SqliteStore", desk.host.store)
    told = OutboxMessage("m", PLATFORM, case.id, "user_notice", "messenger", b"{}", desk.clock(), day, deadline_at=day)
    ((number,),) = raw(store, "SELECT stream FROM cases")
    for table, row in (("outbox", planted_row(number, told)), ("leases", lease_row(number, told))):
        raw(store, f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608
    for by in (AHEAD, -AHEAD, -2 * AHEAD, 2 * AHEAD):
        desk.set(by)
        ((next_at,),) = raw(store, "SELECT next_at FROM leases WHERE id = 'm'")
        assert next_at >= day
    assert next_at == day
