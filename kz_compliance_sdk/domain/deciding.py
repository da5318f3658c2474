"""Proposing and approving a decision, sending it back, taking it back: each gives the `Change` that records it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change, OutboxMessage, Write
from kz_compliance_sdk.domain.content import reference_digest, references
from kz_compliance_sdk.domain.decision import ContentSeen, Decision, ItemDecision, Proposal, RecordedCheck, checked
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.office import UndoableRecorded
from kz_compliance_sdk.domain.fold import PENDING
from kz_compliance_sdk.domain.holding import Answering, Objects, preserve_until, settle
from kz_compliance_sdk.domain.messages import (
    Respondent,
    item_of,
    named_by,
    object_key,
    step,
    with_report,
    written,
)
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.proposal_checks import (
    asking,
    at_once,
    check_bulk,
    check_items,
    check_orders,
    check_proposal,
    check_proposal_texts,
    rests_on,
    said_openly,
)
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.review_policy import check_answerable, check_approver, check_lease, check_no_proposer
from kz_compliance_sdk.domain.running_time import on_the_term_again, replanned
from kz_compliance_sdk.errors import Conflict, IllegalMove, InvalidInput, NotAllowed


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision needs beside the case: the notice as it stands, the policy, the versions that the platform's
    objects have reached, the decisions so far, who signs reports, the case's holds (the object and the item's number of
    each), the legal checks that were recorded, and what was last seen of each item's content. `can_look` says that
    there is a Content port, so that a measure must name what was seen. `notified` is what is known of the telling of
    each item's user, `objects` are those of the case as they were read."""

    notice: Notice
    policy: Policy
    versions: Mapping[str, int]
    decisions: Mapping[int, Decision]
    respondent: Respondent
    holds: Collection[tuple[str, int]] = ()
    checks: Sequence[RecordedCheck] = ()
    seen: Mapping[int, ContentSeen] = field(default_factory=dict)
    can_look: bool = False
    notified: Mapping[str, UserNotified] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)


def propose(
    case: Case, token: int, proposal: Proposal, context: Context, *, stamp: Stamp
) -> tuple[Change, Case, Decision]:
    """Propose a decision for every open item. Decides at once where policy asks for no second person.

    Raises LeaseLost, InvalidInput naming the field and the remedy, and NotAllowed for a measure on a notice whose
    authenticity nobody has verified.
    """
    check_lease(case, token, stamp)
    check_answerable(case)
    check_items(proposal, case.open_items)
    *_, without_order, legal, unseen = at_once(
        lambda: check_proposal(proposal, case.languages or context.notice.languages),
        lambda: check_proposal_texts(case, proposal, context.notice),
        lambda: check_bulk(case, proposal, context.policy),
        lambda: _check_objects(case, proposal, context.notice),
        lambda: check_orders(case, proposal),
        lambda: rests_on(case, proposal, context.checks, stamp),
        lambda: check_content(case, proposal, context.notice, context.seen, stamp, can_look=context.can_look),
    )
    if any(item.is_measure for item in proposal.items) and case.authenticity == "unverified":
        raise NotAllowed(
            "no measure before somebody other than the typist has recorded how authenticity was checked.",
            code="unverified",
            reference=case.id,
        )
    rules = asking(case, proposal, context.policy, stamp.actor, legal=legal, unseen=unseen, without_order=without_order)
    decision = Decision(
        case_id=case.id,
        version=case.decision_version + 1,
        revision=case.revision,
        notice_sha256=case.message[2],
        proposal=proposal,
        proposed_by=stamp.actor.id,
        proposed_at=stamp.at,
        policy=context.policy.version,
        category=case.category,
        rules=rules,
        legal_check=legal.named if legal is not None else None,
        by_legal="legal" in stamp.actor.roles,
    )
    tells = [_proposed(case, decision, stamp)]
    if legal is not None and legal.is_new:
        tells.insert(0, checked(case, legal.check, legal.row, stamp))
    if rules:
        return *step(case, "propose", *tells), decision
    return *_decide(case, decision, "propose", context, stamp, tells), decision


