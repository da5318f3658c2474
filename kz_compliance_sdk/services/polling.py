"""Reading the regulator's feed with a durable cursor. Every entry ends where a pushed message ends."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TypeVar

from kz_compliance_sdk.domain.change import Change, CursorMoved, Heartbeat, Write, count_in
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.errors import RegulatorError, StoreDamaged, StoreError, kind_and_place
from kz_compliance_sdk.ports import FeedPage, Future, Regulator, Store, Tx
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.services.health import FEED_FAILS
from kz_compliance_sdk.services.intake import Intake, Pending

_log = logging.getLogger("kz_compliance_sdk.polling")

T = TypeVar("T")
FEED = "notices"
SEQUENCE = "notices.sequence"
FAILING = "notices.failing"
PAGE_AFTER_S = 900
"""How long the feed may be out of reach before somebody is paged, in seconds."""
UNREAD = "notices.unread"
FIRST_WAIT_S = 600
LONGEST_WAIT_S = 6 * 3600
GIVEN_UP_AFTER_S = 90 * 86_400
"""How far back the contract lets a platform read. What the regulator did not sign anew by then stays unread."""


@dataclass(frozen=True, slots=True)
class Unread:
    """From which cursor on the feed is to be read again, since when, and when next. Times are UTC seconds."""

    after: str
    since: int
    next_at: int

    def later(self, now: int) -> Unread:
        """Denser while it is new: the wait is a quarter of its age."""
        wait = min(max((now - self.since) // 4, FIRST_WAIT_S), LONGEST_WAIT_S)
        return Unread(self.after, self.since, now + wait)


def remembered(tx: Tx) -> Unread | None:
    """What is still to be read again."""
    with suppress(ValueError, TypeError, OverflowError):  # nothing, or what somebody else wrote there
        after, since, next_at = json.loads(tx.known(CursorMoved, UNREAD).cursor)
        return Unread(str(after), int(since), int(next_at))
    return None


def remember(tx: Tx, platform_id: str, after: str) -> Change:
    """Keep the place before an entry that is not authentic in mind, unless an earlier one is."""
    if remembered(tx) is not None:
        return ()
    return (_moved(platform_id, Unread(after, tx.now, tx.now + FIRST_WAIT_S), tx.now),)


def settle(tx: Tx, platform_id: str, unread: Unread, *, believed: bool) -> Change:
    """What reading it again came to: nothing is left, or it is read once more later."""
    if remembered(tx) != unread:
        return ()
    over = believed or tx.now - unread.since > GIVEN_UP_AFTER_S
    return (_moved(platform_id, None if over else unread.later(tx.now), tx.now),)


def _moved(platform_id: str, unread: Unread | None, now: int) -> CursorMoved:
    return CursorMoved(platform_id, UNREAD, "" if unread is None else json.dumps(astuple(unread)), now)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one page of the feed came to. `skipped` entries were not authentic; `gaps` are missing sequence numbers;
    `read_again` counts what was new in earlier pages that were read once more."""

    messages: int = 0
    admitted: int = 0
    repeated: int = 0
    quarantined: int = 0
    skipped: int = 0
    gaps: int = 0
    has_more: bool = False
    read_again: int = 0


def poll(store: Store, intake: Intake, regulator: Regulator, platform_id: str, signed_for: str, limit: int) -> Polled:
    """Fetch one page, store it, and only then move the cursor: a crash in between costs a repeat, never a message.

    Raises RegulatorError and StoreError; the cursor is then where it was, or at the beginning if the regulator does not
    know it any more: what is held already is a repeat. A feed that cannot be read for long pages somebody: orders may
    stand in it whose terms run.
    """
    try:
        return _poll(store, intake, regulator, platform_id, signed_for, limit)
    except RegulatorError:
        store.submit(platform_id, lambda tx: (_failed(tx, platform_id), None)).result()
        raise


def _poll(store: Store, intake: Intake, regulator: Regulator, platform_id: str, signed_for: str, limit: int) -> Polled:
    after, last = store.submit(platform_id, _where).result()
    try:
        page = fetched(regulator, after, limit)
    except RegulatorError as error:
        if error.code == "cursor_unknown" and after:
            store.submit(platform_id, lambda tx: (_anew(tx, platform_id, after), None)).result()
        raise
    statuses = _taken(store, intake, platform_id, signed_for, page)
    skipped = len(page.messages) - len(statuses)
    if page.messages and page.next_cursor == after:
        # Only now: a cursor that is stuck must not keep out what the page brought.
        store.submit(platform_id, lambda tx: (_alert(tx, platform_id, "feed_repeats_itself", after), None)).result()
        raise RegulatorError("the feed gives the same cursor again.", maybe_sent=False, code="poll_loop")
    sequences = [entry.sequence for entry in page.messages]
    known = [last, *sequences] if last else sequences
    gaps = sum(max(0, later - earlier - 1) for earlier, later in pairwise(known))

    place = f"{after} {page.next_cursor}"

    def move(tx: Tx) -> tuple[Change, None]:
        writes: list[Write] = [Heartbeat(platform_id, "poller", tx.now)]
        if tx.known(CursorMoved, FAILING).cursor:
            writes.append(CursorMoved(platform_id, FAILING, "", tx.now))
        if page.next_cursor not in (None, after):
            writes.append(CursorMoved(platform_id, FEED, page.next_cursor, tx.now))
        if sequences:
            writes.append(CursorMoved(platform_id, SEQUENCE, str(max(sequences)), tx.now))
        if gaps:
            writes += _alert(tx, platform_id, "feed_gap", place)
        if skipped:
            writes += _alert(tx, platform_id, "feed_entry_not_authentic", place)
            writes += remember(tx, platform_id, after)
        return tuple(writes), None

    store.submit(platform_id, move).result()
    return Polled(
        messages=len(page.messages),
        admitted=statuses.count(202),
        repeated=statuses.count(200),
        quarantined=sum(status in (409, 422) for status in statuses),
        skipped=skipped,
        gaps=gaps,
        has_more=page.has_more,
    )


