"""What is refused on its way in: with which status, by which code, and which field it names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.wire.codes import remedy_of
from tests.driver import M1, Driver

JSON = ("content-type", "application/json")
Headers = Sequence[tuple[str, str]]


def _answer(office: Driver, headers: Headers, body: bytes = b"{}", method: str = "POST") -> tuple[int, str]:
    """The status and the code that an unsigned request gets."""
    answer = office.desk.receive(method, "/notices", list(headers), body)
    return answer.status, json.loads(answer.body)["code"]


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ([JSON, ("content-length", "2")], (401, "not_authentic")),
        ([JSON, ("transfer-encoding", "chunked")], (401, "not_authentic")),
        ([JSON, ("content-length", "2"), ("transfer-encoding", "chunked")], (400, "framing")),
        ([JSON, ("content-length", "2"), ("content-length", "2")], (401, "not_authentic")),
        ([JSON, ("content-encoding", "gzip")], (415, "encoding")),
        ([JSON, ("content-encoding", " Identity ")], (401, "not_authentic")),
        ([JSON, ("content-encoding", "")], (401, "not_authentic")),
        ([("content-type", ' Application/JSON; charset="UTF-8" ')], (401, "not_authentic")),
        ([("content-type", "application/json; charset=latin-1")], (415, "media_type")),
        ([], (415, "media_type")),
        ([JSON, *[("x", "")] * 127], (401, "not_authentic")),
        ([JSON, *[("x", "")] * 128], (431, "headers")),
        ([JSON, ("x", "y" * (32_768 - 28 - 1))], (401, "not_authentic")),
        ([JSON, ("x", "y" * (32_768 - 28))], (431, "headers")),
    ],
)
def test_a_head_is_refused_before_anything_is_verified(
    headers: Headers, refused: tuple[int, str], tmp_path: Path
) -> None:
    assert _answer(Driver(tmp_path), headers) == refused


def test_only_a_push_is_taken(tmp_path: Path) -> None:
    answer = Driver(tmp_path).desk.receive("GET", "/notices", [JSON], b"")
    assert (answer.status, dict(answer.headers)["allow"]) == (405, "POST")


@pytest.mark.parametrize(("length", "refused"), [(262_144, (401, "not_authentic")), (262_145, (413, "too_large"))])
def test_a_message_has_a_bound(length: int, refused: tuple[int, str], tmp_path: Path) -> None:
    assert _answer(Driver(tmp_path), [JSON], b" " * length) == refused


def _body(office: Driver, message_id: str = "msg-x", platform: str = "social", **notice: Any) -> bytes:
    said = {"id": message_id, "type": "notice.issued", "api_version": "1", "platform_id": platform}
    data = {**office.notice(**notice), "platform_id": platform}
    return json.dumps({**said, "sent_at": "2026-11-24T07:00:00Z", "data": data}).encode()


def test_a_right_signature_under_a_wrong_name_says_which(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    stranger = {"id": "another-ministry", "name": {"ru": "Другое"}}
    answers = [
        office.push_bytes(_body(office, platform="another"), "msg-x"),
        office.push_bytes(_body(office, "msg-y"), "msg-z"),
        office.push_bytes(_body(office, issuing_authority=stranger), "msg-x"),
    ]
    for one in answers:
        assert remedy_of(one["code"]) in one["detail"]
    assert [(one["status"], one["code"], one["field"]) for one in answers] == [
        (422, "platform_mismatch", "platform_id"),
        (422, "id_mismatch", "id"),
        (422, "authority_key_mismatch", "data.issuing_authority.id"),
    ]


def test_a_right_signature_at_the_wrong_time_names_no_field(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    answer = office.push("notice.issued", office.notice(), signed_at=office.clock() - 900)
    assert (answer["status"], answer["code"]) == (422, "stale")
    assert "field" not in answer


@pytest.mark.parametrize("field", ["received_at", "platform_id", "how"])
def test_a_letter_that_cannot_be_typed_in_so_names_its_field(field: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    before = office.fingerprint()
    platform = "another" if field == "platform_id" else "social"
    notice = Notice.model_validate({**office.notice(), "platform_id": platform})
    received_at = office.clock() + 1 if field == "received_at" else office.clock()
    with pytest.raises(InvalidInput) as error:
        office.desk.enter(M1.actor, notice, received_at, " " if field == "how" else "a letter")
    assert error.value.field == field
    assert office.fingerprint() == before


def test_what_is_not_authentic_is_counted_once_a_minute_and_wakes_nobody(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    for name in ("msg-1", "msg-2"):
        office.push_bytes(_body(office), name, forged=True)
    assert office.desk.health().refusals == (), "the control: a minute is not over"
    office.wait(60)
    office.watch()
    (counted,) = office.desk.health().refusals
    assert (counted.key_id, counted.count) == ("unknown", 2)
    office.deliver()
    assert office.pages() == []


def test_an_id_that_comes_again_over_other_bytes_is_something_to_look_at_soon(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.push("notice.issued", office.notice(1), "msg-1")
    office.push("notice.issued", office.notice(2), "msg-1")
    office.deliver()
    (told,) = [alert for alert in office.pager.alerts if alert.reason == "message_id_reused"]
    assert (told.level, told.audience) == (30, ("moderator", "lead"))
