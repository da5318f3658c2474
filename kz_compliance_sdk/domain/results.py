"""What the platform, the regulator and the clock bring back to a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from kz_compliance_sdk.domain import clock, running_time
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import FINAL_ITEM, NO_LEASE, Case, CaseState, ItemState, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Change, ReportsOvertaken, Write
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import delivery, office
from kz_compliance_sdk.domain.events.base import Audience, Happened, code_or_other
from kz_compliance_sdk.domain.holding import Objects
from kz_compliance_sdk.domain.messages import Respondent, item_of, page, stuck, with_report
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.suspensions import resumed, seen_over
from kz_compliance_sdk.domain.transitions import ENDED, is_legal

UNUSABLE: tuple[str, Audience, int] = "answer_unusable", ("moderator", "lead"), 50
"""What people are told of an answer that cannot be used, who is, and how loudly."""

_AFTER_LAST = {CaseState.DECIDED: CaseState.ENFORCED, CaseState.LIFTING: CaseState.LIFTED}


@dataclass(frozen=True, slots=True)
class Answering:
    """What is needed of a case beside it when something becomes of an item. A report is made from its decisions, who
    answers for it, and what is known of the telling of each item's user."""

    decisions: Mapping[int, Decision]
    respondent: Respondent
    notified: Mapping[str, UserNotified] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)


def with_item(case: Case, changed: ItemState) -> tuple[ItemState, ...]:
    return tuple(changed if item.item_id == changed.item_id else item for item in case.items)


def settle(
    case: Case,
    verb: str,
    items: tuple[ItemState, ...],
    told: Happened,
    answering: Answering,
    stamp: Stamp,
) -> tuple[list[Write], Case]:
    """Take the move that an item's result leads to, as it is `told`; the last pending one queues the report."""
    last = not any(item.status in ("decided", "lifting") for item in items)
    target = _AFTER_LAST.get(case.state, case.state) if last else case.state
    moved = move(case, verb, target, items=items)
    writes: list[Write] = [told]
    if target is not case.state:
        moved, more = with_report(
            moved,
            answering.decisions,
            answering.respondent,
            stamp,
            final=not moved.open_items,
            notified=answering.notified,
        )
        writes.extend(more)
    return [CaseWrite(moved), *writes], moved


def is_current(case: Case, message: OutboxMessage) -> bool:
    """Whether an effect is still the latest that was decided for its item. A superseded one must not be carried out."""
    item = item_of(case, message)
    return item is not None and (message.kind == "restore" or item.status == "decided")


def measure_in_force(
    case: Case, message: OutboxMessage, effective_at: int, answering: Answering, stamp: Stamp
) -> Change:
    """The platform says that a measure is in force. The last one of a decision queues the report."""
    item = item_of(case, message)
    if item is None:
        return ()
    status = "in_force" if item.status == "decided" else item.status
    changed = item.but(status=status, measure=item.action, effective_at=effective_at)
    landed = delivery.MeasureInForce(message=message.id, item=item.number, at_platform=effective_at)
    writes, _ = settle(
        case, "measure_in_force", with_item(case, changed), happened(case, landed, stamp), answering, stamp
    )
    return (*writes, answering.objects.in_force(case, changed, stamp))


def measure_lifted(
    case: Case, message: OutboxMessage, effective_at: int, answering: Answering, stamp: Stamp, *, kept: bool = False
) -> Change:
    """A measure is lifted; or, with `kept`, it was found at the last moment that something else still holds it."""
    item = item_of(case, message)
    if item is None:
        return ()
    status = item.status if item.status != "lifting" else "kept" if kept else "lifted"
    changed = item.but(status=status, measure="", effective_at=effective_at)
    ended = answering.objects.lifted(case, item, stamp)
    lifted = delivery.MeasureLifted(message=message.id, item=item.number, at_platform=effective_at, kept=kept)
    told = happened(case, lifted, stamp)
    if case.state in ENDED:
        # The item was decided otherwise while its restore waited behind another effect on the object.
        return (CaseWrite(case.but(items=with_item(case, changed))), told, *ended)
    writes, _ = settle(case, "measure_lifted", with_item(case, changed), told, answering, stamp)
    return (*writes, *ended)


