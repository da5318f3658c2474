"""What an authority can say, in its published shape: a `Notice` is the `data` of `notice.issued`.

Open and closed sets. `category` is open: a word that is not known is accepted and flagged, since
whoever adds a category changes nothing in how a notice is handled. `kind`, `requested_action`,
`content_type`, the type of an authority and the effect of a cancellation are closed: they decide the
term, the measure or what is lifted, so a word that is not known is refused (`schema_value`), and the
notice goes to a person, with its clock running. Unknown fields are ignored; the raw bytes keep them.

null means absent everywhere. Nothing is converted: a number is no text and 5.0 is no integer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from msgspec import Meta
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

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
    WireValue,
    WishedInstant,
)
from kz_compliance_sdk.errors import InvalidInput

# ---------------------------------------------------------------------------------------------------------------- url
# What a URL in a notice may look like. Nothing here, and nothing anywhere, ever fetches one.
#
# A URL in a notice names what somebody wants removed, so it is judged for one thing: whether a person and a program
# will read it alike. What reads in two ways is refused; what merely is unusual is kept.


MAX_URL: Final = 2_048
"""The longest URL in characters."""

# White space, a backslash and invisible characters are read differently by browsers and by programs.
_READ_IN_TWO_WAYS = r"\x00-\x20\x7f-\xa0\\\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
_AMBIGUOUS = re.compile(f"[{_READ_IN_TWO_WAYS}]")
_PLAIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})/[!#-;=?-\[\]_a-z~]+")
_NOT_NORMAL = re.compile(r"/\.|%2[eE]|\?(?:#|$)|#$")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_INTERNAL_NAMES = frozenset({"localhost", "local", "internal", "localdomain", "lan", "intranet", "home", "corp"})
_INTERNAL_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
_INTERNAL_V6 = tuple(IPv6Network(net) for net in ("::/127", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"))
_NAT64 = IPv6Network("64:ff9b::/96")
_DEFAULT_PORT = {"http": 80, "https": 443}

LINK_SCHEMA: Final[Mapping[str, object]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_URL,
    "pattern": rf"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@{_READ_IN_TWO_WAYS}]+([/?#][^{_READ_IN_TWO_WAYS}]*)?$",
}
"""As much of `check_link` as JSON Schema can say: it refuses nothing that `check_link` takes."""

ITEM_URL_SCHEMA: Final[Mapping[str, object]] = {**LINK_SCHEMA, "not": {"pattern": r"^[A-Za-z]+://[^/?#]+/*$|\*$"}}
"""As much of `check_url` as JSON Schema can say."""


@lru_cache(1_024)
def check_url(text: str) -> str:
    """The normal form of the URL of one item; two URLs with the same normal form name the same thing.

    Scheme and host in lower case, the host in its ASCII form, no default port, no dot segments. The
    query and the fragment stay as they are: what they mean is the platform's business.

    Raises InvalidInput and nothing else: the codes of `check_link`, and `scope_too_wide` for a home page
    or a pattern, which name no item.
    """
    normal = check_link(text)
    rest = normal.split("/", 3)[3]
    if not rest.strip("/") or rest.endswith("*"):
        raise _refused("scope_too_wide", "the URL names a whole site", "Name each item by its own URL.")
    return normal


def check_link(text: str) -> str:
    """The normal form of any URL that a message carries.

    Raises InvalidInput and nothing else, with one of the codes `url_length`, `url_control`, `url_scheme`,
    `url_userinfo`, `url_host`, `url_internal`.
    """
    if len(text) > MAX_URL:
        raise _refused("url_length", f"the URL is longer than {MAX_URL} characters", "Send its canonical form.")
    plain = _PLAIN.fullmatch(text)
    if plain and plain.end(1) <= 253 and plain[1] not in _INTERNAL_NAMES and not _NOT_NORMAL.search(text):
        return text
    if _AMBIGUOUS.search(text):
        raise _refused("url_control", "the URL holds a blank, a backslash or an invisible character", "Encode it.")
    try:
        parts = urlsplit(text)
        port = parts.port
        name = parts.hostname or ""
    except ValueError:
        raise _bad_host() from None
    if parts.scheme not in _DEFAULT_PORT:
        raise _refused("url_scheme", "the URL is neither http nor https", "Send the address of the page.")
    if "@" in parts.netloc:
        raise _refused("url_userinfo", "the URL carries credentials", "Remove them.")
    host = _host(name)
    where = host if port is None or port == _DEFAULT_PORT[parts.scheme] else f"{host}:{port}"
    return f"{parts.scheme}://{where}{_without_dots(parts.path)}{_tail(parts)}"


def host_of(normal: str) -> str:
    """The host of a URL in normal form, without its port."""
    authority = normal.split("/", 3)[2]
    return authority[: authority.index("]") + 1] if authority[0] == "[" else authority.partition(":")[0]


def _host(name: str) -> str:
    if name.startswith("v") and "." in name and ":" in name:
        raise _bad_host()
    if ":" in name:
        return f"[{_checked_v6(name)}]"
    try:
        ascii_name = name.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise _bad_host() from None
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad_host()
    if _NUMBER.fullmatch(labels[-1]):
        return str(_checked_v4(_numeric_v4(labels)))
    if len(labels) == 1 or labels[-1] in _INTERNAL_NAMES:
        raise _internal()
    return ascii_name


def _numeric_v4(labels: list[str]) -> IPv4Address:
    # Browsers read 2852039166, 0xa9fea9fe and 169.254.43518 as 169.254.169.254, so this must too.
    if len(labels) > 4:
        raise _bad_host()
    try:
        numbers = [_number(label) for label in labels]
        if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
            raise _bad_host()
        head = sum(number << (24 - 8 * place) for place, number in enumerate(numbers[:-1]))
        return IPv4Address(head + numbers[-1])
    except ValueError:
        raise _bad_host() from None


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label.startswith("0") else 10)


def _checked_v4(address: IPv4Address) -> IPv4Address:
    if any(address in net for net in _INTERNAL_V4):
        raise _internal()
    return address


def _checked_v6(name: str) -> IPv6Address:
    try:
        address = IPv6Address(name)
    except ValueError:
        raise _bad_host() from None
    if address.scope_id is not None:
        raise _bad_host()
    inside = address.ipv4_mapped or address.sixtofour
    if address in _NAT64 or int(address) >> 32 == 0:
        inside = IPv4Address(int(address) & 0xFFFFFFFF)
    if inside is not None:
        _checked_v4(inside)
    if any(address in net for net in _INTERNAL_V6):
        raise _internal()
    return address


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain in (".", ".."):
            if plain == ".." and kept:
                kept.pop()
            if place == len(segments) - 1:
                kept.append("")
        else:
            kept.append(segment)
    return "/" + "/".join(kept)


def _tail(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return query + fragment


def _refused(code: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{message}.", field="url", remedy=remedy, code=code)


def _bad_host() -> InvalidInput:
    return _refused("url_host", "the URL's host cannot be read in one way only", "Send the public host name.")


def _internal() -> InvalidInput:
    return _refused("url_internal", "the URL points into a private network", "Send the public address.")


# ------------------------------------------------------------------------------------------------------------- notice


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
Link = Annotated[
    str, StringConstraints(min_length=1), Meta(min_length=1), AfterValidator(_link), WithJsonSchema(dict(LINK_SCHEMA))
]


class LocalName(WireValue, frozen=True, kw_only=True):
    """A name in Kazakh, Russian and English, in at least one of them."""

    kk: Line | None = None
    ru: Line | None = None
    en: Line | None = None

    def __post_init__(self) -> None:
        if not (self.kk or self.ru or self.en):
            raise PydanticCustomError("schema_missing", "a name is needed in kk, ru or en")

    def best(self, lang: str) -> str:
        """The name in `lang` if there is one, else in the first of kk, ru, en that is there."""
        wanted = {"kk": self.kk, "ru": self.ru, "en": self.en}.get(lang)
        return wanted or self.kk or self.ru or self.en or ""


class IssuingAuthority(WireValue, frozen=True, kw_only=True):
    """Who issued the notice. `bin` is its business identification number, twelve digits."""

    id: Identifier
    name: LocalName
    unit: Line | None = None
    bin: NationalNumber | None = None
    type: AuthorityType = "other"


class Signatory(WireValue, frozen=True, kw_only=True):
    """The official who signed."""

    name: Line
    position: Line | None = None


class Addressee(WireValue, frozen=True, kw_only=True):
    """Whom the notice is addressed to: the platform's legal representative in Kazakhstan."""

    legal_representative: Line
    bin: NationalNumber | None = None


