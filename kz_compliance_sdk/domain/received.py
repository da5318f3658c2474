"""What came, as the ledger tells it: each message with its bytes, how its origin was proved, and the answer it got."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.cancellations import Arrival, accepted_body, came, carried, noted_body
from kz_compliance_sdk.domain.change import InboxExit, InboxRow
from kz_compliance_sdk.domain.events.arrivals import (
    Admitted,
    Amended,
    Answered,
    Came,
    Cancelled,
    Joined,
    LetterDismissed,
    LetterEntered,
    Lodged,
    LodgedKind,
    Opened,
    Quarantined,
    Reminded,
    Sanctioned,
)
from kz_compliance_sdk.domain.events.base import AS_READ, Happened
from kz_compliance_sdk.domain.events.privacy import Erased, erasable, erased_of
from kz_compliance_sdk.domain.fold import Case, Chain, Stream, apply, fold
from kz_compliance_sdk.domain.ledger import Damage, NewerRelease, Stamped
from kz_compliance_sdk.domain.values import Json, canonical, message_stream

# ------------------------------------------------------------------------------------------------------------ lodging
# Messages that no case took when they came, and sanctions: the fold of their own streams, and what is told there.


@dataclass(frozen=True, slots=True)
class Lodging:
    """A message that came at `at` (UTC seconds). `joined` is the case in which it has taken effect since."""

    said: Lodged
    at: int
    joined: str = ""
    erased: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it waits, or is noted and not erased yet."""
        return not self.joined and not self.erased


def lodging_in(stream: Stream) -> Lodging:
    """The message of a stream. Raises Damage or NewerRelease for one on which nothing may be decided."""
    first, *rest = stream.whole().events or (None,)
    if first is None or not isinstance(first.event, Lodged):
        raise Damage(stream.name, 1, "it does not begin with a message that came")
    cases = [on.event.case for on in rest if isinstance(on.event, Joined)]
    return Lodging(first.event, first.at, "".join(cases[:1]), any(isinstance(on.event, Erased) for on in rest))


def waits_for(stream: Stream) -> str:
    """The notice for which the message of a stream waits; empty for none, and where nothing may be decided on it."""
    try:
        held = lodging_in(stream)
    except (Damage, NewerRelease):
        return ""
    return (held.said.notice or "") if held.is_open else ""


def lodged(arrival: Arrival, kind: LodgedKind, notice_id: str, reply: bytes, stamp: Stamp) -> Happened:
    """That a message of this kind came, which no case takes. `notice_id` is the notice for which it waits, empty for
    none; then the `reply` is kept, which nothing open tells."""
    how = came(arrival, stamp)
    event = Lodged(kind=kind, came=how, notice=notice_id or None)
    words = carried(arrival, event)
    if not notice_id:
        words["reply"] = reply
    data = {name: said.encode() if isinstance(said, str) else said for name, said in words.items()}
    return Happened(arrival.platform_id, _stream(how, stamp), event, stamp.at, AS_READ, None, data)


def joined(row: InboxRow, case_id: str, stamp: Stamp) -> Happened:
    """That a message that waited has taken effect in a case."""
    key, body = stamp.keyed(row.sender, row.message_id), stamp.keyed(row.body_sha256)
    stream = message_stream(key, body, stamp.keyed)
    return Happened(row.platform_id, stream, Joined(case=case_id), stamp.at, AS_READ)


def erased(stream: Stream, ground: str, stamp: Stamp) -> Happened:
    """That the words of a message are destroyed, and their key with them."""
    event = Erased(ground=ground, emptied=erasable(stream.whole().events))
    return Happened(stream.platform, stream.name, event, stamp.at, stream.seq, stamp.actor)


def _stream(how: Came, stamp: Stamp) -> str:
    return message_stream(how.key, how.body, stamp.keyed)


SANCTIONS: Final = "sanction/"
"""How the stream of each begins; a digest of its id under the platform's object key follows."""


@dataclass(frozen=True, slots=True)
class SanctionNoted:
    """A sanction that an authority announced."""

    platform_id: str
    sanction_id: str
    level: str
    notice_ids: tuple[str, ...]
    effective_at: int
    reference_number: str
    received_at: int


def sanctioned(noted: SanctionNoted, stamp: Stamp) -> Happened:
    """That a sanction was announced: for the first time, or with other terms."""
    event = Sanctioned(level=noted.level, notice_ids=noted.notice_ids, effective_at=noted.effective_at)
    words = {"sanction_id": noted.sanction_id.encode(), "reference_number": noted.reference_number.encode()}
    stream = f"{SANCTIONS}{stamp.keyed(noted.sanction_id)}"
    return Happened(noted.platform_id, stream, event, stamp.at, AS_READ, words=words)


