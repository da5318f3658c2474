"""The parts of a notice that name a party, a provision, a time asked for or a safeguard."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.domain.url import LINK_SCHEMA, check_link
from kz_compliance_sdk.domain.values import Identifier, Instant, Line, NationalNumber, Sha256Hex, ValueModel
from kz_compliance_sdk.errors import InvalidInput

__all__ = [
    "Addressee",
    "Attachment",
    "AuthorityType",
    "Contact",
    "ExpertGroupDecision",
    "IssuingAuthority",
    "LegalBasis",
    "LocalName",
    "Preservation",
    "Redress",
    "RequestedDeadline",
    "Signatory",
    "UserNotice",
]

AuthorityType = Literal["authorised_body", "prosecutor", "national_security", "court", "other"]


def _link(text: str) -> str:
    try:
        check_link(text)
    except InvalidInput as refused:
        raise PydanticCustomError(refused.code, "{why}", {"why": refused.message.removesuffix(".")}) from None
    return text


# The length is judged by check_link, whose code says more than a length error does.
Link = Annotated[str, StringConstraints(min_length=1), AfterValidator(_link), WithJsonSchema(dict(LINK_SCHEMA))]


class LocalName(ValueModel):
    """A name in Kazakh, Russian and English, in at least one of them."""

    kk: Line | None = None
    ru: Line | None = None
    en: Line | None = None

    @model_validator(mode="after")
    def _in_one_language(self) -> Self:
        if not (self.kk or self.ru or self.en):
            raise PydanticCustomError("schema_missing", "a name is needed in kk, ru or en")
        return self

    def best(self, lang: str) -> str:
        """The name in `lang` if there is one, else in the first of kk, ru, en that is there."""
        wanted = {"kk": self.kk, "ru": self.ru, "en": self.en}.get(lang)
        return wanted or self.kk or self.ru or self.en or ""


class IssuingAuthority(ValueModel):
    """Who issued the notice. `bin` is its business identification number, twelve digits."""

    id: Identifier
    name: LocalName
    unit: Line | None = None
    bin: NationalNumber | None = None
    type: AuthorityType = "other"


class Signatory(ValueModel):
    """The official who signed."""

    name: Line
    position: Line | None = None


class Addressee(ValueModel):
    """Whom the notice is addressed to: the platform's legal representative in Kazakhstan."""

    legal_representative: Line
    bin: NationalNumber | None = None


class RequestedDeadline(ValueModel):
    """The time that the sender asks for: either `hours` from receipt or an instant, never both."""

    hours: Annotated[int, Field(ge=0, le=87_600)] | None = None
    due_at: Instant | None = None
    legal_source: Line | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.hours is None and self.due_at is None:
            raise PydanticCustomError("schema_missing", "a deadline needs hours or due_at")
        if self.hours is not None and self.due_at is not None:
            raise PydanticCustomError("schema_value", "a deadline has either hours or due_at")
        return self


class LegalBasis(ValueModel):
    """One provision that the notice rests on."""

    act: Line
    article: Line | None = None
    reference: Line | None = None
    url: Link | None = None


class ExpertGroupDecision(ValueModel):
    """The decision of the expert group on cyberbullying of a child."""

    number: Line
    decided_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$")]


class UserNotice(ValueModel):
    """Whether the affected user may be told, and when."""

    allowed: bool
    delay_until: Instant | None = None
    legal_basis: Line | None = None


class Preservation(ValueModel):
    """Until when a copy is to be kept."""

    until: Instant


class Redress(ValueModel):
    """Where and until when the notice can be contested. `deadline` is text: "three months from ..."."""

    body: Line
    deadline: Line | None = None
    url: Link | None = None


class Contact(ValueModel):
    """Whom to ask at the authority."""

    name: Line | None = None
    email: Line | None = None
    phone: Line | None = None


class Attachment(ValueModel):
    """A document that belongs to the notice. It is named and never fetched."""

    name: Line
    media_type: Line
    sha256: Sha256Hex
    url: Link | None = None
