"""The people of a platform's office, deciding from a script: what a test needs between a notice and its report."""

from __future__ import annotations

from typing import Any, Final

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, Action, ItemDecision, Proposal, Wording
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.notice import Item, Notice, languages_of
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.services.review import Decided, Lease
from kz_compliance_sdk.testing.content import naming

__all__ = ["Office"]

_YES: Final = LegalCheck(
    authority="yes",
    legal_basis="yes",
    clarity="yes",
    content_matches="yes",
    protected_speech="no",
    proportionate="yes",
    narrowest="yes",
)


class Office:
    """A moderator, a lead, a lawyer and a head, and the decision that a test tells them to take."""

    moderator: Final = Actor("moderator", frozenset({"moderator"}))
    second_moderator: Final = Actor("second-moderator", frozenset({"moderator"}))
    lead: Final = Actor("lead", frozenset({"lead"}))
    legal: Final = Actor("legal", frozenset({"legal"}))
    head: Final = Actor("head", frozenset({"head"}))

    def __init__(self, desk: ComplianceDesk) -> None:
        self._desk = desk

    def proposal(self, notice: Notice, action: Action = "remove", **fields: Any) -> Proposal:
        """A complete proposal: the same action for every item, or with `none` a refusal. `fields` replace its own."""
        given = {
            "items": tuple(_item(item, notice, action) for item in notice.items),
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
        approved_by: Actor = lead,
    ) -> Decided:
        """As `propose`; and where policy asks for a second person, `approved_by` approves. Raises as `claim`."""
        decided = self.propose(action, case_id=case_id, by=by)
        if decided.decision.needs_approval:
            decided = self._desk.approve(approved_by, decided.case.id, decided.digest)
        return decided


def _item(item: Item, notice: Notice, action: Action) -> ItemDecision:
    lang = next(iter(languages_of(notice)), "ru")
    reasons = (Statement(lang=lang, text="Қаралды. Рассмотрено."),)
    if action == "none":
        refused = Wording(outcome="refused", refusal_code="not_illegal", statement_of_reasons=reasons)
        return ItemDecision(
            item_id=item.item_id, finding="not_illegal", reasons="By the script.", action=action, wording=refused
        )
    return ItemDecision(
        item_id=item.item_id,
        finding="illegal",
        reasons="By the script.",
        action=action,
        ground="local_law",
        wording=Wording(outcome=OUTCOME_OF_ACTION[action], statement_of_reasons=reasons),
    )
