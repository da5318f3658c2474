"""The rows that are made of the chain of a case, held against what its fold says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kz_compliance_sdk.domain.fold import Case


def differences(stored: Iterable[Any], case_id: str, case: Case) -> Iterator[str]:
    """Where the rows by which the appeals of a case are found say something else than the fold."""
    held = {(case.platform, one.id, case_id, one.state, one.received_at, one.due_at) for one in case.appeals.values()}
    for row in sorted({tuple(row) for row in stored} ^ held):
        yield f"the row {row} of an appeal is in one of the two alone, the store and the fold"
