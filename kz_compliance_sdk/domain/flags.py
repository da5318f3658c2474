"""What a person must see before deciding: the flags of a notice that was accepted, and what it lacks among them.

A flag never refuses and never decides. It is computed once, at intake, from the notice, from the data as
it came and from what the platform knows, and is kept with the case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qsl

from msgspec import Struct

from kz_compliance_sdk.domain.notice import Clarification, Item, Notice, check_url, host_of, requested_due_at
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.values import LocalText, says_something, utc_offset_minutes
from kz_compliance_sdk.domain.words import LANGUAGES, words

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.policy import Policy, Safeguards


FlagCode = Literal[
    "addressee_missing", "addressee_other", "authority_not_official", "basis_unknown", "category_not_mandated",
    "category_unknown", "content_not_identified", "deadline_defaulted", "deadline_long", "deadline_past",
    "deadline_short", "effect_missing", "expert_group_missing", "issued_future", "item_repeated", "kind_not_entitled",
    "law_not_cited", "offset_unusual", "official_offended", "reasons_missing", "reporter_pii", "scope_beyond_kz",
    "text_markup", "url_foreign", "url_normalised", "url_whole_site", "url_wildcard", "user_data_demand",
    "user_notice_barred",
]  # fmt: skip
GAP_CODES: Final[tuple[FlagCode, ...]] = (
    "authority_not_official",
    "category_not_mandated",
    "kind_not_entitled",
    "content_not_identified",
    "law_not_cited",
    "basis_unknown",
    "reasons_missing",
    "expert_group_missing",
    "addressee_missing",
    "addressee_other",
)
"""The flags of what an order lacks: there is a question to the authority for each."""

FLAG_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "addressee_missing": "The notice names no addressee.",
        "addressee_other": "It is addressed to somebody else than this platform's legal representative.",
        "authority_not_official": "The sender is not of a type that the policy takes for an official agency.",
        "basis_unknown": "It cites an act or an article that the policy does not know.",
        "category_not_mandated": "The authority has no mandate for this category.",
        "category_unknown": "The policy does not know this category.",
        "content_not_identified": "An item names a whole site, a pattern or an account, not which content is meant.",
        "deadline_defaulted": "It asks for no time of its own, as nearly all: the term of the policy alone counts.",
        "deadline_long": "It asks for more time than the term of the policy, which counts all the same.",
        "deadline_past": "The time that it asks for had passed when it came.",
        "deadline_short": "The time that it asks for leaves less than an hour.",
        "expert_group_missing": "The category needs a decision of the expert group, and none is named.",
        "issued_future": "Its date lies in the future: a clock is wrong, there or here.",
        "item_repeated": "An item names the same address as one before it.",
        "kind_not_entitled": "It is of a kind that the policy knows from other bodies than its sender.",
        "law_not_cited": "A legal basis names an act without its article.",
        "offset_unusual": "Its time has an offset that is neither UTC nor Kazakhstan's.",
        "official_offended": "An official is the offended party, as its category, its law or its sender says.",
        "reasons_missing": "The statement of reasons is too short to say what is unlawful and why.",
        "reporter_pii": "It carries a field that may name a reporter or a victim: do not pass it on.",
        "scope_beyond_kz": "It asks for a measure beyond Kazakhstan.",
        "text_markup": "Its text holds markup or a link in disguise.",
        "url_foreign": "An item lies on a host that is not the platform's.",
        "url_normalised": "An item's address is not in its plain form: compare what it leads to.",
        "url_whole_site": "An item leads to the front page of a site: ask which content is meant.",
        "url_wildcard": "An item is a pattern that fits many things: ask which content is meant.",
        "user_data_demand": "It asks for data of a user: no removal notice. A lawyer handles it outside this library.",
        "user_notice_barred": "The user may not be told, without a legal basis or without an end.",
        "amendment_unverified": "Somebody typed in an amendment that nobody has authenticated: it changed nothing yet.",
        "quarantined_before": "An unusable message about it was settled before: perhaps its clock runs from that one.",
        "amended": "The authority replaced the notice by a later revision.",
        "clarified": "The authority answered a question about it.",
        "cancelled_withdrawn": "The authority withdrew the order, or a part of it.",
        "cancelled_annulled": "The order, or a part of it, was annulled.",
        "cancelled_remedied": "The authority says that the violation is gone.",
        "effect_missing": "A cancellation does not say its effect: ask the authority what is to be lifted.",
        "cancels_older_revision": "A cancellation speaks of an older revision: ask whether this one still stands.",
        "cancels_unknown_item": "A cancellation names an item that the notice does not have: ask what is meant.",
        "erased_case": "A message came about it after its personal data was erased: compare it with your papers.",
        "late_revision": "An older revision came after a later one and changed nothing.",
        "message_id_reused": "Its message id was used before for something else.",
        "cancellation_unverified": "Somebody typed in a letter that cancels it: nobody has vouched for it yet.",
        "answer_unverified": "Somebody typed in a letter that answers a question: nobody has vouched for it yet.",
        "contested": "The order is contested before a court or an authority. That pauses nothing.",
        "suspension_unconfirmed": "Somebody recorded an order that suspends this one: a second person must confirm it.",
        "suspended": "An order suspends this one and its term. What is in force stays until a person decides.",
        "clock_stepped": "The host's clock was set while it ran: its times may be off by that. Its events say how far.",
        "volume_unusual": "More notices than usual came from this authority, or under its key, within a short time.",
        "instruction_recorded": "Somebody recorded an instruction that was given about it: read it before deciding.",
        "withheld": "What was decided had not begun when news came: a second person decides whether it is carried out.",
        "demand_ruled_out": "A lawyer found that it asks for no data of a user, although it looked so.",
        "content_changed": "The content of an item is not what was seen when it was decided about: look at it again.",
        "content_gone": "The content of an item is gone: perhaps 'already_unavailable' is what there is to say.",
        "case_unreadable": "Something of it cannot be opened: its key is missing or was changed. Tell a lead.",
        "report_rejected": "The regulator's system refused our report: decide and word it anew.",
        "recorded_otherwise": "The store was restored: the regulator holds other words of ours. Compare its books.",
    }
)
"""What each flag tells a moderator. A case in quarantine has the code of its refusal as a flag instead."""

UNVOUCHED: Final = ("amendment_unverified", "cancellation_unverified", "answer_unverified", "suspension_unconfirmed")
"""They stand with a case until a second person has vouched for what the first one recorded."""

UNREADABLE: Final = "case_unreadable"
"""Stands in lists only, with a case whose private part does not open."""

SKEW_S: Final = 300
"""How far the sender's clock may be ahead before its date counts as one in the future."""

