"""Somebody who is alerted, and remembers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from kz_compliance_sdk.ports import Alert, AlertLine


@dataclass(frozen=True)
class Told(AlertLine):
    """A line of an alert, and whom it was for."""

    audience: tuple[str, ...] = ()


class FakePager:
    """Keeps every alert, and every line of them in `alerts`. `faults` are raised first."""

    def __init__(self) -> None:
        self.sent: list[Alert] = []
        self.alerts: list[Told] = []
        self.faults: list[Exception] = []

    def notify(self, alert: Alert) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(alert)
        self.alerts += [Told(**asdict(line), audience=alert.audience) for line in alert.lines]
