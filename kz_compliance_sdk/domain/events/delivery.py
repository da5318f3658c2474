"""What leaves, what came of it, and what the platform and the regulator bring back."""

from __future__ import annotations

from typing import Literal

from kz_compliance_sdk.domain.actor import roles
from kz_compliance_sdk.domain.events.base import (
    EVERYBODY,
    REVIEWERS,
    At,
    Audience,
    Code,
    Event,
    Keyed,
    Name,
    Number,
    ObjectEvent,
    words,
)
from kz_compliance_sdk.domain.events.office import settled
from kz_compliance_sdk.domain.fold import (
    FINAL,
    Case,
    PlatformObject,
    SilenceBasis,
    Telling,
    Tries,
    UserNoticeKind,
    alter,
)
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.transitions import ENDED, CaseState
from kz_compliance_sdk.domain.values import message_id


class Reported(Event, frozen=True, kw_only=True):
    """The exact bytes of the next report: what the regulator is told, once it may leave."""

    words = words(body="erasable")
    sequence: Number
    final: bool
    not_before: At = 0

    def apply(self, case: Case, on: Stamped) -> None:
        case.sequence = self.sequence
        case.owe(
            "report",
            case.channel,
            on,
            decision=case.decision,
            number=self.sequence,
            not_before=self.not_before,
            at_seq=on.seq,
            final=self.final,
        )


class Begun(Event, frozen=True, kw_only=True):
    """Somebody may be carrying a message out from now on. `body` is the keyed digest of the bytes that left. It is said
    again where a refusal that may pass shows that one whose outcome was unknown has not arrived."""

    message: Name
    body: Keyed = ""

    def apply(self, case: Case, on: Stamped) -> None:
        held = case.messages[self.message]
        alter(case.messages, self.message, state="begun", tries=max(held.tries, 1))


class Tried(Event, frozen=True, kw_only=True):
    """So many tries were made, the last with this result. `attempts` is the keyed digest over the one that was told
    before and the rows of the tries since. Where no more are counted than there, one that was given up for lost came
    back, and it is over all of them."""

    message: Name
    count: Number
    result: Code
    attempts: Keyed

    def apply(self, case: Case, on: Stamped) -> None:
        tried = Tries(self.count, self.result, self.attempts)
        alter(case.messages, self.message, tries=self.count, tried=tried)


class OutcomeUnknown(Event, frozen=True, kw_only=True):
    """A try ended and nobody knows whether it arrived: it is looked up before it is sent again."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="unknown")


class Waiting(Event, frozen=True, kw_only=True):
    """The message waits for a person who carries it."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="waiting")


class Parked(Event, frozen=True, kw_only=True):
    """The message is refused, or cannot be carried out: it stays until a person acts."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="parked")


class Retried(Event, frozen=True, kw_only=True):
    """A person has a parked message tried again."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="begun", refused_at=0)


class Voided(Event, frozen=True, kw_only=True):
    """The message leaves no more."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="voided")


class Done(Event, frozen=True, kw_only=True):
    """The message did what it was to do, and nothing came back that the case must know: an alert was told."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="done")


class MeasureInForce(Event, frozen=True, kw_only=True):
    """The platform says that a measure is in force since `at_platform`."""

    message: Name
    item: Number
    at_platform: At

    def apply(self, case: Case, on: Stamped) -> None:
        item = case.items[self.item]
        alter(case.messages, self.message, state="done")
        alter(
            case.items,
            self.item,
            status="in_force" if item.status == "decided" else item.status,
            measure=item.action,
            effective_at=self.at_platform,
            rests_on=item.decision,
        )
        case.after_last()


class MeasureLifted(Event, frozen=True, kw_only=True):
    """A measure is lifted since `at_platform`; or, with `kept`, something else was found to hold its object."""

    message: Name
    item: Number
    at_platform: At
    kept: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="voided" if self.kept else "done")
        item = alter(case.items, self.item, measure="", effective_at=self.at_platform)
        if item.status == "lifting":
            alter(case.items, self.item, status="kept" if self.kept else "lifted")
        if case.state not in ENDED:
            case.after_last()


class MeasureFailed(Event, frozen=True, kw_only=True):
    """The platform cannot carry an effect out. With `final` a measure never can be, and goes back to review; any other
    effect is tried on."""

    words = words(reason="erasable")
    message: Name
    item: Number
    final: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        held, item = case.messages[self.message], case.items[self.item]
        back = False
        if self.final and held.kind == "enforce":
            alter(case.messages, self.message, state="parked", refused_at=on.at)
            if item.status == "decided":
                alter(case.items, self.item, status="failed")
                back = case.state in (CaseState.DECIDED, CaseState.LIFTING, CaseState.IN_APPROVAL)
        if back:
            case.back_to_review()
        case.page(f"{held.kind}_{'failed' if back else 'stuck'}", REVIEWERS, 50, on)


class AnswerUnusable(Event, frozen=True, kw_only=True):
    """The platform answered with what cannot be: what was asked for may be done, and nobody knows since when. It waits
    until a person has it asked again."""

    words = words(reason="erasable")
    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="parked")
        case.page("answer_unusable", REVIEWERS, 50, on)


class Receipt(Event, frozen=True, kw_only=True):
    """The regulator holds one of our messages; the receipt for the final report ends the case. What proves that a
    letter was delivered (`by_hand`) is the words of whoever carried it, and goes with the personal data."""

    words = words(receipt="kept", signature="kept", by_hand="erasable")
    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        held = alter(case.messages, self.message, state="done")
        if held.kind != "report":
            return
        for name, one in case.messages.items():
            if one.kind == "report" and one.number < held.number and one.state == "parked":
                alter(case.messages, name, state="voided")
        ends = case.state in (CaseState.DECIDED, CaseState.ENFORCED, CaseState.LIFTED)
        if held.final and held.number == case.sequence and ends and not case.pending:
            case.state, case.closed_at, case.lift_due_at = CaseState.CLOSED, on.at, 0


