"""A case as its chain has it: the fold of its events, the words that lie beside them, and what leaves for it.

`true_case` makes it: whoever acts on a case, or reads one, is given this and no row.

What policy makes of a case at the moment of a step comes from no chain (its plan): when it is watched next, and where
its ladder stopped. A case of which nothing is planned is watched at once.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import MsgspecError, Struct, json, structs
from pydantic_core import from_json

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.case import Case, ItemState, Words, told
from kz_compliance_sdk.domain.change import Attempt, OutboxMessage, tries_digest
from kz_compliance_sdk.domain.decision import OBJECTS, PROPOSAL
from kz_compliance_sdk.domain.events.arrivals import Admitted, Amended, Answered, Confirmed, Opened, Quarantined
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.delivery import Receipt, Tried, UserNoticeOwed
from kz_compliance_sdk.domain.events.privacy import Erased
from kz_compliance_sdk.domain.events.remedies import AppealReversed, Suspended
from kz_compliance_sdk.domain.events.review import Assigned, Decided, Judged, Proposed
from kz_compliance_sdk.domain.fold import Item, Message, Opens, Stream, Tries, apply
from kz_compliance_sdk.domain.ledger import Damage, Stamped
from kz_compliance_sdk.domain.messages import (
    BY_HAND,
    NAMED_BY,
    acknowledgement_body,
    as_all_owed,
    as_owed,
    astray,
    effect_body,
    in_truth,
    named_by,
    report_lane,
)
from kz_compliance_sdk.errors import StoreDamaged


def true_case(stream: Stream, opens: Opens, plan: Mapping[str, Any] | None) -> Case:
    """The case of a stream, with what is not in it from its `plan`; None where that is lost. Raises
    StoreDamaged where the chain or a word of it cannot be read."""
    case = folded(stream)
    until, words = _words_of(stream, opens)
    said = told(case, stream.roster, words)
    # Whoever reads it again behind other events makes only the items anew that these changed.
    items = {**words.items, **{item.number: item for item in said["items"]}}
    stream.said[_WORDS] = until, structs.replace(words, items=items)
    return _planned(stream, plan, said)


def wordless_case(stream: Stream, plan: Mapping[str, Any] | None) -> Case:
    """As `true_case`, of its chain alone: an item is called by its number. Raises StoreDamaged where the chain cannot
    be read."""
    return _planned(stream, plan, told(folded(stream), stream.roster, Words()))


def _planned(stream: Stream, plan: Mapping[str, Any] | None, said: Mapping[str, Any]) -> Case:
    return Case(platform_id=stream.platform, id=stream.reference, **{**(plan or planned_anew(stream.case)), **said})


def read_case(stream: Stream, opens: Opens, plan: Mapping[str, Any] | None) -> Case:
    """As `true_case`, where words that cannot be read hold up nothing: an item is called as the other messages and its
    decisions call it then, by `~` and its number where none does; its object by its stream."""
    try:
        return true_case(stream, opens, plan)
    except StoreDamaged:
        said = told(folded(stream), stream.roster, _words_left(stream, opens))
        return _planned(stream, plan, said)


def planned_anew(case: fold.Case) -> dict[str, Any]:
    """The plan of a case of which that is lost: it is watched at once, and whatever of its ladder has not
    fired yet is due."""
    last = max((one.fired_at for one in case.steps.values() if one.step not in case.unsure), default=-1)
    return {"watch_at": last + 1, "running_watch_at": None}


def leaving(stream: Stream, message: OutboxMessage, now: int) -> OutboxMessage:
    """A message that is to leave, as far as its chain knows it: whether it may have arrived is not for a row to say.
    Raises StoreDamaged for one that the case does not owe, not yet, or not like this."""
    owed = folded(stream).messages.get(message.id)
    held = owed is not None and owed.state in ("waiting", "parked")
    if owed is None or owed.settled or held or (owed.state == "owed" and owed.not_before > now):
        said = "does not owe" if owed is None else "has settled" if owed.settled else "does not let out yet"
        raise StoreDamaged(f"a row would send what its chain {said}.", reference=message.case_id or message.id)
    if (message.kind, message.endpoint) != (owed.kind, owed.endpoint) or not _in_its_lane(message, owed):
        raise StoreDamaged("a row would send something otherwise than its chain says.", reference=message.case_id)
    if owed.state == "owed":
        return message.but(state="queued", maybe_arrived=False)
    return message.but(maybe_arrived=owed.state == "unknown")


def check_held(stream: Stream, message: OutboxMessage) -> None:
    """Raise StoreDamaged for a message that waits for a person, and does not by the chain of its case."""
    held = folded(stream).messages.get(message.id)
    if held is None or (held.state, held.endpoint) != (message.state, message.endpoint):
        raise StoreDamaged("a row would have a person send what its chain does not.", reference=message.case_id)


def _in_its_lane(message: OutboxMessage, owed: fold.Message) -> bool:
    """Whether a message waits for those that it must wait for: else a later effect comes before an earlier one, or one
    that holds is taken for one that does not."""
    if owed.kind == "report":
        return (message.lane, message.lane_seq) == (report_lane(message.case_id), owed.number)
    if owed.kind not in ("enforce", "restore"):
        return not message.lane
    return (message.lane, message.lane_seq) == (owed.object, owed.number)


def folded(stream: Stream) -> fold.Case:
    """What a chain tells of a case. Raises StoreDamaged."""
    if stream.fault is not None:
        fault = stream.fault
        raise StoreDamaged(str(fault), code=fault.code, reference=stream.reference) from fault
    if not stream.events:
        raise StoreDamaged("its chain is gone: nothing can be decided about it.", reference=stream.reference)
    return stream.case


# ----------------------------------------------------------------------------------------------- from its words


class Named(Struct, frozen=True, gc=False):
    """An item as a message of an authority names it."""

    item_id: str
    url: str | None = None
    object_id: str | None = None
    account_ref: str | None = None


class _Naming(Struct, frozen=True, gc=False):
    """What a message of an authority says, as far as a case keeps its words."""

    reference_number: str = ""
    items: tuple[Named, ...] | None = None


class _Message(Struct, frozen=True, gc=False):
    """A message of an authority: its id, and what it says."""

    id: str = ""
    data: _Naming = _Naming()


_read = json.Decoder(_Message).decode
_WORDS: Final = "words"
_NOTICE: Final = (Opened, Admitted, Amended)
BODY: Final = "body"
_UNKNOWN: Final = "\N{EM DASH}"
"""The number of a case whose authority's words cannot be read: a report must have one."""

