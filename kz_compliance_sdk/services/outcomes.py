"""What an attempt came to: its name in the records, and what it changes for the message, its case and its endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kz_compliance_sdk.domain import arrivals, change, holding
from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.believed import telling
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import (
    LONGEST_PAUSE_S,
    Attempt,
    Change,
    CursorMoved,
    EndpointState,
    Leased,
    OutboxMessage,
    Write,
    count_in,
    is_refused_for_good,
    next_attempt_at,
)
from kz_compliance_sdk.domain.content import Looked, content_changed
from kz_compliance_sdk.domain.events.base import AS_READ, Audience, Happened
from kz_compliance_sdk.domain.fold import object_in
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.messages import (
    ENFORCER,
    FOR_NOW,
    NOTIFIER,
    REGULATOR,
    Respondent,
    item_of,
    moved,
    notify,
    stuck,
)
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.user_notices import MESSENGER, Telling
from kz_compliance_sdk.domain.values import stream_of_message
from kz_compliance_sdk.errors import NotFound, StoreDamaged
from kz_compliance_sdk.ports import (
    ByPerson,
    Delivered,
    EffectResult,
    Failed,
    InForce,
    Pending,
    Rejected,
    RetryAt,
    Sent,
    TellResult,
    Told,
    Tx,
    Unknown,
)
from kz_compliance_sdk.services import telling as telling_users
from kz_compliance_sdk.services.loading import answering_of, seen_in, stream_in, told_where_whole, with_tally
from kz_compliance_sdk.services.looking import wrong_time

# -------------------------------------------------------------------------------------------------------------- tries
# Telling the ledger of tries.


def tell_try(tx: Tx, attempt: Attempt, *, settles: bool = False) -> tuple[Happened, ...]:
    """What is told of a try that is written with this, before whatever it leads to. `settles` as in `telling`."""
    name = stream_of_message(attempt.case_id, attempt.message_id)
    if (stream := tx.streams([name])[name]).fault is not None:
        return ()
    stamp = tx.stamp()

    def behind(number: int) -> list[Attempt]:
        return tx.noted(Attempt, attempt.case_id, attempt.message_id, after=number)

    try:
        event = telling(stream, attempt, behind, stamp.keyed, settles=settles)
    except StoreDamaged:
        return ()  # Rows that cannot be read hold up nothing that leaves: the verification names them.
    return () if event is None else (Happened(attempt.platform_id, name, event, stamp.at, AS_READ, stamp.actor),)


def tell_tries(tx: Tx, message: OutboxMessage) -> tuple[Happened, ...]:
    """What is told of the tries of a message that is settled without another one. Raises StoreDamaged."""
    owed = stream_in(tx, message.case_id).case.messages.get(message.id)
    if owed is None or message.attempts <= owed.tried.count:
        return ()
    recorded = tx.noted(Attempt, message.case_id, message.id, after=owed.tried.count)
    return tell_try(tx, recorded[-1], settles=True) if recorded else ()


# ----------------------------------------------------------------------------------------------------------- outcomes


WITH_BREAKER = (REGULATOR, NOTIFIER)
"""What fails on one object of the platform says nothing about the others."""

_SENT = (Delivered, RetryAt, Rejected, Unknown, ByPerson)
_ALLOWED: dict[str, tuple[type, ...]] = {
    ENFORCER: (InForce, Pending, Failed),
    MESSENGER: (Told, RetryAt, Failed),
}
PAGE_AFTER_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Superseded:
    """The regulator does not hold this report, and what it says was overtaken: it is not sent."""


@dataclass(frozen=True, slots=True)
class ContentChanged:
    """The content is not what was decided about: nothing was carried out."""

    looked: Looked


@dataclass(frozen=True, slots=True)
class Unusable:
    """The call came back with a time that cannot be, and what was asked for may be done. `what` says which time it is,
    and what to do."""

    what: str


Result = Sent | EffectResult | TellResult | Superseded | ContentChanged | Unusable


def checked(message: OutboxMessage, result: object, now: int) -> Result:
    """What a call gave, if the port allows it; what an adapter or the platform gave otherwise is a fault of its own."""
    endpoint = message.endpoint
    allowed = (*_ALLOWED[endpoint], ContentChanged) if endpoint in _ALLOWED else (*_SENT, Superseded)
    if not isinstance(result, allowed):
        return fault(endpoint, f"it returned {type(result).__name__}, which is no answer")
    answer: Result = result  # type: ignore[assignment]  # one of those that are allowed
    wrong = wrong_time(answer, message.created_at, now)
    if wrong and isinstance(answer, RetryAt):
        return fault(endpoint, wrong)
    return Unusable(f"{wrong}. Mend it, then: kz-compliance cases retry") if wrong else answer


def fault(endpoint: str, what: str) -> Result:
    """What a call that raised came to. Nobody knows how far it got."""
    if endpoint in (ENFORCER, MESSENGER):
        return Failed(what)
    return RetryAt(what) if endpoint == NOTIFIER else Unknown(what)


def told(result: Result) -> tuple[str, str]:
    """The result's name in the records of attempts, and what there is to say about it."""
    match result:
        case Delivered():
            return "delivered", result.receipt_id
        case RetryAt():
            return "retry", result.reason
        case Unknown():
            return "unknown", result.reason
        case Rejected():
            return "rejected", f"{result.code}: {result.reason}"
        case ByPerson():
            return "by_person", result.what
        case InForce():
            return "in_force", f"in force since {result.effective_at}"
        case Pending():
            return "pending", f"to be checked at {result.check_at}"
        case Failed():
            return "failed", result.reason
        case Told():
            return "told", f"the user was told at {result.told_at}"
        case ContentChanged():
            return "content_changed", "nothing was carried out" if result.looked.available else "the content is gone"
        case Unusable():
            return "unusable", result.what
        case Superseded():
            return "superseded", "the regulator does not hold it, and it no longer says what holds"


