"""The part of the readable page about contests, suspensions, instructions, appeals, user notices and legal holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["LABELS", "rows_of"]

LABELS: Final = ("type", "item_id", "at", "until", "status", "actor")

# For each list of the document: what identifies a row, from when, until when, its state, and who.
_COLUMNS: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "contests": ("number", "filed_at", "result_at", "result", "recorded_by"),
    "suspensions": ("number", "from_at", "until_at", "", "confirmed_by"),
    "instructions": ("", "given_at", "", "", "recorded_by"),
    "user_notices": ("item_id", "due_at", "delay_until", "state", ""),
    "appeals": ("item_id", "received_at", "due_at", "state", "decided_by"),
    "holds": ("", "held_at", "until", "", "held_by"),
}


def rows_of(doc: Mapping[str, Any], text: Callable[..., str], *, full: bool) -> list[list[str]]:
    """The rows of that part in the order of LABELS, as markup; in the full form with what was said."""
    found: list[list[str]] = []
    for name, columns in _COLUMNS.items():
        for one in doc[name]:
            cells = [one.get(column) if column else None for column in columns]
            if name == "suspensions":
                cells[2] = one["ended_at"] or one["until_at"]
                cells[3] = "confirmed" if one["confirmed_by"] else "unconfirmed"
            if name == "user_notices":
                cells[1] = one["sent_at"] or one["due_at"]
            said = [text(one.get("words"))] if full else []
            found.append([text(name, "remedy"), *(text(cell, "remedy_state") for cell in cells), *said])
    return found
