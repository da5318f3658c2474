"""What follows from a look at the content, where several things are found at once."""

from __future__ import annotations

from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import case_after
from kz_compliance_sdk.domain.content import Looked, approval_looked, references
from kz_compliance_sdk.domain.messages import alert_in
from tests.case_makers import LEGAL, T0, a_notice, messages, proposed, stamp


def test_a_look_that_fails_is_told_also_where_another_item_is_not_what_was_proposed_about() -> None:
    """The chain owes both alerts, so both leave, each under its own number."""
    notice = a_notice(items=2, category="election_rules")
    _, case, decision = proposed(notice)
    assert case.state is CaseState.IN_APPROVAL
    first, second = notice.items
    looked = {first.item_id: Looked(fault="timeout"), second.item_id: Looked("b" * 64, "post:B", available=True)}
    change, changed = approval_looked(case, decision, looked, references(case, notice), {}, stamp(T0, LEGAL))
    after = case_after(case, change)
    assert (changed, after.state) == ((second.item_id,), CaseState.QUEUED)
    alerts = messages(change, "page")
    assert [alert_in(one).reason for one in alerts] == ["content_unresolved", "content_changed"]
    assert (after.pages - case.pages, len({one.id for one in alerts})) == (2, 2)