SOON_S: Final = 3_600
"""A time asked for that leaves less than this is flagged as short."""

# Kazakhstan is at +05:00 since 2024-03-01; +06:00 means zone data that is older than that.
_USUAL_OFFSETS = frozenset({0, 300})
_TAG = re.compile(r"<[A-Za-z/!?]")
_REPORTER_WORDS = re.compile(r"reporter|complain|applicant|informant|victim|whistle|declarant|iin|phone|passport")
_FIELDS = frozenset(Notice.__struct_fields__)
_HARMLESS_KEYS = frozenset({"ref", "id", "type", "kind", "anonymous"})


class Flag(Struct, frozen=True, gc=False):
    """One warning. `item_id` is None when it speaks of the whole notice."""

    code: FlagCode
    item_id: str | None = None


def flags(
    notice: Notice,
    *,
    raw: Mapping[str, object],
    now: int,
    hosts: frozenset[str],
    known_categories: frozenset[str],
    term_s: int = 86_400,
) -> tuple[Flag, ...]:
    """The flags of a notice received at `now` (UTC seconds) that follow from no policy, in a fixed order, each once per
    item.

    `raw` is the notice as it came, before validation: it shows the offset of a time and the fields that
    nobody asked for. `hosts` are the platform's own, with all their subdomains; empty means unknown, and
    then no URL is called foreign. `term_s` is the statutory term: asking for more is flagged.
    """
    found: list[Flag] = [
        *([] if notice.category in known_categories else [Flag("category_unknown")]),
        *_of_items(notice, hosts),
        *_of_time(notice, raw, now, term_s),
    ]
    if _has_markup("\n".join(_texts(notice))):
        found.append(Flag("text_markup"))
    if _names_a_reporter(raw):
        found.append(Flag("reporter_pii"))
    if set(notice.territorial_scope) != {"KZ"}:
        found.append(Flag("scope_beyond_kz"))
    silence = notice.user_notice
    if silence is not None and not silence.allowed and (silence.legal_basis is None or silence.delay_until is None):
        # Silence towards the user needs a legal basis and an end.
        found.append(Flag("user_notice_barred"))
    return tuple(dict.fromkeys(found))


