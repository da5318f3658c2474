"""What a second message about a notice does: to objects, to what waits for approval, to clocks, to what was refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.domain.notice import Item, Notice, RequestedDeadline
from kz_compliance_sdk.domain.running_time import steps_of
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, LeaseLost, NotAllowed
from kz_compliance_sdk.ports import Failed
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.wire.signature import sign
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import LEAD, M1, PLATFORM, PROFILE, Host

CLERK = Actor("clerk", frozenset({"head"}))
HOUR = 3_600
DAY = 24 * HOUR


def about(*objects: str, seed: int = 1, **changes: Any) -> Notice:
    """A notice whose items 1, 2, ... are about these objects."""
    items = tuple(Item(item_id=str(n), object_id=f"post:{name}") for n, name in enumerate(objects, 1))
    return a_notice(seed=seed).model_copy(update={"items": items, **changes})


def pushed_at(host: Host, body: bytes, name: str, at: int) -> Response:
    """The answer to a push that was signed at `at`."""
    target = f"{builders.HOST}/notices"
    signed = sign(regulator_signing_key(PROFILE), PROFILE, "POST", target, body, at, name, "n")
    return host.deliver_push([("content-type", "application/json"), *signed], body)


def unusable(host: Host, notice: Notice, name: str = "msg-unusable") -> Response:
    """The answer to the notice without its items."""
    now = host.world.clock()
    document = json.loads(builders.message_bytes(notice, message_id=name, sent_at=now))
    document["data"]["items"] = []
    return pushed_at(host, json.dumps(document).encode(), name, now)


def typed(host: Host, notice: Notice) -> Response:
    work, _ = host.intake.typed(notice, host.world.clock(), "letter", CLERK)
    return host.store.submit(PLATFORM, work).result()


def effects(host: Host) -> dict[str, str]:
    return {key.removeprefix("object:post:"): measure for key, measure in host.world.platform.effects.items()}


def outcomes(host: Host) -> dict[str, str]:
    return {item["item_id"]: item["outcome"] for item in host.world.regulator.reports()[-1]["items"]}


# ------------------------------------------------------------------------------- an id that names another object


@pytest.mark.parametrize("again", [measure("1"), refusal("1")], ids=["decided alike", "refused"])
def test_an_item_that_names_another_object_frees_the_first_and_is_decided_anew(host: Host, again: Any) -> None:
    host.push(about("A"), "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(about("B", revision=2), "m-2")
    host.decide(proposal(again))
    host.drain()
    case = host.case(about("A").notice_id)
    assert case.state is CaseState.CLOSED
    assert effects(host) == ({"A": "restore", "B": "remove"} if again.is_measure else {"A": "restore"})
    assert outcomes(host) == {"1": again.wording.outcome}


def test_a_measure_that_somebody_carries_out_while_its_notice_is_amended_is_lifted_with_it(host: Host) -> None:
    host.push(about("A"), "m-1")
    host.decide(proposal(measure("1")))
    assert "enforce" in [one.kind for one in host.delivery.lease(8)]
    host.push(about("A", revision=2), "m-2")
    (item,) = host.case(about("A").notice_id).items
    assert (item.status, item.measure) == ("open", "remove"), "it can still come into force"
    host.push(builders.cancellation(about("A", revision=2), "withdrawn", revision=2), "m-3")
    (item,) = host.case(about("A").notice_id).items
    assert item.status == "lifting"
    for _ in range(3):
        host.world.clock.advance(LEASE_S + 1)
        host.drain()
    assert effects(host) == {"A": "restore"}


def test_an_object_that_is_no_longer_named_and_not_replaced_is_reported_under_its_old_id(host: Host) -> None:
    host.push(about("A"), "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(about("B", revision=2), "m-2")
    host.push(builders.cancellation(about("B", revision=2), "withdrawn", revision=2), "m-3")
    host.drain()
    assert effects(host) == {"A": "restore"}
    assert outcomes(host) == {"1": "restored"}


def test_what_falls_is_lifted_although_an_earlier_item_was_about_the_same_object(host: Host) -> None:
    """Its version is later than every one that the object has seen."""
    host.push(about("A"), "m-1")
    host.decide(proposal(refusal("1")))
    host.push(about("B", "A", revision=2), "m-2")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(builders.cancellation(about("B", "A"), "annulled", revision=2), "m-3")
    host.drain()
    assert effects(host) == {"A": "restore", "B": "restore"}
    assert not host.world.platform.refused_versions


def test_two_items_about_one_object_are_decided_alike(host: Host) -> None:
    host.push(about("A", "A"), "m-1")
    with pytest.raises(InvalidInput, match="same object"):
        host.decide(proposal(measure("1"), refusal("2")))


def test_what_one_item_holds_is_not_lifted_for_another(host: Host) -> None:
    """The second item names the same object only after an answer, and is refused."""
    host.push(about("A", "B"), "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    answer = builders.clarification(about("A", "B"), "ask")
    host.push(answer.model_copy(update={"items": (Item(item_id="3", object_id="post:A"),)}), "m-2")
    host.decide(proposal(refusal("3")))
    host.drain()
    assert effects(host) == {"A": "remove", "B": "remove"}
    assert outcomes(host) == {"1": "removed", "2": "removed", "3": "refused"}


@pytest.mark.parametrize("early", [False, True], ids=["after its notice", "before its notice"])
def test_what_a_message_that_waited_ends_is_lifted_although_another_item_held_it_until_then(
    host: Host, early: bool
) -> None:
    """Both items hold the object. The amendment takes the first one away, and with it the cancellation of the second
    takes effect, in the same step."""
    host.push(about("A", "A"), "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    anew = about("B", "A", revision=2)
    if not early:
        host.push(anew, "m-2")
    host.push(builders.cancellation(anew, "annulled", ("2",), revision=2), "m-3")
    if early:
        host.push(anew, "m-2")
    host.drain()
    assert effects(host) == {"A": "restore"}


# ------------------------------------------------------------------------------------------- answers of an authority


def test_an_answer_takes_back_what_waits_for_approval(host: Host) -> None:
    notice = a_notice(category="election_rules")
    host.push(notice, "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert decided.case.state is CaseState.IN_APPROVAL
    elsewhere = (Item(item_id="1", url="https://social.example/p/innocent"),)
    host.push(builders.clarification(notice, "ask").model_copy(update={"items": elsewhere}), "m-2")
    with pytest.raises(IllegalMove):
        host.take(LEAD, lease.case.id, commands.Approve(decided.digest))
    host.drain()
    assert not host.world.platform.calls


def test_an_answer_that_names_items_takes_the_case_from_its_holder(host: Host) -> None:
    notice = about("A")
    host.push(notice, "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    more = (Item(item_id="added", object_id="post:B"),)
    host.push(builders.clarification(notice, "ask").model_copy(update={"items": more}), "m-2")
    with pytest.raises(LeaseLost):
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    host.decide(proposal(measure("1"), measure("added")))
    host.drain()
    assert effects(host) == {"A": "remove", "B": "remove"}


def test_a_notice_that_comes_again_after_an_answer_renamed_its_item_says_nothing_new(host: Host) -> None:
    notice = about("A")
    host.push(notice, "m-1")
    renamed = (Item(item_id="1", object_id="post:B"),)
    host.push(builders.clarification(notice, "ask").model_copy(update={"items": renamed}), "m-2")
    assert host.push(notice, "m-3").status == 200
    host.decide(proposal(measure("1")))
    host.drain()
    assert effects(host) == {"B": "remove"}


# ------------------------------------------------------------------------------ what was refused, and came again


def test_what_was_refused_for_its_time_alone_is_admitted_once_it_is_signed_anew(host: Host) -> None:
    notice, now = a_notice(), host.world.clock()
    body = builders.message_bytes(notice, message_id="m-1", sent_at=now)
    assert pushed_at(host, body, "m-1", now - 400).status == 422
    host.world.clock.advance(600)
    assert pushed_at(host, body, "m-1", host.world.clock()).status == 202
    case = host.case(notice.notice_id)
    assert (case.state, case.received_at) == (CaseState.QUEUED, now), "its clock runs from the first receipt"
    again = pushed_at(host, body, "m-1", host.world.clock())
    assert again.status == 200
    (row,) = host.records(case.id).inbox
    assert (row.exit, row.deliveries, row.received_at) == ("accepted", 3, now)


def test_what_contradicts_stays_refused_however_often_it_comes(host: Host) -> None:
    host.push(about("A"), "m-1")
    for _ in range(2):
        assert host.push(about("B"), "m-2").status == 409


def test_a_cancellation_of_an_unusable_notice_meets_the_usable_one_too(host: Host) -> None:
    notice = a_notice()
    assert unusable(host, notice).status == 422
    assert host.push(builders.cancellation(notice, "withdrawn"), "m-2").status == 202
    assert host.push(notice, "m-3").status == 202
    assert {case.state for case in host.cases()} == {CaseState.CANCELLED}


def test_a_notice_whose_unusable_form_was_settled_says_so(host: Host) -> None:
    """Its clock may have to run from the earlier receipt: only a person can tell."""
    notice = a_notice()
    unusable(host, notice)
    (held,) = host.cases()
    host.take(LEAD, held.id, commands.SettleQuarantine("the sender sends it again"))
    host.push(notice, "m-2")
    assert "quarantined_before" in _open(host).flags


# --------------------------------------------------------------------------------------------------------- letters


def test_a_cancellation_that_came_first_meets_a_typed_notice(host: Host) -> None:
    notice = a_notice()
    host.push(builders.cancellation(notice, "withdrawn"), "m-1")
    typed(host, notice)
    assert host.case(notice.notice_id).state is CaseState.CANCELLED


def test_a_letter_changes_a_proved_notice_only_once_somebody_vouches_for_it(host: Host) -> None:
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    assert typed(host, about("A", revision=2)).status == 202
    host.drain()
    case = host.case(notice.notice_id)
    assert effects(host) == {"A": "remove", "B": "remove"}
    assert (case.authenticity, case.revision, "amendment_unverified" in case.flags) == ("signed", 1, True)
    with pytest.raises(NotAllowed):
        host.take(CLERK, case.id, commands.Authenticate("I typed it"))
    amended = host.take(LEAD, case.id, commands.Authenticate("called back"))
    assert (amended.authenticity, amended.revision, "amendment_unverified" in amended.flags) == ("verified", 2, False)
    host.drain()
    assert effects(host) == {"A": "remove", "B": "restore"}


def test_a_letter_that_waits_keeps_its_flag_while_another_takes_effect(host: Host) -> None:
    notice = about("A", "B")
    host.push(notice, "m-1")
    for revision in (2, 3):
        typed(host, about("A", revision=revision))
    case = host.case(notice.notice_id)
    for revision, flagged in ((2, True), (3, False)):
        case = host.take(LEAD, case.id, commands.Authenticate("called back"))
        assert (case.revision, "amendment_unverified" in case.flags) == (revision, flagged)


def test_a_signed_form_of_a_letter_proves_it_and_is_acknowledged(host: Host) -> None:
    notice = a_notice()
    typed(host, notice)
    assert host.push(notice, "m-1").status == 200
    case = host.case(notice.notice_id)
    assert (case.authenticity, case.source, case.channel) == ("signed", "pushed", "regulator")
    assert [m.kind for m in host.records(case.id).messages] == ["acknowledgement"]


def test_a_signed_form_that_demands_something_else_is_decided_anew(host: Host) -> None:
    typed(host, about("A"))
    host.take(LEAD, host.cases()[0].id, commands.Authenticate("called back"))
    host.decide(proposal(measure("1")))
    host.push(about("B"), "m-1")
    case = host.case(about("A").notice_id)
    assert (case.state, case.open_items) == (CaseState.QUEUED, frozenset({"1"}))
    host.drain()
    assert not host.world.platform.calls


# ---------------------------------------------------------------------------------------------------------- clocks


def test_each_lift_has_a_clock_of_its_own(host: Host) -> None:
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    for name, item in (("m-2", "1"), ("m-3", "2")):
        host.push(builders.cancellation(notice, "withdrawn", (item,)), name)
        case = host.case(notice.notice_id)
        assert case.lift_due_at == host.world.clock() + host.policy.lift_term_s
        host.drain()
        host.world.clock.advance(30 * DAY)
    assert host.case(notice.notice_id).lift_due_at is None


def test_a_receipt_that_is_corrected_into_the_past_pages_at_once(host: Host) -> None:
    typed(host, a_notice())
    (case,) = host.cases()
    host.take(LEAD, case.id, commands.CorrectReceipt(host.world.clock() - 25 * HOUR, "the stamp"))
    host.watch()
    host.drain()
    assert [alert.reason for alert in host.world.pager.alerts] == ["due.overdue.1"]
    fired = {row.step for row in steps_of(host.records(case.id).stream.case)}
    assert {"due.unclaimed_1h", "due.before_12h", "due.due", "due.overdue.1"} <= fired


def test_a_time_asked_for_by_an_amendment_pages_for_what_is_past(host: Host) -> None:
    notice = a_notice()
    host.push(notice, "m-1")
    host.world.clock.advance(2 * HOUR)
    host.watch()
    host.drain()
    before = len(host.world.pager.alerts)
    host.push(notice.model_copy(update={"revision": 2, "deadline": RequestedDeadline(hours=1)}), "m-2")
    host.drain()
    assert {alert.reason for alert in host.world.pager.alerts[before:]} == {"amended", "requested.before_2h"}


def test_two_announcements_of_one_sanction_in_one_second_are_two_alerts(host: Host) -> None:
    sanction = builders.sanction(1)
    assert [host.push(sanction, name).status for name in ("m-1", "m-2")] == [202, 202]
    host.drain()
    assert len(host.world.pager.alerts) == 2


# --------------------------------------------------------------------------------------------------------- measures


def test_what_was_carried_out_is_not_undone_although_something_older_is_under_way(host: Host) -> None:
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(about("A", revision=2), "m-2")  # B is to be lifted, and the platform is not able to
    host.world.platform.faults += [lambda effect: Failed("busy") if effect.item_id == "2" else None] * 20
    host.decide(proposal(measure("1", "label")))
    host.drain()
    case = host.case(notice.notice_id)
    assert case.state is CaseState.DECIDED
    with pytest.raises(IllegalMove):
        host.take(M1, case.id, commands.Undo())


def test_what_is_remedied_is_judged_by_the_measure_in_force(host: Host) -> None:
    notice = about("A")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1", "suspend_account")))
    host.drain()
    host.take(LEAD, host.case(notice.notice_id).id, commands.Reopen("an appeal"))
    host.decide(proposal(measure("1", "label")))
    host.push(builders.cancellation(notice, "remedied"), "m-2")
    host.drain()
    assert effects(host) == {"A": "restore"}


def test_a_restore_that_can_never_be_done_gives_way_to_what_was_decided_since(host: Host) -> None:
    first, second = about("A", seed=1), about("A", seed=2)
    host.push(first, "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(builders.cancellation(first, "withdrawn"), "m-2")
    gone = [lambda _effect: Failed("deleted by its owner", permanent=True)]
    host.world.platform.faults += gone * 2
    host.drain()
    assert host.case(first.notice_id).state is CaseState.LIFTING, "nothing else was decided: it is tried on"
    host.push(second, "m-3")
    host.decide(proposal(measure("1")))
    for _ in range(4):
        host.world.clock.advance(HOUR)
        host.drain()
    assert host.case(second.notice_id).state is CaseState.CLOSED
    assert effects(host) == {"A": "remove"}
    assert host.case(first.notice_id).state is CaseState.CLOSED


def test_an_interim_report_is_offered_once_and_leaves_when_a_person_says_so(host: Host) -> None:
    host.push(about("A", "B"), "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.world.platform.faults += [lambda effect: Failed("busy") if effect.item_id == "2" else None] * 60
    host.drain()
    case = host.case(about("A", "B").notice_id)
    with pytest.raises(NotAllowed):
        host.take(M1, case.id, commands.ReportInterim())
    host.world.clock.advance(case.due_at - host.policy.interim_before_s - host.world.clock() + 1)
    for _ in range(3):
        host.watch()
        host.drain()
        host.world.clock.advance(60)
    assert [alert.reason for alert in host.world.pager.alerts].count("interim_offered") == 1
    assert not host.world.regulator.reports(), "offered, and not sent"
    host.take(LEAD, case.id, commands.ReportInterim())
    host.drain()
    assert outcomes(host) == {"1": "removed", "2": "pending"}
    assert host.world.regulator.reports()[-1]["final"] is False


@pytest.mark.parametrize("provision", ["", "a\x07b"])
def test_what_no_report_can_carry_is_not_decided(host: Host, provision: str) -> None:
    host.push(about("A"), "m-1")
    said = measure("1")
    bad = said.model_copy(update={"wording": said.wording.model_copy(update={"legal_provision": provision})})
    with pytest.raises(InvalidInput) as caught:
        host.decide(proposal(bad))
    assert caught.value.field == "items[0].wording.legal_provision"


def test_a_notice_without_languages_is_answered_in_those_of_its_reasons(host: Host) -> None:
    english = a_notice().statement_of_reasons[0].model_copy(update={"lang": "EN-gb", "text": "Gambling."})
    host.push(a_notice(languages=()).model_copy(update={"statement_of_reasons": (english,)}), "m-1")
    assert _open(host).languages == ("en",)


def _open(host: Host) -> Case:
    (case,) = [case for case in host.cases() if case.state is CaseState.QUEUED]
    return case
