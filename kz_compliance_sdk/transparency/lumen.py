"""A demand as Lumen's `POST /notices` takes it (github.com/berkmancenter/lumendatabase), type GovernmentRequest.

No text of the demand is in a line: neither its reasons nor a name of a person. Fields that the published report hides
are left out of the line, so that nobody can count the lines instead. A line of a draft says so, in a place where Lumen
does not take it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.transparency.counting import Demand, demand_of
from kz_compliance_sdk.transparency.report import TransparencyReport

ACTIONS: Final[Mapping[str, str]] = {
    "complied_fully": "Yes",
    "complied_partly": "Partial",
    "nothing_there": "No",
    "refused": "No",
    "clarification_needed": "No",
    "cannot_comply": "No",
    "contested": "No",
    "mixed": "No",
}
"""Lumen's `action_taken` for a result. What is not here is Unspecified: what the platform's own terms did, what was
reversed, and what the authority took back."""

_MOST = 8_000


class LumenLines:
    """Demands of one published report, a line for each. What the report hides is in no line."""

    def __init__(self, report: TransparencyReport, categories: Collection[str]) -> None:
        self._report = report
        # Many demands differ in nothing but their times.
        self._known = lru_cache(_MOST)(lambda facts: self._of(demand_of(facts, categories)))
        self._shown = {
            (one.figure.id, value.value) for one in report.figures for value in one.values if value.count is not None
        }

    def _of(self, demand: Demand) -> tuple[bool, dict[str, Any]]:
        """Whether a demand is told, and what is told of it beside the case and its times."""
        return demand.usable and not demand.is_withheld(self._report.as_of), self._fields(demand)

    def may_tell(self, tally: Tally) -> bool:
        """Whether the demand is one of those that the report breaks down."""
        return self._known(tally.facts)[0]

    def line(self, tally: Tally, urls: Sequence[str]) -> bytes:
        """The demand as a line of JSON. `urls` are told only if the platform has decided so."""
        _, fields = self._known(tally.facts)
        notice = {**fields, "case_id_number": tally.case_id, "date_received": instant_text(tally.received_at)}
        if tally.issued_at:
            notice["date_sent"] = instant_text(tally.issued_at)
        if urls:
            infringing = [{"url": url} for url in urls]
            notice["works_attributes"] = [{"description": "Items named by the demand", "infringing_urls": infringing}]
        return encoded({"notice": notice, **({"draft": True} if self._report.draft else {})}) + b"\n"

    def _fields(self, demand: Demand) -> dict[str, Any]:
        told = self._told
        authority = demand.authority if told("demands_by_authority", demand.authority) else ""
        category = demand.category if told("demands_by_category", demand.category) else ""
        kind = demand.kind if told("demands_by_kind", demand.kind) else ""
        basis = [one for one in demand.legal_basis if told("demands_by_legal_basis", one)]
        name = demand.authority_name.get("en") or demand.authority_name.get("ru") or authority
        return {
            "type": "GovernmentRequest",
            "title": f"Demand of {name if authority else 'an authority'} to {self._report.platform_id}",
            "subject": category or "unspecified",
            "body": "The text of the demand is not published.",
            "language": demand.languages[0] if demand.languages else "",
            "request_type": "Agency",
            "action_taken": self._action(demand),
            "jurisdiction_list": ["KZ"],
            "regulation_list": basis,
            "topics": [category] if category else [],
            "tag_list": [kind] if kind else [],
            "entity_notice_roles_attributes": [
                {"name": "recipient", "entity_attributes": {"name": self._report.platform_id}},
                {"name": "sender", "entity_attributes": {"name": name if authority else "Authority (not disclosed)"}},
            ],
        }

    def _told(self, figure: str, value: str) -> bool:
        return (figure, value) in self._shown

    def _action(self, demand: Demand) -> str:
        """Only if every figure that has this result in it shows it."""
        figures = ("demands_by_result", "results_by_category", "results_by_authority")
        cells = [("demands_by_result", demand.result)]
        cells += [(figure, value) for figure in figures[1:] for value in demand.values[figure]]
        shown = all(cell in self._shown for cell in cells)
        return ACTIONS.get(demand.result, "Unspecified") if shown else "Unspecified"
