"""Walks the table: each combination of step, case, roles, lease and person, as itself against what the table says.

A refused step leaves what is stored as it was, so that one copy does for all refusals of a case; what is allowed gets a
copy of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, product

from kz_compliance_sdk.errors import ComplianceError
from tests.driver import Driver, Person
from tests.table.scenes import FIRST, SCENES, THIRD, Shelf, Standing
from tests.table.steps import LEASES, PERSONS, ROLES, SAME_ACCOUNT_IS_SAME_PERSON, STEPS, Cell, Outcome, Step

_AT_HAND = {"claimed": ("own",)}
BY_NAME = {step.name: step for step in STEPS}


def cells(scene: str) -> Iterator[Cell]:
    """Every combination that starts from a scene.

    A step that names no lease is walked with each of them for one scene alone; an account matters only to steps that
    take another person, and a second role beside the head's only to those that say something of the head.
    """
    for step in STEPS:
        leases = LEASES if scene == "claimed" or step.lease else _AT_HAND.get(SCENES[scene].state, LEASES[:1])
        persons = PERSONS if step.other_than else PERSONS[:2]
        roles = ROLES if step.is_about_the_head else ROLES[:5]
        for role, lease, person in product(roles, leases, persons):
            cell = Cell(step.name, scene, role, lease, person)
            if not _is_left_out(step, cell):
                yield cell


def _is_left_out(step: Step, cell: Cell) -> bool:
    bound = step.other_than in SCENES[cell.scene].did
    return bound and cell.person == "same account" and not SAME_ACCOUNT_IS_SAME_PERSON


def expected(cell: Cell) -> Outcome:
    """What the table says of it."""
    return BY_NAME[cell.step].outcome(SCENES[cell.scene], cell.role, cell.lease, cell.person)


def differences(walked: Iterable[Cell], shelf: Shelf) -> list[str]:
    """Take each step, and say where what became of it is not what the table says."""
    found: list[str] = []

    def start(cell: Cell) -> tuple[str, str, bool, bool]:
        return cell.scene, _holder(cell).id, cell.step == "look", cell.lease == "expired"

    for (scene, _, can_look, late), group in groupby(sorted(walked, key=start), key=start):
        same = list(group)
        holder = _holder(same[0])
        office, at = shelf.open(scene, holder, can_look=can_look, late=late)
        refused = [cell for cell in same if expected(cell).code]
        for step, some in groupby(refused, key=lambda cell: cell.step):
            before = office.fingerprint()
            wrong = [told for cell in some if (told := _difference(office, at, cell))]
            if office.fingerprint() != before:
                wrong.append(f"{scene}: {step}, refused, left a trace")
                shelf.close(office)
                office, at = shelf.open(scene, holder, can_look=can_look, late=late)
            found += wrong
        shelf.close(office)
        for cell in same:
            if not expected(cell).code:
                office, at = shelf.open(scene, holder, can_look=can_look, late=late)
                told = _difference(office, at, cell)
                found += [told] if told else []
                shelf.close(office)
    return found


def _difference(office: Driver, at: Standing, cell: Cell) -> str:
    wanted, came = expected(cell), _taken(office, at, cell)
    return "" if came == wanted else f"{cell}: {came} and not {wanted}"


def _taken(office: Driver, at: Standing, cell: Cell) -> Outcome:
    by, step = person(cell), BY_NAME[cell.step]
    token = 0 if cell.lease == "none" else at.token
    try:
        step.take(office, by, at, token)
    except ComplianceError as error:
        return Outcome(error.code)
    if expected(cell).code:
        return Outcome(state="whatever it is then")
    case = office.case(at.case)
    return Outcome(state=case["state"], events=tuple(event["kind"] for event in case["audit"][at.events :]))


def person(cell: Cell) -> Person:
    """Who takes the step: somebody else than FIRST, FIRST from elsewhere, or another name behind FIRST's account."""
    other = Person("other", cell.role, "other@office")
    if cell.person == "same id":
        return replace(other, id=FIRST.id)
    return other.behind(FIRST.account) if cell.person == "same account" else other


def _holder(cell: Cell) -> Person:
    """Who holds the lease of a claimed case."""
    mine = cell.lease in ("own", "expired")
    return replace(person(cell), role="moderator") if mine else THIRD
