"""The whole schema, as the tables declare it.

Until the first release there is no other migration: with a change of the tables, this one takes the next number.
"""

from __future__ import annotations

from alembic import op

from kz_compliance_sdk.adapters.sql.schema import statements

revision = "0023"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements(op.get_context().dialect):
        op.execute(statement.replace(":", "\\:"))
