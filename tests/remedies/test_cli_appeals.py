"""Appeals and delays at the command line: the same rules, and one account is never two pairs of eyes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.values import instant_text
from tests.cli_office import Office
from tests.review.test_cli_review import state

WORDS = {
    "finding": "not_illegal",
    "refusal_code": "protected_speech",
    "statement": [{"lang": "ru", "text": "Это сатира."}, {"lang": "kk", "text": "Бұл сатира."}],
}
LAWYER = '[actors.zhanna]\nid = "zhanna"\nroles = ["legal"]'
MESSENGER = """
import time

from kz_compliance_sdk.ports import Told


class Told_:
    def tell(self, notice):
        with open("told.txt", "a") as out:
            out.write(f"{notice.kind} {notice.item_id}\\n")
        return Told(int(time.time()))
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    office = Office(tmp_path, monkeypatch)
    office.configure(LAWYER)
    (tmp_path / "mailer.py").write_text(MESSENGER, encoding="utf-8")
    return office


def removed(office: Office, monkeypatch: pytest.MonkeyPatch) -> Notice:
    office.enforcer(monkeypatch)
    notice = office.decided(1, "remove")
    result = office.run("worker", "--once", "--enforcer", "takedown:Carried")
    assert "No --messenger" in result.stderr
    return notice


def received(office: Office, notice: Notice, reference: str = "T-1") -> str:
    now = instant_text(int(time.time()))
    told = (
        "--item",
        "1",
        "--reference",
        office.words(reference),
        "--text",
        office.words("It is satire."),
        "--received-at",
        now,
    )
    return str(office.document("appeals", "receive", notice.notice_id, *told)["appeal"]["appeal"])


@pytest.mark.slow
def test_an_appeal_goes_from_the_form_to_the_object(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = removed(office, monkeypatch)
    assert office.ok("appeals", "list") == "No appeal is open.\n"
    appeal = received(office, notice)
    assert received(office, notice) == appeal
    assert "T-1" in office.ok("appeals", "list")
    assert "It is satire." in office.ok("appeals", "show", appeal)
    file = office.write("reversal.json", WORDS)
    facts = ("appeals", "decide", appeal, "reverse", "--reasons", office.words("it is satire"))
    assert "may not decide appeal" in office.refused(6, *facts, "--file", file, "--yes")
    assert "--file" in office.refused(7, *facts, user="daniyar")
    assert "--yes" in office.refused(7, *facts, "--file", file, user="daniyar")
    answer = office.document(*facts, "--file", file, "--yes", user="daniyar")
    assert (answer["appeal"]["state"], answer["appeal"]["decided_by"]) == ("reversed", "daniyar")
    office.document("worker", "--once", "--enforcer", "takedown:Carried", "--messenger", "mailer:Told_")
    assert [line.split()[0] for line in (office.folder / "carried.txt").read_text().splitlines()] == ["remove"] * 2
    story = office.document("cases", "show", notice.notice_id)
    assert [item["status"] for item in story["item_states"]] == ["lifted"]
    told = (office.folder / "told.txt").read_text().split("\n")
    assert sorted(filter(None, told)) == ["appeal_decided 1", "restored 1"]
    assert {row["kind"]: row["state"] for row in story["user_notices"]} == {
        "measure": "void",
        "restored": "sent",
        "appeal_decided": "sent",
    }
    assert "What the affected users are told" in office.ok("cases", "show", notice.notice_id)
    assert office.document("audit", "verify")["intact"]


@pytest.mark.slow
def test_the_account_of_a_decider_decides_no_appeal(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = removed(office, monkeypatch)
    appeal = received(office, notice)
    office.configure(LAWYER)
    text = office.config.read_text(encoding="utf-8")
    other = text.replace('id = "aigerim"\nroles = ["moderator"]', 'id = "somebody"\nroles = ["lead"]')
    assert other != text
    office.config.write_text(other, encoding="utf-8")
    line = office.refused(6, "appeals", "decide", appeal, "uphold", "--reasons", office.words("it stays"))
    assert "second person" in line
    assert "second person" in office.refused(6, "appeals", "withdraw", appeal)
    office.ok("appeals", "decide", appeal, "uphold", "--reasons", office.words("it stays"), user="daniyar")


@pytest.mark.slow
def test_an_appeal_is_taken_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = removed(office, monkeypatch)
    appeal = received(office, notice)
    assert "their own decision" in office.refused(6, "appeals", "withdraw", appeal)
    assert office.document("appeals", "withdraw", appeal, user="daniyar")["appeal"]["state"] == "withdrawn"
    assert office.document("appeals", "list", "--state", "withdrawn")["appeals"][0]["appeal"] == appeal
    assert state(office, notice) == "enforced", "the letter still waits for a person"


@pytest.mark.slow
def test_telling_is_put_off_by_a_lawyer_with_a_basis_and_an_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = removed(office, monkeypatch)
    until = instant_text(int(time.time()) + 86_400)
    facts = (
        "--until",
        until,
        "--legal-basis",
        office.words("Criminal Procedure Code, art. 201"),
        "--reasons",
        office.words("an inquiry"),
    )
    office.refused(6, "cases", "notify-later", notice.notice_id, *facts, user="aigerim")
    rows = office.document("cases", "notify-later", notice.notice_id, *facts, user="zhanna")["user_notices"]
    assert [(row["state"], row["delay_until"], row["basis"]) for row in rows] == [("delayed", until, "person")]
    office.document("worker", "--once", "--enforcer", "takedown:Carried", "--messenger", "mailer:Told_")
    assert not (office.folder / "told.txt").exists()
    late = ("--until", "2099-01-01T00:00:00Z", *facts[2:])
    assert "--until" in office.refused(7, "cases", "notify-later", notice.notice_id, *late, user="zhanna")


@pytest.mark.slow
def test_a_messenger_is_named_like_an_enforcer(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    removed(office, monkeypatch)
    for name, said in (("mailer", "no MODULE:NAME"), ("mailer:time", "no Messenger"), ("nowhere:x", "imported")):
        line = office.refused(3, "worker", "--once", "--messenger", name)
        assert line.startswith("error: --messenger: ")
        assert said in line
