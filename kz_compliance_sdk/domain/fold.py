"""What a case is, and an object of the platform: the fold of its events. Only an event changes one.

Everything in here comes from the open content of the chain: numbers that we gave, times (UTC seconds), codes of closed
lists, keyed digests. People are their numbers in the stream. What was written by anybody is read from the parts of the
event whose sequence stands here. Nothing here points back to what holds it, so that Python need not look for circles
(`gc=False`): to do so took an eighth of a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from dataclasses import field as one_each
from types import MappingProxyType
from typing import Any, Literal, Self, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from kz_compliance_sdk.domain.clock import ContestResult, Pause, paused_due_at, urgent_at
from kz_compliance_sdk.domain.ledger import FIRST, Damage, Link, NewerRelease, Part, Roster, Stamped
from kz_compliance_sdk.domain.transitions import ENDED, AppealState, CaseState
from kz_compliance_sdk.domain.values import message_id

ItemStatus = Literal["open", "decided", "in_force", "settled", "failed", "lifting", "lifted", "gone", "kept", "stopped"]
MessageKind = Literal["acknowledgement", "clarification", "report", "enforce", "restore", "page", "user_notice"]
UserNoticeKind = Literal["measure", "restored", "appeal_decided"]
UserNoticeStatus = Literal["due", "delayed", "sent", "failed", "void", "off"]
SilenceBasis = Literal["", "notice", "person", "platform"]
MessageState = Literal["owed", "begun", "unknown", "waiting", "parked", "voided", "done"]
NOTHING: Mapping[str, Any] = MappingProxyType({})
PENDING: frozenset[str] = frozenset({"decided", "lifting"})
OPEN: frozenset[str] = frozenset({"open", "failed"})
FINAL: frozenset[str] = frozenset({"in_force", "settled", "lifted", "gone", "kept"})
SETTLED: frozenset[str] = frozenset({"voided", "done"})


class Item(Struct, frozen=True, gc=False):
    """One item, by the number that the case gave it. `object` is the stream of the platform's object, which was named
    by its address, its id or its account (`way`). Where the authority's id of it names another object since, `renamed`
    is the number of that one. `fell` is the effect with which its order fell, empty while it stands. Its measure came
    into force by the decision `rests_on` (0: nobody said that it did). A copy of what it hides is to be kept until
    `preserve_until` (0: none is), unless `copy_deleted`."""

    number: int
    object: str
    way: str = "url"
    status: ItemStatus = "open"
    action: str = "none"
    ground: str = ""
    scope: tuple[str, ...] = ("KZ",)
    version: int = 0
    measure: str = ""
    effective_at: int = 0
    decision: int = 0
    rests_on: int = 0
    preserve_until: int = 0
    copy_deleted: bool = False
    renamed: int = 0
    fell: str = ""

    @property
    def kept_until(self) -> int:
        """Until when a copy is kept, 0 where none is."""
        return 0 if self.copy_deleted else self.preserve_until

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it: its id names another object, and nothing was ever done to the first."""
        return self.renamed > 0 and self.status == "stopped" and not self.effective_at


class Lease(Struct, frozen=True, gc=False):
    """Who has the case in hand, under which fencing token, until when."""

    token: int
    person: int
    account: int
    until: int


class Said(Struct, frozen=True, gc=False):
    """What a decision says of one item, without its words."""

    item: int
    finding: str
    action: str
    outcome: str
    ground: str = ""
    scope: tuple[str, ...] = ("KZ",)
    refusal_code: str = ""
    appeal: bool = True
    content: str = ""


class Decision(Struct, frozen=True, gc=False):
    """A proposal, and what became of it. `at_seq` is the event that holds its words; `rules` says what asked for a
    second person under `policy`."""

    version: int
    at_seq: int
    digest: str
    revision: int
    items: dict[int, Said]
    person: int
    account: int
    at: int
    four_eyes: bool
    policy: str = ""
    rules: tuple[str, ...] = ()
    check: int = 0
    lawyer: bool = False
    approved_by: int = 0
    approved_account: int = 0
    approved_at: int = 0


