"""What somebody who owns the file writes into it, with the keys of the cases too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from cryptography.exceptions import InvalidTag

from kz_compliance_sdk.adapters.sql.keys import DataKey, bare
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from tests.driver import Driver
from tests.unguarded import unguard


def attack(office: Driver, sql: str, *values: Any) -> None:
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        assert raw.execute(sql, values).rowcount > 0


def rewrite(office: Driver, change: Callable[[bytes], bytes], kind: str = "") -> None:
    """Change the words of each message, or of those of a `kind` that have not left, under the key of its case."""
    changed = 0
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        keys = dict(raw.execute("SELECT id, data_key FROM cases").fetchall())
        which = f"WHERE kind = '{kind}' AND state IN ('queued', 'waiting')" if kind else ""
        found = raw.execute(f"SELECT id, case_id, body FROM outbox {which}").fetchall()  # noqa: S608
        for row, case_id, cell in found:
            key, plain, sealed = DataKey(bare(keys[case_id])), cell, False
            context = f"{office.platform_id}\x1f{case_id}\x1foutbox\x1fbody\x1f{row}".encode()
            with suppress(InvalidTag):
                plain, sealed = key.decrypt(cell, context), True
            new = change(plain)
            stored = key.encrypt(new, context, bytes(12)) if sealed else new
            raw.execute("UPDATE outbox SET body = ? WHERE id = ?", (stored, row))
            changed += new != plain
    assert changed
