"""The careful steps, awaited."""

from __future__ import annotations

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.completeness import Gap
from kz_compliance_sdk.domain.decision import ItemDecision, Proposal
from kz_compliance_sdk.domain.duress import Instruction
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.services.care import Care

__all__ = ["AsyncCare"]


class AsyncCare(Awaited[Care]):
    """Care for event loops: the same names and arguments, awaited."""

    async def gaps(self, case_id: str) -> tuple[Gap, ...]:
        """See Care."""
        return await self._hop(self.blocking.gaps, case_id)

    async def draft(self, case_id: str) -> tuple[Question, ...]:
        """See Care."""
        return await self._hop(self.blocking.draft, case_id)

    async def alike(
        self, case_id: str, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
    ) -> Proposal:
        """See Care."""
        return await self._hop(
            self.blocking.alike, case_id, decided, legal_check=legal_check, text_checked=text_checked
        )

    async def raise_alarm(self, actor: Actor, case_id: str, reason: str) -> Case:
        """See Care."""
        return await self._hop(self.blocking.raise_alarm, actor, case_id, reason)

    async def record_instruction(self, actor: Actor, case_id: str, instruction: Instruction) -> Case:
        """See Care."""
        return await self._hop(self.blocking.record_instruction, actor, case_id, instruction)

    async def hand_over(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """See Care."""
        return await self._hop(self.blocking.hand_over, actor, case_id, reasons)

    async def rule_out_demand(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """See Care."""
        return await self._hop(self.blocking.rule_out_demand, actor, case_id, reasons)
