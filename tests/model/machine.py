"""What the worker does, in the model: what is due leaves, and steps of the ladder fire."""

from __future__ import annotations

from tests.model.cases import APPEAL_NEAR_S, COPY_S, ENDED, Case, Effect, Office, Report
from tests.model.ladder import ladder, ladder_of_a_lift
from tests.model.people import ask_whether_suspended, expire, look_at_suspensions, owe_report


def deliver(office: Office) -> None:
    """Deliver until nothing is due."""
    while _pass(office):
        pass
    for case in office.cases.values():
        case.outgoing = [kind for kind in case.outgoing if case.spec.typed_in and kind == "question"]
    _alert_to_appeals(office)
    office.told.update(office.untold)
    office.untold.clear()
    office.pages.update(office.unpaged)
    office.unpaged.clear()


def _alert_to_appeals(office: Office) -> None:
    for appeal in office.appeals:
        alerts = (("appeal_near", appeal.due - APPEAL_NEAR_S), ("appeal_overdue", appeal.due))
        for reason, at in alerts[appeal.alerted :]:
            if appeal.state == "open" and at <= office.now:
                appeal.alerted += 1
                office.page(office.cases[appeal.case], reason)
                office.deep.add("appeal overdue" if reason == "appeal_overdue" else "appeal near its end")


def _pass(office: Office) -> bool:
    """What is due together leaves together: an interim report beside the effect that makes it needless, unless an
    earlier report is found overtaken first."""
    due: list[tuple[str, Case, Report]] = []
    for letter, case in office.cases.items():
        ripe = [report for report in case.reports if report.due <= office.now]
        overtaken = [report for report in ripe if report.state == "overtaken"]
        for report in overtaken:
            report.state = "void"
        due += [(letter, case, report) for report in ripe if report.state == "queued" and not overtaken]
    moved = _effects(office)
    for letter, case, report in due:
        _send(office, letter, case, report)
    owed = [report for case in office.cases.values() for report in case.reports]
    return moved or bool(due) or any(report.state == "queued" and report.due <= office.now for report in owed)


def _effects(office: Office) -> bool:
    moved = False
    for target in {one.target for one in office.effects if one.state == "queued"}:
        waiting = [one for one in office.effects if one.target == target and one.state == "queued"]
        # What is next for an object waits until what is before it was settled.
        first = min(waiting, key=lambda one: one.version, default=None)
        if first is not None and first.due <= office.now:
            _carry_out(office, first)
            moved = True
    return moved


def _carry_out(office: Office, effect: Effect) -> None:
    case, item = effect.case, effect.case.items[effect.item]
    effect.state = "done"
    letter = case.spec.letter
    if effect.verb == "enforce":
        office.objects[effect.target] = effect.action
        told = f"{effect.action} {item.ground} {item.abroad}"
        if item.told != told:
            office.untold.append((letter, item.id, "measure"))
        item.status, item.measure, item.told, item.deciders = "in_force", effect.action, told, item.decided_by
        item.copy_until = effect.due + COPY_S
    else:
        settled = item.status == "lifting"
        if office.others_hold(case, item):
            office.keep(case, item, ours=False)
        else:
            office.objects[effect.target] = "restore"
            if item.told:
                office.untold.append((letter, item.id, "restored"))
            item.status, item.measure, item.told = "lifted", "", ""
            case.left = [target for target in case.left if target != item.target]
            office.deep.add("lifted")
        if not settled:
            item.status = "open"  # a new revision names it again: it is decided anew
    if case.pending() or case.state not in ("decided", "lifting"):
        return
    case.state = "enforced" if case.state == "decided" else "lifted"
    owe_report(office, case)


def _send(office: Office, letter: str, case: Case, report: Report) -> None:
    if case.spec.typed_in:
        # A letter that waits for its delivery: what comes of the effect beside it overtakes it.
        report.state = "waiting" if report.state == "queued" else report.state
        return
    report.state = "done"
    office.books[letter].append((report.final, report.items))
    if not report.final:
        office.deep.add("reported before the rest")
    office.deep.add("reported more than once" if len(office.books[letter]) > 1 else "reported")
    if report.final and case.state in ("decided", "enforced", "lifted"):
        case.state, case.lift_due = "closed", None


def watch(office: Office) -> None:
    """Give back what nobody holds any more, and fire each step of the ladder that is due, once."""
    expire(office)
    for case in office.cases.values():
        _tell_of_copies(office, case)
        if case.state not in ENDED:
            look_at_suspensions(office, case)
        if case.state in ("lifting", "lifted") and case.lift_due is not None:
            ladder_of_a_lift(office, case)
        elif case.state not in ENDED and case.paused(office.now):
            ask_whether_suspended(office, case)
        elif case.state not in ENDED:
            ladder(office, case)


def _tell_of_copies(office: Office, case: Case) -> None:
    """A copy of what a measure hides need not be kept any longer: people are told once."""
    # What a new revision names again is on its way to be lifted all the same.
    restores = [one for one in office.effects if one.case is case and one.verb == "restore"]
    leaving = {one.item for one in restores if one.state == "queued"}
    standing = [one for one in case.items.values() if one.measure and one.status != "lifting" and one.id not in leaving]
    over = [item for item in standing if 0 < item.copy_until <= office.now]
    for item in over:
        item.copy_until = 0
    if over:
        office.page(case, "preservation_ended")
        office.deep.add("a copy need not be kept")
