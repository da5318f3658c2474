"""What the feed held and nobody could believe when it was read, kept in mind so that it is read again.

The cursor goes on behind an entry that is not authentic, or one forgery would end the feed. Yet such an entry can be an
order: one whose key was revoked here before the regulator signed with another, or whose new key was configured here a
day late. So the place before the first of them is remembered, and from there the feed is read again, soon at first and
then less often, until every entry is believed or its time is over.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

from kz_compliance_sdk.domain.change import Change, CursorMoved
from kz_compliance_sdk.ports import Tx

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
    text = tx.cursor(UNREAD)
    return Unread(*json.loads(text)) if text else None


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
