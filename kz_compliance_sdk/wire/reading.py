"""From JSON to a value, or to a refusal that a sender can act upon and that repeats nothing it sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from kz_compliance_sdk.domain.values import CONTROL_PATTERNS, FROM_WIRE
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.codes import FIELD_CODES, remedy_of
from kz_compliance_sdk.wire.strict_json import MAX_NODES, loads

__all__ = ["FIELD_CODES", "read", "validated"]

_M = TypeVar("_M", bound=BaseModel)

_BY_PYDANTIC: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("schema_missing", "a required field is missing"),
    "string_too_short": ("schema_format", "the text is empty"),
    "string_too_long": ("schema_format", "the text is too long"),
    "too_short": ("schema_value", "the list is too short"),
    "too_long": ("schema_value", "the list is too long"),
    "string_unicode": ("json_unicode", "the text holds half of a surrogate pair"),
    "extra_forbidden": ("schema_value", "a field has no place here"),
    "literal_error": ("schema_value", "the value is none of those that the contract names"),
}


def read(model: type[_M], body: bytes, *, max_nodes: int = MAX_NODES) -> _M:
    """The value that `body` holds.

    Raises Unreadable and nothing else, with the codes of `strict_json.loads` and those of FIELD_CODES.
    """
    return validated(model, loads(body, max_nodes=max_nodes))


def validated(model: type[_M], value: Mapping[str, Any]) -> _M:
    """`value`, parsed but not yet checked, as a `model`. Raises Unreadable: the first thing that is wrong."""
    try:
        return model.model_validate(value, context=FROM_WIRE)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        kind = "missing" if first["input"] is None else first["type"]
        raise refused(*_judged(kind, first["msg"], first.get("ctx")), field=_path(first["loc"])) from None


def refused(code: str, message: str, *, field: str) -> Unreadable:
    """The refusal of one field, with the remedy that belongs to the code."""
    return Unreadable(f"{message}.", field=field, remedy=remedy_of(code), code=code)


def _judged(kind: str, message: str, context: Mapping[str, Any] | None) -> tuple[str, str]:
    if kind in FIELD_CODES:
        return kind, message
    if kind in _BY_PYDANTIC:
        return _BY_PYDANTIC[kind]
    if kind == "string_pattern_mismatch":
        if context is not None and context.get("pattern") in CONTROL_PATTERNS:
            return "json_control", "the text holds a control character or a bidirectional override"
        return "schema_format", "the text does not have the form that the contract gives"
    if kind.endswith("_type"):
        return "schema_type", "the value has another type than the contract gives"
    return "schema_value", "the value is outside what the contract allows"


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")