class Check(Struct, frozen=True, gc=False):
    """One version of the legal check."""

    version: int
    at_seq: int
    revision: int
    person: int
    account: int
    answers: Mapping[str, str]


class Look(Struct, frozen=True, gc=False):
    """What was last seen of an item's content. `reference` tells what the item named then."""

    n: int
    at_seq: int
    reference: str
    content: str
    available: bool
    fault: str


class Tries(Struct, frozen=True, gc=False):
    """What was told of the tries of a message last: how many there were, what the last one came to, and the digest over
    them (`change.tries_digest`)."""

    count: int = 0
    result: str = ""
    digest: str = ""


class Message(Struct, frozen=True, gc=False):
    """What the case owes somebody outside since the event `seq`, and where that stands. `at_seq` is the event that
    holds its bytes, 0 where an encoder makes them. `due_at` orders, 0 for an alert of none; nothing leaves before
    `not_before`. At `refused_at` it was refused for good, 0 if not. An alert names the time `about_at`."""

    id: str
    kind: MessageKind
    endpoint: str
    seq: int
    at_seq: int
    at: int
    not_before: int
    due_at: int
    item: int = 0
    object: str = ""
    number: int = 0
    state: MessageState = "owed"
    refused_at: int = 0
    final: bool = False
    tries: int = 0
    tried: Tries = Tries()
    reason: str = ""
    audience: tuple[str, ...] = ()
    level: int = 0
    about_at: int = 0

    @property
    def begun(self) -> bool:
        """Whether somebody may be carrying it out, or has tried to."""
        return self.state in ("begun", "unknown", "parked", "waiting") or self.tries > 0

    @property
    def settled(self) -> bool:
        return self.state in SETTLED


class Letter(Struct, frozen=True, gc=False):
    """A letter that was typed in and that nobody has vouched for. `at_seq` holds its bytes."""

    at_seq: int
    kind: str
    person: int
    account: int


class Contest(Struct, frozen=True, gc=False):
    """A contest of the order. It pauses nothing."""

    number: int
    at_seq: int
    filed_at: int
    person: int
    result: ContestResult | Literal[""] = ""
    result_at: int = 0


class Suspension(Struct, frozen=True, gc=False):
    """An order that suspends the case's order. It has effect once another person has confirmed it."""

    number: int
    at_seq: int
    from_at: int
    until_at: int
    person: int
    account: int
    confirmed_by: int = 0
    ended_at: int = 0

    @property
    def ends_at(self) -> int | None:
        """When it ends or ended; None while nobody knows."""
        return min((at for at in (self.until_at, self.ended_at) if at), default=None)

    def has_effect(self, at: int) -> bool:
        """Whether the order stands suspended by it at `at`."""
        ends_at = self.ends_at
        return bool(self.confirmed_by) and self.from_at <= at and (ends_at is None or at < ends_at)


class Appeal(Struct, frozen=True, gc=False):
    """A user's appeal against the measure on one item. `at_seq` is the event that holds its words."""

    id: str
    number: int
    at_seq: int
    item: int
    received_at: int
    due_at: int
    decision: int
    state: AppealState = "open"
    decided_by: int = 0
    decided_at: int = 0


class Telling(Struct, frozen=True, gc=False):
    """Where the telling of an item's user stands. `due_at` is when it leaves, and `delay_until` when a delay ends.
    `basis` says whose legal basis keeps the user from being told: the `notice`'s, that of a `person` of the platform,
    the `platform`'s own for telling nobody, or empty."""

    message: str
    at_seq: int
    item: int
    kind: UserNoticeKind
    decision: int
    version: int
    state: UserNoticeStatus
    due_at: int
    delay_until: int = 0
    basis: SilenceBasis = ""
    sent_at: int = 0


class Step(Struct, frozen=True, gc=False):
    """A step of the ladder that fired last at `fired_at`, and to whom."""

    step: str
    fired_at: int
    level: int
    audience: tuple[str, ...]