def measure_failed(case: Case, message: OutboxMessage, reason: str, stamp: Stamp, *, permanent: bool = True) -> Change:
    """The platform cannot carry an effect out. A measure that can never be carried out goes back to review, any other
    effect goes on being tried; a person is paged in either case."""
    item = item_of(case, message)
    if item is None:
        return ()
    items, target = case.items, case.state
    never = permanent and message.kind == "enforce"
    if never and item.status == "decided":
        items = with_item(case, item.but(status="failed"))
        back = case.state in (CaseState.DECIDED, CaseState.LIFTING, CaseState.IN_APPROVAL)
        target = CaseState.QUEUED if back else case.state
    told = delivery.MeasureFailed(message=message.id, item=item.number, final=never)
    failed = move(case, "measure_failed", target, items=items)
    reason_code = f"{message.kind}_{'failed' if target is not case.state else 'stuck'}"
    failed, alert = page(failed, reason_code, ("moderator", "lead"), 50, stamp)
    return (CaseWrite(failed), happened(case, told, stamp, {"reason": reason}), alert)


def answer_unusable(case: Case, message: OutboxMessage, what: str, stamp: Stamp) -> Change:
    """The platform answered to an effect with a time that cannot be: it may be in force, and nobody knows since when.
    The item stays as it is until a person has it asked again."""
    item = item_of(case, message)
    if item is None or not is_legal(case.state, "measure_failed", case.state):
        return stuck((), case, *UNUSABLE, stamp, message=message.id)
    event = happened(case, delivery.AnswerUnusable(message=message.id), stamp, {"reason": what})
    failed = move(case, "measure_failed", case.state)
    failed, alert = page(failed, *UNUSABLE, stamp)
    return (CaseWrite(failed), event, alert)


def interim_due(case: Case, policy: Policy, now: int) -> bool:
    """Whether a report of the settled items should be offered now although others are stuck: the deadline is near, and
    there is something to tell that was not offered yet."""
    deadline = (case.lift_due_at or running_time.shown_due_at(case, now)) + case.clock_shift_s
    near = now >= deadline - policy.interim_before_s
    return near and can_report_interim(case) and case.settled_items > case.interim_items


def can_report_interim(case: Case) -> bool:
    """Whether some items are settled while others are under way."""
    return case.state in (CaseState.DECIDED, CaseState.LIFTING) and case.pending and case.settled_items > 0


def offer_interim(case: Case, stamp: Stamp) -> Change:
    """Ask people whether the regulator is to hear of the settled items now. Nothing leaves before they say so."""
    told = case.settled_items
    offered = move(case, "offer_interim", case.state, interim_items=told)
    offered, alert = page(offered, "interim_offered", ("lead", "head"), 50, stamp)
    return (CaseWrite(offered), happened(case, delivery.InterimOffered(), stamp), alert)


def receipt(case: Case, message: OutboxMessage, stamp: Stamp) -> Change:
    """The regulator holds one of our messages, which has its receipt. That for the final report ends the case."""
    changes: dict[str, Any] = {}
    target = case.state
    if _is_final_report(case, message) and is_legal(case.state, "receipt", CaseState.CLOSED) and not case.pending:
        target = CaseState.CLOSED
        changes = {"closed_at": stamp.at, "watch_at": None, "lift_due_at": None}
    if not is_legal(case.state, "receipt", target):
        return ()
    words = {"receipt": message.receipt, "signature": message.receipt_proof}
    held = {name: said for name, said in words.items() if said}
    closed = move(case, "receipt", target, **changes)
    writes: Change = (CaseWrite(closed), happened(case, delivery.Receipt(message=message.id), stamp, held))
    if message.kind == "report" and message.lane_seq > 1:
        writes = (*writes, ReportsOvertaken(case.platform_id, case.id, message.lane_seq, stamp.at))
    return writes


def reject(case: Case, message: OutboxMessage, code: str, reason: str, stamp: Stamp) -> Change:
    """The regulator refuses a message for good. A refused final report sends the case back to review, unless it told
    only of objects that the notice no longer names, or of items whose order fell: about these nothing is decided any
    more."""
    items, target = case.items, case.state
    changes: dict[str, Any] = {}
    if _is_final_report(case, message) and is_legal(case.state, "reject", CaseState.QUEUED) and not case.pending:
        again = tuple(
            item.but(status="open") if item.status in FINAL_ITEM and not item.was and item.order_stands else item
            for item in case.items
        )
        if again != items:
            items, target = again, CaseState.QUEUED
            changes = {**NO_LEASE, "flags": tuple(dict.fromkeys((*case.flags, "report_rejected")))}
    if not is_legal(case.state, "reject", target):
        return ()
    told = delivery.Rejected(message=message.id, code=code_or_other(code))
    rejected = move(case, "reject", target, items=items, **changes)
    rejected, alert = page(rejected, f"{message.kind}_rejected", ("moderator", "lead", "head"), 60, stamp)
    return (CaseWrite(rejected), happened(case, told, stamp, {"reason": reason} if reason else None), alert)


