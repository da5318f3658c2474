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

_OWNED = {"outbox": ("case_id", "id", "body"), "cases": ("id", "''", "private")}


def attack(office: Driver, sql: str, *values: Any) -> None:
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        assert raw.execute(sql, values).rowcount > 0


def rewrite(office: Driver, table: str, change: Callable[[bytes], bytes], kind: str = "") -> None:
    """Change the words of each row of a table, of outbox those of a `kind`, under the key of their case."""
    case, owner, column = _OWNED[table]
    changed = 0
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        keys = dict(raw.execute("SELECT id, data_key FROM cases").fetchall())
        which = f"WHERE kind = '{kind}' AND state IN ('queued', 'waiting')" if kind else ""
        found = raw.execute(f"SELECT id, {case}, {owner}, {column} FROM {table} {which}").fetchall()  # noqa: S608
        for row, case_id, name, cell in found:
            key, plain, sealed = DataKey(bare(keys[case_id])), cell, False
            context = f"{office.platform_id}\x1f{case_id}\x1f{table}\x1f{column}\x1f{name}".encode()
            with suppress(InvalidTag):
                plain, sealed = key.decrypt(cell, context), True
            new = change(plain)
            stored = key.encrypt(new, context, bytes(12)) if sealed else new
            raw.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (stored, row))  # noqa: S608
            changed += new != plain
    assert changed
