"""JSON that reads in one way only.

`json.loads` accepts what other parsers refuse or read differently: repeated keys (the last one wins
here, the first one elsewhere), NaN, lone surrogates, a byte order mark, UTF-16. A notice whose signed
bytes mean one thing to the authority and another to the platform is not a notice, so all of that is refused.
`validated` makes a value of what was read, or says which field is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar, cast

import msgspec
from pydantic import BaseModel, ValidationError

from kz_compliance_sdk.domain.values import CONTROL_PATTERNS, FROM_WIRE, WireValue
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.codes import FIELD_CODES, remedy_of

__all__ = ["FIELD_CODES", "MAX_DEPTH", "MAX_DIGITS", "MAX_NODES", "loads", "read", "validated"]


MAX_DEPTH: Final = 32
MAX_NODES: Final = 5_000
MAX_DIGITS: Final = 300

_WHITE = " \t\r\n"


def loads(body: bytes, *, max_nodes: int = MAX_NODES) -> dict[str, Any]:
    """The JSON object that `body` holds.

    A node is a value: an object, an array, a text, a number, true, false or null. Depth 1 is the object
    itself.

    Raises Unreadable and nothing else, with one of the codes `json_empty`, `json_utf8`, `json_syntax`,
    `json_not_object`, `json_number`, `json_duplicate_key`, `json_unicode`, `json_depth`, `json_nodes`.
    """
    # No object or array without its bracket, no other value without a bracket or a comma before it: while
    # these counts stay low, so do depth and nodes, and no walk is needed. They count what stands inside
    # texts as well, so they can only be too high.
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > MAX_DEPTH and _deeper_than(_text(body), MAX_DEPTH):
        raise _refused("json_depth", f"the JSON is nested more than {MAX_DEPTH} levels deep")
    plain = _plain(body)
    value = plain or _parse(_text(body))
    if type(value) is not dict:
        raise _refused("json_not_object", "the body is not a JSON object")
    # As a value takes a byte at least, there is nothing to count in a body that is short.
    if len(body) > max_nodes and brackets + body.count(b",") >= max_nodes and _nodes(value) > max_nodes:
        raise _refused("json_nodes", f"the JSON has more than {max_nodes} values")
    # A surrogate can only come from an escape: raw ones are no UTF-8, and the fast reader writes no such escape.
    if not plain and b"\\u" in body and _holds_surrogate(value):
        raise _refused("json_unicode", "a text holds half of a surrogate pair")
    return value


_fast = msgspec.json.Decoder().decode
_written = msgspec.json.Encoder().encode
_STRIDE: Final = 60
_MAY_BE_TOO_LONG: Final = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS // _STRIDE)).search
"""More digits in a row than are allowed show in so many of every sixtieth bytes in a row."""


def _plain(body: bytes) -> Any:
    """What the fast reader makes of a body, if that writes it back to the same bytes: what is read so reads in one way
    only. None for a body that the strict reader has to judge, and for one with a long run of digits."""
    if _MAY_BE_TOO_LONG(body[::_STRIDE]):
        return None
    try:
        value = _fast(body)
        return value if _written(value) == body else None
    except (ValueError, RecursionError):
        return None


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("json_utf8", "the body is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise _refused("json_utf8", "the body begins with a byte order mark")
    return text


def _parse(text: str) -> Any:
    try:
        return _decode(text)
    except json.JSONDecodeError:
        if not text.strip(_WHITE):
            raise _refused("json_empty", "the body is empty") from None
        raise _refused("json_syntax", "the body is not JSON") from None
    except RecursionError:
        # Out of reach while the depth is checked first; a caller near the stack's end must not see it.
        raise _refused("json_depth", "the JSON is nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refused("json_duplicate_key", "an object names one key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_DIGITS:
        raise _bad_number()
    return int(digits)


def _fraction(digits: str) -> float:
    if len(digits) > MAX_DIGITS or not math.isfinite(number := float(digits)):
        raise _bad_number()
    return number


def _constant(_: str) -> NoReturn:
    raise _bad_number()


_decode = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
).decode


def _deeper_than(text: str, limit: int) -> bool:
    # Brackets inside texts do not nest. A text ends at the next quote that no backslash escapes.
    depth = 0
    place, end = 0, len(text)
    while place < end:
        char = text[place]
        if char == '"':
            place = _end_of_text(text, place + 1)
            if place < 0:
                return False
        elif char in "{[":
            depth += 1
            if depth > limit:
                return True
        elif char in "}]":
            depth -= 1
        place += 1
    return False


def _end_of_text(text: str, place: int) -> int:
    while (quote := text.find('"', place)) >= 0:
        before = quote - 1
        while text[before] == "\\":
            before -= 1
        if (quote - before) % 2:
            return quote
        place = quote + 1
    return -1


def _nodes(value: Any) -> int:
    queue = [value]
    for node in queue:
        if type(node) is dict:
            queue.extend(node.values())
        elif type(node) is list:
            queue.extend(node)
    return len(queue)


def _holds_surrogate(value: Any) -> bool:
    queue = [value]
    for node in queue:
        if type(node) is str:
            if not node.isascii():
                try:
                    node.encode("utf-8")
                except UnicodeEncodeError:
                    return True
        elif type(node) is dict:
            queue.extend(node)
            queue.extend(node.values())
        elif type(node) is list:
            queue.extend(node)
    return False


def _bad_number() -> Unreadable:
    return _refused("json_number", f"a number is not finite or has more than {MAX_DIGITS} digits")


def _refused(code: str, message: str) -> Unreadable:
    return Unreadable(f"{message}.", field="", remedy=remedy_of(code), code=code)


_M = TypeVar("_M", bound=BaseModel | WireValue)

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
        return cast("_M", model.model_validate(value, context=FROM_WIRE))
    except ValidationError as wrong:
        raise next(mistakes(wrong)) from None


def mistakes(wrong: ValidationError) -> Iterator[Unreadable]:
    """Each thing that is wrong, in the order of the fields."""
    for one in wrong.errors():
        kind = "missing" if one["input"] is None else one["type"]
        yield refused(*_judged(kind, one["msg"], one.get("ctx")), field=_path(one["loc"]))


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
