"""The groups of steps that a desk has beside its own methods, each made when it is first used."""

from __future__ import annotations

from functools import cached_property

from kz_compliance_sdk import assembly
from kz_compliance_sdk.desk.parts import Parts
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.services.appeals import Appeals
from kz_compliance_sdk.services.by_letter import ByLetter
from kz_compliance_sdk.services.care import Care
from kz_compliance_sdk.services.contests import Contests
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.services.user_notices import UserNotices
from kz_compliance_sdk.transparency.publication import Transparency


class Groups(Parts):
    """What one platform's desk does beside the cases on it, group by group."""

    @cached_property
    def appeals(self) -> Appeals:
        """The appeals of affected users."""
        return Appeals(self.store, self.platform_id, self.policy, self.respondent, self._telling, self.env.entropy)

    @cached_property
    def by_letter(self) -> ByLetter:
        """Letters about a case that runs: cancellations and answers."""
        return ByLetter(self.store, self.platform_id, self.policy, self.respondent, self.env.entropy)

    @cached_property
    def care(self) -> Care:
        """What guards a case against haste and pressure: gaps, alarms, instructions, demands for user data."""
        return assembly.care(self.store, self.settings, self.policy, self.env)

    @cached_property
    def contests(self) -> Contests:
        """Contests of orders, and the orders that suspend them."""
        return Contests(self.store, self.platform_id, self.policy, self.env.entropy)

    @cached_property
    def privacy(self) -> Privacy:
        """How long personal data is kept, who takes it out, and its end."""
        return assembly.privacy(self.settings, self.store, self.env)

    @cached_property
    def proof(self) -> Checkpoints:
        """The checkpoints over all cases, and the proofs that a case is in one."""
        return assembly.checkpoints(self.settings, self.store, self.env, self.respondent.seal)

    @cached_property
    def transparency(self) -> Transparency:
        """The transparency reports of the platform."""
        return assembly.transparency(self.settings, self.store, self.policy)

    @cached_property
    def user_notices(self) -> UserNotices:
        """What affected users were told, and putting it off."""
        return UserNotices(self.store, self.platform_id, self.policy.users, self.env.entropy)
