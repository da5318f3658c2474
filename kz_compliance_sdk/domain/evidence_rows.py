"""A row of evidence as a look at it finds it, what a look keeps of it, and what happened between two looks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import Json, encoded

__all__ = ["CLOCK_TOLERANCE_S", "DESTROYED", "NO_LOCK", "Entry", "Row", "Rows", "Seen", "Since", "row_digest", "told"]

Row = Mapping[str, Any]
"""One row as it is stored: column names and values. Only a data key stands there as the print of what is inside its
wrap, which is made anew when a master key takes another's place."""
Rows = Mapping[str, Sequence[Row]]

CLOCK_TOLERANCE_S: Final = 5
"""How far the store's clock may be set back, in seconds, before what came after a checkpoint looks older than it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was seen of one row: the digest of what never changes, the digest of all that is evidence, whether the row
    was final, what tells later how far it had come, and what stood in the place of its data key."""

    table: str
    key: tuple[str | int, ...]
    fixed: str
    whole: str
    final: bool
    mark: tuple[str | int | None, ...] = ()
    lock: str = ""

    def document(self) -> list[Json]:
        return [self.table, list(self.key), self.fixed, self.whole, self.final, list(self.mark), self.lock]

    @classmethod
    def read(cls, document: Any) -> Entry:
        """Raises ValueError and TypeError for what is none."""
        table, key, fixed, whole, final, mark, lock = document
        return cls(str(table), tuple(key), str(fixed), str(whole), bool(final), tuple(mark), str(lock))

    @property
    def name(self) -> tuple[str, tuple[str | int, ...]]:
        return self.table, self.key


@dataclass(slots=True)
class Seen:
    """What the checkpoints saw of one case's rows, up to the last of them. `salt` keeps digests of short texts from
    being guessed once the texts are erased."""

    salt: str
    entries: dict[tuple[str, tuple[str | int, ...]], Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Since:
    """What happened since the last look: whether the case's chain has `moved` on, whether it was `erased` for good
    reason, which messages its events have `named`, whether one of no case was `noted`, and when (UTC seconds) the last
    look was. `first`: there was none, or what it saw was erased. `entered`: when what was typed in was, as far as it
    says so. `erased_elsewhere`: the cases that messages went on to, and that were erased."""

    moved: bool
    at: int
    erased: bool = False
    named: frozenset[tuple[str, ...]] = frozenset()
    noted: bool = False
    first: bool = False
    entered: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    erased_elsewhere: frozenset[str] = frozenset()

    def is_later(self, time: object) -> bool:
        return isinstance(time, int) and time >= self.at - CLOCK_TOLERANCE_S


NO_LOCK: Final = "none"
"""There never was a data key: the row is older than those."""

DESTROYED: Final = "destroyed"
"""The data key was destroyed, and what it opened with it."""


def row_digest(salt: str, table: str, row: Row, columns: Sequence[str]) -> str:
    """The digest of these columns of a row, whatever the database holds in them."""
    values = [told(row[column]) for column in columns]
    return hashlib.sha256(encoded([salt, table, values])).hexdigest()[:32]


def told(value: object) -> Json:
    """What a digest holds of a value, whatever its type."""
    if isinstance(value, bytes):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if value is None or type(value) in (bool, int):
        return None if value is None else int(value)  # type: ignore[call-overload]  # checked here
    if isinstance(value, str):
        # What is no Unicode cannot have been written by this library, and must not break what finds it.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return [type(value).__name__, str(value)]
