"""What an authority's messages do to a case: open, quarantine, admit, amend, answer, cancel, remind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.arrival_events import (
    Arrival,
    came,
    carried,
    fallen_told,
    flags_told,
    happened_with,
    named_told,
    of_arrival,
)
from kz_compliance_sdk.domain.cancellations import (
    EVERYBODY,
    Standing,
    cancel,
    enforcing,
    has_begun,
    holding,
    lift_due_at,
    on_its_way_falls,
    stop,
    void,
    with_version,
)
from kz_compliance_sdk.domain.case import NO_LEASE, Case, CaseState, ItemState, happened, happened_to, move
from kz_compliance_sdk.domain.change import CaseWrite, Change, Write, case_after
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import arrivals as events
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND, codes
from kz_compliance_sdk.domain.messages import acknowledgement, object_key, page, question_of, with_page
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
from kz_compliance_sdk.domain.results import escalated, steps_past
from kz_compliance_sdk.domain.running_time import replanned, term_times
from kz_compliance_sdk.domain.suspensions import resumed, seen_over
from kz_compliance_sdk.domain.transitions import ENDED, is_legal

__all__ = [
    "Arrival",
    "Standing",
    "admit",
    "amend",
    "answer",
    "approvers_on_duty",
    "cancel",
    "confirm",
    "flag",
    "lacks_approver",
    "last_number",
    "named_anew",
    "open_case",
    "pages_at_intake",
    "quarantine",
    "remind",
    "take_in",
    "with_pages_at_intake",
]


_ALL = ("lead", "legal", "head")


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


def pages_at_intake(case: Case, policy: Policy, at: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Of what people are paged with the notice itself, and who is: a demand for user data goes to a lawyer; a notice
    that needs a second person while no approver is on duty (at `at`, UTC seconds) calls one. Nothing for any other."""
    if USER_DATA_DEMAND in case.flags:
        return ((USER_DATA_DEMAND, ("legal", "lead")),)
    return (("no_approver_on_duty", _ALL),) if lacks_approver(case.category, case.flags, policy, at) else ()


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


def with_pages_at_intake(change: Change, case: Case, policy: Policy, stamp: Stamp) -> tuple[Change, Case]:
    """The change that a message made of a case, with those pages, and the case after it."""
    for reason, audience in pages_at_intake(case, policy, stamp.at):
        change = with_page(change, case, reason, audience, 50, stamp)
    return change, case_after(case, change)


def _times(notice: Notice, received_at: int, escalates_from: int, policy: Policy) -> dict[str, Any]:
    due = clock.due_at(received_at, policy.term(notice.kind, notice.category), policy.calendar)
    requested = requested_due_at(notice, received_at)
    return {
        "received_at": received_at,
        "escalates_from": escalates_from,
        "due_at": due,
        "requested_due_at": requested,
        "urgent_at": clock.urgent_at(due, requested),
        "watch_at": clock.first_watch_at(
            policy.ladder, received_at=escalates_from, due_at=due, requested_due_at=requested
        ),
    }


def _of_notice(notice: Notice) -> dict[str, Any]:
    return {
        "authority_id": notice.issuing_authority.id,
        "notice_id": notice.notice_id,
        "revision": notice.revision,
        "kind": notice.kind,
        "category": notice.category,
        "reference_number": notice.reference_number,
        "languages": languages_of(notice) or ("kk", "ru"),
    }


def _items(notice: Notice) -> dict[str, Any]:
    items = tuple(ItemState(item.item_id, number) for number, item in enumerate(notice.items, 1))
    return {"items": items, "named": len(items)}


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
        "languages": _of_notice(notice)["languages"],
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
    of_items = _items(notice)
    said = events.Opened(
        **_told(notice, arrival, (), of_items["items"], arrival.flags, policy, stamp),
        received_at=times["received_at"],
        escalates_from=times["escalates_from"],
        due_at=times["due_at"],
        requested_due_at=times["requested_due_at"] or 0,
    )
    event = happened_to(arrival.platform_id, case_id, said, stamp, carried(arrival, said), by=arrival.by, read=0)
    case = Case(
        platform_id=arrival.platform_id,
        id=case_id,
        state=CaseState.QUEUED,
        flags=arrival.flags,
        **of_items,
        **_of_notice(notice),
        **of_arrival(arrival),
        **times,
    )
    return (CaseWrite(case, opens=True), event, *_acknowledged(case, stamp)), case


