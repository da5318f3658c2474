"""What the model knows: plain values for cases, items, effects, reports, appeals, letters, and the clocks of a case.

Nothing in here imports the library. Each rule is one that the pages of `docs/` state; where a page leaves something
open, the page was mended first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone

UNDO_S, LEASE_S, HOUR, DAY = 60, 900, 3600, 86400
TERM_S, LIFT_S, ASK_AGAIN_S, COPY_S = 24 * HOUR, HOUR, 7 * DAY, 180 * DAY
APPEAL_S, APPEAL_NEAR_S = 14 * DAY, 2 * DAY
WORKING_DAYS = 3
ALMATY = timezone(timedelta(hours=5))
NOT_WORKED = {
    2026: "01-01 01-02 01-07 03-08 03-09 03-21 03-22 03-23 03-24 03-25 05-01 05-07 05-09 05-11 05-27 07-06 10-25 10-26 "
    "12-16",
    2027: "01-01 01-02 01-04 01-07 03-08 03-15 03-21 03-22 03-23 03-24 05-01 05-03 05-07 05-09 05-10 05-16 07-06 10-25 "
    "12-16",
}
HOLIDAYS = {date.fromisoformat(f"{year}-{day}") for year, days in NOT_WORKED.items() for day in days.split()}
BEFORE = (
    ("before_12h", 43200, 20),
    ("before_6h", 21600, 30),
    ("before_2h", 7200, 40),
    ("before_30m", 1800, 50),
    ("due", 0, 60),
)
OUTCOMES = {
    "remove": "removed",
    "suspend_account": "account_restricted",
    "none": "refused",
    "needs": "clarification_needed",
}
KEPT_S, KEPT_IN_FORCE_S = 365 * DAY, 1095 * DAY
ENDED = ("closed", "cancelled")
IN_REVIEW = ("queued", "claimed", "in_approval", "awaiting_answer")
OPEN = ("open", "failed")


def term_of(spec: Spec, received: int) -> int:
    """When the term of a notice ends. Of working days the last one ends with its last second in Almaty."""
    if spec.kind != "recommendation":
        return received + TERM_S
    day, left = datetime.fromtimestamp(received, UTC).astimezone(ALMATY).date(), WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and day not in HOLIDAYS
    return int(datetime.combine(day, time(23, 59, 59), ALMATY).timestamp())


@dataclass
class Spec:
    """A notice that may be issued. `items` maps an id to the object that it names."""

    letter: str
    number: int
    category: str
    items: dict[str, str]
    asked_hours: int | None = None
    kind: str = "prescription"
    typed_in: bool = False
    four_eyes: bool = False
    legal_review: bool = False


@dataclass
class Effect:
    """What the platform is to do to an object, in the order of `version`."""

    case: Case
    item: str
    verb: str
    target: str
    action: str
    due: int
    version: int
    state: str = "queued"


@dataclass
class Item:
    """One item: where it stands, and what is in force for it."""

    id: str
    target: str
    number: int
    status: str = "open"
    action: str = "none"
    ground: str = ""
    abroad: bool = False
    needs: bool = False
    copy_until: int = 0
    measure: str = ""
    fallen: bool = False
    unknown: bool = False
    told: str = ""
    kept_for: str = ""
    decided_by: tuple[str, ...] = ()
    deciders: tuple[str, ...] = ()


@dataclass
class Proposed:
    """What somebody proposes for each item: (action, ground)."""

    by: str
    items: dict[str, tuple[str, str]]
    measure: bool
    way: str


@dataclass
class Report:
    """A report that is owed: it leaves at `due`."""

    due: int
    final: bool
    items: dict[str, str]
    state: str = "queued"


@dataclass
class Appeal:
    """A user's appeal against the measure on an item."""

    case: str
    item: str
    target: str
    due: int
    deciders: tuple[str, ...]
    state: str = "open"
    alerted: int = 0


