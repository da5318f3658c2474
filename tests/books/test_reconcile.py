"""Our books beside the regulator's: whatever differs is named, with a remedy, and nothing else is."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import copies
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.assembly import master_keys
from kz_compliance_sdk.errors import ConfigError, RegulatorError
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.services.reconcile import REMEDIES
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.books import Alteration
from kz_compliance_sdk.testing.office import Office
from tests.books.scene import OF_ALL, Scene, alter, campaign, scene
from tests.unguarded import unguard

DAY_S = 86_400


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path / "desk.sqlite3") as made:
        yield made


@pytest.mark.slow
def test_books_that_are_alike_have_no_difference(office: Scene) -> None:
    office.issue(1)
    office.issue(2, decide=False)
    office.issue(3, amended=True)
    office.regulator.announce_sanction(builders.sanction(1))
    typed = builders.notice(9, category="illegal_gambling")
    office.desk.enter(Office.lead, typed, office.clock() - 60, "a letter")
    office.read()
    office.settle()
    compared = office.desk.reconcile()
    assert (compared.messages, compared.notices, compared.differences) == (5, 4, ())


def test_what_is_under_way_is_no_difference(office: Scene) -> None:
    notice = office.issue(1)
    assert office.differences() == set()
    office.settle()
    assert office.regulator.books.notices[notice].recorded
    assert office.differences() == set()


@pytest.mark.slow
@pytest.mark.parametrize("how", OF_ALL)
def test_each_difference_is_named_with_a_remedy(office: Scene, how: Alteration) -> None:
    office.issue(1)
    notice = office.issue(2, amended=True)
    office.regulator.announce_sanction(builders.sanction(1))
    office.read()
    office.settle()
    wanted = alter(office, how, notice, random.Random(1))
    assert office.differences() == {wanted}
    (one,) = office.found()
    assert one.remedy == REMEDIES[one.code] != ""
    assert one.case_id == (office.case(notice) if one.notice_id else "")


@pytest.mark.slow
def test_books_altered_in_many_ways_are_told_apart(tmp_path: Path) -> None:
    wanted, found = campaign(tmp_path, 20, 14, 1, lambda _text: None)
    assert found == wanted
    assert len({code for code, *_ in wanted}) > 4


@pytest.mark.slow
def test_a_message_that_the_feed_had_all_along_is_taken_in(office: Scene) -> None:
    office.issue(1)
    late = builders.notice(2, category="illegal_gambling", expert_group_decision=None)
    message = office.regulator.issue(late, in_feed=False)
    books = office.regulator.books
    first = books.feed[0]
    books.feed[:1] = [replace(message, sequence=first.sequence), replace(first, sequence=first.sequence + 1)]
    assert office.differences() >= {("not_received", late.notice_id, message.id)}
    office.settle()
    assert office.desk.case(office.case(late.notice_id)).received_at == office.clock()
    assert office.differences() == set()


def test_a_message_that_was_not_read_yet_is_none_that_was_lost(office: Scene) -> None:
    office.issue(1)
    office.settle()
    late = builders.notice(2, category="illegal_gambling")
    office.regulator.issue(late)
    assert office.differences() == set()
    assert office.case(late.notice_id), "it was taken in all the same"


def test_reading_the_feed_again_counts_nothing_as_sent_again(office: Scene) -> None:
    notice = office.issue(1, decide=False)
    before = office.desk.case_file(office.case(notice)).inbox
    office.differences()
    assert office.desk.case_file(office.case(notice)).inbox == before


@pytest.mark.slow
def test_a_restored_copy_says_what_the_regulator_holds_beyond_it(tmp_path: Path) -> None:
    path, copy = tmp_path / "desk.sqlite3", tmp_path / "copy.sqlite3"
    with scene(path) as before:
        first, second = before.issue(1), before.issue(2, decide=False)
        before.settle()
        copies.back_up(choose_driver(), str(path), str(copy), lambda _done, _of: None)
        Office(before.desk).decide(case_id=before.case(second))
        third = before.issue(3)
        before.settle()
        settings = before.desk.settings
        reported = {before.key(second), before.key(third)}
    keys = master_keys(settings), settings.privacy.ledger_keys()
    copies.restore(choose_driver(), str(copy), str(path), f"{path}.mark", *keys, lambda _done, _of: None)
    with scene(path, before.clock, before.regulator) as after:
        found = after.found()
        about = {one.about for one in found if one.code == "not_sent_by_us"}
        assert about == reported
        assert first not in {one.notice_id for one in found}
        assert after.case(third), "it was made whole from the feed"
        after.read()
        after.settle()
        for notice in (second, third):
            Office(after.desk).decide(case_id=after.case(notice))
        after.settle()
        # The same decision goes out under the same id; that its bytes name another time is for a person.
        assert {one.code for one in after.found()} <= {"recorded_otherwise"}


@pytest.mark.slow
def test_people_are_alerted_once_where_a_clock_runs(office: Scene) -> None:
    closed, running = office.issue(1), office.issue(2, decide=False)
    office.settle()

    def alerted() -> int:
        office.settle()
        return sum(line.reason == "books_differ" for one in office.told for line in one.lines)

    office.regulator.alter("other_receipt", office.key(closed))
    office.differences()
    assert alerted() == 0, "its case is closed: no clock runs"
    office.regulator.alter("forget_notice", running)
    office.differences()
    assert alerted() == 1
    office.differences()
    assert alerted() == 1
    office.regulator.alter("invent_sanction", "S-new")
    office.differences()
    assert alerted() == 2
    office.regulator.alter("forget_sanction", "S-new")
    office.differences()
    assert alerted() == 2, "that one is gone is nothing new"


def test_a_worker_compares_once_a_day(office: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    reconcile = office.desk.reconcile

    def counted(*given: Any) -> None:
        compared.append(office.clock())
        reconcile(*given)

    monkeypatch.setattr(office.desk, "reconcile", counted)
    workers = [Worker(office.desk), Worker(office.desk)]
    began = office.clock()
    for hours in (0, 1, 23, 1):
        office.clock.advance(hours * 3600)
        for worker in workers:
            worker._compare_books()
    assert compared == [began, began + DAY_S]


@pytest.mark.slow
def test_a_worker_that_is_stopped_ends_in_the_midst_of_comparing(
    office: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 6):
        office.issue(n)
    office.settle()
    worker, asked = Worker(office.desk), list[str]()
    held = office.desk.regulator.held  # type: ignore[union-attr]

    def counted(notice_id: str) -> Any:
        asked.append(notice_id)
        worker.stop()
        return held(notice_id)

    monkeypatch.setattr(office.desk.regulator, "held", counted)
    worker._compare_books()
    assert len(asked) == 1
    monkeypatch.undo()
    assert office.differences() == set()


def test_what_cannot_be_used_is_named_all_the_same(office: Scene) -> None:
    office.issue(1)
    office.settle()
    books = office.regulator.books
    first = books.feed[0]
    odd = [b"not json", b"{}", b"[]", b'{"data":[]}', b'{"id":5,"data":{"notice_id":5}}']
    for n, body in enumerate(odd):
        books.feed.insert(0, replace(first, id=f"odd-{n}", body=body, sequence=first.sequence))
    found = office.found()
    assert [one.code for one in found] == ["not_received"] * len(odd)
    assert office.differences() == set()


def break_chain(office: Scene, notice_id: str) -> None:
    """Let somebody change an event of a case in the database."""
    case = office.case(notice_id)
    with closing(choose_driver().module.connect(office.desk.settings.store.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute(
            "UPDATE events SET content = x'00' WHERE seq = 2 AND stream = (SELECT n FROM streams WHERE name = ?)",
            (f"case/{case}",),
        )


@pytest.mark.slow
def test_a_case_whose_chain_is_broken_holds_up_no_other(office: Scene) -> None:
    """What can be said of it the audit says: nothing of it can be compared."""
    broken, other = office.issue(1), office.issue(2)
    office.settle()
    key = office.key(other)
    break_chain(office, broken)
    assert office.differences() == set()
    office.regulator.alter("other_receipt", key)
    assert {one.notice_id for one in office.found()} == {other}


def test_the_feed_does_not_end_at_a_message_about_a_case_whose_chain_is_broken(office: Scene) -> None:
    broken = office.issue(1, decide=False)
    office.settle()
    break_chain(office, broken)
    office.regulator.amend(builders.notice(1, revision=2, category="illegal_gambling", expert_group_decision=None))
    later = office.issue(2)
    assert office.desk.case(office.case(later)).state == "decided"
    (aside,) = office.desk.cases(state="quarantined").cases
    office.settle()
    assert {"quarantine.intake_fault", "case_unreadable"} <= {
        one.reason for alert in office.told for one in alert.lines
    }
    assert office.desk.case_file(aside.id).inbox[0].body.count(broken.encode()) > 0, "it is not lost"


def test_every_difference_stands_in_the_operators_page() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    table = page.partition("| Difference | Means |")[2].partition("\n\n")[0]
    named = "".join(row.split(" | ")[0] for row in table.splitlines())
    assert sorted(re.findall(r"`(\w+)`", named)) == sorted(REMEDIES)


def test_books_that_cannot_be_read_are_no_difference(office: Scene) -> None:
    office.issue(1)
    office.settle()
    office.regulator.outage(on=True)
    with pytest.raises(RegulatorError):
        office.found()
    office.regulator.outage(on=False)
    assert office.differences() == set()


def test_a_desk_without_a_regulator_says_what_is_missing(office: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office.desk, "regulator", None)
    with pytest.raises(ConfigError, match="shows its books"):
        office.desk.reconcile()
