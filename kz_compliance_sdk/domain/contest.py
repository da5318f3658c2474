"""What a case keeps of the remedies against its order: contests, and orders of a court or an authority that suspend it.

Only times, numbers and persons are here. The body, its reference and what was asked for are texts: they stand sealed
in the event that tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kz_compliance_sdk.domain.clock import Pause

ContestResult = Literal["withdrawn", "rejected", "granted", "partly"]
CONTEST_RESULTS: tuple[ContestResult, ...] = ("withdrawn", "rejected", "granted", "partly")


@dataclass(frozen=True, slots=True)
class FiledContest:
    """A contest of the order, the `number`th of its case. It pauses nothing. `result` is empty while it is open.

    Times are UTC seconds.
    """

    number: int
    filed_at: int
    recorded_by: str
    result: ContestResult | Literal[""] = ""
    result_at: int | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """An order that suspends the case's order, the `number`th of its case, from `from_at` until `until_at` (None: until
    it is ended). It has effect once a second person has confirmed it. Times are UTC seconds."""

    number: int
    from_at: int
    until_at: int | None
    proof_sha256: str
    recorded_by: str
    confirmed_by: str = ""
    ended_at: int | None = None

    @property
    def ends_at(self) -> int | None:
        """When it ends or ended; None while nobody knows."""
        known = [at for at in (self.until_at, self.ended_at) if at is not None]
        return min(known, default=None)

    @property
    def pause(self) -> Pause | None:
        """What it does to the clock; None before somebody has confirmed it."""
        return Pause(self.from_at, self.ends_at) if self.confirmed_by else None

    def has_effect(self, at: int) -> bool:
        """Whether the order stands suspended by it at `at`."""
        ends_at = self.ends_at
        return bool(self.confirmed_by) and self.from_at <= at and (ends_at is None or at < ends_at)
