"""On the command line: gaps and drafts, deciding alike, alarms, instructions, demands for user data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.testing import builders
from tests.cli_office import Office, moments_ago


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def claimed(office: Office, seed: int = 1, **changes: Any) -> Notice:
    """A letter that aigerim holds, with what is changed in it."""
    notice = builders.notice(seed, **changes)
    office.ok("db", "upgrade")
    file = office.write("letter.json", notice.model_dump(mode="json", exclude_none=True))
    office.ok(
        "notices", "enter", "--file", file, "--received-at", moments_ago(), "--how", office.words("letter"), "--yes"
    )
    office.ok("cases", "authenticate", notice.notice_id, "--how", office.words("called back"), user="daniyar")
    office.ok("cases", "claim", notice.notice_id)
    return notice


def shown(office: Office, notice: Notice) -> Any:
    return office.document("cases", "show", notice.notice_id)


@pytest.mark.slow
def test_a_gap_is_shown_with_the_command_that_asks_and_the_draft_is_confirmed(office: Office) -> None:
    notice = claimed(office, addressee=None)
    assert [gap["code"] for gap in shown(office, notice)["gaps"]] == ["addressee_missing"]
    told = office.ok("cases", "show", notice.notice_id)
    assert "addressee_missing" in told
    assert "--draft" in told
    assert "--yes" in office.refused(7, "cases", "clarify", notice.notice_id, "--draft"), "a person must confirm it"
    office.refused(7, "cases", "clarify", notice.notice_id, "--draft", "--text", office.words("x"), "--yes")
    office.ok("cases", "clarify", notice.notice_id, "--draft", "--yes")
    assert shown(office, notice)["state"] == "awaiting_answer"


@pytest.mark.slow
def test_whoever_claims_and_whoever_proposes_is_told_what_the_order_lacks(office: Office) -> None:
    notice = claimed(office, addressee=None)
    office.ok("cases", "release", notice.notice_id)
    assert "no addressee" in office.ok("cases", "claim", notice.notice_id)
    assert "addressee_missing" in office.document("cases", "renew", notice.notice_id)["lease"]["case"]["flags"]
    file = office.proposal(notice.notice_id)
    result = office.run("cases", "decide", notice.notice_id, "--file", file, "--yes")
    assert "no addressee" in result.stderr, "before it is sent"
    assert "the notice names no addressee" in result.stdout, "why it takes a second person"
    assert "is no lawyer" in result.stdout


@pytest.mark.slow
def test_a_notice_without_a_gap_has_no_draft(office: Office) -> None:
    notice = claimed(office)
    assert shown(office, notice)["gaps"] == []
    assert "--draft" in office.refused(7, "cases", "clarify", notice.notice_id, "--draft", "--yes")


@pytest.mark.slow
def test_an_identity_in_a_question_is_refused_on_the_command_line_too(office: Office) -> None:
    notice = claimed(office)
    line = office.refused(
        7, "cases", "clarify", notice.notice_id, "--text", office.words("Это someone@mail.example?"), "--yes"
    )
    assert "e-mail" in line
    assert "someone" not in line


@pytest.mark.slow
def test_all_items_can_be_decided_like_one(office: Office) -> None:
    notice = claimed(office, items=3)
    file = Path(office.proposal(notice.notice_id))
    whole = json.loads(file.read_text(encoding="utf-8"))
    decide = ("cases", "decide", notice.notice_id, "--all", "--yes", "--file")
    assert "3 items" in office.refused(7, *decide, str(file))
    one = office.write("one.json", {**whole, "items": whole["items"][:1]})
    assert len(office.document("cases", "decide", notice.notice_id, "--all", "--template")["items"]) == 1
    office.ok(*decide, one)
    assert [item["status"] for item in shown(office, notice)["item_states"]] == ["decided"] * 3


@pytest.mark.slow
def test_twenty_items_are_refused_by_one_and_its_mistakes_are_told_once(office: Office) -> None:
    notice = claimed(office, items=20, category="election_rules")
    ways = ("cases", "decide", notice.notice_id, "--all")
    blank = office.document(*ways, "--template", "--as", "refuse")
    lines = office.run(*ways, "--yes", "--file", office.write("one.json", blank)).stderr.splitlines()
    assert [line.partition("items")[2] for line in lines if "too short" in line] == []
    assert [line for line in lines if "text is empty" in line and not line.endswith("Fill it in.")] == []
    one = blank["items"][0]
    one |= {"finding": "not_illegal", "reasons": "\u200b\ufffc"}
    for said in one["wording"]["statement_of_reasons"]:
        said["text"] = "\u3164"
    told = office.run(*ways, "--yes", "--file", office.write("one.json", blank)).stderr
    fields = [line.split(": ")[1] for line in told.splitlines() if line.startswith(("error: ", "   and: "))]
    texts = [
        f"items[0].wording.statement_of_reasons[{n}].text" for n in range(len(one["wording"]["statement_of_reasons"]))
    ]
    assert fields == ["text_checked", "items[0].reasons", *texts, "items[0].wording.refusal_code"]
    one |= {"reasons": "An opinion."}
    one["wording"]["refusal_code"] = "protected_speech"
    for said in one["wording"]["statement_of_reasons"]:
        said["text"] = "Пікір. Мнение."
    office.ok(*ways, "--yes", "--file", office.write("one.json", {**blank, "text_checked": True}))
    assert shown(office, notice)["state"] == "in_approval"


@pytest.mark.slow
def test_bulk_is_off_with_legal_review(office: Office) -> None:
    notice = claimed(office, 13, items=2)
    file = Path(office.proposal(notice.notice_id))
    whole = json.loads(file.read_text(encoding="utf-8"))
    one = office.write("one.json", {**whole, "items": whole["items"][:1]})
    assert "alike" in office.refused(6, "cases", "decide", notice.notice_id, "--all", "--yes", "--file", one)
    assert "same reasons" in office.refused(7, "cases", "decide", notice.notice_id, "--yes", "--file", str(file))


@pytest.mark.slow
def test_an_alarm_and_an_instruction(office: Office) -> None:
    notice = claimed(office)
    office.ok("cases", "alarm", notice.notice_id, "--reason", office.words("they are in the room"))
    record = (
        "cases",
        "instruction",
        notice.notice_id,
        "--by",
        office.words("a colonel"),
        "--channel",
        office.words("in person"),
        "--said",
        office.words("now"),
    )
    assert "--at" in office.refused(7, *record, "--at", "noon")
    assert "--at" in office.refused(7, *record, "--at", "2199-01-01 10:00")
    office.ok(*record, "--at", moments_ago())
    assert "instruction_recorded" in shown(office, notice)["flags"]
    assert "a colonel" in office.ok("cases", "show", notice.notice_id)


@pytest.mark.slow
def test_a_demand_for_user_data_goes_to_a_lawyer(office: Office) -> None:
    words = [{"lang": "ru", "text": "Предоставьте регистрационные данные пользователя."}]
    notice = builders.notice(1, requested_action="other", statement_of_reasons=words)
    office.ok("db", "upgrade")
    file = office.write("letter.json", notice.model_dump(mode="json", exclude_none=True))
    office.ok(
        "notices", "enter", "--file", file, "--received-at", moments_ago(), "--how", office.words("letter"), "--yes"
    )
    assert "lawyer" in office.refused(6, "cases", "claim", notice.notice_id)
    office.refused(6, "cases", "refer-demand", notice.notice_id, "--reasons", office.words("filed"))
    office.refused(6, "cases", "rule-out-demand", notice.notice_id, "--reasons", office.words("filed"))
    office.ok("cases", "refer-demand", notice.notice_id, "--reasons", office.words("filed"), user="daniyar")
    assert shown(office, notice)["state"] == "closed"
    office.refused(7, "cases", "rule-out-demand", notice.notice_id, "--reasons", office.words("late"), user="daniyar")
