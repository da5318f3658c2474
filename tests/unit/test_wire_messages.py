"""The published shape, byte for byte, and the code and the field of everything that departs from it."""

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
from tests.unit.golden import make

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
    assert make.notice().keys() == Notice.model_fields.keys()


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
    problem = v1.Problem.of("url_scheme", 422, "Use http or https.", field="data.items[0].url")
    assert v1.problem_bytes(problem) == GOLDEN["problem.json"]
    assert v1.read_problem(GOLDEN["problem.json"]) == problem


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
    assert write(v1.read(model, GOLDEN[f"{name}.json"])) == GOLDEN[f"{name}.json"]


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


REMOVED = object()


def _changed(path: tuple[str | int, ...], value: object) -> bytes:
    message: Any = make.envelope("notice.issued", make.notice())
    at = message
    for step in path[:-1]:
        at = at[step]
    if value is REMOVED:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(message).encode()


ITEM = ("data", "items", 0)
REFUSED: dict[str, tuple[tuple[str | int, ...], object, str, str]] = {
    "M001": (("api_version",), REMOVED, "schema_missing", "api_version"),
    "M002": (("type",), REMOVED, "schema_missing", "type"),
    "M003": (("data", "notice_id"), REMOVED, "schema_missing", "data.notice_id"),
    "M004": (("data", "issued_at"), REMOVED, "schema_missing", "data.issued_at"),
    "M005": (("data", "issuing_authority"), REMOVED, "schema_missing", "data.issuing_authority"),
    "M006": (("data", "legal_basis"), REMOVED, "schema_missing", "data.legal_basis"),
    "M008": (("data", "items"), REMOVED, "schema_missing", "data.items"),
    "no data": (("data",), REMOVED, "schema_missing", "data"),
    "no reasons": (("data", "statement_of_reasons"), REMOVED, "schema_missing", "data.statement_of_reasons"),
    "null is absent": (("data", "notice_id"), None, "schema_missing", "data.notice_id"),
    "a null time is absent": (("sent_at",), None, "schema_missing", "sent_at"),
    "a null list is absent": (("data", "items"), None, "schema_missing", "data.items"),
    "a null kind is absent": (("data", "kind"), None, "schema_missing", "data.kind"),
    "a null authority is absent": (("data", "issuing_authority"), None, "schema_missing", "data.issuing_authority"),
    "M012": (("data", "notice_id"), 123, "schema_type", "data.notice_id"),
    "M013": (("data", "notice_id"), ["KZ-1"], "schema_type", "data.notice_id"),
    "M014": (("data", "notice_id"), True, "schema_type", "data.notice_id"),
    "M015": (("data", "notice_id"), "", "schema_format", "data.notice_id"),
    "M016": (("data", "notice_id"), "   ", "schema_format", "data.notice_id"),
    "M017": (("data", "notice_id"), "KZ-2026-0000123\n", "schema_format", "data.notice_id"),
    "M019": (("data", "notice_id"), "\u041aZ-2026-0000123", "schema_format", "data.notice_id"),
    "M021": (("data", "notice_id"), "<img src=x onerror=alert(1)>", "schema_format", "data.notice_id"),
    "129 letters": (("data", "notice_id"), "A" * 129, "schema_format", "data.notice_id"),
    "M025": (("data", "issuing_authority"), "mki-kz", "schema_type", "data.issuing_authority"),
    "M030": (("data", "items"), {"url": "https://social.example/p/1"}, "schema_type", "data.items"),
    "M032": (("data", "items"), [{"item_id": "1", "content_type": "post"}], "schema_missing", "data.items[0]"),
    "M037": (("data", "category"), ["illegal_gambling"], "schema_type", "data.category"),
    "M040": (("data", "languages"), ['"><script>'], "schema_format", "data.languages[0]"),
    "M041": (("api_version",), "2", "schema_version", "api_version"),
    "M043": (("type",), "account_data", "type_unsupported", "type"),
    "type is a number": (("type",), 1, "schema_type", "type"),
    "M044": (("data", "revision"), "5", "schema_type", "data.revision"),
    "M045": (("data", "revision"), True, "schema_type", "data.revision"),
    "M046": (("data", "revision"), 5.0, "schema_type", "data.revision"),
    "revision 0": (("data", "revision"), 0, "schema_value", "data.revision"),
    "a huge revision": (("data", "revision"), 10**200, "schema_value", "data.revision"),
    "a kind unknown": (("data", "kind"), "order", "schema_value", "data.kind"),
    "an action unknown": (("data", "requested_action"), "burn", "schema_value", "data.requested_action"),
    "no item": (("data", "items"), [], "schema_value", "data.items"),
    "the same item twice": (
        ("data", "items"),
        [{"item_id": "1", "object_id": "a"}, {"item_id": "1", "object_id": "b"}],
        "schema_value",
        "data.items",
    ),
    "501 items": (
        ("data", "items"),
        [{"item_id": str(number), "object_id": "a"} for number in range(501)],
        "schema_value",
        "data.items",
    ),
    "the name in no language": (
        ("data", "issuing_authority", "name"),
        {},
        "schema_missing",
        "data.issuing_authority.name",
    ),
    "both deadlines": (("data", "deadline", "hours"), 3, "schema_value", "data.deadline"),
    "neither deadline": (("data", "deadline"), {}, "schema_missing", "data.deadline"),
    "two platforms": (("data", "platform_id"), "other", "platform_mismatch", "data.platform_id"),
    "V052": (("data", "supersedes"), "KZ-2026-0000123", "amendment_target", "data"),
    "V043": (
        ("data", "issuing_authority", "name", "en"),
        "abc\u202edef",
        "json_control",
        "data.issuing_authority.name.en",
    ),
    "a NUL": (("data", "reference_number"), "45\x00", "json_control", "data.reference_number"),
    "a line end in a line": (("data", "reference_number"), "45\n46", "json_control", "data.reference_number"),
    "a bare return in prose": (("data", "urgency_reason"), "a\rb", "json_control", "data.urgency_reason"),
    "an isolate in prose": (("data", "urgency_reason"), "\u2066", "json_control", "data.urgency_reason"),
    "K017": (("data", "issued_at"), "2026-03-02T08:55:00", "time_format", "data.issued_at"),
    "K025": (("data", "issued_at"), "2026-02-30T08:00:00Z", "time_format", "data.issued_at"),
    "K027": (("data", "issued_at"), "9999-12-31T23:59:59-05:00", "time_range", "data.issued_at"),
    "K033": (("data", "issued_at"), 1_772_441_700, "schema_type", "data.issued_at"),
    "K043": (("data", "deadline", "due_at"), "", "time_format", "data.deadline.due_at"),
    "sent_at is a number": (("sent_at",), 1_772_441_700, "schema_type", "sent_at"),
    "V003": ((*ITEM, "url"), "data:text/html,<script>1</script>", "url_scheme", "data.items[0].url"),
    "V012": ((*ITEM, "url"), "https://user:pw@social.example/p/1", "url_userinfo", "data.items[0].url"),
    "V035": ((*ITEM, "url"), "https://social.example/p/" + "a" * 2_024, "url_length", "data.items[0].url"),
    "V036": ((*ITEM, "url"), "https://social.example/", "scope_too_wide", "data.items[0].url"),
    "an internal link": (("data", "legal_basis", 0, "url"), "http://[::1]/", "url_internal", "data.legal_basis[0].url"),
}


