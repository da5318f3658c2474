"""What happens to a checkpoint: it is made, and given to those who keep checkpoints. Each has a stream of its own."""

from __future__ import annotations

from typing import Literal

from kz_compliance_sdk.domain.events.base import At, Event, Name, Number, Root, Signature, Value


class Signed(Value, frozen=True, kw_only=True):
    """The platform's signature over the line of a checkpoint."""

    key_id: Name
    alg: Literal["ed25519"]
    value: Signature


class Checkpointed(Event, frozen=True, kw_only=True):
    """At that time the log had so many lines, and the tree over them this root. Checkpoints are numbered from 1."""

    number: Number
    size: Number
    root: Root
    made_at: At
    signature: Signed | None = None


class HandedOut(Event, frozen=True, kw_only=True):
    """All who keep checkpoints have this one."""
