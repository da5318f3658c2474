"""Each change of today's core, told as events of the ledger, folded, and held against the case that was written.

As long as both forms exist, every commit of every test is taken through this: a difference fails the test that made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kz_compliance_sdk.domain import events as vocabulary
from kz_compliance_sdk.domain.audit import SYSTEM, Actor
from kz_compliance_sdk.domain.case import Case as OldCase
from kz_compliance_sdk.domain.decision import Decision as OldDecision
from kz_compliance_sdk.domain.events import arrivals, remedies, review
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.fold import Case, apply, fold
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, Link, Part, Roster, Sealed, Stamped, link, read, seal
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.references import stream_of

KEY = LedgerKey(b"k" * 32)
_SALT = b"s" * 16
Rows = list[Any]


def keyed(*what: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, what)).encode()).hexdigest()[:32]


def object_of(key: str) -> str:
    return f"object/{keyed(key)}"


@dataclass
class Shadow:
    """What one case of today is in the ledger: its links, its fold, and what is known of it beside. `called` is the
    authority's id of the item of a number, whatever else that id names by now."""

    platform: str
    case_id: str
    links: list[Link] = field(default_factory=list)
    roster: Roster = field(default_factory=Roster)
    told: list[Stamped] = field(default_factory=list)
    called: dict[int, str] = field(default_factory=dict)
    before: OldCase | None = None
    known: dict[str, OutboxMessage] = field(default_factory=dict)
    decisions: dict[int, OldDecision] = field(default_factory=dict)
    case: Case | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.case_id)

    def learn(self, event: Event, words: Mapping[str, bytes], after: OldCase | None) -> None:
        """What the comparison must know of an event that a step told itself."""
        if isinstance(event, review.Proposed | remedies.AppealReversed) and event.decision:
            decision = OldDecision.model_validate_json(words["proposal"])
            self.decisions[decision.version] = decision
        if isinstance(event, arrivals.Opened | arrivals.Admitted | arrivals.Amended | arrivals.Answered):
            assert after is not None
            item_ids = {item.number: item.item_id for item in after.items}
            self.called |= {one.number: item_ids[one.number] for one in event.items}

    def append(self, event: Event, at: int, actor: Actor | None) -> None:
        who = None if actor is None or actor.id == SYSTEM.id else actor
        made = link(
            self.platform,
            self.stream,
            len(self.links) + 1,
            at,
            event,
            kind=vocabulary.kind_of(event),
            version=event.v,
            before=self.links[-1].hash if self.links else FIRST,
            roster=self.roster,
            key=KEY,
            actor=who,
            salt=_SALT if who is not None else b"",
        )
        self.links.append(made)
        on = Stamped(made.seq, at, *self.roster.numbers(who), who, made.kind, event, made.hash)
        self.told.append(on)
        if self.case is None:
            self.case = Case(self.platform, self.stream)
        # Nobody else holds this case, so that it need not be copied for each event.
        apply(self.case, on)

    def read_back(self) -> list[Stamped]:
        """What the whole chain tells, each link checked and decoded."""
        told = {"platform": self.platform, "stream": self.stream, "roster": Roster()}
        return read(self.links, vocabulary.READERS, {KEY.id: KEY}, **told)  # type: ignore[arg-type]

    def differences(self) -> list[str]:
        """Where the whole chain tells something else than what was told and folded step by step."""
        read_back = self.read_back()
        found = [
            f"{ours!r} was told, and {theirs!r} is read"
            for ours, theirs in zip(self.told, read_back, strict=True)
            if ours != theirs
        ]
        if self.case != fold(self.platform, self.stream, read_back):
            found.append("the whole fold is another than the fold step by step")
        return found


def sealed(**parts: str | bytes) -> dict[str, Sealed]:
    """What an event says of these parts."""
    given = {name: text.encode() if isinstance(text, str) else text for name, text in parts.items()}
    return {name: seal(Part(name, "erasable", _SALT, data)) for name, data in given.items()}
