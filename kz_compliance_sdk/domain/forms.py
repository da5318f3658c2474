"""How people are asked for what a command takes, and held to it. It stands apart from the commands, which take longer
to read than the whole help of the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from kz_compliance_sdk.errors import InvalidInput

SEALED: Final = "Sealed in the ledger."


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. `help` says what belongs there, and so what mends it: a text that `is_needed` is refused where
    it says nothing, a time that `is_past` while it is still to come. What `is_line` is a name or a number, one line.
    What a person or an authority wrote `is_sealed`: people are told so, and no argument of a program carries it. A time
    is UTC seconds. The command line calls it `option`, and writes `holds` for its value."""

    help: str = ""
    option: str = ""
    holds: str = ""
    is_needed: bool = False
    is_line: bool = False
    is_sealed: bool = False
    is_time: bool = False
    is_past: bool = False


def words(help: str, option: str = "", *, is_line: bool = False) -> Field:  # noqa: A002
    """What a person writes, and must write. It is sealed."""
    return Field(help, option, is_needed=True, is_line=is_line, is_sealed=True)


def past(option: str, help: str) -> Field:  # noqa: A002
    """A time that has come."""
    return Field(help, option, is_time=True, is_past=True)


CAME: Final = words("Say on which way it came: letter, e-mail, phone call.", "--how")
HOW: Final = words("Say how it was checked, for example: called back on the number in the register.", "--how")
RECEIVED: Final = past("--received-at", "Give the time on the stamp.")
APPEAL: Final = Field("The appeal's id.", holds="APPEAL")
BACK: Final = words("Say what has to change.")
FOUND: Final = words("Say what you found when you looked at it anew.")


# -------------------------------------------------------------------------------------------------------------- kinds
# A value of another kind is named, with what mends it, before a rule reads it.


Check = Callable[[Any, str], None]
"""Raises InvalidInput for a value of another kind; the second argument names its field."""


def check_of(kind: Any) -> Check:
    """What holds a field to its type. Raises TypeError for a type that no field of a command can have."""
    origin, of = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return check_of(of[0])
    if origin is Literal:
        return _word(of)
    if origin in (Sequence, tuple):
        return _several(check_of(of[0]))
    if origin in (Union, UnionType):
        return _either([check_of(one) for one in of if one is not NoneType], or_none=NoneType in of)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type):
        return _instance(kind)
    raise TypeError(f"a field of a command cannot be of the type {kind}.")


def _text(value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise InvalidInput("it is no text.", field=name, remedy="Give a text.")
    try:
        value.encode()
    except UnicodeEncodeError:
        remedy = "Give whole characters; what comes from a file or a terminal is read as UTF-8."
        raise InvalidInput("it holds half a character.", field=name, remedy=remedy) from None


def _number(value: Any, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput("it is no whole number.", field=name, remedy="Give one; a time is in UTC seconds.")


def _truth(value: Any, name: str) -> None:
    if not isinstance(value, bool):
        raise InvalidInput("it is neither true nor false.", field=name, remedy="Give True or False.")


_PLAIN: Final[dict[Any, Check]] = {str: _text, int: _number, bool: _truth}


def _word(allowed: tuple[str, ...]) -> Check:
    remedy = f"Use one of: {', '.join(allowed)}."

    def check(value: Any, name: str) -> None:
        if value not in allowed:
            raise InvalidInput("no such word is allowed here.", field=name, remedy=remedy)

    return check


def _several(each: Check) -> Check:
    def check(value: Any, name: str) -> None:
        # A text is a sequence of texts as well.
        if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
            raise InvalidInput("it is no list.", field=name, remedy="Give a list or a tuple, also of one.")
        for place, one in enumerate(value):
            each(one, f"{name}[{place}]")

    return check


def _either(of: Sequence[Check], *, or_none: bool) -> Check:
    def check(value: Any, name: str) -> None:
        if value is None and or_none:
            return
        refused: list[InvalidInput] = []
        for one in of:
            try:
                one(value, name)
            except InvalidInput as error:
                refused.append(error)
            else:
                return
        remedies = dict.fromkeys(error.remedy for error in refused)
        raise InvalidInput(
            " ".join(dict.fromkeys(error.message for error in refused)),
            field=refused[0].field if len(refused) == 1 else name,
            remedy=" Or: ".join(remedies),
        )

    return check


def _instance(kind: type) -> Check:
    """A model has held its fields to their types when it was made; a dataclass has not."""
    hints = get_type_hints(kind) if is_dataclass(kind) else {}
    within = [(name, check_of(hint)) for name, hint in hints.items()]

    def check(value: Any, name: str) -> None:
        if not isinstance(value, kind):
            remedy = f"Give a {kind.__name__} ({kind.__module__})."
            raise InvalidInput(f"it is no {kind.__name__}.", field=name, remedy=remedy)
        for field, one in within:
            one(getattr(value, field), f"{name}.{field}")

    return check