def attempt_of(message: OutboxMessage, started: int, ended: int, name: str, detail: str) -> Attempt:
    """The row of one attempt. Times are UTC seconds."""
    return Attempt(
        message.platform_id, message.case_id, message.id, message.attempts, started, ended, name, detail[:500]
    )


class Outcomes:
    """Turns results into changes, for one platform."""

    def __init__(self, policy: Policy, respondent: Respondent, telling: Telling, random: Callable[[], float]) -> None:
        self._policy, self._respondent, self._random = policy, respondent, random
        self._telling = telling

    def record(
        self, tx: Tx, message: OutboxMessage, result: Result, started: int, *, was: OutboxMessage | None = None
    ) -> tuple[Change, bool]:
        """What an attempt changes, and whether it settles the message. `was` is the message as it is stored, where the
        attempt itself has changed it."""
        now = tx.now
        stamp = tx.stamp(SYSTEM)
        writes, after = self._outcome(tx, _case(tx, message), message.but(lease_expires_at=None), result, stamp)
        writes += self._endpoint(tx, message, result, stamp)
        settled = after.state not in ("queued", "leased")
        if settled and not isinstance(result, Unusable):
            after = after.but(settled_at=now)
        attempt = attempt_of(message, started, now, *told(result))
        writes += [*moved(was or message, after, stamp, tuple(writes)), attempt]
        writes = [*tell_try(tx, attempt, settles=settled), *writes]
        return with_tally(tx, told_where_whole(tx, writes)), settled

    def alerted(
        self,
        tx: Tx,
        pages: Sequence[OutboxMessage],
        result: Result,
        started: int,
        again_at: int,
        *,
        of_call: bool,
    ) -> tuple[Change, int]:
        """What a call changes that was to tell people of these alerts, and how many it settles: all of them or none,
        which are tried again at `again_at` (UTC seconds). `of_call` says that the endpoint is told of it by this."""
        now, stamp = tx.now, tx.stamp(SYSTEM)
        settled, writes = isinstance(result, Delivered), self._endpoint(tx, pages[0], result, stamp) if of_call else []
        for page in pages:
            after = page.but(lease_expires_at=None, state="queued", next_attempt_at=again_at)
            if settled:
                after = after.but(state="done", maybe_arrived=False, settled_at=now)
            attempt = attempt_of(page, started, now, *told(result))
            writes += [*tell_try(tx, attempt, settles=settled), *moved(page, after, stamp), attempt]
        return told_where_whole(tx, writes), len(pages) if settled else 0

    def unrecorded(
        self, tx: Tx, message: OutboxMessage, what: str, started: int, *, was: OutboxMessage | None = None
    ) -> tuple[Change, bool]:
        """The least that can be written of an attempt with which this program fails: that it was made, when it is made
        again, and an alert. It decides nothing about the case. `was` as in `record`."""
        stamp = tx.stamp()
        maybe = message.maybe_arrived or message.endpoint == REGULATOR
        again = self._later(message, tx.now).but(lease_expires_at=None, maybe_arrived=maybe)
        attempt = attempt_of(message, started, tx.now, "unrecorded", what)
        writes: list[Write] = [*moved(was or message, again, stamp), *tell_try(tx, attempt), attempt]
        tries = message.attempts
        if message.kind != "page" and not tries & (tries - 1):  # the first, the second, the fourth, the eighth, ...
            case = _readable_case(tx, message)
            audience: Audience = ("moderator", "lead")
            if case is None:
                about = message.case_id or message.id
                key = f"{message.id}.{tries}"
                writes.append(notify(message.platform_id, about, "stuck", audience, 50, stamp, key=key))
            else:
                writes += stuck((), case, "stuck", audience, 50, stamp, message=message.id)
        return told_where_whole(tx, writes), False

    def lost(self, tx: Tx, message: OutboxMessage, lease_s: int) -> Change:
        """The attempt whose lease ran out: its process died, or its call hangs."""
        ended = message.lease_expires_at or tx.now
        attempt = attempt_of(message, ended - lease_s, ended, "lost", "nothing was recorded before its lease ran out")
        written: Change = (*tell_try(tx, attempt), attempt)
        if message.endpoint != ENFORCER or message.attempts != PAGE_AFTER_ATTEMPTS:
            return written
        stamp = tx.stamp(SYSTEM)
        return (*written, *holding.measure_failed(tx.case(message.case_id), message, "lost", stamp, permanent=False))

    def late(self, tx: Tx, attempt: Attempt) -> tuple[Change, bool]:
        """An attempt that was given up for lost, and came back: it changes nothing else."""
        return (*tell_try(tx, attempt), attempt), False

    def _outcome(
        self, tx: Tx, case: Case | None, message: OutboxMessage, result: Result, stamp: Stamp
    ) -> tuple[list[Write], OutboxMessage]:
        now = stamp.at
        match result:
            case Delivered():
                proof = encoded([[name, value] for name, value in result.signature]) if result.signature else b""
                done = message.but(state="done", maybe_arrived=False, receipt=result.body, receipt_proof=proof)
                if message.kind == "page" or not message.case_id:
                    return [], done
                if case is None:  # its receipt has no place yet: the message is looked up once the case is there again
                    raise NotFound("the case of this message is gone.", reference=message.id)
                change: Change = ()
                if result.otherwise:
                    change, case = arrivals.flag(case, ("recorded_otherwise",), stamp)
                return [*change, *holding.receipt(case, done, stamp)], done
            case InForce() if case is not None:
                at, who, telling = result.effective_at, self._respondent, self._telling
                landed = telling_users.landed(tx, case, message, at, who, telling, stamp)
                return list(landed), message.but(state="done", maybe_arrived=False)
            case Told() if case is not None:
                return list(telling_users.told(tx, case, message, result.told_at, stamp)), message.but(state="done")
            case Failed() if result.permanent and message.endpoint == MESSENGER and case is not None:
                return list(telling_users.told(tx, case, message, None, stamp)), message.but(state="void")
            case Pending():
                at = max(now + 1, min(result.check_at, now + LONGEST_PAUSE_S))
                waiting = message.but(state="queued", next_attempt_at=at)
                return self._interim(case, stamp), waiting
            case ByPerson():
                return [], message.but(state="waiting")
            case Superseded():
                return [], message.but(state="void", maybe_arrived=False)
            case ContentChanged():
                change = () if case is None else content_changed(case, message, result.looked, seen_in(tx, case), stamp)
                return list(change), message.but(state="void")
            case Unusable():
                return _unusable(case, message, result, stamp)
            case Rejected():
                return self._rejected(tx, case, message, result, stamp)
            case Failed() if result.permanent and message.kind == "enforce" and case is not None:
                return list(holding.measure_failed(case, message, result.reason, stamp)), message.but(state="parked")
            case Failed() if result.permanent and case is not None and _is_waited_for(tx, message, now):
                # It can never be lifted, and something else is to be done with the object now: that must not wait.
                answering = answering_of(tx, case, item_of(case, message), self._respondent)
                kept = holding.measure_lifted(case, message, now, answering, stamp, kept=True)
                return list(kept), message.but(state="void")
            case _:
                again = self._again(message, result, now)
                if case is not None and message.endpoint == ENFORCER and _page_now(message, result):
                    failed = holding.measure_failed(case, message, told(result)[1], stamp, permanent=False)
                    return list(failed), again
                if case is not None and message.endpoint == MESSENGER and message.attempts == PAGE_AFTER_ATTEMPTS:
                    late = stuck((), case, "user_notice_stuck", ("lead",), 30, stamp, message=message.id)
                    return list(late), again
                return self._interim(case, stamp), again

    def again_at(self, message: OutboxMessage, now: int) -> int:
        """When a message that is tried now (UTC seconds) is tried again, if it has to be. Chance has a part in it."""
        return next_attempt_at(now, message.attempts, message.deadline_at, self._random())

    def _later(self, message: OutboxMessage, now: int) -> OutboxMessage:
        return message.but(state="queued", next_attempt_at=self.again_at(message, now))

    def _again(self, message: OutboxMessage, result: Result, now: int) -> OutboxMessage:
        again = self._later(message, now)
        at = again.next_attempt_at
        if isinstance(result, RetryAt) and result.at is not None:
            asked = min(result.at, now + LONGEST_PAUSE_S)
            if message.deadline_at is not None and now < message.deadline_at:
                asked = min(asked, message.deadline_at)
            at = max(at, asked)
        return again.but(next_attempt_at=at, maybe_arrived=message.maybe_arrived or isinstance(result, Unknown))

    def _rejected(
        self, tx: Tx, case: Case | None, message: OutboxMessage, result: Rejected, stamp: Stamp
    ) -> tuple[list[Write], OutboxMessage]:
        """A refusal for good parks the message. One that may pass is tried again for an hour, and people know soon."""
        since = stamp.at if message.refused_since is None else message.refused_since
        refused = message.but(refusals=message.refusals + 1, refused_since=since, maybe_arrived=False)
        if result.final or is_refused_for_good(refused, stamp.at):
            parked = refused.but(state="parked")
            if case is None:
                return [], parked
            return list(holding.reject(case, message, result.code, result.reason, stamp)), parked
        alert: list[Write] = []
        # If everything is refused, one alert about the endpoint says so.
        alone = tx.known(EndpointState, message.endpoint).failures + 1 < change.OPENS_AFTER
        if case is not None and refused.refusals == PAGE_AFTER_ATTEMPTS and alone:
            reason = f"{message.kind}_refused"
            alert += stuck((), case, reason, ("moderator", "lead"), 50, stamp, message=message.id)
        return alert, self._later(refused, stamp.at)

    def _interim(self, case: Case | None, stamp: Stamp) -> list[Write]:
        if case is None or not holding.interim_due(case, self._policy, stamp.at):
            return []
        return list(holding.offer_interim(case, stamp))

    def _endpoint(self, tx: Tx, message: OutboxMessage, result: Result, stamp: Stamp) -> list[Write]:
        """The endpoint's breaker. A refusal for good is about the message; any other is about the way there, such as
        credentials that are not accepted."""
        if message.endpoint not in WITH_BREAKER:
            return []
        state = tx.known(EndpointState, message.endpoint)
        refused = isinstance(result, Rejected) and not result.final
        if not refused and not isinstance(result, RetryAt | Unknown):
            after = change.succeeded(state, stamp.at)
            return [] if after is state else [after, *_over(tx, message, stamp)]
        # What the other side says of one message may speak of people; the state of the way to it is told everywhere.
        what = result.code if isinstance(result, Rejected) else told(result)[1]
        writes: list[Write] = [change.failed(state, stamp.at, what, message.deadline_at)]
        opens = state.failures + 1 == change.OPENS_AFTER
        is_open = state.failures + 1 >= change.OPENS_AFTER
        if is_open and message.endpoint == REGULATOR and not tx.known(CursorMoved, FAILING).cursor:
            writes.append(CursorMoved(message.platform_id, FAILING, str(stamp.at), stamp.at))
        if refused and opens:
            # It does not pass by itself: somebody must look at addresses and keys.
            about = message.endpoint
            writes.append(notify(message.platform_id, about, f"{about}_refuses", ("lead",), 50, stamp, key=message.id))
        return writes


