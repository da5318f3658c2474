"""The words in which an affected user is told: templates in Kazakh, Russian and English, and who has reviewed each.

A template is data with a closed set of placeholders. It is filled with facts of the case and with nothing that a person
wrote about somebody. What comes out is plain text: nothing in it is escaped for any markup.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from string import Formatter
from types import MappingProxyType
from typing import Final, Literal, get_args

from kz_compliance_sdk.domain.decision import Action
from kz_compliance_sdk.domain.notice import AuthorityType
from kz_compliance_sdk.domain.report import Ground
from kz_compliance_sdk.domain.words import LANGUAGES, Lang, compiled
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
    """The words of one language. `reviewed_by` is empty while nobody has reviewed them."""

    lang: Lang
    lines: Mapping[StatementKind, tuple[str, ...]]
    words: Mapping[str, Mapping[str, str]]
    reviewed_by: str = ""

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
    return Templates(
        {lang: read_template(compiled(lang, "user_notices"), lang, f"user_notices.{lang}") for lang in LANGUAGES}
    )


def with_own(base: Templates, own: Mapping[Lang, tuple[bytes, str]]) -> Templates:
    """`base` with a platform's own words for some languages: a compiled catalogue and the name of its file.

    Raises ConfigError naming file and message, also for words that do not say who reviewed them.
    """
    read = {lang: read_template(data, lang, file, reviewed=True) for lang, (data, file) in own.items()}
    return Templates({**base.by_lang, **read})


def read_template(data: bytes, lang: Lang, file: str, *, reviewed: bool = False) -> Template:
    """Read one language's words from a compiled catalogue. Raises ConfigError that names the file and the message.

    `reviewed`: it must say by whom and on which day it was reviewed.
    """
    try:
        catalogue = GNUTranslations(BytesIO(data))
    except (OSError, ValueError, LookupError, struct.error):
        raise ConfigError(
            "This is no compiled catalogue.", field=file, remedy="Compile the .po file (msgfmt), and name the .mo file."
        ) from None
    catalogue.add_fallback(_Nothing())
    reader = _Reader(file, catalogue)
    if catalogue.info().get("language") != lang:
        raise reader.wrong(
            "Language", "It holds the words of another language.", f"Write Language: {lang} in its head."
        )
    by = reader.review(needed=reviewed)
    return Template(
        lang=lang,
        lines=MappingProxyType({kind: reader.lines(kind) for kind in _KINDS}),
        words=MappingProxyType(
            {table: {name: reader.text(table, name) for name in names} for table, names in _WORDS.items()}
        ),
        reviewed_by=by,
    )


class _Nothing(NullTranslations):
    """What a catalogue does not hold is empty, and not its own name."""

    def pgettext(self, context: str, message: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Reader:
    file: str
    catalogue: GNUTranslations

    def wrong(self, key: str, message: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=f"{self.file}: {key}", remedy=remedy)

    def text(self, table: str, name: str) -> str:
        text = self.catalogue.pgettext(table, name)
        if not text.strip():
            raise self.wrong(f"{table}.{name}", "This text is missing.", f"Give {table}, {name} its msgstr.")
        return text

    def review(self, *, needed: bool) -> str:
        by, day = (self.catalogue.pgettext("review", name).strip() for name in ("by", "on"))
        if needed and not by:
            raise self.wrong("review.by", "It does not say who reviewed these words.", "Name the person or the firm.")
        if by or day:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise self.wrong("review.on", "This is no day.", "Write 2026-01-31.") from None
        return by

    def lines(self, kind: StatementKind) -> tuple[str, ...]:
        text, key = self.text("statement", kind), f"statement.{kind}"
        if missing := sorted(_NAMED - self.placeholders(text, key)):
            raise self.wrong(key, f"It never says {{{missing[0]}}}.", "Add a line with it: the user has to know.")
        return tuple(text.split("\n"))

    def placeholders(self, text: str, key: str) -> set[str]:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError:
            raise self.wrong(key, "A brace is not closed.", "Write {{ and }} for braces themselves.") from None
        for _, name, form, conversion in parsed:
            if name is not None and (name not in PLACEHOLDERS or form or conversion):
                known = ", ".join(sorted(PLACEHOLDERS))
                raise self.wrong(key, f"There is no placeholder {{{name}}}.", f"Use one of: {known}.")
        return {name for _, name, _, _ in parsed if name is not None}
