"""The fold beside the rows: the events of every commit are folded, and compared with what was written with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kz_compliance_sdk.adapters.sql.derived import messages_of
from kz_compliance_sdk.domain import change as old
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.events.base import Happened, ObjectEvent
from kz_compliance_sdk.domain.events.delivery import Versioned
from kz_compliance_sdk.domain.fold import PlatformObject, Stream
from kz_compliance_sdk.domain.messages import as_owed
from kz_compliance_sdk.domain.proposal_checks import said_openly
from kz_compliance_sdk.services.deadlines import STEPPED
from tests.ledger.rows import differences, of_objects
from tests.ledger.shadow import Shadow, sealed


@dataclass
class Beside:
    """The shadows of all cases of one store that were there from their first event."""

    shadows: dict[tuple[str, str], Shadow] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    objects: dict[tuple[str, str], PlatformObject | None] = field(default_factory=dict)
    """What each object's stream came to; None where another process wrote in it meanwhile."""

    def take(self, change: old.Change, times: Callable[[], Iterable[tuple[str, int]]]) -> None:
        """Take one committed change in. `times` reads until when each message waits by now."""
        if any(type(write) is old.Heartbeat and write.part == STEPPED for write in change):
            # Its lines are as they were, but for their times.
            self._moved_by_clock(dict(times()))
            change = tuple(write for write in change if type(write) is not old.Leased)
        for platform, case_id in dict.fromkeys(_cases_of(change)):
            self._take(platform, case_id, change)
        self._take_objects([one for one in old.happenings(change) if isinstance(one.event, ObjectEvent)])

    def _take_objects(self, happened: list[Happened]) -> None:
        before = {key: held.seq for key, held in self.objects.items() if held is not None}
        for one in happened:
            key = one.platform_id, one.stream
            held = self.objects.setdefault(key, PlatformObject(one.stream))
            if held is None or one.read != before.get(key, 0):
                self.objects[key] = None
                continue
            if isinstance(one.event, Versioned) and one.event.version <= held.version:
                self.differences.append(f"{one.stream} had the version {held.version} and gets {one.event.version}")
            one.event.change(held)
            held.seq += 1

    def rows(self, changes: Iterable[old.Change], read: Callable[[str, str, str], Iterable[Any]]) -> None:
        """Hold the rows that are made of chains against the folds, of each case that these changes wrote. `read` gives
        those of a table and a case that are stored by now."""
        for platform, case_id in dict.fromkeys(one for change in changes for one in _cases_of(change)):
            shadow = self.shadows.get((platform, case_id))
            if shadow is None or shadow.case is None:
                continue
            ((number, *_),) = read("cases", platform, case_id)
            stream = Stream(platform, shadow.stream, number, shadow.told)
            took = {(number, *key, platform, case_id, "", seq, "", None) for key, seq in shadow.case.took.items()}
            stray = sorted({tuple(row) for row in read("inbox", platform, case_id)} ^ took, key=str)
            found = [f"the row {row} of a message is in one of the two alone, the store and the fold" for row in stray]
            owed = {tuple(row) for row in messages_of(stream)}
            stray = sorted({tuple(row) for row in read("outbox", platform, case_id)} ^ owed, key=str)
            found += [f"the row {row} of a message is in one of the two alone, the store and the fold" for row in stray]
            lines = {row[1] for row in read("leases", platform, case_id)}
            if lines != {row[1] for row in owed}:
                found.append(f"there are lines of {sorted(lines)}, and rows of {sorted(row[1] for row in owed)}")
            if shadow.case.appeals or shadow.case.tally:
                stored = [*read("appeals", platform, case_id), *read("tallies", platform, case_id)]
                found += differences(stored, stream)
            names = {item.object for item in shadow.case.items.values()}
            known = [self.objects.get((platform, name), PlatformObject(name)) for name in sorted(names)]
            objects = {held.stream: held for held in known if held is not None}
            if len(objects) == len(names):
                found += of_objects(read("preserved", platform, case_id), stream, objects)
            self.differences += [f"{case_id}: {one}" for one in found]

    def _moved_by_clock(self, times: Mapping[str, int]) -> None:
        for shadow in self.shadows.values():
            for name, known in shadow.known.items():
                shadow.known[name] = known.but(next_attempt_at=times.get(name, known.next_attempt_at))

    def end(self) -> None:
        """Read and fold each case anew from its first event."""
        for shadow in self.shadows.values():
            self._end(shadow)

    def _end(self, shadow: Shadow) -> None:
        self.differences += [
            f"{shadow.case_id}: {one}" for one in (*compare(shadow), *shadow.differences(), *shadow.unlawful())
        ]

    def _take(self, platform: str, case_id: str, change: old.Change) -> None:
        key = platform, case_id
        mine = [write for write in change if (platform, case_id) in _case_of(write)]
        cases = [write.case for write in mine if type(write) is old.Watch]
        shadow = self.shadows.get(key)
        if shadow is None:
            if not any(type(write) is old.Watch and not write.case.version for write in mine):
                return
            shadow = self.shadows[key] = Shadow(platform, case_id)
        elif cases and cases[0].version != len(shadow.links):
            # Another process went on with it meanwhile, or the outcome of a commit was not known.
            self._end(self.shadows.pop(key))
            return
        for event in old.happenings(mine):
            self._happened(shadow, event)
        self._messages(shadow, mine)

    def _happened(self, shadow: Shadow, told: Happened) -> None:
        """What a step itself tells."""
        if unknown := told.words.keys() - told.event.words.keys():
            self.differences.append(f"{type(told.event).__name__} has no words {sorted(unknown)}")
        event = msgspec.structs.replace(told.event, parts=sealed(**told.words))
        shadow.append(event, told.at, told.actor)
        shadow.learn(event, told.words)

    # ---------------------------------------------------------------------------------------------- what leaves

    def _messages(self, shadow: Shadow, writes: list[Any]) -> None:
        assert shadow.case is not None
        for name, owed in shadow.case.messages.items():
            made = as_owed(shadow.platform, shadow.case_id, owed)
            message = shadow.known.get(name, made)
            if (message.endpoint, message.deadline_at) != (made.endpoint, made.deadline_at):
                moved = {"endpoint": made.endpoint, "deadline_at": made.deadline_at}
                message = message.but(**moved, next_attempt_at=made.next_attempt_at)
            shadow.known[name] = message.but(state="void") if owed.state == "voided" else message
        for write in writes:
            if type(write) is old.Leased and write.message.id in shadow.known:
                self._now(shadow, write.message)

    def _now(self, shadow: Shadow, message: OutboxMessage) -> None:
        assert shadow.case is not None
        shadow.known[message.id] = message
        want, held = state_of(message), shadow.case.messages[message.id].state
        if held != want:
            self.differences.append(f"{shadow.case_id}: {message.kind} is {want}, the fold says {held}")


