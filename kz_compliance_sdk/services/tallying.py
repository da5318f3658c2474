"""A case that ends is counted: told with the move that ends it, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import Field

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import CaseWrite, Change, Happened, happenings
from kz_compliance_sdk.domain.events.arrivals import Admitted, Amended, Answered, Confirmed, Opened
from kz_compliance_sdk.domain.events.base import AS_READ, Event
from kz_compliance_sdk.domain.events.privacy import Counted, NamedBy
from kz_compliance_sdk.domain.fold import evolve
from kz_compliance_sdk.domain.ledger import FIRST, Sealed, Stamped
from kz_compliance_sdk.domain.notice import IssuingAuthority, LegalBasis, RequestedAction, UserNotice
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.domain.values import Instant, Line, ValueModel
from kz_compliance_sdk.errors import StoreDamaged, Unreadable
from kz_compliance_sdk.ports import Tx, Work
from kz_compliance_sdk.services.loading import stream_in
from kz_compliance_sdk.wire.v1 import read_part

T = TypeVar("T")
_BODY = "message"
_LONGEST = 200
_NOTICE = (Opened, Admitted, Amended, Confirmed)
_NAMING = (Opened, Admitted, Amended, Answered)


class Named(ValueModel):
    """An item, as far as the figures say how it was named: by its address, its object or its account."""

    url: str | None = None
    object_id: str | None = None
    account_ref: str | None = None


class Naming(ValueModel):
    """What a message names, as far as the figures need it."""

    items: Annotated[tuple[Named, ...], Field(strict=False)] | None = None


class Demanded(ValueModel):
    """A notice, as far as the figures need it: to read all of it again would take three times as long, and nothing is
    decided here."""

    issued_at: Instant
    issuing_authority: IssuingAuthority
    originating_body: Line | None = None
    legal_basis: Annotated[tuple[LegalBasis, ...], Field(strict=False)]
    requested_action: RequestedAction
    user_notice: UserNotice | None = None


def with_tally(tx: Tx, change: Change) -> Change:
    """The change and, for each case that it leaves ended, that it is counted. Whatever ends a case, or changes an ended
    one, goes through here."""
    ended = {write.case.id: write.case for write in change if type(write) is CaseWrite}
    told = [_told(tx, case, change) for case in ended.values() if case.state in ENDED]
    return (*change, *(one for one in told if one is not None))


def counted(work: Work[T]) -> Work[T]:
    """The work, and that the cases which it leaves ended are counted."""

    def with_tallies(tx: Tx) -> tuple[Change, T]:
        change, value = work(tx)
        return with_tally(tx, change), value

    return with_tallies


def _told(tx: Tx, case: Case, change: Change) -> Happened | None:
    stream = stream_in(tx, case.id)
    if stream.fault is not None or case.erased_at is not None:
        return None  # what is left of it says less than its tally
    told = [one for one in happenings(change) if one.stream == stream.name]
    now = [_stamped(one.event, one.words, seq, one.at) for seq, one in enumerate(told, stream.seq + 1)]
    after = evolve(stream.case, *now)
    try:
        words = tx.words(stream, messages_in(stream.events))
        words |= {(on.seq, _BODY): one.words.get(_BODY) for on, one in zip(now, told, strict=True)}
        said = said_of([*stream.events, *now], words)
    except (StoreDamaged, Unreadable):
        said = Counted()  # it must hold up no receipt
    if evolve(after, _stamped(said, (), after.seq + 1, tx.now)).tally == after.tally:
        return None
    return Happened(case.platform_id, stream.name, said, tx.now, AS_READ)


def _stamped(event: Event, words: Iterable[str], seq: int, at: int) -> Stamped:
    """An event that is about to be appended, as far as a fold needs it: nobody and no digest is in it."""
    parts = {name: Sealed(event.words[name], "") for name in words}
    return Stamped(seq, at, 0, 0, None, event.called, msgspec.structs.replace(event, parts=parts), FIRST)


def messages_in(events: Iterable[Stamped]) -> list[tuple[int, str]]:
    """The parts from which `said_of` reads."""
    of_authority = (*_NAMING, Confirmed)
    return [(on.seq, _BODY) for on in events if isinstance(on.event, of_authority) and _BODY in on.event.parts]


def said_of(events: Iterable[Stamped], words: Mapping[tuple[int, str], bytes | None]) -> Counted:
    """What the figures need of the words of a case: of its notice as it stands, and of each item that the authority
    ever named, as it named it last. Words that were erased say nothing."""
    notice: Demanded | None = None
    named: dict[int, NamedBy] = {}
    for on in events:
        if not (body := words.get((on.seq, _BODY))):
            continue
        if isinstance(on.event, _NOTICE):
            notice = read_part(Demanded, body)
        if isinstance(on.event, _NAMING):
            items = read_part(Naming, body).items or ()
            named |= {one.number: _named_by(one.number, item) for one, item in zip(on.event.items, items, strict=False)}
    return Counted(named=tuple(named.values()), **(_of_notice(notice) if notice is not None else {}))


def _of_notice(notice: Demanded) -> dict[str, Any]:
    authority, silence = notice.issuing_authority, notice.user_notice
    # What names no rule is no bar: who only asks for silence would keep the demand out of the figures.
    grounded = silence is not None and not silence.allowed and bool((silence.legal_basis or "").strip())
    name = authority.name
    return {
        "issued_at": max(notice.issued_at, 0),
        "authority_name": {lang: said for lang in ("kk", "ru", "en") if (said := getattr(name, lang))},
        "authority_type": authority.type,
        "originating_body": (notice.originating_body or "")[:_LONGEST],
        "legal_basis": tuple(sorted({_basis_text(basis) for basis in notice.legal_basis})),
        "requested": notice.requested_action,
        "barred": silence is not None and not silence.allowed,
        "barred_until": max(silence.delay_until or 0, 0) if silence is not None and grounded else 0,
    }


def _basis_text(basis: LegalBasis) -> str:
    """A cited provision as the figures name it: the act, and the article if one is cited."""
    text = f"{basis.act}, {basis.article}" if basis.article else basis.act
    return " ".join(text.split())[:_LONGEST]


def _named_by(number: int, item: Named) -> NamedBy:
    return NamedBy(item=number, way="url" if item.url else "object" if item.object_id else "account")
