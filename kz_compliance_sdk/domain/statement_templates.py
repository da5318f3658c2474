"""The words in which an affected user is told: templates in Kazakh, Russian and English, and who has reviewed each.

A template is data with a closed set of placeholders. It is filled with facts of the case and with nothing that a person
wrote about somebody. What comes out is plain text: nothing in it is escaped for any markup.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from kz_compliance_sdk.domain.decision import Action
from kz_compliance_sdk.domain.notice_parts import AuthorityType
from kz_compliance_sdk.domain.report import Ground
from kz_compliance_sdk.domain.words import LANGUAGES, Lang
from kz_compliance_sdk.errors import ConfigError

StatementKind = Literal["measure", "restored", "appeal_upheld", "appeal_reversed"]

PLACEHOLDERS: Final = frozenset(
    {
        "action", "appeal_days", "appeal_url", "authority", "authority_kind", "effective_at", "ground", "legal_basis",
        "legal_provision", "object", "redress", "reference_number", "scope",
    }
)  # fmt: skip
"""What a line may speak of. A line that speaks of what is not known is left out."""

# Who demanded it and under which number is never left to a template's taste: the state's part is named.
_NAMED: Final = frozenset({"object", "authority", "reference_number"})
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "action": tuple(name for name in get_args(Action) if name != "none"),
        "ground": get_args(Ground),
        "authority_kind": get_args(AuthorityType),
        "scope": ("KZ", "*"),
    }
)
_KINDS: Final[tuple[StatementKind, ...]] = get_args(StatementKind)


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one language. `reviewed_by` and `reviewed_on` are empty while nobody has reviewed them."""

    lang: Lang
    lines: Mapping[StatementKind, tuple[str, ...]]
    words: Mapping[str, Mapping[str, str]]
    reviewed_by: str = ""
    reviewed_on: str = ""

    def render(self, kind: StatementKind, facts: Mapping[str, str]) -> str:
        """The text for these facts; a fact that is empty or missing takes its line with it."""
        rendered = [line for line in (_filled(line, facts) for line in self.lines[kind]) if line is not None]
        return "\n".join(rendered).strip() + "\n"


@dataclass(frozen=True, slots=True)
class Templates:
    """The words of every language."""

    by_lang: Mapping[Lang, Template]

    @property
    def unreviewed(self) -> tuple[Lang, ...]:
        """The languages whose words nobody has reviewed."""
        return tuple(lang for lang in LANGUAGES if not self.by_lang[lang].reviewed_by)


def _filled(line: str, facts: Mapping[str, str]) -> str | None:
    parts: list[str] = []
    for text, name, _, _ in Formatter().parse(line):
        parts.append(text)
        if name is not None:
            value = " ".join(facts.get(name, "").split())
            if not value:
                return None
            parts.append(value)
    return "".join(parts)


@cache
def packaged_templates() -> Templates:
    """The words that come with this package. Read once. Nobody has reviewed them."""
    texts = {lang: files("kz_compliance_sdk.domain").joinpath(f"user_notice_{lang}.toml") for lang in LANGUAGES}
    return Templates(
        {lang: parse_template(file.read_text(encoding="utf-8"), lang, file.name) for lang, file in texts.items()}
    )


def with_own(base: Templates, own: Mapping[Lang, tuple[str, str]]) -> Templates:
    """`base` with a platform's own words for some languages: TOML text and the name of its file.

    Raises ConfigError naming file and key, also for words that do not say who reviewed them.
    """
    read = {lang: parse_template(text, lang, file, reviewed=True) for lang, (text, file) in own.items()}
    return Templates({**base.by_lang, **read})


def parse_template(text: str, lang: Lang, file: str, *, reviewed: bool = False) -> Template:
    """Read one language's words from TOML. Raises ConfigError that names the file and the key.

    `reviewed`: it must say by whom and on which day it was reviewed.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"This is not TOML: {error}.", field=file, remedy="Correct that line.") from None
    reader = _Reader(file)
    reader.only(raw, "", {"lang", "review", *_KINDS, *_WORDS})
    if raw.get("lang") != lang:
        raise reader.wrong("lang", "It holds the words of another language.", f'Write lang = "{lang}".')
    by, on = reader.review(raw.get("review"), needed=reviewed)
    return Template(
        lang=lang,
        lines=MappingProxyType({kind: reader.lines(raw.get(kind), kind) for kind in _KINDS}),
        words=MappingProxyType({name: reader.words(raw.get(name), name, of) for name, of in _WORDS.items()}),
        reviewed_by=by,
        reviewed_on=on,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    file: str

    def wrong(self, key: str, message: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=f"{self.file}: {key}", remedy=remedy)

    def only(self, table: Any, path: str, names: set[str]) -> None:
        if not isinstance(table, dict):
            raise self.wrong(path, "This table is missing.", f"Add [{path}].")
        for name in sorted(table.keys() - names):
            key = f"{path}.{name}" if path else name
            raise self.wrong(key, "This key is not known.", "Correct its spelling or remove it.")

    def review(self, table: Any, *, needed: bool) -> tuple[str, str]:
        self.only(table, "review", {"by", "on"})
        by, on = table.get("by", ""), table.get("on", "")
        day = on.isoformat() if isinstance(on, date) else on
        if not isinstance(by, str) or not isinstance(day, str):
            raise self.wrong("review", "This is no name and no day.", 'Write by = "who" and on = 2026-01-31.')
        by, day = by.strip(), day.strip()
        if needed and not by:
            raise self.wrong("review.by", "It does not say who reviewed these words.", "Name the person or the firm.")
        if by or day:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise self.wrong("review.on", "This is no day.", "Write on = 2026-01-31.") from None
        return by, day

    def lines(self, table: Any, kind: str) -> tuple[str, ...]:
        self.only(table, kind, {"lines"})
        lines, key = table.get("lines"), f"{kind}.lines"
        if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
            raise self.wrong(key, "This is no list of lines.", 'Write lines = ["...", "..."].')
        used = {name for number, line in enumerate(lines) for name in self.placeholders(line, f"{key}[{number}]")}
        if missing := sorted(_NAMED - used):
            raise self.wrong(key, f"It never says {{{missing[0]}}}.", "Add a line with it: the user has to know.")
        return tuple(lines)

    def placeholders(self, line: str, key: str) -> set[str]:
        try:
            parsed = list(Formatter().parse(line))
        except ValueError:
            raise self.wrong(key, "A brace is not closed.", "Write {{ and }} for braces themselves.") from None
        for _, name, form, conversion in parsed:
            if name is not None and (name not in PLACEHOLDERS or form or conversion):
                known = ", ".join(sorted(PLACEHOLDERS))
                raise self.wrong(key, f"There is no placeholder {{{name}}}.", f"Use one of: {known}.")
        return {name for _, name, _, _ in parsed if name is not None}

    def words(self, table: Any, name: str, needed: tuple[str, ...]) -> Mapping[str, str]:
        self.only(table, name, set(needed))
        for word in needed:
            if not isinstance(table.get(word), str) or not table[word].strip():
                raise self.wrong(f"{name}.{word}", "This word is missing.", "Add it.")
        return MappingProxyType(dict(table))
