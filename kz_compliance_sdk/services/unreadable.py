"""Telling people of cases that cannot be read: their clocks run on, and nothing of them is decided or sent."""

from __future__ import annotations

from collections.abc import Iterable

from kz_compliance_sdk.domain.change import Change, CursorMoved, Happened, Write
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.ports import Tx

_AGAIN_S = 3600
_AUDIENCE = ("lead", "head")


def _is_told(until: str, now: int) -> bool:
    """Whether people have been told within the hour: whatever else somebody has written there keeps nobody silent."""
    try:
        return now < int(until) <= now + _AGAIN_S
    except ValueError:
        return False


def told_where_whole(tx: Tx, change: Iterable[Write]) -> Change:
    """The change without what it would append to a chain that is broken, or to that of a case which is gone: what pages
    people about its case leaves."""
    writes = tuple(change)
    streams = tx.streams({one.stream for one in writes if isinstance(one, Happened)})
    return tuple(one for one in writes if not isinstance(one, Happened) or _is_whole(streams[one.stream]))


def _is_whole(stream: Stream) -> bool:
    return stream.fault is None and (stream.seq > 0 or not stream.name.startswith(stream_of("")))


def alerts(tx: Tx, platform_id: str, also: Iterable[str] = ()) -> Change:
    """An alert for each case that this work met and could not read, and `also` for these, once an hour."""
    writes: list[Write] = []
    for case_id in (*tx.unreadable, *also):
        told = f"unreadable.{case_id}"
        if _is_told(tx.known(CursorMoved, told).cursor, tx.now):
            continue
        writes.append(CursorMoved(platform_id, told, str(tx.now + _AGAIN_S), tx.now))
        writes.append(notify(platform_id, case_id, "case_unreadable", _AUDIENCE, 60, tx.stamp()))
    return tuple(writes)