@dataclass
class Letter:
    """A letter about a case that waits for somebody to vouch for it."""

    typist: str
    kind: str
    revision: int
    at: int
    effect: str | None = None
    items: tuple[str, ...] | None = None
    question: int = -1
    anew: dict[str, str] = field(default_factory=dict)
    state: str = "waits"

    def holds(self, case: Case) -> bool:
        """Whether it can still be vouched for: an answer names no revision."""
        return self.kind == "answer" or self.revision == case.revision


@dataclass
class Suspension:
    """An order that suspends the case's order."""

    by: str
    start: int
    until: int | None
    recorded: int
    confirmed: str = ""
    ended: int | None = None

    def end(self) -> int | None:
        ends = [one for one in (self.until, self.ended) if one is not None]
        return min(ends) if ends else None


@dataclass
class Case:
    """A case: its items, its clock, who has it, and what it owes."""

    spec: Spec
    received: int
    due: int
    revision: int = 1
    state: str = "queued"
    items: dict[str, Item] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    level: int = 0
    asked_due: int | None = None
    owner: str = ""
    token: int = 0
    lease_until: int = 0
    ever_claimed: bool = False
    typist: str = ""
    authentic: bool = True
    proposed: Proposed | None = None
    answers: dict[str, bool] = field(default_factory=dict)
    undo_until: int = 0
    latest: Proposed | None = None
    by_two: bool = False
    in_decision: set[str] = field(default_factory=set)
    fired: set[str] = field(default_factory=set)
    reports: list[Report] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    suspensions: list[Suspension] = field(default_factory=list)
    contests: list[str] = field(default_factory=list)
    lift_due: int | None = None
    lift_from: int = 0
    lift_fired: set[str] = field(default_factory=set)
    clock_from: int = 0
    ask_at: int = 0
    outgoing: list[str] = field(default_factory=list)
    ended_at: int = 0
    held_until: int = 0
    erasure_by: str = ""
    erased: bool = False
    left: list[str] = field(default_factory=list)
    named: int = 0

    # ------------------------------------------------------------------------------------------------ the clock

    def paused_s(self, now: int) -> int:
        """Seconds of the running term that confirmed suspensions have given back until now."""
        spans = []
        for one in self.suspensions:
            if one.confirmed:
                end = one.end()
                spans.append((max(one.start, self.clock_from), now if end is None else min(end, now)))
        paused, reached, limit = 0, 0, self.due
        for start, end in sorted(spans):
            start = max(start, reached)
            if start > limit + paused or end <= start:
                continue
            paused, reached = paused + end - start, end
        return paused

    def paused(self, now: int) -> bool:
        """Whether the term stands still now."""
        for one in self.suspensions:
            end = one.end()
            if one.confirmed and one.start <= now and (end is None or now < end):
                return one.start <= self.due_at(now)
        return False

    def due_at(self, now: int) -> int:
        return self.due + self.paused_s(now)

    def urgency(self, now: int) -> int:
        """What orders the queue: a shorter time that the notice asked for counts, unless an order suspends it."""
        if self.paused(now):
            return self.due_at(self.next_look(now))
        due = self.due_at(now)
        suspended = any(one.confirmed for one in self.suspensions)
        return due if self.asked_due is None or suspended else min(due, self.asked_due)

    def next_look(self, now: int) -> int:
        """When a pause ends, or somebody is asked whether it lasts: until then the case waits in the queue."""
        return max(self.ask_at if end is None else end for end in self.ends(now))

    def ends(self, now: int) -> list[int | None]:
        """The ends of the suspensions that have effect now, as far as they are known."""
        had = [(one.start, one.end()) for one in self.suspensions if one.confirmed]
        return [end for start, end in had if start <= now and (end is None or now < end)]

    def late(self, now: int) -> bool:
        return now > self.due_at(now) and self.state not in ENDED

    # ------------------------------------------------------------------------------------------------ its items

    def told_from(self, now: int) -> int:
        """No report tells of what can still be taken back."""
        refused = [self.items[name] for name in self.in_decision if self.items[name].status == "settled"]
        return max(now, self.undo_until) if any(not item.fallen for item in refused) else now

    def name_items(self, items: dict[str, str]) -> None:
        """Those that are new get a number that no item of the case ever had."""
        for name, target in items.items():
            if name not in self.items:
                self.named += 1
                self.items[name] = Item(name, target, self.named)

    def open_items(self) -> list[Item]:
        return [item for item in self.items.values() if item.status in OPEN]

    def pending(self) -> bool:
        return any(item.status in ("decided", "lifting") for item in self.items.values())

    def outcomes(self) -> dict[str, str]:
        """What a report says of each item about which something final is to tell."""
        said = {}
        for item in self.items.values():
            if item.status in ("in_force", "kept"):
                said[item.id] = OUTCOMES[item.measure or item.kept_for]
            elif item.status == "settled":
                said[item.id] = OUTCOMES["needs" if item.needs else "none"]
            elif item.status == "lifted":
                said[item.id] = "restored"
        return said

    def lift_by(self, due: int, now: int) -> None:
        """A lifting begins: its clock is its own, and its ladder too."""
        if self.lift_due is None:
            self.lift_due, self.lift_from, self.lift_fired = due, now, set()

    def amendment_waits(self) -> bool:
        return any(one.state == "waits" and one.kind == "amendment" for one in self.letters)

    def let_go(self) -> None:
        """End whatever lease there is: the token is worth nothing any more."""
        self.owner, self.lease_until = "", 0

    def void_reports(self, becomes: str = "void") -> None:
        for report in self.reports:
            if report.state in ("queued", "waiting", "overtaken"):
                report.state = becomes


