"""Letters that are typed in, and those of ours that are handed over, in the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.model.cases import IN_REVIEW, Case, Letter, Office
from tests.model.people import ANYBODY, BESIDE, other, refuse, role, state


def authenticate(office: Office, by: str, letter: str, amend: Callable[[Letter], None]) -> None:
    """Vouch for what was typed in: an amendment that waits, or else the notice."""
    case = office.cases[letter]
    waits = next((one for one in case.letters if one.state == "waits" and one.kind == "amendment"), None)
    if waits is not None:
        refuse(role(by, *ANYBODY), other(by, waits.typist))
        waits.state, case.typist = "vouched", waits.typist
        drop_letter_flags(case)
        amend(waits)
        office.deep.add("amended by a letter")
        return
    refuse(
        role(by, *ANYBODY),
        state(case, *IN_REVIEW),
        other(by, *filter(None, [case.typist])),
        (case.authentic, "IllegalMove"),
    )
    case.authentic = True


def enter_cancellation(office: Office, by: str, letter: str, effect: str | None, items: tuple[str, ...] | None) -> None:
    case = office.cases[letter]
    unknown = any(name not in case.items for name in items or ())
    refuse(role(by, *ANYBODY), state(case, *BESIDE), (unknown, "InvalidInput"), (case.erased, "IllegalMove"))
    letter_in = Letter(by, "cancellation", case.revision, office.now, effect, items)
    _type_in(office, case, letter_in)


def _type_in(office: Office, case: Case, letter_in: Letter) -> None:
    same = [one for one in case.letters if replace(one, typist=letter_in.typist, state="waits") == letter_in]
    refuse((any(one.state == "dismissed" for one in same), "IllegalMove"))
    if same:
        return
    case.letters.append(letter_in)
    case.flags.add(f"{letter_in.kind}_unverified")
    amends = letter_in.kind == "amendment"
    office.page(case, "flag.amendment_unverified" if amends else f"{letter_in.kind}_to_vouch_for")


def enter_answer(office: Office, by: str, letter: str, question: int, items: tuple[str, ...] | None) -> None:
    case = office.cases[letter]
    refuse(role(by, *ANYBODY), state(case, *BESIDE), (case.erased, "IllegalMove"))
    # It names neither a revision nor a time: the same again is the same letter whenever it comes.
    _type_in(office, case, Letter(by, "answer", 0, 0, items=items, question=question))


def enter_amendment(office: Office, by: str, letter: str, items: dict[str, str], amend: Callable[..., None]) -> None:
    """A new revision is typed in. Of a notice that nobody has vouched for it counts at once, and nobody has vouched for
    that either; any other stands until somebody else has."""
    case = office.cases[letter]
    refuse(role(by, *ANYBODY))
    if not case.authentic:
        case.typist = by
        amend(office, letter, items)
        return
    _type_in(office, case, Letter(by, "amendment", case.revision, office.now, anew=items))


def dismiss(office: Office, by: str, letter: str, number: int) -> None:
    case = office.cases[letter]
    one = case.letters[number]
    refuse(role(by, *ANYBODY), (one.state != "waits", "IllegalMove Conflict NotFound"))
    one.state = "dismissed"
    drop_letter_flags(case)


def vouch(office: Office, by: str, letter: str, number: int, take: Callable[[Case, Letter], None]) -> None:
    case = office.cases[letter]
    one = case.letters[number]
    refuse(
        role(by, *ANYBODY),
        other(by, one.typist),
        (one.state != "waits", "IllegalMove Conflict NotFound"),
        (one.kind == "amendment", "IllegalMove"),
        (not one.holds(case), "IllegalMove Conflict"),
    )
    one.state = "vouched"
    drop_letter_flags(case)
    take(case, one)
    office.deep.add("letter vouched for" if one.kind == "cancellation" else "answer vouched for")


def record_delivery(office: Office, by: str, letter: str) -> None:
    """A letter of ours was handed over: only that is the receipt."""
    case = office.cases[letter]
    refuse(role(by, *ANYBODY))
    for report in case.reports:
        if report.state == "waiting":
            report.state = "done"
            office.books[letter].append((report.final, report.items))
            office.deep.add("letter of ours delivered")
            if report.final and case.state in ("decided", "enforced", "lifted"):
                case.state, case.lift_due = "closed", None
    case.outgoing.clear()


def drop_letter_flags(case: Case) -> None:
    for kind in ("cancellation", "answer", "amendment"):
        if not any(one.state == "waits" and one.kind == kind for one in case.letters):
            case.flags.discard(f"{kind}_unverified")
