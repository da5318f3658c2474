"""What a change says has happened, in its order."""

from __future__ import annotations

from kz_compliance_sdk.domain.audit import next_event
from kz_compliance_sdk.domain.case import happened_to
from kz_compliance_sdk.domain.change import Write, happenings
from kz_compliance_sdk.domain.events import office, review
from tests.unit.case_makers import PLATFORM, stamp


def test_what_stands_alone_comes_behind_the_event_before_it_of_its_own_case() -> None:
    def event(case_id: str, seq: int) -> Write:
        told = happened_to(PLATFORM, case_id, review.Claimed(token=seq, until=9), stamp())
        return next_event(PLATFORM, case_id, seq, "0" * 64, stamp(), "claim", {}, tells=[told])

    alone = happened_to(PLATFORM, "b", office.SuspensionWatched(over=True), stamp())
    told = happenings((event("a", 40), alone, event("b", 7)))
    assert [one.event for one in told if one.stream == "case/b"] == [alone.event, review.Claimed(token=7, until=9)]
