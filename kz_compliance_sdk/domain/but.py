"""A value like another one, but for some fields."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Self, TypeVar

__all__ = ["Changeable"]

T = TypeVar("T")


class Changeable:
    """The base of the frozen dataclasses of which every step makes several: a case, its items, the messages.

    They keep their fields in a dict, so that a copy is one copy of a dict. `dataclasses.replace` calls the whole of
    `__init__`, field by field: of a case that takes fifteen times as long.
    """

    @classmethod
    def of(cls, **given: Any) -> Self:
        """As the constructor, by names alone and without `__init__`: for what is read from rows. Raises TypeError for a
        field that is missing, and for a name that is no field."""
        defaults, needed = _shape(cls)  # type: ignore[arg-type]  # a class is hashable
        known = {**defaults, **given}
        if len(known) != len(defaults) + len(needed) or not needed <= given.keys():
            wrong = ", ".join(sorted(known.keys() ^ (defaults.keys() | needed)))
            raise TypeError(f"{cls.__name__} lacks these fields, or has no such fields: {wrong}")
        return _holding(cls, known)

    def but(self, **changes: Any) -> Self:
        """The same value with these fields changed. Raises TypeError for a name that is no field."""
        known = self.__dict__ | changes
        if len(known) != len(self.__dict__):
            unknown = ", ".join(sorted(changes.keys() - self.__dict__.keys()))
            raise TypeError(f"{type(self).__name__} has no field {unknown}")
        return _holding(type(self), known)


def _holding(cls: type[T], known: dict[str, Any]) -> T:
    new = object.__new__(cls)
    object.__setattr__(new, "__dict__", known)
    return new


@cache
def _shape(cls: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """The defaults of its fields, and the names of the fields that have none."""
    known = fields(cls)
    defaults = {field.name: field.default for field in known if field.default is not MISSING}
    return defaults, frozenset(field.name for field in known if field.default is MISSING)
