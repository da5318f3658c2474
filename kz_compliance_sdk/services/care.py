"""What helps people to be careful: the gaps of a notice, drafted questions, a proposal for items that are alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kz_compliance_sdk.domain import completeness, proposal_checks
from kz_compliance_sdk.domain.completeness import Gap, Recipient
from kz_compliance_sdk.domain.decision import ItemDecision, Proposal
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.notice import languages_of
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import notice_of

T = TypeVar("T")


class Care:
    """What people are helped with before they decide, for one platform."""

    def __init__(self, store: Store, platform_id: str, policy: Policy, recipient: Recipient) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._recipient = recipient

    def gaps(self, case_id: str) -> tuple[Gap, ...]:
        """What the notice of a case lacks, as it stands now. Raises NotFound, also for a case in quarantine."""
        return self._read(lambda tx: self._gaps(tx, case_id))

    def draft(self, case_id: str) -> tuple[Question, ...]:
        """A drafted question for each gap, in the languages of the notice; a person must read and confirm it.

        Raises NotFound, also for a case in quarantine.
        """

        def read(tx: Tx) -> tuple[Question, ...]:
            notice = notice_of(tx, tx.case(case_id))
            return completeness.draft(self._gaps(tx, case_id), languages_of(notice))

        return self._read(read)

    def alike(
        self, case_id: str, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
    ) -> Proposal:
        """A proposal that decides every open item as `decided` says. Raises NotAllowed (`bulk_off`) where the case has
        legal review and more than one open item; NotFound."""

        def read(tx: Tx) -> Proposal:
            case = tx.case(case_id)
            return proposal_checks.alike(
                case, self._policy, decided, legal_check=legal_check, text_checked=text_checked
            )

        return self._read(read)

    def _gaps(self, tx: Tx, case_id: str) -> tuple[Gap, ...]:
        return completeness.gaps(notice_of(tx, tx.case(case_id)), self._policy, self._recipient)

    def _read(self, read: Callable[[Tx], T]) -> T:
        return self._store.submit(self._platform, lambda tx: ((), read(tx))).result()
