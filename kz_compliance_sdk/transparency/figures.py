"""The public figures: what is counted, in what unit, and what its parts add up to. Their definitions are words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kz_compliance_sdk.domain.words import words

Unit = Literal["demands", "items", "messages", "reminders", "sanctions", "user_notices", "appeals"]

OTHER = "other"
"""The value under which small counts of a free list are added up: what stands there came from outside."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `of` names the count that its values add up to (a figure, or `figure/value`), empty if they add up to
    none. `many`: a demand can count under several values. `free`: the values are words from outside, and small ones are
    added up under `other`. `public`: nothing in it can point to a person, so nothing is hidden."""

    id: str
    unit: Unit
    of: str = ""
    many: bool = False
    free: bool = False
    public: bool = False

    @property
    def definition(self) -> str:
        """What it counts, in English."""
        return words("en", "transparency")("definition", self.id)


_TOLD = "demands_told"

FIGURES: tuple[Figure, ...] = (
    Figure("demands", "demands"),
    Figure("demands_by_progress", "demands", of="demands"),
    Figure("demands_not_told", "demands", of="demands_by_progress/open_or_withheld"),
    Figure("demands_running_overdue", "demands"),
    Figure("messages_unusable", "messages", public=True),
    Figure(_TOLD, "demands"),
    Figure("demands_by_authority", "demands", of=_TOLD, free=True),
    Figure("demands_by_authority_type", "demands", of=_TOLD),
    Figure("demands_by_originating_body", "demands", of=_TOLD),
    Figure("demands_by_category", "demands", of=_TOLD),
    Figure("demands_by_legal_basis", "demands", of=_TOLD, many=True, free=True),
    Figure("demands_by_kind", "demands", of=_TOLD),
    Figure("demands_by_channel", "demands", of=_TOLD),
    Figure("demands_unofficial", "demands", of="demands_by_process/unofficial", many=True),
    Figure("demands_by_process", "demands", of=_TOLD),
    Figure("demands_by_result", "demands", of=_TOLD),
    Figure("demands_by_consequence", "demands", of=_TOLD),
    Figure("results_by_category", "demands"),
    Figure("results_by_authority", "demands"),
    Figure("demands_by_clarification", "demands", of=_TOLD),
    Figure("demands_by_cancellation", "demands", many=True),
    Figure("demands_by_correction", "demands", of=_TOLD),
    Figure("demands_by_decision_time", "demands", of=_TOLD),
    Figure("demands_by_receipt_time", "demands", of=_TOLD),
    Figure("demands_for_user_data", "demands", of=_TOLD),
    Figure("demands_by_secrecy", "demands", of=_TOLD),
    Figure("reminders", "reminders", public=True),
    Figure("items", "items"),
    Figure("items_by_kind", "items", of="items"),
    Figure("items_by_authority", "items", of="items", free=True),
    Figure("items_by_category", "items", of="items"),
    Figure("items_by_ground", "items", of="items"),
    Figure("items_by_consequence", "items", of="items"),
    Figure("items_by_outcome", "items", of="items_by_ground/demand"),
    Figure("items_own_terms", "items", of="items_by_ground/own_terms"),
    Figure("items_refused", "items", of="items_by_outcome/refused"),
    Figure("items_by_scope", "items", of="items"),
    Figure("sanctions", "sanctions", public=True),
    Figure("user_notices", "user_notices"),
    Figure("appeals", "appeals"),
)

MEASURES = frozenset({"removed", "restricted", "account_restricted", "age_restricted", "labelled", "preserved"})
ACTED_ON = MEASURES - {"preserved"} | {"partially_complied"}
"""The outcomes of what was removed or restricted, on whatever ground."""
GONE = frozenset({"already_unavailable", "not_found"})
"""The outcomes of what was not there any more."""


def is_own_terms(outcome: str, ground: str) -> bool:
    """Whether the platform acted on an item under its own terms."""
    return ground == "terms_of_service" and (outcome in MEASURES or outcome in ("partially_complied", "restored"))


def result_of(items: list[tuple[str, str]]) -> str:
    """What a demand came to, from the outcome and the ground of each of its items."""
    there = [item for item in items if item[0] not in GONE]
    answered = {(outcome, is_own_terms(outcome, ground)) for outcome, ground in there if outcome != "stopped"}
    if not answered:
        return "nothing_there" if len(there) < len(items) else "cancelled"
    on_demand = {outcome for outcome, own in answered if not own}
    complied = on_demand & MEASURES
    if complied and on_demand <= MEASURES and len({own for _, own in answered}) == 1:
        return "complied_fully"
    if complied or "partially_complied" in on_demand:
        return "complied_partly"
    if any(own and outcome != "restored" for outcome, own in answered):
        return "own_terms_only"
    outcomes = {outcome for outcome, _ in answered}
    if len(outcomes) > 1:
        return "reversed" if "restored" in outcomes else "mixed"
    (one,) = outcomes
    return "reversed" if one == "restored" else one
