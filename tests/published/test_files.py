"""The published files are what the validators of the ecosystem take, and they say what the reader does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing.contract import examples, files, message_schema
from kz_compliance_sdk.testing.contract.schemas import (
    BEYOND_SCHEMA,
    COMPONENTS_AT,
    FROM_PLATFORM,
    MODELS,
    REGISTER_NAMES,
    components,
)
from kz_compliance_sdk.testing.contract.texts import _FIELDS, MEANINGS, field_text
from kz_compliance_sdk.testing.mock_regulator.app import _ROUTES
from kz_compliance_sdk.wire.reading import read
from kz_compliance_sdk.wire.strict_json import loads
from kz_compliance_sdk.wire.v1 import ENVELOPES, read_message
from tests.docs.blocks import DOCS
from tests.faces.bad_inputs.catalogue import CASES, BadInput
from tests.faces.bad_inputs.requests import made

CONTRACT = DOCS / "contract"
DOCUMENTS = ("openapi.json", "intake.openapi.json")
NAMES = (*MODELS, *REGISTER_NAMES)
SHOWN = [(name, kind) for name, kinds in examples().items() for kind in kinds]


def _pattern(_validator: Any, pattern: str, instance: object, _schema: Any) -> Iterator[ValidationError]:
    """As ECMA-262 has it, which JSON Schema asks for: `$` is the end, where in Python a line feed may follow it."""
    if isinstance(instance, str) and not re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), instance):
        yield ValidationError("the text does not match")


_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # its stubs are


@cache
def validator(name: str) -> Any:
    """The published schema of a message."""
    schema = json.loads((CONTRACT / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return _Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def document(name: str) -> Any:
    """A published document."""
    return json.loads((CONTRACT / name).read_text(encoding="utf-8"))


def is_read(name: str, value: object) -> bool:
    """Whether the reader of this library takes it."""
    body = json.dumps(value, ensure_ascii=False).encode()
    try:
        if name in ENVELOPES:
            read_message(body)
        else:
            read(MODELS[name], body)
    except Unreadable:
        return False
    return True


def test_nothing_lies_in_the_folder_that_is_not_made() -> None:
    """A schema or an example whose message is gone must not be published for ever."""
    lying = {str(path.relative_to(CONTRACT)) for path in CONTRACT.rglob("*.json")}
    assert lying == {name for name in files() if name.endswith(".json")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_openapi_3_1(name: str) -> None:
    OpenAPIV31SpecValidator(document(name)).validate()


def test_a_document_that_is_no_openapi_is_found() -> None:
    """The control: a response without its description, and a reference that leads nowhere."""
    broken = document("openapi.json")
    del broken["components"]["responses"]["Intake401"]["description"]
    with pytest.raises(OpenAPIValidationError):
        OpenAPIV31SpecValidator(broken).validate()


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_json_schema_2020_12(name: str) -> None:
    schema = document(f"schemas/{name}.json")
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/schemas/{name}.json")
    assert all(reference.removeprefix("#/$defs/") in schema["$defs"] for reference in _references(schema))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_of_a_document_leads_somewhere_and_nothing_is_unused(name: str) -> None:
    whole = document(name)
    used = set(_references(whole))
    known = {f"#/components/{kind}/{each}" for kind, parts in whole["components"].items() for each in parts}
    assert used <= known
    assert {each for each in known - used if "/securitySchemes/" not in each} == set()


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def test_every_route_of_the_mock_is_published_and_no_other() -> None:
    served = {(method, pattern.pattern.replace("([^/]{1,400})", "{}")) for method, pattern, _ in _ROUTES}
    told = set()
    for path, item in document("openapi.json")["paths"].items():
        plain = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
        told |= {(method.upper(), plain) for method in item}
    assert told == served
    assert set(document("openapi.json")["webhooks"]) == set(ENVELOPES)


def test_every_push_tells_every_exit_with_its_headers() -> None:
    whole = document("openapi.json")
    exits = "200 202 400 401 404 405 408 409 411 413 415 422 431 503".split()
    for item in (*whole["webhooks"].values(), *document("intake.openapi.json")["paths"].values()):
        assert sorted(item["post"]["responses"]) == exits
    responses = whole["components"]["responses"]
    assert "Allow" in responses["Intake405"]["headers"]
    assert "Retry-After" in responses["Intake503"]["headers"]
    assert "Retry-After" in responses["Regulator503"]["headers"]


def test_every_message_and_every_field_is_explained() -> None:
    """In words for people, and no word is left over for what is gone."""
    fields = {f"{name}.{field}" for name, schema in components().items() for field in schema.get("properties", {})}
    assert set(MEANINGS) == set(components())
    assert [each for each in fields if not field_text(*each.split("."))] == []
    assert set(_FIELDS) <= fields | {each.split(".")[1] for each in fields}


# ------------------------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize(("name", "kind"), SHOWN)
def test_an_example_is_taken_by_its_schema_and_by_the_reader(name: str, kind: str) -> None:
    value = json.loads((CONTRACT / "examples" / f"{name}.{kind}.json").read_text(encoding="utf-8"))
    validator(name).validate(value)
    if name in MODELS:
        assert is_read(name, value)


@pytest.mark.parametrize("name", [name for name, kinds in examples().items() if "minimal" in kinds])
def test_nothing_can_be_left_out_of_a_minimal_example(name: str) -> None:
    """And the schema says so just as the reader does."""
    smaller = list(_each_without_one(examples()[name]["minimal"]))
    assert smaller
    for value in smaller:
        assert not is_read(name, value)
        assert not validator(name).is_valid(value)


def _each_without_one(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key in value:
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: each} for each in _each_without_one(value[key]))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from ([*value[:place], each, *value[place + 1 :]] for each in _each_without_one(item))


def test_the_complete_examples_show_every_field() -> None:
    seen: set[str] = set()
    for name, kinds in examples().items():
        root = MODELS[name].__name__ if name in MODELS else REGISTER_NAMES[name]
        for value in kinds.values():
            _note({"$ref": f"{COMPONENTS_AT}{root}"}, value, seen)
    wanted = {f"{name}.{field}" for name, schema in components().items() for field in schema.get("properties", {})}
    assert wanted - seen == set()


def _note(schema: Any, value: Any, seen: set[str]) -> None:
    """Note every field of a component that `value` has."""
    name = schema.get("$ref", "").removeprefix(COMPONENTS_AT)
    if name:
        schema = components()[name]
    for inner in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        _note(inner, value, seen)
    if isinstance(value, dict):
        for field, each in schema.get("properties", {}).items():
            if field in value:
                if name:
                    seen.add(f"{name}.{field}")
                _note(each, value[field], seen)
    elif isinstance(value, list):
        for item in value:
            _note(schema.get("items", {}), item, seen)


# ------------------------------------------------------------------------------------------------------- refusals


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
