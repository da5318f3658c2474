"""What people decide, in the model: allowed or refused, and what follows. Each function is one step."""

from __future__ import annotations

from collections.abc import Callable

from tests.model.cases import (
    APPEAL_S,
    ASK_AGAIN_S,
    IN_REVIEW,
    LEASE_S,
    LIFT_S,
    OPEN,
    UNDO_S,
    Appeal,
    Case,
    Item,
    Office,
    Proposed,
    Report,
    Suspension,
    term_of,
)
from tests.model.ladder import steps_until, still_fired

ROLES = {
    "m1": "moderator",
    "m2": "moderator",
    "lead": "lead",
    "lead2": "lead",
    "legal": "legal",
    "legal2": "legal",
    "head": "head",
    "clerk": "head",
    "visitor": "",
}
ACCOUNTS = {**{one: f"account of {one}" for one in ROLES}, "lead2": "account of m1", "clerk": ""}
"""By which account each of them comes in: two are one person, and of one nobody says."""
ANYBODY = ("moderator", "lead", "legal", "head")
BESIDE = (*IN_REVIEW, "decided", "enforced", "lifting", "lifted", "closed", "cancelled")


class Refused(Exception):
    """A step that must be refused, with an error of one of these classes."""

    def __init__(self, reasons: set[str]) -> None:
        super().__init__(", ".join(sorted(reasons)))
        self.reasons = reasons


def refuse(*rules: tuple[bool, str]) -> None:
    """Refuse for whichever rules are broken: which of several the library names first is its own affair."""
    broken = {name for is_broken, names in rules if is_broken for name in names.split()}
    if broken:
        raise Refused(broken)


def role(by: str, *roles: str) -> tuple[bool, str]:
    return ROLES[by] not in roles, "NotAllowed"


def state(case: Case, *states: str) -> tuple[bool, str]:
    return case.state not in states, "IllegalMove"


def other(by: str, *first: str) -> tuple[bool, str]:
    """A second person has another id and another account."""
    same = any(by == one or (ACCOUNTS[one] and ACCOUNTS[by] in ("", ACCOUNTS[one])) for one in first)
    return same, "NotAllowed"


def lease(office: Office, case: Case, by: str) -> tuple[bool, str]:
    held = case.state == "claimed" and case.owner == by and office.now < case.lease_until
    return not held, "LeaseLost"


# ------------------------------------------------------------------------------------------------------------ the queue


def claim(office: Office, by: str, letter: str | None) -> None:
    refuse(role(by, *ANYBODY))
    if letter is None:
        first = most_urgent(office)
        refuse((not first, "NotFound"))
        case = first[0]
    else:
        case = office.cases[letter]
        refuse((case.state != "queued" and not is_over(office, case), "IllegalMove"))
    expire(office)
    case.state, case.owner, case.lease_until, case.ever_claimed = "claimed", by, office.now + LEASE_S, True
    case.token += 1


def most_urgent(office: Office) -> list[Case]:
    """The free cases of which none is more urgent. Of several, the next claim takes any."""
    free = [one for one in office.cases.values() if one.state == "queued" or is_over(office, one)]
    soonest = min((one.urgency(office.now) for one in free), default=0)
    return [one for one in free if one.urgency(office.now) == soonest]


def is_over(office: Office, case: Case) -> bool:
    return case.state == "claimed" and office.now >= case.lease_until


def expire(office: Office) -> None:
    """Leases that ran out end with the next claim of anybody, and with the next watch."""
    for case in office.cases.values():
        if is_over(office, case):
            case.let_go()
            case.state = "queued"


