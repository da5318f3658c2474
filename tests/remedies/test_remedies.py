"""What can be recorded of contests, suspensions and letters, in whatever state a case is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walks.remedies_recorded import rows_of_remedies
from tests.walks.test_every_move import ROWS, moves


@pytest.mark.slow
def test_remedies_can_be_recorded_in_every_state(tmp_path: Path) -> None:
    verbs = {"contest", "settle_contest", "suspend", "confirm_suspension", "end_suspension", "dismiss_letter"}
    with moves() as rows:
        for host in rows_of_remedies(tmp_path):
            host.check_chains()
            host.store.close()
    assert {row for row in ROWS if row[1] in {*verbs, "record_undoable"}} <= rows <= ROWS
