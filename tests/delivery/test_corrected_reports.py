"""What the regulator's books say when a case is reported more than once, and what is left over in ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.report import Report
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from kz_compliance_sdk.ports import Failed, Rejected, Unknown
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator import MockRegulator
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.outbox import CapturedOutbox
from kz_compliance_sdk.testing.signed import NoticeFactory
from tests.arrivals.test_second_messages import about
from tests.case_makers import HOUR, a_notice, measure, proposal, refusal
from tests.objects import object_of
from tests.scene import HEAD, LEAD, M1, PLATFORM, Host, World


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def test_a_superseding_decision_is_a_corrected_report_and_counts_once(
    kz_regulator: MockRegulator,
    kz_notice: NoticeFactory,
    kz_desk: ComplianceDesk,
    kz_office: Office,
    kz_outbox: CapturedOutbox,
) -> None:
    order = kz_notice()
    order.send()
    kz_office.decide("remove")
    kz_outbox.settle()
    (case,) = kz_desk.cases(notice_id=order.notice.notice_id).cases
    kz_desk.take(kz_office.lead, case.id, commands.Reopen("an appeal succeeded"))
    kz_office.decide("none")
    kz_outbox.settle()

    record = kz_regulator.books.notices[order.notice.notice_id]
    reports = [one.value for one in record.recorded if isinstance(one.value, Report)]
    assert [(one.sequence, one.final, one.items[0].outcome) for one in reports] == [
        (1, True, "removed"),
        (2, True, "restored"),
    ]
    assert len({one.report_id for one in reports}) == 2
    assert reports[1].audit_head != reports[0].audit_head
    assert [one.value.sequence for one in record.newest_report.values() if isinstance(one.value, Report)] == [2]
    assert record.outcomes() == {"1": "restored"}, "it is counted once, as it stands now"
    file = kz_desk.case_file(case.id)
    assert (file.case.state, file.case.decision_version, sorted(file.decisions)) == ("closed", 2, [1, 2])


@pytest.mark.slow
def test_a_parked_report_that_a_later_one_overtook_bothers_nobody_any_more(host: Host) -> None:
    notice = a_notice()
    host.push(notice, "m-1")
    host.drain()
    host.decide(proposal(measure("1")))
    host.world.regulator.faults = [lambda m: Rejected("schema", "status 422") if m.kind == "report" else None] * 2
    host.drain()
    assert host.store.queries(PLATFORM).health(host.world.clock()).parked == 1
    host.world.regulator.faults = []
    host.decide(proposal(refusal("1")))
    host.drain()
    case = host.case(notice.notice_id)
    reports = [m for m in host.records(case.id).messages if m.kind == "report"]
    assert [(m.lane_seq, m.state) for m in reports] == [(1, "void"), (2, "done")]
    assert host.store.queries(PLATFORM).health(host.world.clock()).parked == 0
    assert case.state == "closed"


def test_what_is_parked_without_a_later_receipt_stays_for_people_to_see(host: Host) -> None:
    """The control: the refused report is still the last word, and another case's receipt changes nothing."""
    host.push(a_notice(), "m-1")
    host.world.clock.advance(1)
    host.push(a_notice(seed=2), "m-2")
    host.drain()
    host.decide(proposal(measure("1")))
    host.world.regulator.faults = [lambda m: Rejected("schema", "status 422") if m.kind == "report" else None] * 2
    host.drain()
    host.world.regulator.faults = []
    lease = host.taking.claim(M1, case_id=host.case(a_notice(seed=2).notice_id).id).result()
    assert lease is not None
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(refusal("1"))))
    host.drain()
    assert host.store.queries(PLATFORM).health(host.world.clock()).parked == 1


