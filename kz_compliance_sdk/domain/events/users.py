"""What the affected user is told."""

from __future__ import annotations

from typing import Literal

from kz_compliance_sdk.domain.events.base import EVERYBODY, REVIEWERS, At, Event, Name, Number, words
from kz_compliance_sdk.domain.fold import Case, SilenceBasis, Telling, UserNoticeKind
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.references import message_id


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
            case.tellings[name].state = "void"
            if name in case.messages and case.messages[name].state == "owed":
                case.messages[name].state = "voided"


class UserNoticeDelayed(Event, frozen=True, kw_only=True):
    """A person put off telling the user, with a legal basis and until a day."""

    words = words(legal_basis="erasable", reasons="erasable")
    messages: tuple[Name, ...]
    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        for name in self.messages:
            told, message = case.tellings[name], case.messages[name]
            told.state, told.due_at, told.delay_until, told.basis = "delayed", self.until, self.until, "person"
            message.not_before = message.due_at = self.until


class UserTold(Event, frozen=True, kw_only=True):
    """The affected user was told at `at_platform`."""

    message: Name
    at_platform: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.messages[self.message].state = "done"
        told = case.tellings[self.message]
        told.state, told.sent_at = "sent", self.at_platform


class UserNeverTold(Event, frozen=True, kw_only=True):
    """The user can never be told; people get to know it, and nothing else waits."""

    message: Name

    def apply(self, case: Case, on: Stamped) -> None:
        case.messages[self.message].state = "voided"
        case.tellings[self.message].state = "failed"
        case.page("user_notice_failed", REVIEWERS, 20, on)
