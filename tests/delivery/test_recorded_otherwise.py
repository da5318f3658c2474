"""What the regulator holds under an id of ours stands, also where this store does not know the bytes any more; and a
reference that is taken is given to no other case."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import Kind, OutboxMessage
from kz_compliance_sdk.domain.values import reference_of
from kz_compliance_sdk.ports import Delivered, RetryAt
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.wire.signature import sign
from tests.case_makers import a_notice, proposal, refusal
from tests.scene import PLATFORM, PROFILE, Host
from tests.store.conftest import tamper

NOTICE = a_notice()
AUTHORITY = NOTICE.issuing_authority.id
FLAG = "recorded_otherwise"


def held_otherwise(host: Host, kind: Kind) -> OutboxMessage:
    """The message of this kind, under whose id the regulator holds other bytes."""
    (message,) = (one for one in messages(host) if one.kind == kind)
    host.world.regulator.books[message.id] = kind, b'{"told":"before"}', host.world.clock()
    return message


def messages(host: Host) -> Sequence[OutboxMessage]:
    return host.records(host.cases()[0].id).messages


def now(host: Host, message: OutboxMessage) -> OutboxMessage:
    return next(one for one in messages(host) if one.id == message.id)


def reasons(host: Host) -> list[str]:
    return [alert.reason for alert in host.world.pager.alerts]


def test_an_acknowledgement_that_is_recorded_in_other_words_is_no_refusal(host: Host) -> None:
    host.push(NOTICE, "m-1")
    message = held_otherwise(host, "acknowledgement")
    host.drain()
    settled = now(host, message)
    assert (settled.state, settled.refusals) == ("done", 0)
    assert json.loads(settled.receipt)["subject_id"] == message.id
    assert host.world.regulator.books[message.id][1] == b'{"told":"before"}', "nothing was recorded anew"
    (case,) = host.cases()
    assert (case.state, FLAG in case.flags) == (CaseState.QUEUED, True)
    assert reasons(host) == [f"flag.{FLAG}"]
    host.check_chains()


def test_a_final_report_that_is_recorded_in_other_words_ends_its_case_and_people_compare(host: Host) -> None:
    host.push(NOTICE, "m-1")
    host.drain()
    host.decide(proposal(refusal("1")))
    held_otherwise(host, "report")
    host.drain()
    (case,) = host.cases()
    assert (case.state, FLAG in case.flags, "report_rejected" in case.flags) == (CaseState.CLOSED, True, False)
    assert reasons(host) == [f"flag.{FLAG}"]
    host.check_chains()


def test_what_cannot_be_looked_up_yet_is_not_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.push(NOTICE, "m-1")
    message = held_otherwise(host, "acknowledgement")
    with monkeypatch.context() as patched:
        patched.setattr(host.world.regulator, "look_up", lambda _message: RetryAt("status_503"))
        host.drain()
    waiting = now(host, message)
    assert (waiting.state, waiting.refusals, waiting.maybe_arrived) == ("queued", 0, True)
    (attempt,) = host.records(waiting.case_id).attempts
    assert (attempt.result, attempt.detail) == ("unknown", "key_reused, then status_503")
    host.world.clock.advance(60)
    host.drain()
    assert now(host, message).state == "done"


def test_what_the_regulator_does_not_hold_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    host.push(NOTICE, "m-1")
    message = held_otherwise(host, "acknowledgement")
    monkeypatch.setattr(host.world.regulator, "look_up", lambda _message: None)
    host.drain()
    assert now(host, message).state == "parked"
    assert FLAG not in host.cases()[0].flags


def test_what_is_recorded_in_these_words_is_no_occasion_to_compare(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.push(NOTICE, "m-1")
    held_otherwise(host, "acknowledgement")
    monkeypatch.setattr(host.world.regulator, "look_up", lambda _message: Delivered("r-1", host.world.clock(), b"{}"))
    host.drain()
    assert FLAG not in host.cases()[0].flags
    assert reasons(host) == []


# ------------------------------------------------------------------------------------------- references


def test_a_case_has_the_reference_that_follows_from_its_notice(host: Host) -> None:
    assert json.loads(host.push(NOTICE, "m-1").body)["case_reference"] == reference_of(
        PLATFORM, AUTHORITY, NOTICE.notice_id
    )


@pytest.mark.writes_by_itself
def test_a_reference_that_another_notice_has_is_not_given_away_and_people_are_told(host: Host) -> None:
    host.push(NOTICE, "m-1")
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, "UPDATE cases SET notice_id = 'other'")
    assert host.push(NOTICE, "m-2").status == 202
    case = host.case(NOTICE.notice_id)
    assert case.id == reference_of(PLATFORM, AUTHORITY, NOTICE.notice_id, 1)
    host.drain()
    (told,) = (alert for alert in host.world.pager.alerts if alert.reason == "reference_taken")
    assert (told.case_reference, told.audience) == (case.id, ("lead", "head"))


def test_the_same_useless_bytes_under_two_ids_are_two_cases_and_nobody_is_told_of_a_reference(host: Host) -> None:
    for name in ("m-1", "m-2"):
        target = f"{builders.HOST}/notices"
        headers = sign(regulator_signing_key(PROFILE), PROFILE, "POST", target, b"{}", host.world.clock(), name, "n")
        assert host.deliver_push([("content-type", "application/json"), *headers], b"{}").status == 422
    assert [case.quarantine_no for case in host.cases()] == [1, 2]
    assert len({case.id for case in host.cases()}) == 2
    host.drain()
    assert {reason.partition(".")[0] for reason in reasons(host)} == {"quarantine"}
    host.check_chains()