def lifting(host: Host, tries: int = 1) -> Case:
    """A case whose measure is to be lifted, after the platform said so often that this can never be done."""
    notice = a_notice()
    host.push(notice, "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(builders.cancellation(notice, "annulled"), "m-2")
    host.world.platform.faults = [lambda _effect: Failed("no such object", permanent=True)] * tries
    for _ in range(tries):
        host.delivery.drain_once()
    host.world.platform.faults = []
    return host.case(notice.notice_id)


def test_a_measure_that_can_never_be_lifted_ends_its_case_with_the_truth(host: Host) -> None:
    case = lifting(host)
    assert case.state == "lifting"
    ended = host.take(LEAD, case.id, commands.RecordUndoable("1", "the user deleted the account in May"))
    assert (ended.state, ended.items[0].status, ended.items[0].measure) == ("lifted", "gone", "")
    host.world.clock.advance(600)
    host.drain()
    case = host.case(case.notice_id)
    assert case.state == "closed"
    (item,) = host.world.regulator.reports()[-1]["items"]
    assert (item["outcome"], item["action"]) == ("cannot_comply", "none")
    assert item["cannot_comply"] == {"reason": "technical_or_operational"}
    assert {text["lang"] for text in item["statement_of_reasons"]} == {"kk", "ru"}
    assert "May" not in str(item)
    assert object_of(host.store, ended.items[0].object_key).holds == {}
    assert [call for call in host.world.platform.calls if call[0] == "restore"] == [("restore", *_restored(ended))]


def _restored(case: Case) -> tuple[str, int]:
    return case.items[0].object_key, case.items[0].effect_version


def test_nobody_calls_it_undoable_who_has_not_tried(host: Host) -> None:
    case = lifting(host, tries=0)
    with pytest.raises(IllegalMove, match="tried"):
        host.take(LEAD, case.id, commands.RecordUndoable("1", "it is gone"))
    (leased,) = [m for m in host.delivery.lease(8) if m.kind == "restore"]
    with pytest.raises(IllegalMove, match="under way"):
        host.take(LEAD, case.id, commands.RecordUndoable("1", "it is gone"))
    host.delivery.deliver(leased)
    host.drain()
    with pytest.raises(IllegalMove, match="nothing is to be lifted"):
        host.take(LEAD, case.id, commands.RecordUndoable("1", "it is gone"))
    assert host.world.regulator.reports()[-1]["items"][0]["outcome"] == "restored"


@pytest.mark.slow
def test_who_may_call_it_undoable_and_what_they_say(host: Host) -> None:
    case = lifting(host)
    for actor in (M1, HEAD):
        with pytest.raises(NotAllowed):
            host.take(actor, case.id, commands.RecordUndoable("1", "it is gone"))
    for item, reasons, field in (("9", "gone", "item_id"), ("1", " ", "reasons")):
        with pytest.raises(InvalidInput) as caught:
            host.take(LEAD, case.id, commands.RecordUndoable(item, reasons))
        assert caught.value.field == field
    assert host.case(case.notice_id) == case.but()


@pytest.mark.slow
def test_one_item_that_is_gone_holds_back_no_other(host: Host) -> None:
    notice = a_notice(items=2)
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(builders.cancellation(notice, "withdrawn"), "m-2")
    key = host.case(notice.notice_id).items[0].object_key
    gone = Failed("no such object", permanent=True)
    host.world.platform.faults = [lambda e: gone if e.object_key == key else None] * 3
    host.delivery.drain_once()
    host.world.platform.faults = []
    case = host.case(notice.notice_id)
    assert [item.status for item in case.items] == ["lifting", "lifted"]
    host.take(LEAD, case.id, commands.RecordUndoable("1", "it is gone"))
    host.drain()
    assert [i["outcome"] for i in host.world.regulator.reports()[-1]["items"]] == ["cannot_comply", "restored"]
    # Decided anew, nothing is left to lift.
    host.take(LEAD, case.id, commands.Reopen("another look", ("1", "2")))
    host.decide(proposal(refusal("1"), refusal("2")))
    host.drain()
    assert host.case(notice.notice_id).state == "closed"
    assert [i["outcome"] for i in host.world.regulator.reports()[-1]["items"]] == ["refused", "refused"]


@pytest.mark.slow
def test_a_cancellation_that_changes_nothing_makes_no_second_report(host: Host) -> None:
    """The report of the first waits for the regulator, which says the same once more."""
    other, notice = about("A", seed=2), about("A")
    for one in (other, notice):
        host.push(one, one.notice_id)
        host.decide(proposal(measure("1")))
        host.drain()
    host.world.regulator.faults += [lambda _message: Unknown("the line broke")] * 2
    for name in ("m-3", "m-4"):
        host.push(builders.cancellation(notice, "withdrawn"), name)
        host.drain()
    for _ in range(3):
        host.world.clock.advance(HOUR)
        host.drain()
    sent = [report["sequence"] for report in host.world.regulator.reports(notice.notice_id)]
    assert sent == [1, 2]
    assert host.case(notice.notice_id).state == "closed"
