"""What a person decides, item by item, and who may do what.

Three fields that look alike are kept apart: the **finding** is what the law says, the **action** is what the
platform does, the **wording** is what the regulator is told. A platform may act under its own terms without
agreeing that the law was broken, and it may refuse, with reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.canonical import canonical, digest
from kz_compliance_sdk.domain.report import CannotComply, Contest, Ground, Outcome, RefusalCode, ReportItem, Statement
from kz_compliance_sdk.errors import InvalidInput, NotAllowed

Finding = Literal["illegal", "not_illegal", "unclear", "not_assessed"]
Action = Literal["remove", "restrict_access", "suspend_account", "age_restrict", "label", "preserve_only", "none"]
Answer = Literal["yes", "no", "unclear"]
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
_OUTCOMES_WITHOUT_ACTION: frozenset[Outcome] = frozenset(
    {"already_unavailable", "not_found", "refused", "clarification_needed", "cannot_comply", "contested"}
)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LegalCheck(_Value):
    """The questions that a person answers before any measure. `note` stays inside the platform."""

    authority: Answer
    legal_basis: Answer
    content_matches: Answer
    proportionate: Answer
    note: _Text = ""


class Wording(_Value):
    """What the regulator is told about one item. A person has checked the text for identities."""

    outcome: Outcome
    statement_of_reasons: tuple[Statement, ...] = ()
    legal_provision: _Text | None = None
    refusal_code: RefusalCode | None = None
    cannot_comply: CannotComply | None = None
    contest: Contest | None = None
    appeal_available: bool = True


class ItemDecision(_Value):
    """One item: finding, action, wording. `reasons` are internal and never leave the platform.

    `scope` is where the measure applies; by default in Kazakhstan alone.
    """

    item_id: str
    finding: Finding
    reasons: Annotated[str, Field(min_length=1, max_length=5000)]
    action: Action
    wording: Wording
    ground: Ground | None = None
    scope: tuple[Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")], ...] = ("KZ",)

    @property
    def is_measure(self) -> bool:
        return self.action != "none"

    @property
    def worldwide(self) -> bool:
        return self.is_measure and self.scope != ("KZ",)

    def reported(
        self, *, effective_at: int | None = None, statement: tuple[Statement, ...] | None = None
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
            ground=self.ground,
            legal_provision=wording.legal_provision,
            refusal_code=wording.refusal_code,
            statement_of_reasons=wording.statement_of_reasons if statement is None else statement,
            cannot_comply=wording.cannot_comply,
            contest=wording.contest,
            appeal_available=wording.appeal_available,
        )


class Proposal(_Value):
    """What a moderator proposes for a case: every open item, and the answered legal check.

    `text_checked` says that a person has read the outgoing text and found no identity of a user or reporter in it.
    """

    items: Annotated[tuple[ItemDecision, ...], Field(min_length=1, max_length=500)]
    legal_check: LegalCheck | None = None
    text_checked: bool = False


class Decision(_Value):
    """A proposal bound to what was seen: the case, the revision of the notice, and the bytes it came in.

    `digest` is what an approval names. `approved_by` is empty where policy asks for no second person.
    """

    case_id: str
    version: int
    revision: int
    notice_sha256: str
    proposal: Proposal
    proposed_by: str
    proposed_at: int
    needs_approval: bool
    approved_by: str = ""
    approved_at: int = 0

    @property
    def digest(self) -> str:
        return decision_digest(self.body)

    @property
    def body(self) -> bytes:
        """The bytes that are stored and hashed: everything but the approval."""
        return canonical(self.model_dump(mode="json", exclude={"approved_by", "approved_at"}))

    def item(self, item_id: str) -> ItemDecision | None:
        return next((item for item in self.proposal.items if item.item_id == item_id), None)


def decision_digest(body: bytes) -> str:
    """The digest that an approval names, over a decision's stored bytes."""
    return digest("kz-compliance/decision/v1", body)


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Which roles may take which step, as data."""

    may: Mapping[str, frozenset[str]]

    def check(self, actor: Actor, step: str) -> None:
        """Raises NotAllowed unless one of the actor's roles may take this step."""
        if not actor.roles & self.may.get(step, frozenset()):
            allowed = ", ".join(sorted(self.may.get(step, frozenset()))) or "nobody"
            raise NotAllowed(f"{actor.id} may not {step.replace('_', ' ')}: that takes one of these roles: {allowed}")


_REVIEWERS = frozenset({"moderator", "lead", "legal"})
_OFFICE = _REVIEWERS | {"head"}
REVIEW_POLICY = ReviewPolicy(
    MappingProxyType(
        {
            "claim": _REVIEWERS,
            "propose": _REVIEWERS,
            "approve": frozenset({"lead", "legal"}),
            "send_back": frozenset({"lead", "legal"}),
            "undo": _REVIEWERS,
            "reopen": frozenset({"lead", "legal"}),
            "report_interim": frozenset({"lead", "legal"}),
            "request_clarification": _REVIEWERS,
            "enter": _OFFICE,
            "authenticate": _OFFICE,
            "correct_receipt": frozenset({"lead", "legal", "head"}),
            "settle_quarantine": frozenset({"lead", "legal"}),
            "deliver_by_hand": _OFFICE,
            "acknowledge": _OFFICE,
        }
    )
)

ROLES: frozenset[str] = frozenset().union(*REVIEW_POLICY.may.values())
"""Every role that some step asks for."""


