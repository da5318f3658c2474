"""What affected users are told, and their appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As in the first schema: what SQLite's planner is told instead of measuring.
_FEW = "1000000 500000"
_STATISTICS = (
    ("user_notices", "user_notices", f"{_FEW} 2 1"),
    ("appeals", "appeals", f"{_FEW} 1"),
    ("appeals", "appeals_reference", f"{_FEW} 1"),
    ("appeals", "appeals_due", f"{_FEW} 100000 2 1"),
    ("appeals", "appeals_case", f"{_FEW} 1"),
)


def upgrade() -> None:
    op.create_table(
        "user_notices",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=128), nullable=False),
        sa.Column("lane", sa.String(length=80), nullable=False),
        sa.Column("decision_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("delay_until", sa.BigInteger(), nullable=True),
        sa.Column("basis", sa.String(length=8), nullable=False),
        sa.CheckConstraint(
            "state <> 'delayed' OR (delay_until IS NOT NULL AND basis <> '')", name="user_notices_delay_is_grounded"
        ),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="user_notices_sent_is_dated"),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "message_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "appeals",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=128), nullable=False),
        sa.Column("lane", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("decision_version", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.String(length=128), nullable=False),
        sa.Column("approved_by", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("decided_by", sa.String(length=128), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "decided_by = '' OR (decided_by <> proposed_by AND decided_by <> approved_by)", name="appeals_four_eyes"
        ),
        sa.CheckConstraint(
            "(state IN ('upheld', 'reversed')) = (decided_by <> '')", name="appeals_decision_names_its_decider"
        ),
        sa.PrimaryKeyConstraint("platform_id", "appeal_id"),
        sa.UniqueConstraint("platform_id", "reference", name="appeals_reference"),
        sqlite_with_rowid=False,
    )
    op.create_index("appeals_due", "appeals", ["platform_id", "state", "due_at", "appeal_id"])
    op.create_index("appeals_case", "appeals", ["platform_id", "case_id"])
    if op.get_context().dialect.name == "sqlite":
        for table, index, statistics in _STATISTICS:
            op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{statistics}')")
