"""The catalogues: the same messages in each language, the same places to fill, none left open, and what is read is what
was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from kz_compliance_sdk.domain.words import LANGUAGES, words
from tests.catalogues import SOURCES, compiled, languages, read, tables

SUBJECTS = sorted({source.stem for source in SOURCES})
SMALL = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"

#, python-brace-format
msgctxt "page"
msgid "title"
msgstr "Case {case}"

msgctxt "page"
msgid "empty"
msgstr "Nothing"
"""


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def differences(one: dict[tuple[str, str], str], other: dict[tuple[str, str], str]) -> list[str]:
    """Return what two languages do not both have, and what does not have the same places in both."""
    found = [f"{table}: {name} is missing in one" for table, name in sorted(one.keys() ^ other.keys())]
    both = [key for key in sorted(one.keys() & other.keys()) if places(one[key]) != places(other[key])]
    return found + [f"{table}: {name} has other places" for table, name in both]


def open_messages(text: str) -> Iterator[str]:
    """Yield what nobody has put into words, or is marked as not settled, or stands twice. Who has reviewed the words is
    for those to say who have."""
    catalogue = list(read(text))
    for message in catalogue:
        if message.fuzzy or (not message.string and message.context != "review"):
            yield f"{message.context}: {message.id}"
    if "#~" in text or len(re.findall("^msgid ", text, re.MULTILINE)) != len(catalogue):
        yield "a message stands twice, or is commented out"


def messages(lang: str, subject: str) -> dict[tuple[str, str], str]:
    return {(table, name): text for table, held in tables(lang, subject).items() for name, text in held.items()}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_language_has_every_message_with_the_same_places(subject: str) -> None:
    first, *others = languages(subject)
    assert others
    assert {first, *others} == ({"kk", "ru"} if subject == "letters" else set(LANGUAGES))
    for other in others:
        assert differences(messages(first, subject), messages(other, subject)) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.parts[-3]}-{source.stem}")
def test_no_message_is_open(source: Path) -> None:
    assert list(open_messages(source.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.parts[-3]}-{source.stem}")
def test_what_is_read_is_what_is_written(source: Path) -> None:
    """The compiled file is the source's, and each of its texts is found by its table and name."""
    assert source.with_suffix(".mo").read_bytes() == compiled(source.read_text(encoding="utf-8"))
    said = words(source.parts[-3], source.stem)
    for table, held in tables(source.parts[-3], source.stem).items():
        assert {name: said(table, name) for name in held} == {name: text or name for name, text in held.items()}


def test_a_code_without_words_is_told_by_its_name() -> None:
    assert words("ru", "evidence")("verb", "no_such_verb") == "no_such_verb"
    assert words("ru", "evidence")("verb", "") == ""


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_place_is_filled_and_braces_of_others_are_letters(lang: str) -> None:
    assert "{0} {case}" in words(lang, "evidence")("page", "title", case="{0} {case}")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_users_are_told_is_marked_as_reviewed_by_nobody(lang: str) -> None:
    assert words(lang, "user_notices").is_draft
    assert tables(lang, "user_notices")["review"] == {"by": "", "on": ""}


@pytest.mark.parametrize(("lang", "is_draft"), [("kk", True), ("ru", True), ("en", False)])
@pytest.mark.parametrize("subject", ["evidence", "transparency"])
def test_words_that_nobody_reviewed_are_marked(subject: str, lang: str, is_draft: bool) -> None:
    """The mark is in the file that a lawyer would open, and comes with the words into what leaves."""
    assert words(lang, subject).is_draft is is_draft
    assert words(lang, subject, "cases").is_draft is is_draft


@pytest.mark.parametrize(
    "change",
    [
        ("#, python-brace-format", "#, fuzzy"),
        ('msgstr "Nothing"', 'msgstr ""'),
        ('msgid "empty"', 'msgid "title"'),
        ('msgctxt "page"\nmsgid "empty"\nmsgstr "Nothing"', '#~ msgctxt "page"\n#~ msgid "empty"\n#~ msgstr "Nothing"'),
    ],
)
def test_the_control_an_open_message_is_seen(change: tuple[str, str]) -> None:
    assert list(open_messages(SMALL)) == []
    assert change[0] in SMALL
    assert list(open_messages(SMALL.replace(*change))) != []


def test_the_control_a_missing_message_and_other_places_are_seen() -> None:
    one = {("page", "title"): "Case {case}", ("page", "empty"): "Nothing"}
    assert differences(one, dict(one)) == []
    assert differences(one, {("page", "title"): "Дело {case}"}) == ["page: empty is missing in one"]
    assert differences(one, one | {("page", "title"): "Дело {id}"}) == ["page: title has other places"]
    assert differences(one, one | {("page", "title"): "Дело"}) == ["page: title has other places"]