class RequestedDeadline(WireValue, frozen=True, kw_only=True):
    """The time that the sender asks for: either `hours` from receipt or an instant, never both."""

    hours: Annotated[int, Field(ge=0, le=87_600), Meta(ge=0, le=87_600)] | None = None
    due_at: WishedInstant | None = None
    legal_source: Line | None = None

    def __post_init__(self) -> None:
        if self.hours is None and self.due_at is None:
            raise PydanticCustomError("schema_missing", "a deadline needs hours or due_at")
        if self.hours is not None and self.due_at is not None:
            raise PydanticCustomError("schema_value", "a deadline has either hours or due_at")


class LegalBasis(WireValue, frozen=True, kw_only=True):
    """One provision that the notice rests on."""

    act: Line
    article: Line | None = None
    reference: Line | None = None
    url: Link | None = None


class ExpertGroupDecision(WireValue, frozen=True, kw_only=True):
    """The decision of the expert group on cyberbullying of a child."""

    number: Line
    decided_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$")]


class UserNotice(WireValue, frozen=True, kw_only=True):
    """Whether the affected user may be told, and when."""

    allowed: bool
    delay_until: Instant | None = None
    legal_basis: Line | None = None


class Preservation(WireValue, frozen=True, kw_only=True):
    """Until when a copy is to be kept."""

    until: Instant


