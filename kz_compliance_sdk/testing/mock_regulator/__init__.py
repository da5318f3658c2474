"""A regulator to develop and test against: it issues, pushes, records, signs its receipts, and fails on command.

    with MockRegulator([platform], signing_key=key).running() as regulator:
        regulator.push(regulator.issue(builders.notice()))
        regulator.fail(Fault("reset_after", on="report"))

It shares `wire` with the platform, and nothing else. Independent golden bytes hold `wire`, so that the two cannot be
wrong together.
"""

from __future__ import annotations

from kz_compliance_sdk.testing.mock_regulator.asgi import asgi_app
from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage, NoticeRecord, Recorded
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused, Reply, Request
from kz_compliance_sdk.testing.mock_regulator.faults import Fault, Outage
from kz_compliance_sdk.testing.mock_regulator.in_process import InProcessSender, httpx_handler, respx_routes
from kz_compliance_sdk.testing.mock_regulator.push import Answer, Push
from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator, Platform
from kz_compliance_sdk.testing.mock_regulator.serving import MockSettings, serve

__all__ = [
    "Answer",
    "Books",
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
    "asgi_app",
    "httpx_handler",
    "respx_routes",
    "serve",
]