def check_proposal(proposal: Proposal, open_items: frozenset[str], languages: tuple[str, ...]) -> None:
    """Refuse a proposal that is incomplete or contradicts itself: InvalidInput names the field and the remedy."""
    seen = [item.item_id for item in proposal.items]
    for item_id in seen:
        if item_id not in open_items:
            raise InvalidInput(
                f"item {item_id!r} is not open in this case.",
                field="items",
                remedy="Leave it out, or read the case again.",
            )
    if len(set(seen)) != len(seen):
        raise InvalidInput("an item is decided twice.", field="items", remedy="Decide each item once.")
    if missing := sorted(open_items - set(seen)):
        raise InvalidInput(
            f"{len(missing)} of the open items have no decision, {missing[0]!r} first.",
            field="items",
            remedy="Decide each item; 'clarification_needed' and 'refused' are decisions too.",
        )
    if not proposal.text_checked:
        raise InvalidInput(
            "nobody has confirmed that the outgoing text names no user or reporter.",
            field="text_checked",
            remedy="Read the text that goes to the regulator, then set text_checked to true.",
        )
    for number, item in enumerate(proposal.items):
        _check_item(item, f"items[{number}]", languages)
    if any(item.is_measure for item in proposal.items):
        _check_legal(proposal)


def _check_item(item: ItemDecision, path: str, languages: tuple[str, ...]) -> None:
    wording, outcome = item.wording, item.wording.outcome
    if item.is_measure:
        expected = OUTCOME_OF_ACTION[item.action]
        if outcome not in (expected, "partially_complied"):
            raise InvalidInput(
                f"the action {item.action!r} is reported as {expected!r}, not {outcome!r}.",
                field=f"{path}.wording.outcome",
                remedy=f"Use {expected!r}, or 'partially_complied' with the reasons.",
            )
        if item.ground is None:
            raise InvalidInput(
                "a measure needs a ground.", field=f"{path}.ground", remedy="Use 'local_law' or 'terms_of_service'."
            )
        if item.worldwide and item.ground != "terms_of_service":
            raise InvalidInput(
                "a measure beyond Kazakhstan cannot rest on Kazakhstan's law.",
                field=f"{path}.scope",
                remedy="Use scope ('KZ',), or the ground 'terms_of_service' if your own terms are broken.",
            )
        if item.ground == "local_law" and item.finding == "not_illegal":
            raise InvalidInput(
                "a measure on the ground of local law contradicts the finding 'not_illegal'.",
                field=f"{path}.finding",
                remedy="Refuse with reasons, or act on the ground 'terms_of_service'.",
            )
    elif outcome not in _OUTCOMES_WITHOUT_ACTION:
        raise InvalidInput(
            f"the outcome {outcome!r} needs an action, and the action is 'none'.",
            field=f"{path}.wording.outcome",
            remedy=f"Use one of: {', '.join(sorted(_OUTCOMES_WITHOUT_ACTION))}.",
        )
    if not wording.statement_of_reasons:
        raise InvalidInput(
            "the outcome has no statement of reasons.",
            field=f"{path}.wording.statement_of_reasons",
            remedy=f"Give the reasons in at least one of: {', '.join(languages)}.",
        )
    if not any(text.lang.split("-")[0] in languages for text in wording.statement_of_reasons):
        raise InvalidInput(
            "the statement of reasons is in none of the notice's languages.",
            field=f"{path}.wording.statement_of_reasons",
            remedy=f"Give it in at least one of: {', '.join(languages)}.",
        )
    for condition, needed, field in (
        (outcome == "refused", wording.refusal_code, "refusal_code"),
        (outcome == "cannot_comply", wording.cannot_comply, "cannot_comply"),
        (outcome == "contested", wording.contest, "contest"),
    ):
        if condition and needed is None:
            raise InvalidInput(
                f"the outcome {outcome!r} needs {field}.", field=f"{path}.wording.{field}", remedy="Fill it in."
            )
        if needed is not None and not condition:
            raise InvalidInput(
                f"{field} does not belong to the outcome {outcome!r}.",
                field=f"{path}.wording.{field}",
                remedy="Leave it out, or change the outcome.",
            )
    _check_reportable(item, path)


def _check_reportable(item: ItemDecision, path: str) -> None:
    """What no report can carry must not be decided: nobody could ever be told."""
    try:
        item.reported()
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"no report can carry this: {first['msg'].lower()}.",
            field=f"{path}.scope" if where.startswith("territorial_scope") else f"{path}.wording.{where}",
            remedy="Shorten it, fill it in, or leave it out.",
        ) from None


def _check_legal(proposal: Proposal) -> None:
    check = proposal.legal_check
    if check is None:
        raise InvalidInput(
            "a measure needs an answered legal check.",
            field="legal_check",
            remedy="Answer authority, legal_basis, content_matches and proportionate with yes, no or unclear.",
        )
    if any(item.is_measure and item.ground == "local_law" for item in proposal.items):
        for question in ("authority", "legal_basis", "content_matches", "proportionate"):
            if getattr(check, question) == "no":
                raise InvalidInput(
                    f"the legal check answers {question} with 'no', yet a measure rests on local law.",
                    field=f"legal_check.{question}",
                    remedy="Refuse with reasons, ask for clarification, or act under your own terms.",
                )


def is_doubtful(proposal: Proposal) -> bool:
    """Whether a measure rests on an answer of 'unclear': then a second person decides whatever the category is."""
    check = proposal.legal_check
    return (
        check is not None
        and any(item.is_measure for item in proposal.items)
        and "unclear" in (check.authority, check.legal_basis, check.content_matches, check.proportionate)
    )
