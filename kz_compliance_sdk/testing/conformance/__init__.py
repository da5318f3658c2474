"""The conformance kit: named checks that hold anybody's intake, or anybody's regulator, to the contract.

    report = check_intake(AsgiTransport(app), IntakeTarget("https://social.example/notices"))
    assert report.all_hold, report

`kz-compliance conformance` does the same over sockets. The kit signs by code of its own and reads by `wire`, which
golden bytes of another make hold, so that a platform of this library is not judged by itself.
"""

from __future__ import annotations

from kz_compliance_sdk.testing.conformance.checks import Check, Report, Result, chosen, run
from kz_compliance_sdk.testing.conformance.inspection import Inspector, inspect_handler
from kz_compliance_sdk.testing.conformance.intake import INTAKE_CHECKS, check_intake
from kz_compliance_sdk.testing.conformance.keys import KeySet, own_keys, published_keys, trusted
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS, check_regulator
from kz_compliance_sdk.testing.conformance.scenes import IntakeScene, IntakeTarget, RegulatorScene, RegulatorTarget
from kz_compliance_sdk.testing.conformance.transport import (
    Answer,
    AsgiTransport,
    HandlerTransport,
    Listener,
    NoAnswer,
    SocketTransport,
    Transport,
    listening,
)

__all__ = [
    "INTAKE_CHECKS",
    "REGULATOR_CHECKS",
    "Answer",
    "AsgiTransport",
    "Check",
    "HandlerTransport",
    "Inspector",
    "IntakeScene",
    "IntakeTarget",
    "KeySet",
    "Listener",
    "NoAnswer",
    "RegulatorScene",
    "RegulatorTarget",
    "Report",
    "Result",
    "SocketTransport",
    "Transport",
    "check_intake",
    "check_regulator",
    "chosen",
    "inspect_handler",
    "listening",
    "own_keys",
    "published_keys",
    "run",
    "trusted",
]
