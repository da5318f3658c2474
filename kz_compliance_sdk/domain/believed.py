"""A case as its chain has it: the fold of its events, and the words that lie beside them.

`true_case` makes it: whoever acts on a case, or reads one, is given this and no row.

What policy makes of a case at the moment of a step comes from no chain (`PLANNED`): when it is watched next, where its
ladder stopped and, only of a case whose term was paused, its place in the queue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from msgspec import MsgspecError, Struct, json

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.case import Case, ItemState, Words, told
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.events.arrivals import Admitted, Amended, Answered, Confirmed, Opened, Quarantined
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.delivery import UserNoticeOwed
from kz_compliance_sdk.domain.events.remedies import AppealReversed, Suspended
from kz_compliance_sdk.domain.events.review import Decided, Judged, Proposed
from kz_compliance_sdk.domain.fold import Opens, Stream
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.messages import named_by, report_lane
from kz_compliance_sdk.errors import StoreDamaged

PLANNED: Final = ("urgent_at", "watch_at", "running_watch_at")


def true_case(stream: Stream, opens: Opens, beside: Mapping[str, Any]) -> Case:
    """The case of a stream, with what is not in it from `beside`: the fields of PLANNED. Raises
    StoreDamaged where the chain or a word of it cannot be read."""
    case = folded(stream)
    until, words = _words_of(stream, opens)
    said = told(case, stream.roster, words)
    # Whoever reads it again behind other events makes only the items anew that these changed.
    items = {**words.items, **{item.number: item for item in said["items"]}}
    stream.said[_WORDS] = until, replace(words, items=items)
    return Case.of(platform_id=stream.platform, id=stream.reference, **{**beside, **said})


def read_case(stream: Stream, opens: Opens, beside: Mapping[str, Any]) -> Case:
    """As `true_case`, where words that cannot be read hold up nothing: an item is called as the other messages and its
    decisions call it then, by `~` and its number where none does; its object by its stream."""
    try:
        return true_case(stream, opens, beside)
    except StoreDamaged:
        said = told(folded(stream), stream.roster, _words_left(stream, opens))
        return Case.of(platform_id=stream.platform, id=stream.reference, **{**beside, **said})


def planned_anew(stream: Stream) -> dict[str, Any]:
    """The fields of PLANNED of a case whose row says nothing: it is watched at once, and whatever of its ladder has not
    fired yet is due. Raises StoreDamaged."""
    case = folded(stream)
    last = max((one.fired_at for one in case.steps.values() if one.step not in case.unsure), default=-1)
    return {"urgent_at": case.due_at, "watch_at": last + 1, "running_watch_at": None}


def leaving(stream: Stream, message: OutboxMessage, now: int) -> OutboxMessage:
    """A message that is to leave, as far as its chain knows it: whether it may have arrived is not for a row to say.
    Raises StoreDamaged for one that the case does not owe, not yet, or not like this."""
    owed = folded(stream).messages.get(message.id)
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
PROPOSAL: Final = "proposal"
BODY: Final = "body"
_UNKNOWN: Final = "\N{EM DASH}"
"""The number of a case whose authority's words cannot be read: a report must have one."""

READ: Final[Mapping[type[Event], tuple[str, ...]]] = {
    **dict.fromkeys((*_NOTICE, Answered, Confirmed), ("message",)),
    Quarantined: ("message", "id"),
    Suspended: ("proof_sha256",),
    Decided: (),
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
    words = Words(_rests_on(stream, reading, found), reading.reference_number, reading.items(), reading.proofs)
    return telling[-1].seq if telling else 0, words


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
    return Words(message, reading.reference_number, _items_left(stream, opens, reading), reading.proofs)


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

    def lose(self, event: Event) -> None:
        """Of an event a word cannot be read: what it names is called by nothing that was known before."""
        if isinstance(event, _NOTICE):
            self.reference_number, self.named, self.clarified = _UNKNOWN, {}, set()
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
            number: ItemState.of(item_id=name, number=number, **named_by(item) if item is not None else {})
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
