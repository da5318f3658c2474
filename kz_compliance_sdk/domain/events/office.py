"""What the office does with a case beside deciding it, and what the clock does."""

from __future__ import annotations

from typing import Literal

from kz_compliance_sdk.domain.actor import STAFF, roles
from kz_compliance_sdk.domain.events.base import (
    EVERYBODY,
    At,
    Audience,
    Code,
    Event,
    HouseEvent,
    Keyed,
    Language,
    Name,
    Number,
    Root,
    Seconds,
    Signature,
    Value,
    words,
)
from kz_compliance_sdk.domain.fold import FINAL, Case, Lease, Message, Step, alter
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.values import ALERTS


class Authenticated(Event, frozen=True, kw_only=True):
    """Another person than the typist recorded how the authenticity of what was typed in was checked."""

    may = STAFF
    words = words(how="erasable")

    def apply(self, case: Case, on: Stamped) -> None:
        case.authenticity = "verified"


class ReceiptCorrected(Event, frozen=True, kw_only=True):
    """Another person than the typist corrected when a typed-in notice was received; the clock follows."""

    may = roles("lead", "legal", "head")
    words = words(reasons="erasable")
    received_at: At
    due_at: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.received_at = case.escalates_from = self.received_at
        case.due_at = self.due_at


class QuarantineSettled(Event, frozen=True, kw_only=True):
    """A person dealt with a message that could not be used."""

    may = roles("lead", "legal", never_head=True)
    words = words(reasons="erasable")

    def apply(self, case: Case, on: Stamped) -> None:
        case.state, case.closed_at = CaseState.CLOSED, on.at


class UndoableRecorded(Event, frozen=True, kw_only=True):
    """A person recorded that a measure can never be lifted, after it was tried."""

    may = roles("lead", "legal")
    words = words(reasons="erasable")
    item: Number

    def apply(self, case: Case, on: Stamped) -> None:
        item = case.items[self.item]
        if (restore := case.effect_of(item, "restore")) is not None:
            alter(case.messages, restore.id, state="voided")
        alter(case.items, self.item, status="gone", measure="", effective_at=on.at)
        case.after_last()


class AnsweredByHand(Event, frozen=True, kw_only=True):
    """A person answers the case by letter from now on."""

    may = STAFF

    def apply(self, case: Case, on: Stamped) -> None:
        case.channel = "by_hand"
        for one in case.owed:
            if one.kind in ("report", "clarification"):
                alter(case.messages, one.id, endpoint="by_hand", not_before=max(on.at, case.undo_until))


class NoteKept(Event, frozen=True, kw_only=True):
    """A person left a note for whoever works on the case next."""

    words = words(text="erasable")


class Viewed(Event, frozen=True, kw_only=True):
    """A person looked at the case."""


class Disclosed(Event, frozen=True, kw_only=True):
    """A person took an evidence pack of the case out."""

    words = words(reason="erasable")
    form: Literal["redacted", "full"]
    language: Language


class Exported(Event, frozen=True, kw_only=True):
    """A person took the personal data of the case out, for somebody who asked."""

    may = roles("legal", "head")


class AlarmRaised(Event, frozen=True, kw_only=True):
    """A person calls a lead and a lawyer to the case."""

    words = words(reason="erasable")

    def apply(self, case: Case, on: Stamped) -> None:
        case.page("alarm", ("lead", "legal"), 70, on)


class Instructed(Event, frozen=True, kw_only=True):
    """A person recorded what somebody told the office to do: a measure then takes another person."""

    words = words(given_by="erasable", unit="erasable", channel="erasable", said="erasable")
    given_at: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.flag("instruction_recorded")
        case.page("instruction_recorded", ("lead", "legal"), 50, on)


