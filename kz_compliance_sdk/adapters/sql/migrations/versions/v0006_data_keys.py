"""Data keys: personal data is encrypted with a key for each case, and goes with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "platform_keys",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "name"),
        sqlite_with_rowid=False,
    )
    # A case that is older has no key, and what is stored of it stays as it is.
    op.add_column("cases", sa.Column("data_key", sa.LargeBinary(), nullable=True))
    op.add_column("cases", sa.Column("private", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    op.add_column("inbox", sa.Column("data_key", sa.LargeBinary(), nullable=True))
    if op.get_context().dialect.name == "sqlite":
        _of_sqlite()
    else:
        for table, column in (("sealed_texts", "salt"), ("sealed_texts", "text"), ("attempts", "detail")):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE BYTEA USING convert_to({column}, 'UTF8')")


def _of_sqlite() -> None:
    """A column's type cannot be changed there: the two tables are written anew."""
    op.create_table(
        "sealed_texts_0006",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "seq", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempts_0006",
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "case_id", "message_id", "number"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO sealed_texts_0006 SELECT platform_id, case_id, seq, name, "
        "CAST(salt AS BLOB), CAST(text AS BLOB) FROM sealed_texts"
    )
    op.execute(
        "INSERT INTO attempts_0006 SELECT platform_id, case_id, message_id, number, started_at, ended_at, result, "
        "CAST(detail AS BLOB) FROM attempts"
    )
    for table, statistics in (("sealed_texts", "1000000 500000 8 2 1"), ("attempts", "1000000 500000 3 1 1")):
        op.drop_table(table)
        op.rename_table(f"{table}_0006", table)
        op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{table}', '{statistics}')")
