"""What guards a case against haste and pressure: gaps and drafted questions, alarms, instructions, user data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kz_compliance_sdk.domain import completeness, duress, proposal_checks
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.completeness import Gap, Recipient
from kz_compliance_sdk.domain.decision import ItemDecision, Proposal
from kz_compliance_sdk.domain.duress import Instruction
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.notice import languages_of
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.domain.withholding import by_one_person
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import notice_of, objects_of, withheld
from kz_compliance_sdk.services.tallying import counted

T = TypeVar("T")


class Care:
    """The careful steps for one platform. Blocking; every step is durable when it returns."""

    def __init__(self, store: Store, platform_id: str, policy: Policy, recipient: Recipient) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._recipient = recipient

    def gaps(self, case_id: str) -> tuple[Gap, ...]:
        """What the notice of a case lacks, as it stands now. Raises NotFound, also for a case in quarantine."""
        return self._do(lambda tx: ((), self._gaps(tx, case_id)))

    def draft(self, case_id: str) -> tuple[Question, ...]:
        """A drafted question for each gap, in the languages of the notice; a person must read and confirm it.

        Raises NotFound, also for a case in quarantine.
        """

        def read(tx: Tx) -> tuple[Change, tuple[Question, ...]]:
            notice = notice_of(tx, tx.case(case_id))
            return (), completeness.draft(self._gaps(tx, case_id), languages_of(notice))

        return self._do(read)

    def alike(
        self, case_id: str, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
    ) -> Proposal:
        """A proposal that decides every open item as `decided` says. Raises NotAllowed (`bulk_off`) where the case has
        legal review and more than one open item; NotFound."""

        def read(tx: Tx) -> tuple[Change, Proposal]:
            case = tx.case(case_id)
            return (), proposal_checks.alike(
                case, self._policy, decided, legal_check=legal_check, text_checked=text_checked
            )

        return self._do(read)

    def raise_alarm(self, actor: Actor, case_id: str, reason: str) -> Case:
        """Call a lead and a lawyer to a case, in whatever state it is. Raises InvalidInput, NotAllowed, NotFound."""
        return self._do(lambda tx: duress.raise_alarm(tx.case(case_id), reason, stamp=tx.stamp(actor)))

    def record_instruction(self, actor: Actor, case_id: str, instruction: Instruction) -> Case:
        """Record what somebody told the office to do; a measure then takes a second person, also one that was decided
        by one and has not begun.

        Raises InvalidInput that names the field, NotAllowed, NotFound.
        """

        def work(tx: Tx) -> tuple[Change, Case]:
            stamp = tx.stamp(actor)
            change, case = duress.record_instruction(tx.case(case_id), instruction, stamp=stamp)
            return withheld(tx, change, case, by_one_person, self._policy, stamp)

        return self._do(work)

    def hand_over(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """Take a demand for user data out of here, as a lawyer: the case ends and nothing is reported.

        Raises NotAllowed, IllegalMove, InvalidInput, NotFound.
        """

        def work(tx: Tx) -> tuple[Change, Case]:
            case, stamp = tx.case(case_id), tx.stamp(actor)
            holds = objects_of(tx, case).own(case)
            return duress.hand_over(case, reasons, tx.open_messages(case_id), holds, stamp=stamp)

        return self._do(work)

    def rule_out_demand(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """Record, as a lawyer, that a case is no demand for user data after all.

        Raises NotAllowed, IllegalMove, InvalidInput, NotFound.
        """
        return self._do(lambda tx: duress.rule_out_demand(tx.case(case_id), reasons, stamp=tx.stamp(actor)))

    def _gaps(self, tx: Tx, case_id: str) -> tuple[Gap, ...]:
        return completeness.gaps(notice_of(tx, tx.case(case_id)), self._policy, self._recipient)

    def _do(self, work: Callable[[Tx], tuple[Change, T]]) -> T:
        return self._store.submit(self._platform, counted(work)).result()
