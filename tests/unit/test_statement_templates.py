"""The words that users are told in: complete, closed to other facts, and honest about who has reviewed them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.statement_templates import (
    PLACEHOLDERS,
    packaged_templates,
    parse_template,
    with_own,
)
from kz_compliance_sdk.domain.words import LANGUAGES, Lang
from kz_compliance_sdk.errors import ConfigError

FACTS = {name: f"<{name} & co>" for name in PLACEHOLDERS}


def packaged(lang: str) -> str:
    return files("kz_compliance_sdk.domain").joinpath(f"user_notice_{lang}.toml").read_text(encoding="utf-8")


def reviewed(lang: str) -> str:
    text = packaged(lang)
    assert 'by = ""\non = ""' in text
    return text.replace('by = ""\non = ""', 'by = "A. Counsel"\non = 2026-11-01')


def reviewed_words(folder: Path) -> dict[str, Any]:
    """Settings that name a reviewed file for each language."""
    for lang in LANGUAGES:
        (folder / f"{lang}.toml").write_text(reviewed(lang), encoding="utf-8")
    return {f"{lang}_file": folder / f"{lang}.toml" for lang in LANGUAGES}


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
    mixed = with_own(packaged_templates(), {"ru": (reviewed("ru"), "own.toml")})
    assert mixed.unreviewed == ("kk", "en")
    assert mixed.by_lang["ru"].reviewed_by == "A. Counsel"


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (("{object}", "{reporter}"), "measure.lines[2]", "placeholder"),
        (("{object}", "{object.__class__}"), "measure.lines[2]", "placeholder"),
        (("{object}", "{object!r}"), "measure.lines[2]", "placeholder"),
        (("{object}", "{object"), "measure.lines[2]", "brace"),
        (("{authority} ({authority_kind})", "somebody"), "measure.lines", "authority"),
        (('by = "A. Counsel"', 'by = " "'), "review.by", "who reviewed"),
        (("on = 2026-11-01", 'on = "lately"'), "review.on", "day"),
        (('lang = "en"', 'lang = "de"'), "lang", "language"),
        (('remove = "removed"', 'remov = "removed"'), "action.remov", "not known"),
        (('remove = "removed"\n', ""), "action.remove", "missing"),
        (("[restored]", "[restore]"), "restore", "not known"),
        (('lang = "en"', "lang = "), "", "TOML"),
    ],
)
def test_what_is_wrong_with_own_words_names_file_and_key(change: tuple[str, str], key: str, said: str) -> None:
    text = reviewed("en")
    assert change[0] in text
    with pytest.raises(ConfigError) as refused:
        parse_template(text.replace(*change), "en", "own.toml", reviewed=True)
    assert refused.value.field == (f"own.toml: {key}" if key else "own.toml")
    assert said in refused.value.message
    assert refused.value.remedy


def test_settings_read_own_words_and_refuse_those_that_nobody_reviewed(tmp_path: Path) -> None:
    own = reviewed_words(tmp_path)
    settings = Settings.load(environ={}, platform_id="p", public_url="https://p.example", user_notice=own)
    assert settings.user_notice.templates().unreviewed == ()
    (tmp_path / "ru.toml").write_text(packaged("ru"), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        settings.user_notice.templates()
    assert refused.value.field == f"{tmp_path / 'ru.toml'}: review.by"


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
