"""The ladder, in the model: which steps of which clock are due, and the one page for those that come together."""

from __future__ import annotations

from tests.model.cases import BEFORE, HOUR, Case, Office


def ladder(office: Office, case: Case) -> None:
    _fire(office, case, _all(case, office.now), case.fired)


def steps_until(case: Case, now: int) -> set[str]:
    """The steps whose time is over: a reopened case takes up its ladder where it is then."""
    return {name for _, at, name in _all(case, now) if at <= now}


def _all(case: Case, now: int) -> list[tuple[int, int, str]]:
    due = case.due_at(now)
    steps = _steps("due", due, now)
    if not case.ever_claimed:
        steps.append((10, case.received + HOUR + due - case.due, "due.unclaimed_1h"))
    if case.asked_due is not None and case.urgency(now) < due:
        steps += _steps("requested", case.asked_due, min(now, due - 1))
    return steps


def still_fired(case: Case, now: int) -> set[str]:
    """What has fired once the clock was set: a step that is to come on it fires at its time, also if it did before."""
    over = steps_until(case, now)
    elsewhere = {name for name in case.fired if name.startswith("requested")}  # that time counts from no receipt
    return {name for name in over if _has_fired(name, case.fired)} | elsewhere


def ladder_of_a_lift(office: Office, case: Case) -> None:
    """The clock of a lifting: of its ladder what is still to come when it begins."""
    assert case.lift_due is not None
    steps = _steps("due", case.lift_due, office.now)
    _fire(
        office,
        case,
        [one for one in steps if one[1] > case.lift_from or case.lift_from >= case.lift_due],
        case.lift_fired,
    )


def _fire(office: Office, case: Case, steps: list[tuple[int, int, str]], fired: set[str]) -> None:
    now = office.now
    fresh = [(severity, at, name) for severity, at, name in steps if at <= now and not _has_fired(name, fired)]
    if not fresh:
        return
    office.deep.add("two steps at once" if len(fresh) > 1 else "a step fired")
    if severity_of(fresh) == 70:
        office.deep.add("overdue")
    fired.update(name for _, _, name in fresh)
    # Where both clocks are equally loud, the statutory one leads.
    severity, _, _, name = max((severity, name.startswith("due"), at, name) for severity, at, name in fresh)
    case.level = max(case.level, severity)
    office.page(case, name)


def _has_fired(name: str, fired: set[str]) -> bool:
    """Whether a step, or a later one of the same kind that stands for it, has fired."""
    kind, _, hours = name.rpartition(".")
    if not hours.isdigit():
        return name in fired
    return any(one.startswith(f"{kind}.") and int(one.rpartition(".")[2]) >= int(hours) for one in fired)


def severity_of(steps: list[tuple[int, int, str]]) -> int:
    return max(severity for severity, _, _ in steps)


def _steps(clock: str, due: int, until: int) -> list[tuple[int, int, str]]:
    """The steps of one clock: how loud, when, and which. Of the hours past its end the last one stands for all."""
    steps = [(severity, due - before, f"{clock}.{name}") for name, before, severity in BEFORE]
    hours = (until - due) // HOUR
    if hours >= 1:
        steps.append((70, due + hours * HOUR, f"{clock}.overdue.{hours}"))
    return steps
