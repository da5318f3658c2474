"""The content behind a case's items as people saw it, and what follows when it is no longer that.

A digest says which content a person had before them. A measure names it, an approval covers it, and it is compared once
more before anything is carried out. Only digests are kept: what the content says is never stored here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change, OutboxMessage
from kz_compliance_sdk.domain.decision import ContentSeen, Decision, objects_of
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.events.base import Happened, code_or_other
from kz_compliance_sdk.domain.flags import is_pattern, is_whole_site
from kz_compliance_sdk.domain.messages import item_of, object_key, step
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.review_policy import check_lease
from kz_compliance_sdk.domain.words import LANGUAGES, words
from kz_compliance_sdk.errors import IllegalMove


@dataclass(frozen=True, slots=True)
class Reference:
    """How a notice names a piece of content: an address, an object of the platform, an account; each may be empty."""

    url: str
    object_id: str
    account_ref: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking at one item came to. `fault` says why nobody could look; then the rest says nothing."""

    digest: str = ""
    object_id: str = ""
    available: bool = False
    fault: str = ""

    def is_still(self, digest: str) -> bool:
        """Whether it is there, and the content of this digest. A look that failed says nothing against it."""
        return bool(self.fault) or (self.available and self.digest == digest)


def references(case: Case, notice: Notice) -> dict[str, Reference]:
    """How each open item of a case is named: by the notice as it stands, or as it was when it was last decided."""
    named = {item.item_id: _reference(item) for item in notice.items}
    for item in case.items:
        if item.object_key:
            named.setdefault(item.item_id, Reference(item.url, item.object_id, item.account_ref))
    return {item_id: named[item_id] for item_id in sorted(case.open_items) if item_id in named}


def _reference(item: Item) -> Reference:
    return Reference(item.url or "", item.object_id or "", item.account_ref or "")


def reference_digest(reference: Reference) -> str:
    """What tells two references apart: an item's id can come to name something else."""
    named = Item.model_validate(
        {
            "item_id": "0",
            "url": reference.url or None,
            "object_id": reference.object_id or None,
            "account_ref": reference.account_ref or None,
        }
    )
    return hashlib.sha256(object_key(named).encode()).hexdigest()


def _rows(
    case: Case,
    looked: Mapping[str, Looked],
    named: Mapping[str, Reference],
    last: Mapping[int, ContentSeen],
    stamp: Stamp,
) -> tuple[ContentSeen, ...]:
    number = {item.item_id: item.number for item in case.items}
    return tuple(
        ContentSeen(
            number[item_id],
            item_id,
            last[number[item_id]].n + 1 if number[item_id] in last else 1,
            stamp.keyed(reference_digest(named[item_id])),
            found.digest,
            found.object_id,
            found.available,
            code_or_other(found.fault),
            stamp.actor.id,
            stamp.at,
        )
        for item_id, found in looked.items()
    )


def _sights(rows: Iterable[ContentSeen], stamp: Stamp) -> tuple[review.Sight, ...]:
    """What the ledger says of it."""
    return tuple(
        review.Sight(
            item=row.number,
            reference=row.reference,
            content=stamp.keyed(row.digest) if row.digest else "",
            available=row.available,
            fault=row.fault,
        )
        for row in rows
    )


def _looked(case: Case, rows: Sequence[ContentSeen], stamp: Stamp, *, approval: bool = False) -> Happened:
    return happened(case, review.Looked(seen=_sights(rows, stamp), approval=approval), stamp, objects_of(rows))


def _changed(case: Case, rows: Sequence[ContentSeen], stamp: Stamp, *, version: int = 0) -> Happened:
    return happened(case, review.ContentChanged(seen=_sights(rows, stamp), version=version), stamp, objects_of(rows))


def look(
    case: Case,
    looked: Mapping[str, Looked],
    named: Mapping[str, Reference],
    last: Mapping[int, ContentSeen],
    *,
    token: int | None,
    stamp: Stamp,
) -> tuple[Change, Case, tuple[ContentSeen, ...]]:
    """Record what a person saw of the open items. The first look at what an item names that fails pages people.
    Raises IllegalMove, and with a `token` LeaseLost."""
    if token is not None:
        check_lease(case, token, stamp)
    rows = _rows(case, looked, named, last, stamp)
    return *step(case, "look", _looked(case, rows, stamp)), rows


def approval_looked(
    case: Case,
    decision: Decision,
    looked: Mapping[str, Looked],
    named: Mapping[str, Reference],
    last: Mapping[int, ContentSeen],
    stamp: Stamp,
) -> tuple[Change, tuple[str, ...]]:
    """Record what was found before an approval, and the items whose content is not what was proposed about. If there
    are any, the case goes back to review."""
    changed = tuple(
        item.item_id
        for item in decision.proposal.items
        if item.item_id in looked and not looked[item.item_id].is_still(item.content_sha256 or "")
    )
    rows = _rows(case, looked, named, last, stamp)
    if not changed:
        return step(case, "look", _looked(case, rows, stamp, approval=True))[0], ()
    others = tuple(row for row in rows if row.item_id not in changed)
    other = tuple(row for row in rows if row.item_id in changed)
    tells = [_looked(case, others, stamp, approval=True)] if others else []
    return step(case, "content_changed", *tells, _changed(case, other, stamp))[0], changed


def content_changed(
    case: Case, message: OutboxMessage, found: Looked, last: Mapping[int, ContentSeen], stamp: Stamp
) -> Change:
    """The content is not what was decided about, seen at the last moment: nothing was carried out, and the item goes
    back to review."""
    item = item_of(case, message)
    if item is None or item.status != "decided":
        return ()
    named = {item.item_id: Reference(item.url, item.object_id, item.account_ref)}
    rows = _rows(case, {item.item_id: found}, named, last, stamp)
    return step(case, "content_changed", _changed(case, rows, stamp, version=item.effect_version))[0]


def need_open(case: Case) -> None:
    """Raises IllegalMove where nothing is left to decide."""
    if not case.open_items:
        raise IllegalMove(f"the case is {case.state}: it has no open item to look at.", reference=case.id)


# ------------------------------------------------------------------------------------------------------- completeness
# Whether a notice holds what an order must hold. A gap refuses nothing: a person sees it, with a drafted question.
#
# Computed from the notice when somebody looks, never at intake. What is here is a question to the authority; what a
# moderator must see before deciding is a flag.


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
