"""By what a message is found that came: a row for each stream of the ledger that tells of it.

A row is made of that stream and of nothing else, and no word lies in it: sender, message id and bytes are digests under
the platform's key. The stream of a case tells of each message that did something there; a message that no case took has
a stream of its own, and its row says for which notice it waits, and since when it belongs to no case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    String,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
)

from kz_compliance_sdk.adapters.sql.dialects import as_it_is, in_list, is_text
from kz_compliance_sdk.adapters.sql.ledger import Ledger, streams
from kz_compliance_sdk.adapters.sql.rows import AT_MOST, ONLY_ONE, came_row
from kz_compliance_sdk.adapters.sql.tables import Time, new_table, of_platform, of_stream, volumes
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.received import lodging_in
from kz_compliance_sdk.domain.values import MESSAGES, stream_of
from kz_compliance_sdk.errors import StoreDamaged

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.sql.statements import Compiled


_Row = tuple[Any, ...]
_LAST = f"{MESSAGES}~"
_KEY = ("stream", "key", "body")

inbox = new_table(
    "inbox",
    "rows",
    "By what a message is found that came: made of the stream that tells of it.",
    of_stream(),
    Column("key", String(32), primary_key=True, comment="of sender and message id: a keyed digest"),
    Column("body", String(32), primary_key=True, comment="of its bytes: a keyed digest"),
    of_platform(in_key=False),
    Column(
        "case_id",
        String(36),
        nullable=False,
        comment="whose chain tells of it; empty where it has a stream of its own",
    ),
    Column("message", String(32), nullable=False, comment="that stream, without message/; empty otherwise"),
    Column("seq", Integer, nullable=False, comment="which event tells of it"),
    Column("notice_id", String(160), nullable=False, comment="for which notice it waits; empty for none"),
    Column("lodged_at", Time, comment="since when it belongs to no case; none once it does"),
)
LODGED, _waits = text("message <> ''"), text("notice_id <> ''")
Index("inbox_key", inbox.c.platform_id, inbox.c.key)
Index("inbox_message", inbox.c.platform_id, inbox.c.message, sqlite_where=LODGED)
Index("inbox_waits", inbox.c.platform_id, inbox.c.notice_id, sqlite_where=_waits)


class InboxStatements:
    """Parameters are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Compiled], upsert: Callable[..., Compiled]) -> None:
        c = inbox.c
        mine = c.platform_id == bindparam("k_platform_id")
        self.of_keys = compiled(select(inbox).where(mine, c.key.in_(in_list("k_keys"))))
        self.any_waits = compiled(select(c.message).where(mine, _waits).limit(ONLY_ONE))
        self.of_notice = compiled(select(inbox).where(mine, _waits, c.notice_id == bindparam("k_notice_id")))
        later = c.message > bindparam("after")
        # Whatever else somebody put there is behind every name, and a walk would never come past it.
        named = is_text(c.message)
        self.rows = compiled(
            select(*map(as_it_is, c)).where(mine, LODGED, later, named).order_by(c.message).limit(AT_MOST)
        )
        self.unnamed = compiled(select(func.count()).where(mine, ~named))
        among = streams.c.name > bindparam("after"), streams.c.name < bindparam("until")
        own = select(streams.c.name).where(streams.c.platform == bindparam("k_platform_id"), *among)
        self.streams = compiled(own.order_by(streams.c.name).limit(AT_MOST))
        self.clear = compiled(delete(inbox).where(mine, LODGED, c.message == bindparam("k_message")))
        said = (column.name for column in inbox.columns if column.name not in _KEY)
        self.put = upsert(inbox, _KEY, *said)


def rows_of(stream: Stream, _objects: object) -> list[_Row]:
    """The rows of a case: of a message that it took twice, the later event."""
    return [came_row(stream, *key, seq) for key, seq in stream.case.took.items()]


