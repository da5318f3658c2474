"""JSON Schemas of the contract, from the models that read and write it.

What a model checks in Python, JSON Schema has to be told again: RULES does, and a test holds the two together. What it
cannot say at all is in BEYOND_SCHEMA, by the code that the reader refuses it with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from kz_compliance_sdk.domain.report import Acknowledgement, ClarificationRequest, Receipt, Report
from kz_compliance_sdk.domain.values import strict_form
from kz_compliance_sdk.wire.v1 import ENVELOPES, Accepted, FeedPage, HeldNotice, Noted, Problem
from tests.published.generator.texts import MEANINGS, field_text

__all__ = [
    "BEYOND_SCHEMA",
    "COMPONENTS_AT",
    "DIALECT",
    "FROM_PLATFORM",
    "MODELS",
    "REGISTER_NAMES",
    "SCHEMA_BASE",
    "component_of",
    "components",
    "message_schema",
]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_BASE: Final = "https://kz-compliance.example/contract/v1/schemas/"
COMPONENTS_AT: Final = "#/components/schemas/"

Schema = dict[str, Any]

FROM_PLATFORM: Final[Mapping[str, type[BaseModel]]] = {
    "acknowledgement": Acknowledgement,
    "clarification-request": ClarificationRequest,
    "report": Report,
}
MODELS: Final[Mapping[str, type[BaseModel]]] = {
    **{name: strict_form(envelope) for name, envelope in ENVELOPES.items()},
    **FROM_PLATFORM,
    "accepted": Accepted,
    "noted": Noted,
    "receipt": Receipt,
    "feed-page": FeedPage,
    "held-notice": HeldNotice,
    "problem": Problem,
}
"""The model of each message, by the name of its schema. The register has no models: see `_REGISTER`."""

BEYOND_SCHEMA: Final[Mapping[str, str]] = {
    "amendment_target": "a notice that supersedes itself; that an amendment has revision 2 or more is in the schema",
    "json_*": "the bytes: strict UTF-8, one reading of each key and number, limits of depth, values and size",
    "platform_mismatch": "two fields with one value",
    "schema_type": "a number such as 1.0, which is an integer to JSON Schema and none here",
    "schema_value": "two items with one item_id; a message of the platform that does not fit what is held",
    "scope_too_wide": "a path that names the whole site only after its dot segments are resolved",
    "time_format": "a day that the month does not have",
    "time_range": "a time before 1970 or after 2199",
    "url_host": "a host that can be read in more than one way",
    "url_internal": "an address in a private network",
}
"""What the reader refuses and no published schema can, by code."""


def _either(*names: str, kind: str = "string") -> Schema:
    return {"anyOf": [{"required": [name], "properties": {name: {"type": kind}}} for name in names]}


def _if_outcome(outcome: str, needed: str, kind: str) -> Schema:
    return {
        "if": {"properties": {"outcome": {"const": outcome}}, "required": ["outcome"]},
        "then": {"properties": {needed: {"type": kind}}, "required": [needed]},
    }


# null counts as absent, so what has to be there has to have its type as well.
RULES: Final[Mapping[str, Schema]] = {
    "Item": _either("url", "object_id", "account_ref"),
    "LocalName": _either("kk", "ru", "en"),
    "RequestedDeadline": {
        "oneOf": [
            {"required": ["hours"], "properties": {"hours": {"type": "integer"}, "due_at": {"type": "null"}}},
            {"required": ["due_at"], "properties": {"due_at": {"type": "string"}, "hours": {"type": "null"}}},
        ]
    },
    "ReportItem": {
        "allOf": [
            _if_outcome("refused", "refusal_code", "string"),
            _if_outcome("cannot_comply", "cannot_comply", "object"),
            _if_outcome("contested", "contest", "object"),
        ]
    },
    "Report": {
        "if": {"properties": {"final": {"const": True}}, "required": ["final"]},
        "then": {"properties": {"items": {"items": {"properties": {"outcome": {"not": {"const": "pending"}}}}}}},
    },
    "NoticeAmended": {"properties": {"data": {"properties": {"revision": {"minimum": 2}}}}},
}
"""What the validators of a model check, as keywords beside those that pydantic makes."""

_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_REGISTER: Final[Mapping[str, Schema]] = {
    "RegistrationPart": {"not": {"enum": [None, "", [], {}]}},
    "Registration": {
        "type": "object",
        "properties": {
            "owner": {"$ref": f"{COMPONENTS_AT}RegistrationPart"},
            "apps": {"$ref": f"{COMPONENTS_AT}RegistrationPart"},
            "users_a_day": {"type": "integer", "minimum": 0},
            "legal_representative": {"$ref": f"{COMPONENTS_AT}RegistrationPart"},
            "office": {"$ref": f"{COMPONENTS_AT}RegistrationPart"},
            "head": {"$ref": f"{COMPONENTS_AT}RegistrationPart"},
        },
        "required": ["owner", "apps", "users_a_day", "legal_representative", "office", "head"],
    },
    "RegisterEntry": {
        "type": "object",
        "properties": {
            "registration": {"$ref": f"{COMPONENTS_AT}Registration"},
            "status": {"type": "string", "enum": ["pending", "registered", "suspended"], "x-open": True},
            "registered_at": dict(_INSTANT),
            "updated_at": dict(_INSTANT),
        },
        "required": ["registration", "status", "registered_at", "updated_at"],
    },
    "Sanctions": {
        "type": "object",
        "properties": {"data": {"type": "array", "items": {"$ref": f"{COMPONENTS_AT}Sanction"}}},
        "required": ["data"],
    },
}
REGISTER_NAMES: Final[Mapping[str, str]] = {
    "registration": "Registration",
    "register-entry": "RegisterEntry",
    "sanctions": "Sanctions",
}


@cache
def components() -> Mapping[str, Schema]:
    """Every schema of the contract by its name, with references as OpenAPI has them. Not to be changed."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in MODELS.values()]
    _, made = models_json_schema(wanted, ref_template=COMPONENTS_AT + "{model}")
    found: dict[str, Schema] = {**made["$defs"], **_REGISTER}
    return {name: _published(name, found[name]) for name in sorted(found)}


