"""Where the public figures are read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from kz_compliance_sdk.domain.change import Tally


@dataclass(frozen=True, slots=True)
class Running:
    """A case that has not ended. Times are UTC seconds."""

    case_id: str
    due_at: int
    usable: bool


class FigureSource(Protocol):
    """Where the figures are read from. Times are UTC seconds; a period ends before `end`."""

    def tallies(self, start: int, end: int) -> Iterator[Tally]:
        """The cases received from `start` up to `end` that have ended, or had ended before they were reopened, by
        receipt. Read in steps: never all at once."""

    def running(self, start: int, end: int) -> Iterator[Running]:
        """The cases received in that time that have never ended."""

    def untallied(self, start: int, end: int) -> Iterator[str]:
        """The ids of cases received in that time that ended and have no tally: they ended under an earlier release."""

    def user_figures(self, start: int, end: int) -> Mapping[str, Mapping[str, int]]:
        """`user_notices` and `appeals` of that time, each by state; what this store has no records of is not in it."""

    def workloads(self, start: int, end: int) -> Mapping[str, tuple[int, int]]:
        """How many decisions each person proposed and approved in that time. No index serves it."""