def _proposed(case: Case, decision: Decision, stamp: Stamp) -> Happened:
    number = {item.item_id: item.number for item in case.items}
    event = review.Proposed(
        decision=decision.version,
        revision=decision.revision,
        check=decision.legal_check.version if decision.legal_check else 0,
        four_eyes=decision.needs_approval,
        rules=said_openly(decision.rules),
        policy=decision.policy,
        lawyer=decision.by_legal,
        text_checked=decision.proposal.text_checked,
        items=tuple(judged(number[one.item_id], one, stamp) for one in decision.proposal.items),
    )
    return happened(case, event, stamp, {"proposal": decision.body})


def judged(number: int, one: ItemDecision, stamp: Stamp) -> review.Judged:
    """What the ledger says of what is decided for the item of this number."""
    return review.Judged(
        item=number,
        finding=one.finding,
        action=one.action,
        outcome=one.wording.outcome,
        ground=one.ground or "",
        scope=one.scope,
        refusal_code=one.wording.refusal_code or "",
        appeal=one.wording.appeal_available,
        content=stamp.keyed(one.content_sha256) if one.content_sha256 else "",
    )


def check_content(
    case: Case, proposal: Proposal, notice: Notice, seen: Mapping[int, ContentSeen], stamp: Stamp, *, can_look: bool
) -> bool:
    """Whether each measure names the content that was last seen of its item. True if a second person must decide,
    because nobody could look.

    It is asked for where the desk has a Content port, and for a case that somebody has looked at. Raises InvalidInput.
    """
    if not (can_look or seen):
        for number, item in enumerate(proposal.items):
            if item.content_sha256 is not None:
                raise InvalidInput(
                    "this desk has no Content port, so nobody has seen the content through it.",
                    field=f"items[{number}].content_sha256",
                    remedy="Leave it out, or register the port.",
                )
        return False
    unseen, named = False, references(case, notice)
    number_of = {item.item_id: item.number for item in case.items}
    for number, item in enumerate(proposal.items):
        field = f"items[{number}].content_sha256"
        if not item.is_measure and item.content_sha256 is None:
            continue
        row = seen.get(number_of[item.item_id])
        reference = named.get(item.item_id)
        if row is None or reference is None or row.reference != stamp.keyed(reference_digest(reference)):
            raise InvalidInput(
                f"nobody has looked at the content of the item {item.item_id!r}.",
                field=field,
                remedy="Look at the case first, then give the digest that you saw.",
            )
        if row.fault:
            if item.content_sha256 is not None:
                raise InvalidInput(
                    "the last look at it failed, so nobody knows whether this is its content.",
                    field=field,
                    remedy="Look again; or leave it out, and a second person decides.",
                )
            unseen = True
            continue
        if not row.available and item.is_measure:
            raise InvalidInput(
                f"the content of the item {item.item_id!r} is gone: there is nothing to act upon.",
                field=f"items[{number}].wording.outcome",
                remedy="Decide 'already_unavailable' without a measure; or look again.",
            )
        if item.content_sha256 != row.digest:
            said = "is not the content that was last seen" if item.content_sha256 else "is not said"
            raise InvalidInput(
                f"what was seen of the item {item.item_id!r} {said}.",
                field=field,
                remedy="Look at the case again, and give the digest of what you saw.",
            )
    return unseen


def _check_objects(case: Case, proposal: Proposal, notice: Notice) -> None:
    """A later revision can leave an item out; what it was about is then known only from an earlier decision. Two items
    can name one object, and nothing can be done to it and left undone."""
    keys = {item.item_id: item.object_key for item in case.items if item.object_key}
    keys |= {item.item_id: object_key(item) for item in notice.items}
    first: dict[str, ItemDecision] = {}
    for number, item in enumerate(proposal.items):
        other = first.setdefault(keys.get(item.item_id, ""), item)
        if item.item_id in keys and other.action != item.action:
            raise InvalidInput(
                f"the items {other.item_id!r} and {item.item_id!r} are the same object: {other.action!r} on one is "
                f"{other.action!r} on both.",
                field=f"items[{number}].action",
                remedy="Decide both alike.",
            )
    named = {item.item_id for item in notice.items} | {item.item_id for item in case.items if item.object_key}
    for number, item in enumerate(proposal.items):
        if item.is_measure and item.item_id not in named:
            raise InvalidInput(
                f"the notice no longer names the item {item.item_id!r}.",
                field=f"items[{number}].action",
                remedy="Decide it without a measure: there is nothing to act on.",
            )


