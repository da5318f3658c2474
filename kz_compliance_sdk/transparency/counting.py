"""Adding up tallies: one pass, in any order, with memory that does not grow with the number of cases."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.domain.received import SanctionNoted
from kz_compliance_sdk.ports.store import Running
from kz_compliance_sdk.transparency.figures import ACTED_ON, OTHER, is_own_terms, result_of

_MOST_GROUPS = 5_000
_MOST_VALUES = 50_000
_UNKNOWN = "unknown"
_REFUSED_AS = ("no_authority", "no_legal_basis", "not_authentic")

Counts = defaultdict[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Demand:
    """What the figures say of one demand: the values under which it counts, by figure, and those of its items."""

    authority: str
    category: str
    result: str
    kind: str
    legal_basis: tuple[str, ...]
    languages: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    items: Mapping[str, Mapping[str, int]]
    reminders: int
    usable: bool
    read: bool
    barred_until: int | None

    def is_withheld(self, now: int) -> bool:
        """Whether a national rule still bars telling the user of it, or might: its notice could not be read."""
        return not self.read or (self.barred_until is not None and self.barred_until > now)


def demand_of(facts: str, categories: Collection[str]) -> Demand:
    """The demand that a tally's facts tell of. `categories` are those that the policy knows."""
    told: dict[str, Any] = json.loads(facts)
    category = told["category"] if told["category"] in categories else "unlisted"
    items = [tuple(item) for item in told["items"]]
    each = [(outcome, ground) for _, outcome, ground, _, _, count in items for _ in range(count)]
    result = result_of(each)
    codes = {code for _, outcome, _, code, _, _ in items if outcome == "refused"}
    unofficial = [code for code in _REFUSED_AS if code in codes]
    unofficial += ["recommendation"] if told["kind"] == "recommendation" else []
    unofficial += ["unverified"] if told["authenticity"] == "unverified" else []
    events, basis = told["events"], tuple(told.get("legal_basis") or (_UNKNOWN,))
    asked = "request_clarification" in events or any(outcome == "clarification_needed" for outcome, _ in each)
    authority = told["authority"]
    values = {
        "demands_by_progress": ("answered" if told["state"] == "closed" else told["state"],),
        "demands_by_authority": (authority,),
        "demands_by_authority_type": (told.get("authority_type", _UNKNOWN),),
        "demands_by_originating_body": ("named" if told.get("originated") else "none",),
        "demands_by_category": (category,),
        "demands_by_legal_basis": basis,
        "demands_by_kind": (told["kind"],),
        "demands_by_channel": (told["channel"],),
        "demands_unofficial": tuple(unofficial),
        "demands_by_process": ("unofficial" if unofficial else "official",),
        "demands_by_result": (result,),
        "demands_by_consequence": (_consequence(any(outcome in ACTED_ON for outcome, _ in each)),),
        "results_by_category": (f"{category} / {result}",),
        "results_by_authority": (f"{authority} / {result}",),
        "demands_by_clarification": ("asked" if asked else "not_asked",),
        "demands_by_cancellation": tuple(told["cancelled"]),
        "demands_by_correction": ("corrected" if "reopen" in events else "not_corrected",),
        "demands_for_user_data": ("yes" if told["user_data"] else "no",),
        "demands_by_secrecy": ("barred" if told.get("barred") else "not_barred",),
    }
    return Demand(
        authority,
        category,
        result,
        told["kind"],
        basis,
        tuple(told["languages"]),
        values,
        _items(items, authority, category),
        events.get("remind", 0),
        told["state"] != "unusable",
        "barred" in told,
        told.get("barred_until"),
    )


def _consequence(acted_on: bool) -> str:
    return "acted_on" if acted_on else "left"


def _items(items: Iterable[tuple[Any, ...]], authority: str, category: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}

    def add(figure: str, value: str, count: int) -> None:
        found.setdefault(figure, Counter())[value] += count

    for named_by, outcome, ground, code, scope, count in items:
        own = is_own_terms(outcome, ground)
        add("items", "", count)
        add("items_by_kind", named_by, count)
        add("items_by_authority", authority, count)
        add("items_by_category", category, count)
        add("items_by_ground", "own_terms" if own else "demand", count)
        add("items_by_consequence", _consequence(outcome in ACTED_ON), count)
        add("items_own_terms" if own else "items_by_outcome", outcome, count)
        add("items_by_scope", scope, count)
        if outcome == "refused" and not own:
            add("items_refused", code or "none", count)
    return found


