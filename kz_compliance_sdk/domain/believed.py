"""A case as its chain has it: of the row only that is believed which the chain does not say itself.

Those are the sealed words (which object an item names), and what policy makes of the case: when it is watched next,
and where it stands in the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.contest import FiledContest, Suspension
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.errors import StoreDamaged

__all__ = ["believed", "check_leaves", "lies_of"]


def believed(row: Case, stream: Stream) -> Case:
    """The case of a row with all that its chain says. Raises StoreDamaged where nothing may be decided on it, or the
    row has lost an item or a remedy."""
    case = _folded(stream, row.id)
    persons = stream.roster.names
    return row.but(
        state=case.state,
        authority_id=case.authority,
        notice_id=case.notice,
        revision=case.revision,
        kind=case.kind,
        category=case.category,
        languages=case.languages,
        source=case.source,
        authenticity=case.authenticity,
        channel=case.channel,
        received_at=case.received_at,
        escalates_from=case.escalates_from,
        due_at=case.due_at,
        requested_due_at=case.requested_due_at or None,
        quarantine_no=case.quarantine,
        lease_token=case.token,
        lease_owner=persons[case.lease.person] if case.lease else "",
        lease_expires_at=case.lease.until if case.lease else None,
        decision_version=case.decision,
        sequence=case.sequence,
        level=case.level,
        decided_at=case.decided_at or None,
        undo_until=case.undo_until or None,
        lift_due_at=case.lift_due_at or None,
        closed_at=case.closed_at or None,
        entered_by=persons[case.typist[0]],
        was_claimed=case.was_claimed,
        interim_items=case.interim,
        flags=_flags(row, case),
        items=tuple(_items(row, case)),
        contests=_contests(row, case, persons),
        suspensions=_suspensions(row, case, persons),
        clock_shift_s=case.clock_shift,
        unsure_steps=tuple(case.unsure),
        erased_at=case.erased_at or None,
        held_until=case.held_until or None,
        erasure_asked=(persons[case.erasure_asked[0]], case.erasure_asked[2]) if case.erasure_asked else (),
        pages=case.pages,
        questions=case.questions,
        appeals=len(case.appeals),
        named=max((*case.items, row.named)),
    )


def check_leaves(stream: Stream, message: OutboxMessage, now: int) -> None:
    """Raise StoreDamaged for a message that the case of this chain does not owe, or not yet."""
    owed = _folded(stream, message.case_id).messages.get(message.id)
    if owed is None or owed.settled or (owed.state == "owed" and owed.not_before > now):
        said = "does not owe" if owed is None else "has settled" if owed.settled else "does not let out yet"
        raise StoreDamaged(f"a row would send what its chain {said}.", reference=message.case_id)


def _folded(stream: Stream, reference: str) -> fold.Case:
    if stream.fault is not None:
        raise StoreDamaged(str(stream.fault), code=stream.fault.code, reference=reference) from stream.fault
    if not stream.events:
        raise StoreDamaged("its chain is gone: nothing can be decided about it.", reference=reference)
    return stream.case


def lies_of(row: Case, true: Case) -> tuple[str, ...]:
    """The names of the fields in which a row says something else than the chain."""
    return tuple(one.name for one in fields(Case) if getattr(row, one.name) != getattr(true, one.name))


def _flags(row: Case, case: fold.Case) -> tuple[str, ...]:
    """The flags, an item called as its row calls it. One that the row has no more is called as when it was raised."""
    called = {item.number: item.was or item.item_id for item in row.items}
    told = {}
    for flag in case.flags:
        code, _, number = flag.partition(":")
        if not number:
            told[flag] = flag
        elif int(number) in called:
            told[flag] = f"{code}:{called[int(number)]}"
    left = [one for one in row.flags if ":" in one and one not in told.values()]
    gone = [flag for flag in case.flags if flag not in told]
    for flag in gone:
        code = flag.partition(":")[0]
        name = next((one for one in left if one.startswith(f"{code}:")), flag)
        told[flag] = name
        left = [one for one in left if one != name]
    names = dict.fromkeys(told[flag] for flag in case.flags)
    return row.flags if set(row.flags) == set(names) else tuple(names)


def _items(row: Case, case: fold.Case) -> Iterator[ItemState]:
    known = {item.number: item for item in row.items}
    lost = [number for number, item in case.items.items() if number not in known and item.status != "stopped"]
    if lost:
        raise StoreDamaged(f"its row has lost the item {lost[0]}.", reference=row.id)
    for item in row.items:
        held = case.items.get(item.number)
        if held is None:
            continue
        yield item.but(
            status=held.status,
            action=held.action,
            ground=held.ground,
            scope=held.scope,
            effect_version=held.version,
            measure=held.measure,
            effective_at=held.effective_at,
            decision_version=held.decision,
            preserve_until=held.preserve_until,
            was=(item.was or item.item_id) if held.renamed else "",
            fell=held.fell,
        )


def _contests(row: Case, case: fold.Case, persons: Mapping[int, str]) -> tuple[FiledContest, ...]:
    seqs = {one.number: one.seq for one in row.contests}
    return tuple(
        FiledContest(
            one.number,
            one.filed_at,
            persons[one.person],
            _kept(seqs, one.number, row),
            one.result,
            one.result_at or None,
        )
        for one in case.contests.values()
    )


def _suspensions(row: Case, case: fold.Case, persons: Mapping[int, str]) -> tuple[Suspension, ...]:
    known = {one.number: one for one in row.suspensions}
    return tuple(
        Suspension(
            one.number,
            one.from_at,
            one.until_at or None,
            _kept(known, one.number, row).proof_sha256,
            persons[one.person],
            known[one.number].seq,
            persons[one.confirmed_by],
            one.ended_at or None,
        )
        for one in case.suspensions.values()
    )


def _kept(known: Mapping[int, Any], number: int, row: Case) -> Any:
    if number not in known:
        raise StoreDamaged(f"its row has lost the remedy {number}.", reference=row.id)
    return known[number]