def renew(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(lease(office, case, by))
    case.lease_until = office.now + LEASE_S


def release(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(lease(office, case, by))
    case.let_go()
    case.state = "queued"


# ------------------------------------------------------------------------------------------------------------ decisions

WAYS = ("remove", "own", "refuse", "mixed", "abroad", "unclear", "contradiction", "partial", "needs")


def decisions_of(case: Case, way: str) -> dict[str, tuple[str, str]]:
    """What a way of deciding says of each open item."""
    said: dict[str, tuple[str, str]] = {}
    for n, item in enumerate(case.open_items()):
        measure = "suspend_account" if item.target.startswith("account:") else "remove"
        ground = "terms_of_service" if way in ("own", "abroad") else "local_law"
        refusing = way in ("refuse", "needs") or (way == "mixed" and n % 2 == 1)
        said[item.id] = ("none", "") if refusing else (measure, ground)
    if way == "partial":
        said.pop(next(iter(said)))
    return said


def _beside(way: str) -> str:
    """What a way of deciding says beside action and ground: two that differ in nothing are the same proposal."""
    return way if way in ("abroad", "unclear", "contradiction", "needs") else ""


def propose(office: Office, by: str, letter: str, way: str) -> None:
    case = office.cases[letter]
    said = decisions_of(case, way)
    waits = case.proposed
    if waits and (waits.by, waits.items, _beside(waits.way)) == (by, said, _beside(way)):
        return  # the same again gets the first answer
    measure = any(action != "none" for action, _ in said.values())
    fallen = [ground for name, (_, ground) in said.items() if ground and case.items[name].fallen]
    refuse(
        role(by, *ANYBODY),
        lease(office, case, by),
        (way == "contradiction" and measure, "InvalidInput"),
        (way == "partial", "InvalidInput"),
        ("local_law" in fallen, "InvalidInput"),
        (any(ground and case.items[name].unknown for name, (_, ground) in said.items()), "InvalidInput"),
        (measure and not case.authentic, "NotAllowed IllegalMove InvalidInput"),
    )
    case.let_go()
    case.proposed = Proposed(by, said, measure, way)
    others = [open_question for who, open_question in case.answers.items() if who != by]
    case.answers[by] = way == "unclear"
    second = (
        case.spec.four_eyes
        or ROLES[by] == "head"
        or way in ("abroad", "unclear")
        or (measure and any(others))
        or bool(fallen)
        or bool(case.flags & {"instruction_recorded", "suspended", "suspension_unconfirmed", "withheld"})
        or (measure and case.spec.legal_review and ROLES[by] != "legal")
    )
    if second:
        case.state, case.in_decision = "in_approval", set()
    else:
        _decide(office, case, (by,))


def _decide(office: Office, case: Case, deciders: tuple[str, ...]) -> None:
    """What was proposed is decided: nothing of it leaves before the undo window has passed."""
    assert case.proposed is not None
    case.undo_until, case.latest, case.by_two = office.now + UNDO_S, case.proposed, len(deciders) == 2
    case.in_decision = set(case.proposed.items)
    case.flags.discard("withheld")
    for item in case.open_items():
        action, ground = case.proposed.items[item.id]
        office.void_effects(case, item.id, "enforce", "restore")  # superseded
        item.action, item.ground, item.abroad, item.decided_by = action, ground, case.proposed.way == "abroad", deciders
        item.needs = case.proposed.way == "needs"
        if action != "none":
            item.status = "decided"
            office.owe(case, item, "enforce", case.undo_until)
        elif item.measure:
            item.status = "lifting"
            office.owe(case, item, "restore", case.undo_until)
        else:
            item.status = "settled"
    case.proposed = None
    case.state = "decided"
    if not case.pending():
        owe_report(office, case)
    if len(deciders) == 2:
        office.deep.add("decided by two")


def owe_report(office: Office, case: Case) -> None:
    _report(office, case, True, case.outcomes())


def _report(office: Office, case: Case, final: bool, items: dict[str, str]) -> None:
    """It leaves behind those before it, and what it overtakes does not: but no earlier than that was to leave."""
    before = [one.due for one in case.reports if one.state in ("queued", "waiting", "overtaken")]
    case.void_reports("overtaken")
    case.reports.append(Report(max(case.told_from(office.now), *before, 0), final, items))


def report_interim(office: Office, by: str, letter: str) -> None:
    """What is settled is reported now; the rest is pending."""
    case = office.cases[letter]
    settled = case.outcomes()
    refuse(
        role(by, "lead", "legal"),
        state(case, "decided", "lifting"),
        (not case.pending() or not settled, "IllegalMove"),
    )
    rest = {item.id: "pending" for item in case.items.values() if item.status in (*OPEN, "decided", "lifting")}
    _report(office, case, False, {**settled, **rest})


def approve(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    proposed = case.proposed
    refuse(role(by, "lead", "legal"), (proposed is None, "IllegalMove Conflict NotFound"))
    assert proposed is not None
    lawyers = "legal" in (ROLES[by], ROLES[proposed.by])
    refuse(
        other(by, proposed.by),
        (proposed.measure and case.spec.legal_review and not lawyers, "NotAllowed"),
    )
    _decide(office, case, (proposed.by, by))


def send_back(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "lead", "legal"), (case.proposed is None, "IllegalMove Conflict NotFound"))
    case.proposed, case.state = None, "queued"
    office.deep.add("sent back")


def undo(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    latest = [case.items[name] for name in case.in_decision]
    own = [item for item in latest if not _fell(item)]
    overtaken = case.state != "decided" or len(own) < len(latest)
    refuse(
        role(by, "moderator", "lead", "legal"),
        state(case, "decided", "lifting", "lifted", "enforced"),
        (not own or any(item.status not in ("decided", "lifting", "settled") for item in own), "IllegalMove"),
        (any(report.state == "waiting" for report in case.reports), "IllegalMove"),
        (overtaken and office.now >= case.undo_until, "IllegalMove"),
    )
    for item in own:
        item.status = "open"
        office.void_effects(case, item.id, "enforce", "restore")
    case.void_reports()
    case.state, case.lift_due = "queued", None
    office.deep.add("undone")
    if overtaken:
        office.deep.add("undone beside what fell")


def _fell(item: Item) -> bool:
    """Whether it stays as it is because its order fell."""
    if item.status == "settled":
        return item.fallen
    return item.status == "stopped" or (item.status in ("lifting", "lifted", "kept") and item.action != "none")


def reopen(office: Office, by: str, letter: str, named: tuple[str, ...] = ()) -> None:
    case = office.cases[letter]
    again = [item for item in case.items.values() if not item.fallen or item.id in named]
    refuse(
        role(by, "lead", "legal"),
        state(case, "closed", "cancelled"),
        (case.erased, "IllegalMove"),
        (any(name not in case.items for name in named), "InvalidInput"),
        (not again, "IllegalMove"),
    )
    look_at_suspensions(office, case)
    for item in again:
        item.status = "open"
        if item.fallen:
            office.deep.add("reopened though it fell")
    case.state = "queued"
    case.fired |= steps_until(case, office.now)
    plan_question(office, case)
    office.deep.add("reopened")


def withhold(office: Office, case: Case, bears_on: Callable[[Item], bool]) -> None:
    """News of the order: what has not begun waits for a second person."""
    held = [item for item in case.items.values() if item.status == "decided" and bears_on(item)]
    if not held:
        return
    for item in held:
        item.status = "open"
        office.void_effects(case, item.id, "enforce")
    if case.state in ("decided", "lifting"):
        again = case.in_decision.issuperset(item.id for item in held) and not case.by_two
        case.state, case.proposed = ("in_approval", case.latest) if again else ("queued", None)
    elif case.state == "in_approval":
        case.state, case.proposed = "queued", None
    case.lift_due = None
    case.flags.add("withheld")
    office.page(case, "withheld")
    office.deep.add("withheld")


def rests_on_order(item: Item) -> bool:
    return item.ground == "local_law"


def by_one_person(item: Item) -> bool:
    return len(item.decided_by) == 1


# ------------------------------------------------------------------------------------------------------------ questions


def ask(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "moderator", "lead", "legal"), lease(office, case, by))
    case.let_go()
    case.state = "awaiting_answer"
    case.questions.append("asked")
    case.outgoing.append("question")


def recall(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "moderator", "lead", "legal"), state(case, "awaiting_answer"))
    case.state = "queued"


# ------------------------------------------------------------------------------------------------------------ beside it


def record_instruction(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, *ANYBODY))
    case.flags.add("instruction_recorded")
    office.page(case, "instruction_recorded")
    withhold(office, case, by_one_person)


