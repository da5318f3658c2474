"""Walks the table: each combination of step, case, roles, lease and person, as itself against what the table says.

A refused step leaves what is stored as it was, so that one copy does for all refusals of a case; what is allowed gets a
copy of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import combinations, groupby, product
from random import Random

from kz_compliance_sdk.errors import ComplianceError
from tests.driver import Driver, Person
from tests.table.scenes import FIRST, SCENES, THIRD, Shelf, Standing
from tests.table.steps import LEASES, PERSONS, ROLES, STEPS, Cell, Outcome

Pair = tuple[tuple[int, str], tuple[int, str]]
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
            yield Cell(step.name, scene, role, lease, person)


@cache
def expected(cell: Cell) -> Outcome:
    """What the table says of it."""
    return BY_NAME[cell.step].outcome(SCENES[cell.scene], cell.role, cell.lease, cell.person)


def differences(walked: Iterable[Cell], shelf: Shelf) -> list[str]:
    """Take each step, and say where what became of it is not what the table says."""
    return [
        told for _, same in groupby(sorted(walked, key=_start), key=_start) for told in _from_one(list(same), shelf)
    ]


def _start(cell: Cell) -> tuple[str, str, bool, bool]:
    """What is the same for all that can be tried on one copy."""
    return cell.scene, _holder(cell).id, cell.step == "look", cell.lease == "expired"


def _from_one(same: list[Cell], shelf: Shelf) -> Iterator[str]:
    refused = [cell for cell in same if expected(cell).code]
    if refused:
        with _opened(same[0], shelf) as (office, at):
            for cell in refused:
                if told := _difference(office, at, cell):
                    yield told
                    return  # what it did to the case would only lead to more of them
            if office.fingerprint() != at.fingerprint:
                yield f"one of these left a trace, and was refused: {refused}"
    for cell in same:
        if not expected(cell).code:
            with _opened(cell, shelf) as (office, at):
                if told := _difference(office, at, cell):
                    yield told


@contextmanager
def _opened(cell: Cell, shelf: Shelf) -> Iterator[tuple[Driver, Standing]]:
    scene, _, can_look, late = _start(cell)
    office, at = shelf.open(scene, _holder(cell), can_look=can_look, late=late)
    yield office, at
    shelf.close(office)


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
    return Outcome(state=office.standing(at.case)["state"], events=tuple(office.history(at.case)[at.events :]))


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


def refusals(step: str) -> list[Cell]:
    """One combination for each refusal of a step, if it can be where nothing else stands against it, and one that is
    allowed: from as few scenes as will do."""
    ends: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in _by_step()[step]:
        ends[cell.scene][_reason(cell)] = cell
    found: dict[str, Cell] = {}
    for some in sorted(ends.values(), key=lambda some: ("" in some, len(some))):
        found |= some
    return list(found.values())


def _reason(cell: Cell) -> str:
    code = expected(cell).code
    return f"{code} {cell.lease}" if code == "lease_lost" else code


def pairs(state: str) -> list[Cell]:
    """Combinations of which each two values of different columns that go together occur at least once in the whole
    table, as far as these start from a state. What is refused comes first: it is quick."""
    return [cell for cell in _pairwise() if SCENES[cell.scene].state == state]


@cache
def every() -> tuple[Cell, ...]:
    """The whole table."""
    return tuple(cell for scene in SCENES for cell in cells(scene))


@cache
def _shuffled() -> tuple[Cell, ...]:
    shuffled = list(every())
    Random(1).shuffle(shuffled)  # the same order each time
    return tuple(sorted(shuffled, key=lambda cell: not expected(cell).code))


@cache
def _by_step() -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in _shuffled():
        found[cell.step].append(cell)
    return found


@cache
def _pairwise() -> tuple[Cell, ...]:
    chosen: list[Cell] = []
    seen: set[Pair] = set()
    for least in (5, 1):
        for cell in _shuffled():
            new = _pairs_in(cell) - seen
            if len(new) >= least:
                chosen.append(cell)
                seen |= new
    return tuple(chosen)


def _pairs_in(cell: Cell) -> set[Pair]:
    values = (cell.step, SCENES[cell.scene].state, cell.role, cell.lease, cell.person)
    return set(combinations(enumerate(values), 2)) | {
        ((5, cell.scene), (2, cell.role)),
        ((5, cell.scene), (4, cell.person)),
    }
