"""What an authority sends, in the model."""

from __future__ import annotations

from tests.model.cases import ENDED, HOUR, IN_REVIEW, LIFT_S, OPEN, Case, Item, Office, Spec, term_of
from tests.model.ladder import ladder, steps_until, still_fired
from tests.model.people import look_at_suspensions, owe_report, plan_question, refuse


def issue(office: Office, spec: Spec) -> None:
    """A notice comes, or is typed in: its clock starts now."""
    case = Case(spec, office.now, term_of(spec, office.now), clock_from=office.now)
    case.name_items(spec.items)
    case.asked_due = asked_due(office, spec)
    if not spec.typed_in:
        case.outgoing.append("acknowledgement")
    if spec.typed_in:
        case.typist, case.authentic = "m1", False
    office.cases[spec.letter] = case
    office.books[spec.letter] = []


def cancel(
    office: Office, case: Case, effect: str | None, items: tuple[str, ...] | None, received: int | None = None
) -> None:
    """Undecided items stop; `effect` says what happens to what is in force."""
    if _is_erased(office, case):
        return
    named = list(case.items) if items is None else [name for name in items if name in case.items]
    if items is not None and len(named) < len(items):
        case.flags.add("cancels_unknown_item")
        office.page(case, "flag.cancels_unknown_item")
    if not named:
        return
    case.flags.add(f"cancelled_{effect}" if effect else "effect_missing")
    office.page(case, "cancelled" if effect else "cancelled.effect_missing")
    before = case.state
    fell = [_fall(office, case, case.items[name], effect) for name in named]
    if not case.open_items():
        case.outgoing = [kind for kind in case.outgoing if kind != "question"]
    if not any(fell):
        return
    if "lifting" in fell and before == "lifting":
        office.deep.add("cancelled while lifting")
    if before in IN_REVIEW:
        case.let_go()
        case.proposed = None
    at = office.now if received is None else received
    _settle_after_cancel(office, case, before, at)
    if before in ENDED and case.state not in ENDED:
        case.fired |= steps_until(case, office.now)
    if "kept" in fell:
        office.deep.add("fell, and stays")
    if "lifting" in fell and before not in (*IN_REVIEW, "lifting"):
        office.deep.add("lifted by a cancellation")
    if case.state == "lifting":
        case.lift_by(at + LIFT_S, office.now)


def _fall(office: Office, case: Case, item: Item, effect: str | None) -> str:
    """What becomes of one item whose order falls; empty if nothing does."""
    lifts = effect in ("withdrawn", "annulled") or (effect == "remedied" and item.measure == "suspend_account")
    if effect is not None:
        item.fallen = item.fallen or effect != "remedied" or item.target.startswith("account:")
    if item.status == "lifting" and lifts:
        if item.action != "none":
            return ""
        item.action = item.measure  # whoever takes a decision back does not take this back
        return "lifting"
    if item.status == "kept" and (item.ground == "terms_of_service" or not lifts):
        return ""
    if item.measure and item.status != "lifting":
        if effect is None:
            return "seen again" if item.status in OPEN else ""
        if item.status == "decided" and item.ground == "terms_of_service":
            return ""
        office.void_effects(case, item.id, "enforce", "restore")
        own = item.ground == "terms_of_service"
        if not lifts or own or office.others_hold(case, item):
            office.keep(case, item, ours=own or not lifts)
            return "kept"
        item.status = "lifting"
        office.owe(case, item, "restore", office.now)
        return "lifting"
    if item.status in OPEN or (item.status == "decided" and item.ground != "terms_of_service"):
        office.void_effects(case, item.id, "enforce", "restore")
        item.status = "stopped"
        return "stopped"
    return ""


def _settle_after_cancel(office: Office, case: Case, before: str, received: int) -> None:
    states = {item.status for item in case.items.values()}
    if states & set(OPEN):
        case.state = "queued" if before in (*IN_REVIEW,) else case.state
        return
    if "lifting" in states:
        case.state = "lifting"
        case.void_reports()
        return
    if "decided" in states:
        case.state = "lifting" if before == "lifting" else "decided"
        return
    if before in ENDED:
        case.fired |= steps_until(case, received)  # of a letter the time runs from its receipt
        plan_question(office, case)
    if states & {"in_force", "kept", "settled", "lifted"}:
        case.state = "lifted" if states & {"kept", "lifted"} else "enforced" if before != "closed" else "closed"
        if case.state != "closed":
            case.void_reports()
            owe_report(office, case)
        return
    case.state = "cancelled"
    case.void_reports()


def asked_due(office: Office, spec: Spec) -> int | None:
    """The hours that a notice asks for count from the receipt of the revision that asks for them."""
    return None if spec.asked_hours is None else office.now + spec.asked_hours * HOUR


