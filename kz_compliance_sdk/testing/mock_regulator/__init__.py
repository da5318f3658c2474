"""A regulator to develop and test against: it issues, pushes, records, signs its receipts, and fails on command.

    with MockRegulator([platform], signing_key=key).running() as regulator:
        regulator.push(regulator.issue(builders.notice()))
        regulator.fail(Fault("reset_after", on="report"))

With a clock that stands still it lives through a day in a second: `regulator.day(seed=1)`, `regulator.advance(86_400)`.

It shares `wire` with the platform and nothing else. Independent golden bytes and verifiers hold `wire`, so that the two
cannot be wrong together.
"""

from __future__ import annotations

from kz_compliance_sdk.testing.mock_regulator.agenda import (
    PASSIVE,
    SCENARIOS,
    STRICT,
    Chase,
    Conduct,
    Done,
    Fault,
    Outage,
    Rotation,
    Scenario,
    Step,
    plan_of,
)
from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage, NoticeRecord, Recorded
from kz_compliance_sdk.testing.mock_regulator.exchange import Answer, Push, Refused, Reply, Request
from kz_compliance_sdk.testing.mock_regulator.in_process import InProcessSender, httpx_handler, respx_routes
from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator, Platform
from kz_compliance_sdk.testing.mock_regulator.server import asgi_app
from kz_compliance_sdk.testing.mock_regulator.serving import ControlClient, MockSettings, serve

__all__ = [
    "PASSIVE",
    "SCENARIOS",
    "STRICT",
    "Answer",
    "Books",
    "Chase",
    "Conduct",
    "ControlClient",
    "Done",
    "Fault",
    "InProcessSender",
    "IssuedMessage",
    "MockRegulator",
    "MockSettings",
    "NoticeRecord",
    "Outage",
    "Platform",
    "Push",
    "Recorded",
    "Refused",
    "Reply",
    "Request",
    "Rotation",
    "Scenario",
    "Step",
    "asgi_app",
    "httpx_handler",
    "plan_of",
    "respx_routes",
    "serve",
]
