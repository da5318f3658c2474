"""A case as people and rules read it: the fold of its events, its items and persons called by their names.

The steps are functions that take a case and return a `Change`; nothing is written in this layer. What people do is in
`commands` and `deciding.py`, what arrives from an authority in `arrivals.py` and `cancellations.py`, what comes back
from the platform and the regulator in `holding.py`. Each tells events, and `moved` gives the case that these make of
it; it refuses whatever `TRANSITIONS` does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct, field, structs

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.clock import LOOK_S, FiledContest, Suspension
from kz_compliance_sdk.domain.events.base import AS_READ, Authenticity, Happened, Source
from kz_compliance_sdk.domain.fold import FINAL, OPEN, PENDING, Changeable, ItemStatus, evolve
from kz_compliance_sdk.domain.ledger import FIRST, Roster, Sealed, Stamped
from kz_compliance_sdk.domain.transitions import ENDED, SOURCES, is_legal
from kz_compliance_sdk.domain.transitions import CaseState as CaseState
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.errors import IllegalMove

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.events.base import Event


class _Reading(Changeable, frozen=True, eq=False):
    """Equal to another by all that is told of it, not by the fold of which it is the reading: that is `apart`."""

    apart: ClassVar[frozenset[str]]

    def __eq__(self, other: object) -> bool:
        told = (name for name in self.__struct_fields__ if name not in self.apart)
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in told)

    def __ne__(self, other: object) -> bool:
        return not self == other


class ItemState(_Reading, frozen=True, eq=False):
    """One item of a case. `measure` is the action that is in force for this item now, empty if none is;
    `effect_version` is the version of the last effect that was decided for it. `was` is the id under which the
    authority knew an item whose id now names another object: what was done is undone, and only the other is decided.
    An item that is `gone` had a measure that can never be lifted: the platform holds its object no more.
    `fell` is the effect by which its order fell, empty while that stands: no step of people changes it, only a later
    order of the authority that names the item.
    A sealed copy is kept until `preserve_until` (UTC seconds, 0 if none is). `number` is its own in the case, and never
    another's. `held` is the item of the fold of which this is the reading."""

    apart = frozenset({"held"})

    item_id: str
    number: int
    status: ItemStatus = "open"
    object_key: str = ""
    url: str = ""
    object_id: str = ""
    account_ref: str = ""
    action: str = "none"
    ground: str = ""
    scope: tuple[str, ...] = ("KZ",)
    effect_version: int = 0
    measure: str = ""
    effective_at: int = 0
    decision_version: int = 0
    was: str = ""
    preserve_until: int = 0
    fell: str = ""
    held: fold.Item | None = None

    @property
    def order_stands(self) -> bool:
        """Whether a measure can still rest on the order. Without it there are only the platform's own terms, and then
        two persons decide."""
        return not self.fell


