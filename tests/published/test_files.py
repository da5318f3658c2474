"""The published files are what the validators of the ecosystem take, and they say what the reader does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from kz_compliance_sdk.testing.mock_regulator.books import _ROUTES
from kz_compliance_sdk.wire.v1 import ENVELOPES
from tests.generate import GENERATED
from tests.published.contract import CONTRACT, document, is_read, validator
from tests.published.generator import examples
from tests.published.generator.schemas import (
    COMPONENTS_AT,
    MODELS,
    REGISTER_NAMES,
    components,
)
from tests.published.generator.texts import _FIELDS, MEANINGS, field_text

DOCUMENTS = ("openapi.json", "intake.openapi.json")
NAMES = (*MODELS, *REGISTER_NAMES)
SHOWN = [(name, kind) for name, kinds in examples().items() for kind in kinds]


def test_nothing_lies_in_the_folder_that_is_not_made() -> None:
    """A schema or an example whose message is gone must not be published for ever."""
    lying = {f"docs/contract/{path.relative_to(CONTRACT)}" for path in CONTRACT.rglob("*.json")}
    assert lying == {name for name in GENERATED if name.startswith("docs/contract/") and name.endswith(".json")}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.slow
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
