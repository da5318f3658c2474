"""Contests of orders and the orders that suspend them, each step as one unit: load, decide, save."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain import suspensions
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.contest import ContestResult, SuspensionOrder
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Contest
from kz_compliance_sdk.domain.review_policy import who_suspended
from kz_compliance_sdk.domain.withholding import rests_on_order
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import stream_in, withheld
from kz_compliance_sdk.services.tallying import counted


class Contests:
    """What is recorded of the remedies against the orders that one platform received."""

    def __init__(self, store: Store, platform_id: str, policy: Policy) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy

    def _take(self, actor: Actor, case_id: str, step: Callable[[Case, Stamp], tuple[Change, Case]]) -> Case:
        def work(tx: Tx) -> tuple[Change, Case]:
            return step(tx.case(case_id), tx.stamp(actor))

        return self._store.submit(self._platform, counted(work)).result()

    def _take_and_withhold(
        self, actor: Actor, case_id: str, step: Callable[[Tx, Case, Stamp], tuple[Change, Case]]
    ) -> Case:
        """Take a step after which no measure may leave on the ground of the order unless a second person says so."""

        def work(tx: Tx) -> tuple[Change, Case]:
            stamp = tx.stamp(actor)
            change, case = step(tx, tx.case(case_id), stamp)
            return withheld(tx, change, case, rests_on_order, self._policy, stamp)

        return self._store.submit(self._platform, counted(work)).result()

    def record(self, actor: Actor, case_id: str, contest: Contest, remedy: str) -> Case:
        """Record that the order is contested: before which body, under which reference, when, and what is asked for.

        It pauses nothing. Raises NotAllowed and InvalidInput.
        """
        return self._take(
            actor, case_id, lambda case, stamp: suspensions.record_contest(case, contest, remedy, stamp=stamp)
        )

    def settle(
        self, actor: Actor, case_id: str, number: int, result: ContestResult, result_at: int, reasons: str
    ) -> Case:
        """Record how the contest `number` ended (`withdrawn`, `rejected`, `granted`, `partly`) and when (UTC seconds).

        It decides nothing: a person supersedes the decision, or waits for the authority. Raises NotAllowed,
        InvalidInput and IllegalMove.
        """
        return self._take(
            actor,
            case_id,
            lambda case, stamp: suspensions.settle_contest(case, number, result, result_at, reasons, stamp=stamp),
        )

    def suspend(self, actor: Actor, case_id: str, order: SuspensionOrder) -> Case:
        """Record an order that suspends the case's order. It pauses no term before somebody else confirms it, but
        measures on the ground of the order that have not begun wait for a second person at once.

        Raises NotAllowed and InvalidInput.
        """
        return self._take_and_withhold(
            actor, case_id, lambda _tx, case, stamp: suspensions.record_suspension(case, order, stamp=stamp)
        )

    def confirm_suspension(self, actor: Actor, case_id: str, number: int, how: str) -> Case:
        """Confirm the suspension `number`, never by the person who recorded it: the term stands still from the time
        that the order names. Measures in force stay, those that have not begun wait for a second person. Raises
        NotAllowed, InvalidInput and IllegalMove."""
        return self._take_and_withhold(
            actor,
            case_id,
            lambda tx, case, stamp: suspensions.confirm_suspension(
                case, number, how, who_suspended(stream_in(tx, case_id), number), stamp=stamp
            ),
        )

    def end_suspension(self, actor: Actor, case_id: str, number: int, ended_at: int, reasons: str) -> Case:
        """Record that the suspension `number` ended at `ended_at` (UTC seconds), or take back one that nobody
        confirmed. What is left of the term runs on. Raises NotAllowed, InvalidInput and IllegalMove."""
        return self._take(
            actor,
            case_id,
            lambda case, stamp: suspensions.end_suspension(case, number, ended_at, reasons, stamp=stamp),
        )