def lodged_rows(stream: Stream) -> list[_Row]:
    """The row of a message with a stream of its own. Raises Damage or NewerRelease for one on which nothing may be
    decided."""
    if not stream.whole().events:
        return []
    held = lodging_in(stream)
    waits, since = (held.said.notice or "", held.at) if held.is_open else ("", None)
    how, name = held.said.came, stream.name.removeprefix(MESSAGES)
    return [(stream.number, how.key, how.body, stream.platform, "", name, 1, waits, since)]


def stream_in(row: Any) -> str:
    """The stream that tells of a row's message."""
    _, _, _, _, case_id, message, *_ = row
    return stream_of(case_id) if case_id else f"{MESSAGES}{message}"


def tells(stream: Stream, row: Any) -> bool:
    """Whether a stream tells of the message of a row where the row says so."""
    _, key, body, _, _, _, seq, *_ = row
    return stream.fault is None and stream.case.took.get((key, body)) == seq


def makes_wait(stream: Stream, row: Any) -> bool:
    """Whether the message of a row waits, by its stream, for the notice that the row says."""
    return not lies_of(stream, [tuple(row)])


def found(
    read: Callable[..., list[Any]], statements: InboxStatements, platform: str, after: str, limit: int
) -> dict[str, list[_Row]]:
    """The next messages with a stream of their own behind the stream `after`, those whose stream is gone among them,
    each with its stored rows."""
    of_platform = {"k_platform_id": platform, "n": limit}
    stored: dict[str, list[_Row]] = {}
    for row in read(statements.rows, after=after.removeprefix(MESSAGES), **of_platform):
        told = tuple(one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in row)
        stored.setdefault(f"{MESSAGES}{told[5]}", []).append(told)
    names = read(statements.streams, after=max(after, MESSAGES), until=_LAST, **of_platform)
    # A text that is none comes again as what stands for it.
    behind = {name: rows for name, rows in stored.items() if name > after}
    return dict(sorted((behind | {name: stored.get(name, []) for (name,) in names}).items())[:limit])


def unnamed(read: Callable[..., list[Any]], statements: InboxStatements, platform: str) -> list[str]:
    """What is wrong with rows that name the stream of their message by no text, in words."""
    ((count,),) = read(statements.unnamed, k_platform_id=platform)
    return [f"{count} of the rows in inbox name the stream of their message by no text"] if count else []


def lies_of(stream: Stream, stored: Iterable[_Row]) -> str:
    """What is wrong with a message that has a stream of its own, or with its row, in words; empty if nothing is."""
    try:
        true = lodged_rows(stream)
    except StoreDamaged as error:
        return str(error)
    return "" if list(stored) == true else f"the row of {stream.name} in inbox is not that of its stream"


def write(
    of: Collection[tuple[str, str]],
    ledger: Ledger,
    statements: InboxStatements,
    execute: Callable[[str, _Row], Any],
) -> None:
    """Write the rows of these messages anew, each named by its platform and its stream."""
    for platform, name in sorted(one for one in of if one[1].startswith(MESSAGES)):
        execute(statements.clear.sql, (platform, name.removeprefix(MESSAGES)))
        for row in lodged_rows(ledger.stream(platform, name)):
            execute(statements.put.sql, row)


class VolumeStatements:
    """How many notices came under a name. Parameters of each are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any], upsert: Callable[..., Any], *, one_writes: bool) -> None:
        v = volumes.c
        mine = v.platform_id == bindparam("k_platform_id"), v.name == bindparam("k_name")
        # The newest first, and no more than there have to be: a row counts one notice at least.
        newest = select(v.notices).where(*mine, v.at > bindparam("k_at")).order_by(v.at.desc()).limit(AT_MOST)
        self.counted = compiled(select(func.coalesce(func.sum(newest.subquery().c.notices), literal_column("0"))))
        # Where the key is no key of the database each host has lines of its own.
        summed = v.notices + literal_column("excluded.notices")
        alone = upsert(volumes, ("platform_id", "name", "at"), notices=summed)
        self.add = alone if one_writes else compiled(insert(volumes))
        self.over = compiled(delete(volumes).where(*mine, v.at <= bindparam("k_at")))
