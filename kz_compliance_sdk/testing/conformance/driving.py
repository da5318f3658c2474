"""The kit in one call, for a test: drive an intake or a regulator, and get the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kz_compliance_sdk.testing.conformance.checks import Report, chosen, run
from kz_compliance_sdk.testing.conformance.inspection import Inspector
from kz_compliance_sdk.testing.conformance.intake import INTAKE_CHECKS, IntakeScene, IntakeTarget
from kz_compliance_sdk.testing.conformance.listener import Listener
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS, RegulatorScene, RegulatorTarget
from kz_compliance_sdk.testing.conformance.transport import Transport

__all__ = ["check_intake", "check_regulator"]


def _silent(_name: str) -> None:
    return


def check_intake(
    transport: Transport,
    target: IntakeTarget,
    *,
    inspector: Inspector | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Callable[[str], None] = _silent,
) -> Report:
    """Drive an intake: `report.all_hold`, and `print(report)` says what does not hold.

    Without an `inspector` the checks that look at what was stored are skipped. `only` and `skip` name checks as in
    `chosen`. Raises InvalidInput for a name that is none.
    """
    scene = IntakeScene(target, transport, inspector=inspector)
    checks = chosen(INTAKE_CHECKS, only=only, skip=skip, profile=target.profile)
    return run(checks, scene, subject=f"intake {target.url}", progress=progress)


def check_regulator(
    transport: Transport,
    target: RegulatorTarget,
    *,
    listener: Listener | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Callable[[str], None] = _silent,
) -> Report:
    """Drive a regulator, as `check_intake` does an intake. Without a `listener` no push is checked."""
    scene = RegulatorScene(target, transport, listener=listener)
    checks = chosen(REGULATOR_CHECKS, only=only, skip=skip, profile=target.profile)
    return run(checks, scene, subject=f"regulator {target.url}", progress=progress)
