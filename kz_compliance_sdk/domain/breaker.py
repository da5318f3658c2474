"""The breaker of an endpoint: after failures in a row it is left alone, but for one message at a time, its probe.

All hosts share one state. It never costs an urgent message more than an eighth of the time that it has left.
"""

from __future__ import annotations

from dataclasses import replace

from kz_compliance_sdk.domain.change import EndpointState
from kz_compliance_sdk.domain.outbox import LONGEST_WAIT_S, next_attempt_at

OPENS_AFTER = 5


def is_open(state: EndpointState, now: int) -> bool:
    """Whether nothing is sent to the endpoint at `now`, UTC seconds. Nobody but an edited row leaves it alone for
    longer than any message waits."""
    return now < state.open_until <= now + LONGEST_WAIT_S


def probing(state: EndpointState, until: int) -> EndpointState:
    """A probe is on its way, and nothing else until it is back or `until` has passed."""
    return replace(state, open_until=until)


def opens_until(now: int, broken: int, deadline_at: int | None) -> int:
    """Until when an endpoint is left alone after `broken` failures past the one that opened its breaker."""
    return next_attempt_at(now, broken, deadline_at, 0.0)


def hastened(state: EndpointState, now: int, deadline_at: int | None) -> EndpointState:
    """An open breaker closes sooner for what must leave by `deadline_at`: whoever opened it had more time."""
    if deadline_at is None or not is_open(state, now):
        return state
    soonest = opens_until(now, max(0, state.failures - OPENS_AFTER), deadline_at)
    return state if state.open_until <= soonest else replace(state, open_until=soonest)


def failed(state: EndpointState, now: int, what: str, deadline_at: int | None) -> EndpointState:
    """One more failure in a row; `deadline_at` is that of the message that failed."""
    failures = state.failures + 1
    broken = failures - OPENS_AFTER
    until = opens_until(now, broken, deadline_at) if broken >= 0 else 0
    return replace(state, failures=failures, open_until=until, last_failure=what)


def succeeded(state: EndpointState, now: int) -> EndpointState:
    """It does its work."""
    return replace(state, failures=0, open_until=0, last_success_at=now) if state.failures else state
