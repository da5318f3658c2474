"""A case that was erased and is decided anew counts for what was decided then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands, proofs
from kz_compliance_sdk.services import outcomes
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.figures.tallies import tallies_of
from tests.privacy.test_retention import Desk
from tests.remedies.test_appeals import appealed, removed
from tests.scene import LEGAL, PLATFORM, Host
from tests.store.conftest import raw


def counted(desk: Desk) -> list[list[object]]:
    ((facts,),) = raw(desk.store, "SELECT facts FROM tallies")
    found: list[list[object]] = json.loads(facts)["items"]
    return [item[1:4] for item in found]


def test_a_new_revision_after_the_erasure_is_counted_by_its_own_decision(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3")
    notice = a_notice()
    desk.host.push(notice, "m-1")
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    desk.later(1200)
    assert len(desk.privacy.retention().cases) == 1
    desk.host.drain()
    assert counted(desk) == [["removed", "local_law", ""]], "the control: the erasure itself takes nothing away"
    desk.host.push(notice.model_copy(update={"revision": 2}), "m-2")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    assert counted(desk) == [["refused", "", "not_illegal"]]
    desk.check()
    desk.store.close()


def counted_times(host: Host, case_id: str) -> int:
    return sum(on.kind == "counted" for on in host.records(case_id).stream.events)


def test_what_changes_no_figure_of_an_ended_case_counts_it_no_second_time(host: Host) -> None:
    case_id = removed(host)
    assert counted_times(host, case_id) == 1
    appeal = appealed(host, case_id)
    host.take(
        LEGAL,
        host.appeals.case_of(appeal.appeal_id),
        commands.DecideAppeal(appeal.appeal_id, "uphold", "it is what the law says"),
    )
    assert counted_times(host, case_id) == 1
    host.push(builders.reminder(a_notice()), "m-2")
    assert counted_times(host, case_id) == 2, "the control: the figures count reminders"
    host.check_chains()


def test_each_reminder_counts_once(host: Host) -> None:
    removed(host)
    for n in (1, 2):
        host.push(builders.reminder(a_notice()), f"again-{n}")
        (tally,) = tallies_of(host.store.queries(PLATFORM))
        assert json.loads(tally.facts)["events"]["remind"] == n


def test_a_case_that_ended_and_was_not_counted_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = host.store.queries(PLATFORM)
    counts = removed(host, seed=1)
    assert proofs.check(queries.records(counts)) == (), "the control"
    monkeypatch.setattr(outcomes, "with_tally", lambda _tx, change: change)
    forgotten = removed(host, name="m-2", seed=2)
    (fault,) = proofs.check(queries.records(forgotten))
    assert fault.what == "it ended, and no event counts it in the public figures"


def test_what_waited_for_its_notice_names_its_items_in_the_figures(host: Host) -> None:
    """A clarification with an item of its own, and the cancellation that ends the case, both come first."""
    notice = a_notice()
    named = notice.items[0].model_copy(update={"item_id": "9", "object_id": "o-9", "url": None})
    host.push(builders.clarification(notice, "ask-1", items=(named,)), "m-1")
    host.push(builders.cancellation(notice, "remedied"), "m-2")
    host.push(notice, "m-3")
    (kept,) = tallies_of(host.store.queries(PLATFORM))
    assert "unknown" not in {item[0] for item in json.loads(kept.facts)["items"]}
    host.check_chains()
