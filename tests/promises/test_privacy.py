"""Personal data: nothing in the clear, nothing that names people leaves or is logged, and its end is an end."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.driver import DAY, HEAD, LEAD, LEGAL, LEGAL2, M1, Driver
from tests.promises.refusing import refused

ADDRESS = "https://social.example/p/nightingale"
ITEMS = [{"item_id": "1", "url": ADDRESS}]


def _files(office: Driver) -> bytes:
    """The store's file and the log beside it."""
    return b"".join(one.read_bytes() for one in office.path.parent.glob(f"{office.path.name}*") if one.is_file())


def _ended(office: Driver, action: str = "none") -> str:
    case = office.issue(1, ITEMS)
    office.decide(case, action)
    office.deliver()
    assert office.case(case)["state"] == "closed"
    return case


def test_nothing_personal_lies_in_the_file_in_the_clear(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue(1, ITEMS)
    assert ADDRESS.encode() not in _files(office)


def test_at_its_end_personal_data_goes_and_what_happened_stays(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    before = office.history(case)
    office.wait(366 * DAY)
    office.retention()
    held = office.case(case)
    assert held["received"][0]["body_base64"] == ""
    assert all(not event["texts"] for event in held["audit"])
    assert office.history(case) == [*before, "erased"]
    assert office.faults() == []


def test_nothing_goes_before_its_time(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office, "remove")
    office.wait(1094 * DAY)
    office.retention()
    assert "erased" not in office.history(case)


def test_what_was_erased_is_overwritten(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = office.notice()
    reasons = [{"lang": "ru", "text": "р" * 9_000}]
    said = {"notice_id": notice["notice_id"], "revision": 1, "effect": "withdrawn", "reference_number": "7-1"}
    office.push("notice.cancelled", {**said, "issued_at": "2026-11-24T07:00:00Z", "reasons": reasons})
    with closing(sqlite3.connect(f"file:{office.path}?mode=ro", uri=True)) as reader, reader:
        ((cell,),) = reader.execute("SELECT bytes FROM parts WHERE name = 'message'").fetchall()
    kept = [cell[at : at + 64] for at in range(0, len(cell) - 64, 1024)]
    assert any(part in _files(office) for part in kept)
    office.wait(181 * DAY)
    office.retention()
    assert [part for part in kept if part in _files(office)] == []


def test_a_legal_hold_and_an_open_contest_keep_a_case(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    office.hold(LEGAL, case, office.clock() + 800 * DAY)
    office.wait(366 * DAY)
    office.retention()
    assert "erased" not in office.history(case)
    office.end_hold(LEGAL, case)
    office.contest(HEAD, case)
    office.retention()
    assert "erased" not in office.history(case)
    office.settle_contest(HEAD, case)
    office.deliver()
    office.retention()
    assert office.history(case)[-1] == "erased"


def test_a_new_hold_is_never_shorter(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    office.hold(LEGAL, case, office.clock() + 800 * DAY)
    with refused("invalid_input"):
        office.hold(LEAD, case, office.clock() + DAY)


def test_a_measure_in_force_stops_an_early_erasure(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office, "remove")
    with refused("illegal_move"):
        office.ask_erasure(LEGAL, case)


def test_an_early_erasure_takes_two_people(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    office.ask_erasure(LEGAL, case)
    with refused("four_eyes"):
        office.erase(LEGAL, case)
    office.erase(LEGAL2, case)
    assert office.history(case)[-1] == "erased"


def test_what_is_taken_out_is_on_record_and_names_no_colleague(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    document = office.export(LEGAL, case)
    assert office.history(case)[-1] == "exported"
    assert {one["proposed_by"] for one in document["decisions"]} == {"person-1"}


def test_an_export_holds_what_is_stored_under_names_that_last(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    office.hold(LEGAL, case)
    document, held = office.export(LEGAL, case), office.case(case)
    for name, other in {"notice_id": "notice_id", "authority_id": "authority_id", "category": "category"}.items():
        assert document[name] == held[other]
    assert (document["platform_id"], document["case_reference"]) == (office.platform_id, case)
    assert (document["state"], document["received_at"]) == ("closed", held["clock"]["received_at"])
    assert document["items"] == [
        {"item_id": "1", "url": ADDRESS, "object_id": "", "account_ref": "", "status": "settled", "measure": ""}
    ]
    (came,) = document["received"]
    assert {name: came[name] for name in ("message_id", "sender", "type", "received_at")} == {
        "message_id": "msg-1", "sender": "sample-regulator", "type": "notice.issued",
        "received_at": held["clock"]["received_at"],
    }  # fmt: skip
    assert came["body"]["data"]["items"][0]["url"] == ADDRESS
    assert came["proof"]["target"] == "/notices"
    (decided,) = document["decisions"]
    assert (decided["version"], decided["approved_by"]) == (1, "")
    assert decided["body"]["proposal"]["items"][0]["reasons"] == "as the notice says"
    assert document["written_by_people"] == [
        {
            "at": held["audit"][-2]["at"], "step": "held", "by": "person-2", "about": "reasons",
            "text": "a court asked for it",
        }
    ]  # fmt: skip
    report = next(one for one in document["sent"] if one["kind"] == "report")
    (stored,) = office.messages(case, "report")
    assert (report["id"], report["to"], report["created_at"]) == (stored["message"], "regulator", stored["created_at"])
    assert report["body"]["items"][0]["outcome"] == "refused"
    assert report["receipt"]["subject_id"] == stored["message"]
    assert [(one["result"], bool(one["at"]), bool(one["detail"])) for one in report["attempts"]] == [
        ("delivered", True, True)
    ]


def test_a_pack_names_nobody_unless_somebody_answers_for_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _ended(office)
    packed = zipfile.ZipFile(io.BytesIO(office.evidence(LEAD, case)))
    held = b"".join(packed.read(name) for name in packed.namelist())
    assert office.history(case)[-1] == "disclosed"
    assert ADDRESS.encode() not in held
    with refused("not_allowed"):
        office.evidence(M1, case, full=True)


def test_an_alert_carries_a_reference_and_a_code_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, ITEMS)
    office.wait(DAY)
    office.watch()
    office.deliver()
    (alert,) = office.pager.alerts
    assert alert.case_reference == case
    assert "nightingale" not in repr(alert)


def test_no_log_line_holds_what_the_platforms_code_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    office = Driver(tmp_path)
    case = office.issue(1, ITEMS)

    def fail(_effect: object) -> None:
        raise RuntimeError(f"cannot remove {ADDRESS}")

    office.platform.faults.append(fail)
    office.decide(case)
    office.deliver()
    assert "RuntimeError" in caplog.text
    assert "nightingale" not in caplog.text


def test_a_case_that_is_printed_names_itself_alone(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.desk.case_file(office.issue(1)).case
    assert repr(case) == f"Case({case.id!r}, 'queued')"