def sanction_in(stream: Stream, opens: Callable[..., Mapping[tuple[int, str], bytes | None]]) -> SanctionNoted:
    """What a stream tells of its sanction: when it came and under which number it was announced first, the terms of the
    last announcement. Raises Damage, NewerRelease."""
    events = stream.whole().events
    if not events or not all(isinstance(on.event, Sanctioned) for on in events):
        raise Damage(stream.name, 1, "it tells of no sanction")
    names = (1, "sanction_id"), (1, "reference_number")
    found = opens(stream, names)
    sanction_id, reference_number = ((found[name] or b"").decode("utf-8", "replace") for name in names)
    last = events[-1].event
    return SanctionNoted(
        stream.platform,
        sanction_id,
        last.level,
        last.notice_ids,
        last.effective_at,
        reference_number,
        events[0].at,
    )


def sanctions_in(chains: Iterable[Chain]) -> tuple[list[SanctionNoted], list[str]]:
    """The sanctions that these streams tell of, oldest first, and what is wrong with each that tells of none."""
    told: list[SanctionNoted] = []
    faults: list[str] = []
    for chain in chains:
        try:
            told.append(sanction_in(chain.stream, chain.words))
        except (Damage, NewerRelease) as error:
            faults.append(str(error))
    return sorted(told, key=lambda one: (one.received_at, one.sanction_id)), faults


# ----------------------------------------------------------------------------------------------------------- received


Opens = Callable[[Stream, Iterable[tuple[int, str]]], Mapping[tuple[int, str], bytes | None]]
"""Opens parts of a stream by sequence and name, None for one that was erased."""

_WORDS: Final = ("message", "proof", "reply", "id", "how_it_came")
_TYPES: Final[Mapping[type, str]] = {
    Amended: "notice.amended",
    Answered: "notice.clarified",
    Cancelled: "notice.cancelled",
    Reminded: "notice.reminded",
}
_LETTERS: Final = {"amendment": "notice.amended", "cancellation": "notice.cancelled", "answer": "notice.clarified"}
_READ: Final = frozenset(
    {
        *(
            "platform_mismatch",
            "id_mismatch",
            "id_dotted",
            "authority_key_mismatch",
            "stale",
            "key_expired",
            "key_not_yet_valid",
        ),
        *("conflict", "intake_fault"),
    }
)
"""Why a message could not be used although it could be read."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that tells of a message, and the two times of its case after it, UTC seconds."""

    on: Stamped
    due_at: int
    received_at: int

    @property
    def came(self) -> Came:
        how: Came = self.on.event.came
        return how


def came_of(on: Stamped) -> Came | None:
    """The message of which an event tells, if it tells of one."""
    how = getattr(on.event, "came", None)
    return how if isinstance(how, Came) else None


def repeats_of(key: str, body: str) -> str:
    """By what it is counted how often a message came again: operational, nothing rests on it."""
    return f"again.{hashlib.sha256(f'{key}{body}'.encode()).hexdigest()[:32]}"


def is_wordless(stream: Stream, on: Stamped) -> bool:
    """Whether the bytes of a message were erased."""
    return on.seq in erased_of(stream.events)


def answer_to(stream: Stream, seq: int, opens: Opens) -> tuple[int, bytes]:
    """The status and the bytes with which the message was answered of which this event tells. Raises Damage."""
    on = stream.whole().events[seq - 1]
    case = fold(stream.platform, stream.name, stream.events[:seq])
    told = Told(on, case.due_at, case.received_at)
    kept = [(seq, "reply")] if "reply" in on.event.parts else []
    return told.came.status, _reply(stream, told, opens(stream, kept))


def received_in(
    stream: Stream, opens: Opens, repeats: Callable[[str, str], int] = lambda _key, _body: 0
) -> list[InboxRow]:
    """The messages of a stream, the first one first, each once; of what was erased neither bytes nor names are left.
    `repeats` says how often each came again. Raises Damage or NewerRelease for a stream that cannot be read, Damage for
    words that cannot."""
    of_message: dict[tuple[str, str], list[Told]] = {}
    for one in _told_in(stream):
        of_message.setdefault((one.came.key, one.came.body), []).append(one)
    wanted = [
        (one.on.seq, name)
        for told in of_message.values()
        for one in told
        for name in _WORDS
        if name in one.on.event.parts
    ]
    words = opens(stream, wanted)
    return [_received(stream, told, words, repeats(*key)) for key, told in of_message.items()]