READ: Final[Mapping[type[Event], tuple[str, ...]]] = {
    **dict.fromkeys((*_NOTICE, Answered, Confirmed), ("message",)),
    Quarantined: ("message", "id"),
    Suspended: ("proof_sha256",),
    Decided: (),
    Assigned: ("assignee",),
}
"""The events that tell how a case is worded, and their parts that hold its words."""


def _words_of(stream: Stream, opens: Opens) -> tuple[int, Words]:
    """How a case is worded, and by which event last."""
    telling = _telling(stream)
    until, words = stream.said.get(_WORDS, (0, Words()))
    if telling and telling[-1].seq == until:
        return until, words
    reading, found = Reading(stream.reference), opens(stream, [one for on in telling for one in _wanted(on)])
    for on in telling:
        reading.read(on.event, _read_of(on, found))
    words = Words(
        _rests_on(stream, reading, found),
        reading.reference_number,
        reading.items(),
        reading.proofs,
        reading.assigned_to,
    )
    return telling[-1].seq if telling else 0, words


def worded_by(stream: Stream) -> list[tuple[int, str]]:
    """The parts that say how a case is worded, by sequence and name; none where its chain cannot be read."""
    return [one for on in _telling(stream) for one in _wanted(on)]


def _telling(stream: Stream) -> list[Stamped]:
    return [on for on in stream.events if type(on.event) in READ]


