"""The writes about the appeals of affected users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AppealState = Literal["open", "upheld", "reversed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Appeal:
    """A user's appeal against the measure on one item. Times are UTC seconds; `due_at` is when it should be decided.

    `reference` is the platform's own number for it. `lane` names the object that the measure is on: an amendment can
    give the item's id to another one. `decision_version` names the decision that it speaks of, and the database refuses
    a `decided_by` who proposed or approved that one. `number` is its own in the case.
    """

    platform_id: str
    appeal_id: str
    case_id: str
    item_id: str
    lane: str
    reference: str
    received_at: int
    due_at: int
    decision_version: int
    proposed_by: str
    approved_by: str
    number: int
    state: AppealState = "open"
    decided_by: str = ""
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class AppealWrite:
    """An appeal that came, or (`expected`) one that is still in that state and changes."""

    appeal: Appeal
    expected: AppealState | None = None
