"""Taking a command: load the case, let it decide, append. And the most urgent case, which nobody has named yet."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TypeVar, cast

from kz_compliance_sdk.domain import review_policy
from kz_compliance_sdk.domain.actor import STAFF, SYSTEM, Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, case_after
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.commands.base import Facts
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.notice import Cancellation
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.errors import InvalidInput, NotFound
from kz_compliance_sdk.ports import Asks, Due, Future, Store, Tx
from kz_compliance_sdk.services import loading
from kz_compliance_sdk.services.admission import follow_waiting
from kz_compliance_sdk.services.loading import alerts, counted
from kz_compliance_sdk.services.looking import Looking
from kz_compliance_sdk.wire.v1 import write_message

R = TypeVar("R")


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
        empty_log: Callable[[], object] = lambda: True,
    ) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._respondent, self._telling, self._looking = respondent, telling, looking
        self.empty_log = empty_log

    def take(self, actor: Actor | None, case_id: str, command: Command[R]) -> Future[R]:
        """What the command comes to; without an actor the platform's own system takes it. What comes `after` it is for
        who waits for it."""
        who = actor or SYSTEM
        if not isinstance(command, Command):
            raise InvalidInput(
                "it is no command.",
                field="command",
                remedy="Give one of kz_compliance_sdk.commands, such as commands.Undo().",
            )
        command.allow(who)
        command.before(self, who, case_id)

        def work(tx: Tx) -> tuple[Change, R]:
            stamp = tx.stamp(who)
            command.admit(stamp)
            case = tx.case(case_id)
            change, outcome = command.decide(case, self._facts(tx, case), stamp)
            after = case_after(case, change)
            if after.revision == case.revision:
                return change, outcome
            # What came before this revision takes effect now.
            change, after = follow_waiting(tx, after, change, self._policy, self._respondent, stamp)
            change = (*change, *alerts(tx, self._platform))
            return change, cast("R", after) if isinstance(outcome, Case) else outcome

        return self._store.submit(self._platform, counted(work), Asks(case_id=case_id, objects=command.weighs))

    def _facts(self, tx: Tx, case: Case) -> Facts:
        stream, answers = loading.stream_in(tx, case.id), self._respondent
        can_look = self._looking is not None and self._looking.is_ready()
        return Facts(
            policy=self._policy,
            telling=self._telling,
            stream=stream,
            words=tx.words,
            notice=lambda: loading.notice_of(tx, case),
            context=lambda: loading.context_of(tx, case, self._policy, answers, can_look=can_look),
            decisions=lambda: loading.decisions_in(tx, case.id),
            standing=lambda: loading.standing_of(tx, case, answers),
            standing_before=lambda said: loading.standing_before(tx, case, said, answers),
            answering=lambda item: loading.answering_of(tx, case, item, answers),
            respondent=lambda: loading.with_checkpoint(tx, answers),
            notified=lambda: loading.notified_of(tx, case),
            tellings=lambda: loading.tellings_of(tx, case),
            own_measures=lambda: frozenset(loading.objects_of(tx, case).own(case)),
            open_messages=lambda: tx.open_messages(case.id),
            message=tx.message,
            letter=lambda message_id: loading.letter_in(tx, case, message_id),
            amendment=lambda: loading.typed_amendment(tx, case),
            letter_bytes=lambda said, message_id, sent_at: write_message(
                "notice.cancelled" if isinstance(said, Cancellation) else "notice.clarified",
                said,
                message_id=message_id,
                sent_at=sent_at,
                platform_id=case.platform_id,
            ),
            taken=lambda: loading.messages_taken(tx, stream),
            case_of_appeal=tx.case_of_appeal,
        )

    def compare_content(self, actor: Actor, case_id: str, digest: str) -> None:
        """Look whether the content is what was proposed about. Raises Conflict if it is not."""
        if self._looking is not None:
            self._looking.before_approval(actor, case_id, digest)

    def claim(
        self,
        actor: Actor,
        *,
        category: str | None = None,
        case_id: str | None = None,
        may_see: Callable[[Case], bool] | None = None,
    ) -> Future[Lease | None]:
        """The most urgent free case, or the one named; None if nothing is free. Leases that ran out come back first."""
        STAFF.check(actor, "claim")

        def may_take(case: Case) -> bool:
            return review_policy.is_given_to(case, actor) and (may_see is None or may_see(case))

        def work(tx: Tx) -> tuple[Change, Lease | None]:
            writes, freed = self._expired(tx)
            case: Case | None
            if case_id is not None:
                case = next((one for one in freed if one.id == case_id), None) or tx.case(case_id)
                if may_see is not None and not may_see(case):
                    raise NotFound("there is no such case on this platform.", reference=case_id)
            else:
                case = tx.claimable(may_take, category=category)
                free = [case] if case is not None else []
                free += [one for one in freed if category in (None, one.category) and may_take(one)]
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
