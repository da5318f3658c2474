"""What people record of the remedies against an order: a contest, its result, and an order that suspends it.

A contest pauses nothing. A suspension pauses the term once a second person has confirmed it. It lifts no measure; what
has not begun waits for a second person, from the moment when it is recorded.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from kz_compliance_sdk.domain import running_time
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.commands.base import Command, Facts, Field, past, words
from kz_compliance_sdk.domain.contest import CONTEST_RESULTS, ContestResult, Suspension
from kz_compliance_sdk.domain.events import remedies
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.messages import step, written
from kz_compliance_sdk.domain.review_policy import check_another, who_suspended
from kz_compliance_sdk.domain.withholding import rests_on_order, withhold
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

MOST = 50
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PANEL = "Contest and suspension"
Number = Annotated[int, Field("Its number in the case.", "--suspension")]
Ended = past("--at", "When it ended:")


class RecordContest(
    Command[Case],
    may="contest",
    name="contest",
    panel=_PANEL,
    told="Contest {case.contests:count} of {name} is recorded.",
):
    """Record that the order is contested. It pauses nothing."""

    body: Annotated[
        str,
        Field(
            "The court or authority before which it is contested.", "--before", "Say before which court or authority."
        ),
    ]
    reference: Annotated[
        str, Field("The number under which it was filed.", "--number", "Give the number under which it was filed.")
    ]
    filed_at: Annotated[int, past("--filed-at", "When it was filed:")]
    remedy: Annotated[str, Field("What was asked for.", needed="Say what was asked for.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        _check_room(case.contests, "contests", case)
        texts = {"body": self.body, "reference": self.reference, "remedy": self.remedy}
        told = remedies.ContestRecorded(contest=len(case.contests) + 1, filed_at=self.filed_at)
        return step(case, "contest", happened(case, told, stamp, texts))


class SettleContest(
    Command[Case], may="contest", name="contest-ended", panel=_PANEL, told="Contest {number} of {name} was {result}."
):
    """Record how a contest ended. What follows from that a person decides.

    It decides nothing about the case: a person supersedes the decision, or waits for the authority.
    """

    number: Annotated[int, Field("Its number in the case: see `cases show`.", "--contest")]
    result: Annotated[ContestResult, Field("How it ended.")]
    result_at: Annotated[int, Ended]
    reasons: Annotated[str, words("Say what was decided, and where that can be read.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if self.result not in CONTEST_RESULTS:
            raise InvalidInput(
                f"{self.result!r} is no result.", field="result", remedy=f"Use one of: {', '.join(CONTEST_RESULTS)}."
            )
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
    may="suspend",
    panel=_PANEL,
    told="Suspension {case.suspensions:count} of {name} waits for a second person.",
):
    """Record an order that suspends the case's order. It has effect once a second person confirms it.

    Measures on the ground of the order that have not begun wait for a second person at once. `proof_sha256` is the
    SHA-256 of the order's document.
    """

    body: Annotated[
        str,
        Field("The court or authority that ordered it.", "--by", "Say which court or authority ordered it."),
    ]
    reference: Annotated[str, Field("The number of the order.", "--number", "Give the number of the order.")]
    from_at: Annotated[int, past("--from", "From when:")]
    legal_basis: Annotated[
        str,
        Field(
            "The provision that it rests on; that an appeal was filed is none.",
            "--basis",
            "Name the provision that it rests on; that an appeal was filed is none.",
        ),
    ]
    proof_sha256: Annotated[str, Field("The SHA-256 of the order's document.", "--proof")]
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
    Command[Case], may="confirm_suspension", panel=_PANEL, told="Suspension {number} of {name} has effect."
):
    """Confirm a suspension that somebody else recorded: the term stands still. What is in force stays.

    It has effect from the time that the order names, and what is left of the term runs on when it ends. The order may
    bear on measures that are in force or under way: people are told, and the machine lifts none. Measures that have not
    begun wait for a second person. Raises NotAllowed for whoever is no other person than the one who recorded it.
    """

    number: Number
    how: Annotated[
        str,
        Field(
            "How it was checked, such as: called back on the number in the register.",
            needed="Say how it was checked, for example: read on the court's own site.",
        ),
    ]

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


class EndSuspension(Command[Case], may="suspend", panel=_PANEL, told="Suspension {number} of {name} is over."):
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