class HandedOver(Event, frozen=True, kw_only=True):
    """A lawyer took a demand for user data out of here: it is not answered, and what is in force stays."""

    may = roles("legal", never_head=True)
    words = words(reasons="erasable")
    stay: tuple[Number, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        for number in case.undecided:
            alter(case.items, number, status="in_force" if number in self.stay else "stopped")
        case.void("clarification", "report")
        case.state, case.closed_at, case.lease, case.lift_due_at = CaseState.CLOSED, on.at, None, 0


class DemandRuledOut(Event, frozen=True, kw_only=True):
    """A lawyer found that it is no demand for user data."""

    may = roles("legal")
    words = words(reasons="erasable")

    def apply(self, case: Case, on: Stamped) -> None:
        case.unflag("user_data_demand")
        case.flag("demand_ruled_out")


class InterimAsked(Event, frozen=True, kw_only=True):
    """A person has the settled items reported while others are under way."""

    may = roles("lead", "legal")

    def apply(self, case: Case, on: Stamped) -> None:
        case.interim = settled(case)


class Escalated(Event, frozen=True, kw_only=True):
    """Steps of the ladder were due: they fire once, and as one page. With `unsure` they are due only if a clock that
    was just set is right: they count as not fired. `again` are those that fired like that before, and say so. The
    ladder is that of this `policy`."""

    policy: Code
    steps: tuple[Code, ...]
    lead: Code
    audience: Audience
    level: Number
    unsure: bool = False
    again: tuple[Code, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        for step in self.steps:
            case.steps[step] = Step(step, on.at, self.level, self.audience)
            if self.unsure:
                case.unsure[step] = None
        for step in self.again:
            case.unsure.pop(step, None)
        if not self.unsure:
            case.level = max(case.level, self.level)
        word = "unsure." if self.unsure else "again." if self.again else ""
        case.page(f"{word}{self.lead}", self.audience, self.level, on)


class ClockStepped(Event, frozen=True, kw_only=True):
    """The host's clock was set by `step_s` while the case ran, after it was looked at `since`: what is left of its
    times stays what it was. `shift_s` is by how much the ladder is now later on that clock, `lease_until` where a lease
    was planned anew, `unsure` the steps that had fired ahead of their time."""

    step_s: Seconds
    since: At
    shift_s: Seconds
    lease_until: At = 0
    unsure: tuple[Code, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        case.clock_shift = self.shift_s
        for message in case.messages.values():
            if message.state == "owed":
                alter(case.messages, message.id, not_before=self._kept_waiting(message, on.at))
        case.unflag("clock_stepped")
        if case.clock_shift:
            case.flag("clock_stepped")
        if case.lease is not None and self.lease_until:
            case.lease = Lease(case.lease.token, case.lease.person, case.lease.account, self.lease_until)
        case.unsure.update(dict.fromkeys(self.unsure))

    def _kept_waiting(self, one: Message, now: int) -> int:
        """Until when it waits now: what waited keeps the time that was left. A day until which a user must not be told
        is a date."""
        is_dated = one.kind == "user_notice"
        if self.step_s > 0:
            jumped_over = one.not_before < self.since + self.step_s
            if one.not_before > self.since and (jumped_over or (one.at <= self.since and not is_dated)):
                return one.not_before + self.step_s
        elif one.not_before > now and not self.since + self.step_s < one.at <= now:
            dated = one.due_at if is_dated and one.not_before >= one.due_at else 0
            return max(one.not_before + self.step_s, dated)
        return one.not_before


class EscalationSeen(Event, frozen=True, kw_only=True):
    """A person has seen the escalations so far."""


class SuspensionWatched(Event, frozen=True, kw_only=True):
    """The term stands still, and no end of that is known: people are asked whether the suspension still stands; or
    `over`: it ended by its own time, and what is left of the term runs on."""

    over: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        if self.over:
            mark_suspensions(case, on.at)
            case.page("suspension_over", EVERYBODY, 50, on)
        else:
            case.looked_at = on.at
            case.page("suspension_open", ("lead", "head"), 20, on)


class PreservationEnded(Event, frozen=True, kw_only=True):
    """The time is over for which copies of what measures hide were to be kept. Nothing is deleted by itself."""

    items: tuple[Number, ...]

    def apply(self, case: Case, on: Stamped) -> None:
        case.page("preservation_ended", ("lead", "head"), 20, on)


class CopyDeleted(Event, frozen=True, kw_only=True):
    """A person recorded that the copy which was kept of an item is deleted."""

    may = roles("lead", "legal", "head")
    item: Number

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.items, self.item, copy_deleted=True)


class ClockSeen(Event, frozen=True, kw_only=True):
    """Both clocks of the host at a moment, `boot_ms` milliseconds after its start (`boot`, a digest of what names it):
    told where it started anew, where its wall clock was set, and where the two had drifted apart. What else is known of
    them stands here as `clock_steps.Seen` has it. It belongs to the stream `clock`."""

    boot: Keyed
    boot_ms: Number
    off_s: Seconds = 0
    unseen_from: At = 0
    unseen_s: Number = 0
    back_at: At = 0


class LedgerKeyRetired(Event, frozen=True, kw_only=True):
    """Every host has a newer ledger key: under the one of this id (in hex; empty: under none) nothing may stand behind
    this number of the log. It belongs to the stream `keys`."""

    key: Code
    last: Number


class Published(Event, frozen=True, kw_only=True):
    """The public figures of a period left the house: for the first time, or as its `revision` of this number. It stands
    in the stream of each month of the period, so that no other period can hold it too; the report, its exact bytes, in
    that of the first one."""

    may = roles("lead", "legal", "head")
    words = words(report="kept")
    start: At
    end: At
    revision: Number = 0


class LinesTaken(Event, frozen=True, kw_only=True):
    """The lines for Lumen left the house, beside the report of this `revision`. It stands in the stream of the first
    month of the period. Lines of another revision never leave: what is another in two lines of one demand is what
    changed about it."""

    may = roles("lead", "legal", "head")
    revision: Number = 0


class FiguresTaken(Event, frozen=True, kw_only=True):
    """A person took the office's own figures of a time out, which are exact and never published. It stands in the
    stream `figures/` and the month in which that was."""

    may = roles("lead", "legal", "head")
    start: At
    end: At


class Alerted(Event, frozen=True, kw_only=True):
    """People are to be told of what belongs to no case, such as a sanction or a clock that was set: the exact bytes of
    the alert, which has a stream of its own."""

    words = words(body="kept")
    reason: Code

    def apply(self, case: Case, on: Stamped) -> None:
        name = case.stream.removeprefix(ALERTS)
        case.messages[name] = Message(
            name,
            "page",
            "notifier",
            seq=on.seq,
            at_seq=on.seq,
            at=on.at,
            not_before=on.at,
            due_at=0,
            reason=self.reason,
        )


def settled(case: Case) -> int:
    """How many items there is something final to tell about."""
    return sum(item.status in FINAL for item in case.items.values())


def mark_suspensions(case: Case, at: int) -> None:
    """The flags about suspensions, and the place in the queue, say what holds at `at`."""
    case.looked_at = at
    case.unflag("suspension_unconfirmed", "suspended")
    if any(not one.confirmed_by and not one.ended_at for one in case.suspensions.values()):
        case.flag("suspension_unconfirmed")
    if any(one.has_effect(at) for one in case.suspensions.values()):
        case.flag("suspended")


# -------------------------------------------------------------------------------------------------------- checkpoints
# What happens to a checkpoint: it is made, and given to those who keep checkpoints. Each has a stream of its own.


class Signed(Value, frozen=True, kw_only=True):
    """The platform's signature over the line of a checkpoint."""

    key_id: Name
    alg: Literal["ed25519"]
    value: Signature


class Checkpointed(Event, frozen=True, kw_only=True):
    """At that time the log had so many lines, and the tree over them this root. Checkpoints are numbered from 1."""

    number: Number
    size: Number
    root: Root
    made_at: At
    signature: Signed | None = None


class HandedOut(Event, frozen=True, kw_only=True):
    """All who keep checkpoints have this one."""


# --------------------------------------------------------------------------------------------------------------- house
# The entry in the register, whose stream is `registration`, and who is on duty, in a stream for each month.


class RegistrationGiven(HouseEvent, frozen=True, kw_only=True):
    """A person gave what the register is to hold of the platform: its part `entry`, JSON."""

    may = roles("lead", "legal", "head")
    words = words(entry="erasable")
    users_a_day: Number


class RegistrationFiled(HouseEvent, frozen=True, kw_only=True):
    """A person handed it in."""

    may = roles("lead", "legal", "head")
    words = words(channel="erasable", outgoing_number="erasable")
    at: At


Standing = Literal["pending", "registered", "suspended"]


class RegistrationStood(HouseEvent, frozen=True, kw_only=True):
    """A person recorded what the register shows of the platform, and until when that is good."""

    may = roles("lead", "legal", "head")
    words = words(note="erasable")
    standing: Standing
    until: At = 0


class RenewalReminded(HouseEvent, frozen=True, kw_only=True):
    """People were reminded so many days before the entry ends."""

    days: Number


class ShiftPlanned(HouseEvent, frozen=True, kw_only=True):
    """A person said who is on duty, and when. Shifts are numbered within the month in which they begin."""

    may = roles("lead", "head")
    words = words(on_duty="erasable")
    shift: Number
    from_at: At
    until_at: At
    zone: Code


class ShiftDropped(HouseEvent, frozen=True, kw_only=True):
    """A shift is no more."""

    may = roles("lead", "head")
    shift: Number


class ShiftHandedOn(HouseEvent, frozen=True, kw_only=True):
    """A person left a note for the next shift."""

    may = STAFF
    words = words(text="erasable")
