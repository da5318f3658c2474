"""The rules by which the regulator records: once, in order, and nothing that the contract does not allow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Report, outbound_bytes
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.books import AlreadyRecorded, Books, IssuedMessage
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused
from tests.conftest import NOON


def _issued(books: Books, notice: Notice) -> None:
    place = len(books.feed) + 1
    kind = "notice.issued" if notice.revision == 1 else "notice.amended"
    books.enter(
        IssuedMessage("social", place, f"msg-{place}", kind, notice.notice_id, NOON, b"{}", notice)  # type: ignore[arg-type]
    )


@pytest.fixture
def notice() -> Notice:
    return builders.notice(1, items=2)


@pytest.fixture
def books(notice: Notice) -> Books:
    numbers = count(1)
    books = Books("social", lambda: f"id-{next(numbers)}")
    _issued(books, notice)
    return books


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _refusal(call: Callable[[], object]) -> tuple[int | None, str | None, str | None]:
    with pytest.raises(Refused) as caught:
        call()
    problem = caught.value.problem
    return problem.status, problem.code, problem.field


def _record(books: Books, notice: Notice, report: Report, key: str | None = None, now: int = NOON) -> Any:
    return books.record("report", notice.notice_id, key or report.report_id, outbound_bytes(report), now)


def test_a_report_is_recorded_with_a_receipt_for_its_exact_bytes(books: Books, notice: Notice) -> None:
    report = builders.report(notice, "r-1")
    recorded = _record(books, notice, report)
    assert recorded.body == outbound_bytes(report)
    assert recorded.receipt.covers("r-1", outbound_bytes(report))
    assert recorded.receipt.recorded_at == NOON
    assert books.report("r-1") is recorded
    assert books.held(notice.notice_id).reports == (recorded.receipt,)
    assert books.notices[notice.notice_id].outcomes() == {"1": "removed", "2": "removed"}


def test_a_repeat_gives_the_first_receipt_and_records_nothing(books: Books, notice: Notice) -> None:
    report = builders.report(notice, "r-1")
    first = _record(books, notice, report)
    assert _record(books, notice, report, now=NOON + 99) is first
    assert len(books.notices[notice.notice_id].recorded) == 1


def test_a_key_that_comes_back_with_another_body_is_refused_and_changes_nothing(books: Books, notice: Notice) -> None:
    first = _record(books, notice, builders.report(notice, "r-1"))
    other = builders.report(notice, "r-1", outcome="refused")
    assert _refusal(lambda: _record(books, notice, other))[:2] == (422, "idempotency_key_reused")
    assert books.notices[notice.notice_id].recorded == [first]


def test_a_key_that_comes_back_for_another_notice_is_refused(books: Books, notice: Notice) -> None:
    second = builders.notice(2)
    _issued(books, second)
    body = outbound_bytes(builders.acknowledgement(notice))
    books.record("acknowledgement", notice.notice_id, "k", body, NOON)
    again = _refusal(lambda: books.record("acknowledgement", second.notice_id, "k", body, NOON))
    assert again[:2] == (422, "idempotency_key_reused")


def test_a_sequence_that_is_recorded_gives_the_recorded_receipt(books: Books, notice: Notice) -> None:
    first = _record(books, notice, builders.report(notice, "r-1", sequence=1))
    with pytest.raises(AlreadyRecorded) as caught:
        _record(books, notice, builders.report(notice, "r-2", sequence=1))
    assert caught.value.recorded is first


def test_sequences_grow_and_may_leave_gaps(books: Books, notice: Notice) -> None:
    """A number that was withdrawn before it was sent is skipped; one that comes late finds the newest in its place."""
    _record(books, notice, builders.report(notice, "r-1", sequence=1))
    third = _record(books, notice, builders.report(notice, "r-3", sequence=3))
    with pytest.raises(AlreadyRecorded) as caught:
        _record(books, notice, builders.report(notice, "r-2", sequence=2))
    assert caught.value.recorded is third


def test_each_case_counts_its_own_reports(books: Books, notice: Notice) -> None:
    _record(books, notice, builders.report(notice, "r-1", sequence=1))
    _record(books, notice, builders.report(notice, "r-2", sequence=1, case_reference="another"))
    assert [report.report_id for report in books.notices[notice.notice_id].reports()] == ["r-1", "r-2"]


@pytest.mark.parametrize("kind", ["report", "acknowledgement"])
def test_forgotten_keys_lead_to_no_second_record(books: Books, notice: Notice, kind: Any) -> None:
    sent = builders.report(notice, "k") if kind == "report" else builders.acknowledgement(notice)
    first = books.record(kind, notice.notice_id, "k", outbound_bytes(sent), NOON)
    books.forget_keys()
    with pytest.raises(AlreadyRecorded) as caught:
        books.record(kind, notice.notice_id, "k", outbound_bytes(sent), NOON)
    assert caught.value.recorded is first
    assert books.notices[notice.notice_id].recorded == [first]


def test_a_notice_that_was_never_issued_is_unknown(books: Books) -> None:
    other = builders.notice(9)
    assert _refusal(lambda: _record(books, other, builders.report(other)))[:2] == (404, "notice_unknown")
    assert _refusal(lambda: books.held(other.notice_id))[0] == 404
    assert _refusal(lambda: books.report("r-9"))[:2] == (404, "report_unknown")


def _broken_reports(notice: Notice) -> dict[str, tuple[dict[str, Any], str, str]]:
    whole = builders.report(notice, "r-1").model_dump(mode="json", exclude_none=True)
    item = whole["items"][0]
    return {
        "an unknown field": ({**whole, "moderator": "x"}, "schema_value", "moderator"),
        "a missing field": ({k: v for k, v in whole.items() if k != "audit_head"}, "schema_missing", "audit_head"),
        "a number for a text": ({**whole, "case_reference": 7}, "schema_type", "case_reference"),
        "another notice": ({**whole, "notice_id": "KZ-other"}, "schema_value", "notice_id"),
        "another reference": ({**whole, "reference_number": "0/0"}, "schema_value", "reference_number"),
        "another id than the key": ({**whole, "report_id": "r-9"}, "schema_value", "report_id"),
        "an item of nobody": ({**whole, "items": [{**item, "item_id": "77"}]}, "schema_value", "items[0].item_id"),
        "a refusal without a code": (
            {**whole, "items": [{**item, "outcome": "refused"}]},
            "schema_missing",
            "items[0]",
        ),
        "reasons in a foreign language": (
            {**whole, "items": [{**item, "statement_of_reasons": [{"lang": "de", "text": "Nein."}]}]},
            "schema_value",
            "items[0].statement_of_reasons",
        ),
    }


@pytest.mark.parametrize("name", _broken_reports(builders.notice(1, items=2)))
def test_a_report_that_the_contract_does_not_allow_is_refused_by_field(books: Books, notice: Notice, name: str) -> None:
    value, code, field = _broken_reports(notice)[name]
    body = _json(value)
    assert _refusal(lambda: books.record("report", notice.notice_id, "r-1", body, NOON)) == (422, code, field)
    assert books.recorded == {}
    _record(books, notice, builders.report(notice, "r-1"))


def test_an_acknowledgement_names_a_revision_that_was_issued(books: Books, notice: Notice) -> None:
    body = outbound_bytes(builders.acknowledgement(notice, revision=2))
    refused = _refusal(lambda: books.record("acknowledgement", notice.notice_id, "a-1", body, NOON))
    assert refused == (422, "schema_value", "revision")
    _issued(books, builders.notice(1, items=2, revision=2))
    books.record("acknowledgement", notice.notice_id, "a-1", body, NOON)
    held = books.held(notice.notice_id)
    assert held.notice.revision == 2
    assert [receipt.subject_id for receipt in held.acknowledgements] == ["a-1"]


def test_a_clarification_request_is_held_under_its_key(books: Books, notice: Notice) -> None:
    body = outbound_bytes(builders.clarification_request(notice, "ask-1"))
    books.record("clarification_request", notice.notice_id, "ask-1", body, NOON)
    held = books.held(notice.notice_id).clarification_requests
    assert [(each.subject_id, each.body_sha256) for each in held] == [("ask-1", hashlib.sha256(body).hexdigest())]
    wrong = _refusal(lambda: books.record("clarification_request", notice.notice_id, "ask-2", body, NOON))
    assert wrong == (422, "schema_value", "request_id")


def test_items_that_a_clarification_brings_can_be_reported(books: Books, notice: Notice) -> None:
    later = builders.notice(1, items=3)
    report = builders.report(later, "r-1")
    assert _refusal(lambda: _record(books, notice, report))[2] == "items[2].item_id"
    answer = builders.clarification(notice, "ask-1", items=later.items)
    books.enter(IssuedMessage("social", 2, "msg-2", "notice.clarified", notice.notice_id, NOON, b"{}", answer))
    _record(books, notice, report)


def test_a_report_with_500_items_is_read(books: Books) -> None:
    large = builders.notice(3, items=500)
    _issued(books, large)
    assert _record(books, large, builders.report(large, "r-large")).receipt.subject_id == "r-large"


def test_the_same_revision_is_not_issued_twice(books: Books, notice: Notice) -> None:
    assert _refusal(lambda: _issued(books, notice))[:2] == (409, "revision_taken")


def test_a_message_about_no_notice_is_not_issued(books: Books) -> None:
    lost = builders.reminder(builders.notice(9))
    message = IssuedMessage("social", 2, "msg-2", "notice.reminded", lost.notice_id, NOON, b"{}", lost)
    assert _refusal(lambda: books.enter(message))[:2] == (404, "notice_unknown")
    assert "msg-2" not in books.messages


_ENTRY = {
    "owner": "Social",
    "apps": ["Social"],
    "users_a_day": 150_000,
    "legal_representative": {"name": "ТОО"},
    "office": {"city": "Алматы"},
    "head": {"name": "Үлгі Б. С.", "citizenship": "any"},
}


def test_a_registration_is_entered_once_and_then_changed(books: Books) -> None:
    assert books.register(_json(_ENTRY), NOON) is True
    assert books.register(_json({**_ENTRY, "users_a_day": 0}), NOON + 5) is False
    entry = books.registration
    assert entry is not None
    assert (entry.registered_at, entry.updated_at, entry.value["users_a_day"]) == (NOON, NOON + 5, 0)


@pytest.mark.parametrize("name", sorted(_ENTRY))
def test_a_registration_without_one_of_its_parts_is_refused(books: Books, name: str) -> None:
    body = _json({key: value for key, value in _ENTRY.items() if key != name})
    assert _refusal(lambda: books.register(body, NOON)) == (422, "schema_missing", name)
    assert books.registration is None
