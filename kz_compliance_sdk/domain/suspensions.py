"""What people record of the remedies against an order: a contest, its result, and an order that suspends it.

A contest pauses nothing. A suspension pauses the term once a second person has confirmed it. It lifts no measure; what
has not begun waits for a second person, from the moment when it is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kz_compliance_sdk.domain import running_time
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.case import Case, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.contest import CONTEST_RESULTS, ContestResult, Suspension, SuspensionOrder
from kz_compliance_sdk.domain.events import office, remedies
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.messages import step, written
from kz_compliance_sdk.domain.report import Contest
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, check_another
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

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
    texts = {"body": contest.body, "reference": contest.reference or "", "remedy": remedy}
    told = remedies.ContestRecorded(contest=len(case.contests) + 1, filed_at=contest.filed_at)
    return step(case, "contest", happened(case, told, stamp, texts))


def settle_contest(
    case: Case, number: int, result: ContestResult, result_at: int, reasons: str, *, stamp: Stamp
) -> tuple[Change, Case]:
    """How the contest `number` ended, and when. It decides nothing about the case: what a body granted may call for
    another decision, and only a person takes one."""
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
    told = remedies.ContestSettled(contest=number, result=result, result_at=result_at)
    return step(case, "settle_contest", happened(case, told, stamp, {"reasons": reasons}))


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
    told = remedies.Suspended(suspension=number, from_at=order.from_at, until_at=order.until_at or 0)
    texts = {
        "body": order.body,
        "reference": order.reference,
        "legal_basis": order.legal_basis,
        "proof_sha256": order.proof_sha256,
    }
    proofs = {number: order.proof_sha256}
    return step(case, "suspend", happened(case, told, stamp, texts), proofs=proofs)


def confirm_suspension(
    case: Case, number: int, how: str, recorders: Iterable[Actor], *, stamp: Stamp
) -> tuple[Change, Case]:
    """A second person has seen the order, and says `how`: from now on it has effect, from the time that it names.

    The term stands still, and what is left of it runs on when the suspension ends. The order may bear on measures that
    are in force or under way: people are told, and the machine lifts none. Raises NotAllowed for whoever is no other
    person than the one who recorded it.
    """
    REVIEW_POLICY.check(stamp.actor, "confirm_suspension")
    need(how, "how", "Say how it was checked, for example: read on the court's own site.")
    found = _suspension(case, number)
    if found.confirmed_by or found.ended_at is not None:
        raise IllegalMove(f"the suspension {number} is confirmed or has ended already.", reference=case.id)
    check_another(recorders, stamp.actor, "nobody confirms what they recorded themselves.", case.id)
    told = happened(case, remedies.SuspensionConfirmed(suspension=number), stamp, {"how": how})
    known, over = resumed(case, stamp)
    after = _changed(known, "confirm_suspension", told, stamp)
    return written(after, *over, told), after


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
    told = happened(case, remedies.SuspensionEnded(suspension=number, ended_at=ended_at), stamp, {"reasons": reasons})
    after = _changed(case, "end_suspension", told, stamp)
    return written(after, told), after


def resumed(case: Case, stamp: Stamp) -> tuple[Case, tuple[Happened, ...]]:
    """A case whose pause has ended goes on with what was left of its term, unless the time to lift leads; and what is
    told of that: the clock ended it, whoever comes upon it. Any other stays."""
    if case.running_watch_at is None or running_time.stands_still(case, stamp.at):
        return case, ()
    told = happened(case, office.SuspensionWatched(over=True), stamp, by=SYSTEM)
    after = moved(case, None, told)
    plans = not running_time.is_lifting(case)
    return running_time.planned(after, case.running_watch_at, stamp.at) if plans else after, (told,)


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


def _check_past(at: int, field: str, stamp: Stamp) -> None:
    if at > stamp.at:
        raise InvalidInput("it lies in the future.", field=field, remedy="Record it once it has come.")


def _check_room(held: tuple[Any, ...], field: str, case: Case) -> None:
    if len(held) >= MOST:
        raise IllegalMove(f"the case holds {MOST} {field} already.", reference=case.id)