def _wanted(on: Stamped) -> list[tuple[int, str]]:
    return [(on.seq, name) for name in READ.get(type(on.event), ()) if name in on.event.parts]


def _read_of(on: Stamped, found: Mapping[tuple[int, str], bytes | None]) -> dict[str, bytes]:
    return {name: found.get((on.seq, name)) or b"" for name in READ.get(type(on.event), ())}


def _rests_on(stream: Stream, reading: Reading, found: Mapping[tuple[int, str], bytes | None]) -> tuple[str, str, str]:
    """The message on which a case rests: its sender, its id and its SHA-256."""
    on = stream.events[stream.case.notice_at - 1]
    body, own_id = found.get((on.seq, "message")) or b"", found.get((on.seq, "id"))
    key = own_id.decode() if own_id is not None else reading.id_of(body)
    return (on.event.came.sender, key, hashlib.sha256(body).hexdigest()) if key else ("", "", "")


def _words_left(stream: Stream, opens: Opens) -> Words:
    """What can be said of a case of which a word cannot be read. An item that nobody can name any more is called as no
    authority can call one, so that it is taken for no other."""
    reading, found = Reading(stream.reference), dict[tuple[int, str], bytes | None]()
    for on in _telling(stream):
        try:
            held = opens(stream, _wanted(on))
            reading.read(on.event, _read_of(on, held))
            found |= held
        except StoreDamaged:
            reading.lose(on.event)
    message = _rests_on(stream, reading, found)
    items = _items_left(stream, opens, reading)
    return Words(message, reading.reference_number, items, reading.proofs, reading.assigned_to)


def _items_left(stream: Stream, opens: Opens, reading: Reading) -> dict[int, ItemState]:
    chain, names = stream.case.items, {**_names_decided(stream, opens), **reading.called}
    about = {**_told_to_users(stream, opens), **reading.named, **reading.objects}
    known = {chain[number].object: item for number, item in about.items() if number in chain}
    items = {number: ItemState(names.get(number, f"~{number}"), number) for number in chain}
    for number, held in chain.items():
        if held.decision:
            said = known.get(held.object)
            items[number] = items[number].but(**named_by(said) if said else {"object_key": held.object})
    return items


def _told_to_users(stream: Stream, opens: Opens) -> dict[int, Named]:
    """The items of which users are told, by their numbers, as the notice named them."""
    told: dict[int, Named] = {}
    owed = {on.seq: on.event.item for on in stream.events if isinstance(on.event, UserNoticeOwed) and on.event.parts}
    for seq, number in owed.items():
        with suppress(StoreDamaged, MsgspecError):
            named = _read_named(opens(stream, [(seq, BODY)])[seq, BODY] or b"")
            if named.url or named.object_id or named.account_ref:
                told[number] = named
    return told


def _names_decided(stream: Stream, opens: Opens) -> dict[int, str]:
    """How the decisions of a case call its items, by their numbers."""
    names: dict[int, str] = {}
    proposed: dict[int, tuple[Judged, ...]] = {on.seq: on.event.items for on in stream.events if _proposes(on.event)}
    for seq, items in proposed.items():
        with suppress(StoreDamaged, MsgspecError):
            said = _read_proposal(opens(stream, [(seq, PROPOSAL)])[seq, PROPOSAL] or b"{}").proposal.items
            names |= {one.item: named.item_id for one, named in zip(items, said, strict=False)}
    return names


def _proposes(event: Event) -> bool:
    return isinstance(event, Proposed | AppealReversed) and PROPOSAL in event.parts


class _Proposal(Struct, frozen=True):
    items: tuple[Named, ...] = ()


class _Decided(Struct, frozen=True):
    """How a decision calls its items."""

    proposal: _Proposal = _Proposal()


