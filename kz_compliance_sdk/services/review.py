"""What moderators do, each step as one unit: load, decide, save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from kz_compliance_sdk.domain import deciding, legal_check, office_steps, steps
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import Change, case_after
from kz_compliance_sdk.domain.decision import Decision, Proposal
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.domain.legal_check import LegalCheck, RecordedCheck
from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, who_decided
from kz_compliance_sdk.domain.reviewed import checks_of
from kz_compliance_sdk.errors import IllegalMove
from kz_compliance_sdk.ports import Due, Future, Store, Tx
from kz_compliance_sdk.services import unreadable
from kz_compliance_sdk.services.admission import follow_waiting
from kz_compliance_sdk.services.loading import (
    answering_of,
    context_of,
    decisions_in,
    notice_of,
    notified_of,
    standing_of,
    stream_in,
    typed_amendment,
    typist_of,
    with_checkpoint,
)
from kz_compliance_sdk.services.looking import Looking
from kz_compliance_sdk.services.tallying import counted

T = TypeVar("T")
_TO_PROPOSE = (CaseState.QUEUED, CaseState.CLAIMED, CaseState.AWAITING_ANSWER)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed case. Every later step names `token`; it is good until `expires_at` (UTC seconds)."""

    case: Case
    token: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What a proposal came to: the case, and the decision with the digest that an approval must name."""

    case: Case
    decision: Decision

    @property
    def digest(self) -> str:
        return self.decision.digest


class Review:
    """The steps of review for one platform. Every method returns a future that resolves once its change is durable."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        policy: Policy,
        respondent: Respondent,
        looking: Looking | None = None,
    ) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._respondent, self._looking = respondent, looking

    def _can_look(self) -> bool:
        return self._looking is not None and self._looking.is_ready()

    def _submit(self, work: Callable[[Tx], tuple[Change, T]]) -> Future[T]:
        return self._store.submit(self._platform, counted(work))

    def _step(self, actor: Actor, case_id: str, step: Callable[[Tx, Case, Stamp], tuple[Change, T]]) -> Future[T]:
        """A step of a person on one case."""
        return self._submit(lambda tx: step(tx, tx.case(case_id), tx.stamp(actor)))

    def claim(self, actor: Actor, *, category: str | None = None, case_id: str | None = None) -> Future[Lease | None]:
        """The most urgent free case, or the one named; None if nothing is free. Leases that ran out come back first."""
        REVIEW_POLICY.check(actor, "claim")
        # What only a lawyer takes must not stand in everybody else's way.
        without = "" if "legal" in actor.roles else USER_DATA_DEMAND

        def take(tx: Tx) -> tuple[Change, Lease | None]:
            writes, freed = self._expired(tx)
            case: Case | None
            if case_id is not None:
                case = next((one for one in freed if one.id == case_id), None) or tx.case(case_id)
            else:
                case = tx.claimable(category=category, without_flag=without)
                free = [case] if case is not None else []
                free += [one for one in freed if category in (None, one.category) and without not in one.flags]
                case = min(free, key=lambda one: (one.urgent_at, one.id), default=None)
            if case is None:
                return writes, None
            change, claimed = steps.claim(case, lease_s=self._policy.lease_s, stamp=tx.stamp(actor))
            return (*writes, *change), _lease(claimed)

        return self._submit(take)

    def _expired(self, tx: Tx) -> tuple[Change, list[Case]]:
        """The leases that ran out, freed: what that writes, and the cases as they then are."""
        expired = tx.due_cases(Due.LEASE, tx.now, 256)
        if not expired:
            return (), []
        stamp = tx.stamp(SYSTEM)
        changes = [steps.expire(case, stamp=stamp) for case in expired]
        freed = [case_after(case, change) for case, change in zip(expired, changes, strict=True)]
        return tuple(chain.from_iterable(changes)), freed

    def renew(self, actor: Actor, case_id: str, token: int) -> Future[Lease]:
        def renewed(_tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Lease]:
            change, case = steps.renew(case, token, lease_s=self._policy.lease_s, stamp=stamp)
            return change, _lease(case)

        return self._step(actor, case_id, renewed)

    def release(self, actor: Actor, case_id: str, token: int) -> Future[Case]:
        return self._step(actor, case_id, lambda _, case, stamp: steps.release(case, token, stamp=stamp))

    def propose(self, actor: Actor, case_id: str, token: int, proposal: Proposal) -> Future[Decided]:
        """The same proposal again, by the same person under the same lease, gets the first answer."""
        REVIEW_POLICY.check(actor, "propose")

        def proposed(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Decided]:
            # Where it is still to be proposed nothing stands: what was proposed then was taken back or superseded.
            if case.state not in _TO_PROPOSE and case.lease_token == token:
                decision = decisions_in(tx, case_id).get(case.decision_version)
                if decision and decision.proposed_by == actor.id and decision.proposal == proposal:
                    return (), Decided(case, decision)
            context = context_of(tx, case, self._policy, self._respondent, can_look=self._can_look())
            change, after, decision = deciding.propose(case, token, proposal, context, stamp=stamp)
            return change, Decided(after, decision)

        return self._step(actor, case_id, proposed)

    def record_legal_check(self, actor: Actor, case_id: str, check: LegalCheck) -> Future[RecordedCheck]:
        def recorded(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, RecordedCheck]:
            change, _, row = legal_check.record_legal_check(
                case, check, checks_of(stream_in(tx, case_id), case_id), stamp=stamp
            )
            return change, row

        return self._step(actor, case_id, recorded)

    def approve(self, actor: Actor, case_id: str, digest: str) -> Future[Decided]:
        """The content is compared first, outside the transaction: raises Conflict if it is not what was proposed
        about."""
        REVIEW_POLICY.check(actor, "approve")
        if self._looking is not None:
            self._looking.before_approval(actor, case_id, digest)

        def approved(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Decided]:
            context = context_of(tx, case, self._policy, self._respondent)
            decision = _current(case, context.decisions)
            proposers = who_decided(stream_in(tx, case_id), decision.version)
            change, after = deciding.approve(case, digest, decision, context, proposers, stamp=stamp)
            said = {"approved_by": actor.id, "approved_at": tx.now}
            return change, Decided(after, decision.model_copy(update=said))

        return self._step(actor, case_id, approved)

    def send_back(self, actor: Actor, case_id: str, digest: str, reasons: str) -> Future[Case]:
        REVIEW_POLICY.check(actor, "send_back")

        def sent_back(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            decision = _current(case, decisions_in(tx, case_id))
            return deciding.send_back(case, digest, reasons, decision, stamp=stamp)

        return self._step(actor, case_id, sent_back)

    def undo(self, actor: Actor, case_id: str) -> Future[Case]:
        def undone(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            kinds = ("enforce", "restore", "report")
            messages = [message for message in tx.open_messages(case_id) if message.kind in kinds]
            return deciding.undo(case, messages, self._policy, stamp=stamp)

        return self._step(actor, case_id, undone)

    def reopen(self, actor: Actor, case_id: str, reasons: str, items: Sequence[str] = ()) -> Future[Case]:
        return self._step(
            actor, case_id, lambda _, case, stamp: office_steps.reopen(case, reasons, self._policy, items, stamp=stamp)
        )

    def request_clarification(
        self, actor: Actor, case_id: str, token: int, questions: Sequence[Question], *, text_checked: bool = False
    ) -> Future[Case]:
        REVIEW_POLICY.check(actor, "request_clarification")

        def asked(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            notice = notice_of(tx, case)
            return steps.request_clarification(case, token, questions, notice, text_checked=text_checked, stamp=stamp)

        return self._step(actor, case_id, asked)

    def recall(self, actor: Actor, case_id: str) -> Future[Case]:
        return self._step(actor, case_id, lambda _, case, stamp: steps.recall(case, stamp=stamp))

    def authenticate(self, actor: Actor, case_id: str, how: str) -> Future[Case]:
        """An amendment that was typed in waits for this as well, and then takes effect."""
        REVIEW_POLICY.check(actor, "authenticate")

        def authenticated(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            amendment = typed_amendment(tx, case)
            if amendment is None:
                return office_steps.authenticate(case, how, typist_of(tx, case), stamp=stamp)
            notice, arrival, others = amendment
            standing = standing_of(tx, case, self._respondent)
            change, case = office_steps.vouch_for_amendment(
                case, notice, arrival, how, others, self._policy, standing, stamp
            )
            change, case = follow_waiting(tx, case, change, self._policy, self._respondent, stamp)
            return (*change, *unreadable.alerts(tx, self._platform)), case

        return self._step(actor, case_id, authenticated)

    def correct_receipt(self, actor: Actor, case_id: str, received_at: int, reasons: str) -> Future[Case]:
        def corrected(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            typist = typist_of(tx, case)
            return office_steps.correct_receipt(case, received_at, reasons, self._policy, typist, stamp=stamp)

        return self._step(actor, case_id, corrected)

    def settle_quarantine(self, actor: Actor, case_id: str, reasons: str) -> Future[Case]:
        return self._step(
            actor, case_id, lambda _, case, stamp: office_steps.settle_quarantine(case, reasons, stamp=stamp)
        )

    def report_interim(self, actor: Actor, case_id: str) -> Future[Case]:
        def reported(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            notified, respondent = notified_of(tx, case), with_checkpoint(tx, self._respondent)
            decisions = decisions_in(tx, case_id)
            return office_steps.report_interim(case, decisions, respondent, stamp=stamp, notified=notified)

        return self._step(actor, case_id, reported)

    def record_undoable(self, actor: Actor, case_id: str, item_id: str, reasons: str) -> Future[Case]:
        def recorded(tx: Tx, case: Case, stamp: Stamp) -> tuple[Change, Case]:
            messages, answering = (
                tx.open_messages(case_id),
                answering_of(tx, case, case.item(item_id), self._respondent),
            )
            return deciding.record_undoable(case, item_id, reasons, messages, answering, stamp=stamp)

        return self._step(actor, case_id, recorded)

    def acknowledge(self, actor: Actor, case_id: str) -> Future[Case]:
        return self._step(actor, case_id, lambda _, case, stamp: office_steps.acknowledge(case, stamp=stamp))


def _lease(case: Case) -> Lease:
    assert case.lease_expires_at is not None  # noqa: S101  claim and renew set it
    return Lease(case, case.lease_token, case.lease_expires_at)


def _current(case: Case, decisions: object) -> Decision:
    decision = decisions.get(case.decision_version) if isinstance(decisions, dict) else None
    if not isinstance(decision, Decision):
        raise IllegalMove("nothing was proposed for this case.", reference=case.id)
    return decision
