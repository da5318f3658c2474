"""The legal check and the looks at the content in a pack: all of it in the full form, no name and no riddle in the
other."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.words import words
from kz_compliance_sdk.evidence.verify_pack import verified
from kz_compliance_sdk.testing.content import FakeContent
from tests.case_makers import YES
from tests.catalogues import tables
from tests.evidence.scene import HEAD, LEAD, OFFICE_PEOPLE, USER, Scene, facts, full, opened, scene

TEXTS = {"case.json", "events.jsonl", "report.html"}
LAWYER = Actor("marat.lawyer", frozenset({"legal"}), account="marat.account")


@pytest.fixture
def reviewed(at: Scene) -> tuple[Scene, str]:
    at.desk.on_resolve(FakeContent(at.clock).resolve)
    case_id = at.case(decided=False)
    check = YES.model_copy(update={"note": "Planted Note", "clarity": "unclear"})
    at.desk.take(LAWYER, case_id, commands.RecordLegalCheck(check))
    at.desk.look(HEAD, case_id)
    at.office.decide(case_id=case_id, by=at.office.moderator, approved_by=at.office.lead)
    return at, case_id


def test_the_full_form_holds_the_answers_and_the_looks(reviewed: tuple[Scene, str]) -> None:
    at, case_id = reviewed
    pack = full(at, case_id)
    held = at.desk.case_file(case_id)
    assert [one["answers"] for one in facts(pack, "legally_checked")] == [row.answers for row in held.legal_checks]
    first = facts(pack, "legally_checked")[0]
    assert (first["by"], first["answers"]["clarity"]) == (LAWYER.id, "unclear")
    assert set(first["answers"]) == {question.name for question in QUESTIONS}
    looked = b"".join(opened(pack)[one["words"]["objects"]["file"]] for one in facts(pack, "looked"))
    assert {row.digest for row in held.content} == {row.digest for row in held.content if row.digest.encode() in looked}
    assert b"Planted Note" in pack
    assert verified(pack, None).problems == []


def test_the_redacted_form_shows_the_answers_and_neither_names_nor_digests(reviewed: tuple[Scene, str]) -> None:
    at, case_id = reviewed
    pack = at.desk.evidence(HEAD, case_id)
    held, checks = at.desk.case_file(case_id), facts(pack, "legally_checked")
    assert [one["answers"]["clarity"] for one in checks] == ["unclear", "yes"]
    assert {one["by"] for one in checks} <= {f"person-{n}" for n in range(1, 6)}
    riddles = [*(row.digest for row in held.legal_checks), *(row.digest for row in held.content)]
    names = [*OFFICE_PEOPLE, LAWYER.id, LAWYER.account, USER, "Planted"]
    inside = json.dumps([text.decode("utf-8", "replace") for text in opened(pack).values()])
    assert [one for one in (*riddles, *names) if one in inside] == []
    withheld = [kept for one in (*checks, *facts(pack, "looked")) for kept in one["words"].values()]
    assert withheld == [None] * len(withheld) != []
    assert verified(pack, None).problems == []


@pytest.mark.parametrize("lang", ["kk", "ru", "en"])
def test_both_forms_tell_which_rules_asked_for_a_second_person(reviewed: tuple[Scene, str], lang: str) -> None:
    at, case_id = reviewed
    policy = at.desk.policy.version
    for pack in (full(at, case_id, lang), at.desk.evidence(HEAD, case_id, lang=lang)):
        (proposed,) = facts(pack, "proposed")
        assert (proposed["policy"], proposed["rules"]) == (policy, ["check_contradicted"])
        page = opened(pack)["report.html"].decode()
        assert escape(words(lang, "cases")("rule", "check_contradicted"), quote=False) in page.replace("&#39;", "'")
        assert policy in page


def test_a_policy_of_the_platforms_own_is_told_in_the_redacted_form(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("four_eyes_always = true\n")
    with scene(folder, policy_file=str(own)) as at:
        pack = at.desk.evidence(HEAD, at.case())
    (proposed,) = facts(pack, "proposed")
    assert proposed["rules"] == ["always"]
    assert proposed["policy"].startswith(f"{kz_policy().version}+own+sandbox.")


def test_the_redacted_form_does_not_say_that_the_head_proposed(at: Scene) -> None:
    case_id = at.case(decided=False)
    at.office.decide(case_id=case_id, by=HEAD, approved_by=LEAD)
    rule = escape(words("en", "cases")("rule", "head_of_office"))
    assert rule in opened(full(at, case_id, "en"))["report.html"].decode()
    redacted = opened(at.desk.evidence(HEAD, case_id, lang="en"))
    inside = "".join(data.decode("utf-8", "replace") for name, data in redacted.items() if name in TEXTS)
    assert {name for name in redacted if name in TEXTS} == TEXTS
    assert [word for word in ("head_of_office", rule) if word in inside] == []


@pytest.mark.parametrize("lang", ["kk", "ru", "en"])
def test_the_page_shows_both(reviewed: tuple[Scene, str], lang: str) -> None:
    at, case_id = reviewed
    pack = at.desk.evidence(HEAD, case_id, lang=lang)
    page, looks = opened(pack)["report.html"].decode(), [one for on in facts(pack, "looked") for one in on["seen"]]
    there = tables(lang, "evidence")["page"]["there"]
    assert page.partition('id="items"')[0].count(there) == len(looks) > 1, "what was looked at, and found"
    answer = {"kk": "иә", "ru": "да", "en": "yes"}[lang]
    for question in QUESTIONS:
        if question.bars == "no":
            row = f'<th scope="row">{question.text[lang]}</th><td>{answer}</td>'
            assert row in page, "asked and answered in the language of the pack"
