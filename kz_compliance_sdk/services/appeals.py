"""Appeals of affected users: received, listed, decided by somebody else, taken back."""

from __future__ import annotations

from kz_compliance_sdk.domain import appeals, user_notices
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.appeals import Appeal, AppealFile, AppealOutcome, Reversal, Settled
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, case_after
from kz_compliance_sdk.domain.message_states import tried
from kz_compliance_sdk.domain.messages import Respondent, stuck, then
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.references import appeal_id_of
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, who_decided
from kz_compliance_sdk.domain.user_notices import Occasion, Telling
from kz_compliance_sdk.errors import ComplianceError, Conflict, InvalidInput, NotFound
from kz_compliance_sdk.ports import AppealPage, Store, Tx
from kz_compliance_sdk.services.loading import decisions_in, notice_of, standing_of, stream_in, tellings_of
from kz_compliance_sdk.services.tallying import with_tally


class Appeals:
    """The appeals against one platform's measures."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        policy: Policy,
        respondent: Respondent,
        telling: Telling,
    ) -> None:
        self._store, self._platform, self._policy, self._respondent = store, platform_id, policy, respondent
        self._telling = telling

    def receive(
        self, actor: Actor | None, case_id: str, item_id: str, text: str, received_at: int, reference: str
    ) -> Appeal:
        """Record an appeal that a user made at `received_at` (UTC seconds). `actor` is None where the platform's own
        system hands it in. The same `reference` again returns the appeal that is there.

        Raises InvalidInput, NotAllowed, NotFound, IllegalMove for an item without a measure and for a case that was
        erased, and Conflict for a reference that belongs to something else.
        """
        appeals.check_reference(reference)

        def work(tx: Tx) -> tuple[Change, Appeal]:
            case, stamp = tx.case(case_id), tx.stamp(actor or SYSTEM)
            held = _known(tx, case, appeal_id_of(self._platform, stamp.keyed(reference)))
            if held is None:
                decisions, policy = decisions_in(tx, case_id), self._policy.users
                rests_on = {number: item.rests_on for number, item in stream_in(tx, case_id).case.items.items()}
                return appeals.receive(
                    case, item_id, text, received_at, reference, decisions, rests_on, policy, stamp=stamp
                )
            if not appeals.is_about(held, case, item_id):
                raise _of_another(held.appeal_id)
            return (), held

        return self._store.submit(self._platform, work).result()

    def list(self, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        """A page of the appeals in a state (`open`, `upheld`, `reversed`, `withdrawn`), those first that are due first.

        Raises InvalidInput.
        """
        return self._store.queries(self._platform).appeals(state=state, cursor=cursor, limit=limit)

    def show(self, appeal_id: str) -> AppealFile:
        """An appeal with what the user wrote. Raises NotFound, and StoreDamaged for one that cannot be read."""
        queries = self._store.queries(self._platform)
        kept = queries.kept(queries.case_of_appeal(appeal_id))
        return appeals.file_of(kept.chain.stream, kept.case, appeal_id, kept.chain.words)

    def decide(
        self, actor: Actor, appeal_id: str, outcome: AppealOutcome, reasons: str, reversal: Reversal | None = None
    ) -> Appeal:
        """Decide an appeal: `uphold` leaves the measure, `reverse` lifts it and needs a `reversal`. The user is told.

        Never by whoever proposed or approved the decision in force: raises NotAllowed (`four_eyes`). Raises also
        InvalidInput naming the field, NotFound, and IllegalMove while the item is being decided anew.
        """
        REVIEW_POLICY.check(actor, "decide_appeal")
        if outcome not in ("uphold", "reverse"):
            raise InvalidInput("this is no outcome.", field="outcome", remedy="Use 'uphold' or 'reverse'.")
        if (outcome == "reverse") != (reversal is not None):
            raise InvalidInput(
                "a reversal needs its wording, and nothing else has one.",
                field="reversal",
                remedy="Give the finding, the refusal code and the statement for the regulator with 'reverse' only.",
            )

        def work(tx: Tx) -> tuple[Change, Appeal]:
            case, appeal = _held(tx, appeal_id)
            stamp = tx.stamp(actor)
            standing, first = standing_of(tx, case, self._respondent), _who_decided(tx, case, appeal)
            if reversal is None:
                settled = appeals.uphold(case, appeal, reasons, first, stamp=stamp)
            else:
                settled = appeals.reverse(case, appeal, reasons, reversal, self._policy, standing, first, stamp=stamp)
            told = self._told(tx, settled, stamp, reversed_=reversal is not None)
            return with_tally(tx, _silenced(tx, told, settled, stamp)), settled.appeal

        return self._store.submit(self._platform, work).result()

    def withdraw(self, actor: Actor | None, appeal_id: str) -> Appeal:
        """The user takes an appeal back; `actor` is None where the platform's own system says so. Raises NotFound,
        NotAllowed for whoever decided first and for the head, IllegalMove for one that is not open."""
        if actor is not None:
            REVIEW_POLICY.check(actor, "withdraw_appeal")

        def work(tx: Tx) -> tuple[Change, Appeal]:
            case, appeal = _held(tx, appeal_id)
            stamp = tx.stamp(actor or SYSTEM)
            first = _who_decided(tx, case, appeal) if actor is not None else ()
            settled = appeals.withdraw(case, appeal, first, stamp=stamp)
            return _silenced(tx, settled.change, settled, stamp), settled.appeal

        return self._store.submit(self._platform, work).result()

    def _told(self, tx: Tx, settled: Settled, stamp: Stamp, *, reversed_: bool) -> Change:
        case, appeal = settled.case, settled.appeal
        try:
            notice = notice_of(tx, case)
        except ComplianceError:
            # Who demanded it cannot be read any more. What the user is owed must not wait for that.
            return stuck(settled.change, case, "user_notice_stuck", ("lead",), 30, stamp)
        item = next(one for one in case.items if one.item_id == settled.item_id)
        decisions, held = decisions_in(tx, case.id), tellings_of(tx, case)
        behind = decisions[appeal.decision_version].item(appeal.item_id)
        measure = item.measure or (behind.action if behind is not None else "none")
        on = Occasion(case, item, notice, held, decisions, self._telling, stamp)
        news = user_notices.of_appeal(on, appeal.number, reversed_=reversed_, measure=measure)
        return then(settled.change, case, news)


def _held(tx: Tx, appeal_id: str) -> tuple[Case, Appeal]:
    """An appeal and its case, both as the chain tells them. Raises NotFound, StoreDamaged."""
    case = tx.case(tx.case_of_appeal(appeal_id))
    return case, appeals.appeal_of(stream_in(tx, case.id), case, appeal_id, tx.words)


def _known(tx: Tx, case: Case, appeal_id: str) -> Appeal | None:
    """The appeal of that id, by the chain of the case: its row may be gone. Raises Conflict for one of another case."""
    stream = stream_in(tx, case.id)
    if any(held.id == appeal_id for held in stream.case.appeals.values()):
        return appeals.appeal_of(stream, case, appeal_id, tx.words)
    try:
        tx.case_of_appeal(appeal_id)
    except NotFound:
        return None
    raise _of_another(appeal_id)


def _of_another(appeal_id: str) -> Conflict:
    return Conflict("this reference is that of an appeal about something else.", reference=appeal_id)


def _who_decided(tx: Tx, case: Case, appeal: Appeal) -> tuple[Actor, ...]:
    """Who decided what an appeal is about: the decision that it was made against, and the last one about its item.
    Raises IllegalMove as `appeals.about`."""
    about = appeals.about(case, appeal)
    return who_decided(stream_in(tx, case.id), appeal.decision_version, about.decision_version)


def _silenced(tx: Tx, change: Change, settled: Settled, stamp: Stamp) -> Change:
    """The change that ended an appeal, with what the ledger is told of its reminders that were tried."""
    ids = appeals.reminders_of(settled.appeal)
    reminders = (one for one in tx.open_messages(settled.case.id) if one.id in ids)
    return then(change, case_after(settled.case, change), tried(reminders, ("page",), stamp))
