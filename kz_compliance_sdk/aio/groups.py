"""The groups of steps that the awaited desk has beside its own methods."""

from __future__ import annotations

from functools import cached_property

from kz_compliance_sdk.aio.appeals import AsyncAppeals
from kz_compliance_sdk.aio.by_letter import AsyncByLetter
from kz_compliance_sdk.aio.care import AsyncCare
from kz_compliance_sdk.aio.checkpoints import AsyncCheckpoints
from kz_compliance_sdk.aio.contests import AsyncContests
from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.aio.privacy import AsyncPrivacy
from kz_compliance_sdk.aio.transparency import AsyncTransparency
from kz_compliance_sdk.aio.user_notices import AsyncUserNotices
from kz_compliance_sdk.desk import ComplianceDesk


class AsyncGroups(Awaited[ComplianceDesk]):
    """What one platform's desk does beside the cases on it, group by group, awaited."""

    @cached_property
    def appeals(self) -> AsyncAppeals:
        """See ComplianceDesk."""
        return AsyncAppeals(self.blocking.appeals, self._threads)

    @cached_property
    def by_letter(self) -> AsyncByLetter:
        """See ComplianceDesk."""
        return AsyncByLetter(self.blocking.by_letter, self._threads)

    @cached_property
    def care(self) -> AsyncCare:
        """See ComplianceDesk."""
        return AsyncCare(self.blocking.care, self._threads)

    @cached_property
    def contests(self) -> AsyncContests:
        """See ComplianceDesk."""
        return AsyncContests(self.blocking.contests, self._threads)

    @cached_property
    def privacy(self) -> AsyncPrivacy:
        """See ComplianceDesk."""
        return AsyncPrivacy(self.blocking.privacy, self._threads)

    @cached_property
    def proof(self) -> AsyncCheckpoints:
        """See ComplianceDesk."""
        return AsyncCheckpoints(self.blocking.proof, self._threads)

    @cached_property
    def transparency(self) -> AsyncTransparency:
        """See ComplianceDesk."""
        return AsyncTransparency(self.blocking.transparency, self._threads)

    @cached_property
    def user_notices(self) -> AsyncUserNotices:
        """See ComplianceDesk."""
        return AsyncUserNotices(self.blocking.user_notices, self._threads)
