"""The words that users are told in: complete, closed to other facts, and honest about who has reviewed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.user_notices import PLACEHOLDERS, packaged_templates, read_template, with_own
from kz_compliance_sdk.domain.words import LANGUAGES, Lang
from kz_compliance_sdk.errors import ConfigError
from tests.catalogues import compiled, source_of

FACTS = {name: f"<{name} & co>" for name in PLACEHOLDERS}


def reviewed(lang: str) -> str:
    """The packaged words as the source of a platform's own ones."""
    text = source_of(lang, "user_notices")
    for name, said in (("by", "A. Counsel"), ("on", "2026-11-01")):
        open_ = f'msgctxt "review"\nmsgid "{name}"\nmsgstr ""'
        assert open_ in text
        text = text.replace(open_, open_[:-1] + said + '"')
    return text


def reviewed_words(folder: Path) -> dict[str, Any]:
    """Settings that name a reviewed file for each language."""
    for lang in LANGUAGES:
        (folder / f"{lang}.mo").write_bytes(compiled(reviewed(lang)))
    return {f"{lang}_file": folder / f"{lang}.mo" for lang in LANGUAGES}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_language_says_who_demanded_it_by_which_law_and_how_to_appeal(lang: Lang) -> None:
    text = packaged_templates().by_lang[lang].render("measure", FACTS)
    needed = PLACEHOLDERS
    assert [name for name in sorted(needed) if FACTS[name] not in text] == []
    assert text.endswith("\n")


def test_the_words_are_plain_text_and_nothing_in_them_is_escaped() -> None:
    text = packaged_templates().by_lang["en"].render("measure", {**FACTS, "object": "<b>{authority}</b>\nnext"})
    assert "What: <b>{authority}</b> next" in text


def test_what_is_not_known_takes_its_line_with_it() -> None:
    text = packaged_templates().by_lang["en"].render("measure", {**FACTS, "appeal_url": "", "redress": " "})
    assert "Where to appeal" not in text
    assert "contest the demand" not in text
    assert "Number of the demand" in text


def test_the_packaged_words_are_unreviewed_and_say_so() -> None:
    assert packaged_templates().unreviewed == LANGUAGES
    mixed = with_own(packaged_templates(), {"ru": (compiled(reviewed("ru")), "own.mo")})
    assert mixed.unreviewed == ("kk", "en")
    assert mixed.by_lang["ru"].reviewed_by == "A. Counsel"


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (("{object}", "{reporter}"), "statement.measure", "placeholder"),
        (("{object}", "{object.__class__}"), "statement.measure", "placeholder"),
        (("{object}", "{object!r}"), "statement.measure", "placeholder"),
        (("{object}", "{object"), "statement.measure", "brace"),
        (("{authority} ({authority_kind})", "somebody"), "statement.measure", "authority"),
        (('msgstr "A. Counsel"', 'msgstr " "'), "review.by", "who reviewed"),
        (('msgstr "A. Counsel"', 'msgstr ""'), "review.by", "who reviewed"),
        (('msgstr "2026-11-01"', 'msgstr "lately"'), "review.on", "day"),
        (("Language: en", "Language: de"), "Language", "language"),
        (('msgid "remove"', 'msgid "remov"'), "action.remove", "missing"),
        (('msgstr "removed"', 'msgstr " "'), "action.remove", "missing"),
        (('msgid "restored"', 'msgid "restore"'), "statement.restored", "missing"),
    ],
)
def test_what_is_wrong_with_own_words_names_file_and_message(change: tuple[str, str], key: str, said: str) -> None:
    text = reviewed("en")
    assert change[0] in text
    with pytest.raises(ConfigError) as refused:
        read_template(compiled(text.replace(*change)), "en", "own.mo", reviewed=True)
    assert refused.value.field == f"own.mo: {key}"
    assert said in refused.value.message
    assert refused.value.remedy


WHOLE = compiled(reviewed("en"))


@pytest.mark.parametrize(
    "data",
    [b"", b"x", reviewed("en").encode(), WHOLE[:20], WHOLE[:200], WHOLE[:-100], WHOLE.replace(b"UTF-8", b"UTF-0")],
    ids=["empty", "short", "the source", "head alone", "cut early", "cut late", "charset"],
)
def test_what_is_no_compiled_catalogue_is_refused_and_names_its_file(data: bytes) -> None:
    with pytest.raises(ConfigError) as refused:
        read_template(data, "en", "own.mo", reviewed=True)
    assert refused.value.field == "own.mo"
    assert "msgfmt" in str(refused.value.remedy)


def test_settings_read_own_words_and_refuse_those_that_nobody_reviewed(tmp_path: Path) -> None:
    own = reviewed_words(tmp_path)
    settings = Settings.load(environ={}, platform_id="p", public_url="https://p.example", user_notice=own)
    assert settings.user_notice.templates().unreviewed == ()
    (tmp_path / "ru.mo").write_bytes(compiled(source_of("ru", "user_notices")))
    with pytest.raises(ConfigError) as refused:
        settings.user_notice.templates()
    assert refused.value.field == f"{tmp_path / 'ru.mo'}: review.by"


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ({"enabled": False}, False),
        ({"off_because": "Act 1"}, False),
        ({"enabled": False, "off_because": "Act 1"}, True),
    ],
)
def test_telling_nobody_takes_a_written_legal_basis(given: dict[str, Any], right: bool) -> None:
    overrides: dict[str, Any] = {"platform_id": "p", "public_url": "https://p.example", "user_notice": given}
    if right:
        assert Settings.load(None, {}, **overrides).user_notice.off_because == "Act 1"
        return
    with pytest.raises(ConfigError) as refused:
        Settings.load(None, {}, **overrides)
    assert "off_because" in refused.value.field