def correct_receipt(office: Office, by: str, letter: str, ago: int) -> None:
    """The clock of a typed-in notice follows its receipt, and the ladder what is to come on it."""
    case = office.cases[letter]
    refuse(
        role(by, "lead", "legal", "head"),
        state(case, *IN_REVIEW),
        other(by, *filter(None, [case.typist])),
        (not case.spec.typed_in, "IllegalMove"),
    )
    case.received = case.clock_from = office.now - ago
    case.due = term_of(case.spec, case.received)
    case.fired = still_fired(case, office.now)
    plan_question(office, case)
    office.deep.add("receipt corrected")


def contest(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "lead", "legal", "head"), state(case, *BESIDE))
    case.contests.append("open")
    case.flags.add("contested")


def settle_contest(office: Office, by: str, letter: str, number: int, result: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "lead", "legal", "head"), state(case, *BESIDE))
    refuse((case.contests[number - 1] != "open", "IllegalMove Conflict InvalidInput"))
    case.contests[number - 1] = result
    office.deep.add("contest settled")
    if "open" not in case.contests:
        case.flags.discard("contested")
    office.page(case, f"contest.{result}")


def suspend(office: Office, by: str, letter: str, ago: int, lasts: int | None) -> None:
    case = office.cases[letter]
    refuse(role(by, "lead", "legal", "head"), state(case, *BESIDE))
    start = office.now - ago
    until = None if lasts is None else office.now + lasts
    case.suspensions.append(Suspension(by, start, until, office.now))
    case.flags.add("suspension_unconfirmed")
    office.page(case, "suspension_to_confirm")
    withhold(office, case, rests_on_order)


