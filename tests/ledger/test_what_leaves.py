"""What leaves has the bytes of its chain: who writes to the file, with the master key too, changes none of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.ports import Effect
from tests.driver import DAY, HOUR, LEAD, Driver
from tests.ledger import otherwise
from tests.ledger.otherwise import attack

pytestmark = pytest.mark.writes_by_itself


def rewrite(office: Driver, kind: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the bytes of the messages of a kind that have not left."""
    otherwise.rewrite(office, lambda said: json.dumps(change(json.loads(said)), ensure_ascii=False).encode(), kind)


def offices(folder: Path) -> tuple[Driver, Driver]:
    """Two that do the same: a control, and one that is attacked."""
    for name in ("control", "attacked"):
        (folder / name).mkdir()
    return Driver(folder / "control"), Driver(folder / "attacked")


def acknowledged(folder: Path) -> tuple[Driver, str]:
    office = Driver(folder)
    case = office.issue()
    office.deliver()
    return office, case


def test_an_acknowledgement_says_what_came_whatever_its_row_says(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    rewrite(office, "acknowledgement", lambda said: {**said, "case_reference": "made-up"})
    office.deliver()
    assert [json.loads(body)["case_reference"] for _, body, _ in office.regulator.books.values()] == [case]


def test_a_report_says_what_was_decided_whatever_its_row_says(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    rewrite(office, "report", lambda said: {**said, "final": False, "items": []})
    office.deliver()
    assert [(one["final"], len(one["items"])) for one in office.reports()] == [(True, 1)]
    assert office.standing(case)["state"] == "closed"


OTHERWISE: dict[str, Any] = {
    "everywhere": {"scope": ["KZ", "RU"]},
    "the whole account": {"account_ref": "somebody"},
    "another object by its id": {"object_id": "another"},
    "another page": {"url": "https://social.example/p/other"},
    "removed instead": {"action": "remove"},
    "as another version": {"version": 9},
    "for another case": {"case_id": "made-up"},
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_the_platform_does_what_was_decided_whatever_its_row_says(tmp_path: Path, how: str) -> None:
    control, office = offices(tmp_path)
    done: list[Effect] = []
    for one in (control, office):
        case = one.issue()
        one.deliver()
        one.decide(case, "restrict_access")
        one.platform.faults.append(done.append)
    rewrite(office, "enforce", lambda said: {**said, **OTHERWISE[how]})
    for one in (control, office):
        one.deliver()
    assert done[0] == done[1]
    assert len(done) == 2


def test_an_alert_goes_to_whom_the_ladder_names_whatever_its_row_says(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.wait(22 * HOUR)
    office.watch()
    rewrite(office, "page", lambda said: {**said, "audience": [], "level": 0, "reason": "nothing"})
    office.deliver()
    told = [one for one in office.pager.alerts if one.case_reference == case]
    assert told
    assert all(one.audience and one.reason.startswith("due.") for one in told)


@pytest.mark.slow
def test_the_user_is_told_what_was_decided_whatever_the_row_says(tmp_path: Path) -> None:
    control, office = offices(tmp_path)
    for one in (control, office):
        case = one.issue(user_notice={"allowed": True})
        one.decide(case)
        while not any(m["kind"] == "user_notice" for m in one.messages(case)):
            one.desk.deliver()
        if one is office:
            rewrite(one, "user_notice", lambda said: {**said, "object_id": "another"})
        one.wait(DAY)
        one.deliver()
    assert control.messenger.told
    assert office.messenger.told == control.messenger.told


@pytest.mark.parametrize("by_case", [True, False])
def test_a_letter_says_what_was_decided_whatever_its_row_says(tmp_path: Path, by_case: bool) -> None:
    office, case = acknowledged(tmp_path)
    office.answer_by_hand(LEAD, case)
    office.decide(case, "none")
    office.deliver()
    (message,) = (one["message"] for one in office.messages(case, "report"))
    case_id = case if by_case else None
    before = office.desk.letter(message, "ru", case_id=case_id)
    rewrite(office, "report", lambda said: {**said, "sequence": 7})
    assert office.desk.letter(message, "ru", case_id=case_id) == before


def test_nothing_is_removed_on_words_that_nobody_can_read_any_more(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case)
    attack(office, "DELETE FROM parts WHERE name = 'message'")
    office.deliver()
    office.deliver()
    assert office.platform.calls == []
    assert "case_unreadable" in office.pages()


def test_a_measure_is_lifted_all_the_same_and_on_no_other_object(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    (item,) = office.notice()["items"]
    office.decide(case)
    office.deliver()
    office.cancel(office.notice()["notice_id"])
    attack(office, "DELETE FROM parts WHERE name = 'message'")
    rewrite(office, "restore", lambda said: {**said, "object_key": "object:another", "object_id": "another"})
    done: list[Effect] = []
    office.platform.faults.append(done.append)
    office.deliver()
    assert [what for what, _, _ in office.platform.calls] == ["enforce", "restore"]
    assert [(one.url, one.object_id) for one in done] == [(item["url"], item.get("object_id", ""))]


UNSEEN = {
    "which time an alert names": (
        "alert = CAST(replace(CAST(alert AS TEXT), '\"due_at\":1', '\"due_at\":2') AS BLOB) WHERE kind = 'page'"
    ),
    "when an alert is due": "deadline_at = deadline_at + 60 WHERE kind = 'page'",
    "which way it goes": "endpoint = 'another' WHERE kind = 'page'",
    "since when": "created_at = created_at - 60 WHERE kind = 'page'",
}


@pytest.mark.parametrize("what", UNSEEN)
def test_the_verification_sees_what_was_changed_of_a_message_that_has_to_leave(tmp_path: Path, what: str) -> None:
    office, _ = acknowledged(tmp_path)
    office.wait(22 * HOUR)
    office.watch()
    assert office.faults() == [], "the control"
    attack(office, f"UPDATE outbox SET {UNSEEN[what]}")  # noqa: S608  a text of this file
    assert any("its rows in outbox are not those of its chain" in fault for fault in office.faults())
