"""What leaves for the regulator cannot carry a person: every object is closed, and every text says why it is safe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import deciding
from kz_compliance_sdk.domain.decision import Wording
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.services.admission import noted, refused
from tests.case_makers import M1, a_notice, claimed, context, opened, proposal, refusal, stamp

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "contract" / "schemas"
OUTBOUND = ("acknowledgement", "clarification-request", "report")
ANSWERS = ("accepted", "noted", "problem")

_THEIRS = "the authority's own value, which comes back to it"
_OURS = "made by this library: an id, a digest or a signature"
_WORDED = "a person words it, and must say that it names no user and no reporter before it leaves"
_OFFICE = "the platform's own respondent, from the settings: never a user or a reporter"

# Every string that can hold more than a time, a fixed word, a country or a language, and why it names no user.
TEXTS = {
    "acknowledgement.notice_id": _THEIRS,
    "acknowledgement.message_id": _THEIRS,
    "acknowledgement.case_reference": _OURS,
    "clarification-request.request_id": _OURS,
    "clarification-request.notice_id": _THEIRS,
    "clarification-request.case_reference": _OURS,
    "clarification-request.questions[].item_id": _THEIRS,
    "clarification-request.questions[].text[].text": _WORDED,
    "report.report_id": _OURS,
    "report.notice_id": _THEIRS,
    "report.reference_number": _THEIRS,
    "report.case_reference": _OURS,
    "report.items[].item_id": _THEIRS,
    "report.items[].legal_provision": _WORDED,
    "report.items[].statement_of_reasons[].text": _WORDED,
    "report.items[].cannot_comply.details": _WORDED,
    "report.items[].contest.body": _WORDED,
    "report.items[].contest.reference": _WORDED,
    "report.authorised_person.role": _OFFICE,
    "report.authorised_person.name": _OFFICE,
    "report.audit_head": _OURS,
    "report.checkpoint.root": _OURS,
    "report.signature.key_id": _OURS,
    "report.signature.value": _OURS,
}

_SHORT = ("^[A-Za-z]{2,3}(?:-", "^(?:[A-Z]{2}|")


def strings(schema: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Every string below a schema that can be chosen freely, and every object that is not closed."""
    if "$ref" in schema:
        yield from strings(defs[schema["$ref"].rpartition("/")[2]], defs, path)
        return
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, ()):
            yield from strings(part, defs, path)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            yield path, "is not closed"
        for name, part in schema.get("properties", {}).items():
            yield from strings(part, defs, f"{path}.{name}")
    if "items" in schema:
        yield from strings(schema["items"], defs, f"{path}[]")
    fixed = "enum" in schema or "const" in schema or schema.get("format") == "date-time"
    if kind == "string" and not fixed and not schema.get("pattern", "").startswith(_SHORT):
        yield path, "is a text"


def of(name: str) -> set[tuple[str, str]]:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return set(strings(schema, schema.get("$defs", {}), name))


@pytest.mark.parametrize("name", OUTBOUND)
def test_every_object_is_closed_and_every_text_has_its_reason(name: str) -> None:
    assert of(name) == {(path, "is a text") for path in TEXTS if path.partition(".")[0] == name}


def test_a_field_for_a_person_would_be_seen() -> None:
    """The control: a new text, and an object that takes anything."""
    schema = {
        "type": "object",
        "properties": {"user": {"type": "string"}, "more": {"type": "object", "additionalProperties": False}},
    }
    assert set(strings(schema, {}, "x")) == {("x", "is not closed"), ("x.user", "is a text")}


def test_every_schema_that_leaves_is_looked_at() -> None:
    """A new kind of message is either sent to us, or stands above."""
    theirs = {
        "feed-page",
        "held-notice",
        "receipt",
        "register-entry",
        "registration",
        "sanctions",
        "sanction.announced",
    }
    names = {path.stem for path in SCHEMAS.glob("*.json")}
    assert {name for name in names if not name.startswith(("notice.", "sanction."))} - theirs == {*OUTBOUND, *ANSWERS}


def test_an_answer_to_a_sender_holds_these_fields_and_no_others() -> None:
    """Their schemas are open, so that a reader can bear more of them later; what is written today is this."""
    assert set(json.loads(noted("msg-1", 0).body)) == {"subject_id", "case_reference", "received_at"}
    problem = json.loads(refused(422, "schema_missing", "A field is missing.", field="data.items").body)
    assert set(problem) <= {"type", "title", "status", "detail", "instance", "code", "field", "retryable"}


def test_what_a_person_words_leaves_only_once_it_was_read_for_names() -> None:
    said = (Statement(lang="ru", text="Рассмотрено."),)
    worded = refusal("1", wording=Wording(outcome="refused", refusal_code="not_illegal", statement_of_reasons=said))
    notice = a_notice()
    held = claimed(opened(notice))
    unread = proposal(worded, text_checked=False)
    with pytest.raises(InvalidInput) as wrong:
        deciding.propose(held, held.lease_token, unread, context(notice), stamp=stamp(actor=M1))
    assert "text_checked" in wrong.value.field
