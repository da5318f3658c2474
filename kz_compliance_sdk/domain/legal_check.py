"""The legal check: seven questions that a named person answers before any measure, and what the answers bar.

The questions are data, so that the command line, a dashboard and the documents all ask the same ones. Each answer is
kept: a check gets a version of its own, and a decision names the version and the digest that it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.canonical import digest, encoded
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.review import LegallyChecked
from kz_compliance_sdk.domain.words import LANGUAGES, words

__all__ = [
    "QUESTIONS",
    "Answer",
    "LegalCheck",
    "LegalQuestion",
    "NamedCheck",
    "RecordedCheck",
    "barring",
    "is_unclear",
]

Answer = Literal["yes", "no", "unclear"]


@dataclass(frozen=True, slots=True)
class LegalQuestion:
    """One question of the legal check. `bars` is the answer with which no measure may rest on local law."""

    name: str
    bars: Literal["yes", "no"]

    @property
    def text(self) -> Mapping[str, str]:
        """The question as it is asked in `kk`, `ru` and `en`."""
        return {lang: words(lang, "cases")("question", self.name) for lang in LANGUAGES}


# One question is barred by "yes", so that ticking the same answer seven times never lets a measure through.
QUESTIONS: Final[tuple[LegalQuestion, ...]] = (
    LegalQuestion("authority", "no"),
    LegalQuestion("legal_basis", "no"),
    LegalQuestion("clarity", "no"),
    LegalQuestion("content_matches", "no"),
    LegalQuestion("protected_speech", "yes"),
    LegalQuestion("proportionate", "no"),
    LegalQuestion("narrowest", "no"),
)
"""The seven questions, in the order in which they are asked."""


class LegalCheck(BaseModel):
    """The answers of one person. `note` stays inside the platform."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authority: Answer
    legal_basis: Answer
    clarity: Answer
    content_matches: Answer
    protected_speech: Answer
    proportionate: Answer
    narrowest: Answer
    note: Annotated[str, Field(max_length=5000)] = ""

    @property
    def answers(self) -> dict[str, Answer]:
        """Each question's answer, in the order in which they are asked."""
        return {question.name: getattr(self, question.name) for question in QUESTIONS}


class NamedCheck(BaseModel):
    """A version of a case's legal check: what a decision rests on. `digest` covers the answers, who gave them and when,
    and the revision of the notice that they speak of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    digest: str


def barring(check: LegalCheck) -> list[str]:
    """The questions whose answers bar a measure on the ground of local law."""
    return [question.name for question in QUESTIONS if getattr(check, question.name) == question.bars]


def is_unclear(check: LegalCheck) -> bool:
    """Whether any answer is "unclear": then a measure takes a second person."""
    return "unclear" in check.answers.values()


@dataclass(frozen=True, slots=True)
class RecordedCheck:
    """One version of a case's legal check, without what the person wrote beside the answers: that is sealed with its
    event. `revision` is that of the notice it speaks of, `answered_at` is UTC seconds."""

    case_id: str
    version: int
    revision: int
    answers: Mapping[str, Answer]
    answered_by: str
    answered_at: int

    @property
    def check(self) -> LegalCheck:
        """The answers alone."""
        return LegalCheck(**self.answers)

    @property
    def body(self) -> bytes:
        """The bytes that a decision's digest of it covers."""
        return encoded({name: getattr(self, name) for name in RecordedCheck.__slots__} | {"answers": {**self.answers}})

    @property
    def digest(self) -> str:
        return digest("kz-compliance/legal-check/v1", self.body)


def recorded(case: Case, check: LegalCheck, known: Sequence[RecordedCheck], stamp: Stamp) -> RecordedCheck:
    """The check as the next version of the case's."""
    version = max((one.version for one in known), default=0) + 1
    return RecordedCheck(case.id, version, case.revision, check.answers, stamp.actor.id, stamp.at)


def checked(case: Case, check: LegalCheck, row: RecordedCheck, stamp: Stamp) -> Happened:
    """That somebody answered the questions, in this version."""
    event = LegallyChecked(check=row.version, revision=row.revision, answers=check.answers)
    return happened(case, event, stamp, {"note": check.note} if check.note else None)
