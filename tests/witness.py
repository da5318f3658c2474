"""Somebody outside who keeps checkpoints."""

from __future__ import annotations

from kz_compliance_sdk.domain.checkpoints import Checkpoint


class FakeWitness:
    """Keeps checkpoints where nobody who can write to the store can write."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def keep(self, checkpoint: Checkpoint) -> None:
        self.lines.append(checkpoint.line)
