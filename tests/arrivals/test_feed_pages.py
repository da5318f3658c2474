"""The feed of a regulator that gives pages too large to read, or that has other books than it had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.errors import RegulatorError
from kz_compliance_sdk.ports import FeedMessage, FeedPage
from kz_compliance_sdk.services.health import health_document
from kz_compliance_sdk.services.polling import FIRST_WAIT_S, PAGE_AFTER_S
from tests.arrivals.bad_inputs.office import Office, Offices
from tests.arrivals.bad_inputs.requests import Request, envelope, signed


def message(message_id: str = "msg_a", notice_id: str = "A") -> dict[str, Any]:
    return {**envelope(notice_id), "id": message_id}


def alerts(office: Office) -> list[str]:
    office.desk.deliver()
    return office.alerts


class Shelf:
    """A feed that keeps to its limit. More than `most` entries are too large for one answer, and a cursor of other
    books is unknown."""

    name = "regulator"

    def __init__(self, *requests: Request, most: int = 100) -> None:
        self.entries = [FeedMessage(n, one.method, tuple(one.headers), one.body) for n, one in enumerate(requests, 1)]
        self.most, self.books, self.asked = most, "old", list[tuple[str, int]]()

    def fetch(self, after: str, limit: int) -> FeedPage:
        self.asked.append((after, limit))
        books, _, start = after.rpartition("/")
        if after and books != self.books:
            raise RegulatorError("refused", maybe_sent=False, code="cursor_unknown")
        page = self.entries[int(start or 0) :][:limit]
        if len(page) > self.most:
            raise RegulatorError("refused", maybe_sent=False, code="too_large")
        end = int(start or 0) + len(page)
        return FeedPage(tuple(page), f"{self.books}/{end}", has_more=end < len(self.entries))


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(offices: Offices) -> None:
    """A hundred notices of the size that intake takes are more than one answer may hold: the feed must go on."""
    office = offices.new()
    shelf = Shelf(*(signed(message(f"msg_{n}", f"N{n}")) for n in range(7)), most=3)
    office.feed.fetch = shelf.fetch  # type: ignore[method-assign]
    while office.desk.poll(limit=100).has_more:
        pass
    assert len(office.cases()) == 7


def test_one_entry_that_is_too_large_is_an_error(offices: Offices) -> None:
    office = offices.new()
    office.feed.fetch = Shelf(signed(message()), most=0).fetch  # type: ignore[method-assign]
    with pytest.raises(RegulatorError) as large:
        office.desk.poll()
    assert large.value.code == "too_large"


def test_a_regulator_that_knows_the_cursor_no_longer_is_read_from_the_beginning(offices: Offices) -> None:
    """Its books were restored or made anew. What is held is a repeat; without this nothing new would ever come."""
    office = offices.new()
    shelf = Shelf(signed(message()))
    office.feed.fetch = shelf.fetch  # type: ignore[method-assign]
    assert office.desk.poll().admitted == 1
    renewed = Shelf(signed(message()), signed(message("msg_b", "B")))
    renewed.books = "new"
    office.feed.fetch = renewed.fetch  # type: ignore[method-assign]
    with pytest.raises(RegulatorError) as unknown:
        office.desk.poll()
    assert unknown.value.code == "cursor_unknown"
    assert renewed.asked == [("old/1", 100)], "the worker backs off before it begins anew"
    polled = office.desk.poll()
    assert (polled.admitted, polled.repeated, polled.gaps) == (1, 1, 0)
    assert {case.notice_id for case in office.cases()} == {"A", "B"}
    assert "feed_begins_anew" in alerts(office)
    assert office.desk.poll().messages == 0


def test_what_was_to_be_read_again_of_books_that_are_gone_is_read_with_the_new_ones(offices: Offices) -> None:
    office = offices.new()
    genuine = signed(message("msg_f", "F"))
    office.feed.fetch = Shelf(signed(message()), replace(genuine, body=b"{}")).fetch  # type: ignore[method-assign]
    assert office.desk.poll().skipped == 1
    renewed = Shelf(signed(message()), replace(genuine, body=b"{}"))
    renewed.books = "new"
    office.feed.fetch = renewed.fetch  # type: ignore[method-assign]
    with pytest.raises(RegulatorError):
        office.desk.poll()
    assert office.desk.poll().skipped == 1
    renewed.entries = Shelf(signed(message()), genuine).entries
    office.clock.advance(FIRST_WAIT_S)
    assert office.desk.poll().read_again == 1


def test_a_feed_that_cannot_be_read_for_long_pages_once_and_shows_until_it_can(offices: Offices) -> None:
    """Orders whose terms run may stand in it; each failing alone is no reason to wake anybody."""
    office = offices.new()

    def attention() -> list[str]:
        now = office.desk.store.now()
        return list(health_document(office.desk.health(), now)["attention"])

    def polled_in_vain() -> None:
        with pytest.raises(RegulatorError):
            office.desk.poll()

    shelf = Shelf(signed(message()), most=0)
    office.feed.fetch = shelf.fetch  # type: ignore[method-assign]
    polled_in_vain()
    assert "feed_unreadable" in attention()
    assert alerts(office) == []
    office.clock.advance(PAGE_AFTER_S - 1)
    polled_in_vain()
    assert alerts(office) == []
    office.clock.advance(1)
    polled_in_vain()
    office.clock.advance(PAGE_AFTER_S)
    polled_in_vain()
    assert alerts(office) == ["feed_unreadable"]

    shelf.most = 100
    office.clock.advance(1)
    assert office.desk.poll().admitted == 1
    assert "feed_unreadable" not in attention()
    shelf.most = 0
    shelf.entries += Shelf(signed(message("msg_b", "B"))).entries
    polled_in_vain()
    office.clock.advance(PAGE_AFTER_S)
    polled_in_vain()
    assert alerts(office) == ["feed_unreadable", "feed_unreadable"], "another time is told anew"


def test_two_pages_of_one_second_may_both_hold_what_nobody_can_believe(offices: Offices) -> None:
    """Each has an alert of its own; the second page was refused by the database, and read again half a minute later."""
    office = offices.new()
    forged = [replace(signed(message(f"msg_{n}", f"N{n}")), body=b"{}") for n in range(2)]
    office.feed.fetch = Shelf(*forged).fetch  # type: ignore[method-assign]
    assert [office.desk.poll(limit=1).skipped for _ in range(2)] == [1, 1]
    assert alerts(office).count("feed_entry_not_authentic") == 2
