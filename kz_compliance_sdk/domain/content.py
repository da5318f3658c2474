"""The content behind a case's items as people saw it, and what follows when it is no longer that.

A digest says which content a person had before them. A measure names it, an approval covers it, and it is compared once
more before anything is carried out. Only digests are kept: what the content says is never stored here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change, OutboxMessage
from kz_compliance_sdk.domain.decision import ContentSeen, Decision, objects_of
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.events.base import Happened, code_or_other
from kz_compliance_sdk.domain.messages import item_of, object_key, step
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.review_policy import check_lease
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
