"""The first schema: cases, inbox, audit, decisions, outbox, and the facts around them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# What SQLite's planner is told instead of measuring: every key begins with the platform, of which there are few. Without
# this it takes any index that begins with the platform for selective, and scans it.
_FEW = "1000000 500000"
_STATISTICS = (
    ("cases", "cases", f"{_FEW} 1"),
    ("cases", "cases_notice", f"{_FEW} 1 1 1"),
    ("cases", "cases_claimable", "10000 5000 2 1"),
    ("cases", "cases_in_hand", "1000 500 2 1"),
    ("cases", "cases_ended", f"{_FEW} 2 1"),
    ("cases", "cases_leased", "100 50 2"),
    ("cases", "cases_watched", "10000 5000 2"),
    ("inbox", "inbox", f"{_FEW} 100000 1 1"),
    ("inbox", "inbox_case", f"{_FEW} 1 1"),
    ("inbox", "inbox_waiting", "10 5 1"),
    ("audit", "audit", f"{_FEW} 8 1"),
    ("sealed_texts", "sealed_texts", f"{_FEW} 8 2 1"),
    ("decisions", "decisions", f"{_FEW} 1 1"),
    ("outbox", "outbox", f"{_FEW} 3 1"),
    ("attempts", "attempts", f"{_FEW} 3 1 1"),
    ("outbox", "outbox_due", "1000 500 200 2 1"),
    ("outbox", "outbox_lane", "1000 500 1 1"),
    ("outbox", "outbox_held", "10 5 1"),
    ("volumes", "volumes", "10000 5000 300 1"),
)


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "message_id", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("typeof(content) = 'blob'", name="audit_holds_bytes").ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cases",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("notice_id", sa.String(length=160), nullable=False),
        sa.Column("authority_id", sa.String(length=128), nullable=False),
        sa.Column("quarantine_no", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("urgent_at", sa.BigInteger(), nullable=False),
        sa.Column("watch_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=128), nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("audit_seq", sa.Integer(), nullable=False),
        sa.Column("audit_head", sa.String(length=64), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "cases_claimable",
        "cases",
        ["platform_id", "urgent_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "cases_ended",
        "cases",
        ["platform_id", "closed_at", "id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index(
        "cases_in_hand",
        "cases",
        ["platform_id", "urgent_at", "id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL AND state <> 'queued'"),
        postgresql_where=sa.text("closed_at IS NULL AND state <> 'queued'"),
    )
    op.create_index(
        "cases_leased",
        "cases",
        ["platform_id", "lease_expires_at"],
        unique=False,
        sqlite_where=sa.text("lease_expires_at IS NOT NULL"),
        postgresql_where=sa.text("lease_expires_at IS NOT NULL"),
    )
    op.create_index("cases_notice", "cases", ["platform_id", "notice_id", "authority_id", "quarantine_no"], unique=True)
    op.create_index(
        "cases_watched",
        "cases",
        ["platform_id", "watch_at"],
        unique=False,
        sqlite_where=sa.text("watch_at IS NOT NULL"),
        postgresql_where=sa.text("watch_at IS NOT NULL"),
    )
    op.create_table(
        "cursors",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.String(length=512), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "feed"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("approved_by", sa.String(length=128), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="decisions_approval_is_whole"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="decisions_four_eyes"),
        sa.CheckConstraint("typeof(body) = 'blob'", name="decisions_holds_bytes").ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "endpoints",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("endpoint", sa.String(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=False),
        sa.Column("last_success_at", sa.BigInteger(), nullable=False),
        sa.Column("last_failure", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "endpoint"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "escalations",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("step", sa.String(length=80), nullable=False),
        sa.Column("fired_at", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("audience", sa.String(length=200), nullable=False),
        sa.Column("acknowledged_by", sa.String(length=128), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "step"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heartbeats",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "holds",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("object_key", sa.String(length=2200), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("ground", sa.String(length=32), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "object_key", "case_id", "item_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("message_id", sa.String(length=160), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("notice_id", sa.String(length=160), nullable=False),
        sa.Column("exit", sa.String(length=12), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "typeof(body) = 'blob' AND typeof(proof) = 'blob' AND typeof(reply) = 'blob'", name="inbox_holds_bytes"
        ).ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("platform_id", "sender", "message_id", "body_sha256"),
        sqlite_with_rowid=False,
    )
    op.create_index("inbox_case", "inbox", ["platform_id", "case_id", "received_at"], unique=False)
    op.create_index(
        "inbox_waiting",
        "inbox",
        ["platform_id", "notice_id"],
        unique=False,
        sqlite_where=sa.text("exit = 'waiting'"),
        postgresql_where=sa.text("exit = 'waiting'"),
    )
    op.create_table(
        "objects",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("object_key", sa.String(length=2200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "object_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("endpoint", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("refused_since", sa.BigInteger(), nullable=True),
        sa.Column("maybe_arrived", sa.Boolean(), nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("lane_seq", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.String(length=128), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_proof", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "typeof(body) = 'blob' AND typeof(receipt) = 'blob' AND typeof(receipt_proof) = 'blob'",
            name="outbox_holds_bytes",
        ).ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "outbox_due",
        "outbox",
        ["platform_id", "endpoint", sa.text("coalesce(deadline_at, created_at)"), "next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'leased')"),
        postgresql_where=sa.text("state IN ('queued', 'leased')"),
    )
    op.create_index(
        "outbox_held",
        "outbox",
        ["platform_id", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'parked')"),
        postgresql_where=sa.text("state IN ('waiting', 'parked')"),
    )
    op.create_index(
        "outbox_lane",
        "outbox",
        ["platform_id", "lane", "lane_seq"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'leased') AND lane <> ''"),
        postgresql_where=sa.text("state IN ('queued', 'leased') AND lane <> ''"),
    )
    op.create_table(
        "refusals",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=128), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "key_id", "code"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sanctions",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("sanction_id", sa.String(length=128), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("notice_ids", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("reference_number", sa.String(length=1000), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "sanction_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sealed_texts",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "seq", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "volumes",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("notices", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "name", "at"),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute("ANALYZE sqlite_schema")
        for table, index, statistics in _STATISTICS:
            op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{statistics}')")
