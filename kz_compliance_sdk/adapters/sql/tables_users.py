"""The table of the appeals of affected users. No free text lies in it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, UniqueConstraint

from kz_compliance_sdk.adapters.sql.tables import metadata

_Time = BigInteger

appeals = Table(
    "appeals",
    metadata,
    Column("platform_id", String(64), primary_key=True),
    Column("appeal_id", String(36), primary_key=True),
    Column("case_id", String(36), nullable=False),
    Column("item_id", String(128), nullable=False),
    Column("lane", String(80), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("received_at", _Time, nullable=False),
    Column("due_at", _Time, nullable=False),
    Column("decision_version", Integer, nullable=False),
    Column("proposed_by", String(128), nullable=False),
    Column("approved_by", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("decided_by", String(128), nullable=False),
    Column("decided_at", _Time),
    UniqueConstraint("platform_id", "reference", name="appeals_reference"),
    CheckConstraint(
        "decided_by = '' OR (decided_by <> proposed_by AND decided_by <> approved_by)", name="appeals_four_eyes"
    ),
    CheckConstraint(
        "(state IN ('upheld', 'reversed')) = (decided_by <> '')", name="appeals_decision_names_its_decider"
    ),
    sqlite_with_rowid=False,
)
Index("appeals_due", appeals.c.platform_id, appeals.c.state, appeals.c.due_at, appeals.c.appeal_id)
Index("appeals_case", appeals.c.platform_id, appeals.c.case_id)
