"""The schema. Every key begins with the platform; times are UTC seconds. What each holds is its `comment`.

No table but those of the ledger holds what anybody wrote, but for what was said of an attempt.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import SchemaItem

metadata = MetaData()

Time = BigInteger
Number = BigInteger().with_variant(Integer, "sqlite")


Kind = Literal["ledger", "rows", "operations"]
"""What a table is: the ledger itself; rows made of it, which can be made anew; or daily work, the loss of which costs a
repeat under the same key."""


def new_table(name: str, kind: Kind, what: str, *columns: SchemaItem, blobs: tuple[str, ...] = ()) -> Table:
    """A table of which rows live in the primary key's tree, one tree less to write for each insert: a number alone is
    the rowid, any other key has none beside it. SQLite takes any type anywhere, and text that looks like the bytes
    hashes to nothing: `blobs` are bytes and nothing else."""
    keys = [column for column in columns if isinstance(column, Column) and column.primary_key]
    checked = " AND ".join(f"typeof({column}) = 'blob'" for column in blobs)
    held = CheckConstraint(checked, name=f"{name}_holds_bytes").ddl_if(dialect="sqlite")
    return Table(
        name,
        metadata,
        *columns,
        *([held] if blobs else []),
        comment=what,
        info={"kind": kind},
        sqlite_with_rowid=len(keys) == 1 and keys[0].type is Number,
    )


def of_platform(*, in_key: bool = True) -> Column[str]:
    """Whose a row is; the first column of a key that does not begin with the number of a stream."""
    return Column("platform_id", String(64), primary_key=in_key, nullable=False, comment="whose")


def of_stream(*, in_key: bool = True) -> Column[int]:
    """By this a row lies where it is made of one stream: behind those that came before it. References are digests, and
    each random place costs a page in every commit."""
    return Column(
        "stream", Number, primary_key=in_key, autoincrement=False, nullable=False, comment="the number of its stream"
    )


cases = new_table(
    "cases",
    "rows",
    "By what a case is found: made of its chain.",
    of_stream(),
    of_platform(in_key=False),
    Column("id", String(36), nullable=False, comment="the reference"),
    Column("notice_id", String(160), nullable=False, comment="as the authority calls it"),
    Column("authority_id", String(128), nullable=False, comment="who issued it"),
    Column(
        "quarantine_no",
        Integer,
        nullable=False,
        comment="0 for what could be used; else counts messages about one notice that could not",
    ),
    Column("revision", Integer, nullable=False, comment="of the notice in force"),
    Column("state", String(16), nullable=False, comment="one of the states"),
    Column("category", String(64), nullable=False, comment="as the notice has it"),
    Column("received_at", Time, nullable=False, comment="when it came, or was received at the office"),
    Column("due_at", Time, nullable=False, comment="the statutory deadline"),
    Column("urgent_at", Time, nullable=False, comment="by this the queue is in order"),
    Column("closed_at", Time, comment="when it ended"),
    Column("lease_token", BigInteger, nullable=False, comment="grows with each claim"),
    Column("lease_owner", String(128), nullable=False, comment="who has it in hand; empty if nobody has"),
    Column("lease_expires_at", Time, comment="until when"),
    Column("erased_at", Time, comment="when its personal data was destroyed"),
    Column("flags", Text, nullable=False, comment="what a moderator must see: codes, and numbers of items"),
)
_queued = text("state = 'queued'")
_leased = text("lease_expires_at IS NOT NULL")
_in_hand = text("closed_at IS NULL AND state <> 'queued'")
_ended = text("closed_at IS NOT NULL")
Index("cases_notice", cases.c.platform_id, cases.c.notice_id, cases.c.authority_id, cases.c.quarantine_no, unique=True)
# A running case is in exactly one of two indexes: in one while it is free, in the other while it is not. Those of one
# category and of one authority are found without the others.
for _name, _where in (("cases_claimable", _queued), ("cases_in_hand", _in_hand)):
    for _of in ((), (cases.c.category,), (cases.c.authority_id,)):
        Index(
            "_".join((_name, *(column.name for column in _of))),
            cases.c.platform_id,
            *_of,
            cases.c.urgent_at,
            sqlite_where=_where,
        )
longer_term = text("closed_at IS NULL AND urgent_at > due_at")
Index("cases_paused", cases.c.platform_id, sqlite_where=longer_term)
Index("cases_ended", cases.c.platform_id, cases.c.closed_at, sqlite_where=_ended)
Index("cases_leased", cases.c.platform_id, cases.c.lease_expires_at, sqlite_where=_leased)

watches = new_table(
    "watches",
    "operations",
    "When a case is looked at next. Its line is made with the row, and goes once the case has ended.",
    of_stream(),
    of_platform(in_key=False),
    Column("case_id", String(36), nullable=False, comment="which case"),
    Column("watch_at", Time, nullable=False, comment="when it is looked at next"),
    Column("running_watch_at", Time, comment="where its ladder stopped while its term is paused; none while it runs"),
)
Index("watches_due", watches.c.platform_id, watches.c.watch_at)


outbox = new_table(
    "outbox",
    "rows",
    "A message that has still to leave, or waits for a person: made of the chain of its case.",
    of_stream(),
    Column("id", String(36), primary_key=True, comment="also the idempotency key"),
    of_platform(in_key=False),
    Column("case_id", String(36), nullable=False, comment="whose it is; empty for an alert of no case"),
    Column(
        "kind",
        String(16),
        nullable=False,
        comment="acknowledgement, clarification, report, enforce, restore, user_notice, page",
    ),
    Column(
        "endpoint", String(32), nullable=False, comment="the way: regulator, by_hand, enforcer, messenger, notifier"
    ),
    Column("alert", LargeBinary, nullable=False, comment="what an alert says; empty for all else"),
    Column("created_at", Time, nullable=False, comment="when it was owed"),
    Column("deadline_at", Time, comment="the deadline that it serves; none for an alert"),
    Column("state", String(8), nullable=False, comment="queued; waiting, parked: for a person"),
    Column(
        "lane",
        String(200),
        nullable=False,
        comment="what must leave in order: a digest of the object, or the case of a report; empty for all else",
    ),
    Column("lane_seq", BigInteger, nullable=False, comment="the place in the lane"),
    blobs=("alert",),
)
_lane_open = text("state = 'queued' AND lane <> ''")
Index(
    "outbox_lane",
    outbox.c.platform_id,
    outbox.c.lane,
    outbox.c.lane_seq,
    sqlite_where=_lane_open,
)
_held = text("state IN ('waiting', 'parked')")
Index("outbox_held", outbox.c.platform_id, outbox.c.id, sqlite_where=_held)
of_none = text("case_id = ''")
Index("outbox_alerts", outbox.c.platform_id, outbox.c.id, sqlite_where=of_none)

leases = new_table(
    "leases",
    "operations",
    "When a message is tried next, and who has it in hand. Its line is made with the row, and goes with it.",
    of_stream(),
    Column("id", String(36), primary_key=True, comment="of which message"),
    of_platform(in_key=False),
    Column("case_id", String(36), nullable=False, comment="as in outbox"),
    Column("endpoint", String(32), nullable=False, comment="as in outbox"),
    Column("urgent_at", Time, nullable=False, comment="by this it is in order"),
    Column("next_at", Time, comment="when it is tried next; none while it waits for a person"),
    Column("attempts", Integer, nullable=False, comment="how often it was tried"),
    Column("refusals", Integer, nullable=False, comment="how often it was refused for what may pass"),
    Column("refused_since", Time, comment="since when"),
    Column("token", BigInteger, nullable=False, comment="grows with each lease"),
    Column("expires_at", Time, comment="until when a worker has it"),
)
_due = text("next_at IS NOT NULL")
# The time of the next attempt comes last: few messages that wait for it stand before one that is due, since a breaker
# keeps the others from being tried.
Index(
    "leases_due",
    leases.c.platform_id,
    leases.c.endpoint,
    leases.c.urgent_at,
    leases.c.next_at,
    sqlite_where=_due,
)
Index("leases_alerts", leases.c.platform_id, leases.c.id, sqlite_where=of_none)

attempts = new_table(
    "attempts",
    "operations",
    "A try to send a message.",
    of_platform(),
    Column("case_id", String(36), primary_key=True, comment="as in outbox"),
    Column("message_id", String(36), primary_key=True, comment="of which message"),
    Column("number", Integer, primary_key=True, comment="counts from 1"),
    Column("started_at", Time, nullable=False, comment="when the call began"),
    Column("ended_at", Time, nullable=False, comment="when it came back, or was given up"),
    Column("result", String(32), nullable=False, comment="what it came to, as a code; lost if nothing came"),
    Column("detail", LargeBinary, nullable=False, comment="what the other side said, encrypted"),
)

cursors = new_table(
    "cursors",
    "operations",
    "How far a feed was read, and how often a message came again.",
    of_platform(),
    Column("feed", String(64), primary_key=True, comment="the feed; again. and a digest for a message"),
    Column("cursor", String(512), nullable=False, comment="the place, as the other side calls it; a count"),
    Column("at", Time, nullable=False, comment="since when"),
)

platform_keys = new_table(
    "platform_keys",
    "ledger",
    "What is encrypted or compared for a whole platform.",
    of_platform(),
    Column(
        "name",
        String(64),
        primary_key=True,
        comment="objects: the key of every keyed digest, and so of the names of objects",
    ),
    Column("key", LargeBinary, nullable=False, comment="wrapped by the master key"),
)

endpoints = new_table(
    "endpoints",
    "operations",
    "Whether a way out is left alone for a while.",
    of_platform(),
    Column("endpoint", String(32), primary_key=True, comment="regulator or notifier"),
    Column("failures", Integer, nullable=False, comment="in a row"),
    Column("open_until", Time, nullable=False, comment="until when nothing is sent"),
    Column("last_success_at", Time, nullable=False, comment="when it last worked"),
    Column("last_failure", String(200), nullable=False, comment="why it last did not, as a code"),
)

heartbeats = new_table(
    "heartbeats",
    "operations",
    "When a part of the machinery last ran.",
    of_platform(),
    Column("part", String(64), primary_key=True, comment="which"),
    Column("at", Time, nullable=False, comment="when"),
    Column("detail", String(200), nullable=False, comment="what it wants to remember until its next run"),
)

refusals = new_table(
    "refusals",
    "operations",
    "How many messages were refused.",
    of_platform(),
    Column(
        "key_id", String(128), primary_key=True, comment="the key that they named; unknown for one that is not ours"
    ),
    Column("code", String(64), primary_key=True, comment="why"),
    Column("count", BigInteger, nullable=False, comment="how many"),
    Column("last_at", Time, nullable=False, comment="when last"),
)

volumes = new_table(
    "volumes",
    "operations",
    "How many notices came lately, second by second.",
    of_platform(),
    Column("name", String(160), primary_key=True, comment="the authority, or the key that signed"),
    Column("at", Time, primary_key=True, comment="in which second"),
    Column("notices", Integer, nullable=False, comment="how many"),
)
# Many hosts count in the same second, and none waits for a row of another: there are several lines of one second then.
volumes.primary_key.ddl_if(dialect="sqlite")
