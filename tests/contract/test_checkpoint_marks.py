"""Whatever changes a row that is evidence leads the next checkpoint to its case, also when the case itself stays."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.adapters.sql.of_case import CASE_TABLES
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain.change import (
    Heartbeat,
    MessageVoided,
    ReportsOvertaken,
    Write,
)
from kz_compliance_sdk.domain.evidence_tables import TABLES
from tests.contract.conftest import save
from tests.unit.case_makers import PLATFORM, T0

CASE = "case-that-has-ended"
WRITES: dict[str, Write] = {
    "reports that nobody needs any more": ReportsOvertaken(PLATFORM, CASE, 2, T0),
    "a message that must not leave": MessageVoided(PLATFORM, CASE, "message", T0),
}


def test_every_table_of_a_case_that_is_evidence_is_read_for_its_checkpoint() -> None:
    """Each is in `CASE_TABLES`, but for the case's own row and its messages, which are read by other keys too."""
    held = {name for name in TABLES if "case_id" in metadata.tables[name].c}
    assert dict(CASE_TABLES).keys() == held - {"inbox"}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_to_evidence_marks_its_case(name: str, store: SqliteStore) -> None:
    save(store, (WRITES[name],))
    assert store.queries(PLATFORM).due_for_checkpoint() == [(CASE, 1)]


def test_what_is_no_evidence_marks_nothing(store: SqliteStore) -> None:
    save(store, (Heartbeat(PLATFORM, "worker", T0),))
    assert store.queries(PLATFORM).due_for_checkpoint() == []
