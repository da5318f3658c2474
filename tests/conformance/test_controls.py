"""The kit's own controls: what is honest passes all of it, and each fault is found by exactly the checks it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.testing.conformance.selftest import CONTROLS, Control, Outcome

# The quick part of the suite drives a few regulators, which live in memory. A platform takes seconds.
REGULATORS = [control for control in CONTROLS if control.name.startswith("regulator.")]
PLATFORMS = [control for control in CONTROLS if control not in REGULATORS]
QUICK = REGULATORS[:4]
NEEDS_A_SOCKET = 6


def _judged(control: Control) -> Outcome:
    outcome = Outcome(control, control.drive())
    assert not outcome.missed, f"found by none: {outcome.missed}"
    assert not outcome.blamed, str(outcome.report)
    return outcome


def _named(control: Control, *, slow: bool) -> Any:
    return pytest.param(control, id=control.name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("control", [_named(control, slow=control not in QUICK) for control in REGULATORS])
def test_a_regulator_is_judged_rightly(control: Control) -> None:
    outcome = _judged(control)
    assert not outcome.report.of("skipped"), "in process there is everything that a check of a regulator needs"


@pytest.mark.parametrize("control", [_named(control, slow=True) for control in PLATFORMS])
def test_a_platform_is_judged_rightly(control: Control) -> None:
    outcome = _judged(control)
    assert len(outcome.report.of("skipped")) == NEEDS_A_SOCKET


@pytest.mark.slow
def test_a_control_that_nothing_finds_and_one_that_is_blamed_are_seen() -> None:
    """The control of the controls."""
    honest = next(control for control in REGULATORS if control.name == "regulator.honest.rfc9421")
    unseen = Outcome(replace(honest, must_break=frozenset({"regulator.feed.page"})), honest.drive())
    assert (unseen.missed, unseen.is_right) == (("regulator.feed.page",), False)
    broken = next(control for control in REGULATORS if control.name == "regulator.unsigned_receipts")
    blamed = Outcome(replace(broken, must_break=frozenset()), broken.drive())
    assert (blamed.blamed, blamed.is_right) == (("regulator.receipt.is_signed",), False)
