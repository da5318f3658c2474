"""Whether a notice holds what an order must hold. A gap refuses nothing: a person sees it, with a drafted question.

Computed from the notice when somebody looks, never at intake. What is here is a question to the authority; what a
moderator must see before deciding is a flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from kz_compliance_sdk.domain.flags import is_pattern, is_whole_site
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.words import LANGUAGES, words

GapCode = Literal[
    "authority_not_official",
    "authority_not_entitled",
    "content_not_identified",
    "law_not_cited",
    "law_unknown",
    "reasons_missing",
    "expert_group_missing",
    "addressee_missing",
    "addressee_other",
]
GAP_CODES: Final[tuple[GapCode, ...]] = get_args(GapCode)

# What each of them tells a moderator.
_MEANINGS: Final[Mapping[GapCode, str]] = MappingProxyType(
    {
        "authority_not_official": "The sender is not of a type that the policy takes for an official agency.",
        "authority_not_entitled": "The policy gives this authority no mandate for this category.",
        "content_not_identified": (
            "An item does not say which content is meant: it names a whole site, a pattern, or only an account."
        ),
        "law_not_cited": "A legal basis names an act without its article.",
        "law_unknown": "It cites an act or an article that the policy does not know.",
        "reasons_missing": "The statement of reasons is too short to say what is unlawful and why.",
        "expert_group_missing": "The category needs a decision of the expert group, and none is named.",
        "addressee_missing": "The notice names no addressee.",
        "addressee_other": "The notice is addressed to somebody else than this platform's legal representative.",
    }
)
_WHOLE_ACCOUNT: Final = frozenset({"account", "group", "channel", "page"})


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a notice lacks. `item_id` is None when it is about the whole notice."""

    code: GapCode
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a notice to this platform must be addressed to, as far as the platform has said so."""

    name: str = ""
    bin: str = ""


def gaps(notice: Notice, policy: Policy, recipient: Recipient) -> tuple[Gap, ...]:
    """Everything that the notice lacks, in a fixed order. It never raises and never decides."""
    return (
        *_of_authority(notice, policy),
        *(Gap("content_not_identified", item.item_id) for item in notice.items if not _is_identified(item, notice)),
        *_of_law(notice, policy),
        *_of_addressee(notice, recipient),
    )


def meaning(gap: Gap) -> str:
    """What a gap tells a moderator."""
    return _MEANINGS[gap.code]


def draft(found: Iterable[Gap], languages: Sequence[str]) -> tuple[Question, ...]:
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


def _question(lang: str, gap: Gap) -> str:
    return words(lang, "gaps")("question", gap.code, item=gap.item_id or "")


def _of_authority(notice: Notice, policy: Policy) -> Iterator[Gap]:
    authority = notice.issuing_authority
    if authority.type not in policy.safeguards.official_types:
        yield Gap("authority_not_official")
    if not policy.may_order(authority.id, notice.category):
        yield Gap("authority_not_entitled")


def _is_identified(item: Item, notice: Notice) -> bool:
    if item.url is not None and (is_whole_site(item.url) or is_pattern(item.url)):
        return False
    if item.object_id is not None and is_pattern(item.object_id):
        return False
    if item.url or item.object_id:
        return True
    whole = item.content_type in _WHOLE_ACCOUNT or notice.requested_action == "suspend_account"
    return whole and not is_pattern(item.account_ref or "")


def _of_law(notice: Notice, policy: Policy) -> Iterator[Gap]:
    if any(basis.article is None for basis in notice.legal_basis):
        yield Gap("law_not_cited")
    known = policy.known_acts
    if known and not all(
        basis.act in known or (basis.article is not None and f"{basis.act}/{basis.article}" in known)
        for basis in notice.legal_basis
    ):
        yield Gap("law_unknown")
    longest = max(len(" ".join(reason.text.split())) for reason in notice.statement_of_reasons)
    if longest < policy.safeguards.reasons_least_chars:
        yield Gap("reasons_missing")
    if policy.category(notice.category).expert_group and notice.expert_group_decision is None:
        yield Gap("expert_group_missing")


def _of_addressee(notice: Notice, recipient: Recipient) -> Iterator[Gap]:
    addressee = notice.addressee
    if addressee is None:
        yield Gap("addressee_missing")
    elif recipient.bin and addressee.bin:
        # A number settles it; a name is written in many ways.
        if recipient.bin != addressee.bin:
            yield Gap("addressee_other")
    elif recipient.name and _plain(recipient.name) != _plain(addressee.legal_representative):
        yield Gap("addressee_other")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
