"""The groups of steps that a desk has beside its own methods, each made when it is first used."""

from __future__ import annotations

from functools import cached_property

from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.ports import Env, Store
from kz_compliance_sdk.services.appeals import Appeals
from kz_compliance_sdk.services.by_letter import ByLetter
from kz_compliance_sdk.services.contests import Contests
from kz_compliance_sdk.services.user_notices import UserNotices


class Groups:
    """Contests, letters, appeals and notices to users of one platform's desk."""

    store: Store
    platform_id: str
    policy: Policy
    respondent: Respondent
    env: Env
    _telling: Telling

    @cached_property
    def contests(self) -> Contests:
        """Contests of orders, and the orders that suspend them."""
        return Contests(self.store, self.platform_id, self.env.entropy)

    @cached_property
    def by_letter(self) -> ByLetter:
        """Letters about a case that runs: cancellations and answers."""
        return ByLetter(self.store, self.platform_id, self.policy, self.respondent, self.env.entropy)

    @cached_property
    def appeals(self) -> Appeals:
        """The appeals of affected users."""
        return Appeals(self.store, self.platform_id, self.policy, self.respondent, self._telling, self.env.entropy)

    @cached_property
    def user_notices(self) -> UserNotices:
        """What affected users were told, and putting it off."""
        return UserNotices(self.store, self.platform_id, self.policy.users, self.env.entropy)
