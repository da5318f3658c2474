"""An event of the ledger on its way to its stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.actor import Actor
    from kz_compliance_sdk.domain.events.base import Event

__all__ = ["AS_READ", "Happened"]

AS_READ: Final = -2
"""The sequence that the transaction read: for streams whose decision was made inside it. It is none that anybody can
count to."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a stream of the ledger. `read` is the sequence of the last event that the decision knew of the
    stream, 0 for a new one: events of one change follow each other, and all of a stream name the same. `at` is UTC
    seconds, `actor` None for the machine. `words` are the bytes of the event's parts by name; its field `parts` is
    empty, because salts and digests are the store's."""

    platform_id: str
    stream: str
    event: Event
    at: int
    read: int
    actor: Actor | None = None
    words: Mapping[str, bytes] = field(default_factory=dict)
