"""Looking at content and answering the legal check on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.decision import QUESTIONS
from tests.cli_office import Office

POSTS = """
import hashlib, time
from pathlib import Path
from kz_compliance_sdk.ports import Resolved

TEXT = Path(__file__).with_name("post.txt")

class Posts:
    def resolve(self, reference):
        text = TEXT.read_text()
        if text == "down":
            raise RuntimeError(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Resolved(reference.object_id or reference.url, digest, text != "", int(time.time()), text)
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path, monkeypatch)
    folder = tmp_path / "platform"
    folder.mkdir()
    (folder / "posts.py").write_text(POSTS)
    (folder / "post.txt").write_text("casino, no licence")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(__import__("sys").modules, "posts", raising=False)
    return made


def _answers(**other: str) -> list[str]:
    clear = {question.name: "no" if question.bars == "yes" else "yes" for question in QUESTIONS}
    return [part for name, word in (clear | other).items() for part in ("--answer", f"{name}={word}")]


PORT = ("--content", "posts:Posts")


@pytest.mark.slow
def test_a_case_is_looked_at_decided_and_carried_out(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = office.enforcer(monkeypatch)
    notice = office.claimed(1)
    name = notice.notice_id
    unseen = office.proposal(name, "remove")
    line = office.refused(7, "cases", "decide", name, "--file", unseen, *PORT, "--yes")
    assert "items[0].content_sha256" in line
    assert "Look at the case first" in line

    assert "casino, no licence" in office.ok("cases", "look", name, *PORT)
    (seen,) = office.document("cases", "look", name, *PORT)["content"]
    story = office.document("cases", "show", name)
    assert [look["digest"] for look in story["content"]] == [seen["content_sha256"]] * 2
    assert "casino" not in json.dumps(story["content"])
    assert seen["content_sha256"] in office.ok("cases", "show", name)

    assert (
        office.document("cases", "decide", name, "--template")["items"][0]["content_sha256"] == seen["content_sha256"]
    )
    decided = office.document("cases", "decide", name, "--file", office.proposal(name, "remove"), *PORT, "--yes")
    assert decided["case"]["state"] == "decided"

    (tmp_path / "platform" / "post.txt").write_text("an apology")
    office.document("worker", "--once", "--enforcer", "takedown:Carried", *PORT)
    story = office.document("cases", "show", name)
    assert (story["state"], carried.exists()) == ("queued", False)
    assert "content_changed:1" in story["flags"]


@pytest.mark.slow
def test_without_the_port_a_look_says_what_to_do(office: Office) -> None:
    notice = office.claimed(1)
    assert "Content port" in office.refused(3, "cases", "look", notice.notice_id)
    assert "resolve" in office.refused(3, "cases", "look", notice.notice_id, "--content", "posts:hashlib")


def test_a_failing_port_is_told(office: Office, tmp_path: Path) -> None:
    (tmp_path / "platform" / "post.txt").write_text("down")
    notice = office.claimed(1)
    assert "nobody could look: RuntimeError" in office.ok("cases", "look", notice.notice_id, *PORT)


@pytest.mark.slow
def test_a_check_is_recorded_and_named_in_a_proposal(office: Office) -> None:
    notice = office.claimed(1)
    name = notice.notice_id
    recorded = office.document("cases", "check", name, *_answers(), "--note", office.words("read the act"))
    assert (recorded["version"], recorded["bars"]) == (1, [])
    file = Path(office.proposal(name, "remove"))
    chosen = json.loads(file.read_text())
    chosen["legal_check"] = 1
    file.write_text(json.dumps(chosen))
    decided = office.document("cases", "decide", name, "--file", str(file), "--yes")
    assert decided["case"]["state"] == "decided"
    story = office.document("cases", "show", name)
    (check,) = story["legal_checks"]
    assert story["decisions"][0]["legal_check"] == {"version": 1, "digest": check["digest"]}
    shown = office.ok("cases", "show", name)
    assert "version 1, recorded before" in shown
    assert "read the act" in shown, "the note is sealed in the ledger"


@pytest.mark.slow
def test_an_answer_that_bars_is_told_at_once(office: Office) -> None:
    notice = office.claimed(1)
    told = office.ok("cases", "check", notice.notice_id, *_answers(protected_speech="yes", clarity="unclear"))
    assert "bars a measure on local law: protected_speech" in told
    shown = office.ok("cases", "show", notice.notice_id)
    assert "bars local law: protected_speech; unclear: clarity" in shown


@pytest.mark.slow
def test_the_template_asks_in_three_languages_and_is_read_back(office: Office, tmp_path: Path) -> None:
    notice = office.claimed(1)
    for lang in ("kk", "ru", "en"):
        assert set(office.document("cases", "check", notice.notice_id, "--template", "--lang", lang)) == {
            *(question.name for question in QUESTIONS),
            "note",
        }
    answers = {question.name: "unclear" for question in QUESTIONS}
    file = tmp_path / "check.json"
    file.write_text(json.dumps(answers))
    assert office.document("cases", "check", notice.notice_id, "--file", str(file))["version"] == 1
    file.write_text(json.dumps({**answers, "clarity": "perhaps"}))
    assert "clarity" in office.refused(7, "cases", "check", notice.notice_id, "--file", str(file))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([], "--answer"),
        (["--answer", "authority=yes"], "legal_basis"),
        (["--answer", "authority=perhaps"], "QUESTION=ANSWER"),
        (["--answer", "weather=yes"], "QUESTION=ANSWER"),
        ([*_answers(), "--answer", "authority=no"], "twice"),
        (["--template", "--file", "x"], "either"),
        (["--template", "--lang", "de"], "--lang"),
    ],
)
def test_what_is_wrong_with_the_answers_is_named(office: Office, given: list[str], named: str) -> None:
    notice = office.claimed(1)
    assert named in office.refused(7, "cases", "check", notice.notice_id, *given)


