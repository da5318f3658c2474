"""What an authority's messages do to a case: open, quarantine, admit, amend, answer, cancel, remind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.cancellations import Arrival as Arrival
from kz_compliance_sdk.domain.cancellations import (
    Standing as Standing,
)
from kz_compliance_sdk.domain.cancellations import (
    came,
    carried,
    enforcing,
    fallen_told,
    flags_told,
    happened_with,
    has_begun,
    lift_due_at,
    named_told,
    on_its_way_falls,
    stop,
    with_held,
    with_version,
)
from kz_compliance_sdk.domain.cancellations import (
    cancel as cancel,
)
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, Words, begun, happened, happened_to, moved
from kz_compliance_sdk.domain.change import Change, Write, happenings
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import arrivals as events
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.holding import escalated, steps_past
from kz_compliance_sdk.domain.messages import object_key, question_of, step, tried, written
from kz_compliance_sdk.domain.notice import (
    Clarification,
    Item,
    Notice,
    Reminder,
    UnreadableNotice,
    languages_of,
    requested_due_at,
)
from kz_compliance_sdk.domain.policy import ApproverDuty, Policy
from kz_compliance_sdk.domain.retention import begin_anew
from kz_compliance_sdk.domain.running_time import replanned, resumed, term_times
from kz_compliance_sdk.domain.transitions import ENDED, is_legal
from kz_compliance_sdk.domain.values import object_stream, says_something


def approvers_on_duty(roster: Iterable[ApproverDuty], at: int) -> int:
    """How many approvers are on duty at `at` (UTC seconds), by a roster in the time of Almaty."""
    now = datetime.fromtimestamp(at, almaty())
    minute, today = f"{now:%H:%M}", now.isoweekday()
    yesterday = (now - timedelta(days=1)).isoweekday()
    return sum(
        duty.approvers
        for duty in roster
        if (
            today in duty.days and duty.starts <= minute < duty.ends
            if duty.starts < duty.ends
            else (today in duty.days and minute >= duty.starts) or (yesterday in duty.days and minute < duty.ends)
        )
    )


def lacks_approver(category: str, flags: tuple[str, ...], policy: Policy, at: int) -> bool:
    """Whether a notice needs a second person while no approver is on duty at `at` (UTC seconds)."""
    roster = policy.safeguards.approver_duty
    if not roster or approvers_on_duty(roster, at):
        return False
    marks = codes(flags)
    return (
        policy.needs_four_eyes(category, worldwide=False, flags=marks)
        or policy.needs_legal_review(category, marks)
        or policy.safeguards.needs_outside(category, marks)
    )


def _times(notice: Notice, received_at: int, escalates_from: int, policy: Policy) -> dict[str, Any]:
    due = clock.due_at(received_at, policy.term(notice.kind, notice.category), policy.calendar)
    requested = requested_due_at(notice, received_at)
    return {
        "received_at": received_at,
        "escalates_from": escalates_from,
        "due_at": due,
        "requested_due_at": requested,
        "watch_at": clock.first_watch_at(
            policy.ladder, received_at=escalates_from, due_at=due, requested_due_at=requested
        ),
    }


def _items(notice: Notice) -> tuple[ItemState, ...]:
    return tuple(ItemState(item_id=item.item_id, number=number) for number, item in enumerate(notice.items, 1))


def cited(notice: Notice, policy: Policy) -> tuple[str, ...]:
    """The law that a notice cites, in the codes of a policy."""
    return tuple(dict.fromkeys(policy.cited(one.act, one.article) for one in notice.legal_basis))


def demanded(notice: Notice, legal_basis: tuple[str, ...]) -> events.Demanded:
    """What a notice says of itself, in codes."""
    bar = notice.user_notice
    barred = bar is not None and not bar.allowed
    # What names no rule is no bar: who only asks for silence would keep the demand out of the figures.
    until = bar.delay_until or 0 if bar is not None and barred and says_something(bar.legal_basis or "") else 0
    return events.Demanded(
        issued_at=max(notice.issued_at, 0),
        authority_type=notice.issuing_authority.type,
        originated=notice.originating_body is not None,
        legal_basis=legal_basis,
        requested=notice.requested_action,
        barred=barred,
        barred_until=max(until, 0),
    )


def _told(
    notice: Notice,
    arrival: Arrival,
    was: Sequence[ItemState],
    items: Sequence[ItemState],
    flags: tuple[str, ...],
    policy: Policy,
    stamp: Stamp,
) -> dict[str, Any]:
    """What the ledger says of a notice that a case rests on from now on: its items before and after it, and its flags
    after it."""
    return {
        "authority": notice.issuing_authority.id,
        "notice": notice.notice_id,
        "revision": notice.revision,
        "kind": notice.kind,
        "category": notice.category,
        "demanded": demanded(notice, cited(notice, policy)),
        "languages": languages_of(notice) or ("kk", "ru"),
        "came": came(arrival, stamp),
        "policy": policy.version,
        "items": named_told(was, items, {item.item_id: item for item in notice.items}, stamp),
        "flags": flags_told(arrival.flags, items),
        "authenticity": arrival.authenticity,
        "no_approver": lacks_approver(notice.category, flags, policy, stamp.at),
    }


def open_case(case_id: str, notice: Notice, arrival: Arrival, policy: Policy, stamp: Stamp) -> tuple[Change, Case]:
    """An authentic, usable notice: its clock runs from its receipt."""
    times = _times(notice, arrival.received_at, min(arrival.received_at, arrival.published_at), policy)
    items = _items(notice)
    said = events.Opened(
        **_told(notice, arrival, (), items, arrival.flags, policy, stamp),
        received_at=times["received_at"],
        escalates_from=times["escalates_from"],
        due_at=times["due_at"],
        requested_due_at=times["requested_due_at"] or 0,
    )
    event = happened_to(arrival.platform_id, case_id, said, stamp, carried(arrival, said), by=arrival.by, read=0)
    words = Words(arrival.message, notice.reference_number, {item.number: item for item in items})
    case = begun(arrival.platform_id, case_id, event, words=words, watch_at=times["watch_at"])
    return written(case, event), case


def quarantine(
    case_id: str, unreadable: UnreadableNotice, arrival: Arrival, number: int, policy: Policy, stamp: Stamp
) -> tuple[Change, Case]:
    """Authentic but unusable: kept, with its clock running, and somebody is paged at once."""
    due = clock.due_at(arrival.received_at, policy.default_term, policy.calendar)
    authority = unreadable.authority_id or arrival.message[0]
    notice_id = unreadable.notice_id or f"~{arrival.message[2][:32]}"
    said = events.Quarantined(
        authority=authority,
        notice=notice_id,
        number=number,
        code=unreadable.code,
        came=came(arrival, stamp),
        received_at=arrival.received_at,
        due_at=due,
        policy=policy.version,
        flags=flags_told(arrival.flags, ()),
    )
    words = carried(arrival, said, {"reason": unreadable.reason, "id": arrival.message[1]})
    event = happened_to(arrival.platform_id, case_id, said, stamp, words, by=arrival.by, read=0)
    watch = clock.first_watch_at(policy.ladder, received_at=arrival.received_at, due_at=due)
    case = begun(arrival.platform_id, case_id, event, words=Words(arrival.message), watch_at=watch)
    return written(case, event), case


def admit(case: Case, notice: Notice, arrival: Arrival, policy: Policy, stamp: Stamp) -> tuple[Change, Case]:
    """A usable message for a notice that so far was only in quarantine: it inherits the earlier receipt."""
    times = _times(notice, case.received_at, case.escalates_from, policy)
    # By the same times the ladder goes on where it is: what fired in quarantine does not fire again.
    goes_on = (times["due_at"], times["requested_due_at"]) == (case.due_at, None)
    watch = case.watch_at if goes_on else times["watch_at"] + case.clock_shift_s
    flags, items = tuple(dict.fromkeys((*case.flags, *arrival.flags))), _items(notice)
    said = events.Admitted(
        **_told(notice, arrival, (), items, flags, policy, stamp),
        due_at=times["due_at"],
        requested_due_at=times["requested_due_at"] or 0,
    )
    return step(
        case,
        "admit",
        happened_with(arrival, case, said, stamp),
        named=items,
        message=arrival.message,
        reference_number=notice.reference_number,
        watch_at=watch,
    )


def flag(
    case: Case,
    flags: tuple[str, ...],
    stamp: Stamp,
    arrival: Arrival | None = None,
    *,
    alert: bool = True,
    texts: Mapping[str, str] | None = None,
    no_approver: bool = False,
) -> tuple[Change, Case]:
    """Something was learnt that a moderator must see before deciding; from a message, if it came with one."""
    said = events.Flagged(
        came=None if arrival is None else came(arrival, stamp),
        flags=flags_told(flags, case.items),
        alert=alert,
        no_approver=no_approver,
    )
    told = happened(case, said, stamp) if arrival is None else happened_with(arrival, case, said, stamp, texts)
    return step(case, "flag", told)


def take_in(case: Case, arrival: Arrival, stamp: Stamp) -> tuple[Change, Case]:
    """A message says nothing new: what is held already, in another envelope, or what could not be used when it came
    and can be now."""
    told = happened_with(arrival, case, events.TakenIn(came=came(arrival, stamp)), stamp)
    after = moved(case, None, told)
    return written(after, told), after


def confirm(
    case: Case, typed: Notice, notice: Notice, arrival: Arrival, policy: Policy, standing: Standing, stamp: Stamp
) -> tuple[Change, Case]:
    """The authority's signed message about what was `typed` in from a letter. From now on its bytes count; if it
    demands something else than was typed, everything is decided anew; but what fell meanwhile was this revision."""
    fallen = {item.item_id for item in case.items if not item.order_stands}
    if _demand(typed) != _demand(notice) and not fallen.issuperset(item.item_id for item in notice.items):
        return amend(case, notice, arrival, policy, standing, stamp)
    said = events.Confirmed(came=came(arrival, stamp), demanded=demanded(notice, cited(notice, policy)))
    told = happened_with(arrival, case, said, stamp)
    return step(case, "confirm", told, message=arrival.message)


def _demand(notice: Notice) -> tuple[str, str, frozenset[tuple[str, str]]]:
    return notice.kind, notice.category, frozenset((item.item_id, object_key(item)) for item in notice.items)


def amend(
    case: Case,
    notice: Notice,
    arrival: Arrival,
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
    texts: Mapping[str, str] | None = None,
) -> tuple[Change, Case]:
    """A new revision supersedes the notice: everything is decided anew, queued effects and questions are void, what the
    new revision no longer names is lifted. The clock is kept while the case runs; an ended case gets the term from this
    receipt."""
    noticed = {item.item_id: item for item in notice.items}
    case, over = resumed(case, stamp)
    case = begin_anew(case)
    items, writes, standing = named_anew(case, noticed, standing, policy, stamp)
    for number, item in enumerate(items):
        if item.item_id not in noticed and not item.was:
            items[number], more = stop(case, on_its_way_falls(item, standing), "withdrawn", standing, policy, stamp)
            standing = with_version(standing, items[number])
            writes += more
    requested = requested_due_at(notice, arrival.received_at)
    anew = _times(notice, arrival.received_at, arrival.received_at, policy) if case.state in ENDED else {}
    past = None if anew else steps_past(case, requested, policy, stamp)
    flags = tuple(dict.fromkeys((*case.flags, *arrival.flags, "amended")))
    said = events.Amended(
        **_told(notice, arrival, case.items, items, flags, policy, stamp),
        received_at=anew.get("received_at", 0),
        due_at=anew.get("due_at", 0),
        requested_due_at=requested or 0,
        **_fell(case, items, [item for item in case.items if not item.was], noticed, policy, stamp),
    )
    told = happened_with(arrival, case, said, stamp, texts)
    writes += tried(standing.messages, ("clarification", "report"), stamp)
    amended = moved(
        case,
        "amend",
        told,
        *happenings(writes),
        named=items,
        message=arrival.message,
        reference_number=notice.reference_number,
    )
    watch = anew.get("watch_at") or clock.next_step_at(policy.ladder, after=stamp.at, **term_times(amended))
    amended = replanned(amended.but(watch_at=watch), policy, stamp.at)
    change = written(amended, *over, told, *writes)
    if past is None:
        return change, amended
    fired, after = escalated(amended, past, policy, stamp)
    return (*change, *fired), after


def _fell(
    case: Case,
    items: Sequence[ItemState],
    about: Sequence[ItemState],
    noticed: Mapping[str, Item],
    policy: Policy,
    stamp: Stamp,
) -> dict[str, Any]:
    """What the ledger says of the items among `about` that a message does not name, or whose id it gives to another
    object; `items` are those of the case after it."""
    now = {item.number for item in items if item.item_id in noticed}
    gone = fallen_told((item for item in about if item.number not in now), items)
    lifts = any(one.fate == "lifting" for one in gone)
    return {"fallen": gone, "lift_due_at": lift_due_at(case, policy, stamp.at) if lifts else 0}


def answer(
    case: Case,
    clarification: Clarification,
    arrival: Arrival,
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
    texts: Mapping[str, str] | None = None,
) -> tuple[Change, Case]:
    """The authority answered. What it names, and what was answered with `clarification_needed`, is decided anew; so is
    what waits for approval, which covers only what was seen. Any other case is flagged, and its holder sees it."""
    noticed = {item.item_id: item for item in clarification.items or ()}
    asked = {
        item.item_id
        for item in case.items
        if item.order_stands and _outcome(item, standing.decisions) == "clarification_needed"
    }
    waits = case.state in (CaseState.AWAITING_ANSWER, CaseState.IN_APPROVAL)
    decided = case.state in (CaseState.DECIDED, CaseState.ENFORCED, CaseState.CLOSED) and bool(asked)
    names = bool(noticed) and is_legal(case.state, "answer", CaseState.QUEUED)
    flags = tuple(dict.fromkeys((*case.flags, *arrival.flags, "clarified")))
    # Only an answer with marks of its own calls people as a notice does.
    lacks = bool(arrival.flags) and lacks_approver(case.category, flags, policy, stamp.at)
    if not waits and not decided and not names:
        return flag(case, ("clarified", *arrival.flags), stamp, arrival, texts=texts, no_approver=lacks)
    items, writes, standing = named_anew(case, noticed, standing, policy, stamp)
    again = [item for item in items if item.item_id in asked and not item.was and item.status != "open"]
    items = [item.but(status="open") if item in again else item for item in items]
    said = events.Answered(
        came=came(arrival, stamp),
        question=question_of(case, clarification.in_reply_to),
        items=named_told(case.items, items, noticed, stamp),
        asked=tuple(item.number for item in again),
        **_fell(case, items, [item for item in case.items if item.item_id in noticed], noticed, policy, stamp),
        flags=flags_told(arrival.flags, items),
        no_approver=lacks,
    )
    told = happened_with(arrival, case, said, stamp, texts)
    writes += tried(standing.messages, ("report",), stamp)
    watch = case.watch_at or clock.next_step_at(policy.ladder, after=stamp.at, **term_times(case))
    answered = moved(case, "answer", told, *happenings(writes), named=items, watch_at=watch)
    answered = answered if case.watch_at else replanned(answered, policy, stamp.at)
    return written(answered, told, *writes), answered


def _outcome(item: ItemState, decisions: Mapping[int, Decision]) -> str:
    decision = decisions.get(item.decision_version)
    decided = decision.item(item.item_id) if decision is not None else None
    return decided.wording.outcome if decided is not None else ""


def remind(case: Case, reminder: Reminder, arrival: Arrival, stamp: Stamp) -> tuple[Change, Case]:
    """The authority asks again: the level rises, the clock does not move."""
    said = events.Reminded(came=came(arrival, stamp), level=reminder.escalation_level)
    return step(case, "remind", happened_with(arrival, case, said, stamp))


def named_anew(
    case: Case, noticed: Mapping[str, Item], standing: Standing, policy: Policy, stamp: Stamp
) -> tuple[list[ItemState], list[Write], Standing]:
    """The items with those that a message names open again, and new ones added. What waits to be carried out for them
    is void. An id that now names another object is another item: what was done to the first object is undone."""
    same = [item for item in case.items if _is_about(item, noticed.get(item.item_id), stamp)]
    standing = with_held(standing, same)
    items: list[ItemState] = []
    writes: list[Write] = []
    numbers = count(case.named + 1)
    for item in case.items:
        if item.item_id not in noticed or item.was:
            items.append(item)
            continue
        if item in same:
            begun = has_begun(item, standing.messages)
            # What somebody is carrying out at this moment can come into force: only lifting it takes it back.
            measure = item.measure or (item.action if begun else "")
            items.append(item.but(status="open", measure=measure))
            writes += tried(enforcing(item, standing.messages), ("enforce",), stamp)
            continue
        stopped, more = stop(case, on_its_way_falls(item, standing), "withdrawn", standing, policy, stamp)
        standing = with_version(standing, stopped)
        writes += more
        items.append(ItemState(item.item_id, next(numbers)))
        if stopped.status == "stopped" and not item.effective_at:
            continue
        # One whose measure was lifted before stays as well: its user's appeal can still be open.
        items.append(stopped.but(item_id=f"{item.item_id}~{item.number}", was=item.item_id))
    known = {item.item_id for item in case.items}
    return [*items, *(ItemState(name, next(numbers)) for name in noticed if name not in known)], writes, standing


def _is_about(item: ItemState, named: Item | None, stamp: Stamp) -> bool:
    """Whether an item of a case can be the one that a message names like it."""
    if named is None or not item.object_key:
        return named is not None
    key = object_key(named)
    return item.object_key in (key, object_stream(key, stamp.keyed))
