"""A value of every kind of event, made from its types alone: each field is set, and no two alike."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta, Struct

from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.ledger import Part, Sealed, seal

SALT = bytes(range(16))


def sample(kind: type[Event]) -> Event:
    """An event of this kind with all its fields and all its parts."""
    numbers = count(3)
    fields = {name: _value(hint, numbers) for name, hint in hints(kind).items() if name != "parts"}
    parts = {name: seal(Part(name, cls, SALT, f"the {name} of it".encode())) for name, cls in kind.words.items()}
    made: Event = kind(**fields, parts=parts)
    return made


def hints(kind: type[Struct]) -> dict[str, Any]:
    """The fields of a struct with their types, class variables left out."""
    names = {one.name for one in msgspec.structs.fields(kind)}
    return {name: hint for name, hint in typing.get_type_hints(kind, include_extras=True).items() if name in names}


def meaning(hint: Any) -> str:
    """What the alphabet of fields calls a type: `time`, `code`, `digest` ...; `list` for a closed list written out,
    `yes or no`, `group` for one of our own values; empty for what no field may be."""
    if typing.get_origin(hint) is Annotated:
        return next((one.title for one in hint.__metadata__ if isinstance(one, Meta) and one.title), "")
    if typing.get_origin(hint) is Literal:
        return "list"
    if hint is bool:
        return "yes or no"
    if isinstance(hint, type) and issubclass(hint, Struct):
        return "group"
    return ""


def alphabet(hint: Any) -> list[Any]:
    """The types that a type is made of, down to what `meaning` names; a list or a mapping is what it holds."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return [one for argument in arguments if argument is not type(None) for one in alphabet(argument)]
    if origin in (tuple, dict):
        return [one for argument in arguments if argument is not ... for one in alphabet(argument)]
    return [hint]


def _value(hint: Any, numbers: count[int]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(arguments[0], numbers)
    if origin is tuple:
        held = [one for one in arguments if one is not ...]
        return tuple(_value(one, numbers) for one in held)
    if origin is dict:
        return {_value(arguments[0], numbers): _value(arguments[1], numbers)}
    if origin is Literal:
        return arguments[-1]
    if hint is bool:
        return True
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint(**{name: _value(one, numbers) for name, one in hints(hint).items()})
    n = next(numbers)
    made: Mapping[str, Any] = {
        "time": 1_795_503_600 + n,
        "number": n,
        "code": "KZ" if "[A-Z]{2}|" in str(hint) else f"k{n}" if "{2,3}" not in str(hint) else "kk",
        "flag": f"sample_flag:{n}",
        "name": f"N-{n}",
        "digest": f"{n:032x}",
        "stream": f"object/{n:032x}",
        "root": f"{n:064x}",
        "signature": f"k{n}==",
    }
    return made[meaning(hint)]


__all__ = ["SALT", "Sealed", "alphabet", "hints", "meaning", "sample"]
