"""What the messages of an authority do to a case, and letters about it that somebody typed in."""

from __future__ import annotations

from typing import Literal

from kz_compliance_sdk.domain.actor import STAFF
from kz_compliance_sdk.domain.events.base import (
    EVERYBODY,
    REVIEWERS,
    At,
    Authenticity,
    Code,
    Event,
    Flag,
    Keyed,
    Language,
    Name,
    Number,
    Object,
    Source,
    Value,
    words,
)
from kz_compliance_sdk.domain.fold import OPEN, Case, Item, Letter, alter
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.transitions import ENDED, UNDECIDED, CaseState

CancelEffect = Literal["withdrawn", "annulled", "remedied"]
Fate = Literal["stopped", "lifting", "kept", "stays"]
Way = Literal["url", "object", "account"]
_LETTERS = ("amendment", "cancellation", "answer")


class Came(Value, frozen=True, kw_only=True):
    """A message as it came. `key` is the keyed digest of sender and id, `body` that of its bytes; `profile`, `key_id`
    and `signed_at` say how its origin is proved, `status` how it was answered. The count of new notices that was seen,
    and the limit, stand in `volume` and `volume_limit`."""

    key: Keyed
    body: Keyed
    source: Source
    sender: Name = ""
    channel: Literal["regulator", "by_hand"] = "regulator"
    profile: Code = ""
    key_id: Name | None = None
    signed_at: At = 0
    status: Number = 202
    volume: Number = 0
    volume_limit: Number = 0


class Demanded(Value, frozen=True, kw_only=True):
    """What a notice says of itself in codes: as much as the public figures and a redacted pack say of it. A cited law
    is a code of the policy, `other` for one that this does not know. `originated` says that a body is named at whose
    wish it was issued, `barred` that the user is not to be told: until `barred_until`, 0 where no rule is named that
    says so."""

    issued_at: At
    authority_type: Code
    originated: bool = False
    legal_basis: tuple[Code, ...]
    requested: Code
    barred: bool = False
    barred_until: At = 0


class Named(Value, frozen=True, kw_only=True):
    """An item that a message names: the number that the case gives it, its object's stream, and by what it is named.
    Where the same id named another object before, `instead_of` is the number of that one. `begun` says that its measure
    may come into force at this moment, so that only lifting takes it back."""

    number: Number
    object: Object
    way: Way = "url"
    instead_of: Number = 0
    begun: bool = False


class Fallen(Value, frozen=True, kw_only=True):
    """What becomes of an item whose order fell: `version` is that of the effect that lifts it, 0 where one is
    under way already; `held` says that what was in force of it stays in force, `order` that no measure can rest on the
    order any more."""

    item: Number
    fate: Fate
    version: Number = 0
    held: bool = False
    order: bool = False


class Opened(Event, frozen=True, kw_only=True):
    """An authentic, usable notice: its clock runs from its receipt."""

    words = words(message="erasable", proof="kept", reply="kept", how_it_came="erasable")
    authority: Name
    notice: Name
    revision: Number
    kind: Code
    category: Code
    demanded: Demanded
    languages: tuple[Language, ...]
    came: Came
    received_at: At
    escalates_from: At
    due_at: At
    requested_due_at: At = 0
    policy: Code
    items: tuple[Named, ...]
    flags: tuple[Flag, ...] = ()
    authenticity: Authenticity = "signed"
    no_approver: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        _take_notice(case, self, on)
        case.received_at, case.due_at = self.received_at, self.due_at
        case.escalates_from = self.escalates_from
        _name_anew(case, self.items)
        case.flag(*self.flags)
        _acknowledge(case, on)
        _page_at_intake(case, self.no_approver, on)


