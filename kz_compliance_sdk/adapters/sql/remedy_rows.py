"""Contests and suspensions of a case's order, and what a clock that was set did to it, as the end of its document.

They are few, are read with their case alone, and change in the same write as its clock: a table of their own would be
one more row to keep in step, and no list asks for them.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.contest import FiledContest, Suspension


def remedies_doc(case: Case) -> list[dict[str, Any]]:
    """What the document ends with: nothing for nearly every case, so that it is no longer for it."""
    if not (case.contests or case.suspensions or case.clock_shift_s or case.unsure_steps):
        return []
    return [
        {
            "contests": [astuple(one) for one in case.contests],
            "suspensions": [astuple(one) for one in case.suspensions],
            "running_watch_at": case.running_watch_at,
            "clock_shift_s": case.clock_shift_s,
            "unsure_steps": case.unsure_steps,
        }
    ]


def remedies_from(end: list[Any]) -> dict[str, Any]:
    """The fields of a case that its document ends with."""
    if not end:
        return {}
    return {
        "contests": tuple(FiledContest(*one) for one in end[0]["contests"]),
        "suspensions": tuple(Suspension(*one) for one in end[0]["suspensions"]),
        "running_watch_at": end[0]["running_watch_at"],
        "clock_shift_s": end[0].get("clock_shift_s", 0),
        "unsure_steps": tuple(end[0].get("unsure_steps", ())),
    }
