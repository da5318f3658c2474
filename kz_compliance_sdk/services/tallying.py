"""The tally of a case that ends: written with the move that ends it, in the same transaction."""

from __future__ import annotations

from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import CaseWrite, Change, InboxAdmitted, InboxRow
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.tally import Tally, tally
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.errors import NotFound, Unreadable
from kz_compliance_sdk.ports import Tx
from kz_compliance_sdk.services.loading import notice_of
from kz_compliance_sdk.wire.v1 import read_message


def with_tally(tx: Tx, change: Change) -> Change:
    """The change and, for each case that it leaves ended, that case's row in the figures."""
    ended = {write.case.id: write.case for write in change if type(write) is CaseWrite}
    return (*change, *(_tally(tx, case, change) for case in ended.values() if case.state in ENDED))


def _tally(tx: Tx, case: Case, change: Change) -> Tally:
    events = tx.event_kinds(case.id)
    for write in change:
        if type(write) is AuditEvent and write.case_id == case.id:
            events[write.kind] = events.get(write.kind, 0) + 1
    return tally(case, _notice(tx, case, change), tx.decisions(case.id), events)


def _notice(tx: Tx, case: Case, change: Change) -> Notice | None:
    """The notice as it stands, also if it comes with the very change that ends its case."""
    for write in change:
        row = write.row if type(write) is InboxAdmitted else write
        if type(row) is InboxRow and (row.sender, row.message_id, row.body_sha256) == case.message and case.revision:
            data = read_message(row.body).data
            return data if isinstance(data, Notice) else None
    try:
        return notice_of(tx, case)
    except (NotFound, Unreadable):
        return None
