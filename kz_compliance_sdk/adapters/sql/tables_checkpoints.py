"""The tables of the checkpoints: the leaves of the tree, its roots, and which cases to look at next."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String

from kz_compliance_sdk.adapters.sql.tables import _bytes, _platform, _table, _Time

checkpoint_leaves = _table(
    "checkpoint_leaves",
    _platform(),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("case_id", String(36), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    _bytes("checkpoint_leaves", "content", "manifest"),
)
Index(
    "checkpoint_leaves_case",
    checkpoint_leaves.c.platform_id,
    checkpoint_leaves.c.case_id,
    checkpoint_leaves.c.n,
    unique=True,
)

checkpoints = _table(
    "checkpoints",
    _platform(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", String(64), nullable=False),
    Column("at", _Time, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("left_out", Integer, nullable=False),
    Column("told_at", _Time),
    _bytes("checkpoints", "peaks", "line"),
)

# A case is marked by every write that can change what it holds, but not by the one that opens it: a running case
# without a leaf is found by the indexes of running cases.
checkpoint_due = _table(
    "checkpoint_due",
    _platform(),
    Column("case_id", String(36), primary_key=True),
    Column("marks", BigInteger, nullable=False),
)
