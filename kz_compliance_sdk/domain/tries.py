"""What the ledger is told of the tries of a message, and how that holds the rows in which they are recorded.

Few are told, each for all since the one before: a message that is tried 1,500 times tells of it some 12 times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kz_compliance_sdk.domain.events.delivery import Tried
from kz_compliance_sdk.domain.fold import Stream, Tries
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.outbox import Attempt, tries_digest

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