class Redress(WireValue, frozen=True, kw_only=True):
    """Where and until when the notice can be contested. `deadline` is text: "three months from ..."."""

    body: Line
    deadline: Line | None = None
    url: Link | None = None


class Contact(WireValue, frozen=True, kw_only=True):
    """Whom to ask at the authority."""

    name: Line | None = None
    email: Line | None = None
    phone: Line | None = None


class Attachment(WireValue, frozen=True, kw_only=True):
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
ItemUrl = Annotated[
    str,
    StringConstraints(min_length=1),
    Meta(min_length=1),
    AfterValidator(_url),
    WithJsonSchema(dict(ITEM_URL_SCHEMA)),
]
Reason = LocalText
"""One statement in one language, of reasons, of a question or of an answer."""

Reasons = Annotated[tuple[LocalText, ...], Field(strict=False, max_length=20)]
ReasonsGiven = Annotated[
    tuple[LocalText, ...], Field(strict=False, min_length=1, max_length=20), Meta(min_length=1, max_length=20)
]
Identifiers = Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1, max_length=500)]


class Item(WireValue, frozen=True, kw_only=True):
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

    def __post_init__(self) -> None:
        if not (self.url or self.object_id or self.account_ref):
            raise PydanticCustomError("schema_missing", "an item needs a url, an object_id or an account_ref")


def is_account(item: Item) -> bool:
    """Whether it is about an account or a service, and not about something that was published there."""
    names_only = bool(item.account_ref) and not (item.url or item.object_id)
    return names_only or item.content_type in ("account", "group", "channel", "page")


def _each_once(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if len({item.item_id for item in items}) != len(items):
        raise PydanticCustomError("schema_value", "two items carry the same item_id")
    return items


Items = Annotated[
    tuple[Item, ...],
    Field(strict=False, min_length=1, max_length=500),
    Meta(min_length=1, max_length=500),
    AfterValidator(_each_once),
]


class Notice(WireValue, frozen=True, kw_only=True):
    """A demand about 1 to 500 items. Times are UTC seconds."""

    notice_id: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000), Meta(ge=1, le=1_000_000)]
    kind: NoticeKind
    reference_number: Line
    supersedes: Identifier | None = None

    issuing_authority: IssuingAuthority
    originating_body: Line | None = None
    signatory: Signatory | None = None
    platform_id: Identifier
    addressee: Addressee | None = None

    issued_at: Instant
    languages: Annotated[tuple[LanguageTag, ...], Field(strict=False, max_length=20), Meta(max_length=20)] = ()
    deadline: RequestedDeadline | None = None
    urgency_reason: Prose | None = None

    legal_basis: Annotated[
        tuple[LegalBasis, ...], Field(strict=False, min_length=1, max_length=50), Meta(min_length=1, max_length=50)
    ]
    category: Category
    statement_of_reasons: ReasonsGiven
    expert_group_decision: ExpertGroupDecision | None = None

    items: Items
    requested_action: RequestedAction
    territorial_scope: Annotated[
        tuple[CountryCode, ...], Field(strict=False, min_length=1, max_length=250), Meta(min_length=1, max_length=250)
    ] = ("KZ",)

    user_notice: UserNotice | None = None
    preservation: Preservation | None = None
    redress: Redress | None = None
    contact: Contact | None = None
    attachments: Annotated[tuple[Attachment, ...], Field(strict=False, max_length=100), Meta(max_length=100)] = ()

    def __post_init__(self) -> None:
        if self.supersedes == self.notice_id:
            raise PydanticCustomError("amendment_target", "a notice cannot supersede itself")


