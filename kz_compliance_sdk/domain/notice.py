"""What an authority can say, in its published shape: a `Notice` is the `data` of `notice.issued`.

Open and closed sets. `category` is open: a word that is not known is accepted and flagged, since
whoever adds a category changes nothing in how a notice is handled. `kind`, `requested_action`,
`content_type`, the type of an authority and the effect of a cancellation are closed: they decide the
term, the measure or what is lifted, so a word that is not known is refused (`schema_value`), and the
notice goes to a person, with its clock running. Unknown fields are ignored; the raw bytes keep them.

null means absent everywhere. Nothing is converted: a number is no text and 5.0 is no integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.domain.url import ITEM_URL_SCHEMA, LINK_SCHEMA, check_link, check_url
from kz_compliance_sdk.domain.values import (
    Category,
    CountryCode,
    Identifier,
    Instant,
    LanguageTag,
    Line,
    LocalText,
    NationalNumber,
    Prose,
    Sha256Hex,
    ValueModel,
)
from kz_compliance_sdk.errors import InvalidInput

__all__ = [
    "Addressee",
    "Answer",
    "Attachment",
    "AuthorityType",
    "Cancellation",
    "Clarification",
    "Contact",
    "ContentType",
    "Effect",
    "ExpertGroupDecision",
    "IssuingAuthority",
    "Item",
    "LegalBasis",
    "LocalName",
    "Notice",
    "NoticeKind",
    "Preservation",
    "Reason",
    "Redress",
    "Reminder",
    "RequestedAction",
    "RequestedDeadline",
    "Sanction",
    "SanctionLevel",
    "Signatory",
    "UnreadableNotice",
    "UserNotice",
    "languages_of",
    "requested_due_at",
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


NoticeKind = Literal["request", "prescription", "submission", "notification", "recommendation", "court_order"]
RequestedAction = Literal[
    "remove", "restrict_access", "suspend_account", "age_restrict", "label", "preserve_only", "other"
]
ContentType = Literal[
    "post", "comment", "image", "video", "audio", "story", "live_stream", "advertisement",
    "account", "group", "channel", "page", "message", "other",
]  # fmt: skip
Effect = Literal["withdrawn", "annulled", "remedied"]
SanctionLevel = Literal["warning", "fine", "slowdown", "block"]


def _url(text: str) -> str:
    try:
        check_url(text)
    except InvalidInput as refused:
        raise PydanticCustomError(refused.code, "{why}", {"why": refused.message.removesuffix(".")}) from None
    return text


# The length is judged by check_url, whose code says more than a length error does.
ItemUrl = Annotated[str, StringConstraints(min_length=1), AfterValidator(_url), WithJsonSchema(dict(ITEM_URL_SCHEMA))]
Reason = LocalText
"""One statement in one language, of reasons, of a question or of an answer."""

Reasons = Annotated[tuple[LocalText, ...], Field(strict=False, max_length=20)]
ReasonsGiven = Annotated[tuple[LocalText, ...], Field(strict=False, min_length=1, max_length=20)]
Identifiers = Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1, max_length=500)]


class Item(ValueModel):
    """One thing to act upon. It is decided, enforced and reported by itself.

    One of `url`, `object_id` and `account_ref` names it. `url` stays as it was sent: it is evidence.
    """

    item_id: Identifier
    url: ItemUrl | None = None
    object_id: Line | None = None
    account_ref: Line | None = None
    content_type: ContentType = "other"
    locator: Line | None = None
    description: Prose | None = None
    evidence_sha256: Sha256Hex | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not (self.url or self.object_id or self.account_ref):
            raise PydanticCustomError("schema_missing", "an item needs a url, an object_id or an account_ref")
        return self


def is_account(item: Item) -> bool:
    """Whether it is about an account or a service, and not about something that was published there."""
    names_only = bool(item.account_ref) and not (item.url or item.object_id)
    return names_only or item.content_type in ("account", "group", "channel", "page")


def _each_once(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if len({item.item_id for item in items}) != len(items):
        raise PydanticCustomError("schema_value", "two items carry the same item_id")
    return items


Items = Annotated[tuple[Item, ...], Field(strict=False, min_length=1, max_length=500), AfterValidator(_each_once)]


class Notice(ValueModel):
    """A demand about 1 to 500 items. Times are UTC seconds."""

    notice_id: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000)]
    kind: NoticeKind
    reference_number: Line
    supersedes: Identifier | None = None

    issuing_authority: IssuingAuthority
    originating_body: Line | None = None
    signatory: Signatory | None = None
    platform_id: Identifier
    addressee: Addressee | None = None

    issued_at: Instant
    languages: Annotated[tuple[LanguageTag, ...], Field(strict=False, max_length=20)] = ()
    deadline: RequestedDeadline | None = None
    urgency_reason: Prose | None = None

    legal_basis: Annotated[tuple[LegalBasis, ...], Field(strict=False, min_length=1, max_length=50)]
    category: Category
    statement_of_reasons: ReasonsGiven
    expert_group_decision: ExpertGroupDecision | None = None

    items: Items
    requested_action: RequestedAction
    territorial_scope: Annotated[tuple[CountryCode, ...], Field(strict=False, min_length=1, max_length=250)] = ("KZ",)

    user_notice: UserNotice | None = None
    preservation: Preservation | None = None
    redress: Redress | None = None
    contact: Contact | None = None
    attachments: Annotated[tuple[Attachment, ...], Field(strict=False, max_length=100)] = ()

    @model_validator(mode="after")
    def _replaces_another(self) -> Self:
        if self.supersedes == self.notice_id:
            raise PydanticCustomError("amendment_target", "a notice cannot supersede itself")
        return self


class Answer(ValueModel):
    """The answer to one question, about one item or, without `item_id`, about the whole notice."""

    item_id: Identifier | None = None
    text: ReasonsGiven


class Clarification(ValueModel):
    """The answer to our clarification request `in_reply_to`; `items` replace those of the same id."""

    notice_id: Identifier
    in_reply_to: Identifier
    answers: Annotated[tuple[Answer, ...], Field(strict=False, min_length=1, max_length=500)]
    items: Items | None = None


class Cancellation(ValueModel):
    """Revision `revision` of a notice, or some items of it, no longer stands.

    `item_ids` None means all. `effect` None is accepted, and pages a person: without it nobody but a
    person can say whether what was removed comes back.
    """

    notice_id: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000)]
    item_ids: Identifiers | None = None
    effect: Effect | None = None
    reference_number: Line | None = None
    issued_at: Instant
    reasons: Reasons = ()


class Reminder(ValueModel):
    """The authority asks again. It raises the escalation level and leaves the clock alone."""

    notice_id: Identifier
    escalation_level: Annotated[int, Field(ge=0, le=100)]
    text: Prose | None = None


class Sanction(ValueModel):
    """A sanction against the platform, announced for the notices it names (none if it names none)."""

    sanction_id: Identifier
    level: SanctionLevel
    notice_ids: Annotated[tuple[Identifier, ...], Field(strict=False, max_length=10_000)] = ()
    effective_at: Instant
    reference_number: Line


@dataclass(frozen=True, slots=True)
class UnreadableNotice:
    """An authentic message that could not be used. The ids are a best effort and may be None.

    `field` is a JSON path, empty for the whole body; `reason` never repeats what was sent.
    """

    code: str
    field: str
    reason: str
    notice_id: str | None
    authority_id: str | None


def languages_of(notice: Notice) -> tuple[str, ...]:
    """The languages in which the notice may be answered, as primary subtags in lower case.

    Those that it names or, if it names none, those of its reasons.
    """
    tags = notice.languages or tuple(reason.lang for reason in notice.statement_of_reasons)
    return tuple(dict.fromkeys(tag.partition("-")[0].lower() for tag in tags))


def requested_due_at(notice: Notice, received_at: int) -> int | None:
    """When the sender wants it done, in UTC seconds; None if it asks for nothing.

    It orders the queue and escalates, and is never the statutory term.
    """
    deadline = notice.deadline
    if deadline is None:
        return None
    return received_at + deadline.hours * 3_600 if deadline.hours is not None else deadline.due_at
