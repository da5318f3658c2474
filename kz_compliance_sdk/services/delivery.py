# Over 350 lines because a message, from its lease to its record, is followed down this one page.
"""Draining the outbox: carry out what was decided, report it, and do not stop before a receipt is in hand.

Each message is leased and committed, then called outside any transaction, then its result is recorded. Whatever
happens in between, the lease runs out and somebody else goes on: by looking the message up first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kz_compliance_sdk.domain import results
from kz_compliance_sdk.domain.audit import SYSTEM, Stamp
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, EndpointState, MessageWrite, Write
from kz_compliance_sdk.domain.messages import BY_HAND, ENFORCER, NOTIFIER, REGULATOR, Respondent, item_of
from kz_compliance_sdk.domain.outbox import (
    PARK_AFTER_REFUSALS,
    Attempt,
    OutboxMessage,
    breaker_opens_until,
    next_attempt_at,
)
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.errors import ComplianceError, LeaseLost, NotFound, StoreError
from kz_compliance_sdk.ports import (
    Alert,
    ByPerson,
    Delivered,
    Effect,
    Enforcer,
    Failed,
    Future,
    InForce,
    Notifier,
    Pending,
    Regulator,
    Rejected,
    RetryAt,
    Store,
    Tx,
    Unknown,
)
from kz_compliance_sdk.services.loading import answering_of

LEASE_S = 120
_BREAKER_AFTER = 5
_LONGEST_RETRY_AFTER = 3600
_PAGE_AFTER_ATTEMPTS = 5
Result = Delivered | RetryAt | Rejected | Unknown | ByPerson | InForce | Pending | Failed


@dataclass(frozen=True, slots=True)
class Drained:
    """What one pass over the outbox came to."""

    leased: int = 0
    settled: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Ways:
    """Where messages go: one regulator adapter for each channel, the platform's enforcer, the pager. A process that
    cannot enforce leaves effects to one that can."""

    regulators: Mapping[str, Regulator]
    enforcer: Enforcer
    can_enforce: Callable[[], bool]
    notifier: Notifier
    link: Callable[[str], str]


class Delivery:
    """Carries out and reports for one platform."""

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
        in_flight: int = 8,
    ) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._respondent, self._ways = respondent, ways
        self._clock, self._random, self._spawn, self.in_flight = clock, random, spawn, in_flight

    # ------------------------------------------------------------------------------------------- one pass

    def drain_once(self) -> Drained:
        """Lease what is due, up to `in_flight`, and deliver it side by side."""
        messages = self.lease(self.in_flight)
        futures = [self._spawn(partial(self.deliver, message)) for message in messages]
        settled = sum(bool(future.result()) for future in futures)
        return Drained(len(messages), settled, len(messages) - settled)

    def lease(self, limit: int) -> list[OutboxMessage]:
        """Take due messages for LEASE_S seconds. An open breaker lets one message through as its probe."""
        return self._store.submit(self._platform, lambda tx: self._lease(tx, limit)).result()

    def _lease(self, tx: Tx, limit: int) -> tuple[Change, list[OutboxMessage]]:
        now = tx.now
        states = {name: tx.endpoint(name) for name in (REGULATOR, NOTIFIER)}
        closed = [name for name, state in states.items() if state.open_until > now]
        if not self._ways.can_enforce():
            closed.append(ENFORCER)
        probing = {name for name, state in states.items() if state.failures >= _BREAKER_AFTER and name not in closed}
        writes: list[Write] = []
        leased: list[OutboxMessage] = []
        probed: set[str] = set()
        touched: set[str] = set()
        for message in tx.due_messages(now, limit * 2 if probing else limit, closed):
            if len(leased) == limit or message.endpoint in probed:
                continue
            if message.case_id in touched:
                continue  # its case changes in this very pass: look at it again in the next
            current, note = self._still_wanted(tx, message)
            if not current:
                writes += note
                touched.add(message.case_id)
                continue
            if message.endpoint in probing:
                probed.add(message.endpoint)
                state = states[message.endpoint]
                writes.append(replace(state, open_until=now + LEASE_S))
            taken = replace(
                message,
                state="leased",
                lease_token=message.lease_token + 1,
                lease_expires_at=now + LEASE_S,
                next_attempt_at=now + LEASE_S,
                attempts=message.attempts + 1,
                # A lease that ran out was held by somebody who may have sent it.
                maybe_arrived=message.maybe_arrived or message.state == "leased",
            )
            writes.append(MessageWrite(taken, message.lease_token))
            leased.append(taken)
        return tuple(writes), leased

    def _still_wanted(self, tx: Tx, message: OutboxMessage) -> tuple[bool, list[Write]]:
        """An effect that was superseded, or whose object something else holds, must not be carried out."""
        if message.kind not in ("enforce", "restore"):
            return True, []
        case = tx.case(message.case_id)
        settled = replace(message, state="void", settled_at=tx.now, lease_token=message.lease_token + 1)
        if not results.is_current(case, message):
            return False, [MessageWrite(settled, message.lease_token)]
        if message.kind == "restore":
            key, item = json.loads(message.body)["object_key"], item_of(case, message)
            own = (case.id, item.item_id if item is not None else message.item_id)
            if any((hold.case_id, hold.item_id) != own for hold in tx.holds([key])):
                answering = answering_of(tx, case, self._respondent)
                stamp = Stamp(tx.now, SYSTEM)
                kept = results.measure_lifted(case, message, tx.now, answering, stamp, kept=True)
                return False, [MessageWrite(settled, message.lease_token), *kept]
        return True, []

    def deliver(self, message: OutboxMessage) -> bool:
        """Call and record. True if the message is settled. Nothing is raised: faults are results too."""
        started = self._clock()
        try:
            result = self._call(message)
        except Exception as error:  # noqa: BLE001  an adapter or the platform's own code failed: recorded, tried again
            result = (
                Failed(type(error).__name__)
                if message.endpoint == ENFORCER
                else Unknown(type(error).__name__)
                if message.endpoint == REGULATOR
                else RetryAt(type(error).__name__)
            )
        try:
            return self._store.submit(self._platform, lambda tx: self._record(tx, message, result, started)).result()
        except (LeaseLost, StoreError):
            return False  # somebody else took it over, or the lease will run out: the message is still there

    def _call(self, message: OutboxMessage) -> Result:
        if message.endpoint == ENFORCER:
            effect = _effect(message)
            return (
                self._ways.enforcer.enforce(effect)
                if message.kind == "enforce"
                else self._ways.enforcer.restore(effect)
            )
        if message.endpoint == NOTIFIER:
            self._ways.notifier.notify(self._alert(message))
            return Delivered("notified", self._clock(), b"")
        regulator = self._ways.regulators.get(message.endpoint)
        if regulator is None:
            return RetryAt(f"no regulator is configured for the channel {message.endpoint!r}")
        if message.maybe_arrived:
            found = regulator.look_up(message)
            if found is not None:
                return found
        return regulator.send(message)

    def _alert(self, message: OutboxMessage) -> Alert:
        body = json.loads(message.body)
        reference = body["case_reference"]
        return Alert(
            case_reference=reference,
            reason=body["reason"],
            due_at=body["due_at"],
            audience=tuple(body["audience"]),
            level=body["level"],
            link=self._ways.link(reference) if message.case_id else "",
        )

    # --------------------------------------------------------------------------------------- what came back

    def _record(self, tx: Tx, message: OutboxMessage, result: Result, started: int) -> tuple[Change, bool]:
        now = tx.now
        came_to, detail = _told(result)
        attempt = Attempt(
            self._platform, message.case_id, message.id, message.attempts, started, now, came_to, detail[:500]
        )
        stamp = Stamp(now, SYSTEM, _salt(message))
        free = replace(message, lease_expires_at=None)
        try:
            case = tx.case(message.case_id) if message.case_id else None
        except NotFound:
            case = None
        writes, after = self._outcome(tx, case, free, result, stamp)
        writes += self._breaker(tx, message, result, now)
        settled = after.state not in ("queued", "leased")
        if settled:
            after = replace(after, settled_at=now)
        return (*writes, MessageWrite(after, message.lease_token), attempt), settled

    def _outcome(
        self, tx: Tx, case: Case | None, message: OutboxMessage, result: Result, stamp: Stamp
    ) -> tuple[list[Write], OutboxMessage]:
        now = stamp.at
        match result:
            case Delivered():
                proof = encoded([[name, value] for name, value in result.signature]) if result.signature else b""
                done = replace(message, state="done", maybe_arrived=False, receipt=result.body, receipt_proof=proof)
                if case is None or message.kind == "page":
                    return [], done
                sha256 = hashlib.sha256(result.body).hexdigest()
                return list(results.receipt(case, message, result.receipt_id, sha256, stamp)), done
            case InForce() if case is not None:
                answering = answering_of(tx, case, self._respondent)
                land = results.measure_in_force if message.kind == "enforce" else results.measure_lifted
                return list(land(case, message, result.effective_at, answering, stamp)), replace(message, state="done")
            case Pending():
                at = max(now + 1, min(result.check_at, now + _LONGEST_RETRY_AFTER))
                waiting = replace(message, state="queued", next_attempt_at=at)
                return self._interim(tx, case, stamp), waiting
            case ByPerson():
                return [], replace(message, state="waiting")
            case Rejected():
                return self._rejected(case, message, result, stamp)
            case Failed() if result.permanent and message.kind == "enforce" and case is not None:
                return list(results.measure_failed(case, message, result.reason, stamp)), replace(
                    message, state="parked"
                )
            case _:
                again = self._again(message, result, now)
                if case is not None and message.endpoint == ENFORCER and _page_now(message, result):
                    stuck = results.measure_failed(case, message, _told(result)[1], stamp, permanent=False)
                    return list(stuck), again
                return self._interim(tx, case, stamp), again

    def _again(self, message: OutboxMessage, result: Result, now: int) -> OutboxMessage:
        at = next_attempt_at(now, message.attempts, message.deadline_at, self._random())
        if isinstance(result, RetryAt) and result.at is not None:
            asked = min(result.at, now + _LONGEST_RETRY_AFTER)
            if message.deadline_at is not None and now < message.deadline_at:
                asked = min(asked, message.deadline_at)
            at = max(at, asked)
        maybe = message.maybe_arrived or isinstance(result, Unknown)
        return replace(message, state="queued", next_attempt_at=at, maybe_arrived=maybe)

    def _rejected(
        self, case: Case | None, message: OutboxMessage, result: Rejected, stamp: Stamp
    ) -> tuple[list[Write], OutboxMessage]:
        refused = replace(message, refusals=message.refusals + 1, maybe_arrived=False)
        if not result.final and refused.refusals < PARK_AFTER_REFUSALS:
            at = next_attempt_at(stamp.at, refused.attempts, refused.deadline_at, self._random())
            return [], replace(refused, state="queued", next_attempt_at=at)
        parked = replace(refused, state="parked")
        return list(results.reject(case, message, result.code, stamp)) if case is not None else [], parked

    def _interim(self, tx: Tx, case: Case | None, stamp: Stamp) -> list[Write]:
        if case is None or not results.interim_due(case, self._policy, stamp.at):
            return []
        return list(results.report_interim(case, answering_of(tx, case, self._respondent), stamp))

    def _breaker(self, tx: Tx, message: OutboxMessage, result: Result, now: int) -> list[Write]:
        """The endpoint's state, shared by all hosts: open after failures in a row, then probed by one message."""
        if message.endpoint not in (REGULATOR, NOTIFIER):
            return []  # what fails on one object of the platform says nothing about the others
        state = tx.endpoint(message.endpoint)
        if isinstance(result, RetryAt | Unknown):
            failures = state.failures + 1
            broken = failures - _BREAKER_AFTER
            open_until = breaker_opens_until(now, broken, message.deadline_at) if broken >= 0 else 0
            return [replace(state, failures=failures, open_until=open_until, last_failure=_told(result)[1])]
        if state.failures:
            return [replace(state, failures=0, open_until=0, last_success_at=now)]
        return []


def _page_now(message: OutboxMessage, result: Result) -> bool:
    if isinstance(result, Failed) and result.permanent:
        return message.attempts in (1, 8, 64, 512)
    return message.attempts == _PAGE_AFTER_ATTEMPTS


def _effect(message: OutboxMessage) -> Effect:
    body = json.loads(message.body)
    return Effect(**{**body, "scope": tuple(body["scope"])})


def _salt(message: OutboxMessage) -> bytes:
    return hashlib.sha256(f"{message.id}.{message.attempts}".encode()).digest()


def _told(result: Result) -> tuple[str, str]:
    """What an attempt came to: its name in the records, and what there is to say about it."""
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


__all__ = ["BY_HAND", "LEASE_S", "ComplianceError", "Delivery", "Drained", "EndpointState", "Ways"]