_read_proposal = json.Decoder(_Decided).decode
_read_named = json.Decoder(Named).decode


class Reading:
    """The words of a case, read event by event. `named` is how the notice in force, with what was clarified, names each
    item by its number."""

    def __init__(self, reference: str) -> None:
        self._case = reference
        self.reference_number = ""
        self.called: dict[int, str] = {}
        self.named: dict[int, Named] = {}
        self.clarified: set[int] = set()
        self.objects: dict[int, Named] = {}
        self.proofs: dict[int, str] = {}
        self.assigned_to = ""

    def read(self, event: Event, words: Mapping[str, bytes]) -> None:
        if isinstance(event, Suspended):
            self.proofs[event.suspension] = words["proof_sha256"].decode()
        elif isinstance(event, Assigned):
            self.assigned_to = words.get("assignee", b"").decode()
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

    def lose(self, event: Event) -> None:
        """Of an event a word cannot be read: what it names is called by nothing that was known before."""
        if isinstance(event, _NOTICE):
            self.reference_number, self.named, self.clarified = _UNKNOWN, {}, set()
        elif isinstance(event, Assigned):
            self.assigned_to = ""
        elif isinstance(event, Answered):
            for one in event.items:
                self.named.pop(one.instead_of, None)
                self.named.pop(one.number, None)

    def _name(self, event: Opened | Admitted | Amended | Answered, said: _Naming) -> None:
        for one, item in zip(event.items, said.items or (), strict=False):
            self.named.pop(one.instead_of, None)
            self.named[one.number] = item
            self.called[one.number] = item.item_id

    def items(self) -> dict[int, ItemState]:
        return {
            number: ItemState(item_id=name, number=number, **named_by(item) if item is not None else {})
            for number, name in self.called.items()
            for item in (self.objects.get(number),)
        }

    def id_of(self, body: bytes) -> str:
        """The id under which a message that could be read came; empty for one that is erased."""
        return self._message(body).id

    def _said(self, body: bytes) -> _Naming:
        return self._message(body).data

    def _message(self, body: bytes) -> _Message:
        try:
            return _read(body) if body else _Message()
        except (MsgspecError, UnicodeDecodeError) as error:
            raise StoreDamaged("what its authority wrote is no message any more.", reference=self._case) from error


# ---------------------------------------------------------------------------------------------------------- what leaves
# What leaves for a case, as its chain has it: the bytes of each message, what came back, and when it was over.


_Words = Mapping[tuple[int, str], bytes | None]


@dataclass(frozen=True, slots=True)
class Leaving:
    """A message of a case with what its words make of it. What was `erased` has no bytes any more. `settled_at` is UTC
    seconds, None while it is not over."""

    message: Message
    body: bytes = b""
    item_id: str = ""
    receipt: bytes = b""
    receipt_proof: bytes = b""
    settled_at: int | None = None
    erased: bool = False


def outgoing(stream: Stream, words: _Words) -> dict[str, Leaving]:
    """Every message that a case ever owed, by its id. Raises Damage or NewerRelease."""
    owed: dict[int, list[Message]] = defaultdict(list)
    for message in stream.case.messages.values():
        owed[message.seq].append(message)
    found: dict[str, Leaving] = {}
    for making in _makings(stream, words):
        on, before = making.on, {name: making.before[name].settled for name in found}
        found |= {message.id: making.leaving(message) for message in owed.get(on.seq, ())}
        found |= dict(_ended(found, before, making.case, on, words))
        if isinstance(on.event, Erased):
            found = {name: Leaving(one.message, settled_at=one.settled_at, erased=True) for name, one in found.items()}
    return found


