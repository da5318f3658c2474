"""What comes in: nothing is acknowledged before it is stored, and nothing authentic is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.values import instant_text
from tests.driver import HOUR, M1, Driver


def _bytes(office: Driver, platform: str = "social") -> bytes:
    """A notice, signed for this platform or another."""
    said = {"id": "msg-x", "type": "notice.issued", "api_version": "1", "platform_id": platform}
    return json.dumps(
        {**said, "sent_at": "2026-11-24T07:00:00Z", "data": {**office.notice(), "platform_id": platform}}
    ).encode()


def test_what_was_acknowledged_is_there_for_everybody(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    assert office.push("notice.issued", office.notice())["status"] == 202
    assert len(Driver(tmp_path).cases()) == 1


def test_what_is_not_authentic_leaves_nothing(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    before = office.fingerprint()
    answer = office.push_bytes(b'{"id":"msg-1"}', "msg-1", forged=True)
    assert answer["status"] == 401
    assert office.fingerprint() == before


def test_the_same_message_again_gets_the_first_answer(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first = office.push_bytes(_bytes(office), "msg-x")
    (before,) = office.cases()
    office.wait(60)
    assert office.push_bytes(_bytes(office), "msg-x") == {**first, "status": 200}
    (after,) = office.cases()
    assert after["clock"]["due_at"] == before["clock"]["due_at"]


def test_the_same_notice_in_another_envelope_opens_no_second_case(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    assert office.push("notice.issued", office.notice())["status"] == 200
    assert [one["case"] for one in office.cases()] == [case]


def test_another_content_of_a_known_revision_is_kept_beside_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    answer = office.push("notice.issued", {**office.notice(), "category": "fraud"})
    assert answer["status"] == 409
    assert sorted(one["state"] for one in office.cases()) == ["quarantined", "queued"]


def test_what_cannot_be_used_is_kept_with_its_clock_running_and_people_alerted(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.break_off()
    office.deliver()
    held = office.case(case)
    assert held["state"] == "quarantined"
    assert held["received"][0]["body_base64"], "its bytes are kept"
    assert any(reason.startswith("quarantine.") for reason in office.pages())
    office.wait(12 * HOUR)
    office.watch()
    office.deliver()
    assert "due.before_12h" in office.pages()


def test_what_becomes_usable_keeps_the_receipt_of_the_first(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    first = office.break_off(1)
    received = office.case(first)["clock"]["received_at"]
    office.wait(HOUR)
    assert office.issue(1) == first
    assert office.case(first)["clock"]["received_at"] == received


def test_the_refusal_of_what_is_kept_names_its_case(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    answer = office.push_bytes(_bytes(office, "another"), "msg-x")
    (case,) = office.cases()
    assert answer["instance"] == f"urn:uuid:{case['case']}"
    assert "instance" not in office.push_bytes(b"{}", "msg-y", forged=True)


def test_a_message_for_another_platform_is_quarantined(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    assert office.push_bytes(_bytes(office, "another"), "msg-x")["status"] == 422
    assert [one["state"] for one in office.cases()] == ["quarantined"]


def test_what_comes_before_its_notice_takes_effect_with_it(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    assert office.cancel(office.notice()["notice_id"])["status"] == 202
    case = office.issue()
    assert office.case(case)["state"] == "cancelled"


def test_a_letter_counts_from_its_receipt_at_the_office(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    received = office.clock()
    office.wait(HOUR)
    case = office.enter(M1, received_at=received)
    assert office.case(case)["clock"]["decide_left_s"] == 23 * HOUR


def test_an_amendment_of_a_usable_notice_is_not_marked_as_quarantined_before(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.amend(office.notice(), category="fraud")
    assert office.case(case)["revision"] == 2
    assert "quarantined_before" not in office.case(case)["flags"]


@pytest.mark.parametrize(("beyond_s", "is_long"), [(0, False), (1, True)])
def test_a_wish_is_long_from_the_second_that_it_asks_for_beyond_the_term(
    tmp_path: Path, beyond_s: int, is_long: bool
) -> None:
    office = Driver(tmp_path)
    due_at = instant_text(office.clock() + 24 * HOUR + beyond_s)
    case = office.issue(1, deadline={"due_at": due_at})
    assert ("deadline_long" in office.case(case)["flags"]) is is_long
