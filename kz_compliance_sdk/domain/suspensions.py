"""What people record of the remedies against an order: a contest, its result, and an order that suspends it.

A contest pauses nothing. A suspension pauses the term once a second person has confirmed it. It lifts no measure; what
has not begun waits for a second person, from the moment when it is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain import running_time
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.case import Case, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Change
from kz_compliance_sdk.domain.contest import CONTEST_RESULTS, ContestResult, FiledContest, Suspension, SuspensionOrder
from kz_compliance_sdk.domain.events import office, remedies
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.messages import page
from kz_compliance_sdk.domain.report import Contest
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, check_another
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

TOLD = ("moderator", "lead", "head")
MOST = 50
_SHA256 = re.compile(r"[0-9a-f]{64}")


def record_contest(case: Case, contest: Contest, remedy: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """The order is contested before `contest.body`, which is asked for `remedy`. The clock runs on."""
    REVIEW_POLICY.check(stamp.actor, "contest")
    need(contest.body, "contest.body", "Say before which court or authority.")
    need(contest.reference or "", "contest.reference", "Give the number under which it was filed.")
    need(remedy, "remedy", "Say what was asked for.")
    if contest.filed_at is None:
        raise InvalidInput("it is not said when.", field="contest.filed_at", remedy="Say when it was filed.")
    _check_past(contest.filed_at, "contest.filed_at", stamp)
    _check_room(case.contests, "contests", case)
    number = len(case.contests) + 1
    filed = FiledContest(number, contest.filed_at, stamp.actor.id)
    texts = {"body": contest.body, "reference": contest.reference or "", "remedy": remedy}
    told = remedies.ContestRecorded(contest=number, filed_at=contest.filed_at)
    contested = move(
        case,
        "contest",
        case.state,
        contests=(*case.contests, filed),
        flags=tuple(dict.fromkeys((*case.flags, "contested"))),
    )
    return (CaseWrite(contested), happened(case, told, stamp, texts)), contested


def settle_contest(
    case: Case, number: int, result: ContestResult, result_at: int, reasons: str, *, stamp: Stamp
) -> tuple[Change, Case]:
    """How the contest `number` ended, and when. It decides nothing about the case: a person does."""
    REVIEW_POLICY.check(stamp.actor, "contest")
    need(reasons, "reasons", "Say what was decided, and where that can be read.")
    if result not in CONTEST_RESULTS:
        raise InvalidInput(
            f"{result!r} is no result.", field="result", remedy=f"Use one of: {', '.join(CONTEST_RESULTS)}."
        )
    filed = next((one for one in case.contests if one.number == number), None)
    if filed is None:
        raise InvalidInput(
            f"the case has no contest {number}.", field="number", remedy="Record it first, or give another number."
        )
    if filed.result:
        raise IllegalMove(f"the contest {number} has ended already: {filed.result}.", reference=case.id)
    _check_past(result_at, "result_at", stamp)
    if result_at < filed.filed_at:
        raise InvalidInput("it ended before it was filed.", field="result_at", remedy="Give a later time.")
    ended = replace(filed, result=result, result_at=result_at)
    contests = tuple(ended if one.number == number else one for one in case.contests)
    flags = case.flags
    if all(one.result for one in contests):
        flags = tuple(flag for flag in flags if flag != "contested")
    texts = {"reasons": reasons}
    told = remedies.ContestSettled(contest=number, result=result, result_at=result_at)
    settled = move(case, "settle_contest", case.state, contests=contests, flags=flags)
    # What a body granted may call for another decision, and only a person takes one.
    settled, alert = page(settled, f"contest.{result}", TOLD, 50 if result in ("granted", "partly") else 20, stamp)
    return (CaseWrite(settled), happened(case, told, stamp, texts), alert), settled


def record_suspension(case: Case, order: SuspensionOrder, *, stamp: Stamp) -> tuple[Change, Case]:
    """An order suspends the case's order. It has no effect before a second person has confirmed it."""
    REVIEW_POLICY.check(stamp.actor, "suspend")
    for field, remedy in (
        ("body", "Say which court or authority ordered it."),
        ("reference", "Give the number of the order."),
        ("legal_basis", "Name the provision that it rests on; that an appeal was filed is none."),
    ):
        need(getattr(order, field), field, remedy)
    if not _SHA256.fullmatch(order.proof_sha256):
        raise InvalidInput(
            "it is no SHA-256.", field="proof_sha256", remedy="Give the digest of the order's document: 64 hex digits."
        )
    _check_past(order.from_at, "from_at", stamp)
    if order.until_at is not None and order.until_at <= order.from_at:
        raise InvalidInput("it ends before it begins.", field="until_at", remedy="Give a later time.")
    _check_room(case.suspensions, "suspensions", case)
    number = len(case.suspensions) + 1
    recorded = Suspension(number, order.from_at, order.until_at, order.proof_sha256, stamp.actor.id)
    texts = {"body": order.body, "reference": order.reference, "legal_basis": order.legal_basis}
    told = remedies.Suspended(suspension=number, from_at=order.from_at, until_at=order.until_at or 0)
    event = happened(case, told, stamp, {**texts, "proof_sha256": order.proof_sha256})
    marked = move(
        case,
        "suspend",
        case.state,
        suspensions=(*case.suspensions, recorded),
        flags=tuple(dict.fromkeys((*case.flags, "suspension_unconfirmed"))),
    )
    marked, alert = page(marked, "suspension_to_confirm", ("lead",), 40, stamp)
    return (CaseWrite(marked), event, alert), marked


