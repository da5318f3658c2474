"""What people have to do with telling users: look where it stands, and put it off with a legal basis."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain import user_notice_delays
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.change import Change, UserNoticeState
from kz_compliance_sdk.domain.policy.users import UserPolicy
from kz_compliance_sdk.ports import Store, Tx


class UserNotices:
    """The notices to the affected users of one platform."""

    def __init__(self, store: Store, platform_id: str, policy: UserPolicy, entropy: Callable[[int], bytes]) -> None:
        self._store, self._platform, self._policy, self._entropy = store, platform_id, policy, entropy

    def of_case(self, case_id: str) -> tuple[UserNoticeState, ...]:
        """Where the notices of a case stand, oldest first."""
        return tuple(self._store.queries(self._platform).user_notices(case_id))

    def delay(
        self, actor: Actor, case_id: str, until: int, legal_basis: str, reasons: str
    ) -> tuple[UserNoticeState, ...]:
        """Keep what waits to be told in a case back until `until` (UTC seconds); it then leaves by itself.

        It takes the role `legal`, a legal basis and reasons, and is at most as long as the policy allows. Raises
        NotAllowed, InvalidInput, IllegalMove, NotFound.
        """

        def work(tx: Tx) -> tuple[Change, tuple[UserNoticeState, ...]]:
            stamp = tx.stamp(actor, self._entropy(32))
            rows, messages = tx.user_notices(case_id), tx.open_messages(case_id)
            case = tx.case(case_id)
            return user_notice_delays.delay(
                case, until, legal_basis, reasons, rows, messages, self._policy, stamp=stamp
            )

        return self._store.submit(self._platform, work).result()
