"""What the chain of a case tells of its review, each fact with the words that lie beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kz_compliance_sdk.domain.decision import Decision, decision_digest
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.legal_check import LegalCheck, RecordedCheck

__all__ = ["PROPOSAL", "ToldDecision", "Words", "checks_of", "count_held", "decisions_by_version", "decisions_of"]

PROPOSAL = "proposal"
"""The part that holds the bytes of a decision."""

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


def decisions_of(stream: Stream, words: Words) -> list[ToldDecision]:
    """Every decision of a case, in the order of their versions. Raises Damage or NewerRelease."""
    told = sorted(stream.case.decisions.items())
    persons = {number: name for name, number in stream.roster.persons.items()}
    found = words(stream, [(one.at_seq, PROPOSAL) for _, one in told])
    return [
        ToldDecision(
            version,
            found[one.at_seq, PROPOSAL] or b"",
            persons[one.person],
            one.at,
            one.four_eyes,
            persons.get(one.approved_by, ""),
            one.approved_at,
        )
        for version, one in told
    ]


def decisions_by_version(stream: Stream, words: Words) -> dict[int, Decision]:
    """Those that were not erased. Raises Damage or NewerRelease."""
    return {
        one.version: Decision.model_validate_json(one.body).model_copy(
            update={"approved_by": one.approved_by, "approved_at": one.approved_at}
        )
        for one in decisions_of(stream, words)
        if one.body
    }


def checks_of(stream: Stream, case_id: str) -> list[RecordedCheck]:
    """Every version of the case's legal check, oldest first. Raises Damage or NewerRelease."""
    persons = {number: name for name, number in stream.roster.persons.items()}
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


def count_held(stream: Stream) -> int:
    """How many decisions of a case can still be read. Raises Damage or NewerRelease."""
    gone = erased_of(stream.whole().events)
    return sum(PROPOSAL in on.event.parts and on.seq not in gone for on in stream.events)