class Case(_Reading, frozen=True, eq=False):
    """A notice and everything that has become of it. All times are UTC seconds.

    `due_at` is the statutory deadline and never moves by itself; `urgent_at` orders the queue; `watch_at` is when the
    next escalation step is due, None once the case has ended. `lease_token` only grows: it fences late writers off.
    `undo_until` is the end of the latest decision's undo window. `running_watch_at` is where the ladder stopped while
    the term is paused (`running_time.py`). By `clock_shift_s` the ladder is later on the host's clock than on the
    stored times, because that clock was set while the case ran; `unsure_steps` fired on it before their time and fire
    again (`clock_steps.py`). `erased_at` is when its personal data was destroyed, `held_until` until when a legal hold
    keeps it, `erasure_asked` who asked for its erasure before the end of retention, and on which ground. `pages`,
    `questions`, `appeals` and `named` count the alerts, questions, appeals and items that it ever had: what leaves is
    named by these numbers. `assigned_to` is the id of the person who is to take care of it, empty where anybody may.
    `version` counts the events of its chain as it was read, and `head` is the hash of
    the last of them (hex): no row holds them. `chain` is the fold of which it is the reading, and `roster` who
    its numbers stand for.
    """

    apart = frozenset({"version", "head", "chain", "roster"})

    platform_id: str
    id: str
    authority_id: str
    notice_id: str
    revision: int
    state: CaseState
    kind: str
    category: str
    source: Source
    authenticity: Authenticity
    channel: str
    received_at: int
    escalates_from: int
    due_at: int
    urgent_at: int
    message: tuple[str, str, str]
    reference_number: str = ""
    languages: tuple[str, ...] = ()
    requested_due_at: int | None = None
    quarantine_no: int = 0
    watch_at: int | None = None
    lease_token: int = 0
    lease_owner: str = ""
    lease_expires_at: int | None = None
    decision_version: int = 0
    sequence: int = 0
    level: int = 0
    decided_at: int | None = None
    undo_until: int | None = None
    lift_due_at: int | None = None
    closed_at: int | None = None
    entered_by: str = ""
    assigned_to: str = ""
    was_claimed: bool = False
    interim_items: int = 0
    flags: tuple[str, ...] = ()
    items: tuple[ItemState, ...] = ()
    contests: tuple[FiledContest, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    running_watch_at: int | None = None
    clock_shift_s: int = 0
    unsure_steps: tuple[str, ...] = ()
    erased_at: int | None = None
    held_until: int | None = None
    erasure_asked: tuple[str, ...] = ()
    pages: int = 0
    questions: int = 0
    appeals: int = 0
    named: int = 0
    version: int = 0
    head: str = FIRST.hex()
    chain: fold.Case = field(default_factory=lambda: fold.Case("", ""))
    roster: Roster = field(default_factory=Roster)

    def __repr__(self) -> str:
        # Whoever prints or logs it tells nothing of what was written.
        return f"Case({self.id!r}, {self.state.value!r})"

    @property
    def open_items(self) -> frozenset[str]:
        return frozenset(item.item_id for item in self.items if item.status in OPEN)

    @property
    def pending(self) -> bool:
        return any(item.status in PENDING for item in self.items)

    @property
    def settled_items(self) -> int:
        """How many items there is something final to tell about."""
        return sum(item.status in FINAL for item in self.items)

    def told_from(self, at: int) -> int:
        """From when a report that is made at `at` may leave, UTC seconds: never while people can take back what it
        tells."""
        settled = any(
            item.status == "settled" and item.order_stands and item.decision_version == self.decision_version
            for item in self.items
        )
        return max(at, self.undo_until or 0) if settled else at

    def item(self, item_id: str) -> ItemState | None:
        return next((item for item in self.items if item.item_id == item_id), None)


class Words(Struct, frozen=True, gc=False):
    """What a case says beyond its fold: the message that it rests on, its authority's number, each item by its number
    as it is named, what proves each suspension, and who is to take care of it. What was erased is not there."""

    message: tuple[str, str, str] = ("", "", "")
    reference_number: str = ""
    items: Mapping[int, ItemState] = field(default_factory=dict)
    proofs: Mapping[int, str] = field(default_factory=dict)
    assigned_to: str = ""


_NOT_PLANNED: dict[str, None] = {"watch_at": None, "running_watch_at": None}


def told(case: fold.Case, roster: Roster, words: Words) -> dict[str, Any]:
    """Every field of a case that its chain tells."""
    name_of = roster.name
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
        **in_queue(case),
        "message": words.message,
        "reference_number": words.reference_number,
        "languages": case.languages,
        "requested_due_at": case.requested_due_at or None,
        "quarantine_no": case.quarantine,
        "lease_token": case.token,
        "lease_owner": name_of(case.lease.person) if case.lease else "",
        "lease_expires_at": case.lease.until if case.lease else None,
        "decision_version": case.decision,
        "sequence": case.sequence,
        "level": case.level,
        "decided_at": case.decided_at or None,
        "undo_until": case.undo_until or None,
        "lift_due_at": case.lift_due_at or None,
        "closed_at": case.closed_at or None,
        "entered_by": name_of(case.typist[0]),
        "assigned_to": words.assigned_to,
        "was_claimed": case.was_claimed,
        "interim_items": case.interim,
        "flags": tuple(dict.fromkeys(_flag(flag, case, words) for flag in case.flags)),
        "items": tuple(_items(case, words)),
        "contests": tuple(
            FiledContest(one.number, one.filed_at, name_of(one.person), one.result, one.result_at or None)
            for one in case.contests.values()
        ),
        "suspensions": tuple(
            Suspension(
                one.number,
                one.from_at,
                one.until_at or None,
                words.proofs.get(one.number, ""),
                name_of(one.person),
                name_of(one.confirmed_by),
                one.ended_at or None,
            )
            for one in case.suspensions.values()
        ),
        "clock_shift_s": case.clock_shift,
        "unsure_steps": tuple(case.unsure),
        "erased_at": case.erased_at or None,
        "held_until": case.held_until or None,
        "erasure_asked": (name_of(case.erasure_asked[0]), case.erasure_asked[2]) if case.erasure_asked else (),
        "pages": case.pages,
        "questions": case.questions,
        "appeals": len(case.appeals),
        "named": case.named,
        "version": case.seq,
        "head": case.head.hex(),
        "chain": case,
        "roster": roster,
    }


