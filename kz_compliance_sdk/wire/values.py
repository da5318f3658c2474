"""The values that the messages of version 1 are made of, under one name for whoever shares nothing but the wire.

They are the domain's own shapes and ways to write a time; no rule of the platform is among them.
"""

from __future__ import annotations

from kz_compliance_sdk.domain.notice import (
    Cancellation,
    Clarification,
    Effect,
    Notice,
    Reminder,
    Sanction,
    SanctionLevel,
)
from kz_compliance_sdk.domain.report import Acknowledgement, ClarificationRequest, Receipt, Report
from kz_compliance_sdk.domain.values import (
    FROM_WIRE,
    Identifier,
    Instant,
    LocalText,
    ValueModel,
    WireValue,
    canonical,
    instant_text,
    json_of,
    parse_instant,
)

__all__ = [
    "FROM_WIRE",
    "Acknowledgement",
    "Cancellation",
    "Clarification",
    "ClarificationRequest",
    "Effect",
    "Identifier",
    "Instant",
    "LocalText",
    "Notice",
    "Receipt",
    "Reminder",
    "Report",
    "Sanction",
    "SanctionLevel",
    "ValueModel",
    "WireValue",
    "canonical",
    "instant_text",
    "json_of",
    "parse_instant",
]
