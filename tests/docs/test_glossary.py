"""One word for one thing: what the glossary rules out stands in no catalogue of that language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "glossary.md"
LOCALE = ROOT / "kz_compliance_sdk" / "locale"


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def _ruled_out() -> list[tuple[str, str]]:
    found = []
    for *_, cell in _rows():
        for part in filter(None, cell.split("; ")):
            lang, _, words = part.partition(": ")
            found += [(lang, word) for word in words.split(", ")]
    return found


def _texts(lang: str) -> str:
    files = sorted((LOCALE / lang / "LC_MESSAGES").glob("*.po"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    told = [line for line in lines if line[:1] == '"' or line.startswith("msgstr")]
    return " ".join(told).casefold()


@pytest.mark.parametrize(("lang", "word"), _ruled_out())
def test_what_the_glossary_rules_out_stands_in_no_catalogue(lang: str, word: str) -> None:
    assert re.search(rf"(?<!\w){re.escape(word.casefold())}", _texts(lang)) is None


def test_every_term_has_its_words_and_its_source() -> None:
    for name, kk, ru, en, source, _ in _rows():
        assert all((kk, ru, en, source)), name


def test_the_glossary_rules_something_out() -> None:
    assert {lang for lang, _ in _ruled_out()} == {"kk", "ru", "en"}
    assert "талап" in _texts("kk"), "the control: what stands there is found"