class Tally(Struct, frozen=True, gc=False):
    """A case in the public figures, as it ended last; when it came, and when it was first answered, stays. Times are
    UTC seconds; `decided_at` and `receipt_at` are None for what was cancelled or settled without a decision, and
    `issued_at` is 0 where no notice could be read. `facts` is canonical JSON, the same where only times differ."""

    platform_id: str
    case_id: str
    received_at: int
    issued_at: int
    due_at: int
    decided_at: int | None
    receipt_at: int | None
    facts: str


class Case(Struct, gc=False):
    """A notice and everything that has become of it. `notice_at` is the event that holds the notice in force,
    `demanded` what that says of itself in codes (`events.arrivals.Demanded`), None where no notice could be read. By
    `clock_shift` seconds the ladder is later on the host's clock than on these times, because that clock was set while
    the case ran; the steps in `unsure` fired on it before their time. `letters` are those that wait, by the keyed
    digest of their bytes. `took` says which event tells of a message, the last one where several do, by the keyed
    digests of its sender and id, and of its bytes. Suspensions were looked at `looked_at` last. Whoever is
    to take care of it is known by the keyed digest `whose`, empty where anybody may. `named` is the highest
    number that an item ever had. Times are UTC seconds, 0 where there is none."""

    platform: str
    stream: str
    seq: int = 0
    head: bytes = FIRST
    state: CaseState = CaseState.QUEUED
    authority: str = ""
    notice: str = ""
    revision: int = 0
    kind: str = ""
    category: str = ""
    demanded: Any = None
    languages: tuple[str, ...] = ()
    source: str = ""
    authenticity: str = ""
    channel: str = ""
    typist: tuple[int, int] = (0, 0)
    policy: str = ""
    notice_at: int = 0
    received_at: int = 0
    escalates_from: int = 0
    due_at: int = 0
    requested_due_at: int = 0
    lift_due_at: int = 0
    decided_at: int = 0
    undo_until: int = 0
    closed_at: int = 0
    erased_at: int = 0
    held_until: int = 0
    looked_at: int = 0
    quarantine: int = 0
    level: int = 0
    decision: int = 0
    sequence: int = 0
    token: int = 0
    was_claimed: bool = False
    whose: str = ""
    interim: int = 0
    clock_shift: int = 0
    lease: Lease | None = None
    erasure_asked: tuple[int, int, str] | None = None
    flags: dict[str, None] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    decisions: dict[int, Decision] = field(default_factory=dict)
    checks: dict[int, Check] = field(default_factory=dict)
    looks: dict[int, Look] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    letters: dict[str, Letter] = field(default_factory=dict)
    contests: dict[int, Contest] = field(default_factory=dict)
    suspensions: dict[int, Suspension] = field(default_factory=dict)
    appeals: dict[int, Appeal] = field(default_factory=dict)
    tellings: dict[str, Telling] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    unsure: dict[str, None] = field(default_factory=dict)
    took: dict[tuple[str, str], int] = field(default_factory=dict)
    tally: Tally | None = None
    pages: int = 0
    questions: int = 0
    reminders: int = 0
    reopened: int = 0
    named: int = 0

    # -------------------------------------------------------------------------------------------- what is asked

    @property
    def undecided(self) -> tuple[int, ...]:
        """The items about which something is to be decided."""
        return tuple(n for n, item in self.items.items() if item.status in OPEN)

    @property
    def pending(self) -> bool:
        """Whether an effect that was decided is still to come about."""
        return any(item.status in PENDING for item in self.items.values())

    @property
    def owed(self) -> tuple[Message, ...]:
        """What has still to leave, or to be settled by a person."""
        return tuple(message for message in self.messages.values() if not message.settled)

    def urgent_at(self, at: int) -> int:
        """By when it is urgent at `at`, UTC seconds: later by what its term was paused until then."""
        held = [one for one in self.suspensions.values() if one.confirmed_by]
        if not held:
            return urgent_at(self.due_at, self.requested_due_at or None)
        pauses = [Pause(one.from_at, one.ends_at) for one in held if one.ends_at is None or one.ends_at >= one.from_at]
        return paused_due_at(self.due_at, received_at=self.received_at, pauses=pauses, at=at)

    def effect_of(self, item: Item, kind: MessageKind) -> Message | None:
        """The unsettled message that carries out (`enforce`) or lifts (`restore`) what was decided for an item last."""
        message = self.messages.get(message_id(self.stream, kind, 0, item.version, item.number))
        return message if message is not None and not message.settled else None

    # -------------------------------------------------------------------------- what the events below say it with

    def flag(self, *flags: str) -> None:
        self.flags.update(dict.fromkeys(flags))

    def unflag(self, *flags: str) -> None:
        for one in flags:
            self.flags.pop(one, None)

    def owe(
        self,
        kind: MessageKind,
        endpoint: str,
        on: Stamped,
        *,
        decision: int = 0,
        number: int = 0,
        item: int = 0,
        not_before: int = 0,
        due_at: int = 0,
        name: str = "",
        at_seq: int = 0,
        final: bool = False,
        about: Mapping[str, Any] = NOTHING,
    ) -> None:
        """From now on the case owes this message; `about` is what else it says of itself."""
        made = Message(
            id=message_id(self.stream, name or kind, decision, number, item),
            kind=kind,
            endpoint=endpoint,
            seq=on.seq,
            at_seq=at_seq,
            at=on.at,
            not_before=not_before or on.at,
            due_at=due_at or self.lift_due_at or self.due_at,
            item=item,
            number=number,
            final=final,
            **about,
        )
        self.messages[made.id] = made

    def owe_effect(
        self, item: Item, kind: Literal["enforce", "restore"], on: Stamped, *, not_before: int = 0, due_at: int = 0
    ) -> None:
        """From now on the case owes the platform this effect on the item's object."""
        self.owe(
            kind,
            "enforcer",
            on,
            number=item.version,
            item=item.number,
            not_before=not_before,
            due_at=due_at,
            about={"object": item.object},
        )

    def page(
        self, reason: str, audience: tuple[str, ...], level: int, on: Stamped, *, not_before: int = 0, number: int = 0
    ) -> None:
        """From now on the case owes people an alert: a reason and a time, no content and no names."""
        self.pages += 1
        about_at = self.appeals[number].due_at if number else self.lift_due_at or self.urgent_at(on.at)
        self.owe(
            "page",
            "notifier",
            on,
            number=number or self.pages,
            name=f"page/{reason}",
            not_before=not_before,
            due_at=not_before,
            about={"reason": reason, "audience": audience, "level": level, "about_at": about_at},
        )

    def void(self, *kinds: MessageKind, target: str = "", item: int = 0) -> None:
        """Messages of these kinds that have not begun leave no more."""
        for name, one in self.messages.items():
            about = (not target or one.object == target) and (not item or one.item == item)
            if one.kind in kinds and about and one.state in ("owed", "waiting") and not one.tries:
                alter(self.messages, name, state="voided")

    def back_to_review(self) -> None:
        self.state, self.lease = CaseState.QUEUED, None

    def after_last(self) -> None:
        """With the last pending item a decided case is enforced, and one that lifts is lifted."""
        if not self.pending:
            after = {CaseState.DECIDED: CaseState.ENFORCED, CaseState.LIFTING: CaseState.LIFTED}
            self.state = after.get(self.state, self.state)


