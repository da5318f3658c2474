# ruff: noqa: S608  every statement is made of names in this file, and of ids
"""The rows of the cases are made anew from the ledger, whatever was done to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import rows, tables
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.running_time import steps_of
from kz_compliance_sdk.services.sweep import Swept
from tests.driver import LEAD, M1, Driver
from tests.review.test_one_account import FIRST, SECOND
from tests.scene import PLATFORM
from tests.unguarded import unguard
from tests.variants import variants

pytestmark = pytest.mark.writes_by_itself

POST = {"item_id": "p", "object_id": "post:1", "url": "https://social.example/p/1", "content_type": "post"}
OTHER = {"item_id": "q", "object_id": "post:2", "content_type": "post"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path)
    yield made
    made.desk.close()


def sql(office: Driver, statement: str, *values: object) -> list[Any]:
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        return list(raw.execute(statement, values).fetchall())


def rich(office: Driver) -> str:
    """A case of which every kind of word is held: items of which one was taken over by another object, a contest, a
    suspension, a clock that was set."""
    notice, case = office.notice(1, [POST, OTHER]), office.issue(1, [POST, OTHER])
    office.decide(case, by=FIRST)
    office.deliver()
    office.contest(LEAD, case)
    office.suspend(FIRST, case)
    office.confirm_suspension(SECOND, case)
    office.amend(notice, items=[{**POST, "object_id": "post:3"}, OTHER])
    office.claim(M1, case)
    return case


def held(office: Driver, case: str) -> Case:
    return office.desk.store.queries(PLATFORM).case(case)


def without_plan(case: Case) -> Case:
    """A case but for when it is watched, its place in the queue, and how far its chain was read."""
    return case.but(urgent_at=0, watch_at=None, running_watch_at=None, version=0)


COLUMNS = [one.name for one in tables.cases.columns if one.name not in ("stream", "platform_id")]
NOT_READ: dict[str, list[object]] = {
    "revision": ["x", 7],
}
"""What makes a row that nobody can read."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str, int]:
    """The file of an office with a rich case, that case, and when it was."""
    office = Driver(tmp_path_factory.mktemp("begun"))
    case = rich(office)
    office.desk.sweep()
    office.stop()
    return office.path.read_bytes(), case, office.clock()


@pytest.mark.parametrize("column", variants({name: name for name in COLUMNS}, *NOT_READ, "state", "due_at"))
@pytest.mark.slow
def test_whatever_stands_in_a_column_the_row_is_made_anew(
    begun: tuple[bytes, str, int], tmp_path: Path, column: str
) -> None:
    file, case, at = begun
    (tmp_path / "desk.sqlite3").write_bytes(file)
    office = Driver(tmp_path)
    office.wait(at - office.clock())
    before = held(office, case)
    ((was,),) = sql(office, f"SELECT {column} FROM cases WHERE id = ?", case)
    for lie in NOT_READ.get(column, ["another" if isinstance(was, str) else 7_000_000_000]):
        sql(office, f"UPDATE cases SET {column} = ? WHERE id = ?", lie, case)
        ((mended, named),) = office.desk.sweep().lies
        assert (mended, bool(named)) == (case, True), lie
        assert without_plan(held(office, case)) == without_plan(before)
        assert office.desk.sweep().lies == ()
    assert office.faults() == []


def test_a_row_that_was_deleted_comes_back_and_its_case_is_decided(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, other = office.issue(1, [POST]), office.issue(2)
    before = held(office, case)
    sql(office, "DELETE FROM cases WHERE id = ?", case)
    assert office.desk.sweep() == Swept(2, ((case, ("row",)),))
    assert without_plan(held(office, case)) == without_plan(before)
    office.decide(case, by=FIRST)
    office.deliver()
    assert [key for _, key, _ in office.platform.calls] == ["object:post:1"]
    assert str(held(office, case).state) == "closed"
    assert office.faults() == []
    assert str(held(office, other).state) == "queued"


@pytest.mark.parametrize("moment", ["claimed", "decided", "closed"])
def test_at_any_moment_a_row_comes_back_with_all_that_lies_under_its_key(tmp_path: Path, moment: str) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, [POST])
    if moment == "claimed":
        office.claim(M1, case)
    else:
        office.decide(case, by=FIRST)
    if moment == "closed":
        office.deliver()
    before, messages, outside = held(office, case), office.messages(case), office.checkpoint()
    sql(office, "DELETE FROM cases WHERE id = ?", case)
    assert office.desk.sweep().mended == (case,)
    assert without_plan(held(office, case)) == without_plan(before)
    assert office.faults(outside) == [], "it is the row that the checkpoint saw"
    assert office.messages(case) == messages
    office.wait(3600)
    office.deliver()
    assert moment == "claimed" or str(held(office, case).state) == "closed"


