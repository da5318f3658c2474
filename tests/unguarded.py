"""A store whose guards somebody has dropped, as whoever can write the file can: what is changed then is found by the
verification alone."""

from __future__ import annotations

from typing import Any


def unguard(connection: Any) -> int:
    """Drop every trigger of a SQLite store; how many there were."""
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()]
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")
    for name in names:
        connection.execute(f"DROP TRIGGER {name}")
    if alone:
        connection.execute("COMMIT")
    return len(names)
