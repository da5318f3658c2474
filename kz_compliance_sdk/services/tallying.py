"""The tally of a case that ends: written with the move that ends it, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import (
    CaseWrite,
    Change,
    InboxAdmitted,
    InboxApplied,
    InboxRow,
    Tally,
    happenings,
)
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.domain.reviewed import PROPOSAL
from kz_compliance_sdk.domain.tally import Clarified, Demanded, Named, tally
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.errors import NotFound, StoreDamaged, Unreadable
from kz_compliance_sdk.ports import Tx, Work
from kz_compliance_sdk.services.loading import stream_in
from kz_compliance_sdk.wire.v1 import read_message, read_part

__all__ = ["counted", "demanded", "with_tally"]

T = TypeVar("T")


def with_tally(tx: Tx, change: Change) -> Change:
    """The change and, for each case that it leaves ended, that case's row in the figures. Whatever ends a case, or
    changes an ended one, goes through here."""
    ended = {write.case.id: write.case for write in change if type(write) is CaseWrite}
    tallies = [_tally(tx, case, change) for case in ended.values() if case.state in ENDED]
    return (*change, *(one for one in tallies if one is not None))


def counted(work: Work[T]) -> Work[T]:
    """The work, and the tallies of the cases that it leaves ended."""

    def with_tallies(tx: Tx) -> tuple[Change, T]:
        change, value = work(tx)
        return with_tally(tx, change), value

    return with_tallies


def _tally(tx: Tx, case: Case, change: Change) -> Tally | None:
    if case.erased_at is not None:
        return None  # what is left of it says less than the row that it has
    try:
        decisions = tx.decisions(case.id)
        rows = {(row.sender, row.message_id, row.body_sha256): row for row in tx.inbox_of_case(case.id)}
    except StoreDamaged:
        return None  # what cannot be read must hold up no receipt: it is counted from its records once it can be
    if case.message not in rows:
        with suppress(NotFound):  # it comes with this very change
            rows[case.message] = tx.inbox_row(*case.message)
    for write in change:
        row = write.row if type(write) is InboxAdmitted else write
        if type(row) is InboxRow and row.case_id == case.id:
            rows[row.sender, row.message_id, row.body_sha256] = row
        elif type(row) is InboxApplied and row.case_id == case.id:
            waited = row.sender, row.message_id, row.body_sha256
            rows[waited] = tx.inbox_row(*waited)
    for told in happenings(change):
        if told.stream == stream_of(case.id) and PROPOSAL in told.words:
            decision = Decision.model_validate_json(told.words[PROPOSAL])
            decisions[decision.version] = decision
    return tally(case, demanded(case, rows.values()), decisions, stream_in(tx, case.id), change)


def demanded(case: Case, rows: Iterable[InboxRow]) -> Demanded | None:
    """The notice as it stands, with every item that the authority ever named, as it named it last. None for a message
    that nobody could use, or whose bytes are gone."""
    notice: Demanded | None = None
    items: dict[str, Named] = {}
    for row in sorted(rows, key=lambda row: (row.received_at, row.message_id)) if case.revision else ():
        try:
            said = _said(row)
        except Unreadable:
            continue
        if said is None:
            continue
        items |= {item.item_id: item for item in said.items or ()}
        if isinstance(said, Demanded) and (row.sender, row.message_id, row.body_sha256) == case.message:
            notice = said
    named = tuple(items.values())
    return notice if notice is None or notice.items == named else notice.model_copy(update={"items": named})


def _said(row: InboxRow) -> Demanded | Clarified | None:
    """What a message says of items, None if it says nothing of them. Raises Unreadable."""
    kind = row.type if row.exit == "accepted" else read_message(row.body).type
    if kind in ("notice.issued", "notice.amended"):
        return read_part(Demanded, row.body)
    return read_part(Clarified, row.body) if kind == "notice.clarified" else None
