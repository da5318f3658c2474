"""What an authority says about a notice: applied to its case at once, or when the notice that it waited for came."""

from __future__ import annotations

import json

from kz_compliance_sdk.domain import arrivals
from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.audit import Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change, InboxApplied, Write
from kz_compliance_sdk.domain.duty import with_pages_at_intake
from kz_compliance_sdk.domain.events.arrivals import Flagged
from kz_compliance_sdk.domain.messages import Respondent, notify
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice, Reminder, Sanction
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.ports import Tx
from kz_compliance_sdk.services.loading import arrival_in, standing_before
from kz_compliance_sdk.services.marking import marked_answer
from kz_compliance_sdk.wire.v1 import read_message

Following = Clarification | Cancellation | Reminder


def follow(
    tx: Tx, arrival: Arrival, case: Case, data: Following, policy: Policy, respondent: Respondent, stamp: Stamp
) -> tuple[Change, Case]:
    """Apply a message to the case that it is about."""
    if case.erased_at is not None:
        return arrivals.flag(case, ("erased_case",), stamp, arrival)
    if isinstance(data, Reminder):
        return arrivals.remind(case, data, arrival, stamp)
    if isinstance(data, Clarification):
        change, case = arrivals.answer(case, data, arrival, policy, standing_before(tx, case, data, respondent), stamp)
        return with_pages_at_intake(change, case, policy, stamp) if arrival.flags else (change, case)
    if data.revision < case.revision:
        return arrivals.flag(case, ("cancels_older_revision",), stamp, arrival)
    flagged: Change = ()
    named = data.item_ids or ()
    unknown = set(named) - {item.item_id for item in case.items}
    if unknown and unknown.issuperset(named):
        return arrivals.flag(case, ("cancels_unknown_item",), stamp, arrival)
    if unknown:
        # The message itself lies beside the event of the cancellation.
        tells = [happened(case, Flagged(flags=("cancels_unknown_item",)), stamp)]
        flagged, case = arrivals.flag(case, ("cancels_unknown_item",), stamp, arrival, tells=tells)
    change, case = arrivals.cancel(case, data, arrival, policy, standing_before(tx, case, data, respondent), stamp)
    return (*flagged, *change), case


def follow_waiting(
    tx: Tx, case: Case, change: Change, policy: Policy, respondent: Respondent, stamp: Stamp
) -> tuple[Change, Case]:
    """What came before its notice takes effect now, in the order in which it came."""
    writes: list[Write] = list(change)
    for row in tx.waiting_for(case.notice_id):
        if row.source == "typed" or case.authority_id not in json.loads(row.proof)["authorities"]:
            continue
        message = read_message(row.body)
        data = message.data
        if isinstance(data, Notice | Sanction):
            continue
        if isinstance(data, Cancellation) and data.revision > case.revision:
            continue
        arrival = marked_answer(arrival_in(tx, row, case.channel), message, policy)
        more, case = follow(tx, arrival, case, data, policy, respondent, stamp)
        writes += more
        writes.append(InboxApplied(row.platform_id, *arrival.message, case.id))
    for about in tx.unreadable:
        writes.append(notify(case.platform_id, about, "case_unreadable", ("lead", "head"), 60, stamp, key=case.id))
    return tuple(writes), case