def approve(
    case: Case, digest: str, decision: Decision, context: Context, proposers: Iterable[Actor], *, stamp: Stamp
) -> tuple[Change, Case]:
    """Approve exactly what was seen: `digest` names it. Raises Conflict if it has changed since, and NotAllowed for
    whoever is no other person than the proposer."""
    if case.state is not CaseState.IN_APPROVAL:
        moved(case, "approve")
    if decision.digest != digest or decision.version != case.decision_version:
        raise Conflict(
            "the proposal is not the one that you saw. Read it again, then approve its new digest.", reference=case.id
        )
    check_no_proposer(proposers, stamp.actor, case.id)
    check_approver(case, decision, context.policy, stamp.actor)
    tells = [happened(case, review.Approved(decision=decision.version, digest=stamp.keyed(digest)), stamp)]
    return _decide(case, decision, "approve", context, stamp, tells)


def send_back(case: Case, digest: str, reasons: str, decision: Decision, *, stamp: Stamp) -> tuple[Change, Case]:
    """The second person does not agree; `reasons` stay inside the platform. Raises Conflict."""
    if case.state is CaseState.IN_APPROVAL and decision.digest != digest:
        raise Conflict("the proposal is not the one that you saw. Read it again.", reference=case.id)
    event = happened(case, review.SentBack(decision=case.decision_version), stamp, {"reasons": reasons})
    return step(case, "send_back", event)


def _decide(
    case: Case,
    decision: Decision,
    verb: str,
    context: Context,
    stamp: Stamp,
    tells: Sequence[Happened],
) -> tuple[Change, Case]:
    start = stamp.at + context.policy.undo_window_s
    about = {item.item_id: named_by(item) for item in context.notice.items}
    # What has begun goes on while the rest of its decision waits for a second person.
    of_item = {decided.item_id: decided for decided in decision.proposal.items if decided.item_id in case.open_items}
    anew = [item.but(**about.get(item.item_id, {})) for item in case.items if item.item_id in of_item]
    sets = _set_going(anew, of_item, context, start)
    decided = review.Decided(decision=decision.version, policy=context.policy.version, not_before=start, items=sets)
    tells = [*tells, happened(case, decided, stamp)]
    after = moved(case, verb, *tells, named=anew)
    now = {item.number: item for item in after.items}
    writes: list[Write] = [*tells]
    for item, one in zip(anew, sets, strict=True):
        if one.status != "settled":
            writes.append(context.objects.versioned(case, now[item.number], stamp))
        elif item.measure:
            # Another item of the case holds the same object.
            writes += context.objects.lifted(case, item, stamp)
    if not after.pending:
        known = {**context.decisions, decision.version: decision}
        after, reported = with_report(after, known, context.respondent, stamp, notified=context.notified)
        writes.append(reported)
    return written(after, *writes), after


def _set_going(
    anew: Sequence[ItemState], of_item: Mapping[str, ItemDecision], context: Context, start: int
) -> tuple[review.Set, ...]:
    """What becomes of each item that is decided; an effect has the next version of its object."""
    numbers, versions, sets = {item.number for item in anew}, dict(context.versions), []
    kept_until = preserve_until(context.policy, context.notice, start)
    for item in anew:
        is_measure = of_item[item.item_id].is_measure
        stays = any(key == item.object_key and number not in numbers for key, number in context.holds)
        if not is_measure and (stays or not item.measure):
            sets.append(review.Set(item=item.number, status="settled"))
            continue
        versions[item.object_key] = version = versions.get(item.object_key, 0) + 1
        status: review.Setting = "decided" if is_measure else "lifting"
        kept = kept_until if is_measure else 0
        sets.append(review.Set(item=item.number, status=status, version=version, preserve_until=kept))
    return tuple(sets)