def messages_of(stream: Stream, opens: Opens) -> list[bytes]:
    """The bytes of every message that did something in a case, in their order; of one that did twice, twice."""
    seqs = [on.seq for on in stream.whole().events if came_of(on) is not None and "message" in on.event.parts]
    return [body for body in opens(stream, [(seq, "message") for seq in seqs]).values() if body]


def count_readable(stream: Stream) -> int:
    """How many messages of a case have not been erased."""
    gone = erased_of(stream.whole().events)
    return len({key for key, seq in stream.case.took.items() if seq not in gone})


def _told_in(stream: Stream) -> list[Told]:
    case, told = Case(stream.platform, stream.name), []
    for on in stream.whole().events:
        apply(case, on)
        if came_of(on) is not None:
            told.append(Told(on, case.due_at, case.received_at))
    return told


def _reply(stream: Stream, told: Told, words: Mapping[tuple[int, str], bytes | None]) -> bytes:
    """The exact answer: a part, or made of the event alone."""
    kept = words.get((told.on.seq, "reply"))
    if kept is not None:
        return kept
    event = told.on.event
    if isinstance(event, Lodged):
        return noted_body(event.notice or "", told.on.at)
    return accepted_body(stream.reference, told.due_at, told.received_at)


def _received(
    stream: Stream, told: list[Told], words: Mapping[tuple[int, str], bytes | None], repeats: int
) -> InboxRow:
    def last(name: str) -> bytes:
        return next((said for one in reversed(told) if (said := words.get((one.on.seq, name)))), b"")

    first, latest = told[0], told[-1]
    how, body = latest.came, last("message")
    typed = how.source == "typed"
    # Only what could not be used is taken in when it comes again: else it did something twice by itself.
    times = len(told) if isinstance(first.on.event, Quarantined) else 1
    exit_, case_id, notice_id = _place(stream, latest)
    return InboxRow(
        platform_id=stream.platform,
        sender=how.sender,
        message_id=last("id").decode() or str(_parsed(body).get("id", "")),
        body_sha256="" if is_wordless(stream, latest.on) and not body else hashlib.sha256(body).hexdigest(),
        type=_type(latest.on.event, body),
        source=how.source,
        body=body,
        proof=_typed(first.on, last("how_it_came")) if typed and body else last("proof"),
        received_at=getattr(first.on.event, "received_at", 0) if typed else first.on.at,
        case_id=case_id,
        notice_id=notice_id,
        exit=exit_,
        status=how.status,
        reply=_reply(stream, latest, words),
        deliveries=times + repeats,
    )


def _place(stream: Stream, told: Told) -> tuple[InboxExit, str, str]:
    """What became of a message, its case and its notice."""
    event = told.on.event
    if isinstance(event, Lodged):
        held = lodging_in(stream)
        waits: InboxExit = "waiting" if event.notice and held.is_open else "noted"
        return "accepted" if held.joined else waits, held.joined, event.notice or ""
    case = stream.case
    return _exit(stream, event), stream.reference, case.notice


def _exit(stream: Stream, event: Any) -> InboxExit:
    if isinstance(event, Quarantined):
        return "quarantined"
    if isinstance(event, LetterEntered):
        dismissed = any(
            isinstance(on.event, LetterDismissed) and on.event.letter == event.came.body for on in stream.events
        )
        return "noted" if dismissed else "waiting"
    return "accepted"


def _typed(first: Stamped, how: bytes) -> bytes:
    """What is known of the origin of a letter: who typed it in, and when."""
    who = first.who
    said: dict[str, Json] = {"entered_by": who.id if who is not None else "", "entered_at": first.at}
    if how:
        said["how"] = how.decode()
    if who is not None and who.account:
        said["account"] = who.account
    return canonical(said)


def _type(event: Any, body: bytes) -> str:
    """The type of a message: by what it did where its bytes are gone."""
    if isinstance(event, Quarantined) and event.code not in _READ:
        return "unreadable"
    if isinstance(event, Lodged):
        return event.kind
    if isinstance(event, LetterEntered):
        return _LETTERS[event.kind]
    if isinstance(event, Opened | Admitted):
        return "notice.issued" if event.revision == 1 else "notice.amended"
    return _TYPES.get(type(event)) or str(_parsed(body).get("type", ""))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        return dict(from_json(body)) if body else {}
    except (ValueError, TypeError):
        return {}
