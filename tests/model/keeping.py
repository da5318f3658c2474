"""How long the data of a case is kept, in the model: what holds it, and who destroys it."""

from __future__ import annotations

from tests.model.cases import DAY, ENDED, KEPT_IN_FORCE_S, KEPT_S, Case, Office
from tests.model.people import other, refuse, role, state


def hold(office: Office, by: str, letter: str, days: int) -> None:
    case, until = office.cases[letter], office.now + days * DAY
    refuse(
        role(by, "lead", "legal", "head"),
        (case.erased, "IllegalMove"),
        (_is_held(office, case) and until < case.held_until, "InvalidInput"),
    )
    case.held_until = until


def _is_held(office: Office, case: Case) -> bool:
    return case.held_until > office.now


def end_hold(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "legal", "head"), (not _is_held(office, case), "IllegalMove"))
    case.held_until = 0
    office.deep.add("hold ended")


def ask_erasure(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(role(by, "legal", "head"), *_not_yet(office, case))
    case.erasure_by = by


def erase(office: Office, by: str, letter: str) -> None:
    case = office.cases[letter]
    refuse(
        role(by, "legal", "head"),
        (not case.erasure_by, "IllegalMove"),
        (bool(case.erasure_by) and other(by, case.erasure_by)[0], "NotAllowed"),
        *_not_yet(office, case),
        (_under_way(office, case), "IllegalMove"),
    )
    _destroy(case)
    office.deep.add("erased by two")


def _not_yet(office: Office, case: Case) -> list[tuple[bool, str]]:
    return [
        state(case, *ENDED),
        (case.erased, "IllegalMove"),
        (_is_held(office, case) or "open" in case.contests, "IllegalMove"),
        (_has_measure(case), "IllegalMove"),
    ]


def _has_measure(case: Case) -> bool:
    return any(item.measure for item in case.items.values())


def _under_way(office: Office, case: Case) -> bool:
    """Whether something has still to leave or to be settled: a message, a letter, an appeal, what a user is told."""
    letter = case.spec.letter
    return (
        bool(case.outgoing)
        or any(one.state in ("queued", "waiting") for one in case.reports)
        or any(one.case is case and one.state == "queued" for one in office.effects)
        or any(one.state == "waits" for one in case.letters)
        or any(one.case == letter and one.state == "open" for one in office.appeals)
        or any(one[0] == letter for one in office.untold)
    )


def _destroy(case: Case) -> None:
    case.erased, case.erasure_by = True, ""
    for item in case.items.values():
        item.copy_until = 0  # nobody could be told any more which copy it is


def retention(office: Office) -> None:
    """The worker destroys what nobody may keep any longer."""
    for case in office.cases.values():
        kept = KEPT_IN_FORCE_S if _has_measure(case) else KEPT_S
        if case.state not in ENDED or case.erased or case.ended_at + kept > office.now:
            continue
        if _is_held(office, case):
            office.deep.add("kept by a hold")
        elif "open" in case.contests:
            office.deep.add("kept by a contest")
        elif _under_way(office, case):
            office.deep.add("kept by what is under way")
        else:
            _destroy(case)
            office.deep.add("erased in force" if _has_measure(case) else "erased at its end")


def export(office: Office, by: str, letter: str) -> None:
    """Somebody asks what is held of them: of an erased case nothing is."""
    refuse(role(by, "legal", "head"), (office.cases[letter].erased, "IllegalMove"))
