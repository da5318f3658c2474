"""What people put on record before a decision: the answers of the legal check, and the content as it was seen.

No free text lies here: notes are sealed with their events, and a preview of content is never stored. The platform's own
name of an object is encrypted, and goes with the personal data of its case.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, String, Table

from kz_compliance_sdk.adapters.sql.tables import metadata

content_seen = Table(
    "content_seen",
    metadata,
    Column("platform_id", String(64), primary_key=True),
    Column("case_id", String(36), primary_key=True),
    Column("item_id", String(128), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("reference", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("object_id", LargeBinary, nullable=False),
    Column("available", Boolean, nullable=False),
    Column("fault", String(64), nullable=False),
    Column("seen_by", String(128), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
