"""Checkpoints over all cases: the leaves of the tree, its roots, and which cases to look at next."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATISTICS = (
    ("holds", "holds_case", "1000000 500000 2 1 1"),
    ("checkpoint_leaves", "checkpoint_leaves", "1000000 500000 1"),
    ("checkpoint_leaves", "checkpoint_leaves_case", "1000000 500000 3 1"),
    ("checkpoints", "checkpoints", "10000 5000 1"),
    ("checkpoint_due", "checkpoint_due", "1000 500 1"),
)


def upgrade() -> None:
    op.create_table(
        "checkpoint_due",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("marks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoint_leaves",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "typeof(content) = 'blob' AND typeof(manifest) = 'blob'", name="checkpoint_leaves_holds_bytes"
        ).ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("platform_id", "n"),
        sqlite_with_rowid=False,
    )
    op.create_index("checkpoint_leaves_case", "checkpoint_leaves", ["platform_id", "case_id", "n"], unique=True)
    op.create_table(
        "checkpoints",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("typeof(peaks) = 'blob' AND typeof(line) = 'blob'", name="checkpoints_holds_bytes").ddl_if(
            dialect="sqlite"
        ),
        sa.PrimaryKeyConstraint("platform_id", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("holds_case", "holds", ["platform_id", "case_id"], unique=False)
    # What was there before has no leaf yet, and nothing else would lead to cases that have ended.
    op.execute(
        "INSERT INTO checkpoint_due (platform_id, case_id, marks) "
        "SELECT platform_id, id, 1 FROM cases WHERE closed_at IS NOT NULL"
    )
    op.execute(
        "INSERT INTO checkpoint_due (platform_id, case_id, marks) SELECT DISTINCT platform_id, '', 1 FROM inbox "
        "WHERE case_id = ''"
    )
    if op.get_context().dialect.name == "sqlite":
        for table, index, statistics in _STATISTICS:
            op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{statistics}')")
