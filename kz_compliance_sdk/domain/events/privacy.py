"""How long personal data is kept, who takes it out, its end, and what is counted of it."""

from __future__ import annotations

from collections.abc import Iterable

from kz_compliance_sdk.domain.events.base import At, Code, Event, Number, words
from kz_compliance_sdk.domain.fold import Case
from kz_compliance_sdk.domain.ledger import Stamped


class Held(Event, frozen=True, kw_only=True):
    """A legal hold: the personal data of the case is kept."""

    words = words(reasons="erasable")
    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.held_until = self.until


class HoldEnded(Event, frozen=True, kw_only=True):
    """The legal hold ends before its time."""

    words = words(reasons="erasable")

    def apply(self, case: Case, on: Stamped) -> None:
        case.held_until = 0


class ErasureAsked(Event, frozen=True, kw_only=True):
    """A person asks to destroy the personal data before the end of retention."""

    ground: Code

    def apply(self, case: Case, on: Stamped) -> None:
        case.erasure_asked = on.person, on.account, self.ground


class Erased(Event, frozen=True, kw_only=True):
    """The key of what is erasable is destroyed, and parts are emptied: of each event, how many."""

    ground: Code
    emptied: tuple[tuple[Number, Number], ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        case.erased_at, case.erasure_asked = on.at, None


class Counted(Event, frozen=True, kw_only=True):
    """What the public figures need of sealed words, once with the end of the case and again after an amendment."""

    issued_at: At
    acts: tuple[Code, ...] = ()
    requested_action: Code = ""
    content_types: tuple[Code, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        case.counted = True


def erased_of(events: Iterable[Stamped]) -> frozenset[int]:
    """The sequences of the events whose erasable parts were emptied."""
    return frozenset(seq for on in events if isinstance(on.event, Erased) for seq, _ in on.event.emptied)


def erasable(events: Iterable[Stamped]) -> tuple[tuple[int, int], ...]:
    """What an `Erased` that follows these events empties: of each event that still has erasable parts, how many."""
    held = list(events)
    gone = erased_of(held)
    counts = ((on.seq, sum(said.cls == "erasable" for said in on.event.parts.values())) for on in held)
    return tuple((seq, count) for seq, count in counts if count and seq not in gone)
