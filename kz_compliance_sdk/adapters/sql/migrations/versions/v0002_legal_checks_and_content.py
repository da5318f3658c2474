"""Legal checks in versions, content as it was seen, and until when a copy of what a measure hides is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FEW = "1000000 500000"
_STATISTICS = (
    ("legal_checks", "legal_checks", f"{_FEW} 1 1"),
    ("content_seen", "content_seen", f"{_FEW} 3 2 1"),
    ("holds", "holds", f"{_FEW} 1 1 1"),
    ("holds", "holds_preserved", f"{_FEW} 2"),
)


def upgrade() -> None:
    op.create_table(
        "legal_checks",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("answered_by", sa.String(length=128), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("typeof(body) = 'blob'", name="legal_checks_holds_bytes").ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "content_seen",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=128), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=1000), nullable=False),
        sa.Column("available", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.String(length=64), nullable=False),
        sa.Column("seen_by", sa.String(length=128), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "item_id", "n"),
        sqlite_with_rowid=False,
    )
    op.add_column("holds", sa.Column("preserve_until", sa.BigInteger(), nullable=True))
    op.add_column("holds", sa.Column("preservation_ended_at", sa.BigInteger(), nullable=True))
    kept = sa.text("preserve_until IS NOT NULL AND preservation_ended_at IS NULL")
    op.create_index(
        "holds_preserved",
        "holds",
        ["platform_id", "preserve_until"],
        sqlite_where=kept,
        postgresql_where=kept,
    )
    if op.get_context().dialect.name == "sqlite":
        for table, index, statistics in _STATISTICS:
            op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{statistics}')")