def undo(case: Case, messages: Sequence[OutboxMessage], policy: Policy, *, stamp: Stamp) -> tuple[Change, Case]:
    """Take a decision back before anything of it has been carried out. `messages` are the case's unsettled effects and
    reports. Raises IllegalMove once the first attempt has begun, or the window is over and a cancellation took a part
    of it; and for what was decided on an appeal."""
    # What an earlier decision or a cancellation set going is not this decision's to take back.
    latest = [item for item in case.items if item.decision_version == case.decision_version]
    own = [item for item in latest if not _fell(item)]
    if latest and not own:
        raise IllegalMove("nothing is left to take back of what was decided: its order fell.", reference=case.id)
    messages = [message for message in messages if message.kind == "report" or item_of(case, message) in own]
    carried_out = any(item.status not in (*PENDING, "settled") for item in own)
    if carried_out and case.pending and not any(item.status in PENDING for item in own):
        raise IllegalMove(
            "the latest decision, such as one on an appeal, is carried out, and what was decided before it goes on: "
            "once the case is closed, reopen it to supersede both.",
            reference=case.id,
        )
    begun = any(message.state != "queued" or message.attempts for message in messages)
    # Of what fell meanwhile nobody can tell whether it had begun; before the window's end nothing has.
    overtaken = case.state is not CaseState.DECIDED or own != latest
    if not own or carried_out or begun or (overtaken and not _window_runs(case, stamp)):
        raise IllegalMove(
            "the undo window is over: the decision is being carried out. Reopen the case to supersede it.",
            reference=case.id,
        )
    undone = review.Undone(decision=case.decision_version, items=tuple(item.number for item in own))
    told = happened(case, undone, stamp)
    times = on_the_term_again(case, policy, stamp.at)
    back = moved(case, "undo", told, **times)
    # Where the term led all along, what the watch has not come to is still to come.
    back = replanned(back, policy, stamp.at) if times else back
    return written(back, told), back


def _fell(item: ItemState) -> bool:
    """Whether it stopped, is lifted, stays or stays refused because its order no longer stands. A decision lifts only
    that for which it decides no measure."""
    if item.status == "settled":
        return not item.order_stands
    return item.status == "stopped" or (item.status in ("lifting", "lifted", "gone", "kept") and item.action != "none")


def _window_runs(case: Case, stamp: Stamp) -> bool:
    return stamp.at < (case.undo_until or 0)


def record_undoable(
    case: Case, item_id: str, reasons: str, messages: Sequence[OutboxMessage], answering: Answering, *, stamp: Stamp
) -> tuple[Change, Case]:
    """A person records that a measure can never be lifted, such as for an object that the platform holds no more.

    The item is `gone`, and reported as `cannot_comply`: nothing claims that it was restored. Raises IllegalMove while
    nobody has tried to lift it, or while a try is under way.
    """
    item = next((one for one in case.items if one.item_id == item_id), None)
    if item is None:
        raise InvalidInput(f"the case has no item {item_id!r}.", field="item_id", remedy="Name one of its items.")
    restore = next((one for one in messages if one.kind == "restore" and item_of(case, one) == item), None)
    if item.status != "lifting" or restore is None:
        raise IllegalMove(f"nothing is to be lifted for the item {item_id!r}.", reference=case.id)
    if restore.state == "leased":
        raise IllegalMove("a try to lift it is under way: wait two minutes, then look again.", reference=case.id)
    if not restore.attempts:
        raise IllegalMove("nobody has tried to lift it yet: it must have failed first.", reference=case.id)
    told = happened(case, UndoableRecorded(item=item.number), stamp, {"reasons": reasons})
    writes, after = settle(case, "record_undoable", told, answering, stamp)
    return (*writes, *answering.objects.lifted(case, item, stamp)), after
