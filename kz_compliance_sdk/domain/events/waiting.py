"""What becomes of a message that no case takes when it comes: each has a stream of its own."""

from __future__ import annotations

from typing import Literal

from kz_compliance_sdk.domain.events.arrivals import Came
from kz_compliance_sdk.domain.events.base import Event, Name, words

LodgedKind = Literal["notice.cancelled", "notice.clarified", "notice.reminded", "sanction.announced"]


class Lodged(Event, frozen=True, kw_only=True):
    """An authentic message came. One that speaks of a `notice` waits for it, though it may have done something in a
    case of what could not be used; any other is noted. The exact answer is a part only where the message alone says
    what it was about."""

    words = words(message="erasable", proof="kept", reply="kept")
    kind: LodgedKind
    came: Came
    notice: Name | None = None


class Joined(Event, frozen=True, kw_only=True):
    """The notice came, and the message has done in its case what it says."""

    case: Name
