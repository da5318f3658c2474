"""The careful steps, awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.completeness import Gap
from kz_compliance_sdk.domain.decision import ItemDecision, Proposal
from kz_compliance_sdk.domain.duress import Instruction
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.services.care import Care

__all__ = ["AsyncCare"]


class AsyncCare:
    """Care for event loops: the same names and arguments, awaited. `hop` runs a blocking call on a thread."""

    def __init__(self, blocking: Care, hop: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self.blocking, self._hop = blocking, hop

    async def gaps(self, case_id: str) -> tuple[Gap, ...]:
        """See Care."""
        found: tuple[Gap, ...] = await self._hop(partial(self.blocking.gaps, case_id))
        return found

    async def draft(self, case_id: str) -> tuple[Question, ...]:
        """See Care."""
        drafted: tuple[Question, ...] = await self._hop(partial(self.blocking.draft, case_id))
        return drafted

    async def alike(
        self, case_id: str, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
    ) -> Proposal:
        """See Care."""
        call = partial(self.blocking.alike, case_id, decided, legal_check=legal_check, text_checked=text_checked)
        proposal: Proposal = await self._hop(call)
        return proposal

    async def raise_alarm(self, actor: Actor, case_id: str, reason: str) -> Case:
        """See Care."""
        return await self._case(partial(self.blocking.raise_alarm, actor, case_id, reason))

    async def record_instruction(self, actor: Actor, case_id: str, instruction: Instruction) -> Case:
        """See Care."""
        return await self._case(partial(self.blocking.record_instruction, actor, case_id, instruction))

    async def hand_over(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """See Care."""
        return await self._case(partial(self.blocking.hand_over, actor, case_id, reasons))

    async def rule_out_demand(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """See Care."""
        return await self._case(partial(self.blocking.rule_out_demand, actor, case_id, reasons))

    async def _case(self, call: Callable[[], Case]) -> Case:
        case: Case = await self._hop(call)
        return case
