"""A store that heeds no lease of a message: the control for workers that come back too late."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.statements import sqlite_statements
from tests.unguarded import unguard

_LEASE = {"leases.token = ?": "(? IS NOT NULL OR 1)"}


@contextlib.contextmanager
def unleased(path: Path) -> Iterator[None]:
    """Whoever comes back writes over what another has done, until the block ends. The file's guards are gone."""
    with contextlib.closing(choose_driver().module.connect(path, isolation_level=None)) as raw:
        unguard(raw)
    statement = sqlite_statements().lease_moved
    sql = statement.sql
    for checked, always in _LEASE.items():
        assert checked in sql, sql
        sql = sql.replace(checked, always)
    with mock.patch.object(statement, "sql", sql):
        yield
