"""The small values that everything is made of: an instant, an identifier, a text, exact JSON, ids.

Every refusal is a pydantic error whose type is either pydantic's own or one of this library's codes
(`time_format`, `time_range`), and whose text never repeats what was sent.

What an authority says is read in one of two ways, which agree. The fast one is for the usual: msgspec makes the value,
with the bounds that `Meta` gives, and one look at all its texts together shows that each has its form. The strict one,
pydantic's, takes what the fast one does not, and says which field is wrong. Its text rules are regular expressions that
run in Rust.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Final, Self, TypeAlias, TypeVar, cast, get_type_hints

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import fields as fields_in
from msgspec.structs import replace
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from pydantic_core.core_schema import ValidationInfo

_W = TypeVar("_W", bound="WireValue")

FROM_WIRE: Final = {"from": "wire"}
"""The validation context of what arrives as JSON: there an instant is text, never a number."""

# Embeddings, overrides and isolates make a name read as another one. The marks U+200E and U+200F
# cannot, and text in Arabic script uses them.
_REFUSED = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_LINE = rf"^[^\t\n\r\u2028\u2029{_REFUSED}]*$"
# A carriage return alone overwrites a line on a terminal; before a line feed it is how Windows ends one.
_PROSE = rf"^(?:[^\r{_REFUSED}]|\r\n)*$"

CONTROL_PATTERNS: Final = frozenset({_LINE, _PROSE})
"""A mismatch with one of these means a control character, not a wrong form."""

Line = Annotated[
    str, StringConstraints(min_length=1, max_length=1_000, pattern=_LINE), Meta(min_length=1, max_length=1_000)
]
"""One line of text: no control character, no bidirectional override."""

Prose = Annotated[
    str, StringConstraints(min_length=1, max_length=100_000, pattern=_PROSE), Meta(min_length=1, max_length=100_000)
]
"""Text of many lines: tabs and line ends are allowed, other control characters are not."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$"), Meta(min_length=1)]
Category = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$"), Meta(min_length=1, max_length=64)]
LanguageTag = Annotated[
    str,
    StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$"),
    Meta(min_length=1, max_length=35),
]
Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$"), Meta(min_length=64)]
CountryCode = Annotated[str, StringConstraints(pattern=r"^(?:[A-Z]{2}|\*)$"), Meta(min_length=1)]
"""ISO 3166-1 alpha-2, or `*` for the whole world."""

NationalNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$"), Meta(min_length=12)]
"""A business identification number (BIN) of Kazakhstan: twelve digits."""


class ValueModel(BaseModel):
    """A frozen value that comes from outside: strict types, unknown fields ignored, no input in errors."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


# Letters and symbols that show nothing: the fillers of Hangul, the blank of Braille, the stand-in for an object, and a
# note without a head.
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\ufffc\U0001d159")


def says_something(text: str) -> bool:
    """Whether a letter, a digit or a symbol stands in it: blanks, what no eye sees and bare points say nothing."""
    return any(unicodedata.category(one)[0] in "LNS" and one not in _BLANK for one in text)


class WireValue(Struct, frozen=True, kw_only=True, gc=False):
    """A frozen value that an authority sends. Its own constructor checks only what one field says of another
    (`__post_init__`); `model_validate` and whatever holds it check each field, with the strictness of ValueModel. It
    answers to the names by which pydantic's values are read, copied and written."""

    @classmethod
    def model_validate(cls, value: object, *, context: Mapping[str, Any] | None = None) -> Self:
        """The value, or pydantic's ValidationError: what is wrong, and where."""
        return cast("Self", _adapter(cls).validate_python(value, context=context))

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """As `model_validate`, of JSON."""
        return cast("Self", _adapter(cls).validate_json(text))

    def model_copy(self, *, update: Mapping[str, Any] = MappingProxyType({})) -> Self:
        """The same value with these fields, which nobody checks."""
        return replace(self, **update)

    def model_dump(self, **how: Any) -> dict[str, Any]:
        """Its fields as plain values, in the ways that pydantic knows."""
        return cast("dict[str, Any]", _adapter(type(self)).dump_python(self, **how))

    def model_dump_json(self, **how: Any) -> str:
        """Its fields as JSON, in the ways that pydantic knows."""
        return _adapter(type(self)).dump_json(self, **how).decode()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        form = strict_form(cls)

        def made(value: object, judge: Callable[[object], BaseModel]) -> WireValue:
            return value if isinstance(value, cls) else cls(**dict(judge(value)))

        def written(value: WireValue, write: Callable[[BaseModel], Any]) -> Any:
            return write(form.model_construct(**{name: getattr(value, name) for name in cls.__struct_fields__}))

        as_plain = core_schema.wrap_serializer_function_ser_schema(written)
        inner = handler.generate_schema(form)
        return core_schema.no_info_wrap_validator_function(made, inner, serialization=as_plain)


