"""Promises, broken on purpose: each control breaks one of them, and a named test must turn red.

Every seam by which a promise is broken lies in this folder. To add a control, add a row to the CONTROLS of its subject;
`test_controls.py` runs it. What a named test takes as arguments are built-in fixtures of pytest, and at most one
parameter of its own. What only real processes or minutes can show has its control among the slow tests: SLOW names it.
"""

from __future__ import annotations

from tests.controls import (
    of_audit,
    of_clock,
    of_delivery,
    of_intake,
    of_ledger,
    of_orders,
    of_privacy,
    of_review,
    of_users,
)
from tests.controls.slow import SLOW, SlowControl
from tests.controls.ways import Control

__all__ = ["CONTROLS", "SLOW", "Control", "SlowControl"]

CONTROLS: tuple[Control, ...] = (
    *of_intake.CONTROLS,
    *of_clock.CONTROLS,
    *of_review.CONTROLS,
    *of_delivery.CONTROLS,
    *of_orders.CONTROLS,
    *of_users.CONTROLS,
    *of_privacy.CONTROLS,
    *of_audit.CONTROLS,
    *of_ledger.CONTROLS,
)
