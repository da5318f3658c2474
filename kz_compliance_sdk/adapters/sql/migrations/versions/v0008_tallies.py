"""The public figures: a slim row for each case that has ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

# As in the first schema: SQLite's planner is told that few platforms share the file.
_STATISTICS = (("tallies", "tallies", "1000000 500000 1"), ("tallies", "tallies_received", "1000000 500000 2 1"))


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("receipt_at", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("tallies_received", "tallies", ["platform_id", "received_at", "case_id"])
    if op.get_context().dialect.name == "sqlite":
        for table, index, statistics in _STATISTICS:
            op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{statistics}')")
