"""Appeals of users as rows, and back. A row is a tuple in the order of the table's columns."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.adapters.sql.rows import Row, readable
from kz_compliance_sdk.domain.change import Appeal


def appeal_row(appeal: Appeal) -> tuple[Any, ...]:
    return (
        appeal.platform_id,
        appeal.appeal_id,
        appeal.case_id,
        appeal.item_id,
        appeal.lane,
        appeal.reference,
        appeal.received_at,
        appeal.due_at,
        appeal.decision_version,
        appeal.proposed_by,
        appeal.approved_by,
        appeal.number,
        appeal.state,
        appeal.decided_by,
        appeal.decided_at,
    )


@readable("appeals", 2)
def appeal_from(row: Row) -> Appeal:
    return Appeal(*row)