def as_made(stream: Stream, row: OutboxMessage, opens: Opens, makings: Makings | None = None) -> OutboxMessage:
    """A message with the bytes that its chain makes, whatever its row says; one of which no event tells stays as it is.
    What one event has several messages made of is read once for all that share their `makings`.
    Raises StoreDamaged where they cannot be made: a measure is lifted then by what other words call its object."""
    owed = stream.case.messages.get(row.id)
    if owed is None:
        return row
    try:
        told = _leaving(stream, owed, opens, {} if makings is None else makings)
    except (Damage, LookupError, ValueError, MsgspecError) as error:
        told = _lifting(stream, owed, opens)
        if not told.body:
            what = "what it should send cannot be made of its chain."
            raise StoreDamaged(what, reference=stream.reference) from error
    if not told.body:
        raise StoreDamaged("what it should send was erased.", reference=stream.reference)
    return row.but(body=told.body, item_id=told.item_id, created_at=owed.at, deadline_at=owed.due_at or None)


def bodies_of(stream: Stream, names: Container[str]) -> list[tuple[int, str]]:
    """The parts that hold the bytes of these messages, of those that the case owes; none where its chain cannot be
    read."""
    owed = stream.case.owed if stream.fault is None else ()
    return [(one.at_seq, BODY) for one in owed if one.at_seq and one.id in names]


def _leaving(stream: Stream, owed: Message, opens: Opens, makings: Makings) -> Leaving:
    if owed.kind == "page" and not owed.at_seq:
        return Leaving(owed, as_owed(stream.platform, stream.reference, owed).body)
    if owed.at_seq:
        return Leaving(owed, opens(stream, [(owed.at_seq, BODY)])[owed.at_seq, BODY] or b"")
    known, making = makings.get((stream.name, owed.seq), (None, None))
    if making is None or known is not stream:
        until = structs.replace(stream, events=stream.events[: owed.seq])
        *_, making = _makings(until, opens(stream, _made_of(until)))
        makings[stream.name, owed.seq] = stream, making
    return making.leaving(owed)


def _lifting(stream: Stream, owed: Message, opens: Opens) -> Leaving:
    """What lifts a measure whose words cannot be read, on the object as other words name it, if any do."""
    items = read_case(stream, opens, None).items if owed.kind == "restore" else ()
    item = next((one for one in items if one.number == owed.item), None)
    if item is None:
        return Leaving(owed)
    named = {name: getattr(item, name) for name in NAMED_BY}
    body = effect_body(stream.reference, owed, stream.case.items[owed.item], named, item.item_id)
    return Leaving(owed, body, item.item_id)


def as_told(stream: Stream, words: _Words, held: Mapping[str, OutboxMessage]) -> tuple[OutboxMessage, ...]:
    """What a case ever owed, each message as its chain has it, in the order in which it was owed; by its line (`held`)
    is only how it was tried. All its words must be readable, or erased."""
    return tuple(_told(held.get(name), told, stream) for name, told in outgoing(stream, words).items())


def as_far_as_told(stream: Stream, opens: Opens, held: Mapping[str, OutboxMessage]) -> Iterator[OutboxMessage]:
    """Messages of a case some words of which cannot be read, those that are made of others with their bytes."""
    for one in stream.case.messages.values():
        row = held.get(one.id) or as_owed(stream.platform, stream.reference, one)
        try:
            yield as_made(stream, row, opens)
        except StoreDamaged:
            yield row


def _told(line: OutboxMessage | None, told: Leaving, stream: Stream) -> OutboxMessage:
    owed = as_owed(stream.platform, stream.reference, told.message)
    at = owed.next_attempt_at if line is None else line.next_attempt_at
    return in_truth(line, owed, stream.case, at).but(
        body=told.body,
        item_id=told.item_id,
        receipt=told.receipt,
        receipt_proof=told.receipt_proof,
        settled_at=told.settled_at or owed.settled_at,
    )


def _made_of(until: Stream) -> Iterator[tuple[int, str]]:
    """The parts that an encoder makes the bytes of a message of."""
    for on in until.events:
        names = (*READ.get(type(on.event), ()), PROPOSAL, OBJECTS)
        yield from ((on.seq, name) for name in names if name in on.event.parts)


