"""Contests and suspensions, awaited."""

from __future__ import annotations

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.contest import ContestResult, SuspensionOrder
from kz_compliance_sdk.domain.report import Contest
from kz_compliance_sdk.services.contests import Contests


class AsyncContests(Awaited[Contests]):
    """Contests for event loops: the same names and arguments, awaited."""

    async def record(self, actor: Actor, case_id: str, contest: Contest, remedy: str) -> Case:
        """See Contests."""
        return await self._hop(self.blocking.record, actor, case_id, contest, remedy)

    async def settle(
        self, actor: Actor, case_id: str, number: int, result: ContestResult, result_at: int, reasons: str
    ) -> Case:
        """See Contests."""
        return await self._hop(self.blocking.settle, actor, case_id, number, result, result_at, reasons)

    async def suspend(self, actor: Actor, case_id: str, order: SuspensionOrder) -> Case:
        """See Contests."""
        return await self._hop(self.blocking.suspend, actor, case_id, order)

    async def confirm_suspension(self, actor: Actor, case_id: str, number: int, how: str) -> Case:
        """See Contests."""
        return await self._hop(self.blocking.confirm_suspension, actor, case_id, number, how)

    async def end_suspension(self, actor: Actor, case_id: str, number: int, ended_at: int, reasons: str) -> Case:
        """See Contests."""
        return await self._hop(self.blocking.end_suspension, actor, case_id, number, ended_at, reasons)
