"""The office's own figures: exact, by month, authority, category and person. They are for the office alone.

Nothing is hidden in them, so that whoever publishes one gives away what the published report hides. Each row says that
it is internal, and so does the name of each file.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.decision import PROPOSAL
from kz_compliance_sdk.domain.events.remedies import AppealReversed
from kz_compliance_sdk.domain.events.review import Approved, Proposed
from kz_compliance_sdk.domain.fold import Stream, Tally
from kz_compliance_sdk.domain.values import instant_text, json_of
from kz_compliance_sdk.transparency.counting import Demand
from kz_compliance_sdk.transparency.report import Period, harmless

DECIDING: Final = (Proposed, AppealReversed, Approved)
_STATUS: Final = "internal"
_HEAD: Final = ("status", "month", "authority", "category", "person", "figure", "count")

Place = tuple[str, str, str, str, str]
"""The month of Almaty, the authority, the category, the person of the staff (empty: the office) and what is counted."""


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """Exact counts. A demand counts in the month in which it was received, what a person did in that of the deed."""

    platform_id: str
    period: Period
    as_of: int
    counts: tuple[tuple[Place, int], ...]


def own_figures(platform_id: str, period: Period, as_of: int, counts: Counter[Place]) -> OwnFigures:
    """The figures of what was counted, in order."""
    return OwnFigures(platform_id, period, as_of, tuple(sorted((+counts).items())))


def of_demand(tally: Tally, demand: Demand) -> Iterator[tuple[Place, int]]:
    """What an ended demand counts."""
    place = month_of(tally.received_at), demand.authority, demand.category, ""
    progress = demand.values["demands_by_progress"] if demand.usable else ("unusable",)
    found = {"received": 1, **dict.fromkeys(progress, 1)}
    if demand.usable:
        found |= {demand.result: 1, "items": demand.items.get("items", {}).get("", 0)}
        found["decided_late"] = int(tally.decided_at is not None and tally.decided_at > tally.due_at)
    yield from (((*place, figure), count) for figure, count in found.items())


def of_people(streams: Iterable[Stream], period: Period) -> Iterator[tuple[Place, int]]:
    """How many decisions each person proposed, and how many they approved."""
    for stream in streams:
        case = stream.case
        for on in stream.events:
            if on.who is None or not period.start <= on.at < period.end:
                continue
            did = "approved" if isinstance(on.event, Approved) else "proposed" if PROPOSAL in on.event.parts else ""
            if did:
                yield (month_of(on.at), case.authority, case.category, on.who.id, did), 1


def month_of(at: int) -> str:
    """The month of Almaty in which a time lies, such as `2026-01`."""
    return local(at)[:7]


def own_document(figures: OwnFigures) -> dict[str, Any]:
    """The figures as one document of plain JSON values."""
    rows = [dict(zip(_HEAD, (_STATUS, *place, count), strict=True)) for place, count in figures.counts]
    period = {"from": instant_text(figures.period.start), "until": instant_text(figures.period.end)}
    return {"status": _STATUS, **json_of(figures, "platform_id as_of"), "period": period, "rows": rows}


def own_json(figures: OwnFigures) -> bytes:
    """The document as bytes: the same for the same figures."""
    return json.dumps(own_document(figures), ensure_ascii=False, indent=2).encode() + b"\n"


def own_csv(figures: OwnFigures) -> bytes:
    """One count to a row, in UTF-8: status, month, authority, category, person, figure, count."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_HEAD)
    rows.writerows((_STATUS, *map(harmless, place), count) for place, count in figures.counts)
    return out.getvalue().encode()
