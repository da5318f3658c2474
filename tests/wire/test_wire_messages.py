"""The published shape, byte for byte, in both directions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice, Reminder, Sanction
from kz_compliance_sdk.domain.report import (
    Acknowledgement,
    AuthorisedPerson,
    ClarificationRequest,
    Question,
    Receipt,
    Report,
    ReportItem,
    ReportSignature,
    Statement,
    outbound_bytes,
    unsigned_bytes,
)
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire import v1
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import Problem, problem_bytes, read_problem
from tests.wire.golden import make

NOW = make.NOW
GOLDEN = {path.name: path.read_bytes() for path in Path(make.__file__).parent.glob("*.json")}


def test_the_golden_files_are_what_the_independent_maker_makes() -> None:
    assert make.files() == GOLDEN


MESSAGES: dict[str, type[object]] = {
    "notice.issued": Notice,
    "notice.amended": Notice,
    "notice.clarified": Clarification,
    "notice.cancelled": Cancellation,
    "notice.reminded": Reminder,
    "sanction.announced": Sanction,
}


def test_every_message_type_has_its_golden_file() -> None:
    assert MESSAGES.keys() == v1.ENVELOPES.keys()


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_golden_message_is_read_and_written_to_the_same_bytes(kind: str) -> None:
    body = GOLDEN[f"{kind}.json"]
    message = v1.read_message(body)
    assert (message.id, message.type, message.sent_at, message.platform_id) == (make.MESSAGE_ID, kind, NOW, "social")
    assert type(message.data) is MESSAGES[kind]
    assert message.raw == json.loads(body)["data"]
    again = v1.write_message(message.type, message.data, message_id=message.id, sent_at=NOW, platform_id="social")
    assert again == body


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_stored_message_says_what_it_said_when_it_came(kind: str) -> None:
    body = GOLDEN[f"{kind}.json"]
    assert v1.read_admitted(body) == v1.read_message(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"{}", b'{"api_version":"9","type":"notice.issued"}'])
def test_stored_bytes_that_are_no_message_any_more_are_refused_as_they_would_be_at_first(body: bytes) -> None:
    with pytest.raises(Unreadable) as at_first:
        v1.read_message(body)
    with pytest.raises(Unreadable) as now:
        v1.read_admitted(body)
    assert (now.value.code, now.value.field) == (at_first.value.code, at_first.value.field)


def test_the_golden_notice_says_what_was_written_down() -> None:
    notice = v1.read_message(GOLDEN["notice.issued.json"]).data
    assert isinstance(notice, Notice)
    assert notice.issued_at == NOW - 300
    assert notice.deadline is not None
    assert notice.deadline.due_at == NOW - 300 + 86_400
    assert notice.issuing_authority.name.best("ru") == "Комитет информации"
    assert [item.item_id for item in notice.items] == ["1", "2"]
    assert (notice.items[1].url, notice.items[1].account_ref) == (None, "@casino")
    assert notice.user_notice is not None
    assert not notice.user_notice.allowed
    assert notice.territorial_scope == ("KZ",)
    assert make.notice().keys() == set(Notice.__struct_fields__)


def _report(**changes: Any) -> Report:
    values: dict[str, Any] = {
        "report_id": "rep-1",
        "notice_id": "KZ-2026-0000123",
        "reference_number": "45/1-06",
        "case_reference": "KZ-26-000001",
        "sequence": 1,
        "final": True,
        "received_at": NOW + 1,
        "reported_at": NOW + 7_200,
        "items": (
            ReportItem(
                item_id="1",
                outcome="removed",
                action="remove",
                effective_at=NOW + 7_140,
                ground="local_law",
                legal_provision="18-VIII, 9",
                statement_of_reasons=(Statement(lang="ru", text="Реклама онлайн-казино."),),
                user_notified="delayed",
            ),
            ReportItem(
                item_id="2",
                outcome="refused",
                action="none",
                refusal_code="overbroad",
                statement_of_reasons=(Statement(lang="ru", text="Весь аккаунт не нарушает закон."),),
            ),
        ),
        "authorised_person": AuthorisedPerson(role="head_of_office", name="Б. Ахметова"),
        "audit_head": "ab" * 32,
    }
    return Report(**{**values, **changes})


def test_what_we_send_has_the_golden_bytes() -> None:
    pending = ReportItem(item_id="2", outcome="pending", action="none")
    first = _report().items[0]
    question = Question(item_id="2", text=(Statement(lang="ru", text="Какие записи?"),))
    assert outbound_bytes(_report()) == GOLDEN["report.json"]
    interim = _report(report_id="rep-0", final=False, items=(first, pending))
    assert outbound_bytes(interim) == GOLDEN["report-interim.json"]
    assert (
        outbound_bytes(
            Acknowledgement(
                notice_id="KZ-2026-0000123",
                revision=1,
                received_at=NOW + 1,
                case_reference="KZ-26-000001",
                message_id=make.MESSAGE_ID,
            )
        )
        == GOLDEN["acknowledgement.json"]
    )
    assert (
        outbound_bytes(
            ClarificationRequest(
                request_id="clar-1",
                notice_id="KZ-2026-0000123",
                case_reference="KZ-26-000001",
                sequence=1,
                questions=(question,),
                sent_at=NOW + 3_600,
            )
        )
        == GOLDEN["clarification-request.json"]
    )
    accepted = v1.Accepted(case_reference="KZ-26-000001", received_at=NOW + 1, due_at=NOW + 86_401)
    assert v1.encode(accepted) == GOLDEN["accepted.json"]
    problem = Problem.of("url_scheme", 422, "Use http or https.", field="data.items[0].url")
    assert problem_bytes(problem) == GOLDEN["problem.json"]
    assert read_problem(GOLDEN["problem.json"]) == problem


READ_BACK: dict[str, tuple[type[BaseModel], Callable[[Any], bytes]]] = {
    "acknowledgement": (Acknowledgement, outbound_bytes),
    "clarification-request": (ClarificationRequest, outbound_bytes),
    "report": (Report, outbound_bytes),
    "report-interim": (Report, outbound_bytes),
    "receipt": (Receipt, outbound_bytes),
    "accepted": (v1.Accepted, v1.encode),
    "held-notice": (v1.HeldNotice, v1.encode),
    "feed-page": (v1.FeedPage, v1.encode),
}


@pytest.mark.parametrize("name", READ_BACK)
def test_the_other_side_reads_the_golden_bytes_and_writes_them_again(name: str) -> None:
    model, write = READ_BACK[name]
    assert write(read(model, GOLDEN[f"{name}.json"])) == GOLDEN[f"{name}.json"]


def test_a_receipt_covers_the_bytes_it_names_and_no_others() -> None:
    receipt = v1.read_receipt(GOLDEN["receipt.json"])
    sent = GOLDEN["report.json"]
    assert receipt.covers("rep-1", sent)
    assert not receipt.covers("rep-2", sent)
    assert not receipt.covers("rep-1", sent + b" ")


def test_a_feed_entry_gives_back_the_exact_bytes() -> None:
    (entry,) = v1.read_feed(GOLDEN["feed-page.json"]).data
    assert entry.exact_body() == GOLDEN["notice.issued.json"]
    signed = json.loads(GOLDEN["signatures.json"])["rfc9421"]
    assert sorted(entry.header_list()) == sorted((name, value) for name, value in signed)


def test_one_broken_entry_does_not_hide_the_rest_of_a_page() -> None:
    page = json.loads(GOLDEN["feed-page.json"])
    page["data"].append({**page["data"][0], "sequence": 42, "body": "!"})
    entries = v1.read_feed(make.laid_out(page)).data
    assert entries[0].exact_body() == GOLDEN["notice.issued.json"]
    with pytest.raises(Unreadable) as refused:
        entries[1].exact_body()
    assert refused.value.code == "feed_body"


def test_a_full_page_of_the_feed_is_read() -> None:
    page = json.loads(GOLDEN["feed-page.json"])
    page["data"] = [{**page["data"][0], "sequence": number} for number in range(1_000)]
    assert len(v1.read_feed(make.laid_out(page)).data) == 1_000


@pytest.mark.parametrize("model", [Acknowledgement, ClarificationRequest, Report])
def test_nothing_that_leaves_can_carry_a_field_of_another_name(model: type[BaseModel]) -> None:
    name = {Acknowledgement: "acknowledgement", ClarificationRequest: "clarification-request", Report: "report"}[model]
    value = json.loads(GOLDEN[f"{name}.json"])

    def with_reporter(at: Any) -> list[Any]:
        places = [at] if isinstance(at, dict) else []
        for inner in at.values() if isinstance(at, dict) else at if isinstance(at, list) else []:
            places += with_reporter(inner)
        return places

    for place in with_reporter(value):
        place["reporter"] = "A. Person"
        with pytest.raises(ValidationError):
            model.model_validate(value)
        del place["reporter"]
    model.model_validate(value)


def test_a_final_report_holds_nothing_pending_and_an_interim_one_may() -> None:
    pending = ReportItem(item_id="2", outcome="pending", action="none")
    assert not _report(final=False, items=(pending,)).final
    with pytest.raises(ValidationError, match="pending"):
        _report(items=(pending,))


@pytest.mark.parametrize("outcome", ["refused", "cannot_comply", "contested"])
def test_an_outcome_that_needs_a_reason_has_one(outcome: str) -> None:
    with pytest.raises(ValidationError, match="needs"):
        ReportItem.model_validate({"item_id": "1", "outcome": outcome, "action": "none"})


def test_a_reports_signature_is_not_part_of_what_it_signs() -> None:
    signed = _report(signature=ReportSignature(key_id="k", alg="ed25519", value="AAAA"))
    assert unsigned_bytes(signed) == unsigned_bytes(_report()) == outbound_bytes(_report())
    assert outbound_bytes(signed) != outbound_bytes(_report())


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'{"status":"422"}', b"[]"])
def test_an_answer_that_is_no_problem_is_told_apart(body: bytes) -> None:
    assert read_problem(body) is None