def _of_items(notice: Notice, hosts: frozenset[str]) -> Iterator[Flag]:
    seen: set[str] = set()
    for item in notice.items:
        if item.url is None:
            continue
        normal = check_url(item.url)
        if hosts and not _is_ours(host_of(normal), hosts):
            yield Flag("url_foreign", item.item_id)
        if normal != item.url:
            yield Flag("url_normalised", item.item_id)
        if normal in seen:
            yield Flag("item_repeated", item.item_id)
        seen.add(normal)


def _is_ours(host: str, hosts: frozenset[str]) -> bool:
    while host:
        if host in hosts:
            return True
        host = host.partition(".")[2]
    return False


def _of_time(notice: Notice, raw: Mapping[str, object], now: int, term_s: int) -> Iterator[Flag]:
    issued = raw.get("issued_at")
    if isinstance(issued, str) and issued[-1:] != "Z" and utc_offset_minutes(issued) not in _USUAL_OFFSETS:
        yield Flag("offset_unusual")
    if notice.issued_at > now + SKEW_S:
        yield Flag("issued_future")
    requested = requested_due_at(notice, now)
    if requested is None:
        yield Flag("deadline_defaulted")
    elif requested <= now:
        yield Flag("deadline_past")
    elif requested < now + SOON_S:
        yield Flag("deadline_short")
    elif requested > now + term_s:
        yield Flag("deadline_long")


def _has_markup(text: str) -> bool:
    return "](" in text or "script:" in text.lower() or ("<" in text and _TAG.search(text) is not None)


def _texts(notice: Notice) -> Iterator[str]:
    authority, signatory, contact = notice.issuing_authority, notice.signatory, notice.contact
    name = authority.name
    lines = [notice.reference_number, name.kk, name.ru, name.en, authority.unit, notice.originating_body]
    lines.append(notice.urgency_reason)
    if signatory is not None:
        lines += (signatory.name, signatory.position)
    if contact is not None:
        lines += (contact.name, contact.email, contact.phone)
    if notice.addressee is not None:
        lines.append(notice.addressee.legal_representative)
    for basis in notice.legal_basis:
        lines += (basis.act, basis.article, basis.reference)
    for item in notice.items:
        lines += (item.locator, item.description, item.object_id, item.account_ref)
    for attachment in notice.attachments:
        lines += (attachment.name, attachment.media_type)
    if notice.redress is not None:
        lines += (notice.redress.body, notice.redress.deadline)
    yield from filter(None, lines)
    reasons: tuple[LocalText, ...] = notice.statement_of_reasons
    yield from (reason.text for reason in reasons)


def _names_a_reporter(raw: Mapping[str, object]) -> bool:
    for key in raw.keys() - _FIELDS:
        if not _REPORTER_WORDS.search(key.lower()):
            continue
        value = raw[key]
        if isinstance(value, Mapping) and value.keys() <= _HARMLESS_KEYS:
            continue
        if value not in (None, "", [], {}, False, True):
            return True
    return False


