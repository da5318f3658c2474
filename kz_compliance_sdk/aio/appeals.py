"""The appeals of affected users, awaited."""

from __future__ import annotations

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.appeals import AppealOutcome, Reversal
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.change import Appeal
from kz_compliance_sdk.ports import AppealPage
from kz_compliance_sdk.services.appeals import AppealFile, Appeals


class AsyncAppeals(Awaited[Appeals]):
    """Appeals for event loops: the same names and arguments, awaited."""

    async def receive(
        self, actor: Actor | None, case_id: str, item_id: str, text: str, received_at: int, reference: str
    ) -> Appeal:
        """See Appeals."""
        return await self._hop(self.blocking.receive, actor, case_id, item_id, text, received_at, reference)

    async def list(self, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        """See Appeals."""
        return await self._hop(self.blocking.list, state, cursor, limit)

    async def show(self, appeal_id: str) -> AppealFile:
        """See Appeals."""
        return await self._hop(self.blocking.show, appeal_id)

    async def decide(
        self, actor: Actor, appeal_id: str, outcome: AppealOutcome, reasons: str, reversal: Reversal | None = None
    ) -> Appeal:
        """See Appeals."""
        return await self._hop(self.blocking.decide, actor, appeal_id, outcome, reasons, reversal)

    async def withdraw(self, actor: Actor | None, appeal_id: str) -> Appeal:
        """See Appeals."""
        return await self._hop(self.blocking.withdraw, actor, appeal_id)
