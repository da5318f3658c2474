"""What affected users are told, awaited."""

from __future__ import annotations

from functools import partial

from kz_compliance_sdk.aio.hop import Hop
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.change import UserNoticeState
from kz_compliance_sdk.services.user_notices import UserNotices


class AsyncUserNotices:
    """UserNotices for event loops: the same names and arguments, awaited."""

    def __init__(self, blocking: UserNotices, hop: Hop) -> None:
        self.blocking, self._hop = blocking, hop

    async def of_case(self, case_id: str) -> tuple[UserNoticeState, ...]:
        """See UserNotices."""
        return await self._hop(partial(self.blocking.of_case, case_id))

    async def delay(
        self, actor: Actor, case_id: str, until: int, legal_basis: str, reasons: str
    ) -> tuple[UserNoticeState, ...]:
        """See UserNotices."""
        return await self._hop(partial(self.blocking.delay, actor, case_id, until, legal_basis, reasons))