# Behind the host nothing but dots, a language and the page itself; then a query, and a fragment that is no route.
_FRONT_PAGE: Final = re.compile(
    r"[^:]+://[^/?#]*"
    r"(?:/(?:\.*|home|index|index\.html|index\.htm|index\.php|default\.aspx|(?:kk|kz|ru|en)(?:[-_][a-z]{2,4})*))*"
    r"(?:\?([^#]*))?"
    r"(?:#(?![/!]).*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_NAMES_NOTHING: Final = frozenset({"lang", "language", "hl", "l", "locale", "ref", "source", "from"})


def is_pattern(text: str) -> bool:
    """Whether a wildcard stands in it, encoded or not."""
    return "*" in text or ("%2" in text and "%2a" in text.lower())


def is_whole_site(url: str) -> bool:
    """Whether a URL leads to a front page. A query or a route in the fragment can name one item on it."""
    page = _FRONT_PAGE.fullmatch(url)
    if page is None:
        return False
    names = [name.lower() for name, _ in parse_qsl(page[1] or "", keep_blank_values=True)]
    return all(name in _NAMES_NOTHING or name.startswith("utm_") for name in names)


USER_DATA_DEMAND: Final = "user_data_demand"
_SAYS_NOTHING: Final[tuple[object, ...]] = (None, "", [], {}, False)


def codes(flags: tuple[str, ...]) -> frozenset[str]:
    """The codes of a case's flags, without the items that they are about."""
    return frozenset(flag.partition(":")[0] for flag in flags)


def legal_flags(notice: Notice, *, raw: Mapping[str, object], safeguards: Safeguards) -> tuple[Flag, ...]:
    """The flags of a notice that call for a lawyer. `raw` is the notice as it came, before validation."""
    found = list(wide_flags(notice.items))
    if _offends_an_official(notice, raw, safeguards):
        found.append(Flag("official_offended"))
    if _asks_for_user_data(notice, raw, safeguards):
        found.append(Flag("user_data_demand"))
    return tuple(found)


def flags_of_answer(answer: Clarification, *, raw: Mapping[str, object], safeguards: Safeguards) -> tuple[Flag, ...]:
    """The same for an authority's answer, which can name items anew."""
    found = list(wide_flags(answer.items or ()))
    if _holds_user_data_fields(raw, safeguards):
        found.append(Flag("user_data_demand"))
    return tuple(found)


def wide_flags(items: Iterable[Item]) -> Iterator[Flag]:
    for item in items:
        if is_pattern(f"{item.url} {item.object_id} {item.account_ref}"):
            yield Flag("url_wildcard", item.item_id)
        if item.url is not None and is_whole_site(item.url):
            yield Flag("url_whole_site", item.item_id)


def _offends_an_official(notice: Notice, raw: Mapping[str, object], safeguards: Safeguards) -> bool:
    if notice.category in safeguards.official_categories or _says(raw, safeguards.official_fields):
        return True
    acts = safeguards.official_acts
    return bool(acts) and any(
        basis.act in acts or f"{basis.act}/{basis.article}" in acts for basis in notice.legal_basis
    )


def _asks_for_user_data(notice: Notice, raw: Mapping[str, object], safeguards: Safeguards) -> bool:
    if _holds_user_data_fields(raw, safeguards):
        return True
    if notice.requested_action != "other":
        return False
    texts = [*(reason.text for reason in notice.statement_of_reasons), *(item.description for item in notice.items)]
    said = " ".join(" ".join(filter(None, texts)).lower().split())
    return any(phrase in said for phrase in safeguards.user_data_phrases)


def _holds_user_data_fields(raw: Mapping[str, object], safeguards: Safeguards) -> bool:
    fields, items = safeguards.user_data_fields, raw.get("items")
    return _says(raw, fields) or (
        isinstance(items, list) and any(isinstance(item, Mapping) and _says(item, fields) for item in items)
    )


def _says(value: Mapping[str, object], fields: frozenset[str]) -> bool:
    return not fields.isdisjoint(value) and any(value.get(name) not in _SAYS_NOTHING for name in fields)


# --------------------------------------------------------------------------------------------------------------- gaps
# What an order must hold and does not: a person sees it, with a drafted question to the authority. What stood in the
# notice when it came is a flag of the case; it is found anew from the notice as it stands when somebody asks.


_WHOLE_ACCOUNT: Final = frozenset({"account", "group", "channel", "page"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a notice to this platform must be addressed to, as far as the platform has said so."""

    name: str = ""
    bin: str = ""


def gaps(notice: Notice, policy: Policy | None, recipient: Recipient) -> tuple[Flag, ...]:
    """Everything that the notice lacks, in a fixed order; without a `policy` only what follows from none."""
    return (
        *(() if policy is None else _of_authority(notice, policy)),
        *(Flag("content_not_identified", item.item_id) for item in notice.items if not _is_identified(item, notice)),
        *(() if policy is None else _of_law(notice, policy)),
        *_of_addressee(notice, recipient),
    )


def draft(found: Iterable[Flag], languages: Sequence[str]) -> tuple[Question, ...]:
    """A question for each gap in those of the notice's languages that there is a draft for, else in kk and ru.

    A draft: a person reads it, corrects it and confirms it before it leaves.
    """
    wanted = [lang for lang in LANGUAGES if lang in languages] or ["kk", "ru"]
    return tuple(
        Question(
            item_id=gap.item_id,
            text=tuple(Statement(lang=lang, text=_question(lang, gap)) for lang in wanted),
        )
        for gap in found
    )


def _question(lang: str, gap: Flag) -> str:
    return words(lang, "gaps")("question", gap.code, item=gap.item_id or "")


def _of_authority(notice: Notice, policy: Policy) -> Iterator[Flag]:
    authority = notice.issuing_authority
    if authority.type not in policy.safeguards.official_types:
        yield Flag("authority_not_official")
    if not policy.may_order(authority.id, notice.category):
        yield Flag("category_not_mandated")
    if not policy.safeguards.may_send(authority.type, notice.kind):
        yield Flag("kind_not_entitled")


def _is_identified(item: Item, notice: Notice) -> bool:
    if item.url is not None and (is_whole_site(item.url) or is_pattern(item.url)):
        return False
    if item.object_id is not None and is_pattern(item.object_id):
        return False
    if item.url or item.object_id:
        return True
    whole = item.content_type in _WHOLE_ACCOUNT or notice.requested_action == "suspend_account"
    return whole and not is_pattern(item.account_ref or "")


def _of_law(notice: Notice, policy: Policy) -> Iterator[Flag]:
    if any(basis.article is None for basis in notice.legal_basis):
        yield Flag("law_not_cited")
    if policy.known_acts and not all(policy.act_of(basis.act, basis.article) for basis in notice.legal_basis):
        yield Flag("basis_unknown")
    least = policy.safeguards.reasons_least_chars
    if not any(_says_enough(reason.text, least) for reason in notice.statement_of_reasons):
        yield Flag("reasons_missing")
    if policy.category(notice.category).expert_group and notice.expert_group_decision is None:
        yield Flag("expert_group_missing")


def _says_enough(text: str, least: int) -> bool:
    return len(" ".join(text.split())) >= least and says_something(text)


def _of_addressee(notice: Notice, recipient: Recipient) -> Iterator[Flag]:
    addressee = notice.addressee
    if addressee is None:
        yield Flag("addressee_missing")
    elif recipient.bin and addressee.bin:
        # A number settles it; a name is written in many ways.
        if recipient.bin != addressee.bin:
            yield Flag("addressee_other")
    elif recipient.name and _plain(recipient.name) != _plain(addressee.legal_representative):
        yield Flag("addressee_other")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
