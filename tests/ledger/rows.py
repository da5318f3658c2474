"""The rows that are made of the chain of a case, held against what its fold says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import astuple

from kz_compliance_sdk.domain.fold import Case


def differences(stored: Iterable[Any], case_id: str, case: Case) -> Iterator[str]:
    """Where the rows of the appeals of a case, and its row in the public figures, say something else than the fold."""
    held = {(case.platform, one.id, case_id, one.state, one.received_at, one.due_at) for one in case.appeals.values()}
    if case.tally is not None:
        held.add(astuple(case.tally))
    for row in sorted({tuple(row) for row in stored} ^ held, key=str):
        yield f"the row {row} is in one of the two alone, the store and the fold"
