"""The schema. Every key begins with the platform; times are UTC seconds.

Bodies are the exact bytes that came, were hashed, or will be sent. What is never searched for lies in `cases.doc`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.schema import SchemaItem

metadata = MetaData()

_Time = BigInteger


def _table(name: str, *columns: SchemaItem) -> Table:
    # Rows live in the primary key's tree: one tree less to write for each insert.
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


def _bytes(table: str, *columns: str) -> CheckConstraint:
    """SQLite takes any type anywhere, and text that looks like the bytes hashes to nothing."""
    each = " AND ".join(f"typeof({column}) = 'blob'" for column in columns)
    return CheckConstraint(each, name=f"{table}_holds_bytes").ddl_if(dialect="sqlite")


def _platform() -> Column[str]:
    return Column("platform_id", String(64), primary_key=True)


cases = _table(
    "cases",
    _platform(),
    Column("id", String(36), primary_key=True),
    Column("notice_id", String(160), nullable=False),
    Column("authority_id", String(128), nullable=False),
    Column("quarantine_no", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("category", String(64), nullable=False),
    Column("received_at", _Time, nullable=False),
    Column("due_at", _Time, nullable=False),
    Column("urgent_at", _Time, nullable=False),
    Column("watch_at", _Time),
    Column("closed_at", _Time),
    Column("lease_token", BigInteger, nullable=False),
    Column("lease_owner", String(128), nullable=False),
    Column("lease_expires_at", _Time),
    Column("doc", Text, nullable=False),
    # That of a case that was erased is empty.
    Column("data_key", LargeBinary),
    Column("private", LargeBinary, nullable=False, server_default=text("''")),
)
_queued = text("state = 'queued'")
_leased = text("lease_expires_at IS NOT NULL")
_watched = text("watch_at IS NOT NULL")
_in_hand = text("closed_at IS NULL AND state <> 'queued'")
_ended = text("closed_at IS NOT NULL")
Index("cases_notice", cases.c.platform_id, cases.c.notice_id, cases.c.authority_id, cases.c.quarantine_no, unique=True)
Index(
    "cases_claimable",
    cases.c.platform_id,
    cases.c.urgent_at,
    cases.c.id,
    sqlite_where=_queued,
    postgresql_where=_queued,
)
# A running case is in exactly one of the two indexes: the one above while it is free, this one while it is not.
Index(
    "cases_in_hand",
    cases.c.platform_id,
    cases.c.urgent_at,
    cases.c.id,
    sqlite_where=_in_hand,
    postgresql_where=_in_hand,
)
# The newest key of a case is asked for when the store opens.
Index("cases_received", cases.c.platform_id, cases.c.received_at)
Index("cases_ended", cases.c.platform_id, cases.c.closed_at, cases.c.id, sqlite_where=_ended, postgresql_where=_ended)
Index("cases_leased", cases.c.platform_id, cases.c.lease_expires_at, sqlite_where=_leased, postgresql_where=_leased)
Index("cases_watched", cases.c.platform_id, cases.c.watch_at, sqlite_where=_watched, postgresql_where=_watched)


# The case comes before the id in the key: cases follow each other in time, ids of messages are spread at random, and
# each random place costs a page in every commit.
outbox = _table(
    "outbox",
    _platform(),
    Column("case_id", String(36), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("endpoint", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("next_attempt_at", _Time, nullable=False),
    Column("deadline_at", _Time),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("refused_since", _Time),
    Column("maybe_arrived", Boolean, nullable=False),
    Column("lane", String(200), nullable=False),
    Column("lane_seq", BigInteger, nullable=False),
    Column("item_id", String(128), nullable=False),
    Column("lease_token", BigInteger, nullable=False),
    Column("lease_expires_at", _Time),
    Column("settled_at", _Time),
    Column("receipt", LargeBinary, nullable=False),
    Column("receipt_proof", LargeBinary, nullable=False),
    _bytes("outbox", "body", "receipt", "receipt_proof"),
)
_due = text("state IN ('queued', 'leased')")
_lane_open = text("state IN ('queued', 'leased') AND lane <> ''")
# What has no deadline is an alert of its own: it is urgent from its first second. The time of the next attempt comes
# last: few messages that wait for it stand before one that is due, since a breaker keeps the others from being tried.
outbox_urgency = func.coalesce(outbox.c.deadline_at, outbox.c.created_at)
Index(
    "outbox_due",
    outbox.c.platform_id,
    outbox.c.endpoint,
    outbox_urgency,
    outbox.c.next_attempt_at,
    sqlite_where=_due,
    postgresql_where=_due,
)
Index(
    "outbox_lane",
    outbox.c.platform_id,
    outbox.c.lane,
    outbox.c.lane_seq,
    sqlite_where=_lane_open,
    postgresql_where=_lane_open,
)
_held = text("state IN ('waiting', 'parked')")
Index("outbox_held", outbox.c.platform_id, outbox.c.id, sqlite_where=_held, postgresql_where=_held)

attempts = _table(
    "attempts",
    _platform(),
    Column("case_id", String(36), primary_key=True),
    Column("message_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", _Time, nullable=False),
    Column("ended_at", _Time, nullable=False),
    Column("result", String(32), nullable=False),
    Column("detail", LargeBinary, nullable=False),
)

cursors = _table(
    "cursors",
    _platform(),
    Column("feed", String(64), primary_key=True),
    Column("cursor", String(512), nullable=False),
    Column("at", _Time, nullable=False),
)

# What is encrypted or compared for a whole platform, by purpose: `objects` keys the names of the streams of objects.
platform_keys = _table(
    "platform_keys",
    _platform(),
    Column("name", String(64), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

endpoints = _table(
    "endpoints",
    _platform(),
    Column("endpoint", String(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("open_until", _Time, nullable=False),
    Column("last_success_at", _Time, nullable=False),
    Column("last_failure", String(200), nullable=False),
)

heartbeats = _table(
    "heartbeats",
    _platform(),
    Column("part", String(64), primary_key=True),
    Column("at", _Time, nullable=False),
    Column("detail", String(200), nullable=False),
)

refusals = _table(
    "refusals",
    _platform(),
    Column("key_id", String(128), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", _Time, nullable=False),
)

sanctions = _table(
    "sanctions",
    _platform(),
    Column("sanction_id", String(128), primary_key=True),
    Column("level", String(16), nullable=False),
    Column("notice_ids", Text, nullable=False),
    Column("effective_at", _Time, nullable=False),
    Column("reference_number", String(1000), nullable=False),
    Column("received_at", _Time, nullable=False),
)

# How many new notices came lately, second by second: one short row for each second in which any came.
volumes = _table(
    "volumes",
    _platform(),
    Column("name", String(160), primary_key=True),
    Column("at", _Time, primary_key=True),
    Column("notices", Integer, nullable=False),
)
