"""The words in which people are told, in Kazakh, Russian and English: gettext catalogues, one for each subject.

A text is found by its table (the context of a message) and its name (its id). What a catalogue does not hold is told by
its name, so that a code which nobody has put into words yet stands there as a code. People edit the `.po` files under
`locale`; `python -m tests.generate` compiles them.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from io import BytesIO
from typing import Final, Literal, get_args

Lang = Literal["kk", "ru", "en"]
LANGUAGES: Final[tuple[Lang, ...]] = get_args(Lang)


class Words:
    """The words of one language. What the first subject does not hold, the next one may."""

    def __init__(self, lang: str, subjects: tuple[str, ...]) -> None:
        self.lang = lang
        self._catalogue, *others = (GNUTranslations(BytesIO(compiled(lang, subject))) for subject in subjects)
        for other in others:
            self._catalogue.add_fallback(other)

    @property
    def is_draft(self) -> bool:
        """Whether the first subject's words are marked as reviewed by nobody."""
        return "x-draft" in self._catalogue.info()

    def __call__(self, table: str, name: str, **values: object) -> str:
        """A text, its places filled with `values`; its name where there is none."""
        text = self._catalogue.pgettext(table, name)
        return text.format(**values) if values else text


@cache
def words(lang: str, *subjects: str) -> Words:
    """The words of these subjects in `kk`, `ru` or `en`."""
    return Words(lang, subjects)


def provision(code: str, say: Words) -> str:
    """What a cited provision is called, of which the chain holds a code of the policy and the article's number."""
    act, _, article = code.partition("/")
    called = say("act", act)
    return say("act", "article", act=called, article=article) if article else called


def compiled(lang: str, subject: str) -> bytes:
    """A packaged catalogue as gettext reads it."""
    return files("kz_compliance_sdk").joinpath("locale", lang, "LC_MESSAGES", f"{subject}.mo").read_bytes()