def _is_final_report(case: Case, message: OutboxMessage) -> bool:
    return message.kind == "report" and message.lane_seq == case.sequence and bool(from_json(message.body)["final"])


def escalate(case: Case, policy: Policy, stamp: Stamp) -> Change:
    """Fire the steps of the ladder that are due, once and as one page, and set when the watch must look next."""
    if case.watch_at is None or case.watch_at > stamp.at:
        return ()
    over: Change = ()
    since, times = case.watch_at, running_time.ladder_times(case, stamp.at)
    if running_time.is_lifting(case):
        pass
    elif running_time.stands_still(case, stamp.at):
        return _look_again(case, stamp)
    elif case.running_watch_at is not None:
        case, over = resumed(case, stamp)
        since = case.watch_at or stamp.at
    steps = clock.steps_due(
        policy.ladder,
        since=since,
        now=stamp.at,
        unclaimed=is_untouched(case),
        **times,
    )
    following = clock.next_step_at(policy.ladder, after=stamp.at, **times)
    due = clock.merged(steps)
    seen = seen_over(case, over, stamp)
    if due is None:
        return (CaseWrite(case.but(watch_at=following)), *seen, *over)
    return (*escalated(case, due, policy, stamp, seen, watch_at=following), *over)


def is_untouched(case: Case) -> bool:
    """Whether nobody ever took the case in hand."""
    return not case.was_claimed and not case.decision_version


def escalated(
    case: Case,
    fired: clock.Escalation,
    policy: Policy,
    stamp: Stamp,
    tells: Sequence[Happened] = (),
    *,
    unsure: bool = False,
    watch_at: int | None = None,
) -> Change:
    """The steps of the ladder as fired, and their page. With `unsure` they are so only if a clock that was just set is
    right: they count as not fired, and fire again at their time, which says so. `tells` is what the ledger says before.
    """
    again = () if unsure else tuple(step for step in fired.merged_ids if step in case.unsure_steps)
    left = dict.fromkeys((*case.unsure_steps, *(fired.merged_ids if unsure else ())))
    level = case.level if unsure else max(case.level, fired.severity)
    told = office.Escalated(
        policy=policy.version,
        steps=fired.merged_ids,
        lead=fired.lead.id,
        audience=fired.audience,
        level=fired.severity,
        unsure=unsure,
        again=again,
    )
    tells = [*tells, happened(case, told, stamp)]
    raised = move(
        case,
        "escalate",
        case.state,
        watch_at=case.watch_at if watch_at is None else watch_at,
        level=level,
        unsure_steps=tuple(step for step in left if step not in again),
    )
    word = "unsure." if unsure else "again." if again else ""
    raised, alert = page(raised, f"{word}{fired.lead.id}", fired.audience, fired.severity, stamp)
    return (CaseWrite(raised), *tells, alert)


def _look_again(case: Case, stamp: Stamp) -> Change:
    """The term stands still, and no end of that is known: people are asked whether the suspension still stands."""
    stopped_at = running_time.ladder_stopped_at(case, stamp.at)
    looked = running_time.planned(case, stopped_at, stamp.at)
    looked, alert = page(looked, "suspension_open", ("lead", "head"), 20, stamp)
    return (CaseWrite(looked), happened(case, office.SuspensionWatched(), stamp), alert)


def steps_past(case: Case, requested_due_at: int | None, policy: Policy, stamp: Stamp) -> clock.Escalation | None:
    """What an amendment fires at once before it plans the ladder of a running case anew: of the term what the watch had
    not come to yet, and all that is over already of a time asked for that it sets."""
    if running_time.stands_still(case, stamp.at):
        return None  # it goes on where it stopped
    times = running_time.ladder_times(case.but(requested_due_at=requested_due_at, lift_due_at=None), stamp.at)
    since = clock.first_watch_at(policy.ladder, **times)
    reached = case.watch_at if case.watch_at is not None and case.lift_due_at is None else stamp.at + 1
    is_set = requested_due_at != case.requested_due_at
    steps = clock.steps_due(policy.ladder, since=since, now=stamp.at, unclaimed=is_untouched(case), **times)
    return clock.merged([step for step in steps if step.at >= reached or (is_set and step.clock == "requested")])
