"""`ComplianceDesk.privacy`, awaited."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.services.privacy import Privacy, RetentionRun


class AsyncPrivacy(Awaited[Privacy]):
    """Privacy for event loops: the same names and arguments, awaited."""

    async def retention(
        self, now: int | None = None, *, dry_run: bool = False, progress: Callable[[int], None] | None = None
    ) -> RetentionRun:
        """See Privacy. `progress` is called on a thread."""
        return await self._hop(self.blocking.retention, now, dry_run=dry_run, progress=progress)

    async def erased(self) -> int:
        """See Privacy."""
        return await self._hop(self.blocking.erased)

    async def hold(self, actor: Actor, case_id: str, reasons: str, until: int) -> Case:
        """See Privacy."""
        return await self._hop(self.blocking.hold, actor, case_id, reasons, until)

    async def end_hold(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """See Privacy."""
        return await self._hop(self.blocking.end_hold, actor, case_id, reasons)

    async def ask_erasure(self, actor: Actor, case_id: str, ground: str) -> Case:
        """See Privacy."""
        return await self._hop(self.blocking.ask_erasure, actor, case_id, ground)

    async def erase(self, actor: Actor, case_id: str) -> Case:
        """See Privacy."""
        return await self._hop(self.blocking.erase, actor, case_id)

    async def export(self, actor: Actor, case_id: str, *, with_staff: bool = False) -> bytes:
        """See Privacy."""
        return await self._hop(self.blocking.export, actor, case_id, with_staff=with_staff)