def confirm_suspension(office: Office, by: str, letter: str, number: int) -> None:
    case = office.cases[letter]
    one = case.suspensions[number - 1]
    refuse(
        role(by, "lead", "legal"),
        other(by, one.by),
        (bool(one.confirmed) or one.ended is not None, "IllegalMove Conflict InvalidInput"),
    )
    look_at_suspensions(office, case)
    one.confirmed = by
    plan_question(office, case)
    if all(other.confirmed or other.ended is not None for other in case.suspensions):
        case.flags.discard("suspension_unconfirmed")
    if case.ends(office.now):
        case.flags.add("suspended")
    else:
        drop_suspension_flags(office, case)
    office.page(case, "suspended")
    if case.paused(office.now) and case.state in (*IN_REVIEW, "decided", "enforced"):
        office.deep.add("suspended while it ran")
    withhold(office, case, rests_on_order)


def end_suspension(office: Office, by: str, letter: str, number: int) -> None:
    case = office.cases[letter]
    one = case.suspensions[number - 1]
    end = one.end()
    refuse(
        role(by, "lead", "legal", "head"),
        (one.ended is not None, "IllegalMove Conflict InvalidInput"),
        (bool(one.confirmed) and end is not None and end <= office.now, "IllegalMove Conflict InvalidInput"),
    )
    one.ended = office.now
    plan_question(office, case)
    drop_suspension_flags(office, case)
    if one.confirmed:
        office.page(case, "suspension_over")
        office.deep.add("suspension ended by a person")


def look_at_suspensions(office: Office, case: Case) -> None:
    """Say once that no suspension of the order has effect any more."""
    if "suspended" in case.flags and not case.ends(office.now):
        drop_suspension_flags(office, case)
        office.page(case, "suspension_over")


def ask_whether_suspended(office: Office, case: Case) -> None:
    """While the term stands still and nobody knows until when, ask every week whether it still does."""
    if None in case.ends(office.now) and office.now >= case.ask_at:
        plan_question(office, case)
        office.page(case, "suspension_open")
        office.deep.add("asked whether it is still suspended")