def in_queue(case: fold.Case) -> dict[str, int | None]:
    """Its place in the queue, and what its chain tells of its watch: of the rest of that no chain does, but policy at
    the moment of a step."""
    known: dict[str, int | None] = {"urgent_at": _queued_at(case)}
    if case.state in ENDED:
        return known | _NOT_PLANNED
    is_paused = any(one.confirmed_by for one in case.suspensions.values())
    return known if is_paused else {**known, "running_watch_at": None}


def _queued_at(case: fold.Case) -> int:
    """By when it is urgent, later by the whole of each suspension that has begun. One of which nobody knows the end
    counts until people are asked again whether it lasts."""
    at = case.looked_at
    begun = (one for one in case.suspensions.values() if one.confirmed_by and one.from_at <= at)
    return case.urgent_at(max((one.ends_at or at + LOOK_S for one in begun), default=at))


def _in_place(items: Mapping[int, fold.Item]) -> Iterator[int]:
    """The numbers of the items in their order: one that took over the id of another stands before that one."""
    followers = {item.renamed for item in items.values()}
    for number in items:
        if number not in followers:
            chain = [number]
            while following := items[chain[-1]].renamed:
                chain.append(following)
            yield from reversed(chain)


_UNNAMED: Final = ItemState("", 0)


def _items(case: fold.Case, words: Words) -> Iterator[ItemState]:
    for number in _in_place(case.items):
        held = case.items[number]
        if held.is_gone:
            continue
        item = words.items.get(number)
        if item is not None and item.held is held:
            yield item
            continue
        name = _name(number, case, words)
        yield (item or _UNNAMED).but(
            item_id=f"{name}~{number}" if held.renamed else name,
            number=number,
            status=held.status,
            action=held.action,
            ground=held.ground,
            scope=held.scope,
            effect_version=held.version,
            measure=held.measure,
            effective_at=held.effective_at,
            decision_version=held.decision,
            preserve_until=held.kept_until,
            was=name if held.renamed else "",
            fell=held.fell,
            held=held,
        )


def _name(number: int, case: fold.Case, words: Words) -> str:
    """The id of an item with its authority, whatever else that id names by now. Without words it is its number."""
    if (item := words.items.get(number)) is not None:
        return item.was or item.item_id
    held = case.items.get(number)
    return _name(held.renamed, case, words) if held is not None and held.renamed else str(number)


def _flag(flag: str, case: fold.Case, words: Words) -> str:
    """A flag, its item called as when it was raised."""
    code, _, number = flag.partition(":")
    return f"{code}:{_name(int(number), case, words)}" if number else code


