"""The errors of the two drivers, in this library's words."""

from __future__ import annotations

from typing import Final

from kz_compliance_sdk.adapters.sql import sqlite
from kz_compliance_sdk.errors import StoreError, StoreUnusable

LOST: Final = ("08", "57P")
"""SQLSTATEs by which a connection ends."""
RUN_AGAIN: Final = frozenset({"40001", "40P01", "55P03", "25006"})
"""Not serialisable, a deadlock, a lock that did not come, a server that takes no writes any more."""


def store_error(error: BaseException) -> StoreError:
    """What the driver refused. Nothing was written."""
    return _of_postgres(error) if type(error).__module__.startswith("psycopg") else sqlite.store_error(error)


def _of_postgres(error: BaseException) -> StoreError:
    said, state = " ".join(str(error).split()) or type(error).__name__, getattr(error, "sqlstate", None) or ""
    if state.startswith("53"):
        return StoreError(f"the server has no room: {said}. Nothing was written; free some.", code="storage_full")
    if state == "42501":
        return StoreUnusable(
            f"the role of store.url may not do what it must: {said}. Nothing was written. See docs/operations.md, On "
            "PostgreSQL, for what it needs."
        )
    if state.startswith(("28", "3D", *LOST)) or (not state and type(error).__name__ != "DataError"):
        return StoreUnusable(
            f"the database cannot be reached: {said}. Nothing was written. Start the server, or correct store.url.",
            code="storage_unreachable",
        )
    if state in RUN_AGAIN:
        return StoreError(f"the database is busy: {said}. Nothing was written; try again.", code="storage_busy")
    return StoreError(f"the database refused: {said}. Nothing was written.")
