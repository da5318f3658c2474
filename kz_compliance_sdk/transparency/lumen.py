"""A demand as Lumen's `POST /notices` takes it (github.com/berkmancenter/lumendatabase), type GovernmentRequest.

It has a work, and who sent and received it, or it is refused; and no field that Lumen does not know.

No text of the demand is in a line: neither its reasons nor a name of a person. What the published report hides is
generalised, so that nobody can count the lines instead: a line keeps its answer and loses whose it was. A line of a
draft says so, in a place where Lumen does not take it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.values import Json, instant_text
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

_RESULT: Final = "demands_by_result"
COUNTED: Final = (
    "demands_told",
    "demands_by_authority",
    "demands_by_category",
    "demands_by_kind",
    "demands_by_legal_basis",
    _RESULT,
    "results_by_category",
    "results_by_authority",
)
"""The figures whose counts somebody who counts lines could find."""

_MOST = 8_000
_LONGEST = 255
_UNTOLD = "Unspecified"
_LANGUAGES: Final = ("ru", "en")
"""Languages of notices that Lumen knows. It knows no Kazakh."""


class LumenLines:
    """Demands of one published report, a line for each. What the report hides is in no line."""

    def __init__(self, report: TransparencyReport, categories: Collection[str]) -> None:
        self._report = report
        # Many demands differ in nothing but their times.
        self._known = lru_cache(_MOST)(lambda facts: self._of(demand_of(facts, categories)))
        # Lines without a law could be counted, and are those of the laws that are hidden.
        laws = report.of("demands_by_legal_basis")
        self._tells_laws = bool(laws) and all(one.count is not None for one in laws)
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
        work: dict[str, Json] = {"description": "Items named by the demand"}
        if urls:
            work["infringing_urls_attributes"] = [{"url": url} for url in urls]
        notice = {
            **fields,
            "case_id_number": tally.case_id,
            "date_received": instant_text(tally.received_at),
            "works_attributes": [work],
        }
        if tally.issued_at:
            notice["date_sent"] = instant_text(tally.issued_at)
        return encoded({"notice": notice, **({"draft": True} if self._report.draft else {})}) + b"\n"

    def _fields(self, demand: Demand) -> dict[str, Any]:
        authority = self._tells_with("authority", demand.authority, demand.result)
        category = self._tells_with("category", demand.category, demand.result)
        kind = self._tells("demands_by_kind", demand.kind)
        names = self._report.names.get(demand.authority, {})
        name = names.get("en") or names.get("ru") or demand.authority
        platform = self._report.platform_id
        return {
            "type": "GovernmentRequest",
            "title": f"Demand of a public authority of Kazakhstan to {platform}"[:_LONGEST],
            "subject": demand.category if category else "unspecified",
            "body": "The text of the demand is not published.",
            "language": next((one for one in _LANGUAGES if one in demand.languages), ""),
            "request_type": "Agency",
            "action_taken": self._action(demand.result),
            "jurisdiction_list": "KZ",
            "regulation_list": _listed(demand.legal_basis if self._tells_laws else ()),
            "tag_list": _listed([demand.category] * category + [demand.kind] * kind),
            "entity_notice_roles_attributes": [
                _role("recipient", platform),
                _role("sender", name if authority else "Authority (not disclosed)"),
            ],
        }

    def _action(self, result: str) -> str:
        """A hidden result is told by its action only where that is the action of all that are hidden: how many these
        are together, the others tell."""
        hidden = {ACTIONS.get(one.value) for one in self._report.of(_RESULT) if one.count is None}
        told = self._tells(_RESULT, result) or len(hidden) == 1
        return ACTIONS.get(result, _UNTOLD) if told else _UNTOLD

    def _tells(self, figure: str, value: str) -> bool:
        return (figure, value) in self._shown

    def _tells_with(self, what: str, value: str, result: str) -> bool:
        """Whether lines with this value may be counted, also by what became of their demands. Those with a hidden
        result say neither: then each of them could be any of these, whatever else is known of it."""
        asked = (f"demands_by_{what}", value), (f"results_by_{what}", f"{value} / {result}"), (_RESULT, result)
        return all(one in self._shown for one in asked)


def _listed(values: Iterable[str]) -> str:
    """A list as Lumen takes it apart: one that holds a comma stands in quotation marks."""
    return ", ".join('"{}"'.format(value.replace('"', "'")) for value in values)


def _role(name: str, entity: str) -> dict[str, Json]:
    return {"name": name, "entity_attributes": {"name": entity[:_LONGEST], "kind": "organization"}}