@pytest.mark.parametrize(("path", "value", "code", "field"), REFUSED.values(), ids=REFUSED)
def test_what_departs_from_the_contract_is_refused_by_code_and_field(
    path: tuple[str | int, ...], value: object, code: str, field: str
) -> None:
    body = _changed(path, value)
    with pytest.raises(Unreadable) as refused:
        v1.read_message(body)
    assert (refused.value.code, refused.value.field) == (code, field)
    kept = v1.unreadable(body, refused.value)
    assert (kept.code, kept.field) == (code, field)


def test_every_code_of_a_field_comes_with_a_remedy() -> None:
    for path, value, _, _ in REFUSED.values():
        with pytest.raises(Unreadable) as refused:
            v1.read_message(_changed(path, value))
        assert refused.value.remedy.endswith(".")
        assert refused.value.message.endswith(".")


ACCEPTED: dict[str, tuple[tuple[str | int, ...], object]] = {
    "M036 unknown category": (("data", "category"), "Illegal_Gambling"),
    "M039 language with region": (("data", "languages"), ["kk-Cyrl-KZ"]),
    "M042 unknown field": (("data", "extra"), {"a": 1}),
    "unknown field of the envelope": (("trace",), "x"),
    "K044 null deadline": (("data", "deadline"), None),
    "K030 +05:00": (("data", "issued_at"), "2026-03-02T13:55:00+05:00"),
    "Windows line ends": (("data", "urgency_reason"), "a\r\nb\n\tc"),
    "a fraction of a second": (("data", "issued_at"), "2026-03-02T08:55:00.999999Z"),
    "500 items": (("data", "items"), [{"item_id": str(number), "object_id": "a"} for number in range(500)]),
}


