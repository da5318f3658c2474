"""What people record of the remedies against an order: contests, orders that suspend it, and appeals of affected users.

A contest pauses nothing. A suspension pauses the term once a second person has confirmed it. It lifts no measure; what
has not begun waits for a second person, from the moment when it is recorded."""

from __future__ import annotations

import re
from typing import Annotated, Any

from kz_compliance_sdk.domain import appeals, running_time, user_notices
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp, roles
from kz_compliance_sdk.domain.appeals import Appeal, AppealOutcome, Reversal, Settled
from kz_compliance_sdk.domain.case import Case, happened, moved
from kz_compliance_sdk.domain.change import Change, case_after
from kz_compliance_sdk.domain.clock import ContestResult, Suspension
from kz_compliance_sdk.domain.commands.base import Command, Facts, rests_on_order, withhold
from kz_compliance_sdk.domain.events import remedies
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.forms import APPEAL, FOUND, HOW, Field, past, words
from kz_compliance_sdk.domain.messages import step, stuck, then, tried, written
from kz_compliance_sdk.domain.review_policy import check_another, who_decided, who_suspended
from kz_compliance_sdk.domain.user_notices import Occasion
from kz_compliance_sdk.domain.values import appeal_id_of
from kz_compliance_sdk.errors import ComplianceError, Conflict, IllegalMove, InvalidInput, NotFound

MOST = 50
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PANEL = "Contest and suspension"
Number = Annotated[int, Field("Its number in the case.", "--suspension", "N")]
Ended = past("--at", "Give the time at which it ended.")


