"""A case as its chain has it: the fold of its events, and the words that lie beside them.

`true_case` makes it without any row. Whoever acts on a case is given `believed`: there the words are taken from the
row, which holds them opened, so that nothing need be decrypted and read again for each step.

What policy makes of a case at the moment of a step comes from no chain (`PLANNED`): when it is watched next, where its
ladder stopped and, only of a case whose term was paused, its place in the queue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.clock import urgent_at
from kz_compliance_sdk.domain.contest import FiledContest, Suspension
from kz_compliance_sdk.domain.events.arrivals import Admitted, Amended, Answered, Confirmed, Opened, Quarantined
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.remedies import Suspended
from kz_compliance_sdk.domain.events.review import Decided
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.messages import lane_of, named_by, report_lane
from kz_compliance_sdk.domain.notice import Item, Items
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.values import FROM_WIRE, Line, ValueModel
from kz_compliance_sdk.errors import StoreDamaged

PLANNED: Final = ("urgent_at", "watch_at", "running_watch_at")

Opens = Callable[[Stream, Iterable[tuple[int, str]]], Mapping[tuple[int, str], bytes | None]]
"""Opens parts of a stream by sequence and name, None for one that was erased."""


@dataclass(frozen=True, slots=True)
class _Words:
    """What a case says beyond its fold: the message that it rests on, its authority's number, each item by its number
    as it is named, and what proves each suspension. What was erased is not there."""

    message: tuple[str, str, str] = ("", "", "")
    reference_number: str = ""
    items: Mapping[int, ItemState] = field(default_factory=dict)
    proofs: Mapping[int, str] = field(default_factory=dict)


def true_case(stream: Stream, opens: Opens, beside: Mapping[str, Any]) -> Case:
    """The case of a stream, with what is not in it from `beside`: the fields of PLANNED. Raises
    StoreDamaged where the chain or a word of it cannot be read."""
    case = _folded(stream)
    told = _told(stream, case, _words_of(stream, opens))
    return Case.of(platform_id=stream.platform, id=stream.reference, **{**beside, **told})


def kept_beside(row: Case) -> dict[str, Any]:
    """What a row says of its case and no chain does."""
    return {name: getattr(row, name) for name in PLANNED}


def planned_anew(stream: Stream) -> dict[str, Any]:
    """The fields of PLANNED of a case whose row says nothing: it is watched at once, and whatever of its ladder has not
    fired yet is due. Raises StoreDamaged."""
    case = _folded(stream)
    last = max((one.fired_at for one in case.steps.values() if one.step not in case.unsure), default=-1)
    return {"urgent_at": case.due_at, "watch_at": last + 1, "running_watch_at": None}


def believed(row: Case, stream: Stream) -> Case:
    """The case of a row with all that its chain says, its words believed. Raises StoreDamaged where nothing may be
    decided on it, or the row has lost an item."""
    case = _folded(stream)
    named = {item.number: item for item in row.items}
    if lost := [number for number, item in case.items.items() if number not in named and not is_gone(item)]:
        raise StoreDamaged(f"its row has lost the item {lost[0]}.", reference=row.id)
    proofs = {one.number: one.proof_sha256 for one in row.suspensions}
    return row.but(**_told(stream, case, _Words(row.message, row.reference_number, named, proofs)))


def wordless(stream: Stream) -> dict[str, Any]:
    """The fields of a case that hold words, as its erasure leaves them: an item is called by its number."""
    told = _told(stream, stream.case, _Words())
    return {name: told[name] for name in ("message", "reference_number", "flags", "items", "suspensions")}


def leaving(stream: Stream, message: OutboxMessage, now: int) -> OutboxMessage:
    """A message that is to leave, as far as its chain knows it: whether it may have arrived is not for a row to say.
    Raises StoreDamaged for one that the case does not owe, not yet, or not like this."""
    owed = _folded(stream).messages.get(message.id)
    if owed is None or owed.settled or (owed.state == "owed" and owed.not_before > now):
        said = "does not owe" if owed is None else "has settled" if owed.settled else "does not let out yet"
        raise StoreDamaged(f"a row would send what its chain {said}.", reference=message.case_id or message.id)
    if (message.kind, message.endpoint) != (owed.kind, owed.endpoint) or not _in_its_lane(message, owed):
        raise StoreDamaged("a row would send something otherwise than its chain says.", reference=message.case_id)
    if owed.state == "owed":
        return message.but(state="queued", maybe_arrived=False)
    return message.but(maybe_arrived=owed.state == "unknown")


def check_held(stream: Stream, message: OutboxMessage) -> None:
    """Raise StoreDamaged for a message that waits for a person, and does not by the chain of its case."""
    held = _folded(stream).messages.get(message.id)
    if held is None or (held.state, held.endpoint) != (message.state, message.endpoint):
        raise StoreDamaged("a row would have a person send what its chain does not.", reference=message.case_id)


def _in_its_lane(message: OutboxMessage, owed: fold.Message) -> bool:
    """Whether a message waits for those that it must wait for: else a later effect comes before an earlier one, or one
    that holds is taken for one that does not."""
    if owed.kind == "report":
        return (message.lane, message.lane_seq) == (report_lane(message.case_id), owed.number)
    if owed.kind not in ("enforce", "restore"):
        return not message.lane
    return (message.lane, message.lane_seq) == (lane_of(from_json(message.body)["object_key"]), owed.number)


def lies_of(row: Case, true: Case) -> tuple[str, ...]:
    """The names of the fields in which a row says something else than the chain."""
    return tuple(one.name for one in fields(Case) if one.compare and getattr(row, one.name) != getattr(true, one.name))


def _folded(stream: Stream) -> fold.Case:
    if stream.fault is not None:
        fault = stream.fault
        raise StoreDamaged(str(fault), code=fault.code, reference=stream.reference) from fault
    if not stream.events:
        raise StoreDamaged("its chain is gone: nothing can be decided about it.", reference=stream.reference)
    return stream.case


# ------------------------------------------------------------------------------------------------ from the fold


def _told(stream: Stream, case: fold.Case, words: _Words) -> dict[str, Any]:
    """Every field of a case that its chain tells."""
    persons = stream.roster.names
    paused = any(one.confirmed_by for one in case.suspensions.values())
    return {
        "authority_id": case.authority,
        "notice_id": case.notice,
        "revision": case.revision,
        "state": case.state,
        "kind": case.kind,
        "category": case.category,
        "source": case.source,
        "authenticity": case.authenticity,
        "channel": case.channel,
        "received_at": case.received_at,
        "escalates_from": case.escalates_from,
        "due_at": case.due_at,
        **({} if paused else {"urgent_at": urgent_at(case.due_at, case.requested_due_at or None)}),
        "message": words.message,
        "reference_number": words.reference_number,
        "languages": case.languages,
        "requested_due_at": case.requested_due_at or None,
        "quarantine_no": case.quarantine,
        "lease_token": case.token,
        "lease_owner": persons[case.lease.person] if case.lease else "",
        "lease_expires_at": case.lease.until if case.lease else None,
        "decision_version": case.decision,
        "sequence": case.sequence,
        "level": case.level,
        "decided_at": case.decided_at or None,
        "undo_until": case.undo_until or None,
        "lift_due_at": case.lift_due_at or None,
        "closed_at": case.closed_at or None,
        "entered_by": persons[case.typist[0]],
        "was_claimed": case.was_claimed,
        "interim_items": case.interim,
        "flags": tuple(dict.fromkeys(_flag(flag, case, words) for flag in case.flags)),
        "items": tuple(_items(case, words)),
        "contests": tuple(
            FiledContest(one.number, one.filed_at, persons[one.person], one.result, one.result_at or None)
            for one in case.contests.values()
        ),
        "suspensions": tuple(
            Suspension(
                one.number,
                one.from_at,
                one.until_at or None,
                words.proofs.get(one.number, ""),
                persons[one.person],
                persons[one.confirmed_by],
                one.ended_at or None,
            )
            for one in case.suspensions.values()
        ),
        "clock_shift_s": case.clock_shift,
        "unsure_steps": tuple(case.unsure),
        "erased_at": case.erased_at or None,
        "held_until": case.held_until or None,
        "erasure_asked": (persons[case.erasure_asked[0]], case.erasure_asked[2]) if case.erasure_asked else (),
        "pages": case.pages,
        "questions": case.questions,
        "appeals": len(case.appeals),
        "named": case.named,
        "version": case.seq,
        "head": case.head.hex(),
    }


def is_gone(item: fold.Item) -> bool:
    """Whether nothing is left of an item: its id names another object, and nothing was ever done to the first."""
    return item.renamed > 0 and item.status == "stopped" and not item.effective_at


def _in_place(items: Mapping[int, fold.Item]) -> Iterator[int]:
    """The numbers of the items in their order: one that took over the id of another stands before that one."""
    followers = {item.renamed for item in items.values()}
    for number in items:
        if number not in followers:
            chain = [number]
            while following := items[chain[-1]].renamed:
                chain.append(following)
            yield from reversed(chain)


def _items(case: fold.Case, words: _Words) -> Iterator[ItemState]:
    for number in _in_place(case.items):
        held = case.items[number]
        if is_gone(held):
            continue
        name = _name(number, case, words)
        item = words.items.get(number) or ItemState(name, number)
        yield item.but(
            item_id=f"{name}~{number}" if held.renamed else name,
            status=held.status,
            action=held.action,
            ground=held.ground,
            scope=held.scope,
            effect_version=held.version,
            measure=held.measure,
            effective_at=held.effective_at,
            decision_version=held.decision,
            preserve_until=held.preserve_until,
            was=name if held.renamed else "",
            fell=held.fell,
        )


def _name(number: int, case: fold.Case, words: _Words) -> str:
    """The id of an item with its authority, whatever else that id names by now. Without words it is its number."""
    if (item := words.items.get(number)) is not None:
        return item.was or item.item_id
    held = case.items.get(number)
    return _name(held.renamed, case, words) if held is not None and held.renamed else str(number)


def _flag(flag: str, case: fold.Case, words: _Words) -> str:
    """A flag, its item called as when it was raised."""
    code, _, number = flag.partition(":")
    return f"{code}:{_name(int(number), case, words)}" if number else code


# ----------------------------------------------------------------------------------------------- from its words


class _Naming(ValueModel):
    """A message of an authority, as far as a case keeps its words."""

    reference_number: Line = ""
    items: Items | None = None


_NOTICE: Final = (Opened, Admitted, Amended)
READ: Final[Mapping[type[Event], tuple[str, ...]]] = {
    **dict.fromkeys((*_NOTICE, Answered, Confirmed), ("message",)),
    Quarantined: ("message", "id"),
    Suspended: ("proof_sha256",),
}
"""The parts that hold words of a case."""


def _words_of(stream: Stream, opens: Opens) -> _Words:
    wanted = [(on.seq, name) for on in stream.events for name in READ.get(type(on.event), ()) if name in on.event.parts]
    reading = Reading(stream.reference)
    found = opens(stream, wanted)
    for on in stream.events:
        reading.read(on.event, {name: found.get((on.seq, name)) or b"" for name in READ.get(type(on.event), ())})
    rests_on = stream.events[stream.case.notice_at - 1]
    body = found.get((rests_on.seq, "message")) or b""
    own_id = found.get((rests_on.seq, "id"))
    key = own_id.decode() if own_id is not None else reading.id_of(body)
    message = (rests_on.event.came.sender, key, hashlib.sha256(body).hexdigest()) if key else ("", "", "")
    return _Words(message, reading.reference_number, reading.items(), reading.proofs)


class Reading:
    """The words of a case, read event by event. `named` is how the notice in force, with what was clarified, names each
    item by its number."""

    def __init__(self, reference: str) -> None:
        self._case = reference
        self.reference_number = ""
        self.called: dict[int, str] = {}
        self.named: dict[int, Item] = {}
        self.clarified: set[int] = set()
        self.objects: dict[int, Item] = {}
        self.proofs: dict[int, str] = {}

    def read(self, event: Event, words: Mapping[str, bytes]) -> None:
        if isinstance(event, Suspended):
            self.proofs[event.suspension] = words["proof_sha256"].decode()
        elif isinstance(event, Decided):
            self.objects |= {one.item: self.named[one.item] for one in event.items if one.item in self.named}
        elif isinstance(event, _NOTICE):
            said = self._said(words["message"])
            self.reference_number = said.reference_number
            self.named, self.clarified = {}, set()
            self._name(event, said)
        elif isinstance(event, Answered):
            self._name(event, self._said(words["message"]))
            self.clarified |= {one.number for one in event.items}
        elif isinstance(event, Confirmed):
            signed = {item.item_id: item for item in self._said(words["message"]).items or ()}
            stays = self.named.keys() - self.clarified
            self.named |= {n: signed[name] for n in stays if (name := self.called[n]) in signed}

    def _name(self, event: Opened | Admitted | Amended | Answered, said: _Naming) -> None:
        for one, item in zip(event.items, said.items or (), strict=False):
            self.named.pop(one.instead_of, None)
            self.named[one.number] = item
            self.called[one.number] = item.item_id

    def items(self) -> dict[int, ItemState]:
        known = {number: ItemState(name, number) for number, name in self.called.items()}
        return known | {number: known[number].but(**named_by(item)) for number, item in self.objects.items()}

    def id_of(self, body: bytes) -> str:
        """The id under which a message that could be read came; empty for one that is erased."""
        return str(self._parsed(body).get("id", ""))

    def _said(self, body: bytes) -> _Naming:
        try:
            return _Naming.model_validate(self._parsed(body).get("data", {}), context=FROM_WIRE)
        except ValidationError as error:
            raise StoreDamaged("what its authority wrote is no message any more.", reference=self._case) from error

    def _parsed(self, body: bytes) -> dict[str, Any]:
        try:
            return dict(from_json(body)) if body else {}
        except (ValueError, TypeError) as error:
            raise StoreDamaged("what its authority wrote is no message any more.", reference=self._case) from error
