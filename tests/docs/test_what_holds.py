"""The pages on the ledger name every table, law and subject, and the tampering campaign leaves alone what they list."""

from __future__ import annotations

import re

from kz_compliance_sdk.adapters.sql.dialects import SQLITE
from kz_compliance_sdk.adapters.sql.statements import statements_of
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.domain.events import SUBJECTS
from kz_compliance_sdk.domain.lawfulness import LAWS
from tests.docs.blocks import DOCS
from tests.ledger.tampering.tamper import COLUMNS

PAGE = DOCS / "concepts" / "evidence.md"
LEDGER = DOCS / "concepts" / "ledger.md"
PRIVACY = DOCS / "concepts" / "privacy.md"


def _tables() -> tuple[set[str], set[str]]:
    """The tables that something holds, and those of daily work."""
    first, second = re.findall(r"((?:^\|.*\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    held, loose = ({name for row in part.splitlines() for name in _named(row)} for part in (first, second))
    return held, loose


def _named(row: str) -> list[str]:
    return re.findall(r"`(\w+)`", row.split("|")[1])


def test_every_table_is_on_the_page_once() -> None:
    held, loose = _tables()
    assert held | loose == metadata.tables.keys() == statements_of(SQLITE).inserts.keys()
    assert not held & loose


def test_every_table_of_the_ledger_is_on_its_page() -> None:
    rows = _section(LEDGER.read_text(encoding="utf-8"), "Where it lies").splitlines()
    own = {name for name, table in metadata.tables.items() if table.info["kind"] == "ledger"}
    assert {name for row in rows if row.startswith("|") for name in _named(row)} == own


def test_what_nothing_proves_is_daily_work_in_the_schema_too() -> None:
    """The nodes of the tree belong to the ledger, and are believed no more than these."""
    _, loose = _tables()
    daily = {name for name, table in metadata.tables.items() if table.info["kind"] == "operations"}
    assert daily - {"attempts"} | {"tiles"} == loose, "tries are told to the chain"


def test_the_campaign_tampers_with_no_table_of_daily_work_and_with_each_that_the_ledger_holds() -> None:
    held, loose = _tables()
    assert not COLUMNS.keys() & loose
    # Keys are tampered with in ways of their own.
    assert COLUMNS.keys() == held - {"keys", "platform_keys"}


def _section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_of_every_table_and_column_the_schema_says_what_it_holds() -> None:
    for table in metadata.tables.values():
        silent = [column.name for column in table.columns if not column.comment]
        assert table.comment, table.name
        assert not silent, (table.name, silent)


def test_of_every_table_the_page_on_personal_data_says_what_protects_it() -> None:
    rows = _section(PRIVACY.read_text(encoding="utf-8"), "What is held, and what protects it").splitlines()
    assert {name for row in rows if row.startswith("|") for name in _named(row)} == metadata.tables.keys()


def test_every_law_is_on_the_page() -> None:
    rows = _section(LEDGER.read_text(encoding="utf-8"), "What must hold of the events").splitlines()
    named = [name for row in rows if row.startswith("|") for name in _named(row)]
    # `known` is broken where nobody can tell what the case is any more.
    assert sorted(named) == sorted([*(law.name for law in LAWS), "known"])


def test_every_subject_of_the_vocabulary_is_on_the_page() -> None:
    told = set(re.findall(r"`(\w+)`\s\(", _section(LEDGER.read_text(encoding="utf-8"), "The vocabulary")))
    assert told == {module.__name__.rpartition(".")[2] for module in SUBJECTS}