def state_of(message: OutboxMessage) -> str:
    """What the ledger calls the state of a message."""
    if message.state in ("queued", "leased"):
        if message.maybe_arrived:
            return "unknown"
        return "begun" if message.attempts else "owed"
    return {"waiting": "waiting", "parked": "parked", "void": "voided", "done": "done"}[message.state]


def _case_of(write: Any) -> tuple[tuple[str, str], ...]:
    kind = type(write)
    if kind is old.Watch:
        return ((write.case.platform_id, write.case.id),)
    if kind is old.Leased:
        return ((write.message.platform_id, write.message.case_id),)
    if kind is Happened:
        return ((write.platform_id, write.stream.removeprefix("case/")),) if write.stream.startswith("case/") else ()
    case_id = getattr(write, "case_id", "")
    return ((write.platform_id, case_id),) if case_id else ()


def _cases_of(change: old.Change) -> Iterator[tuple[str, str]]:
    for write in change:
        yield from _case_of(write)


# ------------------------------------------------------------------------------------------------ what must be equal


def compare(shadow: Shadow) -> list[str]:
    """Where the fold and the messages that were written differ."""
    case = shadow.case
    assert case is not None
    found: list[str] = []

    def same(what: str, theirs: object, ours: object) -> None:
        if theirs != ours:
            found.append(f"{what}: {theirs!r} was written, the fold says {ours!r} (after {shadow.links[-1].kind})")

    asked = {version: (said_openly(one.rules), one.needs_approval) for version, one in shadow.decisions.items()}
    same("rules that asked", asked, {one.version: (one.rules, one.four_eyes) for one in case.decisions.values()})
    for name, message in shadow.known.items():
        ours3 = case.messages[name]
        same(f"message {message.kind} {message.lane_seq}", state_of(message), ours3.state)
        if ours3.state == "owed" and message.kind == "page":
            same("page not_before", min(message.next_attempt_at, ours3.not_before), ours3.not_before)
        if ours3.state == "owed" and message.kind != "page":
            same(f"{message.kind} not_before", message.next_attempt_at, ours3.not_before)
            same(f"{message.kind} due_at", message.deadline_at, ours3.due_at)
            same(f"{message.kind} endpoint", message.endpoint, ours3.endpoint)
    return found
