"""What every journey holds its store to: each case that has ended is counted, as it stands, for the public figures."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.domain.events.privacy import tally
from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.domain.transitions import ENDED


def tallies_of(queries: Any) -> list[Tally]:
    """The cases that are counted as ended."""
    return [row for row in queries.demands(0, 1 << 40) if isinstance(row, Tally)]


def check_tallies(queries: Any) -> None:
    """Whatever ends a case, or changes an ended one, goes through `with_tally`; and each tally has its row."""
    rows = {row.case_id: row for row in tallies_of(queries)}
    for case_id in queries.case_ids():
        case = queries.records(case_id).stream.case
        assert rows.pop(case_id, None) == case.tally
        if case.state in ENDED:
            assert case.tally == counted_anew(queries, case_id), case_id
    assert rows == {}


def counted_anew(queries: Any, case_id: str) -> Tally | None:
    """What the figures say of a case if it is counted now."""
    return tally(queries.records(case_id).stream.case)
