"""What leaves for a case, as its chain has it: the bytes of each message, what came back, and when it was over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import MsgspecError, Struct, json
from pydantic_core import from_json

from kz_compliance_sdk.domain.believed import READ, Reading, planned_anew, read_case
from kz_compliance_sdk.domain.change import Attempt, OutboxMessage, tries_digest
from kz_compliance_sdk.domain.events.delivery import Receipt, Tried
from kz_compliance_sdk.domain.events.privacy import Erased
from kz_compliance_sdk.domain.events.review import Decided
from kz_compliance_sdk.domain.fold import Case, Item, Message, Opens, Stream, Tries, apply
from kz_compliance_sdk.domain.ledger import Damage, NewerRelease, Stamped
from kz_compliance_sdk.domain.message_states import in_truth
from kz_compliance_sdk.domain.messages import NAMED_BY, acknowledgement_body, as_owed, effect_body, named_by
from kz_compliance_sdk.domain.reviewed import OBJECTS, PROPOSAL
from kz_compliance_sdk.errors import StoreDamaged

_Words = Mapping[tuple[int, str], bytes | None]
FIXED = ("kind", "endpoint", "body", "created_at", "deadline_at", "lane", "lane_seq")
"""What the row of a message says from the first moment on, and for good."""
_OWN_BYTES = ("report", "clarification", "user_notice")
"""Messages whose bytes are a part of the event that made them."""


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
    return row.but(body=told.body, item_id=told.item_id, created_at=owed.at, deadline_at=owed.due_at)


def _leaving(stream: Stream, owed: Message, opens: Opens, makings: Makings) -> Leaving:
    if owed.kind == "page":
        return Leaving(owed, as_owed(stream.platform, stream.reference, owed).body)
    if owed.at_seq:
        return Leaving(owed, opens(stream, [(owed.at_seq, "body")])[owed.at_seq, "body"] or b"")
    known, making = makings.get((stream.name, owed.seq), (None, None))
    if making is None or known is not stream:
        until = replace(stream, events=stream.events[: owed.seq])
        *_, making = _makings(until, opens(stream, _made_of(until)))
        makings[stream.name, owed.seq] = stream, making
    return making.leaving(owed)


def _lifting(stream: Stream, owed: Message, opens: Opens) -> Leaving:
    """What lifts a measure whose words cannot be read, on the object as other words name it, if any do."""
    items = read_case(stream, opens, planned_anew(stream)).items if owed.kind == "restore" else ()
    item = next((one for one in items if one.number == owed.item), None)
    if item is None:
        return Leaving(owed)
    named = {name: getattr(item, name) for name in NAMED_BY}
    body = effect_body(stream.reference, owed, stream.case.items[owed.item], named, item.item_id)
    return Leaving(owed, body, item.item_id)


def as_told(stream: Stream, words: _Words, stored: Sequence[OutboxMessage]) -> tuple[OutboxMessage, ...]:
    """What a case ever owed, each message as its chain has it; of its row is only how it was tried. All its words must
    be readable, or erased."""
    rows, found = {row.id: row for row in stored}, outgoing(stream, words)
    order = (*(row.id for row in stored if row.id in found), *(name for name in found if name not in rows))
    return tuple(_told(rows.get(name), found[name], stream) for name in order)


def as_far_as_told(stream: Stream, opens: Opens, stored: Iterable[OutboxMessage]) -> Iterator[OutboxMessage]:
    """Messages of a case some words of which cannot be read, those that are made of others with their bytes."""
    for row in stored:
        try:
            yield as_made(stream, row, opens)
        except (StoreDamaged, NewerRelease):
            yield row


_ENDED: Mapping[str, Literal["done", "void"]] = {"done": "done", "voided": "void"}


def _told(row: OutboxMessage | None, told: Leaving, stream: Stream) -> OutboxMessage:
    one = told.message
    at = one.not_before if row is None else row.next_attempt_at
    row = in_truth(row or as_owed(stream.platform, stream.reference, one), stream.case, at).but(
        kind=one.kind,
        body=told.body,
        item_id=told.item_id,
        created_at=one.at,
        deadline_at=one.due_at,
        receipt=told.receipt,
        receipt_proof=told.receipt_proof,
    )
    return row.but(state=_ENDED[one.state], settled_at=told.settled_at) if one.settled else row


def _made_of(until: Stream) -> Iterator[tuple[int, str]]:
    """The parts that an encoder makes the bytes of a message of."""
    for on in until.events:
        names = (*READ.get(type(on.event), ()), PROPOSAL, OBJECTS)
        yield from ((on.seq, name) for name in names if name in on.event.parts)


def _ended(
    found: Mapping[str, Leaving], before: Mapping[str, bool], case: Case, on: Stamped, words: _Words
) -> Iterator[tuple[str, Leaving]]:
    for name, one in found.items():
        if case.messages[name].settled and not before.get(name, False):
            yield name, replace(one, settled_at=on.at)
    if isinstance(on.event, Receipt) and on.event.message in found:
        one = replace(found[on.event.message], settled_at=on.at)
        came = {name: words.get((on.seq, name)) or b"" for name in on.event.parts}
        yield (
            on.event.message,
            replace(one, receipt=came.get("receipt", b""), receipt_proof=came.get("signature", b"")),
        )


class _Judged(Struct, frozen=True):
    """An item as a decision names it, and the content that was decided about."""

    item_id: str
    content_sha256: str | None = None


class _Proposal(Struct, frozen=True):
    items: tuple[_Judged, ...]


class _Decision(Struct, frozen=True):
    """What the bytes of an effect need of a decision."""

    proposal: _Proposal


_read_decision = json.Decoder(_Decision).decode


@dataclass(frozen=True, slots=True)
class Making:
    """What the bytes of a message are made of: the case behind the event `on` that owes it, its messages `before` that,
    and the words until then. The ids of the `items` that were renamed before had gone on to other objects."""

    stream: Stream
    on: Stamped
    case: Case
    before: Mapping[str, Message]
    items: Mapping[int, Item]
    reading: Reading
    words: _Words

    def leaving(self, message: Message) -> Leaving:
        """A message as it is made."""
        if message.kind in _OWN_BYTES:
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
    reading, case = Reading(stream.reference), Case(stream.platform, stream.name)
    for on in stream.events:
        before, items = case.messages.copy(), case.items.copy()
        reading.read(on.event, {name: words.get((on.seq, name)) or b"" for name in READ.get(type(on.event), ())})
        apply(case, on)
        yield Making(stream, on, case, before, items, reading, words)


def lies(stored: Iterable[OutboxMessage], chain: Mapping[str, Leaving], case: Case) -> Iterator[str]:
    """In what the rows of a case's messages are not as its chain has them, in words. When one is tried next is planned,
    and how often it was is told by its attempts."""
    left = set(chain)
    for row in stored:
        told = chain.get(row.id)
        left.discard(row.id)
        if told is None:
            yield f"no event says that the {row.kind} {row.id} was written"
            continue
        if in_truth(row, case, row.next_attempt_at) != row:
            yield f"its row says another state or way of the {row.kind} {row.id} than its chain"
        owed = as_owed(row.platform_id, row.case_id, told.message)
        if wrong := next((name for name in FIXED if getattr(row, name) != getattr(owed, name)), ""):
            yield f"its row says another {wrong} of the {row.kind} {row.id} than its chain"
        if told.message.settled and row.state in ("done", "void") and row.settled_at != told.settled_at:
            yield f"its row says another settled_at of the {row.kind} {row.id} than its chain"
    for name in sorted(left):
        yield f"the message {name} is gone"


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
