"""The groups of steps that a desk has beside its own methods, each made when it is first used."""

from __future__ import annotations

from functools import cached_property

from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.ports import Env, Store
from kz_compliance_sdk.services.by_letter import ByLetter
from kz_compliance_sdk.services.contests import Contests


class Groups:
    """Contests and letters of one platform's desk."""

    store: Store
    platform_id: str
    policy: Policy
    respondent: Respondent
    env: Env

    @cached_property
    def contests(self) -> Contests:
        """Contests of orders, and the orders that suspend them."""
        return Contests(self.store, self.platform_id, self.env.entropy)

    @cached_property
    def by_letter(self) -> ByLetter:
        """Letters about a case that runs: cancellations and answers."""
        return ByLetter(self.store, self.platform_id, self.policy, self.respondent, self.env.entropy)
