"""A case, and `move`: the only place where a case's state changes.

The steps themselves are functions that take a case and return a `Change`; nothing is written in this layer. What
people do is in `steps.py` and `deciding.py`, what arrives from an authority in `arrivals.py`, what comes back from the
platform and the regulator in `results.py`. All of them go through `move`, which refuses whatever `TRANSITIONS` does
not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.contest import FiledContest, Suspension
from kz_compliance_sdk.domain.events.base import AS_READ, Happened
from kz_compliance_sdk.domain.ledger import FIRST
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.domain.transitions import SOURCES, TRANSITIONS, CaseState, is_legal
from kz_compliance_sdk.domain.values import Changeable
from kz_compliance_sdk.errors import IllegalMove

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.events.base import Event

__all__ = ["NO_LEASE", "TRANSITIONS", "Case", "CaseState", "ItemState", "happened", "move"]

ItemStatus = Literal["open", "decided", "in_force", "settled", "failed", "lifting", "lifted", "gone", "kept", "stopped"]
Source = Literal["pushed", "polled", "typed"]
Authenticity = Literal["signed", "unverified", "verified"]
OPEN_ITEM: frozenset[ItemStatus] = frozenset({"open", "failed"})
PENDING_ITEM: frozenset[ItemStatus] = frozenset({"decided", "lifting"})
FINAL_ITEM: frozenset[ItemStatus] = frozenset({"in_force", "settled", "lifted", "gone", "kept"})


@dataclass(frozen=True)
class ItemState(Changeable):
    """One item of a case. `measure` is the action that is in force for this item now, empty if none is;
    `effect_version` is the version of the last effect that was decided for it. `was` is the id under which the
    authority knew an item whose id now names another object: what was done is undone, and only the other is decided.
    An item that is `gone` had a measure that can never be lifted: the platform holds its object no more.
    `fell` is the effect by which its order fell, empty while that stands: no step of people changes it, only a later
    order of the authority that names the item.
    A sealed copy is kept until `preserve_until` (UTC seconds, 0 if none is). `number` is its own in the case, and never
    another's."""

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

    @property
    def order_stands(self) -> bool:
        """Whether a measure can still rest on the order. Without it there are only the platform's own terms, and then
        two persons decide."""
        return not self.fell


@dataclass(frozen=True)
class Case(Changeable):
    """A notice and everything that has become of it. All times are UTC seconds.

    `due_at` is the statutory deadline and never moves by itself; `urgent_at` orders the queue; `watch_at` is when the
    next escalation step is due, None once the case has ended. `lease_token` only grows: it fences late writers off.
    `undo_until` is the end of the latest decision's undo window. `running_watch_at` is where the ladder stopped while
    the term is paused (`running_time.py`). By `clock_shift_s` the ladder is later on the host's clock than on the
    stored times, because that clock was set while the case ran; `unsure_steps` fired on it before their time and fire
    again (`clock_steps.py`). `erased_at` is when its personal data was destroyed, `held_until` until when a legal hold
    keeps it, `erasure_asked` who asked for its erasure before the end of retention, and on which ground. `pages`,
    `questions`, `appeals` and `named` count the alerts, questions, appeals and items that it ever had: what leaves is
    named by these numbers. `version` counts the events of its chain as it was read, and `head` is the hash of
    the last of them (hex): no row holds them.
    """

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
    version: int = field(default=0, compare=False)
    head: str = field(default=FIRST.hex(), compare=False)

    @property
    def open_items(self) -> frozenset[str]:
        return frozenset(item.item_id for item in self.items if item.status in OPEN_ITEM)

    @property
    def pending(self) -> bool:
        return any(item.status in PENDING_ITEM for item in self.items)

    @property
    def settled_items(self) -> int:
        """How many items there is something final to tell about."""
        return sum(item.status in FINAL_ITEM for item in self.items)

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


def move(case: Case, verb: str, target: CaseState, **changes: Any) -> Case:
    """The case after a legal move. Raises IllegalMove if the table has no such row."""
    if not is_legal(case.state, verb, target):
        from_states = ", ".join(sorted(str(state) for state in SOURCES.get(verb, ()) if state)) or "no state"
        raise IllegalMove(
            f"the case is {case.state}: {verb.replace('_', ' ')} is possible from {from_states}.", reference=case.id
        )
    moved = case.but(state=target, **changes)
    # What is not watched is not replanned either: it would keep a shift that holds no more.
    return moved.but(clock_shift_s=0) if moved.watch_at is None and moved.clock_shift_s else moved


NO_LEASE: dict[str, Any] = {"lease_owner": "", "lease_expires_at": None}