def happened(
    case: Case, event: Event, stamp: Stamp, words: Mapping[str, str | bytes] | None = None, *, by: Actor | None = None
) -> Happened:
    """An event of the case's stream, which the case is as it was read. `words` are its parts by name: what somebody
    wrote, and bodies. Who did it is the stamp's actor unless `by` says otherwise."""
    return happened_to(case.platform_id, case.id, event, stamp, words, by=by, read=case.version)


def happened_to(
    platform_id: str,
    case_id: str,
    event: Event,
    stamp: Stamp,
    words: Mapping[str, str | bytes] | None = None,
    *,
    by: Actor | None = None,
    read: int = AS_READ,
) -> Happened:
    """As `happened`, of a case that need not be known. `read` is 0 where this opens it."""
    data = {name: said.encode() if isinstance(said, str) else said for name, said in (words or {}).items()}
    return Happened(platform_id, stream_of(case_id), event, stamp.at, read, by or stamp.actor, data)


def moved(
    case: Case,
    verb: str | None,
    *tells: Happened,
    named: Iterable[ItemState] = (),
    message: tuple[str, str, str] | None = None,
    reference_number: str | None = None,
    proofs: Mapping[int, str] | None = None,
    assigned_to: str | None = None,
    **planned: Any,
) -> Case:
    """The case as a step leaves it: what these events make of it, with the words that they bring: items by their
    number, the message that it rests on from now on, its number with the authority, what proves a suspension, who is to
    take care of it. Of what no event tells, `planned` says what changes. Without a verb its state stays as it is.
    Raises IllegalMove if the table has no such row."""
    if verb is not None and case.state not in SOURCES.get(verb, ()):
        raise _illegal(case, verb)
    roster = case.roster.copy()
    own = (one for one in tells if one.stream == case.chain.stream)
    chain = evolve(case.chain, *(_stamped(one, seq, roster) for seq, one in enumerate(own, case.chain.seq + 1)))
    if verb is not None:
        check_move(case, verb, chain.state)
    words = Words(
        case.message if message is None else message,
        case.reference_number if reference_number is None else reference_number,
        {item.number: item for item in (*case.items, *named)},
        {**{one.number: one.proof_sha256 for one in case.suspensions}, **(proofs or {})},
        case.assigned_to if assigned_to is None else assigned_to,
    )
    said = told(chain, roster, words if not chain.erased_at else Words())
    return case.but(**{**planned, **said, "version": case.version, "head": case.head})


def begun(platform_id: str, case_id: str, *tells: Happened, words: Words, **planned: Any) -> Case:
    """The case that its first event opens."""
    roster = Roster()
    chain = fold.fold(platform_id, stream_of(case_id), [_stamped(one, 1, roster) for one in tells])
    said = planned | told(chain, roster, words) | {"version": 0, "head": FIRST.hex()}
    return Case(platform_id=platform_id, id=case_id, **said)


def _stamped(one: Happened, seq: int, roster: Roster) -> Stamped:
    """An event as its case reads it before it is stored: its parts have no digests yet."""
    parts = {name: Sealed(cls=one.event.words[name], mac="") for name in one.words}
    who = None if one.actor is None or one.actor.id == SYSTEM.id else one.actor
    event = structs.replace(one.event, parts=parts) if parts else one.event
    return Stamped(seq, one.at, *roster.numbers(who), who, "", event, b"")


def check_move(case: Case, verb: str, target: CaseState) -> None:
    """Raise IllegalMove if the table has no such row."""
    if not is_legal(case.state, verb, target):
        raise _illegal(case, verb)


def _illegal(case: Case, verb: str) -> IllegalMove:
    from_states = ", ".join(sorted(str(state) for state in SOURCES.get(verb, ()) if state)) or "no state"
    return IllegalMove(
        f"the case is {case.state}: {verb.replace('_', ' ')} is possible from {from_states}.", reference=case.id
    )
