"""Bad inputs that take more than one message: repeats, contradictions, wrong orders, a feed that misbehaves."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.errors import NotFound, RegulatorError
from kz_compliance_sdk.services.polling import FIRST_WAIT_S, GIVEN_UP_AFTER_S, LONGEST_WAIT_S
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES, DOCUMENT
from kz_compliance_sdk.wire.signature import SIGNATURE_HEADERS
from tests.arrivals.bad_inputs.differences import DIFFERENCES
from tests.arrivals.bad_inputs.office import Office, Offices
from tests.arrivals.bad_inputs.requests import NOW, Request, cancelled, envelope, signed

MODERATOR = Actor("m1", frozenset({"moderator"}))
DAY = 86_400


def message(message_id: str = "msg_a", notice_id: str = "A", **data: Any) -> dict[str, Any]:
    return {**envelope(notice_id, **data), "id": message_id}


def statuses(office: Office, *requests: Request) -> str:
    return ",".join(str(office.push(request).status) for request in requests)


def asked(case_id: str) -> str:
    """The statuses that the catalogue gives for the messages of a case."""
    return next(str(row["expected"]["http"]) for row in DOCUMENT["cases"] if row["id"] == case_id)


def alerts(office: Office) -> list[str]:
    office.desk.deliver()
    return office.alerts


@pytest.mark.parametrize("later", [0, 600, 400 * DAY], ids=["Q001 at once", "Q004 after the window", "Q005 for ever"])
def test_a_message_that_comes_again_gets_its_first_answer(later: int, offices: Offices) -> None:
    """Q001, Q005: signed anew. The clock still runs from the first receipt."""
    office = offices.new()
    first = office.push(signed(message()))
    again = office.push(signed(message(), at=NOW + later))
    assert f"{first.status},{again.status}" == asked("Q001") == asked("Q005")
    assert again.body == first.body
    (case,) = office.cases()
    assert (case.received_at, len(office.inbox())) == (NOW, 1)


def test_a_replay_after_the_window_is_a_plain_repeat(offices: Offices) -> None:
    """Q004: the very same bytes, with a signature that is stale by now."""
    office = offices.new()
    request = signed(message())
    first, again = office.push(request), office.push(replace(request, now=NOW + 600))
    assert f"{first.status},{again.status}" == asked("Q004")
    assert again.body == first.body
    assert len(office.cases()) == len(office.inbox()) == 1


@pytest.mark.parametrize("message_id", ["msg_a", "msg_b"])
def test_a_notice_with_another_body_never_overwrites_and_is_kept(message_id: str, offices: Offices) -> None:
    """Q006, in the same envelope and in another one."""
    office = offices.new()
    item = {"item_id": "1", "url": "https://social.example/p/2"}
    other = signed(message(message_id, items=[item]))
    assert statuses(office, signed(message()), other) == asked("Q006")
    first, second = sorted(office.cases(), key=lambda case: case.quarantine_no)
    assert (first.state, second.state) == ("queued", "quarantined")
    assert office.desk.notice(first.id).items[0].url == "https://social.example/p/1001"
    assert second.due_at == NOW + DAY
    assert other.body in [row.body for row in office.inbox()]
    assert "quarantine.conflict" in alerts(office)


def test_one_number_of_two_authorities_is_two_notices(offices: Offices) -> None:
    """Q007."""
    office = offices.new()
    theirs = message("msg_b", issuing_authority={"id": "pgo-kz", "name": {"en": "Prosecutor"}})
    assert statuses(office, signed(message()), signed(theirs, key="pgo-kz")) == asked("Q007")
    assert {case.authority_id for case in office.cases()} == {"mki-kz", "pgo-kz"}


def test_a_message_id_that_carries_another_notice_is_admitted_and_alerted(offices: Offices) -> None:
    """Q008."""
    office = offices.new()
    assert statuses(office, signed(message()), signed(message(notice_id="B"))) == asked("Q008")
    assert {case.notice_id for case in office.cases()} == {"A", "B"}
    assert "message_id_reused" in alerts(office)


def test_ids_that_read_alike_are_two_notices(offices: Offices) -> None:
    """Q009, a documented difference: nothing is merged, and nothing is guessed."""
    office = offices.new()
    one, two = "12345678-1234-5678-1234-567812345678", "12345678123456781234567812345678"
    assert statuses(office, signed(message("a", one)), signed(message("b", two))) == asked("Q009")
    found = {case.notice_id: frozenset(case.flags) for case in office.cases()}
    assert found == dict.fromkeys((one, two), DIFFERENCES["Q009", "pushed"].codes)


def test_a_polled_notice_that_is_pushed_as_well_is_one_notice_on_its_first_clock(offices: Offices) -> None:
    """Q011."""
    office = offices.new()
    request = signed(message())
    assert [row.exit for row in office.poll(request)] == ["accepted"]
    pushed = office.push(replace(signed(message(), at=NOW + 60)))
    assert pushed.status == 200
    (case,) = office.cases()
    assert (case.received_at, case.due_at, len(office.inbox())) == (NOW, NOW + DAY, 1)


def test_one_page_may_hold_the_same_entry_twice(offices: Offices) -> None:
    office = offices.new()
    request = signed(message())
    assert len(office.poll(request, request)) == 1
    assert len(office.cases()) == 1


def test_a_notice_that_was_cancelled_before_it_came_is_no_work_for_anybody(offices: Offices) -> None:
    """Q017: it enters as cancelled."""
    office = offices.new()
    cancellation = cancelled(message("msg_r"), "A")
    assert statuses(office, signed(cancellation), signed(message())) == asked("Q017")
    assert office.cases() == (), "it is over already"
    (case,) = office.desk.cases(notice_id="A").cases
    assert {item.status for item in case.items} == {"stopped"}
    assert office.desk.claim(MODERATOR) is None
    assert "waits_for_its_notice" in alerts(office)


def test_the_control_of_a_cancellation_that_comes_first_is_work(offices: Offices) -> None:
    office = offices.new()
    office.push(signed(message()))
    assert office.desk.claim(MODERATOR) is not None


def test_a_full_queue_says_so_and_loses_nothing(offices: Offices) -> None:
    """Q043: what waits is never evicted, and what is turned away is not acknowledged."""
    office = offices.new()
    office.close()
    office = Office(office.desk.settings.store.path, store={"path": office.desk.settings.store.path, "max_waiting": 1})
    held, free = threading.Event(), threading.Event()

    def hold(_tx: Any) -> tuple[tuple[()], None]:
        held.set()
        free.wait(30)
        return (), None

    try:
        first = office.desk.store.submit("social", hold)
        assert held.wait(30)
        request = signed(message())
        waiting = office.desk.receiving("POST", "/notices", request.headers, request.body).answer
        answer = office.push(signed(message("msg_b", "B")))
        expected = DIFFERENCES["Q043", "pushed"]
        assert (answer.status, frozenset({answer.code})) == (expected.status, expected.codes)
        assert str(answer.status) == asked("Q043")
        assert "retry-after" in dict(answer.headers)
        free.set()
        first.result(30)
        assert not hasattr(waiting, "status")
        waiting.result(30)
        assert [case.notice_id for case in office.cases()] == ["A"]
        assert office.push(signed(message("msg_b", "B"))).status == 202
    finally:
        free.set()
        office.close()


def test_what_belongs_to_another_platform_does_not_exist(offices: Offices) -> None:
    """Q055: on one file, by id, by list and by claim; a missing id gets the same words."""
    office = offices.new()
    office.push(signed(message()))
    (case,) = office.cases()
    there = Office(office.desk.settings.store.path, platform_id="other")
    try:
        for read in (there.desk.case, there.desk.notice, there.desk.case_file):
            with pytest.raises(NotFound) as theirs:
                read(case.id)
            with pytest.raises(NotFound) as missing:
                read("no-such-id")
            assert theirs.value.message == missing.value.message
        assert there.cases() == ()
        assert there.desk.claim(MODERATOR) is None
        assert there.desk.health().by_state == {}
        assert there.desk.verify_audit().faults == ()
    finally:
        there.close()


def test_the_term_is_a_day_of_seconds_across_the_change_of_zone(offices: Offices) -> None:
    """K048: on 2024-03-01 Kazakhstan went to +05:00, and that local day had 25 hours."""
    office, leap_day = offices.new(), 1_709_186_400  # 2024-02-29T06:00:00Z
    office.push(signed(message(issued_at="2024-02-29T05:59:00Z", deadline=None), at=leap_day))
    (case,) = office.cases()
    assert case.due_at == leap_day + DAY


# ------------------------------------------------------------------------------------------------------------ the feed


def test_a_cursor_that_stands_still_is_an_error_and_keeps_no_notice_out(offices: Offices) -> None:
    """H033: one page, one alert, an error for the worker to back off from; what the page brought is stored."""
    office = offices.new()
    office.feed.offer(signed(message()), cursor="1")
    assert office.desk.poll().admitted == 1
    office.feed.offer(signed(message()), signed(message("msg_b", "B")), cursor="1", sequences=[1, 2])
    with pytest.raises(RegulatorError) as stuck:
        office.desk.poll()
    assert stuck.value.code == CASES["H033"].code
    assert {case.notice_id for case in office.cases()} == {"A", "B"}
    assert "feed_repeats_itself" in alerts(office)


def test_what_proves_the_origin_is_kept_of_a_push_and_of_an_entry_alike(offices: Offices) -> None:
    office = offices.new()
    pushed, entry = signed(message()), signed(message("msg_b", "B"))
    office.push(pushed)
    office.feed.offer(entry, cursor="8", sequences=[7])
    office.desk.poll()
    kept = {row.message_id: json.loads(row.proof) for row in office.inbox()}
    assert kept["msg_b"].pop("sequence") == 7
    for name, request in (("msg_a", pushed), ("msg_b", entry)):
        headers = [[one, value] for one, value in request.headers if one in SIGNATURE_HEADERS]
        assert headers
        assert kept[name] == {
            "target": office.desk.settings.intake_path,
            "headers": headers,
            "key_id": "valid",
            "profile": "standard-webhooks",
            "signed_at": NOW,
            "authorities": ["mki-kz"],
        }


def test_a_feed_that_ends_without_a_cursor_is_no_fault(offices: Offices) -> None:
    """Its last page is read again until there is a place to go on from: repeats, no alert and no error."""
    office = offices.new()
    for _ in range(3):
        office.feed.offer(signed(message()), cursor=None)
    assert [office.desk.poll().admitted for _ in range(3)] == [1, 0, 0]
    office.feed.offer(signed(message()), signed(message("msg_b", "B")), cursor="2", sequences=[1, 2])
    assert office.desk.poll().admitted == 1
    assert {case.notice_id for case in office.cases()} == {"A", "B"}
    assert alerts(office) == []


def test_a_number_that_is_left_out_is_counted_and_alerted_and_holds_nothing_back(offices: Offices) -> None:
    """H034, a documented difference: the contract has no call for one number."""
    office = offices.new()
    office.feed.offer(signed(message()), signed(message("msg_b", "B")), cursor="43", sequences=[41, 43])
    polled = office.desk.poll()
    assert (polled.admitted, polled.gaps) == (2, 1)
    assert {row.status for row in office.inbox()} == {DIFFERENCES["H034", "polled"].status}
    assert "feed_gap" in alerts(office)


def test_one_entry_that_is_forged_holds_nothing_back(offices: Offices) -> None:
    office = offices.new()
    forged = replace(signed(message("msg_f", "F")), body=b"{}")
    office.feed.offer(forged, signed(message()), cursor="2")
    polled = office.desk.poll()
    assert (polled.skipped, polled.admitted) == (1, 1)
    assert [case.notice_id for case in office.cases()] == ["A"]
    assert "feed_entry_not_authentic" in alerts(office)


def test_what_nobody_could_believe_is_read_again_until_it_can_be(offices: Offices) -> None:
    """The simulated week found it: an order whose key was revoked was passed over for good, and when the regulator
    signed it with another key nobody looked there any more."""
    office = offices.new()
    genuine = signed(message("msg_f", "F"))
    office.feed.offer(replace(genuine, body=b"{}"), signed(message()), cursor="2")
    assert office.desk.poll().skipped == 1
    office.clock.advance(FIRST_WAIT_S - 1)
    office.feed.offer(cursor="2")
    assert office.desk.poll().read_again == 0
    assert office.feed.pages == [], "the control: it is not read at every poll"
    # Still a forgery: it is left to later, and later.
    office.clock.advance(1)
    office.feed.offer(cursor="2")
    office.feed.offer(replace(genuine, body=b"{}"), signed(message()), cursor="2")
    assert office.desk.poll().read_again == 0
    office.clock.advance(FIRST_WAIT_S)
    office.feed.offer(cursor="2")
    office.feed.offer(signed(message("msg_f", "F"), at=office.clock()), signed(message()), cursor="2")
    assert office.desk.poll().read_again == 1
    assert [case.notice_id for case in office.cases()] == ["A", "F"]
    office.clock.advance(LONGEST_WAIT_S)
    office.feed.offer(cursor="2")
    office.feed.offer(replace(genuine, body=b"{}"), cursor="2")
    office.desk.poll()
    assert len(office.feed.pages) == 1, "nothing is left to read again"


@pytest.mark.slow
def test_what_is_never_signed_in_order_is_given_up_when_its_time_is_over(offices: Offices) -> None:
    office = offices.new()
    forged = replace(signed(message("msg_f", "F")), body=b"{}")
    office.feed.offer(forged, cursor="2")
    office.desk.poll()
    reads = 0
    while office.clock() <= NOW + GIVEN_UP_AFTER_S + LONGEST_WAIT_S:
        office.clock.advance(3_600)
        office.feed.offer(cursor="2")
        office.feed.offer(forged, cursor="2")
        office.desk.poll()
        reads += not office.feed.pages
        office.feed.pages.clear()
    assert 4 * 85 < reads < 4 * 95
    office.clock.advance(LONGEST_WAIT_S)
    office.feed.offer(cursor="2")
    office.feed.offer(forged, cursor="2")
    office.desk.poll()
    assert len(office.feed.pages) == 1
