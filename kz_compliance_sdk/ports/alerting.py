"""Who is told: people who are to be alerted, and those outside who keep checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kz_compliance_sdk.domain.checkpoints import Checkpoint


@dataclass(frozen=True, slots=True)
class Alert:
    """What a pager is told, and nothing else: no content, no names. `due_at` is UTC seconds.

    `level` lies on one scale, 1 to 100, for the steps of the ladder and for everything else that people are told: about
    20 is something to read, 30 to 40 something to look at soon, and from 50 on it is for now.
    """

    case_reference: str
    reason: str
    due_at: int
    audience: tuple[str, ...]
    level: int
    link: str


class Notifier(Protocol):
    """A way to alert people. Raises if the alert was not delivered; it is then tried again."""

    def notify(self, alert: Alert) -> None: ...


class Witness(Protocol):
    """Somebody outside the store who keeps checkpoints. Raises if this one is not kept; it is then handed out again."""

    def keep(self, checkpoint: Checkpoint) -> None: ...
