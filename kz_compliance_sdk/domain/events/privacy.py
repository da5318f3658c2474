"""How long personal data is kept, who takes it out, its end, and what is counted of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import field

from kz_compliance_sdk.domain import tally
from kz_compliance_sdk.domain.events.base import At, Code, Event, Language, Number, Public, Value, words
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


class NamedBy(Value, frozen=True, kw_only=True):
    """By what the authority named an item."""

    item: Number
    way: Literal["account", "url", "object"]


_OF_NOTICE = (
    "authority_name",
    "authority_type",
    "originating_body",
    "legal_basis",
    "requested",
    "barred",
    "barred_until",
)


class Counted(Event, frozen=True, kw_only=True):
    """The case, as it stands, is in the public figures: told with what ends it, and again where what they say of it
    changes. It holds what they need of sealed words, and nothing of them where no notice could be read. `barred_until`
    is 0 where no rule was named that bars telling the user."""

    issued_at: At = 0
    authority_name: dict[Language, Public] = field(default_factory=dict)
    authority_type: Code = ""
    originating_body: Public = ""
    legal_basis: tuple[Public, ...] = ()
    requested: Code = ""
    barred: bool = False
    barred_until: At = 0
    named: tuple[NamedBy, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        said = tally.facts(case, {one.item: one.way for one in self.named})
        if self.requested:
            said |= {name: getattr(self, name) for name in _OF_NOTICE}
        case.tally = tally.tally(case, self.issued_at, said)


def erased_of(events: Iterable[Stamped]) -> frozenset[int]:
    """The sequences of the events whose erasable parts were emptied."""
    return frozenset(seq for on in events if isinstance(on.event, Erased) for seq, _ in on.event.emptied)


def erasable(events: Iterable[Stamped]) -> tuple[tuple[int, int], ...]:
    """What an `Erased` that follows these events empties: of each event that still has erasable parts, how many."""
    held = list(events)
    gone = erased_of(held)
    counts = ((on.seq, sum(said.cls == "erasable" for said in on.event.parts.values())) for on in held)
    return tuple((seq, count) for seq, count in counts if count and seq not in gone)