def test_the_ladder_of_a_row_that_was_gone_goes_on(office: Driver) -> None:
    case = office.issue()
    sql(office, "DELETE FROM cases WHERE id = ?", case)
    office.wait(23 * 3600)
    office.desk.sweep()
    office.watch()
    missed = {one.step for one in steps_of(office.desk.store.queries(PLATFORM).records(case).stream.case)}
    assert missed, "what was due while nobody found the case"
    sql(office, "DELETE FROM cases WHERE id = ?", case)
    office.desk.sweep()
    office.watch()
    assert {one.step for one in steps_of(office.desk.store.queries(PLATFORM).records(case).stream.case)} == missed, (
        "each step once"
    )


def test_the_row_of_an_erased_case_comes_back_without_words(office: Driver) -> None:
    case = office.issue(1, [POST])
    office.decide(case, by=FIRST, action="none")
    office.deliver()
    office.ask_erasure(FIRST, case)
    office.erase(SECOND, case)
    before = held(office, case)
    assert (before.message, before.reference_number) == (("", "", ""), "")
    assert [(one.item_id, one.object_key, one.url) for one in before.items] == [("1", "", "")]
    sql(office, "UPDATE cases SET erased_at = NULL WHERE id = ?", case)
    assert office.desk.sweep() == Swept(1, ((case, ("erased_at",)),))
    sql(office, "DELETE FROM cases WHERE id = ?", case)
    assert office.desk.sweep().mended == (case,)
    assert without_plan(held(office, case)) == without_plan(before)
    assert office.faults() == []


def test_a_broken_chain_is_named_and_holds_up_no_other(office: Driver) -> None:
    cases = [office.issue(n) for n in (1, 2, 3)]
    bad, gone = cases[0], cases[1]
    sql(office, "UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, ?)", bad)
    sql(office, "UPDATE cases SET category = 'fraud' WHERE id = ?", bad)
    sql(office, "DELETE FROM cases WHERE id = ?", gone)
    assert office.desk.sweep() == Swept(3, ((gone, ("row",)),), (bad,))
    assert sql(office, "SELECT category FROM cases WHERE id = ?", bad) == [("fraud",)], "it stays as it is"


def test_a_row_that_nobody_can_mend_holds_up_no_other(office: Driver, caplog: pytest.LogCaptureFixture) -> None:
    cases = [office.issue(n) for n in (1, 2, 3)]
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        raw.execute("UPDATE cases SET category = 'fraud'")
        refused = f"BEFORE UPDATE ON cases WHEN OLD.id = '{cases[1]}' BEGIN SELECT RAISE(ABORT, 'never'); END"
        raw.execute(f"CREATE TRIGGER of_somebody_else {refused}")
    lies = tuple((case, ("category",)) for case in (cases[0], cases[2]))
    assert office.desk.sweep() == Swept(3, lies, (cases[1], "log"))
    assert "a sweep failed and takes each case alone: " in caplog.text
    assert f"{cases[1]}: its row cannot be mended: " in caplog.text
    office.deliver()
    assert {"case_unreadable", "row_mended"} <= set(office.pages())


def test_a_lost_row_whose_notice_another_case_has_by_now_is_named(office: Driver) -> None:
    lost, notice = office.issue(1), office.notice(1)
    sql(office, "DELETE FROM cases WHERE id = ?", lost)
    sql(office, "DELETE FROM inbox")
    office.push("notice.issued", notice, "m-again")
    (other,) = [one.id for one in office.desk.cases().cases]
    assert other != lost
    assert office.desk.sweep() == Swept(2, (), (lost,))


def test_a_case_that_was_called_by_another_notice_while_its_own_came_again_is_named(office: Driver) -> None:
    hidden = office.issue(1)
    sql(office, "UPDATE cases SET notice_id = 'other' WHERE id = ?", hidden)
    sql(office, "DELETE FROM inbox")
    other = office.issue(1)
    assert other != hidden
    assert office.desk.sweep() == Swept(2, (), (hidden,))


@pytest.mark.slow
def test_more_rows_than_are_looked_at_at_once_come_back(office: Driver) -> None:
    cases = sorted(office.issue(n) for n in range(1, 121))
    sql(office, "DELETE FROM cases WHERE id NOT IN (?, ?)", cases[3], cases[60])
    seen: list[int] = []
    swept = office.desk.sweep(seen.append)
    assert (swept.cases, len(swept.mended), seen) == (120, 118, [50, 100, 120])
    assert sorted(one.id for one in office.desk.cases(limit=200).cases) == cases


def test_the_control_of_a_row_that_is_believed_stays_as_it_lies(
    office: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = rich(office)
    monkeypatch.setattr(rows, "lies_of", lambda _row, _stream: ())
    sql(office, "UPDATE cases SET category = 'fraud' WHERE id = ?", case)
    assert office.desk.sweep().lies == ()
    assert sql(office, "SELECT category FROM cases WHERE id = ?", case) == [("fraud",)]
