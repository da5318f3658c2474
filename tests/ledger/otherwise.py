"""What somebody who owns the file writes into it, without any key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from tests.driver import Driver
from tests.unguarded import unguard


def attack(office: Driver, sql: str, *values: Any) -> None:
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        for one in sql.split("; "):
            assert raw.execute(one, values).rowcount > 0, one


def rewrite(office: Driver, change: Callable[[bytes], bytes], kind: str = "") -> None:
    """Put other bytes into the row of each message, or of those of a `kind` that have not left. An alert alone has any
    there."""
    changed = 0
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        which = f"WHERE kind = '{kind}' AND state IN ('queued', 'waiting')" if kind else ""
        for row, alert in raw.execute(f"SELECT id, alert FROM outbox {which}").fetchall():  # noqa: S608
            new = change(alert or b'{"scope":["KZ"]}')
            raw.execute("UPDATE outbox SET alert = ? WHERE id = ?", (new, row))
            changed += new != alert
    assert changed
