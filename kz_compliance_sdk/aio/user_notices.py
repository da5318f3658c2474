"""What affected users are told, awaited."""

from __future__ import annotations

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.change import UserNoticeState
from kz_compliance_sdk.services.user_notices import UserNotices


class AsyncUserNotices(Awaited[UserNotices]):
    """UserNotices for event loops: the same names and arguments, awaited."""

    async def of_case(self, case_id: str) -> tuple[UserNoticeState, ...]:
        """See UserNotices."""
        return await self._hop(self.blocking.of_case, case_id)

    async def delay(
        self, actor: Actor, case_id: str, until: int, legal_basis: str, reasons: str
    ) -> tuple[UserNoticeState, ...]:
        """See UserNotices."""
        return await self._hop(self.blocking.delay, actor, case_id, until, legal_basis, reasons)
