"""Ways to break a promise, and the names of pages and tests.

Where the package is reached into by more than one subject, it is here; what one subject alone needs lies with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from typing import Any

import pytest
from msgspec import structs

from kz_compliance_sdk.domain.actor import HEAD
from kz_compliance_sdk.domain.change import Watch

RULES = (
    "head_of_office",
    "content_unseen",
    "order_fell",
    "check_unclear",
    "check_barred",
    "check_contradicted",
    "legal_review",
    "approver_outside",
    "lifting",
    "always",
    "worldwide",
    "category",
)
"""The codes of the rules, in the order in which a decision names them; those of flags follow, by name."""

Seam = Callable[[pytest.MonkeyPatch], None]

T = "tests/promises/test_"
OF_A_STEP = "tests/table/test_table.py::test_each_end_of_a_step_is_the_one_in_the_table"
INTAKE, CLOCK, REVIEW, DELIVERY = f"{T}intake.py::", f"{T}clock.py::", f"{T}review.py::", f"{T}delivery.py::"
ORDERS, USERS, PRIVACY, AUDIT = f"{T}orders.py::", f"{T}users.py::", f"{T}privacy.py::", f"{T}audit.py::"
STORE = f"{T}store.py::"
RELIABILITY, OVERVIEW, STATES = "reliability.md", "concepts/overview.md", "concepts/states.md"
OF_CLOCK, OF_REVIEW, OF_DELIVERY = "concepts/clock.md", "concepts/review.md", "concepts/delivery.md"
DUE_PROCESS, OF_USERS, OF_PRIVACY = "concepts/due-process.md", "concepts/user-notice.md", "concepts/privacy.md"
OF_AUDIT, CHECKPOINTS, EVIDENCE = "concepts/audit.md", "concepts/checkpoints.md", "concepts/evidence.md"
LAW = "concepts/law-and-policy.md"


@dataclass(frozen=True, slots=True)
class Control:
    """A promise, the page under `docs/` that makes it, what breaks it, and the node id of the test that must notice."""

    name: str
    promise: str
    page: str
    breaks: Seam
    test: str


def instead(*places: str, made: Callable[[Any], Any]) -> Seam:
    """What `made` gives of the real thing stands in its place, at each place where it is called from."""

    def breaks(patch: pytest.MonkeyPatch) -> None:
        for place in places:
            owner, _, name = f"kz_compliance_sdk.{place}".rpartition(".")
            holder = resolve_name(owner)
            patch.setattr(holder, name, made(getattr(holder, name)))

    return breaks


def gives(*places: str, what: Any = None) -> Seam:
    """It does nothing, and gives `what`."""
    return instead(*places, made=lambda _real: lambda *_given, **_named: what)


def is_now(place: str, what: Any) -> Seam:
    """A number or a text has another value."""
    return instead(place, made=lambda _real: what)


def leaves(place: str, **changes: Any) -> Seam:
    """A step leaves the case with `changes`; what is callable gets the case."""

    def changed(case: Any) -> Any:
        return case.but(**{name: value(case) if callable(value) else value for name, value in changes.items()})

    def made(real: Any) -> Any:
        def step(*given: Any, **named: Any) -> Any:
            gave = real(*given, **named)
            change, *rest = gave if isinstance(gave[0], tuple) else (gave,)
            writes = tuple(replace(one, case=changed(one.case)) if isinstance(one, Watch) else one for one in change)
            return (writes, *rest) if isinstance(gave[0], tuple) else writes

        return step

    return instead(place, made=made)


def folds(event: str, **changes: Any) -> Seam:
    """After this event the fold has `changes`; what is callable gets the folded case."""

    def made(real: Any) -> Any:
        def apply(told: Any, case: Any, on: Any) -> None:
            real(told, case, on)
            for name, value in changes.items():
                setattr(case, name, value(case) if callable(value) else value)

        return apply

    return instead(f"domain.events.{event}.apply", made=made)


def each_item(**changes: Any) -> Callable[[Any], Any]:
    """The items of a folded case, each with `changes`."""
    return lambda case: {number: structs.replace(item, **changes) for number, item in case.items.items()}


def both(*seams: Seam) -> Seam:
    """A promise that is kept in more than one place is broken in each."""

    def breaks(patch: pytest.MonkeyPatch) -> None:
        for seam in seams:
            seam(patch)

    return breaks


def without(place: str, kind: type) -> Seam:
    """A step writes all but the rows of a kind."""

    def made(real: Any) -> Any:
        def step(*given: Any, **named: Any) -> Any:
            gave = real(*given, **named)
            change, *rest = gave if isinstance(gave[0], tuple | list) else (gave,)
            kept = tuple(one for one in change if not isinstance(one, kind))
            return (kept, *rest) if rest else kept

        return step

    return instead(place, made=made)


def pages_nobody(event: str) -> Seam:
    """After this event the case owes nobody an alert."""
    return folds(event, messages=lambda case: {name: one for name, one in case.messages.items() if one.kind != "page"})


def forgets(rule: str) -> Seam:
    """A decision does not ask this rule for a second person."""
    return instead(
        "domain.deciding.asking",
        made=lambda real: lambda *given, **named: tuple(one for one in real(*given, **named) if one != rule),
    )


def roles_unchecked(step: str) -> Seam:
    def made(check: Any) -> Any:
        return lambda roles, actor, asked: None if asked == step else check(roles, actor, asked)

    return instead("domain.actor.Roles.check", made=made)


def heads_like_others(real: Any) -> Any:
    return lambda roles, actor, step: real(roles, replace(actor, roles=actor.roles - {HEAD}), step)