@pytest.mark.parametrize(("path", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_contract_leaves_open_is_accepted(path: tuple[str | int, ...], value: object) -> None:
    assert isinstance(v1.read_message(_changed(path, value)).data, Notice)


def test_an_amendment_must_be_of_a_later_revision() -> None:
    with pytest.raises(Unreadable) as refused:
        v1.read_message(make.laid_out(make.envelope("notice.amended", make.notice())))
    assert (refused.value.code, refused.value.field) == ("amendment_target", "data.revision")


def test_a_cancellation_without_its_effect_is_accepted() -> None:
    data = json.loads(GOLDEN["notice.cancelled.json"])["data"]
    del data["effect"], data["item_ids"]
    cancelled = v1.read_message(make.laid_out(make.envelope("notice.cancelled", data))).data
    assert isinstance(cancelled, Cancellation)
    assert (cancelled.effect, cancelled.item_ids) == (None, None)


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    secret = "Асылбек900101300123"
    places: tuple[tuple[str | int, ...], ...] = (
        ("type",),
        ("data", "notice_id"),
        ("data", "kind"),
        ("data", "issued_at"),
        ("data", "revision"),
        ("data", "items"),
        (*ITEM, "url"),
    )
    for place in places:
        body = _changed(place, secret)
        with pytest.raises(Unreadable) as refused:
            v1.read_message(body)
        kept = v1.unreadable(body, refused.value)
        assert "900101300123" not in f"{refused.value} {kept}"


@pytest.mark.parametrize(
    ("body", "notice_id", "authority_id"),
    [
        (_changed(("data", "items"), []), "KZ-2026-0000123", "mki-kz"),
        (_changed(("data", "notice_id"), "a b"), None, "mki-kz"),
        (_changed(("data",), []), None, None),
        (b'{"data":{"notice_id":"KZ-1","issuing_authority":{"id":"mki-kz"', "KZ-1", "mki-kz"),
        (b'{"data":{"notice_id":"KZ-1","notice_id":"KZ-2"}}', None, None),
        (b"hello", None, None),
        (b"\xff" * 100, None, None),
    ],
)
def test_an_unreadable_message_names_its_notice_only_beyond_doubt(
    body: bytes, notice_id: str | None, authority_id: str | None
) -> None:
    with pytest.raises(Unreadable) as refused:
        v1.read_message(body)
    kept = v1.unreadable(body, refused.value)
    assert (kept.notice_id, kept.authority_id) == (notice_id, authority_id)


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
    assert v1.read_problem(body) is None
