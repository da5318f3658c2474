"""A demand as Lumen's `POST /notices` takes it (github.com/berkmancenter/lumendatabase), type GovernmentRequest.

No text of the demand is in a line: neither its reasons nor a name of a person. Fields that the published report hides
are left out of the line, so that nobody can count the lines instead. A line of a draft says so, in a place where Lumen
does not take it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import canonical
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
_CASE, _RECEIVED, _SENT = "\x00case\x00", "\x00received\x00", "\x00sent\x00"


class LumenLines:
    """Demands of one published report, a line for each. What the report hides is in no line."""

    def __init__(self, report: TransparencyReport, categories: Collection[str]) -> None:
        self._report, self._categories = report, categories
        self._known: dict[str, tuple[bool, list[str]]] = {}
        self._days: dict[int, str] = {}
        self._shown = {
            (one.figure.id, value.value) for one in report.figures for value in one.values if value.count is not None
        }

    def _of(self, facts: str) -> tuple[bool, list[str]]:
        """For all demands that differ in nothing but their times: whether they are told, and the text of a line
        around the case, when it was received and when it was sent."""
        found = self._known.get(facts)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            demand = demand_of(facts, self._categories)
            fields = self._fields(demand)
            told = demand.usable and not demand.is_withheld(self._report.as_of)
            places = {"case_id_number": _CASE, "date_received": _RECEIVED, "date_sent": _SENT}
            text = self._whole({**fields, **places}).decode()
            # canonical JSON sorts its keys: they come in this order.
            for place in places.values():
                text = text.replace(json.dumps(place), "\x00")
            found = self._known[facts] = told, text.split("\x00")
        return found

    def _whole(self, notice: Mapping[str, Any]) -> bytes:
        return canonical({"notice": notice, **({"draft": True} if self._report.draft else {})}) + b"\n"

    def may_tell(self, tally: Tally) -> bool:
        """Whether the demand is one of those that the report breaks down."""
        return self._of(tally.facts)[0]

    def line(self, tally: Tally, urls: Sequence[str]) -> bytes:
        """The demand as a line of JSON. `urls` are told only if the platform has decided so."""
        _, around = self._of(tally.facts)
        if not urls and tally.issued_at:
            dates = f'{around[1]}"{self._instant(tally.received_at)}"{around[2]}"{self._instant(tally.issued_at)}"'
            return f'{around[0]}"{tally.case_id}"{dates}{around[3]}'.encode()
        fields = self._fields(demand_of(tally.facts, self._categories))
        notice = {**fields, "case_id_number": tally.case_id, "date_received": self._instant(tally.received_at)}
        if tally.issued_at:
            notice["date_sent"] = self._instant(tally.issued_at)
        if urls:
            infringing = [{"url": url} for url in urls]
            notice["works_attributes"] = [{"description": "Items named by the demand", "infringing_urls": infringing}]
        return self._whole(notice)

    def _instant(self, at: int) -> str:
        days, seconds = divmod(at, 86_400)
        day = self._days.get(days)
        if day is None:
            day = self._days[days] = instant_text(days * 86_400)[:11]
        return f"{day}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"

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
