"""What lies beside the chain of a case, held against it: messages in and out, attempts, what holds its objects.

What follows from the chain alone is compared row by row where the rows are read; what a chain may not say is for the
laws (`lawfulness.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import from_json

from kz_compliance_sdk.domain import fold, outgoing
from kz_compliance_sdk.domain.appeals import Appeal
from kz_compliance_sdk.domain.audit import Fault
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.events.arrivals import Came
from kz_compliance_sdk.domain.events.privacy import Erased, erased_of
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.lawfulness import Broken, Known, broken
from kz_compliance_sdk.domain.legal_check import RecordedCheck
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.reviewed import ContentSeen, ToldDecision
from kz_compliance_sdk.domain.user_notices import UserNoticeState

MessageKey = tuple[str, str, str]
"""Sender, message id, SHA-256 of the body."""


def _no_key(*_what: object) -> str:
    raise ValueError("these records have no key: a digest without one could be guessed from")


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that is stored of one case at one moment: its row and its chain, the words that lie beside the chain
    by sequence and name, and what else is stored. `inbox` holds the messages that its events name, and those that name
    the case; `lies` says in words where rows that are made of the chain are not as it has them, `unreadable` which
    cells do not open with the key of the case, `damage` what is wrong with its stream of the ledger and the parts of
    it, `erased_elsewhere` which other cases, that a message named here went on to, were erased. `keyed` gives a digest
    under the platform's object key."""

    case: Case
    stream: Stream
    decisions: Sequence[ToldDecision]
    inbox: Sequence[InboxRow]
    messages: Sequence[OutboxMessage]
    attempts: Sequence[Attempt]
    words: Mapping[tuple[int, str], bytes | None] = field(default_factory=dict)
    checks: Sequence[RecordedCheck] = ()
    seen: Sequence[ContentSeen] = ()
    appeals: Sequence[Appeal] = ()
    user_notices: Sequence[UserNoticeState] = ()
    lies: Sequence[str] = ()
    unreadable: Sequence[str] = ()
    damage: Sequence[str] = ()
    erased_elsewhere: frozenset[str] = frozenset()
    held: frozenset[int] | None = None
    """The numbers of the items that hold their object, by the streams of these; None where one cannot be believed."""
    keyed: Callable[..., str] = _no_key

    @property
    def lost(self) -> bool:
        """Whether a word of its chain cannot be read that was not erased: `damage` says which."""
        gone = erased_of(self.stream.events)
        return any(word is None and (seq not in gone) for (seq, _), word in self.words.items())


@dataclass(frozen=True, slots=True)
class Loose:
    """The messages that belong to no case, and what is wrong with those that cannot be read and with other rows of no
    case, in words."""

    messages: Sequence[InboxRow]
    faults: Sequence[str]


def check(records: Records, policy: Policy | None = None) -> tuple[Fault, ...]:
    """Every fault of one case: of its chain, by the laws too, and of what lies beside it. `policy` is the one of today:
    what rested on another version is not held against it."""
    case_id = records.case.id
    found = [*records.damage, *(f"{what}: {_OUTSIDE}" for what in records.unreadable), *records.lies]
    if records.stream.fault is None and records.stream.events:
        found += _beside(records)
    unlawful = (Fault(case_id, one.seq, one.what) for one in _unlawful(records, policy))
    return (*unlawful, *(Fault(case_id, 0, what) for what in dict.fromkeys(found)))


_OUTSIDE = "it was changed from outside, or belongs to another row"


def _unlawful(records: Records, policy: Policy | None) -> Iterator[Broken]:
    stream, policies = records.stream, {} if policy is None else {policy.version: policy}
    # One on which nothing may be decided has no events.
    yield from broken(stream.platform, stream.name, stream.events, Known(records.words, records.keyed, policies))


def _beside(records: Records) -> Iterator[str]:
    chain = records.stream.case
    if not records.lost:
        yield from outgoing.lies(records.messages, outgoing.outgoing(records.stream, records.words), chain)
    yield from of_attempts(records.messages, records.attempts)
    yield from () if records.held is None else _of_holds(chain, records.held)
    yield from _of_inbox(records)


