"""The published schemas and the reader judge alike: what one takes the other takes, or it is written down."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES, BadInput
from kz_compliance_sdk.wire.strict_json import loads
from kz_compliance_sdk.wire.v1 import ENVELOPES, read_message
from tests.arrivals.bad_inputs.requests import made
from tests.published.contract import is_read, validator
from tests.published.generator import examples, message_schema
from tests.published.generator.schemas import BEYOND_SCHEMA, FROM_PLATFORM


def _as_json(case: BadInput) -> dict[str, Any] | None:
    """The message of a case; None if its bytes are no JSON that has one meaning, or if it is of no known type."""
    try:
        value = loads(made(case).body)
    except Unreadable:
        return None
    return value if value.get("type") in ENVELOPES else None


MESSAGES = [case for case in CASES.values() if not case.is_live and case.recipe and _as_json(case) is not None]


def _refusal(value: dict[str, Any]) -> Unreadable | None:
    try:
        read_message(json.dumps(value, ensure_ascii=False).encode())
    except Unreadable as wrong:
        return wrong
    return None


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: f"{case.id} {case.name}")
def test_the_schema_judges_the_catalogue_as_the_reader_does(case: BadInput) -> None:
    """What the reader takes, the schema takes; what it refuses, the schema refuses, or it is written down why not."""
    value = _as_json(case)
    assert value is not None
    refused = _refusal(value)
    valid = validator(value["type"]).is_valid(value)
    if refused is None:
        assert valid
    elif valid:
        assert refused.code in BEYOND_SCHEMA, f"{refused.code} at {refused.field} is refused by the reader alone"


def test_the_catalogue_has_what_the_schemas_refuse_as_well() -> None:
    """The check above is no use if the schemas refuse nothing: most refusals are theirs too."""
    values = [value for case in MESSAGES if (value := _as_json(case)) is not None]
    refused = [value for value in values if _refusal(value) is not None]
    both = [value for value in refused if not validator(value["type"]).is_valid(value)]
    assert len(refused) > 20
    assert len(both) > len(refused) / 2


def _notice(**changes: Any) -> dict[str, Any]:
    value: dict[str, Any] = copy.deepcopy(examples()["notice.issued"]["minimal"])
    value["data"] |= changes
    return value


def _item(**item: Any) -> dict[str, Any]:
    return _notice(items=[{"item_id": "1", **item}])


def _report(**item: Any) -> dict[str, Any]:
    value: dict[str, Any] = copy.deepcopy(examples()["report"]["minimal"])
    value["items"][0] |= item
    return value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notice.issued", _item()),
        ("notice.issued", _item(url=None, object_id=None)),
        ("notice.issued", _item(url="ftp://social.example/p/1")),
        ("notice.issued", _item(url="https://user:pw@social.example/p/1")),
        ("notice.issued", _item(url="https://social.example/p 1")),
        ("notice.issued", _item(url="https://social.example/")),
        ("notice.issued", _item(url="https://social.example")),
        ("notice.issued", _item(url="https://social.example/p/*")),
        ("notice.issued", _item(url="https://social.example/" + "a" * 2_048)),
        ("notice.issued", _item(url="https://social.example\\p\\1")),
        ("notice.issued", _notice(deadline={})),
        ("notice.issued", _notice(deadline={"hours": 1, "due_at": "2026-11-24T07:00:00Z"})),
        ("notice.issued", _notice(deadline={"hours": None, "due_at": None})),
        ("notice.issued", _notice(issued_at="2026-11-24")),
        ("notice.issued", _notice(issued_at="2026-11-24T07:00:00")),
        ("notice.issued", _notice(issued_at=1_795_503_600)),
        ("notice.issued", _notice(reference_number="1\u202e2")),
        ("notice.issued", _notice(issuing_authority={"id": "a", "name": {}})),
        ("notice.issued", _notice(issuing_authority={"id": "a", "name": {"kk": None}})),
        ("notice.amended", {**_notice(revision=1), "type": "notice.amended"}),
        ("report", _report(outcome="refused")),
        ("report", _report(outcome="refused", refusal_code=None)),
        ("report", _report(outcome="cannot_comply")),
        ("report", _report(outcome="contested")),
        ("report", _report(outcome="pending")),
        ("report", _report(moderator="A. Person")),
        ("acknowledgement", {**examples()["acknowledgement"]["minimal"], "user": "A. Person"}),
    ],
)
def test_the_rules_of_the_models_are_rules_of_the_schemas(name: str, value: dict[str, Any]) -> None:
    """What a validator in Python refuses is refused by the published keywords as well."""
    assert not is_read(name, value)
    assert not validator(name).is_valid(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notice.issued", _item(url="HTTPS://Social.example:443/p/1?q=a#b@c")),
        ("notice.issued", _item(url="https://әлеумет.қаз/бет/1")),
        ("notice.issued", _item(url="https://social.example/?p=1")),
        ("notice.issued", _item(url="https://social.example?p=1")),
        ("notice.issued", _notice(deadline={"hours": 5, "due_at": None})),
        ("notice.issued", _notice(issued_at="2026-11-24T12:00:00.123+05:00")),
        ("notice.issued", _notice(category="a_word_nobody_knows")),
        ("notice.issued", _notice(revokes=["KZ-1"], contact=None)),
        ("notice.amended", {**_notice(revision=2), "type": "notice.amended"}),
        ("report", {**_report(outcome="pending"), "final": False}),
        ("report", _report(outcome="refused", refusal_code="overbroad")),
    ],
)
def test_what_the_reader_takes_the_schema_takes(name: str, value: dict[str, Any]) -> None:
    """The control of the test above: the keywords are not narrower than the reader."""
    assert is_read(name, value)
    validator(name).validate(value)


def test_what_only_the_reader_refuses_is_written_down() -> None:
    """Each code of the list has a message that the schema takes and the reader refuses with that code."""
    notice = examples()["notice.issued"]["minimal"]["data"]
    beyond: dict[str, dict[str, Any]] = {
        "amendment_target": _notice(supersedes=notice["notice_id"]),
        "platform_mismatch": {**_notice(), "platform_id": "another"},
        "schema_type": _notice(revision=1.0),
        "schema_value": _notice(items=[{"item_id": "1", "object_id": "a"}] * 2),
        "scope_too_wide": _item(url="https://social.example/a/.."),
        "time_format": _notice(issued_at="2026-02-30T07:00:00Z"),
        "time_range": _notice(issued_at="2200-01-01T00:00:00Z"),
        "url_host": _item(url="https://social..example/p/1"),
        "url_internal": _item(url="https://127.0.0.1/p/1"),
    }
    plain = Draft202012Validator(message_schema("notice.issued"))
    for code, value in beyond.items():
        refused = _refusal(value)
        assert refused is not None, code
        assert refused.code == code
        assert plain.is_valid(value), code
    assert set(BEYOND_SCHEMA) - {"json_*"} == set(beyond)


def test_messages_of_the_platform_have_no_fields_but_those_named() -> None:
    """Every object in them is closed: no field can carry the identity of a user or a reporter."""
    for name in FROM_PLATFORM:
        schema = message_schema(name)
        for each in (schema, *schema["$defs"].values()):
            assert each.get("additionalProperties") is False