def plan_question(office: Office, case: Case) -> None:
    case.ask_at = office.now + ASK_AGAIN_S


def drop_suspension_flags(office: Office, case: Case) -> None:
    if not case.ends(office.now):
        case.flags.discard("suspended")
    if all(one.confirmed or one.ended is not None for one in case.suspensions):
        case.flags.discard("suspension_unconfirmed")


# -------------------------------------------------------------------------------------------------------------- appeals


def appeal(office: Office, by: str | None, letter: str, name: str) -> None:
    case = office.cases[letter]
    item = case.items[name]
    refuse(
        (by is not None and ROLES[by] not in ANYBODY, "NotAllowed"),
        state(case, *BESIDE[:-1]),
        (case.erased, "IllegalMove"),
        (not item.measure, "IllegalMove InvalidInput"),
    )
    office.appeals.append(Appeal(letter, name, item.target, office.now + APPEAL_S, item.deciders))
    office.page(case, "appeal_received")


def _appealed(office: Office, number: int) -> tuple[Appeal, Case, Item]:
    one = office.appeals[number]
    case = office.cases[one.case]
    return one, case, case.items[one.item]


def withdraw_appeal(office: Office, by: str | None, number: int) -> None:
    one = office.appeals[number]
    refuse(
        (by is not None and ROLES[by] not in ("moderator", "lead", "legal"), "NotAllowed"),
        (
            by is not None and other(by, *one.deciders, *office.cases[one.case].items[one.item].decided_by)[0],
            "NotAllowed",
        ),
        (one.state != "open", "IllegalMove Conflict"),
    )
    one.state = "withdrawn"
    office.deep.add("appeal taken back")


def uphold(office: Office, by: str, number: int) -> None:
    one, case, item = _appealed(office, number)
    refuse(
        *_appeal_rules(one, item, by),
        state(case, "decided", "enforced", "lifting", "lifted", "closed"),
        (not item.measure or item.status == "lifting", "IllegalMove"),
    )
    one.state = "upheld"
    office.deep.add("appeal upheld")
    office.untold.append((one.case, one.item, "appeal_decided"))


def _appeal_rules(one: Appeal, item: Item, by: str) -> list[tuple[bool, str]]:
    return [
        role(by, "lead", "legal"),
        other(by, *one.deciders, *item.decided_by),
        (one.state != "open", "IllegalMove Conflict"),
        (item.status in ("open", "failed", "decided"), "IllegalMove"),
    ]


def reverse(office: Office, by: str, number: int) -> None:
    one, case, item = _appealed(office, number)
    waits = bool(item.measure) and _can_be_taken_back(office, case)
    refuse(
        *_appeal_rules(one, item, by),
        state(case, "decided", "enforced", "lifting", "lifted", "closed", "cancelled"),
        (waits, "IllegalMove Conflict"),
    )
    one.state = "reversed"
    office.untold.append((one.case, one.item, "appeal_decided"))
    office.deep.add("appeal reversed")
    if not item.measure or item.status == "lifting":
        return
    item.action, item.ground, item.decided_by = "none", "", (by,)
    case.in_decision, case.undo_until, case.by_two = {item.id}, 0, False
    if office.others_hold(case, item):
        office.keep(case, item, ours=False)
        if case.state in ("enforced", "closed"):
            case.state = "lifted"
            case.fired |= steps_until(case, office.now)
        if case.state == "lifted":
            owe_report(office, case)
        return
    case.void_reports()
    item.status = "lifting"
    office.owe(case, item, "restore", office.now)
    case.lift_by(office.now + LIFT_S, office.now)
    case.state = "lifting"


def _can_be_taken_back(office: Office, case: Case) -> bool:
    """Whether something that people decided has not left, for its undo window runs."""
    leaves = [effect.due for effect in office.effects if effect.case is case and effect.state == "queued"]
    leaves += [report.due for report in case.reports if report.state == "queued"]
    return any(due > office.now for due in leaves)