def message_schema(name: str) -> Schema:
    """The schema of one message, complete in itself. Raises KeyError for a name that is in none of the tables."""
    root = component_of(name)
    used = {root, *_below(root, {})}
    local = _local(components()[root])
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMA_BASE}{name}.json",
        "title": name,
        **local,
        "$defs": {each: _local(components()[each]) for each in sorted(used - {root})},
    }


def component_of(name: str) -> str:
    """The component that the message `name` is. Raises KeyError."""
    return MODELS[name].__name__ if name in MODELS else REGISTER_NAMES[name]


def _published(name: str, schema: Schema) -> Schema:
    own = _without_noise({key: value for key, value in schema.items() if key not in ("title", "description")})
    for field, described in own.get("properties", {}).items():
        described["description"] = field_text(name, field)
    rules = RULES.get(name, {})
    merged = {**own, **{key: value for key, value in rules.items() if key != "properties"}}
    for field, rule in rules.get("properties", {}).items():
        merged["properties"][field] = {"allOf": [merged["properties"][field], rule]}
    return {"description": MEANINGS[name], **merged}


def _without_noise(schema: Any) -> Any:
    """Without pydantic's titles, which repeat the names, and its null defaults, which say what null says anyway."""
    if isinstance(schema, list):
        return [_without_noise(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _without_noise(each) for name, each in value.items()}
        if key == "properties"
        else _without_noise(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }


def _below(name: str, seen: dict[str, None]) -> Iterator[str]:
    for found in _references(components()[name]):
        if found not in seen:
            seen[found] = None
            yield found
            yield from _below(found, seen)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(COMPONENTS_AT)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _local(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_local(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace(COMPONENTS_AT, "#/$defs/") if key == "$ref" else _local(value)
        for key, value in schema.items()
    }