def _ended(
    found: Mapping[str, Leaving], before: Mapping[str, bool], case: fold.Case, on: Stamped, words: _Words
) -> Iterator[tuple[str, Leaving]]:
    for name, one in found.items():
        if case.messages[name].settled and not before.get(name, False):
            yield name, replace(one, settled_at=on.at)
    if isinstance(on.event, Receipt) and on.event.message in found:
        one = replace(found[on.event.message], settled_at=on.at)
        came = {name: words.get((on.seq, name)) or b"" for name in on.event.parts}
        receipt = came.get("receipt") or came.get(BY_HAND, b"")
        yield on.event.message, replace(one, receipt=receipt, receipt_proof=came.get("signature", b""))


class _Judged(Struct, frozen=True):
    """An item as a decision names it, and the content that was decided about."""

    item_id: str
    content_sha256: str | None = None


class _Judgements(Struct, frozen=True):
    items: tuple[_Judged, ...]


class _Decision(Struct, frozen=True):
    """What the bytes of an effect need of a decision."""

    proposal: _Judgements


_read_decision = json.Decoder(_Decision).decode


@dataclass(frozen=True, slots=True)
class Making:
    """What the bytes of a message are made of: the case behind the event `on` that owes it, its messages `before` that,
    and the words until then. The ids of the `items` that were renamed before had gone on to other objects."""

    stream: Stream
    on: Stamped
    case: fold.Case
    before: Mapping[str, Message]
    items: Mapping[int, Item]
    reading: Reading
    words: _Words

    def leaving(self, message: Message) -> Leaving:
        """A message as it is made."""
        if message.at_seq:
            body = self.words[message.at_seq, "body"] or b""
            return Leaving(message, body, self.reading.called.get(message.item, ""))
        if message.kind == "acknowledgement":
            return Leaving(message, self._acknowledgement())
        if message.kind == "page":
            return Leaving(message, as_owed(self.stream.platform, self.stream.reference, message).body)
        named = self.reading.objects.get(message.item)
        if named is None:
            return Leaving(message)
        return Leaving(message, self._effect(message), self._item_id(message))

    def _item_id(self, message: Message) -> str:
        name = self.reading.called.get(message.item, "")
        was = self.items.get(message.item)
        return f"{name}~{message.item}" if was is not None and was.renamed else name

    def _acknowledgement(self) -> bytes:
        came = self.reading.id_of(self.words[self.on.seq, "message"] or b"")
        return acknowledgement_body(self.case, self.stream.reference, came)

    def _effect(self, message: Message) -> bytes:
        item, named = self.case.items[message.item], named_by(self.reading.objects[message.item])
        seen = self._seen(item, message) if isinstance(self.on.event, Decided) else ("", "")
        return effect_body(self.stream.reference, message, item, named, self._item_id(message), *seen)

    def _seen(self, item: Item, message: Message) -> tuple[str, str]:
        """The digest of the content that was decided about, and the object that it was found to be."""
        proposal = self.words[self.case.decisions[item.decision].at_seq, PROPOSAL] or b""
        items, item_id = _read_decision(proposal).proposal.items, self._item_id(message)
        content = next((one.content_sha256 for one in items if one.item_id == item_id), None) or ""
        look = self.case.looks.get(item.number)
        seen = from_json(self.words[look.at_seq, OBJECTS] or b"{}") if look is not None else {}
        _, found, digest = seen.get(str(item.number), ("", "", ""))
        return content, found if digest == content else ""


Makings = dict[tuple[str, int], tuple[Stream, Making]]
"""By the name of a stream and the sequence of an event."""


def _makings(stream: Stream, words: _Words) -> Iterator[Making]:
    """What messages are made of, behind each event of a stream."""
    reading, case = Reading(stream.reference), fold.Case(stream.platform, stream.name)
    for on in stream.events:
        before, items = case.messages.copy(), case.items.copy()
        reading.read(on.event, {name: words.get((on.seq, name)) or b"" for name in READ.get(type(on.event), ())})
        apply(case, on)
        yield Making(stream, on, case, before, items, reading, words)


