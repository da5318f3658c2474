"""What the commands do with a store that is gone, empty, somebody else's, or changed behind their back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.errors import StoreUnusable
from tests.cli_office import Office
from tests.unguarded import unguard

READING = [("cases", "list"), ("cases", "show", "N-1"), ("audit", "verify"), ("health",), ("sanctions",)]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def _empty(path: Path) -> None:
    path.touch()


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")


@pytest.mark.parametrize("made", [_empty, _foreign])
def test_what_is_no_store_is_taken_over_by_no_command(made: object, office: Office) -> None:
    assert callable(made)
    made(office.store)
    before = office.store.read_bytes()
    for command in (*READING, ("db", "upgrade"), ("db", "status"), ("worker", "--once")):
        assert "store" in office.refused(3, *command)
    assert office.document("doctor", code=4)["status"] == "fail"
    assert office.store.read_bytes() == before
    assert {file.name for file in office.folder.iterdir()} <= {"settings.toml", "cases.sqlite3", "cases.sqlite3.lane"}


def test_a_missing_store_is_an_error_and_none_is_begun_unless_that_is_said(office: Office) -> None:
    for command in (("serve",), ("worker",), ("worker", "--once")):
        line = office.refused(3, *command)
        assert line.startswith("error: store.path: there is no database at ")
        assert "db upgrade" in line
    with pytest.raises(StoreUnusable, match=r"no store at .*db upgrade, or create=True") as refused:
        ComplianceDesk(Settings.load(office.config, environ={}))
    assert refused.value.code == "store_missing"
    assert list(office.folder.iterdir()) == [office.config]
    office.ok("worker", "--once", "--create")
    assert office.document("cases", "list")["cases"] == []


def test_a_store_that_has_gone_is_begun_anew_only_when_that_is_said(office: Office) -> None:
    office.entered()
    office.store.unlink()
    for command in (("db", "upgrade"), ("worker", "--once", "--create"), ("serve", "--create")):
        line = office.refused(3, *command)
        assert "restore a backup" in line
        assert "db upgrade --anew" in line
    assert not office.store.exists()
    assert office.document("db", "upgrade", "--anew")["upgraded"] is True
    assert office.document("cases", "list")["cases"] == []


@pytest.mark.slow
def test_a_damaged_row_is_named_and_the_next_case_is_checked(office: Office) -> None:
    first, second = office.entered(1), office.entered(2)
    with closing(sqlite3.connect(office.store)) as raw:
        unguard(raw)
        raw.execute("UPDATE cases SET revision = 'x' WHERE notice_id = ?", (first.notice_id,))
        raw.commit()
    found = office.document("audit", "verify", code=4)
    assert (found["checked"], len(found["faults"])) == (2, 1)
    assert "as it was written" in office.refused(3, "cases", "show", found["faults"][0]["case"])
    office.ok("cases", "show", second.notice_id)


def test_the_typist_and_how_it_came_stand_in_the_chain(office: Office) -> None:
    notice = office.entered()
    case = office.document("cases", "show", notice.notice_id)["case"]
    with closing(sqlite3.connect(office.store)) as raw:
        content, people = raw.execute("SELECT content, people FROM events WHERE seq = 1").fetchone()
        ((text,),) = raw.execute("SELECT bytes FROM parts WHERE name = 'how_it_came'").fetchall()
        assert b'"id":"aigerim"' in people
        assert b"how_it_came" in content
        assert b"letter" not in text
        unguard(raw)
        raw.execute("UPDATE events SET people = CAST(replace(CAST(people AS TEXT), 'aigerim', 'somebody') AS BLOB)")
        raw.commit()
    faults = office.document("audit", "verify", code=4)["faults"]
    assert {fault["case"] for fault in faults} == {case}
    assert any("not those that were hashed" in fault["what"] for fault in faults)


@pytest.mark.slow
def test_a_store_that_lacks_what_was_acknowledged_is_named_until_it_is_accepted_and_pages(office: Office) -> None:
    assert "--yes" in office.refused(7, "db", "accept") if office.store.exists() else True
    first = office.entered(1)
    older = office.store.read_bytes()
    assert office.document("db", "accept", "--yes") == {"missing": []}, "the control"
    office.entered(2)
    office.store.write_bytes(older)
    for command in (("health",), ("cases", "list"), ("audit", "verify"), ("worker", "--once")):
        assert "lacks what was acknowledged" in office.refused(3, *command)
    (fault,) = office.document("db", "check", code=4)["faults"]
    assert "are missing" in fault["what"]
    store = next(one for one in office.document("doctor", code=4)["checks"] if one["name"] == "store")
    assert (store["status"], "kz-compliance db accept" in store["summary"] + store["remedy"]) == ("fail", True)
    assert "--yes" in office.refused(7, "db", "accept")
    (told,) = office.document("db", "accept", "--yes")["missing"]
    assert told == fault["what"]
    assert [case["notice_id"] for case in office.document("cases", "list")["cases"]] == [first.notice_id]
    with closing(sqlite3.connect(office.store)) as raw:
        ((content,),) = raw.execute("SELECT content FROM events WHERE kind = 'alerted'").fetchall()
    assert json.loads(content)["data"]["reason"] == "log_lost"


@pytest.mark.slow
def test_an_index_that_lies_is_made_anew_and_named(office: Office) -> None:
    office.entered()
    assert office.document("db", "rebuild")["indexes"] == [], "the control: untouched"
    with closing(sqlite3.connect(office.store, isolation_level=None)) as raw:
        ((text,),) = raw.execute("SELECT sql FROM sqlite_schema WHERE name = 'watches_due'").fetchall()
        raw.execute("DROP INDEX watches_due")
        raw.execute(f"{text} WHERE watch_at = 0")
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'watches_due'", (text,))
    (fault,) = office.document("audit", "verify", code=4)["faults"]
    assert fault["what"] == "watches_due in the database does not hold what its table does"
    assert office.document("db", "rebuild")["indexes"] == ["watches_due"]
    assert office.document("audit", "verify")["intact"] is True


@pytest.mark.slow
def test_rows_that_were_edited_or_deleted_are_made_anew_and_broken_chains_are_named(office: Office) -> None:
    office.entered(1), office.entered(2), office.entered(3)
    with closing(sqlite3.connect(office.store)) as raw:
        unguard(raw)
        gone, edited, broken = (row[0] for row in raw.execute("SELECT id FROM cases ORDER BY stream"))
        raw.execute("DELETE FROM cases WHERE id = ?", (gone,))
        raw.execute("UPDATE cases SET category = 'fraud', revision = 9 WHERE id = ?", (edited,))
        raw.execute("UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, ?)", (broken,))
        raw.commit()
    document = office.document("db", "rebuild", code=4)
    assert document["cases"] == 3
    assert document["mended"] == [
        {"case_id": gone, "fields": ["row"]},
        {"case_id": edited, "fields": ["revision", "category"]},
    ]
    assert document["broken"] == [broken]
    again = office.run("db", "rebuild")
    assert again.exit_code == 4
    assert f"The row of {broken} stays: its chain is broken" in again.output
    with closing(sqlite3.connect(office.store)) as raw:
        unguard(raw)
        raw.execute("UPDATE events SET at = at - 1 WHERE seq = 1 AND instr(content, ?)", (broken,))
        raw.commit()
    assert "0 rows were made anew" in office.ok("db", "rebuild")
    assert office.document("audit", "verify")["intact"] is True
