"""How both clocks stood is told by the ledger: no row makes the host's clock one that was set, and with it silences the
ladder of every case, tells each chain of a step that never was, or puts the retention off."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.services.deadlines import time_passed
from tests.driver import DAY, HOUR, Driver
from tests.ledger.otherwise import attack

pytestmark = pytest.mark.writes_by_itself
ROW = "UPDATE heartbeats SET {} WHERE part = 'clock'"
LIES = {
    "looked at long ago": ROW.format(f"at = at - {300 * DAY}"),
    "looked at in a year": ROW.format(f"at = at + {365 * DAY}"),
    "never": "DELETE FROM heartbeats WHERE part = 'clock'",
    "on another host": ROW.format("""detail = '["other", 5.0, 0, 0, 0, 0]'"""),
    "ahead": ROW.format(f"""detail = '["start-1", 0.0, {300 * DAY}, 0, 0, 0]'"""),
    "nothing": ROW.format("detail = 'x'"),
}


def watched(office: Driver, hours: int) -> list[str]:
    """What people are told within so many hours."""
    for _ in range(hours // 2):
        office.wait(2 * HOUR)
        office.watch()
        office.deliver()
    return office.pages()


@pytest.mark.parametrize("lie", LIES)
def test_no_row_makes_a_clock_one_that_was_set(tmp_path: Path, lie: str) -> None:
    told: dict[str, list[str]] = {}
    for name in ("calm", "lied"):
        (tmp_path / name).mkdir()
        office = Driver(tmp_path / name)
        case = office.issue()
        watched(office, 2)
        if name == "lied":
            office.stop()
            attack(office, LIES[lie])
            office.start()
        told[name] = watched(office, 24)
        assert "clock_stepped" not in office.history(case)
        assert office.faults() == []
    assert told["calm"] == told["lied"]
    assert any(reason.startswith("due.") for reason in told["calm"])


def test_an_older_row_put_back_makes_no_second_step(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    watched(office, 2)
    was = office.clock()
    office.clock.step(DAY)
    office.watch()
    assert office.history(case).count("clock_stepped") == 1, "the control: it was set"
    attack(office, ROW.format(f"at = {was}"))
    office.watch()
    assert office.history(case).count("clock_stepped") == 1
    assert office.pages().count("clock_stepped") <= 1


def test_what_may_be_ahead_erases_nothing_whatever_a_row_says(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.watch()
    was = office.clock()
    office.clock.step(400 * DAY)
    office.watch()
    attack(office, "DELETE FROM heartbeats WHERE part = 'clock'")
    seen = office.desk.store.submit(office.platform_id, lambda tx: ((), time_passed(tx))).result()
    assert seen == was


def test_a_stream_of_the_clock_that_is_damaged_is_told_and_the_watch_goes_on(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.watch()
    attack(office, "UPDATE events SET at = at + 1 WHERE kind = 'clock_seen'")
    told = watched(office, 24)
    assert "case_unreadable" in told
    assert any(reason.startswith("due.") for reason in told)
    assert any("clock" in fault for fault in office.faults())
    with pytest.raises(StoreDamaged):
        office.desk.store.submit(office.platform_id, lambda tx: ((), time_passed(tx))).result()