_WHENEVER = 2**53


def lies(held: Mapping[str, OutboxMessage], chain: fold.Case) -> Iterator[str]:
    """In what the lines of a stream's messages are not as it has them, in words. How often one was tried is told by its
    attempts, and how long one waits by the sweep alone."""
    for one in astray(held, as_all_owed(chain, chain.owed), chain, _WHENEVER):
        if one.id not in chain.messages or chain.messages[one.id].settled:
            yield f"a line of leases is of a message {one.id} that has not to leave"
        else:
            gone = "is gone" if one.id not in held else "says otherwise than its chain"
            yield f"the line in leases of the {one.kind} {one.id} {gone}"


# -------------------------------------------------------------------------------------------------------------- tries
# What the ledger is told of the tries of a message, and how that holds the rows in which they are recorded.
#
# Few are told, each for all since the one before: a message that is tried 1,500 times tells of it some 12 times.


Behind = Callable[[int], Sequence[Attempt]]
"""The stored tries of one message behind a number."""


def telling(
    stream: Stream, attempt: Attempt, behind: Behind, keyed: Callable[..., str], *, settles: bool
) -> Tried | None:
    """What is told of a try, with those since the last that was told; None if it is not its turn. `settles` says that
    nothing more is tried after it. What is stored is read only where something is told."""
    owed = stream.case.messages.get(attempt.message_id)
    if owed is None or not _is_to_be_told(owed.tried, attempt, settles=settles):
        return None
    told = owed.tried
    # One that was given up for lost was told like this, and came back: that is over what it was told to be.
    anew = attempt.number <= told.count
    stored = behind(0 if anew else told.count)
    if anew and any(others_than_told(tellings_of(stream.events)[attempt.message_id], stored, keyed)):
        return None  # What was changed from outside must not become what was told.
    tries = {one.number: one for one in stored}
    known = tries.get(attempt.number, attempt)
    tries[attempt.number] = replace(attempt, started_at=known.started_at)
    count = max(told.count, attempt.number)
    since = [one for number, one in sorted(tries.items()) if number <= count]
    digest = tries_digest("" if anew else told.digest, since, keyed)
    return Tried(message=attempt.message_id, count=count, result=since[-1].result, attempts=digest)


def _is_to_be_told(told: Tries, attempt: Attempt, *, settles: bool) -> bool:
    """The first one, unless it settles its message: what began and what settled that are told already. Then another
    result, twice as many, what settles the message, and what came back."""
    if not told.count:
        return attempt.number > 1 or not settles
    is_due = attempt.number <= told.count or attempt.number >= 2 * told.count
    return is_due or settles or attempt.result != told.result


def tellings_of(events: Iterable[Stamped]) -> dict[str, dict[int, Tried]]:
    """What was told of the tries of each message, by its id and the sequence of the event, from the last on that is
    over all of them."""
    found: defaultdict[str, dict[int, Tried]] = defaultdict(dict)
    for on in events:
        if isinstance(event := on.event, Tried):
            held = found[event.message]
            if held and event.count <= next(reversed(held.values())).count:
                held.clear()
            held[on.seq] = event
    return found


def others_than_told(
    told: Mapping[int, Tried], stored: Iterable[Attempt], keyed: Callable[..., str]
) -> Iterator[tuple[int, int, int]]:
    """Where the stored tries of a message are not those that were told: the first and the last number, and the sequence
    of the event that tells of them."""
    rows, after, before = sorted(stored, key=lambda one: one.number), 0, ""
    for seq, event in told.items():
        own = [one for one in rows if after < one.number <= event.count]
        if tries_digest(before, own, keyed) != event.attempts:
            yield after + 1, event.count, seq
        after, before = event.count, event.attempts