@dataclass(slots=True)
class _Group:
    count: int = 0
    late: dict[tuple[str, str], int] = field(default_factory=dict)
    decision: array[int] = field(default_factory=lambda: array("i"))
    receipt: array[int] = field(default_factory=lambda: array("i"))


class Counting:
    """Adds up the tallies and the running cases of one period, as they stand at `now` (UTC seconds). From
    `withheld_until` on no bar keeps a demand out of the figures.

    Cases that differ in nothing but their times are one group, which is read and counted once.
    """

    def __init__(self, now: int, categories: Collection[str], withheld_until: int) -> None:
        self.now, self._categories, self.withheld_until = now, frozenset(categories), withheld_until
        self._groups: dict[str, _Group] = {}
        self.counts: Counts = defaultdict(Counter)
        self.types: dict[str, set[str]] = {}
        self.times: dict[tuple[str, str], tuple[array[int], array[int]]] = {}

    def add(self, tally: Tally) -> None:
        """Count an ended case."""
        group = self._groups.get(tally.facts)
        if group is None:
            if len(self._groups) >= _MOST_GROUPS:
                self.fold()
            group = self._groups[tally.facts] = _Group()
        group.count += 1
        decided, receipt, received, due = tally.decided_at, tally.receipt_at, tally.received_at, tally.due_at
        if decided is None:
            decision = "undecided"
        else:
            decision = "in_time" if decided <= due else "late"
            group.decision.append(decided - received if decided > received else 0)
        if receipt is None:
            held = "none"
        else:
            held = "in_time" if receipt <= due else "late"
            group.receipt.append(receipt - received if receipt > received else 0)
        key = decision, held
        group.late[key] = group.late.get(key, 0) + 1

    def run(self, running: Running) -> None:
        """Count a case that has not ended."""
        if not running.usable:
            self.counts["messages_unusable"][""] += 1
            return
        self.counts["demands"][""] += 1
        self.counts["demands_by_progress"]["open_or_withheld"] += 1
        self.counts["demands_not_told"]["open"] += 1
        if running.due_at < self.now:
            self.counts["demands_running_overdue"][""] += 1

    def sanction(self, sanction: SanctionNoted) -> None:
        """Count a sanction."""
        self.counts["sanctions"][sanction.level] += 1

    def fold(self) -> None:
        """Take the groups into the counts."""
        for facts, group in self._groups.items():
            self._fold(demand_of(facts, self._categories), group)
        self._groups.clear()

    def _fold(self, demand: Demand, group: _Group) -> None:
        count, counts = group.count, self.counts
        if not demand.usable:
            counts["messages_unusable"][""] += count
            return
        counts["demands"][""] += count
        if self.now < self.withheld_until and demand.is_withheld(self.now):
            counts["demands_by_progress"]["open_or_withheld"] += count
            counts["demands_not_told"]["withheld"] += count
            return
        counts["demands_told"][""] += count
        self.types.setdefault(demand.authority, set()).update(demand.values["demands_by_authority_type"])
        for figure, values in demand.values.items():
            for value in values:
                self._count(figure, value, count)
        for figure, found in demand.items.items():
            for value, items in found.items():
                self._count(figure, value, items * count)
        for (decision, receipt), times in group.late.items():
            counts["demands_by_decision_time"][decision] += times
            counts["demands_by_receipt_time"][receipt] += times
        counts["reminders"][""] += demand.reminders * count
        key = (demand.category, demand.authority)
        if key not in self.times and len(self.times) >= _MOST_VALUES:
            key = (demand.category, OTHER)
        decided, received = self.times.setdefault(key, (array("i"), array("i")))
        decided.extend(group.decision)
        received.extend(group.receipt)

    def _count(self, figure: str, value: str, count: int) -> None:
        known = self.counts[figure]
        known[value if value in known or len(known) < _MOST_VALUES else OTHER] += count
