"""What the worker does, in the model: what is due leaves, and steps of the ladder fire."""

from __future__ import annotations

from tests.model.cases import ENDED, Effect, Office
from tests.model.ladder import ladder, ladder_of_a_lift
from tests.model.people import expire, look_at_suspensions, owe_report


def deliver(office: Office) -> None:
    """Deliver until nothing is due."""
    while any([_effects(office), _reports(office)]):
        pass
    office.told.update(office.untold)
    office.untold.clear()
    office.pages.update(office.unpaged)
    office.unpaged.clear()


def _effects(office: Office) -> bool:
    moved = False
    for target in {one.target for one in office.effects if one.state == "queued"}:
        waiting = sorted(
            (e for e in office.effects if e.target == target and e.state == "queued"), key=lambda e: e.version
        )
        for effect in waiting:
            if effect.due > office.now:
                break
            _carry_out(office, effect)
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
    else:
        settled = item.status == "lifting"
        if office.others_hold(case, item):
            office.keep(case, item, ours=False)
        else:
            office.objects[effect.target] = "restore"
            if item.told:
                office.untold.append((letter, item.id, "restored"))
            item.status, item.measure, item.told = "lifted", "", ""
            office.deep.add("lifted")
        if not settled:
            item.status = "open"  # a new revision names it again: it is decided anew
    if case.pending() or case.state not in ("decided", "lifting"):
        return
    case.state = "enforced" if case.state == "decided" else "lifted"
    owe_report(office, case)


def _reports(office: Office) -> bool:
    moved = False
    for letter, case in office.cases.items():
        for report in case.reports:
            if report.state == "queued" and report.due <= office.now:
                moved = True
                if case.spec.typed_in:
                    report.state = "waiting"
                    continue
                report.state = "done"
                office.books[letter].append((report.final, report.items))
                office.deep.add("reported more than once" if len(office.books[letter]) > 1 else "reported")
                if case.state in ("decided", "enforced", "lifted"):
                    case.state, case.lift_due = "closed", None
    return moved


def watch(office: Office) -> None:
    """Give back what nobody holds any more, and fire each step of the ladder that is due, once."""
    expire(office)
    for case in office.cases.values():
        if case.state not in ENDED:
            look_at_suspensions(office, case)
        if case.state in ("lifting", "lifted") and case.lift_due is not None:
            ladder_of_a_lift(office, case)
        elif case.state not in ENDED and not case.paused(office.now):
            ladder(office, case)
