"""What a person decides, item by item.

Three fields that look alike are kept apart: the **finding** is what the law says, the **action** is what the
platform does, the **wording** is what the regulator is told. A platform may act under its own terms without
agreeing that the law was broken, and it may refuse, with reasons.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.events import texts_in
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.events.review import ContentChanged, LegallyChecked, Looked
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.report import CannotComply, Contest, Ground, Outcome, RefusalCode, ReportItem, Statement
from kz_compliance_sdk.domain.values import digest
from kz_compliance_sdk.domain.words import LANGUAGES, words

# -------------------------------------------------------------------------------------------------------- legal check
# The legal check: seven questions that a named person answers before any measure, and what the answers bar.
#
# The questions are data, so that the command line, a dashboard and the documents all ask the same ones. Each answer is
# kept: a check gets a version of its own, and a decision names the version and the digest that it rests on.


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


# ----------------------------------------------------------------------------------------------------------- decision


Finding = Literal["illegal", "not_illegal", "unclear", "not_assessed"]
Action = Literal["remove", "restrict_access", "suspend_account", "age_restrict", "label", "preserve_only", "none"]
_Text = Annotated[str, Field(max_length=5000)]

OUTCOME_OF_ACTION: Mapping[Action, Outcome] = MappingProxyType(
    {
        "remove": "removed",
        "restrict_access": "restricted",
        "suspend_account": "account_restricted",
        "age_restrict": "age_restricted",
        "label": "labelled",
        "preserve_only": "preserved",
    }
)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wording(_Value):
    """What the regulator is told about one item. A person has checked the text for identities."""

    outcome: Outcome
    statement_of_reasons: tuple[Statement, ...] = ()
    legal_provision: _Text | None = None
    refusal_code: RefusalCode | None = None
    cannot_comply: CannotComply | None = None
    contest: Contest | None = None
    appeal_available: bool = True


class OwnWords(_Value):
    """What a platform says of a refusal or a measure in its own words, language by language, and the code of refusal or
    the rule of its terms that goes with them. A person still decides, and reads what leaves."""

    kk: _Text = ""
    ru: _Text = ""
    en: _Text = ""
    refusal_code: RefusalCode | None = None
    legal_provision: _Text | None = None


class Wordings(_Value):
    """The platform's own words by category and by what is decided: `refuse`, or an action. The category `any` stands
    for those that have none of their own."""

    rows: Mapping[str, Mapping[Literal["refuse"] | Action, OwnWords]]

    def of(self, category: str, way: str) -> OwnWords:
        """The words for a category; empty ones where there are none."""
        found: Mapping[Any, OwnWords] = {**self.rows.get("any", {}), **self.rows.get(category, {})}
        return found.get(way, OwnWords())


class ItemDecision(_Value):
    """One item: finding, action, wording. `reasons` are internal and never leave the platform.

    `scope` is where the measure applies; by default in Kazakhstan alone. `content_sha256` is the digest of the content
    that the proposer saw.
    """

    item_id: str
    finding: Finding
    reasons: Annotated[str, Field(min_length=1, max_length=5000)]
    action: Action
    wording: Wording
    ground: Ground | None = None
    scope: tuple[Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")], ...] = ("KZ",)
    content_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @property
    def is_measure(self) -> bool:
        return self.action != "none"

    @property
    def worldwide(self) -> bool:
        return self.is_measure and self.scope != ("KZ",)

    def reported(
        self,
        *,
        effective_at: int | None = None,
        ends_at: int | None = None,
        statement: tuple[Statement, ...] | None = None,
    ) -> ReportItem:
        """What the regulator is told once it is done, with `statement` in place of the decision's own reasons if it is
        given. Raises ValidationError for what no report can carry."""
        wording = self.wording
        return ReportItem(
            item_id=self.item_id,
            outcome=wording.outcome,
            action=self.action,
            territorial_scope=self.scope,
            effective_at=effective_at,
            ends_at=ends_at,
            ground=self.ground,
            legal_provision=wording.legal_provision,
            refusal_code=wording.refusal_code,
            statement_of_reasons=wording.statement_of_reasons if statement is None else statement,
            cannot_comply=wording.cannot_comply,
            contest=wording.contest,
            appeal_available=wording.appeal_available,
        )


class Proposal(_Value):
    """What a moderator proposes for a case: every open item, and the legal check: answered here, or the number of one
    that was recorded before.

    `text_checked` says that a person has read the outgoing text and found no identity of a user or reporter in it.
    """

    items: Annotated[tuple[ItemDecision, ...], Field(min_length=1, max_length=500)]
    legal_check: LegalCheck | Annotated[int, Field(strict=True, ge=1)] | None = None
    text_checked: bool = False


class Decision(_Value):
    """A proposal bound to what was seen: the case, the revision of the notice, and the bytes it came in.

    `rules` are the codes of those that asked for a second person (`proposal_checks.asking`), under this version of the
    `policy`, for a notice of this `category`. `legal_check` is the version that it rests on. `digest` is what an
    approval names. `by_legal` says that the proposer had the role `legal`. `approved_by` is empty where no rule asks
    for a second person.
    """

    case_id: str
    version: int
    revision: int
    notice_sha256: str
    proposal: Proposal
    proposed_by: str
    proposed_at: int
    policy: str
    category: str
    rules: tuple[str, ...] = ()
    legal_check: NamedCheck | None = None
    by_legal: bool = False
    approved_by: str = ""
    approved_at: int = 0

    @property
    def needs_approval(self) -> bool:
        return bool(self.rules)

    @property
    def digest(self) -> str:
        return decision_digest(self.body)

    @property
    def body(self) -> bytes:
        """The bytes that are stored and hashed: everything but the approval."""
        return encoded(self.model_dump(mode="json", exclude={"approved_by", "approved_at"}))

    def item(self, item_id: str) -> ItemDecision | None:
        return next((item for item in self.proposal.items if item.item_id == item_id), None)


def decision_digest(body: bytes) -> str:
    """The digest that an approval names, over a decision's stored bytes."""
    return digest("kz-compliance/decision/v1", body)


# ------------------------------------------------------------------------------------- what the chain tells of a review
# What the chain of a case tells of its review, each fact with the words that lie beside it.


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