@dataclass
class Office:
    """All cases, the objects of the platform, and what its users, its people and the regulator were told."""

    now: int
    cases: dict[str, Case] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    appeals: list[Appeal] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    objects: dict[str, str] = field(default_factory=dict)
    books: dict[str, list[tuple[bool, dict[str, str]]]] = field(default_factory=dict)
    told: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    untold: list[tuple[str, str, str]] = field(default_factory=list)
    pages: Counter[tuple[str, str]] = field(default_factory=Counter)
    unpaged: list[tuple[str, str]] = field(default_factory=list)
    deep: set[str] = field(default_factory=set)

    def page(self, case: Case, reason: str) -> None:
        self.unpaged.append((case.spec.letter, reason))

    def owe(self, case: Case, item: Item, verb: str, due: int) -> None:
        """Owe the platform an effect, with the next version of its object."""
        self.versions[item.target] += 1
        action = item.action if verb == "enforce" else item.measure
        version = self.versions[item.target]
        self.effects.append(Effect(case, item.id, verb, item.target, action, due, version))

    def void_effects(self, case: Case, item: str, *verbs: str) -> None:
        """What has not begun of an item never leaves."""
        for effect in self.effects:
            if effect.case is case and effect.state == "queued" and effect.item == item and effect.verb in verbs:
                effect.state = "void"

    def keep(self, case: Case, item: Item, *, ours: bool) -> None:
        """A measure stays: on a ground of this case's own, or because another order holds its object. What was decided
        instead of it is what the report says."""
        item.status = "kept"
        if not ours:
            instead = "needs" if item.needs else "none"
            item.kept_for, item.measure = item.measure if item.action != "none" else instead, ""
            self.deep.add("kept for another order")

    def others_hold(self, case: Case, item: Item) -> bool:
        """Whether the measure on an object has another ground than this item's order."""
        for other in self.cases.values():
            if other is not case and item.target in other.left:
                return True
            for one in other.items.values():
                if one is not item and one.target == item.target and one.measure and one.status != "lifting":
                    return True
        return False
