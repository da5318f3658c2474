"""All the checks of an intake, in the order in which they are made."""

from __future__ import annotations

from typing import Final

from kz_compliance_sdk.testing.conformance.checks import Check
from kz_compliance_sdk.testing.conformance.intake_catalogue import CATALOGUE
from kz_compliance_sdk.testing.conformance.intake_held import HELD
from kz_compliance_sdk.testing.conformance.intake_scene import IntakeScene, IntakeTarget
from kz_compliance_sdk.testing.conformance.intake_signatures import SIGNATURES
from kz_compliance_sdk.testing.conformance.intake_taken import TAKEN
from kz_compliance_sdk.testing.conformance.intake_transport import TRANSPORT

__all__ = ["INTAKE_CHECKS", "IntakeScene", "IntakeTarget"]

INTAKE_CHECKS: Final[tuple[Check[IntakeScene], ...]] = (*TAKEN, *HELD, *SIGNATURES, *TRANSPORT, *CATALOGUE)
"""Each has a name of its own."""