def confirm_suspension(
    case: Case, number: int, how: str, recorders: Iterable[Actor], *, stamp: Stamp
) -> tuple[Change, Case]:
    """A second person has seen the order, and says `how`: from now on it has effect, from the time that it names.

    The term stands still, and what is left of it runs on when the suspension ends. Raises NotAllowed for whoever
    is no other person than the one who recorded it.
    """
    REVIEW_POLICY.check(stamp.actor, "confirm_suspension")
    need(how, "how", "Say how it was checked, for example: read on the court's own site.")
    found = _suspension(case, number)
    if found.confirmed_by or found.ended_at is not None:
        raise IllegalMove(f"the suspension {number} is confirmed or has ended already.", reference=case.id)
    check_another(recorders, stamp.actor, "nobody confirms what they recorded themselves.", case.id)
    confirmed = replace(found, confirmed_by=stamp.actor.id)
    counted, over = resumed(case, stamp)
    case = case.but(pages=counted.pages)
    texts = {"how": how}
    told = happened(case, remedies.SuspensionConfirmed(suspension=number), stamp, texts)
    tells = [*seen_over(case, over, stamp), told]
    after = _changed(case, "confirm_suspension", confirmed, stamp)
    # The order may bear on measures that are in force or under way. The machine lifts none.
    after, alert = page(after, "suspended", TOLD, 60, stamp)
    return (*over, CaseWrite(after), *tells, alert), after


def end_suspension(case: Case, number: int, ended_at: int, reasons: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """The suspension ended at `ended_at`; one that nobody has confirmed is taken back. What is left of the term runs on
    from then."""
    REVIEW_POLICY.check(stamp.actor, "suspend")
    need(reasons, "reasons", "Say what ended it, or why it is taken back.")
    found = _suspension(case, number)
    _check_past(ended_at, "ended_at", stamp)
    if ended_at < found.from_at:
        raise InvalidInput("it ends before it begins.", field="ended_at", remedy="Give a later time.")
    ends_at = found.ends_at
    # One that nobody confirmed has no effect that could end: it waits until it is taken back.
    if found.ended_at is not None or (found.confirmed_by and ends_at is not None and ends_at <= ended_at):
        raise IllegalMove(f"the suspension {number} has ended already.", reference=case.id)
    ended = replace(found, ended_at=ended_at)
    texts = {"reasons": reasons}
    event = happened(case, remedies.SuspensionEnded(suspension=number, ended_at=ended_at), stamp, texts)
    after = _changed(case, "end_suspension", ended, stamp)
    if not found.confirmed_by:
        return (CaseWrite(after), event), after
    after, alert = page(after, "suspension_over", TOLD, 50, stamp)
    return (CaseWrite(after), event, alert), after


def resumed(case: Case, stamp: Stamp) -> tuple[Case, Change]:
    """A case whose pause has ended goes on with what was left of its term, and people are told; any other stays."""
    if case.running_watch_at is None or running_time.stands_still(case, stamp.at):
        return case, ()
    after = running_time.planned(case, case.running_watch_at, stamp.at)
    after, alert = page(after.but(flags=flags_of(after, stamp)), "suspension_over", TOLD, 50, stamp)
    return after, (alert,)


def seen_over(case: Case, over: Change, stamp: Stamp) -> list[Happened]:
    """What the ledger says of what `resumed` found to be over: the clock ended it, whoever comes upon it."""
    return [happened(case, office.SuspensionWatched(over=True), stamp, by=SYSTEM)] if over else []


def _changed(case: Case, verb: str, changed: Suspension, stamp: Stamp) -> Case:
    """The case with one suspension changed, and its clock with it."""
    stopped_at = running_time.ladder_stopped_at(case, stamp.at)
    suspensions = tuple(changed if one.number == changed.number else one for one in case.suspensions)
    marked = case.but(suspensions=suspensions)
    moved = move(case, verb, case.state, suspensions=suspensions, flags=flags_of(marked, stamp))
    if moved.lift_due_at is None:
        moved = running_time.planned(moved, stopped_at, stamp.at)
    return moved


def flags_of(case: Case, stamp: Stamp) -> tuple[str, ...]:
    """The case's flags, where those about suspensions say what holds now."""
    flags = tuple(flag for flag in case.flags if flag not in ("suspension_unconfirmed", "suspended"))
    if any(not one.confirmed_by and one.ended_at is None for one in case.suspensions):
        flags = (*flags, "suspension_unconfirmed")
    if any(one.has_effect(stamp.at) for one in case.suspensions):
        flags = (*flags, "suspended")
    return flags


def _suspension(case: Case, number: int) -> Suspension:
    found = next((one for one in case.suspensions if one.number == number), None)
    if found is None:
        raise InvalidInput(
            f"the case has no suspension {number}.", field="number", remedy="Record it first, or give another number."
        )
    return found


def _check_past(at: int, field: str, stamp: Stamp) -> None:
    if at > stamp.at:
        raise InvalidInput("it lies in the future.", field=field, remedy="Record it once it has come.")


def _check_room(held: tuple[Any, ...], field: str, case: Case) -> None:
    if len(held) >= MOST:
        raise IllegalMove(f"the case holds {MOST} {field} already.", reference=case.id)
