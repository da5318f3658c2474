"""Contests, suspensions, instructions, appeals, user notices and holds in a pack: times and states in the redacted
form, and in the full form what was said."""

from __future__ import annotations

import json
from html import unescape

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.values import message_id
from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.evidence.verify_pack import verified
from kz_compliance_sdk.ports import Told
from tests.catalogues import tables
from tests.evidence.scene import HEAD, LEAD, OFFICE_PEOPLE, USER, Scene, document, facts, full, opened
from tests.variants import variants

LAWYER = Actor("marat.lawyer", frozenset({"legal"}), account="marat.account")
KINDS = ("contest_recorded", "suspended", "instructed", "user_notice_owed", "appealed", "held")
WORDS = (
    "Planted Court",
    "PLANTED-7",
    "planted remedy",
    "planted order",
    "Planted Caller",
    "planted plea",
    "planted hold",
)


@pytest.fixture
def pressed(at: Scene) -> tuple[Scene, str]:
    at.desk.on_tell_user(lambda _notice: Told(at.clock()))
    case_id = at.case()
    desk, now = at.desk, at.clock()
    desk.take(
        LEAD,
        case_id,
        commands.RecordContest(body="Planted Court", reference="PLANTED-7", filed_at=now, remedy="planted remedy"),
    )
    order = commands.Suspend("Planted Court", "planted order", now, "Planted Code, art. 1", "a" * 64, now + 3600)
    desk.take(LEAD, case_id, order)
    desk.take(LAWYER, case_id, commands.ConfirmSuspension(1, "read on the court's site"))
    desk.take(
        HEAD,
        case_id,
        commands.RecordInstruction(
            given_by="Planted Caller", unit="", channel="phone", given_at=now, said="planted words"
        ),
    )
    appeal = desk.take(SYSTEM, case_id, commands.ReceiveAppeal("1", "planted plea", now, "PLANTED-9"))
    desk.take(
        LAWYER,
        desk.appeals.case_of(appeal.appeal_id),
        commands.DecideAppeal(appeal.appeal_id, "uphold", "planted reasons of the second"),
    )
    desk.take(LEAD, case_id, commands.Hold("planted hold", now + 86_400))
    at.outbox.settle()
    return at, case_id


@pytest.mark.slow
def test_the_redacted_form_tells_that_and_when_and_not_what_was_said(pressed: tuple[Scene, str]) -> None:
    at, case_id = pressed
    pack = at.desk.evidence(HEAD, case_id)
    assert {kind: len(facts(pack, kind)) for kind in KINDS} == {**dict.fromkeys(KINDS, 1), "user_notice_owed": 3}
    assert len(facts(pack, "appeal_upheld")) == 1
    told = [one["state"] for one in document(pack, "case.json")["messages"] if one["kind"] == "user_notice"]
    assert (told, len(facts(pack, "user_told"))) == (["done"] * 3, 3)
    assert facts(pack, "suspension_confirmed")[0]["by"].startswith("person-")
    assert facts(pack, "held")[0]["until"]
    assert {kept for one in facts(pack, *KINDS) for kept in one["words"].values()} == {None}
    inside = json.dumps([text.decode("utf-8", "replace") for text in opened(pack).values()])
    names = [
        *OFFICE_PEOPLE,
        LAWYER.id,
        LAWYER.account,
        USER,
        *WORDS,
        "PLANTED-9",
        at.desk.appeals.list("upheld").appeals[0].appeal_id,
    ]
    assert [name for name in names if name in inside] == []
    assert verified(pack, None).problems == []


@pytest.mark.slow
def test_the_ids_that_are_shown_are_made_of_what_is_shown_and_of_no_objects_name(pressed: tuple[Scene, str]) -> None:
    at, case_id = pressed
    case = at.desk.case_file(case_id).chain.stream.case
    of_objects = [one for one in case.messages.values() if one.kind in ("enforce", "user_notice")]
    told = {one.message: (f"user_notice/{one.kind}", one.decision, one.version) for one in case.tellings.values()}
    assert len(of_objects) == 5
    pack = at.desk.evidence(HEAD, case_id)
    for one in of_objects:
        kind, decision, number = told.get(one.id, ("enforce", 0, one.number))
        assert one.id == message_id(f"case/{case_id}", kind, decision, number, one.item)
        assert one.id.encode() in pack


