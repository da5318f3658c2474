"""Contests of an order, orders that suspend it, and appeals of the affected user."""

from __future__ import annotations

from typing import Final, Literal

from kz_compliance_sdk.domain.actor import roles
from kz_compliance_sdk.domain.events.arrivals import Fallen, fall
from kz_compliance_sdk.domain.events.base import EVERYBODY, REVIEWERS, At, Event, Keyed, Number, words
from kz_compliance_sdk.domain.events.office import mark_suspensions
from kz_compliance_sdk.domain.events.review import Judged, said_of
from kz_compliance_sdk.domain.fold import Appeal, Case, Contest, Decision, Suspension, alter
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.values import appeal_id_of

APPEAL_REMINDERS: Final = ("appeal_near", "appeal_overdue")
"""What people are told of an appeal by the clock."""


class ContestRecorded(Event, frozen=True, kw_only=True):
    """The order is contested. The clock runs on."""

    may = roles("lead", "legal", "head")
    words = words(body="erasable", reference="erasable", remedy="erasable")
    contest: Number
    filed_at: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.contests[self.contest] = Contest(self.contest, on.seq, self.filed_at, on.person)
        case.flag("contested")


class ContestSettled(Event, frozen=True, kw_only=True):
    """The contest ended. It decides nothing about the case: a person does."""

    may = roles("lead", "legal", "head")
    words = words(reasons="erasable")
    contest: Number
    result: Literal["withdrawn", "rejected", "granted", "partly"]
    result_at: At

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.contests, self.contest, result=self.result, result_at=self.result_at)
        if all(one.result for one in case.contests.values()):
            case.unflag("contested")
        case.page(f"contest.{self.result}", EVERYBODY, 50 if self.result in ("granted", "partly") else 20, on)


class Suspended(Event, frozen=True, kw_only=True):
    """A person recorded an order that suspends this one. It pauses nothing before another person confirms it."""

    may = roles("lead", "legal", "head")
    words = words(body="erasable", reference="erasable", legal_basis="erasable", proof_sha256="erasable")
    suspension: Number
    from_at: At
    until_at: At = 0

    def apply(self, case: Case, on: Stamped) -> None:
        held = Suspension(self.suspension, on.seq, self.from_at, self.until_at, on.person, on.account)
        case.suspensions[self.suspension] = held
        case.flag("suspension_unconfirmed")
        case.page("suspension_to_confirm", ("lead",), 40, on)


class SuspensionConfirmed(Event, frozen=True, kw_only=True):
    """Another person has seen the order: the term stands still from the time that it names."""

    may = roles("lead", "legal")
    words = words(how="erasable")
    suspension: Number

    def apply(self, case: Case, on: Stamped) -> None:
        alter(case.suspensions, self.suspension, confirmed_by=on.person)
        mark_suspensions(case, on.at)
        case.page("suspended", EVERYBODY, 60, on)


class SuspensionEnded(Event, frozen=True, kw_only=True):
    """The suspension ended; one that nobody confirmed is taken back."""

    may = roles("lead", "legal", "head")
    words = words(reasons="erasable")
    suspension: Number
    ended_at: At

    def apply(self, case: Case, on: Stamped) -> None:
        held = alter(case.suspensions, self.suspension, ended_at=self.ended_at)
        mark_suspensions(case, on.at)
        if held.confirmed_by:
            case.page("suspension_over", EVERYBODY, 50, on)


class Appealed(Event, frozen=True, kw_only=True):
    """The affected user appeals against a measure. `reference` is the keyed digest of the platform's number for it."""

    words = words(text="erasable", reference="erasable")
    appeal: Number
    reference: Keyed
    item: Number
    received_at: At
    near_at: At
    due_at: At
    decision: Number

    def apply(self, case: Case, on: Stamped) -> None:
        case.appeals[self.appeal] = Appeal(
            appeal_id_of(case.platform, self.reference),
            self.appeal,
            on.seq,
            self.item,
            self.received_at,
            self.due_at,
            self.decision,
        )
        case.page("appeal_received", REVIEWERS, 30, on)
        for reason, at, level in zip(APPEAL_REMINDERS, (self.near_at, self.due_at), (40, 60), strict=True):
            case.page(reason, EVERYBODY, level, on, not_before=at, number=self.appeal)


class AppealUpheld(Event, frozen=True, kw_only=True):
    """Somebody else than those who decided first leaves the measure in force."""

    may = roles("lead", "legal", never_head=True)
    words = words(reasons="erasable")
    appeal: Number

    def apply(self, case: Case, on: Stamped) -> None:
        _settle(case, self.appeal, "upheld", on)


class AppealWithdrawn(Event, frozen=True, kw_only=True):
    """The user takes the appeal back."""

    appeal: Number

    def apply(self, case: Case, on: Stamped) -> None:
        _settle(case, self.appeal, "withdrawn", on)


class AppealReversed(Event, frozen=True, kw_only=True):
    """The user was right: a superseding decision lifts the measures on the object, or finds nothing left to lift.
    `reports` says whether the regulator hears of it in a case that had ended."""

    may = roles("lead", "legal", never_head=True)
    words = words(reasons="erasable", proposal="erasable")
    appeal: Number
    decision: Number = 0
    items: tuple[Judged, ...] = ()
    lifted: tuple[Fallen, ...] = ()
    lift_due_at: At = 0
    reports: bool = True

    def apply(self, case: Case, on: Stamped) -> None:
        _settle(case, self.appeal, "reversed", on)
        if not self.decision:
            return
        _reverse(case, self, on)


def _settle(case: Case, number: int, state: Literal["upheld", "reversed", "withdrawn"], on: Stamped) -> None:
    """The appeal is decided, unless it was withdrawn, and nobody needs to be reminded of it."""
    decided_by = on.person if state != "withdrawn" else 0
    alter(case.appeals, number, state=state, decided_at=on.at, decided_by=decided_by)
    for name, one in case.messages.items():
        if one.reason in APPEAL_REMINDERS and one.number == number and one.state == "owed":
            alter(case.messages, name, state="voided")


def _reverse(case: Case, said: AppealReversed, on: Stamped) -> None:
    """Somebody else came to another end: no measure, and a refusal with its reasons."""
    was = case.state
    case.decision, case.decided_at, case.undo_until = said.decision, on.at, 0
    case.decisions[said.decision] = Decision(
        version=said.decision,
        at_seq=on.seq,
        digest=said.parts["proposal"].mac,
        revision=case.revision,
        items=dict(said_of(said.items)),
        person=on.person,
        account=on.account,
        at=on.at,
        four_eyes=False,
    )
    fall(case, said.lifted, "", said.lift_due_at, on)
    for one in said.lifted:
        alter(case.items, one.item, decision=said.decision, action="none", ground="")
    if was is CaseState.CLOSED and not said.reports:
        return
    if any(item.status == "lifting" for item in case.items.values()):
        case.state, case.lease, case.closed_at = CaseState.LIFTING, None, 0
        case.lift_due_at = case.lift_due_at or said.lift_due_at
    elif was in (CaseState.ENFORCED, CaseState.CLOSED):
        case.state, case.closed_at = CaseState.LIFTED, 0
    # An interim report of a case that is being lifted already says of the item that it is in force.
    lifts = any(one.fate == "lifting" for one in said.lifted)
    if case.state is not was or (was is not CaseState.CLOSED and (lifts or not case.pending)):
        case.void("report")