class Rejected(Event, frozen=True, kw_only=True):
    """The regulator refuses a message for good. A refused final report sends the case back to review."""

    words = words(reason="erasable")
    message: Name
    code: Code

    def apply(self, case: Case, on: Stamped) -> None:
        held = alter(case.messages, self.message, state="parked", refused_at=on.at)
        ends = case.state in (CaseState.DECIDED, CaseState.ENFORCED, CaseState.LIFTED)
        if held.kind == "report" and held.final and held.number == case.sequence and ends and not case.pending:
            again = [one for one in case.items.values() if one.status in FINAL and not one.renamed and not one.fell]
            for item in again:
                alter(case.items, item.number, status="open")
            if again:
                case.back_to_review()
                case.flag("report_rejected")
        case.page(f"{held.kind}_rejected", EVERYBODY, 60, on)


class InterimOffered(Event, frozen=True, kw_only=True):
    """People are asked whether the regulator is to hear of the settled items now."""

    def apply(self, case: Case, on: Stamped) -> None:
        case.interim = settled(case)
        case.page("interim_offered", ("lead", "head"), 50, on)


class Stuck(Event, frozen=True, kw_only=True):
    """Something about the case cannot be done for so long that people are told, and it is tried on: a message cannot be
    delivered, or, without one, the case cannot be watched or reported in time."""

    message: Name | None = None
    reason: Code
    level: Number = 50
    audience: Audience = REVIEWERS

    def apply(self, case: Case, on: Stamped) -> None:
        case.page(self.reason, self.audience, self.level, on)


# -------------------------------------------------------------------------------------------------------------- users
# What the affected user is told.


class UserNoticeOwed(Event, frozen=True, kw_only=True):
    """The affected user is to be told. `basis` says whose legal basis keeps the user from it until `due_at`."""

    words = words(body="erasable")
    item: Number
    notice: UserNoticeKind
    appeal: Number = 0
    effect: Number = 0
    state: Literal["due", "delayed", "off"]
    due_at: At
    basis: SilenceBasis = ""
    asks: bool = False
    words_missing: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        item = case.items[self.item]
        number = self.appeal or self.effect
        name = f"user_notice/{self.notice}"
        key = message_id(case.stream, name, item.decision, number, item.number)
        if self.state != "off":
            case.owe(
                "user_notice",
                "messenger",
                on,
                decision=item.decision,
                number=number,
                item=item.number,
                not_before=self.due_at,
                due_at=self.due_at,
                name=name,
                at_seq=on.seq,
            )
        delay = self.due_at if self.state == "delayed" else 0
        case.tellings[key] = Telling(
            key, on.seq, item.number, self.notice, item.decision, number, self.state, self.due_at, delay, self.basis
        )
        if self.asks:
            case.page("user_notice_barred", EVERYBODY, 40, on)
        if self.words_missing:
            case.page("user_notice_words", REVIEWERS, 30, on)


class UserNoticeVoided(Event, frozen=True, kw_only=True):
    """What no longer holds is told to nobody. One that has begun may be told at this moment."""

    messages: tuple[Name, ...]

    def apply(self, case: Case, on: Stamped) -> None:
        for name in self.messages:
            alter(case.tellings, name, state="void")
            if name in case.messages and case.messages[name].state == "owed":
                alter(case.messages, name, state="voided")


class UserNoticeDelayed(Event, frozen=True, kw_only=True):
    """A person put off telling the user, with a legal basis and until a day."""

    may = roles("legal")
    words = words(legal_basis="erasable", reasons="erasable")
    messages: tuple[Name, ...]
    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        for name in self.messages:
            until = self.until
            alter(case.tellings, name, state="delayed", due_at=until, delay_until=until, basis="person")
            alter(case.messages, name, not_before=until, due_at=until)


class UserTold(Event, frozen=True, kw_only=True):
    """The affected user was told at `at_platform`."""

    message: Name
    at_platform: At

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="done")
        alter(case.tellings, self.message, state="sent", sent_at=self.at_platform)


class UserNeverTold(Event, frozen=True, kw_only=True):
    """The user can never be told; people get to know it, and nothing else waits."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.messages, self.message, state="voided")
        alter(case.tellings, self.message, state="failed")
        case.page("user_notice_failed", REVIEWERS, 20, on)


# ------------------------------------------------------------------------------------------------------------ objects
# What happens to an object of the platform: the versions that its effects get, and whose measures hold it.


class Versioned(ObjectEvent, frozen=True, kw_only=True):
    """An effect was decided, and has this version: the platform carries none out that is older than one it has seen."""

    version: Number

    def change(self, held: PlatformObject) -> None:
        held.version = max(held.version, self.version)
        held.handed_out.add((self.version, *self.owner))


class InForce(ObjectEvent, frozen=True, kw_only=True):
    """A measure holds the object from now on. A sealed copy of what it hides is kept until `until`."""

    until: At = 0

    def change(self, held: PlatformObject) -> None:
        held.holds[self.owner] = self.until


class Lifted(ObjectEvent, frozen=True, kw_only=True):
    """The ground of a measure is gone: for this item nothing holds the object any more. What else does goes on."""

    def change(self, held: PlatformObject) -> None:
        held.holds.pop(self.owner, None)


class CopyFreed(ObjectEvent, frozen=True, kw_only=True):
    """The sealed copy behind a measure need not be kept any longer: people were told, or the case was erased. The
    measure stays."""

    def change(self, held: PlatformObject) -> None:
        if self.owner in held.holds:
            held.holds[self.owner] = 0
