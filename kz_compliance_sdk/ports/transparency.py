"""How single demands are told to the public."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kz_compliance_sdk.domain.change import Tally


class DemandLines(Protocol):
    """Demands of one published report, a line for each, in the form of a public archive. What the report hides is in
    no line."""

    def may_tell(self, tally: Tally) -> bool:
        """Whether the demand is one of those that the report breaks down."""

    def line(self, tally: Tally, urls: Sequence[str]) -> bytes:
        """The demand's line. `urls` are told only if the platform has decided so."""