@cache
def strict_form(value: type[WireValue]) -> type[ValueModel]:
    """The model by which pydantic judges a value field by field, and of which schemas are made."""
    hints = get_type_hints(value, include_extras=True)
    fields: dict[str, Any] = {
        one.name: (hints[one.name], ... if one.default is NODEFAULT else one.default) for one in fields_in(value)
    }
    return create_model(
        value.__name__, __base__=ValueModel, __module__=value.__module__, __doc__=value.__doc__, **fields
    )


@cache
def _adapter(value: type[_W]) -> TypeAdapter[_W]:
    return TypeAdapter(value, config=ConfigDict(title=value.__name__, hide_input_in_errors=True))


class LocalText(WireValue, frozen=True, kw_only=True):
    """One text in one language. `lang` is a BCP 47 tag such as `kk`, `ru` or `kk-Cyrl-KZ`."""

    lang: LanguageTag
    text: Prose


_RFC3339_TEXT = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.[0-9]{1,6})?"
    r"(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_RFC3339 = re.compile(_RFC3339_TEXT)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_END = (datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH) // _SECOND


def parse_instant(text: str) -> int:
    """RFC 3339 text as UTC seconds, with a mandatory offset; a fraction of a second is cut off.

    Raises PydanticCustomError: `time_format` for any other form or a day that does not exist (a leap
    second is one of these), `time_range` for a time before 1970 or after 2199.
    """
    return _in_range(_seconds(text))


def _seconds(text: str) -> int:
    if _RFC3339.fullmatch(text) is None:
        raise _bad_form()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad_form() from None
    return (moment - _EPOCH) // _SECOND


def utc_offset_minutes(text: str) -> int | None:
    """The offset that RFC 3339 text carries, in minutes east of UTC; None if it is no such text."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.group(7, 8, 9)
    if not sign:
        return 0
    total = int(hours) * 60 + int(minutes)
    return total if sign == "+" else -total


def instant_text(seconds: int) -> str:
    """UTC seconds as RFC 3339 text that ends in Z. Beyond every calendar is the last second of it."""
    return f"{(_EPOCH + min(seconds, _LAST) * _SECOND).isoformat()[:19]}Z"


def written(package: str, name: str) -> Mapping[str, Any]:
    """What a TOML file says that lies in a package."""
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))


def document_in(body: bytes | str | None) -> dict[str, Any]:
    """The JSON object of a body; empty if it is none."""
    try:
        value = json.loads(body or "")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_time(name: str) -> bool:
    """Whether a field of this name is a time."""
    return name in ("at", "until") or name.endswith(("_at", "_until"))


def fields_of(value: object, names: str, **more: Any) -> dict[str, Any]:
    """What a value holds under these names, in their order: the fields of a document.

    `name:field` renames a field, `name?` is null where it is empty, and what `more` has under a name stands there.
    """
    found = {}
    for each in names.split():
        name, _, field = each.rstrip("?").partition(":")
        held = more[name] if name in more else getattr(value, field or name)
        found[name] = None if each.endswith("?") and not held else held
    return found


def json_of(value: object, names: str, **more: Any) -> dict[str, Any]:
    """As `fields_of`, with times as RFC 3339 text."""
    found = fields_of(value, names, **more)
    return {name: instant_text(held) if type(held) is int and is_time(name) else held for name, held in found.items()}


def _bad_form() -> PydanticCustomError:
    return PydanticCustomError("time_format", "a time must read like 2026-03-02T08:55:00Z, with its offset")


def _in_range(seconds: int) -> int:
    if 0 <= seconds < _END:
        return seconds
    raise PydanticCustomError("time_range", "a time must lie between 1970 and 2199")


def _instant(value: object, info: ValidationInfo) -> int:
    if type(value) is str:
        return parse_instant(value)
    if type(value) is int and info.context is not FROM_WIRE:
        return _in_range(value)
    raise PydanticCustomError("schema_type", "a time must be text")


Instant = Annotated[
    int,
    PlainValidator(_instant),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_RFC3339_TEXT}$"}),
]
"""UTC seconds here, RFC 3339 text on the wire."""


def _wish(value: object, info: ValidationInfo) -> int:
    return min(max(_seconds(value), 0), _END - 1) if type(value) is str else _instant(value, info)


WishedInstant = Annotated[
    int,
    PlainValidator(_wish),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_RFC3339_TEXT}$"}),
]
"""As Instant, for what is only asked for: before 1970 or after 2199 it is the nearest second of those."""


# ----------------------------------------------------------------------------------------------------------- exact JSON
# The one way to the bytes that are hashed, signed, stored or sent.
#
# Two values that are equal give the same bytes on every machine and in every release, or nothing that
# was hashed before could be checked later. That is why there are no floats here: their text is a
# matter of the implementation, and no quantity of this domain needs one.


Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | None"
"""What has canonical bytes. There is no float in it, and a type checker sees to that."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: object) -> bytes:
    """JSON in UTF-8 with sorted keys and no spaces.

    `value` is made of dicts with text keys, lists or tuples, text, ints, bools and None.

    Raises TypeError for anything else, a float above all, and ValueError for text that is not Unicode
    (a lone surrogate) or for a value that contains itself.
    """
    text = _encode(value)
    _refuse_the_rest(value)
    return text.encode("utf-8")


