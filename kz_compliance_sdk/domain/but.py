"""A value like another one, but for some fields."""

from __future__ import annotations

from typing import Any, Self

__all__ = ["Changeable"]


class Changeable:
    """The base of the frozen dataclasses of which every step makes several: a case, its items, the messages.

    They keep their fields in a dict, so that a copy is one copy of a dict. `dataclasses.replace` calls the whole of
    `__init__`, field by field: of a case that takes fifteen times as long.
    """

    def but(self, **changes: Any) -> Self:
        """The same value with these fields changed. Raises TypeError for a name that is no field."""
        new = object.__new__(type(self))
        fields = new.__dict__
        fields.update(self.__dict__)
        fields.update(changes)
        if len(fields) != len(self.__dict__):
            unknown = ", ".join(sorted(changes.keys() - self.__dict__.keys()))
            raise TypeError(f"{type(self).__name__} has no field {unknown}")
        return new
