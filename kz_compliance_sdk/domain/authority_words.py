"""What an authority wrote of itself, of the law and of the way to contest it: as far as a user may be told of it.

Nobody here has read these words before they leave. What in them looks like the identity of a person is left out, part
by part, so that the rest can be told; people are alerted and can tell the user the remainder themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.identities import identity_check
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.words import LANGUAGES, Lang


@dataclass(frozen=True, slots=True)
class AuthorityWords:
    """The words that can be told; what is missing or left out is empty. `complete` says that nothing was left out."""

    name: Mapping[Lang, str]
    unit: str
    laws: tuple[str, ...]
    reference_number: str
    redress: str
    complete: bool


def authority_words(case: Case, notice: Notice) -> AuthorityWords:
    """The words of the notice's authority. None of them may name an account of the notice, or who signed it."""
    holds_identity, withheld = identity_check(case, notice), list[str]()

    def clean(text: str | None) -> str:
        if text and holds_identity(text):
            withheld.append(text)
            return ""
        return text or ""

    authority, redress = notice.issuing_authority, notice.redress
    parts = () if redress is None else (redress.body, redress.deadline, redress.url)
    cited = (", ".join(filter(None, (basis.act, basis.article))) for basis in notice.legal_basis)
    return AuthorityWords(
        name={lang: clean(authority.name.best(lang)) for lang in LANGUAGES},
        unit=clean(authority.unit),
        laws=tuple(filter(None, map(clean, cited))),
        reference_number=clean(notice.reference_number),
        redress=", ".join(filter(None, map(clean, parts))),
        complete=not withheld,
    )
