"""Taking a command: load the case, let it decide, append. And the most urgent case, which nobody has named yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TypeVar, cast

from kz_compliance_sdk.domain import fold, review_policy
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.arrivals import Arrival, Standing
from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.change import Change, OutboxMessage, case_after
from kz_compliance_sdk.domain.commands import Approve, Command
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.deciding import Context
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.domain.holding import Answering
from kz_compliance_sdk.domain.messages import BY_HAND, Respondent
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.reviewed import Words
from kz_compliance_sdk.domain.user_notices import Telling, UserNoticeState
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.ports import Due, Future, Store, Tx
from kz_compliance_sdk.services import loading, sweep
from kz_compliance_sdk.services.admission import follow_waiting
from kz_compliance_sdk.services.loading import counted
from kz_compliance_sdk.services.looking import Looking
from kz_compliance_sdk.wire.v1 import MessageType, write_message

R = TypeVar("R")


@dataclass(frozen=True)
class CaseFacts:
    """What a command can ask beside the case (`Facts`), read in the transaction that will write."""

    tx: Tx
    case: Case
    policy: Policy
    telling: Telling
    answers: Respondent
    can_look: bool

    @cached_property
    def stream(self) -> fold.Stream:
        return loading.stream_in(self.tx, self.case.id)

    @property
    def words(self) -> Words:
        return self.tx.words

    def notice(self) -> Notice:
        return loading.notice_of(self.tx, self.case)

    def context(self) -> Context:
        return loading.context_of(self.tx, self.case, self.policy, self.answers, can_look=self.can_look)

    def decisions(self) -> dict[int, Decision]:
        return loading.decisions_in(self.tx, self.case.id)

    def standing(self, said: Cancellation | Clarification | None = None) -> Standing:
        if said is None:
            return loading.standing_of(self.tx, self.case, self.answers)
        return loading.standing_before(self.tx, self.case, said, self.answers)

    def answering(self, item: ItemState | None) -> Answering:
        return loading.answering_of(self.tx, self.case, item, self.answers)

    def respondent(self) -> Respondent:
        return loading.with_checkpoint(self.tx, self.answers)

    def notified(self) -> Mapping[str, UserNotified]:
        return loading.notified_of(self.tx, self.case)

    def tellings(self) -> Sequence[UserNoticeState]:
        return loading.tellings_of(self.tx, self.case)

    def own_measures(self) -> frozenset[tuple[str, int]]:
        return frozenset(loading.objects_of(self.tx, self.case).own(self.case))

    def open_messages(self) -> Sequence[OutboxMessage]:
        return self.tx.open_messages(self.case.id)

    def message(self, message_id: str) -> OutboxMessage:
        return self.tx.message(message_id)

    def letter(self, message_id: str) -> tuple[Cancellation | Clarification | Notice, Arrival]:
        rows = loading.letters_waiting(self.tx, self.case)
        row = next((one for one in rows if one.message_id == message_id), None)
        if row is None:
            raise NotFound("no letter of this id waits in this case.", reference=message_id)
        return loading.letter_says(row), loading.arrival_in(self.tx, row, BY_HAND)

    def amendment(self) -> tuple[Notice, Arrival, tuple[str, ...]] | None:
        return loading.typed_amendment(self.tx, self.case)

    def letter_bytes(self, said: Cancellation | Clarification, message_id: str, sent_at: int) -> bytes:
        kind: MessageType = "notice.cancelled" if isinstance(said, Cancellation) else "notice.clarified"
        platform = self.case.platform_id
        return write_message(kind, said, message_id=message_id, sent_at=sent_at, platform_id=platform)

    def taken(self) -> Sequence[fold.Stream]:
        return loading.messages_taken(self.tx, self.stream)

    def case_of_appeal(self, appeal_id: str) -> str:
        return self.tx.case_of_appeal(appeal_id)


class Taking:
    """What people do to the cases of one platform. Every method returns a future that resolves once its change is
    durable."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        policy: Policy,
        respondent: Respondent,
        telling: Telling,
        looking: Looking | None = None,
    ) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._respondent, self._telling, self._looking = respondent, telling, looking

    def take(self, actor: Actor | None, case_id: str, command: Command[R]) -> Future[R]:
        """What the command comes to; without an actor the platform's own system takes it.

        Before an approval the content is compared, outside the transaction: raises Conflict if it is not what was
        proposed about."""
        who = actor or SYSTEM
        if isinstance(command, Approve) and self._looking is not None:
            self._looking.before_approval(who, case_id, command.digest)

        def work(tx: Tx) -> tuple[Change, R]:
            stamp = tx.stamp(who)
            command.admit(stamp)
            case = tx.case(case_id)
            facts = CaseFacts(
                tx,
                case,
                self._policy,
                self._telling,
                self._respondent,
                can_look=self._looking is not None and self._looking.is_ready(),
            )
            change, outcome = command.decide(case, facts, stamp)
            after = case_after(case, change)
            if after.revision == case.revision:
                return change, outcome
            # What came before this revision takes effect now.
            change, after = follow_waiting(tx, after, change, self._policy, self._respondent, stamp)
            change = (*change, *sweep.alerts(tx, self._platform))
            return change, cast("R", after) if isinstance(outcome, Case) else outcome

        return self._store.submit(self._platform, counted(work))

    def claim(self, actor: Actor, *, category: str | None = None, case_id: str | None = None) -> Future[Lease | None]:
        """The most urgent free case, or the one named; None if nothing is free. Leases that ran out come back first."""
        REVIEW_POLICY.check(actor, "claim")
        # What only a lawyer takes must not stand in everybody else's way.
        without = "" if "legal" in actor.roles else USER_DATA_DEMAND

        def work(tx: Tx) -> tuple[Change, Lease | None]:
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
            change, claimed = review_policy.claim(case, lease_s=self._policy.lease_s, stamp=tx.stamp(actor))
            return (*writes, *change), Lease.of(claimed)

        return self._store.submit(self._platform, counted(work))

    def _expired(self, tx: Tx) -> tuple[Change, list[Case]]:
        """The leases that ran out, freed: what that writes, and the cases as they then are."""
        expired = tx.due_cases(Due.LEASE, tx.now, 256)
        if not expired:
            return (), []
        stamp = tx.stamp(SYSTEM)
        changes = [review_policy.expire(case, stamp=stamp) for case in expired]
        freed = [case_after(case, change) for case, change in zip(expired, changes, strict=True)]
        return tuple(chain.from_iterable(changes)), freed
