"""The events of each change, folded, and held against the case that was written with them.

Every commit of every test is taken through this: a difference fails the test that made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kz_compliance_sdk.domain import events as vocabulary
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.decision import Decision as OldDecision
from kz_compliance_sdk.domain.events import privacy, remedies, review
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.fold import Case, apply, fold
from kz_compliance_sdk.domain.lawfulness import Known, broken
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, Link, Part, Roster, Sealed, Stamped, link, read, seal
from kz_compliance_sdk.domain.values import stream_of

KEY = LedgerKey(b"k" * 32)
_SALT = b"s" * 16
Rows = list[Any]


def keyed(*what: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, what)).encode()).hexdigest()[:32]


def object_of(key: str) -> str:
    return f"object/{keyed(key)}"


@dataclass
class Shadow:
    """What one case of today is in the ledger: its links, its words, its fold, and what is known of it beside."""

    platform: str
    case_id: str
    links: list[Link] = field(default_factory=list)
    roster: Roster = field(default_factory=Roster)
    told: list[Stamped] = field(default_factory=list)
    words: dict[tuple[int, str], bytes | None] = field(default_factory=dict)
    known: dict[str, OutboxMessage] = field(default_factory=dict)
    decisions: dict[int, OldDecision] = field(default_factory=dict)
    case: Case | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.case_id)

    def learn(self, event: Event, words: Mapping[str, bytes]) -> None:
        """What the comparison must know of an event that was just appended."""
        if isinstance(event, review.Proposed | remedies.AppealReversed) and event.decision:
            decision = OldDecision.model_validate_json(words["proposal"])
            self.decisions[decision.version] = decision
        self.words |= {(len(self.told), name): said for name, said in words.items()}
        if isinstance(event, privacy.Erased):
            gone = erased_of(self.told)
            kinds = {on.seq: type(on.event).words for on in self.told}
            self.words |= {one: None for one in self.words if one[0] in gone and kinds[one[0]][one[1]] == "erasable"}

    def append(self, event: Event, at: int, actor: Actor | None) -> None:
        who = None if actor is None or actor.id == SYSTEM.id else actor
        made = link(
            self.platform,
            self.stream,
            len(self.links) + 1,
            at,
            event,
            kind=event.called,
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

    def unlawful(self) -> list[str]:
        """What this library did and should not have, by its own laws."""
        known = Known(self.words)
        return [f"{one.seq} {one.law}: {one.what}" for one in broken(self.platform, self.stream, self.told, known)]

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
