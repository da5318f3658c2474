"""What a message of the authority, or news of its order, leaves behind: in the chain, with people, and at the edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.commands import remedies
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotFound
from tests.driver import CLERK, HEAD, HOUR, LEAD, LEGAL, M1, Document, Driver, item_decision

POSTS = [{"item_id": name, "object_id": f"post:{name}"} for name in ("1", "2")]
REFUSED = {"action": "none", "finding": "not_illegal", "ground": None, "wording": item_decision("2", "none").wording}
OTHER = {"item_id": "1", "object_id": "post:other"}


@pytest.fixture
def office(tmp_path: Path) -> Driver:
    return Driver(tmp_path, undo_window_s=60)


def _pass_window(office: Driver) -> None:
    office.wait(60)
    office.deliver()


def _said(office: Driver, case: str, kind: str) -> Document:
    """What the newest event of a kind says in the open, without what seals its texts and how its message came."""
    event = [one for one in office.case(case)["audit"] if one["kind"] == kind][-1]
    data: Document = json.loads(event["content"])["data"]
    return {name: value for name, value in data.items() if name not in ("came", "parts")}


def _came(office: Driver, case: str, kind: str) -> Document:
    """How the message came that the newest event of a kind tells of."""
    event = [one for one in office.case(case)["audit"] if one["kind"] == kind][-1]
    came: Document = json.loads(event["content"])["data"]["came"]
    return {name: value for name, value in came.items() if name not in ("body", "key")}


def _pushed(office: Driver) -> Document:
    """How a message comes that the regulator pushes now."""
    told = {"sender": "sample-regulator", "source": "pushed", "signed_at": int(office.clock())}
    return {**told, "profile": "standard-webhooks", "key_id": "sample-regulator-hmac"}


def _pages(office: Driver, reason: str) -> list[tuple[tuple[str, ...], int]]:
    office.deliver()
    return [(alert.audience, alert.level) for alert in office.pager.alerts if alert.reason == reason]


def _raised(do: Callable[[], Any], field: str) -> None:
    with pytest.raises(InvalidInput) as told:
        do()
    assert told.value.field == field


# ------------------------------------------------------------------------------------------ what the trail says


def _demanded(office: Driver) -> Document:
    """What a notice of this moment says of itself in codes."""
    said = {"authority_type": "authorised_body", "legal_basis": ["online_platforms/9"], "requested": "remove"}
    return {**said, "issued_at": int(office.clock())}


def test_the_chain_says_what_opened_a_case(office: Driver) -> None:
    case = office.issue(1, POSTS)
    now = int(office.clock())
    said = _said(office, case, "opened")
    objects = [item.pop("object") for item in said["items"]]
    assert len(set(objects)) == 2
    assert said == {
        "authority": "sample-authorised-body", "notice": "KZ-2026-0000001", "revision": 1, "kind": "prescription",
        "category": "illegal_gambling", "languages": ["kk", "ru"],
        "items": [{"number": 1, "way": "object"}, {"number": 2, "way": "object"}],
        "flags": ["deadline_defaulted"], "policy": office.policy.version, "received_at": now, "escalates_from": now,
        "due_at": now + 24 * HOUR, "demanded": _demanded(office),
    }  # fmt: skip
    limit = {"volume_limit": office.policy.safeguards.volume_notices}
    assert _came(office, case, "opened") == {**_pushed(office), **limit}


def test_the_chain_says_what_was_cancelled(office: Driver) -> None:
    case = office.issue(1, POSTS)
    office.cancel(office.case(case)["notice_id"], "annulled", ["2"])
    fallen = [{"item": 2, "fate": "stopped", "order": True}]
    told = {"effect": "annulled", "named": [2], "revision": 1, "fallen": fallen}
    assert _said(office, case, "cancelled") == told
    assert "cancelled_annulled" in office.case(case)["flags"]
    office.cancel(office.case(case)["notice_id"], None)
    assert _said(office, case, "cancelled") == {
        "revision": 1,
        "fallen": [{"item": 1, "fate": "stopped"}, {"item": 2, "fate": "stays"}],
    }
    assert _came(office, case, "cancelled") == _pushed(office)
    assert "effect_missing" in office.case(case)["flags"]
    assert _pages(office, "cancelled") == [(("moderator", "lead"), 40)]
    assert _pages(office, "cancelled.effect_missing") == [(("moderator", "lead", "head"), 40)]


def test_the_chain_names_who_typed_a_cancellation_in(office: Driver) -> None:
    case = office.issue(1, POSTS)
    letter = office.enter_cancellation(CLERK, case)
    office.vouch(LEAD, case, letter)
    assert _came(office, case, "cancelled") == {"sender": "office", "source": "typed", "channel": "by_hand"}
    who = {one["kind"]: one["actor"] for one in office.case(case)["audit"]}
    assert (who["letter_entered"], who["cancelled"]) == ("clerk", LEAD.id)


def test_the_chain_says_what_a_revision_superseded(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.cancel(notice["notice_id"], "withdrawn", ["1"])
    office.wait(10)
    office.amend(notice, items=POSTS[:1])
    said = _said(office, case, "amended")
    told = said["revision"], [item["number"] for item in said["items"]], said["fallen"]
    assert told == (2, [1], [{"item": 2, "fate": "stopped", "order": True}])
    assert "due_at" not in said, "its clock runs on"
    assert [one["state"] for one in office.messages(case, "clarification")] == ["void"]
    assert question in {one["message"] for one in office.messages(case, "clarification")}
    assert "amended" in office.case(case)["flags"]
    assert _pages(office, "amended") == [(("moderator", "lead"), 30)]


def test_the_chain_says_which_question_was_answered(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.clarify(notice["notice_id"], question)
    assert _said(office, case, "answered") == {"question": question}
    assert _came(office, case, "answered") == _pushed(office)
    assert "clarified" in office.case(case)["flags"]
    assert _pages(office, "clarified") == [(("moderator",), 20)]


def test_an_answer_to_what_is_in_hand_is_a_flag(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.recall(M1, case)
    office.clarify(notice["notice_id"], question)
    assert _said(office, case, "flagged") == {"flags": ["clarified"]}
    assert _came(office, case, "flagged") == _pushed(office)
    assert _pages(office, "flag.clarified") == [(("moderator", "lead"), 30)]


def test_the_level_of_a_reminder_only_rises(office: Driver) -> None:
    case = office.issue(1)
    notice_id = office.case(case)["notice_id"]
    office.remind(notice_id, 2)
    office.remind(notice_id, 1)
    assert office.case(case)["level"] == 2
    assert _said(office, case, "reminded") == {"level": 1}
    assert _came(office, case, "reminded") == _pushed(office)
    assert _pages(office, "reminded") == [(("moderator", "lead"), 40)] * 2


def test_what_could_not_be_read_has_no_type_in_an_export(office: Driver) -> None:
    case = office.break_off(1)
    (received,) = office.export(LEGAL, case)["received"]
    assert received["type"] == "unreadable"


def test_what_cannot_be_used_has_the_term_and_is_admitted_with_it(office: Driver) -> None:
    case = office.break_off(1)
    due_at, received = office.clock() + 24 * HOUR, int(office.clock())
    said = _said(office, case, "quarantined")
    code = said.pop("code")
    assert said == {
        "authority": "sample-authorised-body", "notice": "KZ-2026-0000001", "number": 1, "due_at": due_at,
        "received_at": received, "policy": office.policy.version,
    }  # fmt: skip
    assert _came(office, case, "quarantined") == {**_pushed(office), "status": 422}
    shown = office.case(case)
    assert (shown["revision"], shown["kind"], shown["category"]) == (0, "unknown", "unknown")
    assert (shown["flags"], shown["clock"]["receipt_left_s"]) == ([code], 24 * HOUR)
    assert _pages(office, f"quarantine.{code}") == [(("moderator", "lead", "head"), 50)]
    office.wait(HOUR)
    office.issue(1)
    said = _said(office, case, "admitted")
    assert (said["revision"], said["due_at"], "received_at" in said) == (1, due_at, False)
    assert office.case(case)["clock"]["receipt_left_s"] == 23 * HOUR


def test_a_letter_is_not_acknowledged_and_its_signed_form_is(office: Driver) -> None:
    case = office.enter(CLERK, 1)
    assert office.case(case)["audit"][0]["texts"] == {"how_it_came": "a letter"}
    assert office.messages(case, "acknowledgement") == []
    office.push("notice.issued", office.notice(1))
    assert len(office.messages(case, "acknowledgement")) == 1
    assert _said(office, case, "confirmed") == {"demanded": _demanded(office)}
    assert _came(office, case, "confirmed") == {**_pushed(office), "status": 200}


def test_the_chain_says_what_was_withheld(office: Driver) -> None:
    case = office.issue(1, POSTS)
    office.decide(case)
    office.suspend(HEAD, case)
    assert _said(office, case, "withheld") == {"items": [1, 2]}
    assert office.case(case)["decisions"][0]["second_person"]["rules"] == ["withheld"]
    assert _pages(office, "withheld") == [(("lead", "legal"), 60)]


def test_what_names_no_authority_is_kept_under_its_sender(office: Driver) -> None:
    notice = office.notice(1)
    del notice["issuing_authority"]
    office.push("notice.issued", notice)
    (case,) = office.cases()
    assert (case["state"], case["authority_id"]) == ("quarantined", "sample-regulator")


# ---------------------------------------------------------------------------------- what becomes of the measures


def _calls(office: Driver) -> list[tuple[str, str, int]]:
    return [(what, key.removeprefix("object:"), version) for what, key, version in office.platform.calls]


def test_a_restore_is_the_next_version_of_its_object(office: Driver) -> None:
    case = office.issue(1, POSTS)
    office.decide(case)
    _pass_window(office)
    office.cancel(office.case(case)["notice_id"], "withdrawn")
    office.deliver()
    assert _calls(office)[2:] == [("restore", "post:1", 2), ("restore", "post:2", 2)]


def test_what_was_on_its_way_for_an_object_that_is_named_no_longer_leaves_nothing(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    office.decide(case)
    office.amend(notice, items=[OTHER, POSTS[1]])
    assert list(office.items(case)) == ["1", "2"], "nothing was done to the first object that could be undone"
    _pass_window(office)
    assert _calls(office) == []


def test_a_report_that_an_amendment_overtook_does_not_leave(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    office.decide(case, "none")
    assert [one["state"] for one in office.messages(case, "report")] == ["queued"]
    office.amend(notice)
    assert [one["state"] for one in office.messages(case, "report")] == ["void"]
    _pass_window(office)
    assert office.reports() == []


def test_a_letter_that_nobody_has_posted_yet_does_not_leave_either(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    office.answer_by_hand(LEAD, case)
    office.decide(case, "none")
    _pass_window(office)
    (report,) = office.messages(case, "report")
    assert report["state"] == "waiting"
    office.amend(notice)
    assert [one["state"] for one in office.messages(case, "report")] == ["void"]
    with pytest.raises(NotFound):
        office.record_delivery(LEAD, report["message"])


@pytest.mark.slow
def test_what_is_told_of_a_measure_that_is_lifted_now_is_told_once_it_is(office: Driver) -> None:
    case = office.issue(1)
    office.answer_by_hand(LEAD, case)
    office.decide(case)
    _pass_window(office)
    assert [one["state"] for one in office.messages(case, "report")] == ["waiting"]
    office.cancel(office.case(case)["notice_id"], "withdrawn")
    assert office.case(case)["state"] == "lifting"
    assert [one["state"] for one in office.messages(case, "report")] == ["void"]


def test_people_are_called_for_a_lift_that_does_not_happen(office: Driver) -> None:
    case = office.issue(1)
    office.decide(case)
    _pass_window(office)
    before = len(office.case(case)["escalations"])
    office.platform_fails("1")
    office.cancel(office.case(case)["notice_id"], "withdrawn")
    office.wait(office.policy.lift_term_s)
    office.watch()
    assert len(office.case(case)["escalations"]) > before


def test_a_case_is_decided_once_the_only_item_in_hand_falls(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.recall(M1, case)
    office.decide(case)
    office.clarify(notice["notice_id"], question, POSTS[1:])
    office.claim(M1, case)
    assert [one["status"] for one in office.items(case).values()] == ["decided", "open"]
    office.cancel(notice["notice_id"], "withdrawn", ["2"])
    shown = office.case(case)
    assert (shown["state"], shown["lease"]) == ("decided", None)
    _pass_window(office)
    assert _calls(office) == [("enforce", "post:1", 1)]


@pytest.mark.slow
def test_what_falls_beside_what_was_lifted_leaves_the_case_lifted(office: Driver) -> None:
    notice, case = office.notice(1, POSTS), office.issue(1, POSTS)
    office.decide(case, items={"1": {}, "2": REFUSED})
    _pass_window(office)
    office.cancel(notice["notice_id"], "withdrawn", ["1"])
    office.deliver()
    office.reopen(LEAD, case)
    office.decide(case)
    office.cancel(notice["notice_id"], "withdrawn", ["2"])
    assert office.case(case)["state"] == "lifted"
    assert [one["status"] for one in office.items(case).values()] == ["lifted", "stopped"]


# -------------------------------------------------------------------------------------------- remedies: the edges


def test_a_contest_can_end_in_the_second_in_which_it_was_filed_and_not_before(office: Driver) -> None:
    case, now = office.issue(1), int(office.clock())
    office.contest(LEGAL, case)
    assert _said(office, case, "contest_recorded") == {"contest": 1, "filed_at": now}
    office.contest(LEGAL, case)
    _raised(
        lambda: office.desk.take(LEGAL.actor, case, commands.SettleContest(1, "rejected", now - 1, "why")), "result_at"
    )
    _raised(
        lambda: office.desk.take(LEGAL.actor, case, commands.SettleContest(1, "rejected", now + 1, "why")), "result_at"
    )
    _raised(lambda: office.desk.take(LEGAL.actor, case, commands.SettleContest(1, "rejected", now, " ")), "reasons")
    _raised(lambda: office.desk.take(LEGAL.actor, case, commands.SettleContest(3, "rejected", now, "why")), "number")
    office.settle_contest(LEGAL, case, 2, "granted")
    said = {"contest": 2, "result": "granted", "result_at": now}
    assert _said(office, case, "contest_settled") == said
    assert "contested" in office.case(case)["flags"], "the first one is open"
    assert [one["result"] for one in office.case(case)["contests"]] == [None, "granted"]
    office.settle_contest(LEGAL, case, 1, "rejected")
    assert "contested" not in office.case(case)["flags"]
    everybody = ("moderator", "lead", "head")
    assert _pages(office, "contest.granted") == [(everybody, 50)], "it may call for another decision"
    assert _pages(office, "contest.rejected") == [(everybody, 20)]
    assert office.faults() == []


@pytest.mark.parametrize(("result", "level"), [("partly", 50), ("withdrawn", 20)])
def test_what_a_body_granted_in_part_pages_as_loudly(office: Driver, result: str, level: int) -> None:
    case = office.issue(1)
    office.contest(LEGAL, case)
    office.settle_contest(LEGAL, case, 1, result)
    assert [told for _, told in _pages(office, f"contest.{result}")] == [level]


def test_a_case_holds_fifty_of_each(office: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remedies.MOST == 50
    monkeypatch.setattr(remedies, "MOST", 2)
    case = office.issue(1)
    for record, by in ((office.contest, LEGAL), (office.suspend, LEGAL)):
        assert [record(by, case), record(by, case)] == [1, 2]
        with pytest.raises(IllegalMove) as told:
            record(by, case)
        assert told.value.reference == case


def test_a_suspension_is_told_to_whom_it_concerns(office: Driver) -> None:
    case, now = office.issue(1), int(office.clock())
    office.suspend(LEGAL, case, now, now + HOUR)
    assert _said(office, case, "suspended") == {"suspension": 1, "from_at": now, "until_at": now + HOUR}
    (texts,) = [one["texts"] for one in office.case(case)["audit"] if one["kind"] == "suspended"]
    assert texts == {"body": "a court", "reference": "2", "legal_basis": "article 1", "proof_sha256": "a" * 64}
    assert _pages(office, "suspension_to_confirm") == [(("lead",), 40)]
    office.confirm_suspension(LEAD, case)
    assert _said(office, case, "suspension_confirmed") == {"suspension": 1}
    assert _pages(office, "suspended") == [(("moderator", "lead", "head"), 60)]
    with pytest.raises(IllegalMove) as told:
        office.confirm_suspension(LEAD, case)
    assert told.value.reference == case
    office.wait(1)
    office.end_suspension(LEGAL, case)
    assert _said(office, case, "suspension_ended") == {"suspension": 1, "ended_at": now + 1}
    assert _pages(office, "suspension_over") == [(("moderator", "lead", "head"), 50)]


def test_the_end_of_what_nobody_confirmed_is_news_for_nobody(office: Driver) -> None:
    case = office.issue(1)
    office.suspend(LEGAL, case)
    office.end_suspension(LEGAL, case)
    assert _pages(office, "suspension_over") == []
    with pytest.raises(IllegalMove):
        office.confirm_suspension(LEAD, case)
    with pytest.raises(IllegalMove):
        office.end_suspension(LEGAL, case)


def test_the_flags_say_which_of_several_suspensions_hold(office: Driver) -> None:
    def flags() -> set[str]:
        return {"suspended", "suspension_unconfirmed"} & set(office.case(case)["flags"])

    case = office.issue(1)
    office.suspend(LEGAL, case)
    office.suspend(LEGAL, case)
    assert flags() == {"suspension_unconfirmed"}
    office.confirm_suspension(LEAD, case, 2)
    assert flags() == {"suspended", "suspension_unconfirmed"}
    assert [one["confirmed_by"] for one in office.case(case)["suspensions"]] == [None, "lead"]
    office.end_suspension(LEGAL, case, 1)
    assert flags() == {"suspended"}
    office.wait(1)
    office.end_suspension(LEGAL, case, 2)
    assert flags() == set()
    assert office.faults() == []


@pytest.mark.parametrize(("until", "ended"), [(100, 100), (100, 101)])
def test_what_ended_with_its_time_is_not_ended_again(office: Driver, until: int, ended: int) -> None:
    case, start = office.issue(1), int(office.clock())
    office.suspend(LEGAL, case, start, start + until)
    office.confirm_suspension(LEAD, case)
    office.wait(ended)
    with pytest.raises(IllegalMove):
        office.end_suspension(LEGAL, case)


def test_what_ends_before_its_time_is_ended(office: Driver) -> None:
    case, start = office.issue(1), int(office.clock())
    office.suspend(LEGAL, case, start, start + 100)
    office.confirm_suspension(LEAD, case)
    office.wait(99)
    office.end_suspension(LEGAL, case)
    assert "suspended" not in office.case(case)["flags"]


def test_a_suspension_can_end_in_its_first_second(office: Driver) -> None:
    case, start = office.issue(1), int(office.clock())
    order = commands.Suspend("a court", "2", start, "article 1", "a" * 64, start)
    _raised(lambda: office.desk.take(LEGAL.actor, case, order), "until_at")
    office.suspend(LEGAL, case, start, start + 1)
    _raised(lambda: office.desk.take(LEGAL.actor, case, commands.EndSuspension(1, start - 1, "why")), "ended_at")
    _raised(lambda: office.desk.take(LEGAL.actor, case, commands.EndSuspension(1, start, " ")), "reasons")
    _raised(lambda: office.desk.take(LEAD.actor, case, commands.ConfirmSuspension(1, " ")), "how")
    office.end_suspension(LEGAL, case)
    assert office.case(case)["suspensions"][0]["ended_at"] is not None
