"""An appeal beside a decision whose undo window runs: which waits for which, and what nobody takes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.errors import IllegalMove
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about
from tests.case_makers import measure, proposal, refusal
from tests.remedies.test_appeals import SATIRE, appealed
from tests.scene import LEAD, LEGAL, M2, PLATFORM, Host, World


def _decided_anew(tmp_path: Path, *, also_held: bool = False, again: ItemDecision | None = None) -> tuple[Host, str]:
    """A case with two measures in force, of which the second is being decided anew: its undo window runs."""
    host = Host(World(tmp_path / "desk.sqlite3", policy=kz_policy()))
    notice = about("A", "B")
    for one in (about("A", seed=2), notice) if also_held else (notice,):
        host.push(one, f"m-{one.notice_id}")
        host.decide(proposal(*(measure(item.item_id) for item in one.items)))
        host.world.clock.advance(host.policy.undo_window_s)
        host.drain()
    answer = builders.clarification(notice, "ask").model_copy(update={"items": notice.items[1:]})
    host.push(answer, "m-answer")
    host.decide(proposal(again or measure("2", "label")), M2)
    return host, host.case(notice.notice_id).id


def test_an_appeal_waits_for_a_later_decision_whose_undo_window_runs(tmp_path: Path) -> None:
    host, case_id = _decided_anew(tmp_path)
    one = appealed(host, case_id, "2")
    for outcome, wording in (("uphold", None), ("reverse", SATIRE)):
        with pytest.raises(IllegalMove, match="under way"):
            host.take(
                LEGAL,
                host.appeals.case_of(one.appeal_id),
                commands.DecideAppeal(one.appeal_id, outcome, "now", wording),  # type: ignore[arg-type]
            )
    host.take(M2, case_id, commands.Undo())
    host.decide(proposal(measure("2", "label")), M2)
    host.world.clock.advance(host.policy.undo_window_s)
    host.drain()
    assert (
        host.take(
            LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "it stays")
        ).state
        == "upheld"
    )


@pytest.mark.slow
def test_what_an_appeal_decided_is_not_undone_and_the_refusal_says_what_can_be_done(tmp_path: Path) -> None:
    host, case_id = _decided_anew(tmp_path, also_held=True)
    one = appealed(host, case_id, "1")
    host.world.clock.advance(host.policy.undo_window_s)
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    case = host.store.queries(PLATFORM).case(case_id)
    assert (case.state, case.items[0].status, case.items[1].status) == (CaseState.DECIDED, "kept", "decided")
    with pytest.raises(IllegalMove, match=r"an appeal.*once the case is closed, reopen it"):
        host.take(M2, case_id, commands.Undo())
    host.drain()
    assert host.take(LEAD, case_id, commands.Reopen("the label was wrong")).state is CaseState.QUEUED
    host.check_chains()


@pytest.mark.slow
@pytest.mark.parametrize("again", [measure("2", "label"), refusal("2")], ids=["a measure", "its end"])
@pytest.mark.parametrize("also_held", [False, True])
def test_a_reversal_leaves_the_undo_window_of_another_item_its_time(
    tmp_path: Path, again: ItemDecision, also_held: bool
) -> None:
    host, case_id = _decided_anew(tmp_path, also_held=also_held, again=again)
    one = appealed(host, case_id, "1")
    host.world.clock.advance(host.policy.undo_window_s - 1)
    with pytest.raises(IllegalMove, match="can still be taken back"):
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
        )
    host.take(M2, case_id, commands.Undo())
    host.decide(proposal(again), M2)
    host.world.clock.advance(host.policy.undo_window_s)
    assert (
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
        ).state
        == "reversed"
    )
    host.drain()
    assert host.store.queries(PLATFORM).case(case_id).state is CaseState.CLOSED
    host.check_chains()


def test_an_answer_without_a_measure_keeps_its_undo_window_too(tmp_path: Path) -> None:
    """Nothing is carried out of it but its report, which a reversal would have sent at once."""
    host = Host(World(tmp_path / "desk.sqlite3", policy=kz_policy()))
    held = about("A", seed=2)
    host.push(held, "m-held")
    host.decide(proposal(measure("1")))
    host.push(about("A"), "m-1")
    host.decide(proposal(measure("1")))
    host.world.clock.advance(host.policy.undo_window_s)
    host.drain()
    answer = builders.clarification(about("A"), "ask").model_copy(update={"items": about("A", "B").items[1:]})
    host.push(answer, "m-answer")
    host.decide(proposal(refusal("2")), M2)
    case_id = host.case(about("A").notice_id).id
    one = appealed(host, case_id, "1")
    with pytest.raises(IllegalMove, match="can still be taken back"):
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
        )
    assert host.take(M2, case_id, commands.Undo()).state is CaseState.QUEUED
