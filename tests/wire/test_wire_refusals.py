"""What departs from the contract is refused by code and field, and what it leaves open is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import Cancellation, Notice
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire import v1
from tests.wire.golden import make

GOLDEN = {path.name: path.read_bytes() for path in Path(make.__file__).parent.glob("*.json")}


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
