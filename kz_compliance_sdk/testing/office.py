"""The people of a platform's office, deciding from a script: what a test needs between a notice and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.commands.review import Decided, Lease
from kz_compliance_sdk.domain.decision import (
    OUTCOME_OF_ACTION,
    Action,
    Finding,
    ItemDecision,
    LegalCheck,
    Proposal,
    Wording,
)
from kz_compliance_sdk.domain.notice import Notice, languages_of
from kz_compliance_sdk.domain.report import Outcome, RefusalCode, Statement
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.testing.content import naming

_YES: Final = LegalCheck(
    authority="yes",
    legal_basis="yes",
    clarity="yes",
    content_matches="yes",
    protected_speech="no",
    proportionate="yes",
    narrowest="yes",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about one item."""

    action: Action
    outcome: Outcome
    finding: Finding = "illegal"
    refusal: RefusalCode | None = None


VERDICTS: Final[Mapping[Action, Verdict]] = {
    "none": Verdict("none", "refused", "not_illegal", "not_illegal"),
    **{action: Verdict(action, outcome) for action, outcome in OUTCOME_OF_ACTION.items()},
}
"""The usual verdict with each action."""


class Office:
    """A moderator, a lead, a lawyer and a head, and the decision that a test tells them to take."""

    moderator: Final = Actor("moderator", frozenset({"moderator"}))
    lead: Final = Actor("lead", frozenset({"lead"}))
    legal: Final = Actor("legal", frozenset({"legal"}))
    head: Final = Actor("head", frozenset({"head"}))

    def __init__(self, desk: ComplianceDesk) -> None:
        self._desk = desk

    def proposal(self, notice: Notice, action: Action | Mapping[str, Verdict] = "remove", **fields: Any) -> Proposal:
        """A complete proposal: the same action for every item, with `none` a refusal, or a verdict for each item by its
        id. `fields` replace its own."""
        each = (
            action
            if not isinstance(action, str)
            else dict.fromkeys((i.item_id for i in notice.items), VERDICTS[action])
        )
        lang = next(iter(languages_of(notice)), "ru")
        given = {
            "items": tuple(_item(item_id, lang, verdict) for item_id, verdict in each.items()),
            "legal_check": _YES,
            "text_checked": True,
        }
        return Proposal.model_validate({**given, **fields})

    def claim(self, case_id: str | None = None, by: Actor = moderator) -> Lease:
        """Take the most urgent free case, or the one named. Raises NotFound if nothing is free."""
        lease = self._desk.claim(by, case_id=case_id)
        if lease is None:
            raise NotFound("no case is free: nothing was received, or all is claimed, decided or in quarantine.")
        return lease

    def propose(self, action: Action = "remove", *, case_id: str | None = None, by: Actor = moderator) -> Decided:
        """Claim a case, look at its content if the desk can, and propose the same action for each of its items. Raises
        as `claim`."""
        lease = self.claim(case_id, by)
        proposal = self.proposal(self._desk.notice(lease.case.id), action)
        if self._desk.can_look:
            proposal = naming(proposal, self._desk.look(by, lease.case.id, lease.token))
        return self._desk.propose(by, lease.case.id, lease.token, proposal)

    def decide(
        self,
        action: Action = "remove",
        *,
        case_id: str | None = None,
        by: Actor = moderator,
        approved_by: Actor = legal,
    ) -> Decided:
        """As `propose`; and where policy asks for a second person, `approved_by` approves. Raises as `claim`."""
        decided = self.propose(action, case_id=case_id, by=by)
        if decided.decision.needs_approval:
            decided = self._desk.approve(approved_by, decided.case.id, decided.digest)
        return decided


def _item(item_id: str, lang: str, verdict: Verdict) -> ItemDecision:
    return ItemDecision(
        item_id=item_id,
        finding=verdict.finding,
        reasons=f"By the script, of item {item_id}.",
        action=verdict.action,
        ground="local_law" if verdict.action != "none" else None,
        wording=Wording(
            outcome=verdict.outcome,
            refusal_code=verdict.refusal,
            statement_of_reasons=(Statement(lang=lang, text="Қаралды. Рассмотрено."),),
        ),
    )
