"""What a proposal's legal check must be for its measures, and when what was answered calls for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kz_compliance_sdk.domain.audit import Stamp
from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.legal_check import (
    QUESTIONS,
    LegalCheck,
    NamedCheck,
    RecordedCheck,
    barring,
    facts,
    is_unclear,
    recorded,
)
from kz_compliance_sdk.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class RestsOn:
    """The version of the legal check that a proposal rests on. `is_new` if it is recorded with the proposal. Two doubts
    call for a second person on a measure: an answer is `unclear`, or somebody else `contradicted` it."""

    row: RecordedCheck
    is_new: bool
    note: str
    unclear: bool
    contradicted: bool
    check: LegalCheck

    @property
    def named(self) -> NamedCheck:
        return NamedCheck(version=self.row.version, digest=self.row.digest)

    @property
    def facts(self) -> dict[str, Json]:
        return facts(self.row)


def rests_on(case: Case, proposal: Proposal, known: Sequence[RecordedCheck], stamp: Stamp) -> RestsOn | None:
    """The check that a proposal rests on; None where it gives none and proposes no measure.

    Raises InvalidInput for a measure without a check, for a version that is not there or speaks of another revision of
    the notice, and for a measure on local law against an answer that bars it.
    """
    given = proposal.legal_check
    if given is None:
        if not any(item.is_measure for item in proposal.items):
            return None
        raise InvalidInput(
            "a measure needs an answered legal check.",
            field="legal_check",
            remedy=f"Answer yes, no or unclear: {', '.join(q.name for q in QUESTIONS)}; or name a recorded version.",
        )
    if isinstance(given, LegalCheck):
        check, row = given, recorded(case, given, known, stamp)
    else:
        row = _named(case, given, known)
        check = row.check
    measures = [item for item in proposal.items if item.is_measure]
    if any(item.ground == "local_law" for item in measures):
        for name in barring(check):
            raise InvalidInput(
                f"the legal check answers {name} with {check.answers[name]!r}, yet a measure rests on local law.",
                field=f"legal_check.{name}",
                remedy="Refuse with reasons, ask for clarification, or act under your own terms.",
            )
    return RestsOn(
        row,
        is_new=isinstance(given, LegalCheck),
        note=check.note,
        unclear=bool(measures) and is_unclear(check),
        contradicted=bool(measures) and _is_contradicted(case, row, known),
        check=check,
    )


def _named(case: Case, version: int, known: Sequence[RecordedCheck]) -> RecordedCheck:
    row = next((row for row in known if row.version == version), None)
    if row is None:
        raise InvalidInput(
            f"this case has no legal check of version {version}.",
            field="legal_check",
            remedy="Read the case again, or answer the questions in the proposal.",
        )
    if row.revision != case.revision:
        raise InvalidInput(
            f"the legal check of version {version} speaks of revision {row.revision} of the notice, and it is now "
            f"revision {case.revision}.",
            field="legal_check",
            remedy="Answer the questions for the notice as it stands now.",
        )
    return row


def _is_contradicted(case: Case, chosen: RecordedCheck, known: Sequence[RecordedCheck]) -> bool:
    """Whether somebody else's last answers about this revision bar the measure or leave a question open: nobody may
    overrule them alone."""
    last = {row.answered_by: row for row in known if row.revision == case.revision}
    others = (row.check for name, row in last.items() if name != chosen.answered_by)
    return any(barring(check) or is_unclear(check) for check in others)
