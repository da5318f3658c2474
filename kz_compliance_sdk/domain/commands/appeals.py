"""Appeals of affected users: received, decided by somebody else than who decided first, taken back."""

from __future__ import annotations

from typing import Annotated

from kz_compliance_sdk.domain import appeals, user_notices
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.appeals import Appeal, AppealOutcome, Reversal, Settled
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, case_after
from kz_compliance_sdk.domain.commands.base import Command, Facts, Field, OrBySystem, words
from kz_compliance_sdk.domain.message_states import tried
from kz_compliance_sdk.domain.messages import stuck, then
from kz_compliance_sdk.domain.references import appeal_id_of
from kz_compliance_sdk.domain.review_policy import who_decided
from kz_compliance_sdk.domain.user_notices import Occasion
from kz_compliance_sdk.errors import ComplianceError, Conflict, InvalidInput

AppealId = Annotated[str, Field("The appeal's id.")]


class ReceiveAppeal(OrBySystem[Appeal], may="receive_appeal"):
    """Record a user's appeal against a measure in force. The same `reference` again returns the appeal that is there.

    Raises IllegalMove for an item without a measure and for a case that was erased, and Conflict for a reference that
    belongs to something else.
    """

    item_id: Annotated[str, Field("The item it is about.", "--item")]
    text: Annotated[str, words("Give what the user wrote.", "What the user wrote. It never leaves the platform.")]
    received_at: Annotated[int, Field("When the user made it, UTC seconds.", is_time=True)]
    reference: Annotated[str, Field("Your own number of the appeal; the same again changes nothing.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Appeal]:
        appeals.check_reference(self.reference)
        held = _known(case, facts, appeal_id_of(case.platform_id, stamp.keyed(self.reference)))
        if held is None:
            rests_on = {number: item.rests_on for number, item in facts.stream.case.items.items()}
            return appeals.receive(
                case,
                self.item_id,
                self.text,
                self.received_at,
                self.reference,
                facts.decisions(),
                rests_on,
                facts.policy.users,
                stamp=stamp,
            )
        if not appeals.is_about(held, case, self.item_id):
            raise _of_another(held.appeal_id)
        return (), held


class DecideAppeal(Command[Appeal], may="decide_appeal"):
    """Decide an appeal: `uphold` leaves the measure, `reverse` lifts it and needs a `reversal`. The user is told.

    Never by whoever proposed or approved the decision in force: raises NotAllowed (`four_eyes`). Raises also
    IllegalMove while the item is being decided anew.
    """

    appeal_id: AppealId
    outcome: Annotated[AppealOutcome, Field("Leave the measure, or lift it.")]
    reasons: Annotated[str, words("Say what you found when you looked at it anew.")]
    reversal: Annotated[Reversal | None, Field("With `reverse`: what the law, and what the regulator is told.")] = None

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Appeal]:
        if self.outcome not in ("uphold", "reverse"):
            raise InvalidInput("this is no outcome.", field="outcome", remedy="Use 'uphold' or 'reverse'.")
        if (self.outcome == "reverse") != (self.reversal is not None):
            raise InvalidInput(
                "a reversal needs its wording, and nothing else has one.",
                field="reversal",
                remedy="Give the finding, the refusal code and the statement for the regulator with 'reverse' only.",
            )
        appeal = appeals.appeal_of(facts.stream, case, self.appeal_id, facts.words)
        standing, first = facts.standing(), _who_decided(case, facts, appeal)
        if self.reversal is None:
            settled = appeals.uphold(case, appeal, self.reasons, first, stamp=stamp)
        else:
            settled = appeals.reverse(
                case, appeal, self.reasons, self.reversal, facts.policy, standing, first, stamp=stamp
            )
        told = _told(facts, settled, stamp, reversed_=self.reversal is not None)
        return _silenced(facts, told, settled, stamp), settled.appeal


class WithdrawAppeal(OrBySystem[Appeal], may="withdraw_appeal"):
    """Record that the user takes an appeal back. Never by whoever proposed or approved the decision."""

    appeal_id: AppealId

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Appeal]:
        appeal = appeals.appeal_of(facts.stream, case, self.appeal_id, facts.words)
        settled = appeals.withdraw(case, appeal, _who_decided(case, facts, appeal), stamp=stamp)
        return _silenced(facts, settled.change, settled, stamp), settled.appeal


def _known(case: Case, facts: Facts, appeal_id: str) -> Appeal | None:
    """The appeal of that id, by the chain of the case: its row may be gone. Raises Conflict for one of another case."""
    if any(held.id == appeal_id for held in facts.stream.case.appeals.values()):
        return appeals.appeal_of(facts.stream, case, appeal_id, facts.words)
    if facts.is_elsewhere(appeal_id):
        raise _of_another(appeal_id)
    return None


def _of_another(appeal_id: str) -> Conflict:
    return Conflict("this reference is that of an appeal about something else.", reference=appeal_id)


def _who_decided(case: Case, facts: Facts, appeal: Appeal) -> tuple[Actor, ...]:
    """Who decided what an appeal is about: the decision that it was made against, and the last one about its item.
    Raises IllegalMove as `appeals.about`."""
    about = appeals.about(case, appeal)
    return who_decided(facts.stream, appeal.decision_version, about.decision_version)


def _told(facts: Facts, settled: Settled, stamp: Stamp, *, reversed_: bool) -> Change:
    case, appeal = settled.case, settled.appeal
    try:
        notice = facts.notice()
    except ComplianceError:
        # Who demanded it cannot be read any more. What the user is owed must not wait for that.
        return stuck(settled.change, case, "user_notice_stuck", ("lead",), 30, stamp)
    item = next(one for one in case.items if one.item_id == settled.item_id)
    decisions = facts.decisions()
    behind = decisions[appeal.decision_version].item(appeal.item_id)
    measure = item.measure or (behind.action if behind is not None else "none")
    on = Occasion(case, item, notice, facts.tellings(), decisions, facts.telling, stamp)
    news = user_notices.of_appeal(on, appeal.number, reversed_=reversed_, measure=measure)
    return then(settled.change, case, news)


def _silenced(facts: Facts, change: Change, settled: Settled, stamp: Stamp) -> Change:
    """The change that ended an appeal, with what the ledger is told of its reminders that were tried."""
    ids = appeals.reminders_of(settled.appeal)
    reminders = (one for one in facts.open_messages() if one.id in ids)
    return then(change, case_after(settled.case, change), tried(reminders, ("page",), stamp))
