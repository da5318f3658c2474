"""Promises, broken on purpose: each control breaks one of them, and a named test must turn red.

Every seam by which a promise is broken lies in this file. To add a control, add a row to CONTROLS; `test_controls.py`
runs it. What a named test takes as arguments are built-in fixtures of pytest, and at most one parameter of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kz_compliance_sdk.domain import deciding, steps
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.review_policy import ReviewPolicy


@dataclass(frozen=True, slots=True)
class Control:
    """A promise, the page under `docs/` that makes it, what breaks it, and the node id of the test that must notice."""

    name: str
    promise: str
    page: str
    breaks: Callable[[pytest.MonkeyPatch], None]
    test: str


_OF_A_STEP = "tests/table/test_table.py::test_each_end_of_a_step_is_the_one_in_the_table"


def _roles_unchecked(step: str) -> Callable[[pytest.MonkeyPatch], None]:
    check = ReviewPolicy.check

    def unchecked(policy: ReviewPolicy, actor: Actor, asked: str) -> None:
        if asked != step:
            check(policy, actor, asked)

    def breaks(patch: pytest.MonkeyPatch) -> None:
        _scenes_of_its_own(patch)
        patch.setattr(ReviewPolicy, "check", unchecked)

    return breaks


def _an_expired_lease_is_honoured(patch: pytest.MonkeyPatch) -> None:
    check = steps.check_lease

    def honoured(case: Any, token: int, stamp: Any) -> None:
        check(case, token, replace(stamp, at=0))

    _scenes_of_its_own(patch)
    for module in (steps, deciding):
        patch.setattr(module, "check_lease", honoured)


def _the_proposer_approves(patch: pytest.MonkeyPatch) -> None:
    approve = deciding.approve

    def as_somebody_else(*given: Any, stamp: Any) -> Any:
        return approve(*given, stamp=replace(stamp, actor=replace(stamp.actor, id=f"not-{stamp.actor.id}")))

    _scenes_of_its_own(patch)
    patch.setattr(deciding, "approve", as_somebody_else)


def _scenes_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """What broken code made is for nobody else."""
    patch.setattr("tests.table.test_table.SHELVES", {})


CONTROLS: tuple[Control, ...] = (
    *(
        Control(
            f"roles unchecked: {named}",
            "a step is taken only by who has one of its roles",
            "reference/roles.md",
            _roles_unchecked(step),
            f"{_OF_A_STEP}[{named}]",
        )
        for named, step in (
            ("send_back", "send_back"),
            ("ask", "request_clarification"),
            ("recall", "request_clarification"),
            ("approve", "approve"),
            ("evidence_full", "disclose"),
        )
    ),
    Control(
        "an expired lease honoured",
        "somebody whose lease ran out gets `LeaseLost`, and nothing is written",
        "concepts/review.md",
        _an_expired_lease_is_honoured,
        f"{_OF_A_STEP}[propose]",
    ),
    Control(
        "the proposer approves",
        "the proposer cannot approve",
        "concepts/review.md",
        _the_proposer_approves,
        f"{_OF_A_STEP}[approve]",
    ),
)
