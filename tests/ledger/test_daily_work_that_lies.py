# ruff: noqa: S608  every statement is made of names in this file
"""What somebody writes into the lines of daily work costs a repeat or an alert, as the closed list says: it ends none
of that work, in silence least of all.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.services.polling import FAILING, FEED, SEQUENCE, UNREAD
from kz_compliance_sdk.services.sweep import Swept
from tests.driver import HOUR, Driver
from tests.ledger.otherwise import attack

pytestmark = pytest.mark.writes_by_itself
STRANGE = "x", "", "9" * 5_000, "-1", "1e999", '["a", "b", "c"]', "[1, 2, 1e999]", "null"


def worked(tmp_path: Path) -> Driver:
    """An office whose machinery has run once."""
    office = Driver(tmp_path)
    office.issue()
    office.deliver()
    office.watch()
    office.desk.poll()
    assert office.desk.sweep() == Swept(1), "the control: untouched"
    return office


@pytest.mark.parametrize("said", STRANGE)
def test_the_sweep_goes_on_whatever_its_line_remembers(tmp_path: Path, said: str) -> None:
    """A text of three characters ended the sweep of every host for good, and with it all that it finds."""
    office = worked(tmp_path)
    attack(office, "UPDATE heartbeats SET detail = ? WHERE part = 'sweeper'", said)
    attack(office, "UPDATE cases SET state = 'closed', closed_at = 1")
    mended: tuple[str, ...] = ()
    with suppress(ValueError):
        mended = office.desk.sweep().mended
    assert mended
    office.deliver()
    assert "row_mended" in office.pages()


@pytest.mark.parametrize("said", STRANGE)
@pytest.mark.parametrize("line", [SEQUENCE, FAILING, UNREAD])
def test_the_feed_is_read_whatever_its_lines_remember(tmp_path: Path, line: str, said: str) -> None:
    office = worked(tmp_path)
    attack(office, f"INSERT OR REPLACE INTO cursors VALUES ('{office.platform_id}', '{line}', ?, 1)", said)
    asked: list[str] = []
    fetch = office.regulator.fetch

    def noted(after: str, limit: int) -> Any:
        asked.append(after)
        return fetch(after, limit)

    office.regulator.fetch = noted  # type: ignore[method-assign]
    office.desk.poll()
    assert asked


@pytest.mark.parametrize("column", ["heartbeats.at", "cases.due_at", "leases.next_at"])
def test_a_time_that_no_calendar_has_keeps_nobody_from_looking(tmp_path: Path, column: str) -> None:
    office = worked(tmp_path)
    case = office.issue(2)
    table, _, name = column.partition(".")
    attack(office, f"UPDATE {table} SET {name} = 4503599627370496")
    assert office.health()["status"] in ("ok", "attention")
    assert office.case(case)["case"] == case
    office.wait(HOUR)
    office.watch()


def test_a_cursor_that_was_set_ahead_costs_what_the_docs_say(tmp_path: Path) -> None:
    """The control: these lines are read, and the feed's own is believed."""
    office = worked(tmp_path)
    attack(office, f"INSERT OR REPLACE INTO cursors VALUES ('{office.platform_id}', '{FEED}', 'ahead', 1)")
    asked: list[str] = []
    fetch = office.regulator.fetch

    def noted(after: str, limit: int) -> Any:
        asked.append(after)
        return fetch(after, limit)

    office.regulator.fetch = noted  # type: ignore[method-assign]
    office.desk.poll()
    assert asked == ["ahead"]
