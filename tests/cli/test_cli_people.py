"""Who may do what on the command line, and what the office types in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_office import Office, moments_ago
from tests.review.test_cli_review import digest, state


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def test_an_account_that_nobody_mapped_can_only_read(office: Office) -> None:
    notice = office.vouched()
    assert notice.notice_id in office.ok("cases", "list", user="stranger")
    line = office.refused(6, "cases", "claim", user="stranger")
    assert "actors.stranger" in line
    assert "[actors.stranger]" in line
    assert '[actors."dot.ted"]' in office.refused(6, "cases", "claim", user="dot.ted")


def test_neither_a_variable_nor_a_flag_makes_somebody_else_of_a_person(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.vouched()
    for name in ("USER", "LOGNAME", "SUDO_USER", "USERNAME"):
        monkeypatch.setenv(name, "daniyar")
    office.refused(6, "cases", "claim", user="stranger")
    office.refused(2, "cases", "claim", "--actor", "daniyar", user="stranger")


def test_who_is_who_stands_in_the_file_and_never_in_the_environment(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.vouched()
    monkeypatch.setenv("KZ_COMPLIANCE_ACTORS", '{"aigerim": {"id": "boss", "roles": ["lead"]}}')
    assert "KZ_COMPLIANCE_ACTORS" in office.refused(3, "cases", "claim")
    monkeypatch.delenv("KZ_COMPLIANCE_ACTORS")
    office.ok("cases", "claim")


@pytest.mark.slow
def test_one_account_with_two_names_is_no_second_pair_of_eyes(office: Office) -> None:
    notice = office.claimed(13)
    office.ok("cases", "decide", notice.notice_id, "--file", office.proposal(notice.notice_id, "remove"), "--yes")
    seen = digest(office, notice)
    theirs = office.config.read_text(encoding="utf-8")
    office.config.write_text(
        theirs.replace('id = "aigerim"\nroles = ["moderator"]', 'id = "boss"\nroles = ["lead"]'), encoding="utf-8"
    )
    line = office.refused(6, "cases", "approve", notice.notice_id, "--digest", seen)
    assert "aigerim came in by the account 'aigerim' as well" in line
    office.ok("cases", "approve", notice.notice_id, "--digest", seen, user="daniyar")
    events = office.document("cases", "show", notice.notice_id)["audit"]
    by = {event["kind"]: (event["actor"], *json.loads(event["content"])["by"]) for event in events}
    assert (by["proposed"], by["approved"]) == (("aigerim", 1, 1), ("daniyar", 2, 2))
    office.ok("cases", "undo", notice.notice_id)
    assert "by boss (account aigerim)" in office.ok("cases", "show", notice.notice_id)
    assert office.document("audit", "verify")["intact"] is True


def test_one_account_with_two_names_neither_types_in_and_vouches_nor_corrects(office: Office) -> None:
    notice = office.entered()
    theirs = office.config.read_text(encoding="utf-8")
    office.config.write_text(
        theirs.replace('id = "aigerim"\nroles = ["moderator"]', 'id = "boss"\nroles = ["lead"]'), encoding="utf-8"
    )
    vouch = ("cases", "authenticate", notice.notice_id, "--how", office.words("called back"))
    correct = (
        "cases",
        "correct-receipt",
        notice.notice_id,
        "--received-at",
        moments_ago(90),
        "--reasons",
        office.words("the stamp"),
    )
    for step in (vouch, correct):
        assert "aigerim came in by the account 'aigerim' as well" in office.refused(6, *step)
        office.ok(*step, user="daniyar")


@pytest.mark.slow
def test_a_typist_does_not_vouch_and_nothing_is_done_before_somebody_does(office: Office) -> None:
    notice = office.entered()
    assert "typist" in office.refused(
        6, "cases", "authenticate", notice.notice_id, "--how", office.words("I know them")
    )
    assert "Nobody has checked yet" in office.run("cases", "claim", notice.notice_id).stderr
    file = office.proposal(notice.notice_id, "remove")
    assert "typist" in office.refused(6, "cases", "decide", notice.notice_id, "--file", file, "--yes")
    office.ok("cases", "authenticate", notice.notice_id, "--how", office.words("called back"), user="daniyar")
    office.ok("cases", "decide", notice.notice_id, "--file", file, "--yes")


# ------------------------------------------------------------------------------------------------- typed in


@pytest.mark.slow
def test_a_letter_that_is_typed_in_twice_is_said_to_be_there(office: Office) -> None:
    notice = office.entered(received="2026-11-24 10:00")
    file = str(office.folder / "notice-1.json")
    again = ("notices", "enter", "--file", file, "--how", office.words("e-mail"), "--yes", "--received-at")
    told = office.ok(*again, "2026-11-24 09:00", user="daniyar")
    for word in ("is there already", "2026-11-24 10:00", "2026-11-24 09:00", "was not recorded", "correct-receipt"):
        assert word in told
    assert "not recorded" not in office.ok(*again, "2026-11-24 10:00")
    document = office.document(*again, "2026-11-24 09:00")
    assert (document["recorded"], document["case"]["clock"]["received_at"]) == (False, "2026-11-24T05:00:00Z")
    value = json.loads(Path(file).read_text(encoding="utf-8")) | {"revision": 2, "reference_number": "another"}
    office.write("notice-1.json", value)
    assert office.document(*again, moments_ago())["recorded"] is True
    assert state(office, notice) == "queued"


def test_a_letter_is_typed_in_from_a_template(office: Office) -> None:
    office.ok("db", "upgrade")
    result = office.run("notices", "template")
    skeleton = json.loads(result.stdout)
    assert "prescription" in result.stderr
    assert "illegal_gambling" in result.stderr
    rest = ("--received-at", moments_ago(), "--how", office.words("letter"), "--yes")
    line = office.refused(7, "notices", "enter", "--file", office.write("blank.json", skeleton), *rest)
    assert "notice_id" in line
    assert "notices template" in line
    skeleton |= {
        "notice_id": "L-7",
        "kind": "prescription",
        "reference_number": "12/7",
        "issued_at": "2026-11-24T14:05:00+05:00",
        "category": "illegal_gambling",
        "requested_action": "remove",
        "legal_basis": [{"act": "18-VIII", "article": "9"}],
    }
    skeleton["issuing_authority"] |= {"id": "ministry", "type": "authorised_body", "name": {"ru": "Министерство"}}
    skeleton["statement_of_reasons"][0]["text"] = "Реклама казино."
    skeleton["items"][0]["url"] = "https://social.example/p/7"
    office.ok("notices", "enter", "--file", office.write("filled.json", skeleton), *rest)
    told = office.ok("cases", "show", "L-7")
    assert "https://social.example/p/7" in told
    assert "deadline_defaulted: It asks for no time of its own" in told
