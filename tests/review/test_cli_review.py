"""The job of the office on the command line: look, decide, answer by letter."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.faces.cli.session import Session
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire.signature import sign
from kz_compliance_sdk.wire.signature.keyring import SigningKey
from tests.cli_office import Office, moments_ago


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def pushed(office: Office, body: bytes, message_id: str) -> int:
    """What a message of the regulator is answered with."""
    settings = Settings.load(office.config)
    key = SigningKey("regulator-hmac", "hmac-sha256", b"an hmac secret that must never be shown")
    headers = sign(key, "standard-webhooks", "POST", settings.intake_url, body, int(time.time()), message_id, "n")
    with ComplianceDesk(settings) as desk:
        return desk.receive("POST", "/notices", [("content-type", "application/json"), *headers], body).status


def this_minute() -> str:
    """The time on the wall, as somebody in Almaty writes it down."""
    return datetime.fromtimestamp(time.time(), almaty()).strftime("%Y-%m-%d %H:%M")


def state(office: Office, notice: Notice) -> Any:
    return office.document("cases", "show", notice.notice_id)["state"]


def digest(office: Office, notice: Notice) -> str:
    return str(office.document("cases", "show", notice.notice_id)["decisions"][-1]["digest"])


# -------------------------------------------------------------------------------------------------- all the way


@pytest.mark.slow
def test_a_letter_goes_from_the_stamp_to_its_receipt(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = office.enforcer(monkeypatch)
    notice = office.claimed(1, items=2)
    file = office.proposal(notice.notice_id, "remove")

    decided = office.document("cases", "decide", notice.notice_id, "--file", file, "--yes")
    assert (decided["case"]["state"], decided["needs_approval"]) == ("decided", False)

    counts = office.document("worker", "--once", "--enforcer", "takedown:Carried")
    assert counts["delivered"] >= 2
    assert set(carried.read_text().splitlines()) == {f"remove object:{item.object_id}" for item in notice.items}

    letter = office.ok("cases", "letter", notice.notice_id, "--lang", "ru")
    name = notice.issuing_authority.name
    assert f"Кому: {name.ru}" in " ".join(letter.split())
    assert "уполномоченное лицо" in letter
    assert "authorised person" not in letter
    kazakh = office.ok("cases", "letter", notice.notice_id, "--lang", "kk")
    assert f"Кімге: {name.kk}" in " ".join(kazakh.split())
    assert "уәкілетті тұлға" in kazakh
    assert notice.reference_number in letter
    assert all(item.url in letter for item in notice.items if item.url)
    facts = (
        "--channel",
        office.words("courier"),
        "--number",
        office.words("12/7"),
        "--proof",
        office.words("stamp 98"),
    )
    line = office.refused(7, "cases", "delivered", notice.notice_id, *facts, "--at", moments_ago(-3600))
    assert line.startswith("error: --at: ")
    assert line.count("+05:00") == 2, "both bounds, as the clock on the wall shows them"
    closed = office.document("cases", "delivered", notice.notice_id, *facts, "--at", this_minute())
    assert closed["case"]["state"] == "closed"

    story = office.document("cases", "show", notice.notice_id)
    assert office.ok("cases", "letter", notice.notice_id, "--lang", "ru") == letter, "as it was delivered"
    receipts = [message["receipt"] for message in story["messages"] if message["kind"] == "report"]
    assert [json.loads(receipt)["outgoing_number"] for receipt in receipts] == ["12/7"]
    assert office.ok("cases", "list") == "No cases are waiting.\n"
    assert notice.notice_id in office.ok("cases", "list", "--state", "closed")
    assert office.document("audit", "verify") == {
        "checked": 1,
        "intact": True,
        "erased": 0,
        "faults": [],
        "not_provable": office.document("audit", "verify")["not_provable"],
    }
    told = office.ok("cases", "show", notice.notice_id)
    assert "12/7" in told
    assert "in force since" in told


@pytest.mark.slow
def test_without_an_enforcer_a_measure_waits_and_it_is_said(office: Office) -> None:
    notice = office.decided(1, "remove")
    result = office.run("worker", "--once")
    assert "No --enforcer" in result.stderr
    assert state(office, notice) == "decided"


@pytest.mark.slow
def test_four_eyes_and_the_digest_that_was_seen(office: Office) -> None:
    notice = office.claimed(1)
    file = office.proposal(notice.notice_id, "remove")
    answer = office.document("cases", "decide", notice.notice_id, "--file", file, "--yes")
    assert (answer["case"]["state"], answer["needs_approval"]) == ("decided", False)

    other = office.claimed(13)
    file = office.proposal(other.notice_id, "remove")
    answer = office.document("cases", "decide", other.notice_id, "--file", file, "--yes")
    assert (answer["case"]["state"], answer["needs_approval"]) == ("in_approval", True)
    (decision,) = office.document("cases", "show", other.notice_id)["decisions"]
    said = decision["second_person"]
    policy = said["policy"]
    assert policy.startswith(f"{kz_policy().version}+sandbox.")
    assert (said["category"], said["volume"]) == (other.category, None)
    assert "category" in said["rules"]
    assert len(said["says"]) == len(said["rules"])
    shown = " ".join(office.ok("cases", "show", other.notice_id).split())
    assert f"asked for by {'; '.join(said['says'])}" in shown
    assert f"policy {policy}" in shown
    assert "may not approve" in office.refused(6, "cases", "approve", other.notice_id, "--digest", answer["digest"])
    assert "--digest" in office.refused(7, "cases", "approve", other.notice_id, user="daniyar")
    office.refused(8, "cases", "approve", other.notice_id, "--digest", "0" * 64, user="daniyar")
    approved = office.document("cases", "approve", other.notice_id, "--digest", answer["digest"], user="daniyar")
    assert (approved["case"]["state"], approved["approved_by"]) == ("decided", "daniyar")


@pytest.mark.slow
def test_at_a_terminal_the_proposal_is_shown_before_it_is_approved(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = office.claimed(13)
    office.ok("cases", "decide", notice.notice_id, "--file", office.proposal(notice.notice_id, "remove"), "--yes")
    monkeypatch.setattr(Session, "can_ask", True)
    refused = office.run("cases", "approve", notice.notice_id, user="daniyar", stdin="n\n")
    assert digest(office, notice) in refused.stderr
    assert state(office, notice) == "in_approval"
    office.ok("cases", "approve", notice.notice_id, user="daniyar", stdin="y\n")
    assert state(office, notice) == "decided"


# --------------------------------------------------------------------------------------------------- proposals


@pytest.mark.slow
def test_a_template_as_it_is_decides_nothing(office: Office) -> None:
    notice = office.claimed(1, items=2)
    result = office.run("cases", "decide", notice.notice_id, "--template")
    skeleton = json.loads(result.stdout)
    assert [item["item_id"] for item in skeleton["items"]] == ["1", "2"]
    assert "not_illegal" in result.stderr
    file = office.write("blank.json", skeleton)
    line = office.refused(7, "cases", "decide", notice.notice_id, "--file", file, "--yes")
    assert "items[0].finding" in line
    assert "--template" in line
    assert state(office, notice) == "claimed"


@pytest.mark.slow
def test_a_proposal_is_summed_up_and_sent_only_when_it_is_meant(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = office.claimed()
    file = office.proposal(notice.notice_id, "remove")
    assert "--yes" in office.refused(7, "cases", "decide", notice.notice_id, "--file", file)
    monkeypatch.setattr(Session, "can_ask", True)
    result = office.run("cases", "decide", notice.notice_id, "--file", file, stdin="n\n")
    assert notice.items[0].url is not None
    assert notice.items[0].url in result.stderr
    assert "Nothing was written" in result.stderr
    assert state(office, notice) == "claimed"
    office.ok("cases", "decide", notice.notice_id, "--file", file, stdin="y\n")
    assert state(office, notice) == "decided"


@pytest.mark.slow
def test_a_proposal_can_come_on_standard_input(office: Office) -> None:
    notice = office.claimed()
    text = Path(office.proposal(notice.notice_id)).read_text(encoding="utf-8")
    office.ok("cases", "decide", notice.notice_id, "--file", "-", "--yes", stdin=text)
    assert state(office, notice) == "decided"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "--file"),
        ('{"items": [], "items": []}', "--file"),
        ('{"items": [], "more": 1}', "items"),
        ("[]", "--file"),
    ],
)
def test_a_file_that_is_no_proposal_is_refused_by_name(office: Office, content: str, named: str) -> None:
    notice = office.claimed()
    assert named in office.refused(7, "cases", "decide", notice.notice_id, "--file", "-", "--yes", stdin=content)
    assert "no-such.json" in office.refused(7, "cases", "decide", notice.notice_id, "--file", "no-such.json", "--yes")
    office.refused(7, "cases", "decide", notice.notice_id)


# ------------------------------------------------------------------------------------------------- other steps


@pytest.mark.slow
def test_a_lease_is_kept_given_back_and_lost(office: Office) -> None:
    notice = office.claimed()
    lease = office.document("cases", "renew", notice.notice_id)["lease"]
    assert lease["case"]["lease"] == {"owner": "aigerim", "token": lease["token"], "expires_at": lease["expires_at"]}
    assert "aigerim holds this case" in office.refused(8, "cases", "release", notice.notice_id, user="daniyar")
    office.refused(8, "cases", "release", notice.notice_id, "--token", "99")
    office.ok("cases", "release", notice.notice_id)
    assert "nobody holds it" in office.refused(8, "cases", "renew", notice.notice_id)


def test_nothing_to_claim_is_no_error(office: Office) -> None:
    office.ok("db", "upgrade")
    assert office.ok("cases", "claim") == "No case is free to claim.\n"
    assert office.document("cases", "claim", "--category", "drugs") == {"lease": None}


@pytest.mark.slow
def test_the_ways_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.configure(sandbox="allow_test_keys = true\nundo_window_s = 600")
    notice = office.claimed(13)
    file = office.proposal(notice.notice_id, "remove")
    office.ok("cases", "decide", notice.notice_id, "--file", file, "--yes")
    seen = ("--digest", digest(office, notice), "--reasons", office.words("too broad"))
    office.ok("cases", "send-back", notice.notice_id, *seen, user="daniyar")
    assert state(office, notice) == "queued"

    other = office.decided(1, "remove")
    office.ok("cases", "undo", other.notice_id)
    assert state(office, other) == "queued"

    office.ok("cases", "claim", other.notice_id)
    question = ("--text", office.words("Какая часть записи?"), "--lang", "ru", "--item", "1")
    assert "--yes" in office.refused(7, "cases", "clarify", other.notice_id, *question)
    office.ok("cases", "clarify", other.notice_id, *question, "--yes")
    assert state(office, other) == "awaiting_answer"
    office.ok("cases", "recall", other.notice_id)
    assert state(office, other) == "queued"
    assert "--lang" in office.refused(
        7, "cases", "clarify", other.notice_id, "--text", office.words("x"), "--lang", "?", "--yes"
    )
    assert "--text" in office.refused(7, "cases", "clarify", other.notice_id)

    office.ok("cases", "claim", other.notice_id)
    questions = {"questions": [{"text": [{"lang": "kk", "text": "Қай бөлігі?"}]}]}
    office.ok("cases", "clarify", other.notice_id, "--file", office.write("q.json", questions), "--yes")
    assert state(office, other) == "awaiting_answer"


@pytest.mark.slow
def test_an_ended_case_can_be_reopened_by_a_lead(office: Office) -> None:
    notice = office.decided()
    office.ok("worker", "--once")
    facts = (
        "--channel",
        office.words("post"),
        "--number",
        office.words("3"),
        "--proof",
        office.words("tracking"),
        "--at",
        moments_ago(0),
    )
    office.ok("cases", "delivered", notice.notice_id, *facts)
    office.refused(6, "cases", "reopen", notice.notice_id, "--reasons", office.words("new facts"))
    office.ok("cases", "reopen", notice.notice_id, "--reasons", office.words("new facts"), user="daniyar")
    assert state(office, notice) == "queued"
    office.ok("cases", "acknowledge", notice.notice_id, user="daniyar")
    told = office.ok("cases", "show", notice.notice_id)
    assert "new facts" in told


def test_a_note_is_for_whoever_looks_next_and_lies_nowhere_in_clear(office: Office) -> None:
    notice = office.entered()
    said = office.ok("cases", "note", notice.notice_id, "--text", office.words("the caller rings again at noon"))
    assert said == f"Your note on {notice.notice_id} is kept. State: queued.\n"
    assert "the caller rings again at noon" in office.ok("cases", "show", notice.notice_id, user="daniyar")
    assert b"rings again" not in b"".join(
        path.read_bytes() for path in office.store.parent.glob(f"{office.store.name}*")
    )
    told = office.refused(7, "cases", "note", notice.notice_id, "--text", office.words(" "))
    assert "--text: it is empty. Write what the next person should know." in told


@pytest.mark.slow
def test_the_receipt_of_a_letter_is_corrected_by_somebody_else(office: Office) -> None:
    notice = office.entered(received="2026-11-24 10:00")
    before = office.document("cases", "show", notice.notice_id)["clock"]
    assert before["received_at"] == "2026-11-24T05:00:00Z", "a time without an offset is the time in Almaty"
    wanted = ("--received-at", "2026-11-24T04:00:00Z", "--reasons", office.words("the stamp says nine"))
    office.refused(6, "cases", "correct-receipt", notice.notice_id, *wanted)
    office.ok("cases", "correct-receipt", notice.notice_id, *wanted, user="daniyar")
    after = office.document("cases", "show", notice.notice_id)["clock"]
    assert (after["received_at"], after["due_at"]) == ("2026-11-24T04:00:00Z", "2026-11-25T04:00:00Z")
    assert "Almaty" in office.refused(
        7,
        "cases",
        "correct-receipt",
        notice.notice_id,
        "--received-at",
        "noon",
        "--reasons",
        office.words("x"),
        user="daniyar",
    )


@pytest.mark.slow
def test_what_cannot_be_used_is_shown_and_settled(office: Office) -> None:
    office.ok("db", "upgrade")
    body = builders.message_bytes(builders.notice(1)).replace(b'"kind":"prescription"', b'"kind":"whim"')
    assert pushed(office, body, "msg_sample") == 422
    (row,) = office.document("cases", "list")["cases"]
    assert row["state"] == "quarantined"
    assert "In quarantine" in office.ok("cases", "show", row["case"])
    assert office.document("cases", "show", row["case"])["notice"] is None
    office.refused(6, "cases", "settle", row["case"], "--reasons", office.words("called"))
    office.ok("cases", "settle", row["case"], "--reasons", office.words("called, they send it again"), user="daniyar")
    assert office.ok("cases", "list") == "No cases are waiting.\n"


def test_a_pushed_notice_shows_where_it_came_from(office: Office) -> None:
    office.ok("db", "upgrade")
    notice = builders.notice(2)
    assert pushed(office, builders.message_bytes(notice), "msg_sample") == 202
    document = office.document("cases", "show", notice.notice_id)
    assert (document["source"], document["authenticity"]) == ("pushed", "signed")
    assert [(row["type"], row["exit"]) for row in document["received"]] == [("notice.issued", "accepted")]
    assert document["notice"]["notice_id"] == notice.notice_id


@pytest.mark.slow
def test_a_letter_is_written_once_and_never_over_a_file(office: Office) -> None:
    notice = office.decided()
    assert "waiting" in office.refused(5, "cases", "letter", notice.notice_id)
    assert "Decide first" in office.refused(7, "cases", "letter", office.vouched(2).notice_id)
    office.ok("worker", "--once")
    out = str(office.folder / "answer.txt")
    office.ok("cases", "letter", notice.notice_id, "--lang", "kk", "--out", out)
    assert notice.reference_number in Path(out).read_text(encoding="utf-8")
    assert "--out" in office.refused(7, "cases", "letter", notice.notice_id, "--out", out)
    office.refused(7, "cases", "letter", notice.notice_id, "--lang", "de")
    office.refused(5, "cases", "letter", notice.notice_id, "--message", "no-such-message")
    assert office.document("cases", "letter", notice.notice_id)["lang"] == "ru"
    office.refused(5, "cases", "retry", notice.notice_id)


def test_a_pushed_case_is_switched_to_letters(office: Office) -> None:
    notice = office.vouched()
    assert "--yes" in office.refused(7, "cases", "by-hand", notice.notice_id)
    assert office.document("cases", "by-hand", notice.notice_id, "--yes")["case"]["channel"] == "by_hand"
