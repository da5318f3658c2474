"""Whether a report still says what holds: one that was overtaken must not be sent for the first time."""

from __future__ import annotations

import json

from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.transitions import UNDECIDED

_NOTHING_TO_REPORT = frozenset({*UNDECIDED, CaseState.CANCELLED})


def is_superseded(case: Case, message: OutboxMessage) -> bool:
    """Whether a later report has taken the place of this one, or it is final and its case is being decided or carried
    out anew. Only reports are superseded like this; effects carry a version."""
    if message.kind != "report":
        return False
    if message.lane_seq < case.sequence:
        return True
    anew = case.state in _NOTHING_TO_REPORT or case.pending
    return anew and bool(json.loads(message.body)["final"])
