"""How many new notices came from one authority, or under one key, in the last while."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NoticeCounted", "names_of"]


@dataclass(frozen=True, slots=True)
class NoticeCounted:
    """A new notice that came at `at` (UTC seconds) counts under each of the `names`. What came at `over` or before
    counts no more."""

    platform_id: str
    names: tuple[str, ...]
    at: int
    over: int


def names_of(authority_id: str, key_id: str) -> tuple[str, ...]:
    """What a notice counts under: its authority, and the key that signed it if any did."""
    return (f"authority {authority_id}", f"key {key_id}") if key_id else (f"authority {authority_id}",)
