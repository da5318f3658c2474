"""What the office does with a case beside deciding it: supersede, settle, vouch for, correct, acknowledge."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.arrivals import Arrival, Standing, amend
from kz_compliance_sdk.domain.case import Case, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.events.review import Reopened
from kz_compliance_sdk.domain.letters_in import check_voucher, without
from kz_compliance_sdk.domain.messages import Respondent, step, with_report, written
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.results import can_report_interim
from kz_compliance_sdk.domain.retention import begin_anew
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, check_another
from kz_compliance_sdk.domain.running_time import replanned, term_times
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import IllegalMove, InvalidInput


def reopen(
    case: Case, reasons: str, policy: Policy, named: Collection[str] = (), *, stamp: Stamp
) -> tuple[Change, Case]:
    """Supersede an ended case: every item is decided anew whose order stands, and those whose order fell that are
    `named`; measures in force stay meanwhile. Raises InvalidInput for an item that is not there, and IllegalMove if
    nothing is left to decide."""
    REVIEW_POLICY.check(stamp.actor, "reopen")
    need(reasons, "reasons", "Say why the decision is superseded.")
    if case.erased_at is not None:
        raise IllegalMove("its personal data was erased: there is nothing left to decide about.", reference=case.id)
    if not case.items:
        raise IllegalMove("a quarantined message has no item to decide about.", reference=case.id)
    for name in named:
        if (item := case.item(name)) is None or item.was:
            raise InvalidInput(
                f"the case has no item {name!r} to decide about.", field="items", remedy="Name one of its items."
            )
    if not any(not item.was and (item.order_stands or item.item_id in named) for item in case.items):
        raise IllegalMove(
            "its order fell: nothing is left to decide. To act on the platform's own terms, or to lift what is in "
            "force, name the items.",
            reference=case.id,
        )
    reopened = Reopened(named=tuple(item.number for item in case.items if item.item_id in named))
    told = happened(case, reopened, stamp, {"reasons": reasons})
    watch = clock.next_step_at(policy.ladder, after=stamp.at, **term_times(case))
    back = replanned(moved(case, "reopen", told, watch_at=watch), policy, stamp.at)
    return written(back, told), back


def correct_receipt(
    case: Case, received_at: int, reasons: str, policy: Policy, typist: Actor, *, stamp: Stamp
) -> tuple[Change, Case]:
    """Correct the recorded receipt of a typed-in notice: a dated event by a second person, and the clock follows."""
    REVIEW_POLICY.check(stamp.actor, "correct_receipt")
    if case.source != "typed":
        raise IllegalMove("only the receipt of a typed-in notice can be corrected.", reference=case.id)
    check_another([typist], stamp.actor, "the typist cannot correct the receipt: it takes somebody else.", case.id)
    need(reasons, "reasons", "Say what shows the right time.")
    if received_at > stamp.at:
        raise InvalidInput("the receipt lies in the future.", field="received_at", remedy="Give a time that is past.")
    due = clock.due_at(received_at, policy.term(case.kind, case.category), policy.calendar)
    event = office.ReceiptCorrected(received_at=received_at, due_at=due)
    told = happened(case, event, stamp, {"reasons": reasons})
    corrected = moved(case, "correct_receipt", told)
    following = clock.next_step_at(policy.ladder, after=stamp.at, **term_times(corrected))
    # What was still to come on the old clock and is past on the new one fires at once.
    watch = min(following, case.watch_at + due - case.due_at) if case.watch_at is not None else following
    corrected = replanned(corrected.but(watch_at=watch), policy, stamp.at)
    return written(corrected, told), corrected


def settle_quarantine(case: Case, reasons: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """A person has dealt with a message that could not be used; `reasons` say how."""
    REVIEW_POLICY.check(stamp.actor, "settle_quarantine")
    need(reasons, "reasons", "Say how it was dealt with, for example: the sender was called and sends it again.")
    return step(case, "settle_quarantine", happened(case, office.QuarantineSettled(), stamp, {"reasons": reasons}))


def authenticate(case: Case, how: str, typist: Actor, *, stamp: Stamp) -> tuple[Change, Case]:
    """Record how the authenticity of a typed-in notice was checked. Never by its typist: raises NotAllowed."""
    if case.authenticity != "unverified":
        raise IllegalMove(
            f"the authenticity of this notice is already settled: {case.authenticity}.", reference=case.id
        )
    check_voucher(case, typist, how, stamp)
    return step(case, "authenticate", happened(case, office.Authenticated(), stamp, {"how": how}))


def vouch_for_amendment(
    case: Case,
    notice: Notice,
    arrival: Arrival,
    how: str,
    others: tuple[str, ...],
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
) -> tuple[Change, Case]:
    """Record how the authenticity of a typed-in amendment was checked; only then does it amend a notice whose own
    origin is proved. `others` are the flags of letters that still wait. Never by its typist: raises NotAllowed."""
    check_voucher(case, Actor(arrival.entered_by, account=arrival.account), how, stamp)
    return amend(
        begin_anew(case).but(flags=without(case, others)), notice, arrival, policy, standing, stamp, {"how": how}
    )


def report_interim(
    case: Case,
    decisions: Mapping[int, Decision],
    respondent: Respondent,
    *,
    stamp: Stamp,
    notified: Mapping[str, UserNotified] = MappingProxyType({}),
) -> tuple[Change, Case]:
    """Have the settled items reported while others are under way; these are said to be pending."""
    REVIEW_POLICY.check(stamp.actor, "report_interim")
    if not can_report_interim(case):
        raise IllegalMove("there is nothing to report before the rest: the whole report follows.", reference=case.id)
    told = happened(case, office.InterimAsked(), stamp)
    asked = moved(case, "report_interim", told)
    asked, reported = with_report(asked, decisions, respondent, stamp, final=False, notified=notified)
    return written(asked, told, reported), asked


def acknowledge(case: Case, *, stamp: Stamp) -> tuple[Change, Case]:
    """A person has seen the escalations so far."""
    REVIEW_POLICY.check(stamp.actor, "acknowledge")
    return step(case, "acknowledge", happened(case, office.EscalationSeen(), stamp))