def test_a_note_that_is_too_long_is_named(office: Office) -> None:
    notice = office.claimed(1)
    given = [*_answers(), "--note", office.words("x" * 5001)]
    assert "--note" in office.refused(7, "cases", "check", notice.notice_id, *given)


@pytest.mark.slow
def test_what_was_not_filled_in_is_told_at_once_with_the_words_that_are_allowed(office: Office) -> None:
    notice = office.claimed(1)
    skeleton = office.document("cases", "decide", notice.notice_id, "--template")
    file = office.write("empty.json", skeleton)
    result = office.run("cases", "decide", notice.notice_id, "--file", file, "--yes")
    assert result.exit_code == 7
    told = result.stderr
    for field in ("items[0].finding", "items[0].reasons", "items[0].action", "items[0].wording.outcome"):
        assert f": {field}: " in told
    assert "'illegal', 'not_illegal', 'unclear' or 'not_assessed'" in told
    assert "legal_check.narrowest: " in told
    assert "'yes', 'no' or 'unclear'" in told
    assert told.count("decide --template prints") == 1


WORDING = """
[any.refuse]
refusal_code = "not_illegal"
ru = "Нарушения не видим."

[illegal_gambling.refuse]
refusal_code = "protected_speech"
kk = "Өз сөзіміз."
ru = "Свои слова."

[any.remove]
kk = "Жойылды."
ru = "Удалено."
"""


@pytest.mark.slow
def test_a_template_is_filled_in_with_the_platforms_own_words_in_the_languages_asked_for(office: Office) -> None:
    (office.folder / "words.toml").write_text(WORDING, encoding="utf-8")
    office.configure(f'wording_file = "{office.folder / "words.toml"}"')
    notice = office.claimed(1)
    template = ("cases", "decide", notice.notice_id, "--template", "--as")
    refusing = office.document(*template, "refuse")
    (item,) = refusing["items"]
    own = notice.category == "illegal_gambling"
    assert item["wording"]["refusal_code"] == ("protected_speech" if own else "not_illegal")
    said = {one["lang"]: one["text"] for one in item["wording"]["statement_of_reasons"]}
    assert said.keys() == set(notice.languages)
    assert said["ru"] == ("Свои слова." if own else "Нарушения не видим.")
    assert (item["action"], item["wording"]["outcome"], refusing["legal_check"]) == ("none", "refused", None)
    assert (item["finding"], item["reasons"], refusing["text_checked"]) == ("", "", False), "a person says these"
    refusing["items"] = [{**item, "finding": "not_illegal", "reasons": "satire"}]
    refusing["items"][0]["wording"]["statement_of_reasons"] = [{"lang": "ru", "text": said["ru"]}]
    file = office.write("refusal.json", {**refusing, "text_checked": True})
    office.ok("cases", "decide", notice.notice_id, "--file", file, "--yes")


@pytest.mark.parametrize("way", ["refuse", "remove"])
@pytest.mark.slow
def test_without_words_of_its_own_a_template_is_filled_in_but_for_them(office: Office, way: str) -> None:
    notice = office.claimed(1)
    (item,) = office.document("cases", "decide", notice.notice_id, "--template", "--as", way)["items"]
    assert item["action"] == ("none" if way == "refuse" else "remove")
    assert {one["text"] for one in item["wording"]["statement_of_reasons"]} == {""}


@pytest.mark.slow
def test_a_measure_is_filled_in_and_what_is_none_is_named(office: Office) -> None:
    (office.folder / "words.toml").write_text(WORDING, encoding="utf-8")
    office.configure(f'wording_file = "{office.folder / "words.toml"}"')
    notice = office.claimed(1)
    template = ("cases", "decide", notice.notice_id, "--template", "--as")
    measure = office.document(*template, "remove")
    (item,) = measure["items"]
    assert (item["action"], item["ground"], item["wording"]["outcome"]) == ("remove", "local_law", "removed")
    assert {one["text"] for one in item["wording"]["statement_of_reasons"]} <= {"Жойылды.", "Удалено."}
    assert measure["legal_check"]["authority"] == "", "the check is a person's"
    assert "restrict_access" in office.refused(7, *template, "burn")
    (office.folder / "words.toml").write_text('[any.refuse]\nrefusal_code = "because"\n', encoding="utf-8")
    assert "any.refuse.refusal_code" in office.refused(3, *template, "refuse")


def test_a_mistake_in_the_check_of_a_proposal_names_its_question(office: Office) -> None:
    notice = office.claimed(1)
    file = Path(office.proposal(notice.notice_id, "remove"))
    chosen = json.loads(file.read_text())
    del chosen["legal_check"]["narrowest"]
    file.write_text(json.dumps(chosen))
    line = office.refused(7, "cases", "decide", notice.notice_id, "--file", str(file), "--yes")
    assert ": legal_check.narrowest:" in line
