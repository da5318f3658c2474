"""What a person decides, item by item.

Three fields that look alike are kept apart: the **finding** is what the law says, the **action** is what the
platform does, the **wording** is what the regulator is told. A platform may act under its own terms without
agreeing that the law was broken, and it may refuse, with reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kz_compliance_sdk.domain.canonical import digest, encoded
from kz_compliance_sdk.domain.legal_check import LegalCheck, NamedCheck
from kz_compliance_sdk.domain.report import CannotComply, Contest, Ground, Outcome, RefusalCode, ReportItem, Statement

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

    `rules` are the codes of those that asked for a second person (`second_person.py`), under this version of the
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