def _acknowledged(case: Case, stamp: Stamp) -> Change:
    """Nobody waits for the acknowledgement of a letter."""
    return () if case.source == "typed" else (acknowledgement(case, stamp),)


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
    case = Case(
        platform_id=arrival.platform_id,
        id=case_id,
        state=CaseState.QUARANTINED,
        authority_id=authority,
        notice_id=notice_id,
        quarantine_no=number,
        revision=0,
        kind="unknown",
        category="unknown",
        received_at=arrival.received_at,
        escalates_from=arrival.received_at,
        due_at=due,
        urgent_at=due,
        watch_at=clock.first_watch_at(policy.ladder, received_at=arrival.received_at, due_at=due),
        flags=(unreadable.code, *arrival.flags),
        **of_arrival(arrival),
    )
    case, alert = page(case, f"quarantine.{unreadable.code}", EVERYBODY, 50, stamp)
    return (CaseWrite(case, opens=True), event, alert), case


def admit(case: Case, notice: Notice, arrival: Arrival, policy: Policy, stamp: Stamp) -> tuple[Change, Case]:
    """A usable message for a notice that so far was only in quarantine: it inherits the earlier receipt."""
    times = _times(notice, case.received_at, case.escalates_from, policy)
    times["watch_at"] += case.clock_shift_s
    flags, of_items = tuple(dict.fromkeys((*case.flags, *arrival.flags))), _items(notice)
    said = events.Admitted(
        **_told(notice, arrival, (), of_items["items"], flags, policy, stamp),
        due_at=times["due_at"],
        requested_due_at=times["requested_due_at"] or 0,
    )
    admitted = move(
        case,
        "admit",
        CaseState.QUEUED,
        quarantine_no=0,
        flags=flags,
        **of_items,
        **_of_notice(notice),
        **of_arrival(arrival),
        **times,
    )
    return (CaseWrite(admitted), happened_with(arrival, case, said, stamp), *_acknowledged(admitted, stamp)), admitted


def flag(
    case: Case,
    flags: tuple[str, ...],
    stamp: Stamp,
    arrival: Arrival | None = None,
    *,
    alert: bool = True,
    texts: Mapping[str, str] | None = None,
    no_approver: bool = False,
    tells: Sequence[Happened] = (),
) -> tuple[Change, Case]:
    """Something was learnt that a moderator must see before deciding; from a message, if it came with one. Nothing else
    is told of it than `tells`, where that is given."""
    marked = tuple(dict.fromkeys((*case.flags, *flags)))
    tells = tells or [_flagged(case, flags, stamp, arrival, texts, alert=alert, no_approver=no_approver)]
    flagged = move(case, "flag", case.state, flags=marked)
    if not alert:
        return (CaseWrite(flagged), *tells), flagged
    flagged, told = page(flagged, f"flag.{flags[0].split(':')[0]}", ("moderator", "lead"), 30, stamp)
    return (CaseWrite(flagged), *tells, told), flagged


def _flagged(
    case: Case,
    flags: tuple[str, ...],
    stamp: Stamp,
    arrival: Arrival | None,
    texts: Mapping[str, str] | None,
    *,
    alert: bool,
    no_approver: bool,
) -> Happened:
    marks = flags_told(flags, case.items)
    if arrival is None:
        return happened(case, events.Flagged(flags=marks, alert=alert), stamp)
    said = events.Flagged(came=came(arrival, stamp), flags=marks, alert=alert, no_approver=no_approver)
    return happened_with(arrival, case, said, stamp, texts)


def take_in(case: Case, arrival: Arrival, stamp: Stamp) -> tuple[Change, Case]:
    """A message says nothing new: what is held already, in another envelope, or what could not be used when it came
    and can be now."""
    return (CaseWrite(case), happened_with(arrival, case, events.TakenIn(came=came(arrival, stamp)), stamp)), case


