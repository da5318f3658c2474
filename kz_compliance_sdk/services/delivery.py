"""Draining the outbox: carry out what was decided, report it, and do not stop before a receipt is in hand.

Each message is leased and committed, then called outside any transaction, then its result is recorded. Whatever
happens in between, the lease runs out and somebody else goes on: by looking the message up first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kz_compliance_sdk.domain import change, holding
from kz_compliance_sdk.domain.change import LEASE_S, Change, EndpointState, OutboxMessage, Write, cases_after
from kz_compliance_sdk.domain.content import Looked
from kz_compliance_sdk.domain.messages import (
    BY_HAND,
    ENFORCER,
    REGULATOR,
    Respondent,
    is_superseded,
    item_of,
    moved,
)
from kz_compliance_sdk.domain.metrics import DELIVER
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.user_notices import MESSENGER, Telling
from kz_compliance_sdk.errors import LeaseLost, NotFound, StoreDamaged, StoreError, kind_and_place
from kz_compliance_sdk.ports import (
    Asks,
    Effect,
    Enforcer,
    Failed,
    Future,
    Messenger,
    Notifier,
    Reference,
    Regulator,
    Rejected,
    RetryAt,
    Store,
    Tx,
    Unknown,
)
from kz_compliance_sdk.ports.telemetry import Telemetry
from kz_compliance_sdk.services.loading import alerts, answering_of, objects_of, stream_in, told_where_whole
from kz_compliance_sdk.services.outcomes import (
    WITH_BREAKER,
    ContentChanged,
    Outcomes,
    Result,
    Superseded,
    Unusable,
    attempt_of,
    checked,
    fault,
    tell_tries,
    told,
)
from kz_compliance_sdk.services.paging import Paging
from kz_compliance_sdk.services.telling import is_wanted, user_notice_of

_PROBE_AMONG = 16
# With these answers the platform's object is as it was.
_NOT_BEGUN = (Failed, ContentChanged)
_NONE_BUSY: Mapping[str, int] = {}
_log = logging.getLogger("kz_compliance_sdk.delivery")


@dataclass(frozen=True, slots=True)
class Drained:
    """What one pass over the outbox came to."""

    leased: int = 0
    settled: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Ways:
    """Where messages go: one regulator adapter for each channel, the platform's enforcer, the pager, the platform's way
    to its users. A process that cannot enforce, or cannot tell users, leaves that to one that can. `look` says what the
    content is now that an effect is about."""

    regulators: Mapping[str, Regulator]
    enforcer: Enforcer
    can_enforce: Callable[[], bool]
    notifier: Notifier
    link: Callable[[str], str]
    look: Callable[[Reference], Looked] | None = None
    messenger: Messenger | None = None
    can_tell: Callable[[], bool] = lambda: True

    def endpoints(self) -> list[str]:
        """What this process can send to, one message at a time. Messages for a channel without an adapter are taken
        too, so that it shows."""
        ways = [ENFORCER] if self.can_enforce() else []
        ways += [MESSENGER] if self.messenger is not None and self.can_tell() else []
        return list(dict.fromkeys((*ways, REGULATOR, BY_HAND, *self.regulators)))


@dataclass(slots=True)
class _Lease:
    """One pass of leasing. A case that it changes, or whose message it voids, is left to the next. `left` are the
    messages that were due and are not taken."""

    writes: list[Write] = field(default_factory=list)
    leased: list[OutboxMessage] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


class Delivery:
    """Carries out and reports for one platform. At most `in_flight` calls to each endpoint are under way at once."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        policy: Policy,
        respondent: Respondent,
        ways: Ways,
        *,
        clock: Callable[[], int],
        random: Callable[[], float],
        spawn: Callable[[Callable[[], Any]], Future[Any]],
        telling: Telling,
        collect_s: int,
        in_flight: int = 8,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._store, self._platform, self._respondent, self._ways = store, platform_id, respondent, ways
        self._outcomes = Outcomes(policy, respondent, telling, random)
        self._clock, self._spawn, self.in_flight, self._telemetry = clock, spawn, in_flight, telemetry
        self.paging = Paging(
            *(store, platform_id, ways.notifier, ways.link, self._outcomes, self._recorded),
            clock=clock,
            collect_s=collect_s,
            telemetry=telemetry,
        )

    def can_tell_users(self) -> bool:
        """Whether this process has a way to the platform's users."""
        return MESSENGER in self._ways.endpoints()

    # ------------------------------------------------------------------------------------------- one pass

    def drain_once(self) -> Drained:
        """Lease what is due, up to `in_flight` for each endpoint, and deliver it side by side."""
        messages, groups = self.lease(self.in_flight), self.paging.lease(self.in_flight)
        futures = [
            *(self._spawn(partial(self.deliver, message)) for message in messages),
            *(self._spawn(partial(self.paging.tell, pages)) for pages in groups),
        ]
        leased, settled = len(messages) + sum(map(len, groups)), sum(future.result() for future in futures)
        return Drained(leased, settled, leased - settled)

    def lease(self, limit: int, busy: Mapping[str, int] = _NONE_BUSY) -> list[OutboxMessage]:
        """Take due messages but alerts for LEASE_S seconds: for each endpoint the most urgent, up to `limit` less those
        calls that are `busy` already. An open breaker lets one message through as its probe."""
        left: set[str] = set()
        while True:
            taken = self._store.submit(self._platform, lambda tx: self._lease(tx, limit, busy)).result()
            # Behind a message that leaves no more lies what else its case owes.
            if taken.leased or taken.left <= left:
                return taken.leased
            left |= taken.left

    def _lease(self, tx: Tx, limit: int, busy: Mapping[str, int]) -> tuple[Change, _Lease]:
        taken = _Lease()
        for endpoint in self._ways.endpoints():
            free = limit - busy.get(endpoint, 0)
            if free > 0:
                self._lease_for(tx, endpoint, free, taken)
        return (*told_where_whole(tx, taken.writes), *alerts(tx, self._platform)), taken

    def _lease_for(self, tx: Tx, endpoint: str, free: int, taken: _Lease) -> None:
        now = tx.now
        state = tx.known(EndpointState, endpoint) if endpoint in WITH_BREAKER else None
        if state is None or state.failures < change.OPENS_AFTER:
            for message in tx.due_messages(endpoint, now, free):
                self._take(tx, message, taken)
        elif change.is_open(state, now):
            sooner = change.hastened(state, now, tx.next_deadline(endpoint, now))
            if sooner is not state:
                taken.writes.append(sooner)
        else:
            # The one that was tried least: what is wrong with a single message must not speak for the endpoint.
            for message in sorted(tx.due_messages(endpoint, now, _PROBE_AMONG), key=lambda one: one.attempts):
                if self._take(tx, message, taken):
                    taken.writes.append(change.probing(state, now + LEASE_S))
                    return

    def _take(self, tx: Tx, message: OutboxMessage, taken: _Lease) -> bool:
        if message.case_id and message.case_id in taken.touched:
            return False
        now = tx.now
        try:
            current, note = self._still_wanted(tx, message)
        except Exception as error:  # noqa: BLE001  one message must not keep the others from leaving
            what = kind_and_place(error)
            _log.error("message %s: it could not be sent: %s", message.id, what)
            tried = message.but(attempts=message.attempts + 1)
            not_sent, _ = self._outcomes.unrecorded(tx, tried, f"not sent; {what}", now, was=message)
            current, note = False, list(not_sent)
        if not current:
            taken.writes += note
            taken.touched.add(message.case_id)
            taken.left.add(message.id)
            return False
        if message.state == "leased":
            lost = self._outcomes.lost(tx, message, LEASE_S)
            taken.writes += lost
            taken.touched |= cases_after(lost).keys()
        leased = message.in_hand(now)
        taken.writes += moved(message, leased, tx.stamp())
        taken.leased.append(leased)
        return True

    def _still_wanted(self, tx: Tx, message: OutboxMessage) -> tuple[bool, list[Write]]:
        """What was superseded, or whose object something else holds, must not leave. A report that may have arrived is
        looked up first."""
        settled = message.but(state="void", settled_at=tx.now, lease_token=message.lease_token + 1)

        def gone(change: Change = ()) -> list[Write]:
            return [*tell_tries(tx, message), *change, *moved(message, settled, tx.stamp(), change)]

        if message.kind == "user_notice":
            wanted, change = is_wanted(tx, message)
            return wanted, [] if wanted else gone(change)
        if message.kind not in ("enforce", "restore", "report"):
            return True, []
        chain = stream_in(tx, message.case_id).case
        if message.kind == "report":
            unseen = not message.maybe_arrived and message.state != "leased"
            overtaken = unseen and is_superseded(chain, message)
            return not overtaken, gone() if overtaken else []
        if not holding.is_current(chain, message):
            return False, gone()
        if message.kind == "restore":
            case = tx.case(message.case_id)
            item = item_of(case, message)
            if item is not None and objects_of(tx, case, of=(item,)).held_beside(case, item.object_key, item.number):
                answering = answering_of(tx, case, item, self._respondent)
                stamp = tx.stamp()
                kept = holding.measure_lifted(case, message, tx.now, answering, stamp, kept=True)
                return False, gone(kept)
        return True, []

    # ------------------------------------------------------------------------------------------- one message

    def deliver(self, message: OutboxMessage) -> bool:
        """Call and record. True if the message is settled. Nothing is raised: faults are results too."""
        return self._deliver(message, lambda: False)[0]

    def deliver_and_take(self, message: OutboxMessage, goes_on: Callable[[], bool]) -> OutboxMessage | None:
        """Call, and record what came of it; in the same commit take what is due next for the endpoint, if the call
        settled its message and whoever sends then `goes_on`. What fails with that is due as before. Raises as
        `deliver`."""
        return self._deliver(message, goes_on)[1]

    def _deliver(self, message: OutboxMessage, goes_on: Callable[[], bool]) -> tuple[bool, OutboxMessage | None]:
        """Whether the message is settled, and the next one in hand."""
        started, was = self._clock(), message
        begun = message.endpoint == ENFORCER
        ended = self._telemetry.begin(DELIVER, message.case_id) if self._telemetry is not None else None
        try:
            answer = self._call(message)
            begun = begun and not isinstance(answer, _NOT_BEGUN)
            result = checked(message, answer, self._clock())
        except Exception as error:  # noqa: BLE001  an adapter or the platform's own code failed: recorded, tried again
            _log.warning("a call to the %s failed: %s", message.endpoint, kind_and_place(error))
            result = fault(message.endpoint, type(error).__name__)
        if ended is not None:
            ended(endpoint=message.endpoint, result=told(result)[0])
        if isinstance(result, Unusable):
            _log.error("message %s: %s", message.id, result.what)
        if begun:
            message = message.but(maybe_arrived=True)
        return self._recorded(message, result, started, was, takes=goes_on())

    def _recorded(
        self, message: OutboxMessage, result: Result, started: int, was: OutboxMessage, *, takes: bool = False
    ) -> tuple[bool, OutboxMessage | None]:
        """Record what came of a call: whether the message is settled, and the next one in hand if it `takes` one."""

        def record(tx: Tx) -> tuple[Change, tuple[bool, OutboxMessage | None]]:
            writes, settled = self._outcomes.record(tx, message, result, started, was=was)
            taken, following = self._following(tx, message) if settled and takes else ((), None)
            return (*writes, *taken), (settled, following)

        try:
            return self._store.submit(self._platform, record, Asks(case_id=message.case_id)).result()
        except LeaseLost:
            return self._late(message, result, started), None
        except StoreError as error:
            _log.warning("message %s: its result could not be recorded: %s", message.id, error.code)
            if not isinstance(error, StoreDamaged):
                return False, None
            what = error.code
        except Exception as error:  # noqa: BLE001  what cannot be recorded must not be tried again in silence
            what = kind_and_place(error)
        unrecorded = partial(
            self._outcomes.unrecorded, message=message, what=f"{told(result)[0]}; then {what}", started=started, was=was
        )
        try:
            settled = self._at_least(message, unrecorded)
        except LeaseLost:  # and whoever has it now moved the case on
            return self._late(message, result, started), None
        _log.error("message %s: its result could not be recorded: %s", message.id, what)
        return settled, None

    def _late(self, message: OutboxMessage, result: Result, started: int) -> bool:
        """Somebody else took it over, and their result stands. What became of this attempt is told all the same."""
        late = attempt_of(message, started, self._clock(), *told(result))
        return self._at_least(message, partial(self._outcomes.late, attempt=late))

    def _following(self, tx: Tx, message: OutboxMessage) -> tuple[Change, OutboxMessage | None]:
        """What is taken behind a message that is settled, if it is of another case. It must not keep what was settled
        from being recorded. A way that was shut is left to the next pass, which reads what this result makes of it."""
        endpoint, taken = message.endpoint, _Lease(touched={message.case_id})
        try:
            if endpoint in WITH_BREAKER and tx.known(EndpointState, endpoint).failures >= change.OPENS_AFTER:
                return (), None
            self._lease_for(tx, endpoint, 1, taken)
            return (*told_where_whole(tx, taken.writes), *alerts(tx, self._platform)), next(iter(taken.leased), None)
        except Exception as error:  # noqa: BLE001  what is due stays due
            _log.error("nothing could be taken for the %s: %s", endpoint, kind_and_place(error))
            return (), None

    def _at_least(self, message: OutboxMessage, work: Callable[[Tx], tuple[Change, bool]]) -> bool:
        try:
            return self._store.submit(self._platform, work).result()
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  its lease runs out, and then it shows as lost
            _log.error("message %s: its attempt could not be recorded: %s", message.id, kind_and_place(error))
            return False

    def _call(self, message: OutboxMessage) -> object:
        if message.endpoint == ENFORCER:
            effect = _effect(message)
            if not (effect.url or effect.object_id or effect.account_ref):
                return Failed("how its notice names the object cannot be read any more", permanent=True)
            enforcer = self._ways.enforcer
            if message.kind == "restore":
                return enforcer.restore(effect)
            return self._other_content(message, effect) or enforcer.enforce(effect)
        if message.endpoint == MESSENGER and self._ways.messenger is not None:
            return self._ways.messenger.tell(user_notice_of(message))
        regulator = self._ways.regulators.get(message.endpoint)
        if regulator is None:
            return RetryAt(f"no regulator is configured for the channel {message.endpoint!r}")
        if message.maybe_arrived:
            found = regulator.look_up(message)
            if found is not None:
                return found
            if self._is_superseded(message):
                return Superseded()
        sent = regulator.send(message)
        return _what_stands(regulator, message, sent) if isinstance(sent, Rejected) and sent.final else sent

    def _other_content(self, message: OutboxMessage, effect: Effect) -> ContentChanged | Failed | None:
        """Why an effect must not be carried out: its content is not what was decided about, or nobody could look. Once
        an earlier attempt may have changed the object, what is seen of it says nothing any more."""
        if not effect.content_sha256 or message.maybe_arrived:
            return None
        reference = Reference(effect.url, effect.object_id, effect.account_ref)
        looked = self._ways.look(reference) if self._ways.look is not None else Looked(fault="no_content_port")
        if looked.fault:
            return Failed(f"nothing was carried out, because the content could not be looked at: {looked.fault}")
        return None if looked.is_still(effect.content_sha256) else ContentChanged(looked)

    def _is_superseded(self, message: OutboxMessage) -> bool:
        try:
            return is_superseded(self._store.queries(self._platform).case(message.case_id).chain, message)
        except NotFound:
            return False


def _what_stands(regulator: Regulator, message: OutboxMessage, refused: Rejected) -> object:
    """What became of a message that was refused for good: the regulator may hold one of its id already, from before the
    store was restored from an older copy."""
    found = regulator.look_up(message)
    if isinstance(found, RetryAt):
        return Unknown(f"{refused.code}, then {found.reason}")
    return found or refused


def _effect(message: OutboxMessage) -> Effect:
    body = json.loads(message.body)
    return Effect(**{**body, "scope": tuple(body["scope"])})
