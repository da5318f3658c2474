"""Somebody who is alerted, and remembers."""

from __future__ import annotations

from kz_compliance_sdk.ports import Alert


class FakePager:
    """Keeps every alert. `faults` are raised first."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.faults: list[Exception] = []

    def notify(self, alert: Alert) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.alerts.append(alert)
