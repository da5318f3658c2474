"""What the chain of a case tells of its review, each fact with the words that lie beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import Decision, LegalCheck, RecordedCheck, decision_digest
from kz_compliance_sdk.domain.events import texts_in
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.events.review import ContentChanged, Looked
from kz_compliance_sdk.domain.fold import Stream

PROPOSAL = "proposal"
"""The part that holds the bytes of a decision."""

OBJECTS = "objects"
"""The part that holds what a look saw and what nobody may guess: of each item its id, the platform's id of its object,
and the SHA-256 of its content."""

Words = Callable[[Stream, Iterable[tuple[int, str]]], Mapping[tuple[int, str], bytes | None]]
"""Reads parts of a stream by sequence and name, None for one that was erased."""


@dataclass(frozen=True, slots=True)
class ToldDecision:
    """A decision as its events tell it. `body` is empty once its words were erased; nobody can tell its digest then.
    Times are UTC seconds, 0 where there is none."""

    version: int
    body: bytes
    proposed_by: str
    proposed_at: int
    needs_approval: bool
    approved_by: str
    approved_at: int

    @property
    def digest(self) -> str:
        """What an approval names."""
        return decision_digest(self.body) if self.body else ""


@dataclass(frozen=True, slots=True)
class ContentSeen:
    """What an item's content was when it was looked at for the `n`-th time: the platform's object and the SHA-256 of
    its content, empty where nothing was found, where `fault` says why nobody could look, or once it was erased.
    `available`: there is something to act upon. `reference` is the keyed digest of what the item named then; `number`
    is the item's, whose id can come to name something else. `seen_at` is UTC seconds."""

    number: int
    item_id: str
    n: int
    reference: str
    digest: str
    object_id: str
    available: bool
    fault: str
    seen_by: str
    seen_at: int


def objects_of(looks: Iterable[ContentSeen]) -> dict[str, bytes]:
    """The part of the event that tells of these looks."""
    return {OBJECTS: encoded({str(one.number): [one.item_id, one.object_id, one.digest] for one in looks})}


def decisions_of(stream: Stream, words: Words) -> list[ToldDecision]:
    """Every decision of a case, in the order of their versions. Raises Damage or NewerRelease."""
    told = sorted(stream.case.decisions.items())
    persons = stream.roster.names
    found = words(stream, [(one.at_seq, PROPOSAL) for _, one in told])
    return [
        ToldDecision(
            version,
            found[one.at_seq, PROPOSAL] or b"",
            persons[one.person],
            one.at,
            one.four_eyes,
            persons[one.approved_by],
            one.approved_at,
        )
        for version, one in told
    ]


def decisions_by_version(stream: Stream, words: Words) -> dict[int, Decision]:
    """Those that were not erased. Raises Damage or NewerRelease."""
    told, name_of = sorted(stream.case.decisions.items()), stream.roster.name
    said = stream.read(words, [(one.at_seq, PROPOSAL) for _, one in told], Decision.model_validate_json)
    return {
        version: decision.model_copy(update={"approved_by": name_of(one.approved_by), "approved_at": one.approved_at})
        for (version, one), decision in zip(told, said, strict=True)
        if decision is not None
    }


def checks_of(stream: Stream, case_id: str) -> list[RecordedCheck]:
    """Every version of the case's legal check, oldest first. Raises Damage or NewerRelease."""
    persons = stream.roster.names
    return [
        RecordedCheck(
            case_id,
            version,
            one.revision,
            LegalCheck.model_validate(one.answers).answers,
            persons[one.person],
            stream.events[one.at_seq - 1].at,
        )
        for version, one in sorted(stream.case.checks.items())
    ]


def looks_of(stream: Stream, case: Case, words: Words) -> list[ContentSeen]:
    """Every look at every item of a case, in their order. Raises Damage or NewerRelease."""
    called = {item.number: item.was or item.item_id for item in case.items}
    told = [on for on in stream.whole().events if isinstance(on.event, Looked | ContentChanged)]
    found = words(stream, [(on.seq, OBJECTS) for on in told])
    counts = Counter[int]()
    looks: list[ContentSeen] = []
    for on in told:
        said = json.loads(found[on.seq, OBJECTS] or b"{}")
        who = on.who.id if on.who is not None else SYSTEM.id
        for one in on.event.seen:
            counts[one.item] += 1
            item_id, object_id, digest = said.get(str(one.item), (called.get(one.item, ""), "", ""))
            place = one.item, item_id, counts[one.item], one.reference
            looks.append(ContentSeen(*place, digest, object_id, one.available, one.fault, who, on.at))
    return looks


def count_held(stream: Stream) -> int:
    """How many decisions of a case can still be read. Raises Damage or NewerRelease."""
    gone = erased_of(stream.whole().events)
    return sum(PROPOSAL in on.event.parts and on.seq not in gone for on in stream.events)


def count_texts(stream: Stream) -> int:
    """How many texts that people wrote can still be read of a case, its decisions left out. Raises as `count_held`."""
    gone = erased_of(stream.whole().events)
    return sum(len(texts_in(on)) for on in stream.events if on.seq not in gone)
