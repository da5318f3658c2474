"""What a regulator can rely on, and what it cannot make this platform do."""

import json

import pytest

from kz_compliance_sdk.errors import Conflict, NotAllowed
from kz_compliance_sdk.testing import builders


def test_a_photo_is_hidden_in_kazakhstan_alone_once_a_person_has_decided(order, kz_office, kz_outbox, status):
    assert order("42").send().status == 202
    kz_outbox.settle()
    assert status("42", "KZ") == 200  # an order by itself hides nothing
    kz_office.decide("remove")
    kz_outbox.settle()
    assert [status("42", "KZ"), status("42", "DE"), status("43", "KZ")] == [451, 200, 200]


def test_a_refusal_is_reported_with_its_reason_and_hides_nothing(kz_regulator, order, kz_office, kz_outbox, status):
    removal = order("42")
    removal.send()
    kz_office.decide("none")
    kz_outbox.settle()
    assert kz_regulator.books.notices[removal.notice.notice_id].outcomes() == {"1": "refused"}
    assert kz_outbox.bodies("report")[0]["items"][0]["refusal_code"] == "not_illegal"
    assert status("42", "KZ") == 200


@pytest.mark.kz(faults=[{"kind": "reset_after", "on": "report", "times": 4}])
def test_a_report_whose_receipt_is_lost_is_recorded_once(kz_regulator, order, kz_office, kz_outbox):
    """The regulator has the report and the platform does not know: it looks it up before it sends again."""
    removal = order("42")
    removal.send()
    kz_office.decide("remove")
    kz_outbox.settle()
    record = kz_regulator.books.notices[removal.notice.notice_id]
    assert len(record.of_kind("report")) == 1
    (report,) = kz_outbox.of_kind("report")
    assert report.state == "done"
    assert json.loads(report.receipt)["receipt_id"] == record.of_kind("report")[0].receipt.receipt_id
    asked = [(seen.method, seen.path.split("/")[2], seen.ending) for seen in kz_regulator.seen]
    assert ("POST", "notices", "reset") in asked
    assert ("GET", "reports", "whole") in asked


def test_a_push_that_comes_three_times_is_one_case(kz_regulator, kz_desk, order, kz_office, kz_outbox):
    removal = order("42")
    first, second, third = removal.send(), removal.send(), kz_regulator.push(removal.message)
    assert [first.status, second.status, third.status] == [202, 200, 200]
    assert first.body == second.body == third.body
    assert len(kz_desk.cases().cases) == 1
    kz_office.decide("remove")
    kz_outbox.settle()
    assert len(kz_outbox.of_kind("enforce")) == len(kz_outbox.of_kind("report")) == 1


def test_a_cancelled_order_brings_the_photo_back(kz_regulator, order, kz_office, kz_outbox, status):
    removal = order("42")
    removal.send()
    kz_office.decide("remove")
    kz_outbox.settle()
    assert status("42", "KZ") == 451
    assert kz_regulator.push(kz_regulator.cancel(builders.cancellation(removal.notice, "withdrawn"))).status == 202
    kz_outbox.settle()
    assert status("42", "KZ") == 200
    assert kz_regulator.books.notices[removal.notice.notice_id].outcomes() == {"1": "restored"}


def test_political_speech_takes_two_people(kz_desk, order, kz_office, kz_outbox, status):
    order("42", category="false_information").send()
    decided = kz_office.propose("remove")
    assert decided.decision.needs_approval
    kz_outbox.settle()
    assert status("42", "KZ") == 200

    case, digest = decided.case.id, decided.digest
    with pytest.raises(NotAllowed):
        kz_desk.approve(kz_office.moderator, case, digest)
    with pytest.raises(Conflict):
        kz_desk.approve(kz_office.legal, case, "0" * 64)  # not what was seen
    kz_desk.approve(kz_office.legal, case, digest)
    kz_outbox.settle()
    assert status("42", "KZ") == 451


def test_what_is_not_a_notice_is_not_taken_as_one(kz_desk, kz_broken_notice):
    assert kz_broken_notice.send().status == kz_broken_notice.expected
    assert [case.state for case in kz_desk.cases().cases if case.state != "quarantined"] == []