class RecordContest(
    Command[Case],
    may=roles("lead", "legal", "head"),
    name="contest",
    panel=_PANEL,
    told="Contest {case.contests:count} of {name} is recorded.",
):
    """Record that the order is contested. It pauses nothing."""

    body: Annotated[
        str,
        words("Say before which court or authority it is contested.", "--before", is_line=True),
    ]
    reference: Annotated[
        str,
        words("Give the number under which it was filed.", "--number", is_line=True),
    ]
    filed_at: Annotated[int, past("--filed-at", "Give the time at which it was filed.")]
    remedy: Annotated[str, words("Say what was asked for.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        _check_room(case.contests, "contests", case)
        texts = {"body": self.body, "reference": self.reference, "remedy": self.remedy}
        told = remedies.ContestRecorded(contest=len(case.contests) + 1, filed_at=self.filed_at)
        return step(case, "contest", happened(case, told, stamp, texts))


class SettleContest(
    Command[Case],
    may=roles("lead", "legal", "head"),
    name="contest-ended",
    panel=_PANEL,
    told="Contest {number} of {name} was {result}.",
):
    """Record how a contest ended. What follows from that a person decides.

    It decides nothing about the case: a person supersedes the decision, or waits for the authority.
    """

    number: Annotated[int, Field("Its number in the case: see `cases show`.", "--contest", "N")]
    result: Annotated[ContestResult, Field("How it ended.")]
    result_at: Annotated[int, Ended]
    reasons: Annotated[str, words("Say what was decided, and where that can be read.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        filed = next((one for one in case.contests if one.number == self.number), None)
        if filed is None:
            raise InvalidInput(
                f"the case has no contest {self.number}.",
                field="number",
                remedy="Record it first, or give another number.",
            )
        if filed.result:
            raise IllegalMove(f"the contest {self.number} has ended already: {filed.result}.", reference=case.id)
        if self.result_at < filed.filed_at:
            raise InvalidInput("it ended before it was filed.", field="result_at", remedy="Give a later time.")
        told = remedies.ContestSettled(contest=self.number, result=self.result, result_at=self.result_at)
        return step(case, "settle_contest", happened(case, told, stamp, {"reasons": self.reasons}))


class Suspend(
    Command[Case],
    may=roles("lead", "legal", "head"),
    panel=_PANEL,
    told="Suspension {case.suspensions:count} of {name} waits for a second person.",
):
    """Record an order that suspends the case's order. It has effect once a second person confirms it.

    Measures on the ground of the order that have not begun wait for a second person at once.
    """

    body: Annotated[
        str,
        words("Say which court or authority ordered it.", "--by"),
    ]
    reference: Annotated[str, words("Give the number of the order.", "--number")]
    from_at: Annotated[int, past("--from", "Give the time from which it has effect.")]
    legal_basis: Annotated[
        str,
        words("Name the provision that it rests on; that an appeal was filed is none.", "--basis"),
    ]
    proof_sha256: Annotated[str, Field("The SHA-256 of the order's document.", "--proof", "SHA256")]
    until_at: Annotated[int | None, Field("Until when, if the order says it.", "--until", is_time=True)] = None

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        proof = self.proof_sha256.lower()
        if not _SHA256.fullmatch(proof):
            raise InvalidInput(
                "it is no SHA-256.",
                field="proof_sha256",
                remedy="Give the digest of the order's document: 64 hex digits.",
            )
        if self.until_at is not None and self.until_at <= self.from_at:
            raise InvalidInput("it ends before it begins.", field="until_at", remedy="Give a later time.")
        _check_room(case.suspensions, "suspensions", case)
        number = len(case.suspensions) + 1
        told = remedies.Suspended(suspension=number, from_at=self.from_at, until_at=self.until_at or 0)
        texts = {
            "body": self.body,
            "reference": self.reference,
            "legal_basis": self.legal_basis,
            "proof_sha256": proof,
        }
        return _withheld(
            step(case, "suspend", happened(case, told, stamp, texts), proofs={number: proof}), facts, stamp
        )


class ConfirmSuspension(
    Command[Case], may=roles("lead", "legal"), panel=_PANEL, told="Suspension {number} of {name} has effect."
):
    """Confirm a suspension that somebody else recorded: the term stands still. What is in force stays.

    It has effect from the time that the order names, and what is left of the term runs on when it ends. The order may
    bear on measures that are in force or under way: people are told, and the machine lifts none. Measures that have not
    begun wait for a second person. Raises NotAllowed for whoever is no other person than the one who recorded it.
    """

    number: Number
    how: Annotated[str, HOW]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        found = _suspension(case, self.number)
        if found.confirmed_by or found.ended_at is not None:
            raise IllegalMove(f"the suspension {self.number} is confirmed or has ended already.", reference=case.id)
        recorders = who_suspended(facts.stream, self.number)
        check_another(recorders, stamp.actor, "nobody confirms what they recorded themselves.", case.id)
        told = happened(case, remedies.SuspensionConfirmed(suspension=self.number), stamp, {"how": self.how})
        known, over = running_time.resumed(case, stamp)
        after = _changed(known, "confirm_suspension", told, stamp)
        return _withheld((written(after, *over, told), after), facts, stamp)


class EndSuspension(
    Command[Case], may=roles("lead", "legal", "head"), panel=_PANEL, told="Suspension {number} of {name} is over."
):
    """Record that a suspension ended, or take back one that nobody confirmed. The term runs on with what was left."""

    number: Number
    ended_at: Annotated[int, Ended]
    reasons: Annotated[str, words("Say what ended it, or why it is taken back.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        found = _suspension(case, self.number)
        if self.ended_at < found.from_at:
            raise InvalidInput("it ends before it begins.", field="ended_at", remedy="Give a later time.")
        ends_at = found.ends_at
        # One that nobody confirmed has no effect that could end: it waits until it is taken back.
        if found.ended_at is not None or (found.confirmed_by and ends_at is not None and ends_at <= self.ended_at):
            raise IllegalMove(f"the suspension {self.number} has ended already.", reference=case.id)
        ended = remedies.SuspensionEnded(suspension=self.number, ended_at=self.ended_at)
        told = happened(case, ended, stamp, {"reasons": self.reasons})
        after = _changed(case, "end_suspension", told, stamp)
        return written(after, told), after


def _withheld(done: tuple[Change, Case], facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
    """A step after which no measure may leave on the ground of the order unless a second person says so."""
    return withhold(*done, rests_on_order, facts, stamp)


def _changed(case: Case, verb: str, told: Happened, stamp: Stamp) -> Case:
    """The case with one suspension changed, and its clock with it."""
    stopped_at = running_time.ladder_stopped_at(case, stamp.at)
    after = moved(case, verb, told)
    return after if after.lift_due_at is not None else running_time.planned(after, stopped_at, stamp.at)


def _suspension(case: Case, number: int) -> Suspension:
    found = next((one for one in case.suspensions if one.number == number), None)
    if found is None:
        raise InvalidInput(
            f"the case has no suspension {number}.", field="number", remedy="Record it first, or give another number."
        )
    return found


def _check_room(held: tuple[Any, ...], field: str, case: Case) -> None:
    if len(held) >= MOST:
        raise IllegalMove(f"the case holds {MOST} {field} already.", reference=case.id)


# ------------------------------------------------------------------------------------------------------------ appeals
# Appeals of affected users: received, decided by somebody else than who decided first, taken back.


AppealId = Annotated[str, APPEAL]


class ReceiveAppeal(
    Command[Appeal],
    group="appeals",
    name="receive",
    panel="",
    may=roles("moderator", "lead", "legal", "head", or_system=True),
):
    """Record a user's appeal against a measure in force. The same `reference` again returns the appeal that is there.

    Raises IllegalMove for an item without a measure and for a case that was erased, and Conflict for a reference that
    belongs to something else.
    """

    item_id: Annotated[str, Field("The item it is about.", "--item", "ID")]
    text: Annotated[str, words("Give what the user wrote.")]
    received_at: Annotated[int, Field("When the user made it.", is_time=True)]
    reference: Annotated[str, Field("Your own number of the appeal; the same again changes nothing.", is_sealed=True)]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Appeal]:
        appeals.check_reference(self.reference)
        held = _known(case, facts, appeal_id_of(case.platform_id, stamp.keyed(self.reference)))
        if held is None:
            rests_on = {number: item.rests_on for number, item in facts.stream.case.items.items()}
            return appeals.receive(
                case,
                self.item_id,
                self.text,
                self.received_at,
                self.reference,
                facts.decisions(),
                rests_on,
                facts.policy.users,
                stamp=stamp,
            )
        if not appeals.is_about(held, case, self.item_id):
            raise _of_another(held.appeal_id)
        return (), held


class DecideAppeal(
    Command[Appeal], group="appeals", name="decide", panel="", may=roles("lead", "legal", never_head=True)
):
    """Decide an appeal: `uphold` leaves the measure, `reverse` lifts it and needs a `reversal`. The user is told.

    Never by whoever proposed or approved the decision in force: raises NotAllowed (`four_eyes`). Raises also
    IllegalMove while the item is being decided anew.
    """

    appeal_id: AppealId
    outcome: Annotated[AppealOutcome, Field("Leave the measure, or lift it.")]
    reasons: Annotated[str, FOUND]
    reversal: Annotated[Reversal | None, Field("With `reverse`: what the law, and what the regulator is told.")] = None

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Appeal]:
        if (self.outcome == "reverse") != (self.reversal is not None):
            raise InvalidInput(
                "a reversal needs its wording, and nothing else has one.",
                field="reversal",
                remedy="Give the finding, the refusal code and the statement for the regulator with 'reverse' only.",
            )
        appeal = _of_case(case, facts, self.appeal_id)
        standing, first = facts.standing(), _who_decided(case, facts, appeal)
        if self.reversal is None:
            settled = appeals.uphold(case, appeal, self.reasons, first, stamp=stamp)
        else:
            settled = appeals.reverse(
                case, appeal, self.reasons, self.reversal, facts.policy, standing, first, stamp=stamp
            )
        told = _told(facts, settled, stamp, reversed_=self.reversal is not None)
        return _silenced(facts, told, settled, stamp), settled.appeal


class WithdrawAppeal(
    Command[Appeal],
    group="appeals",
    name="withdraw",
    may=roles("moderator", "lead", "legal", never_head=True, or_system=True),
):
    """Record that the user takes an appeal back. Never by whoever proposed or approved the decision."""

    appeal_id: AppealId

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Appeal]:
        appeal = _of_case(case, facts, self.appeal_id)
        first = () if stamp.actor == SYSTEM else _who_decided(case, facts, appeal)
        settled = appeals.withdraw(case, appeal, first, stamp=stamp)
        return _silenced(facts, settled.change, settled, stamp), settled.appeal


def _known(case: Case, facts: Facts, appeal_id: str) -> Appeal | None:
    """The appeal of that id, by the chain of the case: its row may be gone. Raises Conflict for one of another case."""
    if any(held.id == appeal_id for held in facts.stream.case.appeals.values()):
        return appeals.appeal_of(facts.stream, case, appeal_id, facts.words)
    try:
        facts.case_of_appeal(appeal_id)
    except NotFound:
        return None
    raise _of_another(appeal_id)


def _of_case(case: Case, facts: Facts, appeal_id: str) -> Appeal:
    """The appeal of that id. Raises NotFound for one of another case, or of none."""
    if facts.case_of_appeal(appeal_id) != case.id:
        raise NotFound("this case has no appeal of this id.", reference=appeal_id)
    return appeals.appeal_of(facts.stream, case, appeal_id, facts.words)


def _of_another(appeal_id: str) -> Conflict:
    return Conflict("this reference is that of an appeal about something else.", reference=appeal_id)


def _who_decided(case: Case, facts: Facts, appeal: Appeal) -> tuple[Actor, ...]:
    """Who decided what an appeal is about: the decision that it was made against, and the last one about its item.
    Raises IllegalMove as `appeals.about`."""
    about = appeals.about(case, appeal)
    return who_decided(facts.stream, appeal.decision_version, about.decision_version)


def _told(facts: Facts, settled: Settled, stamp: Stamp, *, reversed_: bool) -> Change:
    case, appeal = settled.case, settled.appeal
    try:
        notice = facts.notice()
    except ComplianceError:
        # Who demanded it cannot be read any more. What the user is owed must not wait for that.
        return stuck(settled.change, case, "user_notice_stuck", ("lead",), 30, stamp)
    item = next(one for one in case.items if one.item_id == settled.item_id)
    decisions = facts.decisions()
    behind = decisions[appeal.decision_version].item(appeal.item_id)
    measure = item.measure or (behind.action if behind is not None else "none")
    on = Occasion(case, item, notice, facts.tellings(), decisions, facts.telling, stamp)
    news = user_notices.of_appeal(on, appeal.number, reversed_=reversed_, measure=measure)
    return then(settled.change, case, news)


def _silenced(facts: Facts, change: Change, settled: Settled, stamp: Stamp) -> Change:
    """The change that ended an appeal, with what the ledger is told of its reminders that were tried."""
    ids = appeals.reminders_of(settled.appeal)
    reminders = (one for one in facts.open_messages() if one.id in ids)
    return then(change, case_after(settled.case, change), tried(reminders, ("page",), stamp))
