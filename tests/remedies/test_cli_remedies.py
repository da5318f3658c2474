"""Contests, suspensions, letters about a case and a measure that cannot be lifted, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_office import Office

DIGEST = "a" * 64


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path, monkeypatch)
    made.configure('[actors.saule]\nid = "saule"\nroles = ["legal"]\n')
    return made


@pytest.fixture
def case(office: Office) -> str:
    return office.entered().notice_id


def _now(office: Office, case: str) -> str:
    """When the case was received: a time that is past for every command."""
    return str(office.document("cases", "show", case)["clock"]["received_at"])


@pytest.mark.slow
def test_a_contest_is_recorded_shown_and_settled(office: Office, case: str) -> None:
    at = _now(office, case)
    said = (
        "--before",
        office.words("the ministry"),
        "--number",
        office.words("J-1"),
        "--filed-at",
        at,
        "--remedy",
        office.words("annul it"),
    )
    assert "may not record contest" in office.refused(6, "cases", "contest", case, *said)
    assert "Contest 1" in office.ok("cases", "contest", case, *said, user="daniyar")
    shown = office.document("cases", "show", case)
    (one,) = shown["contests"]
    assert (one["body"], one["reference"], one["remedy"], one["result"]) == ("the ministry", "J-1", "annul it", None)
    assert not shown["clock"]["paused"]
    assert "the ministry" in office.ok("cases", "show", case)
    ended = ("--contest", "1", "--result", "rejected", "--at", at, "--reasons", office.words("J-1/2"))
    office.ok("cases", "contest-ended", case, *ended, user="daniyar")
    assert office.document("cases", "show", case)["contests"][0]["result"] == "rejected"
    line = office.refused(7, "cases", "contest", case, *said[:-1], " ", user="daniyar")
    assert "--remedy" in line


@pytest.mark.slow
def test_a_suspension_needs_two_people_and_is_shown_beside_the_unpaused_time(office: Office, case: str) -> None:
    at = _now(office, case)
    order = (
        "--by",
        office.words("a court"),
        "--number",
        office.words("3a-12"),
        "--basis",
        office.words("article 1"),
        "--from",
        at,
        "--proof",
        DIGEST,
    )
    office.ok("cases", "suspend", case, *order, user="saule")
    assert "what they recorded" in office.refused(
        6, "cases", "confirm-suspension", case, "--suspension", "1", "--how", office.words("me"), user="saule"
    )
    assert not office.document("cases", "show", case)["clock"]["paused"]
    office.ok(
        "cases",
        "confirm-suspension",
        case,
        "--suspension",
        "1",
        "--how",
        office.words("the court's site"),
        user="daniyar",
    )
    shown = office.document("cases", "show", case)
    assert shown["clock"]["paused"]
    assert shown["clock"]["due_at"] > shown["clock"]["unpaused_due_at"]
    (one,) = shown["suspensions"]
    assert (one["body"], one["legal_basis"], one["confirmed_by"]) == ("a court", "article 1", "daniyar")
    text = office.ok("cases", "show", case)
    assert "without the pause" in text
    assert "stands still" in text
    assert office.document("health", code=4)["suspended"] == 1
    office.ok(
        "cases",
        "end-suspension",
        case,
        "--suspension",
        "1",
        "--at",
        at,
        "--reasons",
        office.words("lifted"),
        user="saule",
    )
    assert not office.document("cases", "show", case)["clock"]["paused"]
    assert office.document("audit", "verify")["intact"] is True


@pytest.mark.slow
def test_one_account_is_not_two_pairs_of_eyes_for_a_suspension_either(office: Office, case: str) -> None:
    at = _now(office, case)
    order = (
        "--by",
        office.words("a court"),
        "--number",
        office.words("3a-12"),
        "--basis",
        office.words("article 1"),
        "--from",
        at,
        "--proof",
        DIGEST,
    )
    office.ok("cases", "suspend", case, *order, user="saule")
    config = office.config.read_text(encoding="utf-8")
    office.config.write_text(config.replace('id = "saule"', 'id = "somebody.else"'), encoding="utf-8")
    line = office.refused(
        6, "cases", "confirm-suspension", case, "--suspension", "1", "--how", office.words("x"), user="saule"
    )
    assert "came in by the account" in line


@pytest.mark.slow
def test_a_cancellation_by_letter_waits_for_a_second_person(office: Office, case: str) -> None:
    at = _now(office, case)
    said = (
        "--number",
        office.words("12-3"),
        "--issued-at",
        at,
        "--received-at",
        at,
        "--how",
        office.words("letter"),
        "--effect",
        "withdrawn",
    )
    office.ok("cases", "cancel-by-letter", case, *said)
    (letter,) = office.document("cases", "letters", case)["letters"]
    assert (letter["entered_by"], letter["says"]["effect"]) == ("aigerim", "withdrawn")
    assert letter["letter"] in office.ok("cases", "letters", case)
    vouch = ("cases", "vouch", case, "--letter", letter["letter"], "--how", office.words("called back"))
    assert "cannot vouch" in office.refused(6, *vouch)
    assert office.document("cases", "show", case)["state"] == "queued"
    office.ok(*vouch, user="daniyar")
    assert office.document("cases", "show", case)["state"] == "cancelled"
    assert office.ok("cases", "letters", case) == "No letter waits.\n"


@pytest.mark.slow
def test_an_answer_by_letter_can_be_dismissed(office: Office, case: str) -> None:
    at = _now(office, case)
    text = [{"lang": "ru", "text": "Весь пост."}]
    file = office.write("answer.json", {"in_reply_to": "ask-1", "answers": [{"text": text}]})
    office.ok("cases", "answer-by-letter", case, "--file", file, "--received-at", at, "--how", office.words("e-mail"))
    (letter,) = office.document("cases", "letters", case)["letters"]
    dismissed = (
        "cases",
        "dismiss",
        case,
        "--letter",
        letter["letter"],
        "--reasons",
        office.words("unknown to the authority"),
    )
    office.ok(*dismissed, user="daniyar")
    assert "answer_unverified" not in json.dumps(office.document("cases", "show", case)["flags"])
    assert "no letter" in office.refused(5, *dismissed, user="daniyar")


def test_nothing_is_undoable_that_is_not_to_be_lifted(office: Office, case: str) -> None:
    line = office.refused(
        7, "cases", "undoable", case, "--item", "1", "--reasons", office.words("it is gone"), user="daniyar"
    )
    assert "nothing is to be lifted" in line