class Changeable(Struct, frozen=True, gc=False):
    """The base of the values of which every step makes several: a case, its items, the messages. To copy one takes a
    fraction of what `dataclasses.replace` takes. They point back to nothing that holds them."""

    def but(self, **changes: Any) -> Self:
        """The same value with these fields changed. Raises TypeError for a name that is no field."""
        return replace(self, **changes)


T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V", bound=Struct)


def alter(held: dict[K, V], key: K, **to: Any) -> V:
    """Put another value in the place of one: no value in a case ever changes, because cases share them."""
    held[key] = new = replace(held[key], **to)
    return new


def evolve(case: Case, *events: Stamped) -> Case:
    """The case after these events too. The case that is given stays as it was."""
    after = copy(case)
    for name in _MAPS:
        setattr(after, name, getattr(case, name).copy())
    for on in events:
        apply(after, on)
    return after


def fold(platform: str, stream: str, events: Iterable[Stamped]) -> Case:
    """The case that these events tell, from the first one on."""
    case = Case(platform, stream)
    for on in events:
        apply(case, on)
    return case


def apply(case: Case, on: Stamped) -> None:
    """Let an event change a case that nobody else holds."""
    on.event.apply(case, on)
    case.seq, case.head = on.seq, on.hash
    if (came := getattr(on.event, "came", None)) is not None:
        case.took[came.key, came.body] = on.seq
    if case.state in ENDED:
        # What is not watched is not planned anew either: it would keep a shift that holds no more.
        case.clock_shift = 0