def confirm(
    case: Case, typed: Notice, notice: Notice, arrival: Arrival, policy: Policy, standing: Standing, stamp: Stamp
) -> tuple[Change, Case]:
    """The authority's signed message about what was `typed` in from a letter. From now on its bytes count; if it
    demands something else than was typed, everything is decided anew; but what fell meanwhile was this revision."""
    fallen = {item.item_id for item in case.items if not item.order_stands}
    if _demand(typed) != _demand(notice) and not fallen.issuperset(item.item_id for item in notice.items):
        return amend(case, notice, arrival, policy, standing, stamp)
    event = happened_with(arrival, case, events.Confirmed(came=came(arrival, stamp)), stamp)
    confirmed = move(case, "confirm", case.state, **of_arrival(arrival))
    return (CaseWrite(confirmed), event, acknowledgement(confirmed, stamp)), confirmed


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
    items, writes, standing = named_anew(case, noticed, standing, policy, stamp)
    for number, item in enumerate(items):
        if item.item_id not in noticed and not item.was:
            stopped, more = stop(case, on_its_way_falls(item, standing), "withdrawn", standing, policy, stamp)
            items[number] = stopped.but(ground=item.ground)
            standing = with_version(standing, stopped)
            writes += more
    times = _times(notice, arrival.received_at, arrival.received_at, policy) if case.state in ENDED else {}
    past = None
    if not times:
        requested = requested_due_at(notice, arrival.received_at)
        times = {"requested_due_at": requested, "urgent_at": clock.urgent_at(case.due_at, requested)}
        ladder = term_times(case.but(requested_due_at=requested))
        times["watch_at"] = clock.next_step_at(policy.ladder, after=stamp.at, **ladder)
        past = steps_past(case, requested, policy, stamp)
    questions = void(standing.messages, stamp, kinds=("clarification",))
    flags = tuple(dict.fromkeys((*case.flags, *arrival.flags, "amended")))
    said = events.Amended(
        **_told(notice, arrival, case.items, items, flags, policy, stamp),
        # An ended case gets the term from this receipt.
        received_at=times.get("received_at", 0),
        due_at=times.get("due_at", 0),
        requested_due_at=times["requested_due_at"] or 0,
        **_fell(case, items, [item for item in case.items if not item.was], noticed, policy, stamp),
    )
    watched = seen_over(case, over, stamp)
    tells = [*watched, happened_with(arrival, case, said, stamp, texts)]
    amended = move(
        case,
        "amend",
        CaseState.QUEUED,
        items=tuple(items),
        named=last_number(case, items),
        flags=flags,
        quarantine_no=0,
        decided_at=None,
        closed_at=None,
        lift_due_at=None,
        **_of_notice(notice),
        **of_arrival(arrival),
        **times,
        **NO_LEASE,
    )
    amended = replanned(amended, policy, stamp.at)
    writes += [*questions, *void(standing.messages, stamp, kinds=("report",))]
    writes += _acknowledged(amended, stamp)
    amended, alert = page(amended, "amended", ("moderator", "lead"), 30, stamp)
    change: Change = (CaseWrite(amended), *tells, *writes, *over, alert)
    change, amended = with_pages_at_intake(change, amended, policy, stamp)
    fired = escalated(amended, past, policy, stamp) if past is not None else ()
    return (*change, *fired), case_after(amended, fired)


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
    times: dict[str, Any] = {"closed_at": None}
    if case.watch_at is None:
        times["watch_at"] = stamp.at
    answered = move(
        case,
        "answer",
        CaseState.QUEUED,
        items=tuple(items),
        named=last_number(case, items),
        flags=flags,
        **times,
        **NO_LEASE,
    )
    writes += void(standing.messages, stamp, kinds=("report",))
    answered, tail = page(answered, "clarified", ("moderator",), 20, stamp)
    return (CaseWrite(answered), happened_with(arrival, case, said, stamp, texts), *writes, tail), answered


def _outcome(item: ItemState, decisions: Mapping[int, Decision]) -> str:
    decision = decisions.get(item.decision_version)
    decided = decision.item(item.item_id) if decision is not None else None
    return decided.wording.outcome if decided is not None else ""


def remind(case: Case, reminder: Reminder, arrival: Arrival, stamp: Stamp) -> tuple[Change, Case]:
    """The authority asks again: the level rises, the clock does not move."""
    level = max(case.level, reminder.escalation_level)
    said = events.Reminded(came=came(arrival, stamp), level=reminder.escalation_level)
    reminded = move(case, "remind", case.state, level=level)
    reminded, alert = page(reminded, "reminded", ("moderator", "lead"), 40, stamp)
    return (CaseWrite(reminded), happened_with(arrival, case, said, stamp), alert), reminded


def named_anew(
    case: Case, noticed: Mapping[str, Item], standing: Standing, policy: Policy, stamp: Stamp
) -> tuple[list[ItemState], list[Write], Standing]:
    """The items with those that a message names open again, and new ones added. What waits to be carried out for them
    is void. An id that now names another object is another item: what was done to the first object is undone."""
    same = [item for item in case.items if item.object_key in _names(noticed.get(item.item_id))]
    standing = holding(standing, same)
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
            items.append(item.but(status="open", measure=measure, fell=""))
            writes += void(enforcing(item, standing.messages), stamp, kinds=("enforce",))
            continue
        stopped, more = stop(case, on_its_way_falls(item, standing), "withdrawn", standing, policy, stamp)
        standing = with_version(standing, stopped)
        writes += more
        items.append(ItemState(item.item_id, next(numbers)))
        if stopped.status == "stopped" and not item.effective_at:
            continue
        # One whose measure was lifted before stays as well: its user's appeal can still be open.
        items.append(stopped.but(item_id=f"{item.item_id}~{item.number}", was=item.item_id, ground=item.ground))
    known = {item.item_id for item in case.items}
    return [*items, *(ItemState(name, next(numbers)) for name in noticed if name not in known)], writes, standing


def last_number(case: Case, items: Iterable[ItemState]) -> int:
    """The highest number that an item of the case ever had, with these among them."""
    return max(case.named, *(item.number for item in items))


def _names(item: Item | None) -> tuple[str, ...]:
    """The object keys under which the item of a case can be the one that a message names."""
    return () if item is None else ("", object_key(item))