def _plan_anew(office: Office, case: Case) -> None:
    """What is over already fires at once: of a time asked for that is set anew, all of it."""
    asked = asked_due(office, case.spec)
    if asked != case.asked_due:
        case.asked_due = asked
        case.fired = {name for name in case.fired if not name.startswith("requested")}
    if case.lift_due is not None:
        case.fired |= {name for name in steps_until(case, office.now) if name.startswith("due")}
    if not case.paused(office.now):
        ladder(office, case)
    case.fired = still_fired(case, office.now)


def remind(office: Office, letter: str, level: int) -> None:
    case = office.cases[letter]
    if _is_erased(office, case):
        return
    case.level = max(case.level, level)
    office.page(case, "reminded")


def clarify(office: Office, letter: str, question: int, items: dict[str, str] | None = None) -> None:
    """The authority answers a question, and may name items anew: the clock of the case never stood still."""
    case = office.cases[letter]
    refuse((question >= len(case.questions), "InvalidInput"))
    if not _is_erased(office, case):
        answer(office, case, question, items)


def answer(office: Office, case: Case, question: int, items: dict[str, str] | None) -> None:
    """What an answer opens is decided anew; any other is a flag, and whoever has the case sees it."""
    case.questions[question] = "answered"
    case.flags.add("clarified")
    needed = [item for item in case.items.values() if item.needs and not item.fallen and item.status not in OPEN]
    waits = case.state in ("awaiting_answer", "in_approval")
    decided = case.state in ("decided", "enforced", "closed") and bool(needed)
    names = bool(items) and case.state not in ("lifting", "lifted", "cancelled")
    if not waits and not decided and not names:
        office.page(case, "flag.clarified")
        return
    office.page(case, "clarified")
    office.deep.add("question answered")
    if items:
        office.deep.add("answered with items")
        if case.state in ("decided", "enforced", "closed"):
            office.deep.add("a decision reopened by an answer")
    if decided:
        office.deep.add("asked for in a decision, and answered")
    again = [case.items[name] for name in items or () if name in case.items]
    for item in [*again, *needed]:
        office.void_effects(case, item.id, "enforce")
        item.status = "open"
    for item in again:
        item.fallen = item.unknown = False  # what names it again says what it is
    case.name_items(items or {})
    case.let_go()
    case.void_reports()
    if case.state in ENDED:
        case.fired |= steps_until(case, office.now)
    case.proposed, case.state, case.lift_due = None, "queued", None


def amend(office: Office, letter: str, items: dict[str, str], received: int | None = None) -> None:
    """A new revision: everything is decided anew; what it no longer names is lifted unless something else holds it. Of
    a letter the time runs from its receipt."""
    case = office.cases[letter]
    case.revision += 1
    case.flags.add("amended")
    office.page(case, "amended")
    if case.erased:
        office.deep.add("amended after its erasure")
        case.left += [item.target for item in case.items.values() if item.measure]
        case.items, case.erased = {}, False
    look_at_suspensions(office, case)
    plan_question(office, case)
    if case.state in ENDED:
        case.received = case.clock_from = office.now if received is None else received
        case.due = term_of(case.spec, case.received)
        case.fired = set()
        case.asked_due = asked_due(office, case.spec)
        office.deep.add("amended after its end")
    else:
        _plan_anew(office, case)
    case.let_go()
    case.lift_due = None
    case.answers = {}
    case.proposed = None
    case.void_reports()
    case.outgoing = [] if case.spec.typed_in else ["acknowledgement"]
    for item in list(case.items.values()):
        office.void_effects(case, item.id, "enforce")
        item.fallen = item.id not in items
        item.unknown = item.fallen and not item.decided_by
        own = item.ground == "terms_of_service" and item.status != "decided"
        if not item.fallen:
            item.status = "open"
        elif item.status in ("lifting", "lifted", "stopped") or (item.status == "kept" and not item.measure):
            pass
        elif not item.measure:
            item.status = "stopped" if item.status in (*OPEN, "decided") else item.status
        elif own or office.others_hold(case, item):
            office.keep(case, item, ours=own)
        else:
            item.status = "lifting"
            office.owe(case, item, "restore", office.now)
        if item.measure:
            office.deep.add("amended after enforcement")
    case.name_items(items)
    case.state = "queued"


def _is_erased(office: Office, case: Case) -> bool:
    """Whether nothing is left to hold a message against: people are told that it came."""
    if case.erased:
        case.flags.add("erased_case")
        office.page(case, "flag.erased_case")
        office.deep.add("a message about an erased case")
    return case.erased
