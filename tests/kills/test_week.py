"""The simulated week, short enough for every night, and the sides that are wrong on purpose and must be found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from kz_compliance_sdk.testing.mock_regulator.agenda import FaultKind
from tests.kills.week.checking import run
from tests.kills.week.run import Outcome, Variant, Week

pytestmark = pytest.mark.slow
SHORT = Week(seed=4, notices=40, pass_s=1_800)


def _lived(folder: Path, week: Week) -> Outcome:
    folder.mkdir()
    return run(week, folder)


def test_in_a_week_with_every_fault_both_sets_of_books_agree(tmp_path: Path) -> None:
    outcome = _lived(tmp_path / "week", SHORT)
    assert outcome.faults == ()
    figures = outcome.figures
    assert figures["hours"] >= 168
    assert figures["cases"] == figures["notices"] == 40
    # A fault that did not strike has tested nothing.
    assert [kind for kind in get_args(FaultKind) if not figures.get(f"struck_{kind}")] == []
    assert figures["send_unknown"] > 0
    assert figures["look_ups"] > 0
    assert figures["sanctions"] > 0
    assert figures["pushes_under_a_revoked_key"] > 0


@pytest.mark.parametrize("hosts", [2, 3])
def test_books_agree_when_hosts_share_the_store_and_workers_fall_asleep_beyond_their_leases(
    tmp_path: Path, hosts: int
) -> None:
    outcome = _lived(tmp_path / "week", replace(SHORT, hosts=hosts))
    assert outcome.faults == ()
    assert outcome.figures["woke_late"] > 0
    assert outcome.figures["cases"] == 40


def test_the_same_seed_gives_the_same_week(tmp_path: Path) -> None:
    week = replace(SHORT, notices=10, pass_s=7_200, profile="rfc9421")
    one, two = (_lived(tmp_path / name, week) for name in ("one", "two"))
    assert one == two
    assert one.faults == ()
    assert _lived(tmp_path / "three", replace(week, seed=5)).figures != one.figures


@pytest.mark.writes_by_itself  # broken code does what no event tells
@pytest.mark.parametrize(
    ("variant", "hosts", "says"),
    [
        ("never_looks_up", 1, "sent again, though it may have arrived"),
        ("believes_any_receipt", 1, "receipt believed here"),
        ("fresh_ids", 1, "in the regulator's books and not in ours"),
        ("fresh_ids", 2, "in the regulator's books and not in ours"),
        ("loses_a_report", 1, "in our books and not in the regulator's"),
    ],
)
def test_a_side_that_is_wrong_is_found(tmp_path: Path, variant: Variant, hosts: int, says: str) -> None:
    """The control: the very same week, with one thing wrong. That workers heed no lease is none: of what comes back too
    late the chain takes nothing a second time, and the books agree."""
    outcome = _lived(tmp_path / "week", replace(SHORT, variant=variant, hosts=hosts))
    assert [fault for fault in outcome.faults if says in fault], outcome.faults
