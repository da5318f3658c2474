"""What lies beside the chain of a case, held against it: messages in and out, attempts, what holds its objects.

What follows from the chain alone is compared row by row where the rows are read; what a chain may not say is for the
laws (`lawfulness.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.believed import lies, others_than_told, tellings_of
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Attempt, InboxRow, OutboxMessage
from kz_compliance_sdk.domain.events.privacy import erasable, erased_of
from kz_compliance_sdk.domain.fold import Chain, Stream
from kz_compliance_sdk.domain.lawfulness import Broken, Known, broken
from kz_compliance_sdk.domain.messages import as_owed
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.received import received_in


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a case, `seq` 0 where no event of it is to blame."""

    case_id: str
    seq: int
    what: str


def _no_key(*_what: object) -> str:
    raise ValueError("these records have no key: a digest without one could be guessed from")


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that is stored of one case at one moment: its chain, the case by that, as far as it can be read, and
    the rows beside it. `messages` are what left as the chain has it, `lines` those with a line in the leases
    by their ids, as that has them; `repeats` says how often
    a message came again, by its key and its body. `lies` says in words where rows that are made of the chain are not as
    it has them, `unreadable` which rows, or cells of them, cannot be read, `damage` what is wrong with its stream and
    the parts of it. `keyed` gives a digest under the platform's object key."""

    case: Case
    chain: Chain
    messages: Sequence[OutboxMessage]
    attempts: Sequence[Attempt]
    repeats: Callable[[str, str], int]
    lies: Sequence[str] = ()
    unreadable: Sequence[str] = ()
    damage: Sequence[str] = ()
    held: frozenset[int] | None = None
    """The numbers of the items that hold their object, by the streams of these; None where one cannot be believed."""
    keyed: Callable[..., str] = _no_key
    lines: Mapping[str, OutboxMessage] = field(default_factory=dict)

    @property
    def stream(self) -> Stream:
        return self.chain.stream

    @property
    def words(self) -> dict[tuple[int, str], bytes | None]:
        """What lies beside the chain, None for what was erased or cannot be read."""
        return self.chain.all_words()

    @property
    def inbox(self) -> list[InboxRow]:
        """The messages of which the chain tells, as far as they can be read."""
        return [] if self.stream.fault is not None else received_in(self.stream, self.chain.opened, self.repeats)

    @property
    def lost(self) -> bool:
        """Whether a word of its chain cannot be read that was not erased: `damage` says which."""
        gone = erased_of(self.stream.events)
        return any(word is None and (seq not in gone) for (seq, _), word in self.words.items())

    @property
    def erased(self) -> bool:
        """Whether its personal data was destroyed, and none came since."""
        stream = self.stream
        return stream.fault is None and stream.case.erased_at > 0 and not erasable(stream.events)


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
    yield from of_what_leaves(records.case.id, chain, records.lines, records.attempts)
    yield from _of_tries(records)
    yield from () if records.held is None else _of_holds(chain, records.held)


def of_what_leaves(
    reference: str, chain: fold.Case, lines: Mapping[str, OutboxMessage], attempts: Sequence[Attempt]
) -> Iterator[str]:
    """What is wrong with the lines and the tries of a stream's messages; `reference` is empty for an alert of no
    case."""
    yield from lies(lines, chain)
    yield from of_attempts(_made(reference, chain, lines, attempts), attempts)


def _made(
    reference: str, chain: fold.Case, lines: Mapping[str, OutboxMessage], attempts: Iterable[Attempt]
) -> Iterator[OutboxMessage]:
    """The messages of a stream. How often each was tried is told by its line, by its chain once that is gone."""
    last = {one.message_id: one.number for one in sorted(attempts, key=lambda one: one.number)}
    for owed in chain.messages.values():
        line, message = lines.get(owed.id), as_owed(chain.platform, reference, owed)
        if line is not None:
            yield message.but(state=line.state, attempts=line.attempts)
        else:
            # What a step took back may have been tried since its chain was told of tries.
            yield message.but(attempts=owed.tries if owed.state == "done" else max(owed.tries, last.get(owed.id, 0)))


def of_attempts(made: Iterable[OutboxMessage], attempts: Iterable[Attempt]) -> Iterator[str]:
    """Each try of a message is recorded, a lost one too, but not the one under way or that of a message then void."""
    results = {(attempt.message_id, attempt.number): attempt.result for attempt in attempts}
    messages = [*made]
    tried = {message.id: message.attempts for message in messages}
    for message_id, number in results:
        if message_id not in tried:
            yield f"the attempt {number} is of a message {message_id} that is not there"
        elif not 0 < number <= tried[message_id]:
            yield f"the attempt {number} of {message_id} was never made: it was tried {tried[message_id]} times"
    for message in messages:
        last = message.attempts - (message.state in ("leased", "void"))
        for number in range(1, last + 1):
            # This program failed with the next one, and with what it had to say of this one.
            excused = results.get((message.id, number + 1)) == "unrecorded"
            if (message.id, number) not in results and not excused:
                yield f"the attempt {number} of the {message.kind} {message.id} is gone"


def _of_tries(records: Records) -> Iterator[str]:
    """The tries of a message are those that its chain tells. What was tried since is held by `of_attempts` alone."""
    stored: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in records.attempts:
        stored[attempt.message_id].append(attempt)
    for message_id, told in tellings_of(records.stream.events).items():
        kind = records.stream.case.messages[message_id].kind
        for first, last, seq in others_than_told(told, stored[message_id], records.keyed):
            tries = f"the attempt {first}" if first == last else f"one of the attempts {first} to {last}"
            yield f"{tries} of the {kind} {message_id} is not what the event {seq} tells"


def _of_holds(chain: fold.Case, held: Collection[int]) -> Iterator[str]:
    """A measure that is in force for a demand holds its object, and none holds one that is not. `held` are the numbers
    of the items that do. Items that were erased, before their notice came again, hold on."""
    for number, item in chain.items.items():
        if item.status == "in_force" and number not in held:
            yield f"the item {number} does not hold its object, and its measure is in force"
        elif not item.measure and number in held:
            yield f"the item {number} holds its object, and no measure of it is in force"