# ------------------------------------------------------------------------------------------------------------- outage
# An outage of the regulator is told once for all cases, and once when it is over.


FAILING = "regulator.failing"
"""The cursor that says since when nothing reaches the regulator, and whether people were told."""
TELL_AFTER_S = 900
"""How long nothing may reach the regulator before people are told, in seconds. Not verified."""
_WHO_MUST_KNOW = ("lead", "head")


def tell_outage(tx: Tx, platform_id: str) -> tuple[Change, bool]:
    """Tell people, once, that nothing has reached the regulator for TELL_AFTER_S seconds."""
    since, _, told = tx.known(CursorMoved, FAILING).cursor.partition(" ")
    if not since or told or tx.now - count_in(since) < TELL_AFTER_S:
        return (), False
    alert = _of_outage(tx, platform_id, "regulator_unreachable", since, level=FOR_NOW)
    return (CursorMoved(platform_id, FAILING, f"{since} told", tx.now), alert), True


def _over(tx: Tx, message: OutboxMessage, stamp: Stamp) -> Change:
    since, _, told = tx.known(CursorMoved, FAILING).cursor.partition(" ")
    if message.endpoint != REGULATOR or not since:
        return ()
    ended = CursorMoved(message.platform_id, FAILING, "", stamp.at)
    return (ended, _of_outage(tx, message.platform_id, "regulator_reachable", since, level=30)) if told else (ended,)


