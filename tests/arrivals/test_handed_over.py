"""A demand for user data that was handed over: nothing that was worded before leaves after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from tests.arrivals.demands import marked_later
from tests.scene import LEGAL, Host, World


@pytest.mark.parametrize("handed_over", [True, False])
def test_a_question_that_waits_to_leave_stays(tmp_path: Path, handed_over: bool) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    case = marked_later(host, CaseState.AWAITING_ANSWER, 1)
    if handed_over:
        assert host.take(LEGAL, case.id, commands.ReferDemand("filed with counsel")).state is CaseState.CLOSED
    host.drain()
    left = {one.kind: one.state for one in host.records(case.id).messages if one.kind != "page"}
    control = {"acknowledgement": "done", "clarification": "done"}
    assert left == ({**control, "clarification": "void"} if handed_over else control)
    host.check_chains()
    host.store.close()