class Stream(Struct):
    """A stream as it was read, its events in order. One of which nothing is stored has the `number` 0 and no events.
    `fault` says why nothing may be decided on it; then it has no events either. `said` is what was made of its words,
    so that it is made once in a transaction: of a part by its sequence and name, and by what reads it."""

    platform: str
    name: str
    number: int = 0
    events: list[Stamped] = []
    roster: Roster = field(default_factory=Roster)
    fault: Damage | NewerRelease | None = None
    said: dict[Any, Any] = {}
    _case: Case | None = None
    _folded: int = 0

    @property
    def reference(self) -> str:
        """The case of which a stream of a case tells."""
        return self.name.removeprefix("case/")

    @property
    def seq(self) -> int:
        """The sequence of its last event, 0 before the first."""
        return self.events[-1].seq if self.events else 0

    @property
    def head(self) -> bytes:
        return self.events[-1].hash if self.events else FIRST

    def at(self, seq: int) -> Stamped:
        """Its event of this sequence. Raises KeyError where there is none, and as `whole`."""
        if not 0 < seq <= len(self.whole().events):
            raise KeyError(seq)
        return self.events[seq - 1]

    def whole(self) -> Stream:
        """Itself. Raises Damage or NewerRelease where nothing may be decided on it."""
        if self.fault is not None:
            raise self.fault
        return self

    @property
    def case(self) -> Case:
        """What its events tell of a case. Raises as `whole`. It is shared: only events change a case."""
        case, many = self._case, len(self.whole().events)
        if case is None:
            case = fold(self.platform, self.name, self.events)
        elif self._folded < many:
            case = evolve(case, *self.events[self._folded :])
        self._case, self._folded = case, many
        return case

    def then(self, number: int, more: list[Stamped], roster: Roster) -> Stream:
        """The stream after these events too; this one stays as it was."""
        events = [*self.events, *more] if self.events else more
        said = {} if any(on.kind == "erased" for on in more) else self.said
        return Stream(self.platform, self.name, number, events, roster, None, said, self._case, self._folded)

    def read(self, opens: Opens, parts: Iterable[tuple[int, str]], read: Callable[[bytes], T]) -> list[T | None]:
        """What parts say to whoever reads them so, None for one that was erased. Raises as `opens`, and as `read`."""
        asked = list(parts)
        missing = [one for one in asked if (one, read) not in self.said]
        for one, data in opens(self, missing).items() if missing else ():
            self.said[one, read] = None if data is None else read(data)
        return [self.said[one, read] for one in asked]


_LONG, _MOST_KEPT = 100, 16_384
"""Streams of more events than the first are kept between transactions, and of all of them no more than the second."""


