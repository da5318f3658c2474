"""The whole schema, as it was when stores began to be kept. What it says is never changed: a change of the tables is a
migration of its own, behind this one."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_name(f"v0023.{op.get_context().dialect.name}.sql")
    for statement in script.read_text().split("\n\n"):
        op.execute(statement.replace(":", "\\:"))
