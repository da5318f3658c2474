"""How cases are listed, and what a notice's own text can do to a terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.testing import builders
from tests.cli_office import Office, moments_ago


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_list_is_filtered_and_paged(office: Office) -> None:
    for seed in (1, 2, 3):
        office.entered(seed)
    page = office.document("cases", "list", "--limit", "2")
    rest = office.document("cases", "list", "--limit", "2", "--cursor", page["next_cursor"])
    seen = [case["notice_id"] for case in (*page["cases"], *rest["cases"])]
    assert (len(seen), len(set(seen)), rest["next_cursor"]) == (3, 3, None)
    assert "--cursor" in office.ok("cases", "list", "--limit", "2")
    assert [case["category"] for case in office.document("cases", "list", "--category", "drugs")["cases"]] == ["drugs"]
    assert office.ok("cases", "list", "--overdue") == "No case fits.\n"
    assert "cursor" in office.refused(7, "cases", "list", "--cursor", "!")


def test_a_row_of_the_list_has_both_clocks_and_its_shape_is_stable(office: Office) -> None:
    notice = office.entered()
    (row,) = office.document("cases", "list")["cases"]
    assert set(row) == {
        "case", "notice_id", "revision", "authority_id", "reference_number", "state", "kind", "category", "source",
        "authenticity", "channel", "level", "flags", "items", "open_items", "assigned_to", "lease", "clock",
        "closed_at",
    }  # fmt: skip
    assert set(row["clock"]) == {
        "received_at", "due_at", "requested_due_at", "decide_left_s", "receipt_left_s", "late", "paused",
        "unpaused_due_at",
    }  # fmt: skip
    line = office.ok("cases", "list").splitlines()[1]
    assert line.count("23 h 58 min") == 2 or line.count("23 h 59 min") == 2
    for word in ("queued", "illegal_gambling", notice.notice_id, row["case"]):
        assert word in line
    assert "deadline_defaulted" in row["flags"]
    assert "deadline_defaulted" not in line, "a flag that nearly every case has says nothing in a list"


def at_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """What a terminal of this many columns shows."""

    def narrow(*, stderr: bool = False) -> Console:
        file = sys.stderr if stderr else sys.stdout
        return Console(file=file, width=width, no_color=True, highlight=False, markup=False, emoji=False)

    monkeypatch.setattr(screen, "console", narrow)


@pytest.mark.parametrize("width", [60, 100, *(pytest.param(other, marks=pytest.mark.slow) for other in (80, 132, 160))])
@pytest.mark.slow
def test_what_people_copy_is_never_broken_by_a_narrow_screen(
    office: Office, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    notice = office.decided(1)
    office.ok("worker", "--once")
    story = office.document("cases", "show", notice.notice_id)
    row = office.document("cases", "list")["cases"][0]
    at_width(monkeypatch, width)
    listed = office.ok("cases", "list")
    shown = office.ok("cases", "show", notice.notice_id)
    for text in (listed, shown):
        assert max(map(len, text.splitlines())) <= max(width, 64 + 4)
    for word in (notice.notice_id, row["case"], row["state"], "23 h 5"):
        assert word in listed
    for word in (
        notice.notice_id,
        story["decisions"][0]["digest"],
        *(message["message"] for message in story["messages"]),
    ):
        assert word in shown
    assert not re.search(r"^\S{20,}", shown, re.MULTILINE), "nothing is wrapped to the margin"


def test_what_is_overdue_is_listed_as_late(office: Office) -> None:
    office.entered(received="2026-11-01T00:00:00Z")
    assert " late" in office.ok("cases", "list", "--overdue")


def test_text_of_a_notice_cannot_drive_the_terminal(office: Office) -> None:
    office.ok("db", "upgrade")
    value = builders.notice(1).model_dump(mode="json", exclude_none=True)
    value["statement_of_reasons"] = [{"lang": "ru", "text": "[bold]жирно[/bold] и\n\tдальше"}]
    file = office.write("n.json", value)
    office.ok(
        "notices", "enter", "--file", file, "--received-at", moments_ago(), "--how", office.words("letter"), "--yes"
    )
    told = office.ok("cases", "show", value["notice_id"])
    assert "[bold]жирно[/bold]" in told
    assert "\t" not in told
    assert "\x1b" not in told