def read_again(
    store: Store, intake: Intake, regulator: Regulator, platform_id: str, signed_for: str, limit: int
) -> int:
    """Read again, if it is time, what held an entry that nobody could believe, up to where the feed was read. What is
    known already is a repeat. Gives how many messages were new. Raises StoreError."""
    place, until = store.submit(platform_id, _unread).result()
    if place is None:
        return 0
    after, statuses, believed = place.after, list[int](), True
    while after != until:
        try:
            page = fetched(regulator, after, limit)
        except RegulatorError as error:
            _log.warning("the feed could not be read again: %s", error.code)
            believed = False
            break
        taken = _taken(store, intake, platform_id, signed_for, page)
        statuses += taken
        believed = believed and len(taken) == len(page.messages)
        if not page.has_more or page.next_cursor in (None, after):
            break
        after = page.next_cursor or until
    store.submit(platform_id, lambda tx: (settle(tx, platform_id, place, believed=believed), None)).result()
    return statuses.count(202)


def fetched(regulator: Regulator, after: str, limit: int) -> FeedPage:
    """A page of the feed, of fewer entries where so many are more than one answer may hold or one call has time for."""
    while True:
        try:
            return regulator.fetch(after, limit)
        except RegulatorError as error:
            if limit <= 1 or error.code not in ("too_large", "deadline"):
                raise
        limit //= 2


def _failed(tx: Tx, platform_id: str) -> Change:
    """Since when the feed could not be read, and whether people were told."""
    since, _, told = tx.known(CursorMoved, FAILING).cursor.partition(" ")
    beat = Heartbeat(platform_id, FEED_FAILS, tx.now)
    if not since:
        return beat, CursorMoved(platform_id, FAILING, str(tx.now), tx.now)
    if told or tx.now - count_in(since) < PAGE_AFTER_S:
        return (beat,)
    return beat, CursorMoved(platform_id, FAILING, f"{since} told", tx.now), *_alert(tx, platform_id, FEED_FAILS, since)


def _anew(tx: Tx, platform_id: str, after: str) -> Change:
    """The next poll begins at the beginning: the regulator has other books than those that gave the cursor out, and
    what stands in them need not stand here. Only at the next poll, so that two that quarrel do not spin."""
    moved = (CursorMoved(platform_id, name, "", tx.now) for name in (FEED, SEQUENCE, UNREAD))
    return (*moved, *_alert(tx, platform_id, "feed_begins_anew", after))


def _taken(store: Store, intake: Intake, platform_id: str, signed_for: str, page: FeedPage) -> list[int]:
    """The answers to the entries of a page, all of them stored; one that is not authentic has none."""
    pending = [intake.fetched(entry, signed_for) for entry in page.messages]
    futures = [(one, store.submit(platform_id, one.work, one.asks)) for one in pending if one is not None]
    return [stored(store, platform_id, one, future).status for one, future in futures]


def stored(store: Store, platform_id: str, pending: Pending, future: Future[T]) -> T | Response:
    """What came of the entry. One that cannot be taken in is set aside, where people see it: it must neither be lost
    nor hold back what comes behind it."""
    try:
        return future.result()
    except StoreError as error:
        # A case that cannot be read holds up what is said about it, and nothing else.
        if not isinstance(error, StoreDamaged):
            raise
        _log.error("an entry of the feed is about what cannot be read and is set aside: %s", error.reference)
        return store.submit(platform_id, pending.aside).result()
    except Exception as error:  # noqa: BLE001  whatever it is, the feed must not end here for good
        _log.error("an entry of the feed could not be taken in and is set aside: %s", kind_and_place(error))
        return store.submit(platform_id, pending.aside).result()


def _where(tx: Tx) -> tuple[Change, tuple[str, int]]:
    return (), (tx.known(CursorMoved, FEED).cursor, count_in(tx.known(CursorMoved, SEQUENCE).cursor))


def _unread(tx: Tx) -> tuple[Change, tuple[Unread | None, str]]:
    place = remembered(tx)
    due = place if place is not None and place.next_at <= tx.now else None
    return (), (due, tx.known(CursorMoved, FEED).cursor)


def _alert(tx: Tx, platform_id: str, reason: str, place: str) -> Change:
    # The page's place tells two pages of one second apart.
    return (notify(platform_id, FEED, reason, ("lead",), 40, tx.stamp(), key=place),)