def of_attempts(messages: Sequence[OutboxMessage], attempts: Sequence[Attempt]) -> Iterator[str]:
    """Each try of a message is recorded, a lost one too, but not the one under way or that of a message then void."""
    results = {(attempt.message_id, attempt.number): attempt.result for attempt in attempts}
    made = {message.id: message.attempts for message in messages}
    for message_id, number in results:
        if message_id not in made:
            yield f"the attempt {number} is of a message {message_id} that is not there"
        elif not 0 < number <= made[message_id]:
            yield f"the attempt {number} of {message_id} was never made: it was tried {made[message_id]} times"
    for message in messages:
        last = message.attempts - (message.state in ("leased", "void"))
        for number in range(1, last + 1):
            # This program failed with the next one, and with what it had to say of this one.
            excused = results.get((message.id, number + 1)) == "unrecorded"
            if (message.id, number) not in results and not excused:
                yield f"the attempt {number} of the {message.kind} {message.id} is gone"


def _of_holds(chain: fold.Case, held: Collection[int]) -> Iterator[str]:
    """A measure that is in force for a demand holds its object, and none holds one that is not. `held` are the numbers
    of the items that do. Items that were erased, before their notice came again, hold on."""
    for number, item in chain.items.items():
        if item.status == "in_force" and number not in held:
            yield f"the item {number} does not hold its object, and its measure is in force"
        elif not item.measure and number in held:
            yield f"the item {number} holds its object, and no measure of it is in force"


def _of_inbox(records: Records) -> Iterator[str]:
    """The messages that a case speaks of are there with their bytes, until they are erased and no longer."""
    keyed, case_id = records.keyed, records.case.id
    held = {(keyed(row.sender, row.message_id), keyed(row.body_sha256)): row for row in records.inbox}
    behind: dict[tuple[str, str], int] = {}
    erased = 0, 0
    for on in records.stream.events:
        if isinstance(on.event, Erased):
            erased = on.seq, on.at
        came = getattr(on.event, "came", None)
        if isinstance(came, Came):
            behind[came.key, came.body] = on.seq
            if (came.key, came.body) not in held:
                yield f"the message behind event {on.seq} is gone"
    for key, row in held.items():
        before = behind.get(key, 0) < erased[0] and row.received_at <= erased[1]
        if row.body == b"" and (before or row.case_id in records.erased_elsewhere):
            continue
        if before and row.received_at < erased[1] and row.case_id == case_id:
            yield f"the message {row.message_id} {_STILL_THERE}"
        elif sha256(row.body) != row.body_sha256:
            yield _other_bytes(row)


_STILL_THERE = "should have been erased, and is there"


def _other_bytes(row: InboxRow) -> str:
    return f"the bytes of the message {row.message_id} are not those received"


def sha256(body: object) -> str:
    """The digest (hex) of bytes; empty for what is none: the database can hold anything where bytes were written."""
    return hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else ""


def digests_in(stream: Stream) -> set[tuple[str, str]]:
    """The keyed digests of every message that came: of its key, and of its bytes."""
    came = (getattr(on.event, "came", None) for on in stream.events)
    return {(one.key, one.body) for one in came if isinstance(one, Came)}


def messages_in(stream: Stream, words: Mapping[tuple[int, str], bytes | None]) -> list[MessageKey]:
    """The messages that came, as far as their words are there. One that could not be read has a part with its id."""
    found: list[MessageKey] = []
    for on in stream.events:
        came, body = getattr(on.event, "came", None), words.get((on.seq, "message"))
        if isinstance(came, Came) and body is not None:
            own = words.get((on.seq, "id"))
            found.append((came.sender, own.decode() if own is not None else _id_in(body), sha256(body)))
    return found


def _id_in(body: bytes) -> str:
    try:
        return str(dict(from_json(body)).get("id", ""))
    except (ValueError, TypeError):
        return ""


def of_loose(loose: Loose) -> Iterator[Fault]:
    """Every fault of what belongs to no case: bytes that are not those received."""
    for what in loose.faults:
        yield Fault("", 0, what)
    for row in loose.messages:
        if not is_emptied(row) and sha256(row.body) != row.body_sha256:
            yield Fault("", 0, f"the bytes of the message {row.message_id} are not those received")


def is_emptied(row: InboxRow) -> bool:
    """Whether a message of no case looks as the end of its retention leaves it."""
    return row.case_id == "" and row.exit == "noted" and row.body == b"" and row.proof == b""


# ------------------------------------------------------------------- what checkpoints ask of the audit trail
