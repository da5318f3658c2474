"""The page that says what holds each table names every one, and the tampering campaign leaves alone what it lists."""

from __future__ import annotations

import re

from kz_compliance_sdk.adapters.sql.statements import sqlite_statements
from kz_compliance_sdk.adapters.sql.tables import metadata
from tests.docs.blocks import DOCS
from tests.journey.tampering.tamper import COLUMNS

PAGE = DOCS / "concepts" / "evidence.md"


def _tables() -> tuple[set[str], set[str]]:
    """The tables that something holds, and those of daily work."""
    first, second = re.findall(r"((?:^\|.*\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    held, loose = ({name for row in part.splitlines() for name in _named(row)} for part in (first, second))
    return held, loose


def _named(row: str) -> list[str]:
    return re.findall(r"`(\w+)`", row.split("|")[1])


def test_every_table_is_on_the_page_once() -> None:
    held, loose = _tables()
    assert held | loose == metadata.tables.keys() == sqlite_statements().inserts.keys()
    assert not held & loose


def test_the_campaign_tampers_with_no_table_of_daily_work_and_with_each_that_the_ledger_holds() -> None:
    held, loose = _tables()
    assert not COLUMNS.keys() & loose
    # Keys are tampered with in ways of their own.
    assert COLUMNS.keys() == held - {"keys", "platform_keys"}