class Quarantined(Event, frozen=True, kw_only=True):
    """Authentic but unusable: kept, with its clock running, and somebody is paged at once."""

    words = words(
        message="erasable", id="erasable", proof="kept", reply="kept", how_it_came="erasable", reason="erasable"
    )
    authority: Name
    notice: Name
    number: Number
    code: Code
    came: Came
    received_at: At
    due_at: At
    policy: Code
    flags: tuple[Flag, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        case.state, case.quarantine = CaseState.QUARANTINED, self.number
        case.authority, case.notice, case.kind, case.category = self.authority, self.notice, "unknown", "unknown"
        case.received_at = case.escalates_from = self.received_at
        case.due_at, case.policy = self.due_at, self.policy
        case.authenticity = "unverified" if self.came.source == "typed" else "signed"
        _rest_on(case, self.came, on)
        case.flag(self.code, *self.flags)
        case.page(f"quarantine.{self.code}", EVERYBODY, 50, on)


class Admitted(Event, frozen=True, kw_only=True):
    """A usable message for a notice that so far was only in quarantine: it inherits the earlier receipt."""

    words = Opened.words
    authority: Name
    notice: Name
    revision: Number
    kind: Code
    category: Code
    demanded: Demanded
    languages: tuple[Language, ...]
    came: Came
    due_at: At
    requested_due_at: At = 0
    policy: Code
    items: tuple[Named, ...]
    flags: tuple[Flag, ...] = ()
    authenticity: Authenticity = "signed"
    no_approver: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        _take_notice(case, self, on)
        case.state, case.quarantine, case.due_at = CaseState.QUEUED, 0, self.due_at
        _name_anew(case, self.items)
        case.flag(*self.flags)
        _acknowledge(case, on)
        _page_at_intake(case, self.no_approver, on)


class Amended(Event, frozen=True, kw_only=True):
    """A new revision supersedes the notice: what it names is decided anew, what it no longer names falls. `due_at` and
    `received_at` are given where the case had ended: it gets the term from this receipt."""

    words = words(message="erasable", proof="kept", reply="kept", how_it_came="erasable", how="erasable")
    authority: Name
    notice: Name
    revision: Number
    kind: Code
    category: Code
    demanded: Demanded
    languages: tuple[Language, ...]
    came: Came
    received_at: At = 0
    due_at: At = 0
    requested_due_at: At = 0
    policy: Code
    items: tuple[Named, ...]
    fallen: tuple[Fallen, ...] = ()
    flags: tuple[Flag, ...] = ()
    authenticity: Authenticity = "signed"
    lift_due_at: At = 0
    no_approver: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        if case.erased_at:
            case.items, case.erased_at = {}, 0
        if self.due_at:
            case.received_at, case.due_at = self.received_at, self.due_at
            case.escalates_from = self.received_at
        fall(case, self.fallen, "withdrawn", self.lift_due_at, on)
        _name_anew(case, self.items)
        _take_notice(case, self, on)
        case.back_to_review()
        case.quarantine = case.decided_at = case.closed_at = case.lift_due_at = 0
        case.flag(*self.flags, "amended")
        _vouch(case, self.came.body)
        case.void("clarification", "report")
        _acknowledge(case, on)
        case.page("amended", REVIEWERS, 30, on)
        _page_at_intake(case, self.no_approver, on)


class Answered(Event, frozen=True, kw_only=True):
    """The authority answered a question of ours, or said more than had been seen. `lift_due_at` is when what falls with
    it must be lifted."""

    words = Amended.words
    came: Came
    question: Name
    items: tuple[Named, ...] = ()
    asked: tuple[Number, ...] = ()
    fallen: tuple[Fallen, ...] = ()
    flags: tuple[Flag, ...] = ()
    lift_due_at: At = 0
    no_approver: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        fall(case, self.fallen, "withdrawn", self.lift_due_at, on)
        _name_anew(case, self.items)
        for number in self.asked:
            alter(case.items, number, status="open")
        case.back_to_review()
        case.closed_at = 0
        case.flag(*self.flags, "clarified")
        _vouch(case, self.came.body)
        case.void("report")
        case.page("clarified", ("moderator",), 20, on)
        if self.flags:
            _page_at_intake(case, self.no_approver, on)


class Cancelled(Event, frozen=True, kw_only=True):
    """The order no longer stands, in whole (`named` is None) or in part. Without an `effect` nothing in force is
    touched, and a person asks. `lift_due_at` is when what is lifted must be lifted."""

    words = Amended.words
    came: Came
    revision: Number
    effect: CancelEffect | None = None
    named: tuple[Number, ...] | None = None
    fallen: tuple[Fallen, ...] = ()
    lift_due_at: At = 0

    def apply(self, case: Case, on: Stamped) -> None:
        was = case.state
        touched = any(one.fate != "stays" for one in self.fallen)
        beside = not touched and self.named is not None and not set(case.undecided) & set(self.named)
        fall(case, self.fallen, self.effect or "", self.lift_due_at, on)
        _vouch(case, self.came.body)
        case.flag(f"cancelled_{self.effect}" if self.effect else "effect_missing")
        _after_cancelling(case, self.lift_due_at, touched=touched, beside=beside, on=on)
        if not case.undecided:
            case.void("clarification")
        news = touched or was is not case.state
        if news and case.state in (CaseState.LIFTED, CaseState.ENFORCED, CaseState.LIFTING, CaseState.CANCELLED):
            case.void("report")
        told = REVIEWERS if self.effect else EVERYBODY
        case.page("cancelled" if self.effect else "cancelled.effect_missing", told, 40, on)


class Reminded(Event, frozen=True, kw_only=True):
    """The authority asks again: the level rises, the clock does not move."""

    words = words(message="erasable", proof="kept", reply="kept")
    came: Came
    level: Number

    def apply(self, case: Case, on: Stamped) -> None:
        case.level, case.reminders = max(case.level, self.level), case.reminders + 1
        case.page("reminded", REVIEWERS, 40, on)


class Flagged(Event, frozen=True, kw_only=True):
    """Something was learnt that a moderator must see; from a message, if it came with one. It changes nothing else. An
    answer with marks of its own calls people like a notice."""

    words = Amended.words
    came: Came | None = None
    flags: tuple[Flag, ...]
    alert: bool = True
    no_approver: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        case.flag(*self.flags)
        if self.came is not None:
            _vouch(case, self.came.body)
        if self.alert:
            case.page(f"flag.{self.flags[0].split(':')[0]}", REVIEWERS, 30, on)
        if "clarified" in self.flags and len(self.flags) > 1:
            _page_at_intake(case, self.no_approver, on)


class TakenIn(Event, frozen=True, kw_only=True):
    """A message says nothing new: what is held already, in another envelope, or what could not be used when it came
    and can be now."""

    words = words(message="erasable", proof="kept", reply="kept")
    came: Came


class Confirmed(Event, frozen=True, kw_only=True):
    """The authority's signed message says what was typed in: from now on its bytes count."""

    words = words(message="erasable", proof="kept", reply="kept")
    came: Came
    demanded: Demanded

    def apply(self, case: Case, on: Stamped) -> None:
        case.authenticity, case.typist, case.demanded = "signed", (0, 0), self.demanded
        _rest_on(case, self.came, on)
        _acknowledge(case, on)


class LetterEntered(Event, frozen=True, kw_only=True):
    """Somebody typed in a letter about the case. It changes nothing until another person vouches for it: then the same
    bytes come in the event that they make."""

    may = STAFF
    words = words(message="erasable", how_it_came="erasable", reply="kept")
    came: Came
    kind: Literal["amendment", "cancellation", "answer"]
    received_at: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.letters[self.came.body] = Letter(on.seq, self.kind, on.person, on.account)
        case.flag(f"{self.kind}_unverified")
        if self.kind == "amendment":
            case.page("flag.amendment_unverified", REVIEWERS, 30, on)
        else:
            case.page(f"{self.kind}_to_vouch_for", REVIEWERS, 40, on)


class LetterDismissed(Event, frozen=True, kw_only=True):
    """The letter of this body is not what it seemed: it never takes effect."""

    may = STAFF
    words = words(reasons="erasable")
    letter: Keyed

    def apply(self, case: Case, on: Stamped) -> None:
        _vouch(case, self.letter)


def _take_notice(case: Case, said: Opened | Admitted | Amended, on: Stamped) -> None:
    """From now on the case rests on this notice."""
    case.authority, case.notice, case.revision = said.authority, said.notice, said.revision
    case.kind, case.category, case.languages = said.kind, said.category, said.languages
    case.requested_due_at, case.policy, case.authenticity = said.requested_due_at, said.policy, said.authenticity
    case.demanded = said.demanded
    _rest_on(case, said.came, on)


def _rest_on(case: Case, came: Came, on: Stamped) -> None:
    """From now on these bytes count. Who vouches for a letter has not typed it in."""
    case.source, case.channel, case.notice_at = came.source, came.channel, on.seq
    by = case.letters.get(came.body, on)
    case.typist = (by.person, by.account) if came.source == "typed" else (0, 0)


def _acknowledge(case: Case, on: Stamped) -> None:
    """Nobody waits for the acknowledgement of a letter."""
    if case.source != "typed":
        case.owe("acknowledgement", case.channel, on, number=case.revision)


def _page_at_intake(case: Case, no_approver: bool, on: Stamped) -> None:
    if "user_data_demand" in case.flags:
        case.page("user_data_demand", ("legal", "lead"), 50, on)
    elif no_approver:
        case.page("no_approver_on_duty", ("lead", "legal", "head"), 50, on)


def _vouch(case: Case, body: str) -> None:
    """If these bytes are a letter that waited, it waits no more; its flag goes with the last of its kind."""
    if case.letters.pop(body, None) is None:
        return
    waiting = {one.kind for one in case.letters.values()}
    case.unflag(*(f"{kind}_unverified" for kind in _LETTERS if kind not in waiting))


def fall(case: Case, fallen: tuple[Fallen, ...], effect: str, lift_due_at: int, on: Stamped) -> None:
    """What becomes of items whose order fell, or whose measure an appeal takes back."""
    for one in fallen:
        was = case.items[one.item]
        item = alter(case.items, one.item, fell=was.fell or (effect if one.order else ""))
        if one.fate == "stays":
            continue
        case.void("enforce", target=item.object, item=item.number)
        alter(case.items, one.item, status=one.fate)
        if one.fate == "kept" and not one.held:
            alter(case.items, one.item, measure="")
        if one.fate == "lifting" and not one.version:
            alter(case.items, one.item, action=item.measure)
        elif one.fate == "lifting":
            item = alter(case.items, one.item, version=one.version, measure=item.measure or item.action)
            case.owe_effect(item, "restore", on, due_at=case.lift_due_at or lift_due_at)


def _name_anew(case: Case, named: tuple[Named, ...]) -> None:
    """Open what a message names. An id that now names another object is another item, under a number of its own."""
    for one in named:
        if one.instead_of:
            alter(case.items, one.instead_of, renamed=one.number)
        case.named = max(case.named, one.number)
        held = case.items.get(one.number)
        if held is None:
            case.items[one.number] = Item(one.number, one.object, way=one.way)
            continue
        measure = held.action if one.begun and not held.measure else held.measure
        case.void("enforce", target=held.object, item=held.number)
        alter(case.items, one.number, object=one.object, way=one.way, status="open", fell="", measure=measure)


def _after_cancelling(case: Case, lift_due_at: int, *, touched: bool, beside: bool, on: Stamped) -> None:
    statuses = {item.status for item in case.items.values()}
    if touched and "lifting" in statuses and not statuses & OPEN:
        case.state, case.lease, case.closed_at = CaseState.LIFTING, None, 0
        case.lift_due_at = case.lift_due_at or lift_due_at
    elif statuses & OPEN:
        # Whoever decides the others loses nothing by it, unless what was said of one of those changes what they see.
        if not (beside and case.state in UNDECIDED):
            case.back_to_review()
    elif "decided" in statuses:
        if case.state in UNDECIDED:
            case.state, case.lease = CaseState.DECIDED, None
    # What has ended has its end behind it: one that a lawyer took out of here stays closed, one that fell stays so.
    elif statuses <= {"stopped"} and case.state not in ENDED:
        case.state, case.lease, case.closed_at = CaseState.CANCELLED, None, on.at
    elif touched and case.decision and statuses & {"kept", "lifted", "gone"}:
        case.state, case.lease, case.closed_at = CaseState.LIFTED, None, 0
    elif touched and (case.state is CaseState.DECIDED or case.state in UNDECIDED):
        case.state, case.lease = CaseState.ENFORCED, None


class Sanctioned(Event, frozen=True, kw_only=True):
    """An authority announces a sanction against the platform, or one that it had announced with other terms. It belongs
    to the stream of the sanction."""

    words = words(sanction_id="kept", reference_number="kept")
    level: Code
    notice_ids: tuple[Name, ...] = ()
    effective_at: At


# ------------------------------------------------------------------------------------------------------------ waiting
# What becomes of a message that no case takes when it comes: each has a stream of its own.


LodgedKind = Literal["notice.cancelled", "notice.clarified", "notice.reminded", "sanction.announced"]


class Lodged(Event, frozen=True, kw_only=True):
    """An authentic message came. One that speaks of a `notice` waits for it, though it may have done something in a
    case of what could not be used; any other is noted. The exact answer is a part only where the message alone says
    what it was about."""

    words = words(message="erasable", proof="kept", reply="kept")
    kind: LodgedKind
    came: Came
    notice: Name | None = None


class Joined(Event, frozen=True, kw_only=True):
    """The notice came, and the message has done in its case what it says."""

    case: Name