class Kept:
    """Long streams as they were read, proved and committed, each with the ledger keys that were retired then: what
    follows is read behind them. No word of anybody is in one, so none outlives an erasure."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], tuple[Stream, Mapping[str, int]]] = {}

    def of(self, platform: str, name: str) -> Stream | None:
        """A stream as it was when it was kept; None where nothing is."""
        return self._streams.get((platform, name), (None,))[0]

    def still(self, platform: str, name: str, retired: Mapping[str, int]) -> Stream | None:
        """What need not be read again of a stream: all but its last event, by which the rest is known again. Nothing
        once other keys are retired."""
        stream, then = self._streams.get((platform, name), (None, {}))
        return None if stream is None or then != retired else replace(stream, events=stream.events[:-1], said={})

    def keep(self, streams: Iterable[Stream], retired: Mapping[str, Mapping[str, int]]) -> None:
        """Keep those that are long, and let go of those that were read longest ago where they are too many."""
        for stream in streams:
            if len(stream.events) > _LONG:
                self._streams.pop((stream.platform, stream.name), None)
                wordless = replace(stream, said={})
                self._streams[stream.platform, stream.name] = wordless, retired.get(stream.platform, {})
        many = sum(len(stream.events) for stream, _ in self._streams.values())
        while many > _MOST_KEPT:
            many -= len(self._streams.pop(next(iter(self._streams)))[0].events)


Opens = Callable[[Stream, Iterable[tuple[int, str]]], Mapping[tuple[int, str], bytes | None]]
"""Opens parts of a stream by sequence and name, None for one that was erased."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A stream with the exact bytes of its events, and with its parts by sequence and name. Those that were erased are
    not among them, nor those that do not open: of these `damage` says why. `faults` are whatever is wrong with it and
    its parts, as sentences."""

    stream: Stream
    links: Sequence[Link] = ()
    parts: Mapping[tuple[int, str], Part] = one_each(default_factory=dict)
    damage: Mapping[tuple[int, str], Damage] = one_each(default_factory=dict)
    faults: Sequence[str] = ()

    @property
    def events(self) -> list[Stamped]:
        return self.stream.events

    def words(self, _stream: Stream, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], bytes | None]:
        """The bytes of these parts, None for one that was erased. Raises Damage for one that does not open."""
        asked = list(wanted)
        for one in asked:
            if one in self.damage:
                raise self.damage[one]
        return self.opened(_stream, asked)

    def opened(self, _stream: Stream, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], bytes | None]:
        """The bytes of these parts, None for one that was erased or does not open."""
        return {one: self.parts[one].data if one in self.parts else None for one in wanted}

    def all_words(self) -> dict[tuple[int, str], bytes | None]:
        """The bytes of every part, None for one that was erased or does not open."""
        return self.opened(self.stream, ((on.seq, name) for on in self.events for name in on.event.parts))

    def said(self, seq: int) -> dict[str, str]:
        """What was written in an event: its parts by name, as text."""
        found = {name: self.parts.get((seq, name)) for name in self.events[seq - 1].event.parts}
        return {name: part.data.decode("utf-8", "replace") for name, part in found.items() if part is not None}


_MAPS = (
    *("flags", "unsure", "items", "decisions", "checks", "looks", "messages"),
    *("letters", "took", "contests", "suspensions", "appeals", "tellings", "steps"),
)


Owner = tuple[str, int]
"""A case by its reference, and the number of its item."""


class PlatformObject(Struct, gc=False):
    """An object, read until the event `seq`. `version` is the latest that was handed out, `handed_out` which one for
    which item of which case. `holds` are the measures that hold it, each with the time (UTC seconds) until which a
    sealed copy of what it hides is kept, 0 where none need be any longer."""

    stream: str
    seq: int = 0
    version: int = 0
    handed_out: set[tuple[int, str, int]] = field(default_factory=set)
    holds: dict[Owner, int] = field(default_factory=dict)


def object_in(stream: Stream) -> PlatformObject:
    """The object of a stream. Raises Damage or NewerRelease where nothing may be decided on it."""
    held = PlatformObject(stream.name, stream.whole().seq)
    for on in stream.events:
        on.event.change(held)
    return held
