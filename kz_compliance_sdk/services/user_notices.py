"""What people have to do with telling users: look where it stands, and put it off with a legal basis."""

from __future__ import annotations

from kz_compliance_sdk.domain import user_notice_delays, user_notices
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.policy.users import UserPolicy
from kz_compliance_sdk.domain.user_notices import UserNoticeState
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import tellings_of


class UserNotices:
    """The notices to the affected users of one platform."""

    def __init__(self, store: Store, platform_id: str, policy: UserPolicy) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy

    def of_case(self, case_id: str) -> tuple[UserNoticeState, ...]:
        """Where the notices of a case stand, oldest first. Raises NotFound, and StoreDamaged for a broken chain."""
        queries = self._store.queries(self._platform)
        return tuple(user_notices.tellings(queries.case(case_id), queries.stream(case_id).case))

    def delay(
        self, actor: Actor, case_id: str, until: int, legal_basis: str, reasons: str
    ) -> tuple[UserNoticeState, ...]:
        """Keep what waits to be told in a case back until `until` (UTC seconds); it then leaves by itself.

        It takes the role `legal`, a legal basis and reasons, and is at most as long as the policy allows. Raises
        NotAllowed, InvalidInput, IllegalMove, NotFound.
        """

        def work(tx: Tx) -> tuple[Change, tuple[UserNoticeState, ...]]:
            stamp = tx.stamp(actor)
            case, messages = tx.case(case_id), tx.open_messages(case_id)
            held = tellings_of(tx, case)
            return user_notice_delays.delay(
                case, until, legal_basis, reasons, held, messages, self._policy, stamp=stamp
            )

        return self._store.submit(self._platform, work).result()
