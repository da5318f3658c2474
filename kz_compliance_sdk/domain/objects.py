"""What an object of the platform is: the fold of its stream, in which all cases that name it meet."""

from __future__ import annotations

from msgspec import Struct, field

from kz_compliance_sdk.domain.fold import Stream

__all__ = ["Owner", "PlatformObject", "object_in"]

Owner = tuple[str, int]
"""A case by its reference, and the number of its item."""


class PlatformObject(Struct):
    """An object, read until the event `seq`. `version` is the latest that was handed out, `handed_out` which one for
    which item of which case. `holds` are the measures that hold it, each with the time (UTC seconds) until which a
    sealed copy of what it hides is kept, 0 where none need be any longer."""

    stream: str
    seq: int = 0
    version: int = 0
    handed_out: set[tuple[int, str, int]] = field(default_factory=set)
    holds: dict[Owner, int] = field(default_factory=dict)


def object_in(stream: Stream) -> PlatformObject:
    """The object of a stream. Raises Damage or NewerRelease where nothing may be decided on it."""
    held = PlatformObject(stream.name, stream.whole().seq)
    for on in stream.events:
        on.event.change(held)
    return held
