"""The words of a pack in one language. What has none is shown as its code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, get_args

from kz_compliance_sdk.domain.legal_check import QUESTIONS
from kz_compliance_sdk.domain.notice import NoticeKind

LANGUAGES: Final = ("kk", "ru", "en")

# The answer letters have these words already; there is no letter in English.
_OF_LETTERS = ("outcome", "action", "refusal_code", "ground")


class Words:
    """The wording of one language, by table and name."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._tables: dict[str, Mapping[str, Any]] = _read("kz_compliance_sdk.evidence", f"text_{lang}.toml")
        if lang != "en":
            letter = _read("kz_compliance_sdk.adapters", f"letter_{lang}.toml")
            self._tables |= {name: letter[name] for name in _OF_LETTERS}
        # The public figures name the kinds of demands in each language.
        of_figures = _read("kz_compliance_sdk.transparency", f"text_{lang}.toml")["value"]
        self._tables["notice_kind"] = {kind: of_figures[kind] for kind in get_args(NoticeKind)}

    def __call__(self, table: str, name: str, **values: object) -> str:
        """A text of the page's own. `values` fill its places."""
        text: str = self._tables[table][name]
        return text.format(**values) if values else text

    def code(self, table: str, code: object) -> str:
        """What a code of the documents means; the code itself where nobody has said it in this language."""
        return str(self._tables.get(table, {}).get(str(code), code))

    def answers(self, check: Mapping[str, str | None]) -> list[str]:
        """The answered questions of a legal check, as they were asked in this language."""
        return [
            f"{question.text[self.lang]} {self.code('answer', answer)}"
            for question in QUESTIONS
            if (answer := check.get(question.name))
        ]

    @property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        return self._tables


@cache
def words(lang: str) -> Words:
    """The words of `kk`, `ru` or `en`."""
    return Words(lang)


def _read(package: str, name: str) -> dict[str, Mapping[str, Any]]:
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))
