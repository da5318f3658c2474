"""What leaves the platform: acknowledgement, clarification request, report. And the receipt that comes back.

No field here can carry the identity of a user or of a reporter, and the models forbid fields of any
other name. Free text is the one way round that: a statement of reasons, a question, a detail. A machine
cannot tell a name from a word in three languages, so a named person reads the outgoing text before it
is approved, and the decision records that this was done.

A report states facts. It does not judge itself, and it names no moderator: `authorised_person` is the
head of the office or the legal representative, who answer for the platform.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.domain.values import (
    CountryCode,
    Identifier,
    Instant,
    LanguageTag,
    Line,
    Prose,
    Sha256Hex,
    ValueModel,
    canonical,
)

__all__ = [
    "Acknowledgement",
    "ActionTaken",
    "AuthorisedPerson",
    "CannotComply",
    "CannotComplyReason",
    "ClarificationRequest",
    "Contest",
    "Ground",
    "OutboundModel",
    "Outcome",
    "Question",
    "Receipt",
    "RefusalCode",
    "Report",
    "ReportItem",
    "ReportSignature",
    "Statement",
    "UserNotified",
    "outbound_bytes",
    "unsigned_bytes",
]

Outcome = Literal[
    "removed", "restricted", "account_restricted", "age_restricted", "labelled", "preserved", "partially_complied",
    "already_unavailable", "not_found", "refused", "clarification_needed", "cannot_comply", "contested", "restored",
    "pending",
]  # fmt: skip
ActionTaken = Literal[
    "remove", "restrict_access", "suspend_account", "age_restrict", "label", "preserve_only", "other", "none", "restore"
]
RefusalCode = Literal[
    "not_authentic", "no_authority", "no_legal_basis", "not_illegal", "protected_speech", "overbroad",
    "out_of_scope_service", "conflict_of_law", "duplicate",
]  # fmt: skip
Ground = Literal["local_law", "terms_of_service"]
UserNotified = Literal["yes", "delayed", "not_allowed", "no"]
CannotComplyReason = Literal[
    "force_majeure", "technical_or_operational", "manifest_errors", "insufficient_information", "other"
]


class OutboundModel(ValueModel):
    """A value that leaves the platform: no field but those named here."""

    model_config = ConfigDict(extra="forbid")


class Statement(OutboundModel):
    """One text in one language, read by a person before it leaves."""

    lang: LanguageTag
    text: Prose


Statements = Annotated[tuple[Statement, ...], Field(strict=False, max_length=20)]
StatementsGiven = Annotated[tuple[Statement, ...], Field(strict=False, min_length=1, max_length=20)]
Sequence = Annotated[int, Field(ge=1)]


class Acknowledgement(OutboundModel):
    """The notice was received. `received_at` is when its clock started; `message_id` is what it came in."""

    notice_id: Identifier
    revision: Annotated[int, Field(ge=1)]
    received_at: Instant
    case_reference: Line
    message_id: Identifier | None = None


class Question(OutboundModel):
    """What is missing or contradictory in one item or, without `item_id`, in the whole notice."""

    item_id: Identifier | None = None
    text: StatementsGiven


class ClarificationRequest(OutboundModel):
    """What the platform must know before it can decide. `sequence` counts the requests of one case from 1."""

    request_id: Identifier
    notice_id: Identifier
    case_reference: Line
    sequence: Sequence | None = None
    questions: Annotated[tuple[Question, ...], Field(strict=False, min_length=1, max_length=500)]
    sent_at: Instant


class CannotComply(OutboundModel):
    """Why the platform could not, though it would."""

    reason: CannotComplyReason
    details: Prose | None = None


class Contest(OutboundModel):
    """Before which body the notice is contested."""

    body: Line
    reference: Line | None = None
    filed_at: Instant | None = None


class ReportItem(OutboundModel):
    """The outcome for one item.

    `effective_at` is when the measure came into force and `ends_at` when it ends, both UTC seconds.
    `statement_of_reasons` is in at least one language of the notice. A refusal names its code, and
    `cannot_comply` and `contested` say why and where.
    """

    item_id: Identifier
    outcome: Outcome
    action: ActionTaken
    territorial_scope: Annotated[tuple[CountryCode, ...], Field(strict=False, max_length=250)] = ("KZ",)
    effective_at: Instant | None = None
    ends_at: Instant | None = None
    ground: Ground | None = None
    legal_provision: Prose | None = None
    refusal_code: RefusalCode | None = None
    statement_of_reasons: Statements = ()
    cannot_comply: CannotComply | None = None
    contest: Contest | None = None
    decided_by: Literal["human"] = "human"
    user_notified: UserNotified | None = None
    appeal_available: bool = True

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        needed = {
            "refused": ("refusal_code", self.refusal_code),
            "cannot_comply": ("cannot_comply", self.cannot_comply),
            "contested": ("contest", self.contest),
        }.get(self.outcome)
        if needed is not None and needed[1] is None:
            raise PydanticCustomError("schema_missing", "this outcome needs {name}", {"name": needed[0]})
        return self


class AuthorisedPerson(OutboundModel):
    """Who answers for the report. `role` such as head of the office; never a moderator."""

    role: Line
    name: Line | None = None


class ReportSignature(OutboundModel):
    """A signature over `unsigned_bytes` of the report. `value` is base64."""

    key_id: Identifier
    alg: Literal["ed25519"]
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{1,1024}={0,2}$")]


class CheckpointHead(OutboundModel):
    """The platform's last checkpoint over all its cases: the RFC 9162 root over its first `size` leaves."""

    size: Annotated[int, Field(ge=1)]
    root: Sha256Hex


class Report(OutboundModel):
    """The confirmation: what was done about each item.

    `sequence` counts the reports of one case from 1. `audit_head` is the head of the case's chain before the
    report's own event. An interim report (`final` False) may hold `pending` items; a final one may not.
    `checkpoint` is the last one that the platform made over all its cases.
    """

    report_id: Identifier
    notice_id: Identifier
    reference_number: Line
    case_reference: Line
    sequence: Sequence
    final: bool
    received_at: Instant
    reported_at: Instant
    items: Annotated[tuple[ReportItem, ...], Field(strict=False, min_length=1, max_length=500)]
    authorised_person: AuthorisedPerson
    audit_head: Sha256Hex
    checkpoint: CheckpointHead | None = None
    signature: ReportSignature | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.final and any(item.outcome == "pending" for item in self.items):
            raise PydanticCustomError("schema_value", "a final report holds no pending item")
        if len({item.item_id for item in self.items}) != len(self.items):
            raise PydanticCustomError("schema_value", "two items carry the same item_id")
        return self


class Receipt(ValueModel):
    """The regulator recorded what was sent: `subject_id` names it, `body_sha256` is of its exact bytes."""

    receipt_id: Identifier
    subject_id: Identifier
    body_sha256: Sha256Hex
    recorded_at: Instant

    def covers(self, subject_id: str, body: bytes) -> bool:
        """Whether it names this subject and these exact bytes. If not, what was sent counts as unknown."""
        return self.subject_id == subject_id and self.body_sha256.lower() == hashlib.sha256(body).hexdigest()


def outbound_bytes(value: OutboundModel | Receipt) -> bytes:
    """The bytes that are stored, hashed and sent: canonical JSON of the published shape, without nulls."""
    return canonical(value.model_dump(mode="json", exclude_none=True))


def unsigned_bytes(report: Report) -> bytes:
    """The bytes that a report's own `signature` covers: all of it but the signature."""
    return canonical(report.model_dump(mode="json", exclude_none=True, exclude={"signature"}))
