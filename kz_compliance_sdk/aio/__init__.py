"""The same desk, awaited."""

from __future__ import annotations

from kz_compliance_sdk.aio.bridge import CommitBridge as CommitBridge
from kz_compliance_sdk.aio.desk import AsyncComplianceDesk as AsyncComplianceDesk
