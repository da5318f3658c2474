"""A form of the pages, made of a command's class as its JSON Schema is, and what was typed in it as the body that the
API takes.

A field is named by its place: `questions.0.text.1.lang`. What was typed is shown again as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.errors import ComplianceError, InvalidInput

Typed = Mapping[str, str]
"""What was typed, by the name of each field."""
Schema = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A JSON Schema, and the parts that it refers to by their names."""
_INDEX: Final = re.compile(r"\[(\d+)\]")
_TRIED: Final = re.compile(r"\.[A-Z]\w*")
"""Which of several forms pydantic tried, in the place that it names."""
_KINDS: Final = {"boolean": "check", "integer": "number"}
_MOST_BLOCKS: Final = 500
_LINE: Final = 2_048
"""The most characters that a line of a form takes: an address."""


@dataclass(frozen=True, slots=True)
class Control:
    """One field of a form. `kind` is text, line, number, time, check, choice, lines or hidden; group and several hold
    others. `word` is what its label is found by, `help` the class's own."""

    name: str
    word: str
    kind: str
    is_needed: bool = False
    help: str = ""
    value: str = ""
    choices: Sequence[str] = ()
    errors: Sequence[InvalidInput] = ()
    within: Sequence[Control] = field(default=())


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown: its fields, and what is wrong that belongs to none of them."""

    controls: Sequence[Control]
    general: Sequence[ComplianceError] = ()

    def each(self) -> Iterator[Control]:
        """Every field, those within others as well."""
        return _flat(self.controls)

    @property
    def wrong(self) -> list[Control]:
        return [one for one in self.each() if one.errors]


def form_of(
    schema: Schema,
    typed: Typed,
    *,
    hidden: frozenset[str] = frozenset(),
    long: frozenset[str] = frozenset(),
    choices: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Form:
    """The form of a JSON Schema and the parts that it refers to, with what was `typed`. The page knows the value of the
    fields that are `hidden`, those that are `long` take more than a line, and what may stand in others are `choices`.
    """
    return Form([*_Schema(schema[1], typed, hidden, long, choices).within(schema[0], "")])


def body_of(schema: Schema, typed: Typed) -> dict[str, Any]:
    """What was typed as the body of the schema. What is no number, no time and no word that is allowed stays as it was
    typed, so that the command says what is wrong with it."""
    made = _Schema(schema[1], typed).read(schema[0], "", is_needed=True)
    return made if isinstance(made, dict) else {}


def with_error(form: Form, error: ComplianceError) -> Form:
    """The form with each mistake at its field; one that belongs to none stands above it."""
    found = [error, *getattr(error, "more", ())]
    places = {one.name: one for one in form.each()}
    at: dict[str, list[InvalidInput]] = {}
    general: list[ComplianceError] = []
    for one in found:
        name = _place(getattr(one, "field", ""), places) if isinstance(one, InvalidInput) else None
        if name is None:
            general.append(one)
        elif isinstance(one, InvalidInput):
            at.setdefault(name, []).append(one)
    return Form([_marked(one, at) for one in form.controls], general)


def with_another(typed: Typed, name: str) -> Typed:
    """What was typed, with one more block in the list of this name; an empty name leaves it as it is."""
    many = sum(1 for place in range(_MOST_BLOCKS) if any(one.startswith(f"{name}.{place}.") for one in typed))
    return {**typed, f"{name}.{many}.": ""} if name else typed


def _place(named: str, places: Iterable[str]) -> str | None:
    """The field that an error names: the one whose name ends like it, else the one that holds it."""
    wanted = _TRIED.sub("", _INDEX.sub(r".\1", named))
    known = list(places)
    while wanted:
        for name in known:
            if name == wanted or name.endswith(f".{wanted}"):
                return name
        wanted = wanted.rpartition(".")[0]
    return None


def _marked(control: Control, at: Mapping[str, Sequence[InvalidInput]]) -> Control:
    return Control(
        **{name: getattr(control, name) for name in Control.__slots__ if name not in ("errors", "within")},
        errors=at.get(control.name, ()),
        within=[_marked(one, at) for one in control.within],
    )


def _flat(controls: Iterable[Control]) -> Iterator[Control]:
    for one in controls:
        yield one
        yield from _flat(one.within)


@dataclass(frozen=True, slots=True)
class _Schema:
    shared: Mapping[str, Any]
    typed: Typed
    hidden: frozenset[str] = frozenset()
    long: frozenset[str] = frozenset()
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def within(self, schema: Mapping[str, Any], prefix: str) -> Iterator[Control]:
        """The fields of an object."""
        needed = schema.get("required", ())
        for name, part in schema.get("properties", {}).items():
            yield self._control(prefix + name, name, part, is_needed=name in needed)

    def read(self, part: Mapping[str, Any], name: str, *, is_needed: bool) -> Any:
        """What was typed for a part of the schema; None where nothing was."""
        schema = self._plain(part)
        prefix = f"{name}." if name else ""
        if "properties" in schema:
            needed = schema.get("required", ())
            found = {
                key: self.read(inner, prefix + key, is_needed=key in needed)
                for key, inner in schema["properties"].items()
            }
            held = {key: one for key, one in found.items() if one is not None}
            said = any(one not in ("", [], {}) for key, one in held.items() if key not in ("lang", "item_id"))
            return held if said or is_needed else None
        if schema.get("type") == "array":
            inner = self._plain(schema["items"])
            if "properties" not in inner:
                lines = [one.strip() for one in self.typed.get(name, "").split("\n")]
                return [one for one in lines if one] or None
            blocks = [self.read(inner, f"{name}.{place}", is_needed=False) for place in self._places(name)]
            return [one for one in blocks if one] or ([] if is_needed else None)
        text = self.typed.get(name, "")
        if schema.get("type") == "boolean":
            return bool(text)
        if not text.strip():
            # An empty text is said to be one by the command, in its own words.
            return "" if is_needed and schema.get("type") == "string" and not _is_closed(schema) else None
        if schema.get("type") == "integer":
            return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text.strip()) else text
        return _instant(text) if schema.get("format") == "date-time" else text

    def _control(self, name: str, word: str, part: Mapping[str, Any], *, is_needed: bool) -> Control:
        schema, told = self._plain(part), part.get("description") or ""
        value = self.typed.get(name, "")
        if word in self.hidden:
            return Control(name, word, "hidden", value=value)
        if "properties" in schema:
            return Control(name, word, "group", is_needed, told, within=[*self.within(schema, f"{name}.")])
        if schema.get("type") == "array":
            inner = self._plain(schema["items"])
            if "properties" not in inner:
                return Control(name, word, "lines", is_needed, told, value)
            blocks = [
                Control(f"{name}.{place}", word, "group", within=[*self.within(inner, f"{name}.{place}.")])
                for place in self._places(name)
            ]
            return Control(name, word, "several", is_needed, told, within=blocks)
        if choices := self.choices.get(word) or schema.get("enum"):
            return Control(name, word, "choice", is_needed, told, value, choices)
        kind = "time" if schema.get("format") == "date-time" else _KINDS.get(schema["type"], "line")
        if kind == "line" and (word in self.long or schema.get("maxLength", 0) > _LINE):
            kind = "text"
        return Control(name, word, kind, is_needed, told, value)

    def _places(self, name: str) -> list[int]:
        """Which blocks of a list were shown: the first one, and each that something was typed in."""
        begins = f"{name}."
        found = {one[len(begins) :].partition(".")[0] for one in self.typed if one.startswith(begins)}
        return sorted({0, *(int(one) for one in found if one.isascii() and one.isdigit() and int(one) < _MOST_BLOCKS)})

    def _plain(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """A part of the schema without its null and its reference."""
        for one in part.get("anyOf", ()):
            if one.get("type") != "null":
                return self._plain(one)
        if name := part.get("$ref", ""):
            return self._plain(self.shared[name.rpartition("/")[2]])
        if isinstance(kinds := part.get("type"), list):
            return {**part, "type": next(one for one in kinds if one != "null")}
        return part


def _is_closed(schema: Mapping[str, Any]) -> bool:
    return "enum" in schema or schema.get("format") == "date-time"


def _instant(text: str) -> str:
    """The time of a form, which is Almaty's, as RFC 3339 text; what is no such time as it was typed."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (at if at.tzinfo else at.replace(tzinfo=almaty())).isoformat()


def typed_of(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """What a browser sent, with the line ends that people see."""
    return {name: value.replace("\r\n", "\n") for name, value in pairs if isinstance(value, str)}