def _of_outage(tx: Tx, platform_id: str, reason: str, since: str, *, level: int) -> Happened:
    leaving = (one.message for one in tx.noted(Leased))
    waiting = sum(one.endpoint == REGULATOR and one.kind == "report" for one in leaving)
    since_at = count_in(since)
    return notify(
        platform_id, REGULATOR, reason, _WHO_MUST_KNOW, level, tx.stamp(), key=since, since=since_at, waiting=waiting
    )


def _unusable(
    case: Case | None, message: OutboxMessage, result: Unusable, stamp: Stamp
) -> tuple[list[Write], OutboxMessage]:
    """It may be done, and asking again would bring the same: it waits until a person has the code mended."""
    parked = message.but(state="parked", maybe_arrived=True)
    if case is None:
        return [], parked
    if message.endpoint == ENFORCER:
        if item_of(case, message) is None:
            # Something later was decided meanwhile: since when this one was in force is asked by nobody.
            return [], message.but(state="done", maybe_arrived=False)
        return list(holding.answer_unusable(case, message, result.what, stamp)), parked
    return list(stuck((), case, *holding.UNUSABLE, stamp, message=message.id)), parked


def _case(tx: Tx, message: OutboxMessage) -> Case | None:
    try:
        return tx.case(message.case_id) if message.case_id else None
    except NotFound:
        return None
    except StoreDamaged:
        # An alert changes nothing about its case, and would be told again and again.
        if message.kind == "page":
            return None
        raise


def _is_waited_for(tx: Tx, message: OutboxMessage, now: int) -> bool:
    """Whether a later effect on the same object is due, and waits until this one is settled."""
    stream = tx.streams([message.lane])[message.lane]
    if stream.fault is not None:
        return False
    owners = {case_id for version, case_id, _ in object_in(stream).handed_out if version > message.lane_seq}
    behind = (one for case_id in owners for one in tx.open_messages(case_id) if one.lane == message.lane)
    return any(
        one.lane_seq > message.lane_seq and one.state == "queued" and one.next_attempt_at <= now for one in behind
    )


def _readable_case(tx: Tx, message: OutboxMessage) -> Case | None:
    try:
        return _case(tx, message)
    except StoreDamaged:
        return None


def _page_now(message: OutboxMessage, result: Result) -> bool:
    if isinstance(result, Failed) and result.permanent:
        return message.attempts in (1, 8, 64, 512)
    return message.attempts == PAGE_AFTER_ATTEMPTS