def digest(domain: str, data: bytes) -> str:
    """The SHA-256 of `data`, in hex, separated by `domain` (for example "kz-compliance/report/v1").

    The domain keeps a digest of one kind of thing from ever being taken for that of another. It must
    hold no line break, which is what ends it.

    Raises ValueError for a domain with a line break.
    """
    if "\n" in domain:
        raise ValueError("a digest's domain must be one line")
    return hashlib.sha256(domain.encode("utf-8") + b"\n" + data).hexdigest()


def _refuse_the_rest(value: object) -> None:
    # Runs after the encoder, which has by then refused cycles, so that the walk must end.
    queue: list[object] = [value]
    for item in queue:
        if item is None or isinstance(item, str | int):
            continue
        if isinstance(item, dict):
            for key in item:
                if not isinstance(key, str):
                    raise TypeError(f"a key of canonical JSON must be text, not {type(key).__name__}")
            queue.extend(item.values())
        elif isinstance(item, list | tuple):
            queue.extend(item)
        else:
            raise TypeError(f"{type(item).__name__} has no place in canonical JSON")


# ------------------------------------------------------------------------------------------------------------------ ids
# Ids that follow content: the same notice always gives the same case, and the same decision the same message.
#
# So a store that was restored from an older copy, and takes in anew what came since, tells the other side nothing
# twice.


_ASKED_AGAIN: Final = 1_024
"""How many ids are known once they were made: a step asks twice for most, and so does each fold of its events."""


@lru_cache(_ASKED_AGAIN)
def reference_of(platform_id: str, authority_id: str, notice_id: str, ordinal: int = 0) -> str:
    """The reference of the case of a notice. Of a message that could not be used, `notice_id` is `~` and the SHA-256 of
    its bytes: no notice can have that id."""
    return _uuid("case", platform_id, authority_id, notice_id, ordinal)


def free_reference(
    platform_id: str, authority_id: str, notice_id: str, is_taken: Callable[[str], bool]
) -> tuple[str, int]:
    """The first reference of a notice that no case has, and its ordinal."""
    ordinal = 0
    while is_taken(reference := reference_of(platform_id, authority_id, notice_id, ordinal)):
        ordinal += 1
    return reference, ordinal


def stream_of(reference: str) -> str:
    """The stream of a case."""
    return f"case/{reference}"


ALERTS: Final = "alert/"
"""How the name of an alert's stream begins, one that belongs to no case."""


OWING: Final = ("case/", ALERTS)
"""How the names of the streams begin that owe messages."""


def stream_of_message(case_id: str, message_id: str) -> str:
    """The stream that owes a message: that of its case, or, of an alert of none, its own."""
    return stream_of(case_id) if case_id else f"{ALERTS}{message_id}"


def case_in(stream: str) -> str:
    """The case of a stream that owes messages; empty for that of an alert."""
    return "" if stream.startswith(ALERTS) else stream.removeprefix(stream_of(""))


def object_stream(object_key: str, keyed: Callable[..., str]) -> str:
    """The stream of an object of the platform; `keyed` gives the digest of a name under the platform's object key. One
    of which only its stream is known any more is called by that."""
    return object_key if object_key.startswith("object/") else f"object/{keyed(object_key)}"


MESSAGES: Final = "message/"
"""How the name of a message's stream begins."""


def message_stream(key: str, body: str, keyed: Callable[..., str]) -> str:
    """The stream of a message that no case takes when it comes: `key` is the keyed digest of its sender and id, `body`
    that of its bytes."""
    return f"{MESSAGES}{keyed(key, body)}"


@lru_cache(_ASKED_AGAIN)
def message_id(stream: str, kind: str, decision: int, number: int, item: int) -> str:
    """The id and idempotency key of a message: the same content always yields the same."""
    return _uuid("message", stream, kind, decision, number, item)


def alert_id(platform_id: str, about: str, reason: str, at: int, key: str) -> str:
    """The id of an alert that belongs to no case, given `at` (UTC seconds)."""
    return _uuid("alert", platform_id, about, reason, at, key)


def appeal_id_of(platform_id: str, reference: str) -> str:
    """The id of an appeal, by the keyed digest of the platform's own number of it: the same number always yields the
    same."""
    return _uuid("appeal", platform_id, reference)


def _uuid(what: str, *parts: str | int) -> str:
    """A UUID of version 8. No part can hold a line feed, but one of an alert, which identifies nothing outside."""
    name = "\n".join((f"kz-compliance/{what}/v1", *map(str, parts)))
    text = hashlib.sha256(name.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:32]}"
