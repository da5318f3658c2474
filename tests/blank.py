"""A store's file with its schema and nothing in it: copying it takes less than half of what making it takes."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.ports import Env


@cache
def _blank() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blank.sqlite3"
        SqliteStore(path, Env.system(), threaded=False).close()
        return path.read_bytes()


def put_blank(path: Path) -> None:
    """Put one there, with the mode that a store gives its file. What is there already stays."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_blank())