# What is refused in a line, and in a text of many: of the latter a carriage return as well, which can be right.
_NO_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_NO_PROSE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FORMS: Final = re.compile(
    r"(?:[A-Za-z0-9._:-]{1,128}+\n)*+#\n"
    r"(?:[A-Za-z]{2,3}+(?:-[A-Za-z0-9]{2,8}+)*+\n)*+#\n"
    r"(?:[0-9A-Fa-f]{64}\n)*+#\n"
    r"(?:[0-9]{12}\n)*+#\n"
    r"(?:(?:[A-Z]{2}|\*)\n)*+#\n"
    r"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\n)*+#"
)


def is_usual(notice: Notice, *ids: str) -> bool:
    """Whether each text of a notice that msgspec made has the form that the contract gives, and each of `ids` that of
    an id. One look at all texts of a kind tells: what passes here the strict reader takes, and of the rest it says what
    is wrong, if anything is."""
    authority = notice.issuing_authority
    name = authority.name
    named = [*ids, notice.notice_id, notice.platform_id, notice.category, authority.id]
    lines = [notice.reference_number, name.kk, name.ru, name.en, authority.unit, notice.originating_body]
    proses, numbers, tags = [notice.urgency_reason], [authority.bin], [*notice.languages]
    digests: list[str | None] = []
    urls: list[str | None] = []
    links: list[str | None] = []
    days: list[str] = []
    if notice.supersedes is not None:
        named.append(notice.supersedes)
    if (signatory := notice.signatory) is not None:
        lines += signatory.name, signatory.position
    if (addressee := notice.addressee) is not None:
        lines.append(addressee.legal_representative)
        numbers.append(addressee.bin)
    if notice.deadline is not None:
        lines.append(notice.deadline.legal_source)
    for basis in notice.legal_basis:
        lines += basis.act, basis.article, basis.reference
        links.append(basis.url)
    for reason in notice.statement_of_reasons:
        tags.append(reason.lang)
        proses.append(reason.text)
    for item in notice.items:
        named.append(item.item_id)
        lines += item.object_id, item.account_ref, item.locator
        proses.append(item.description)
        digests.append(item.evidence_sha256)
        urls.append(item.url)
    if notice.user_notice is not None:
        lines.append(notice.user_notice.legal_basis)
    if (redress := notice.redress) is not None:
        lines += redress.body, redress.deadline
        links.append(redress.url)
    if (contact := notice.contact) is not None:
        lines += contact.name, contact.email, contact.phone
    for attachment in notice.attachments:
        lines += attachment.name, attachment.media_type
        digests.append(attachment.sha256)
        links.append(attachment.url)
    if (group := notice.expert_group_decision) is not None:
        lines.append(group.number)
        days.append(group.decided_on)
    forms = [*named, "#", *tags, "#", *filter(None, digests), "#", *filter(None, numbers), "#"]
    forms += *notice.territorial_scope, "#", *days, "#"
    told, line, prose = "\n".join(forms), "".join(filter(None, lines)), "".join(filter(None, proses))
    if told.count("\n") != len(forms) - 1 or not _FORMS.fullmatch(told):
        return False
    if (not line.isprintable() and _NO_LINE.search(line)) or (not prose.isprintable() and _NO_PROSE.search(prose)):
        return False
    try:
        for url in filter(None, urls):
            check_url(url)
        for url in filter(None, links):
            check_link(url)
    except InvalidInput:
        return False
    return len({item.item_id for item in notice.items}) == len(notice.items)


class Answer(WireValue, frozen=True, kw_only=True):
    """The answer to one question, about one item or, without `item_id`, about the whole notice."""

    item_id: Identifier | None = None
    text: ReasonsGiven


class Clarification(WireValue, frozen=True, kw_only=True):
    """The answer to our clarification request `in_reply_to`; `items` replace those of the same id."""

    notice_id: Identifier
    in_reply_to: Identifier
    answers: Annotated[tuple[Answer, ...], Field(strict=False, min_length=1, max_length=500)]
    items: Items | None = None


class Cancellation(WireValue, frozen=True, kw_only=True):
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


class Reminder(WireValue, frozen=True, kw_only=True):
    """The authority asks again. It raises the escalation level and leaves the clock alone."""

    notice_id: Identifier
    escalation_level: Annotated[int, Field(ge=0, le=100)]
    text: Prose | None = None


class Sanction(WireValue, frozen=True, kw_only=True):
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