@pytest.mark.slow
def test_it_says_when_each_came_and_what_became_of_it(pressed: tuple[Scene, str]) -> None:
    at, case_id = pressed
    at.clock.advance(60)
    at.desk.take(LEAD, case_id, commands.SettleContest(1, "rejected", at.clock(), "planted words of the court"))
    pack, now, held = full(at, case_id), at.clock() - 60, at.desk.case_file(case_id)
    (contest,), (settled,) = facts(pack, "contest_recorded"), facts(pack, "contest_settled")
    assert (contest["contest"], contest["filed_at"], contest["by"]) == (1, now, LEAD.id)
    assert (settled["contest"], settled["result"], settled["result_at"]) == (1, "rejected", at.clock())
    (suspension,), (confirmed,) = facts(pack, "suspended"), facts(pack, "suspension_confirmed")
    assert (suspension["suspension"], suspension["from_at"], suspension["by"]) == (1, now, LEAD.id)
    assert (confirmed["by"], facts(pack, "suspension_ended")) == (LAWYER.id, [])
    assert suspension["until_at"] == at.clock() + 3540
    (appeal,), (upheld,) = facts(pack, "appealed"), facts(pack, "appeal_upheld")
    assert (appeal["item"], appeal["received_at"], appeal["decision"]) == (1, now, 1)
    assert (upheld["appeal"], upheld["by"], upheld["at"]) == (1, LAWYER.id, now)
    (filed,) = at.desk.appeals.list("upheld").appeals
    assert appeal["due_at"] == filed.due_at
    rows = {(row.item_id, row.kind): row for row in held.user_notices}
    sent = {one["message"]: one["at_platform"] for one in facts(pack, "user_told")}
    told = {one["event"]: one["message"] for one in document(pack, "case.json")["messages"]}
    for one in facts(pack, "user_notice_owed"):
        row = rows[str(one["item"]), one["notice"]]
        assert (row.state, row.decision_version, row.basis) == ("sent", 1, one.get("basis", ""))
        assert (one["due_at"], sent[told[one["event"]]]) == (now, now)


@pytest.mark.slow
def test_the_full_form_holds_the_words(pressed: tuple[Scene, str]) -> None:
    at, case_id = pressed
    pack = full(at, case_id)
    kept = [part["file"] for one in facts(pack, *KINDS) for part in one["words"].values()]
    said = " ".join(opened(pack)[path].decode() for path in kept)
    assert [word for word in (*WORDS, "PLANTED-9") if word not in said] == []
    assert verified(pack, None).problems == []


@pytest.mark.slow
@pytest.mark.parametrize("lang", variants({lang: lang for lang in LANGUAGES}, "ru"))
@pytest.mark.parametrize("form", [False, True])
def test_the_page_shows_them(pressed: tuple[Scene, str], lang: str, form: bool) -> None:
    at, case_id = pressed
    pack = full(at, case_id, lang) if form else at.desk.evidence(HEAD, case_id, lang=lang)
    page = opened(pack)["report.html"].decode()
    part = {name: page.partition(f'id="{name}"')[2].partition("</section>")[0] for name in ("story", "timeline")}
    story, timeline = (unescape(text) for text in part.values())
    said = tables(lang, "evidence")
    assert [word for word in said["remedy"].values() if word.lower() not in story.lower()] == []
    assert story.count(f": {said['remedy_state']['sent']}, ") == 3
    assert said["remedy_state"]["upheld"] in story
    assert ("planted plea" in timeline) is form
    assert not [code for code in ("contests", "user_notices", "unconfirmed", "appeal_decided") if code in story]
