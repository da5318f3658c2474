"""Faults on command: which request they hit, how often, and what they do to it.

A fault decides and never acts: what a reply looks like is the handler's business, and what becomes of a connection
is the server's.
"""

from __future__ import annotations

import email.utils
import fnmatch
from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "BEFORE",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Outage",
    "OutageKind",
    "RetryAfterForm",
    "Route",
    "retry_after_value",
]

Route = Literal[
    "feed",
    "notice",
    "acknowledgement",
    "clarification_request",
    "report",
    "report_look_up",
    "registration",
    "sanctions",
]
FaultKind = Literal[
    "status", "latency", "reset_before", "reset_after", "wrong_digest", "wrong_subject", "unsigned", "bad_signature"
]
RetryAfterForm = Literal["seconds", "date"]
OutageKind = Literal["unavailable", "unreachable"]

BEFORE: Final = frozenset({"status", "latency", "reset_before"})
"""The kinds that strike before anything was processed; the others strike the reply."""

_ON_RECEIPTS: Final = frozenset({"wrong_digest", "wrong_subject"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Without `on` and `path` it hits every request of the interface.

    `status`: answer with `status`, and with `retry_after_s` in the form `retry_after_form` if it is given.
    `latency`: wait `latency_ms`, then go on. `reset_before`: reset the connection, nothing was processed.
    `reset_after`: process and record, then reset the connection. `wrong_digest`, `wrong_subject`: a receipt, rightly
    signed, that names other bytes or another message. `unsigned`, `bad_signature`: the right answer, not proved.

    `path` is a shell pattern over the request's path. `skip` lets that many matching requests through first; `times`
    None means for ever.
    """

    kind: FaultKind
    on: Route | None = None
    path: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int = 503
    retry_after_s: int | None = None
    retry_after_form: RetryAfterForm = "seconds"
    latency_ms: int = 0

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ValueError("a fault answers with a status from 400 to 599")
        if min(self.skip, self.latency_ms, self.retry_after_s or 0, self.times or 0) < 0 or self.times == 0:
            raise ValueError("times is 1 or more, or None; skip, latency_ms and retry_after_s are not negative")

    def hits(self, route: Route | None, path: str) -> bool:
        """Whether it is about such a request."""
        return (self.on is None or self.on == route) and (self.path is None or fnmatch.fnmatchcase(path, self.path))


@dataclass(frozen=True, slots=True)
class Outage:
    """The regulator is down: `unavailable` answers 503, `unreachable` resets each connection. It ends at `until`."""

    how: OutageKind = "unavailable"
    retry_after_s: int | None = None
    until: int | None = None


@dataclass(slots=True)
class _Armed:
    name: int
    fault: Fault
    skip: int
    left: int | None


class FaultPlan:
    """The faults that are still to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._count = 0
        self.outage: Outage | None = None

    def add(self, fault: Fault) -> int:
        """Arm `fault`. The number that comes back is for `remove`."""
        self._count += 1
        self._armed.append(_Armed(self._count, fault, fault.skip, fault.times))
        return self._count

    def remove(self, name: int) -> None:
        """Disarm one; nothing happens if it is already spent."""
        self._armed = [armed for armed in self._armed if armed.name != name]

    def clear(self) -> None:
        """Disarm all, and end an outage."""
        self._armed.clear()
        self.outage = None

    def armed(self) -> list[tuple[int, Fault, int | None]]:
        """Each fault with its number and how often it will still strike (None: for ever)."""
        return [(armed.name, armed.fault, armed.left) for armed in self._armed]

    def outage_at(self, now: int) -> Outage | None:
        """The outage that is under way at `now` (UTC seconds)."""
        outage = self.outage
        if outage is not None and outage.until is not None and now >= outage.until:
            self.outage = outage = None
        return outage

    def before(self, route: Route | None, path: str) -> list[Fault]:
        """Spend what strikes this request before it is processed. At most one of these ends it."""
        if not self._armed:
            return []
        struck: list[Fault] = []
        for armed in self._matching(route, path, early=True):
            if self._spend(armed):
                struck.append(armed.fault)
                if armed.fault.kind != "latency":
                    break
        return struck

    def after(self, route: Route | None, path: str, *, receipt: bool, proved: bool) -> list[Fault]:
        """Spend what strikes the reply. `receipt`: it carries one. `proved`: it carries a signature."""
        if not self._armed:
            return []
        return [
            armed.fault
            for armed in self._matching(route, path, early=False)
            if (receipt or armed.fault.kind not in _ON_RECEIPTS)
            and (proved or armed.fault.kind == "reset_after")
            and self._spend(armed)
        ]

    def _matching(self, route: Route | None, path: str, *, early: bool) -> list[_Armed]:
        return [
            armed for armed in self._armed if (armed.fault.kind in BEFORE) is early and armed.fault.hits(route, path)
        ]

    def _spend(self, armed: _Armed) -> bool:
        if armed.skip:
            armed.skip -= 1
            return False
        if armed.left is not None:
            armed.left -= 1
            if armed.left == 0:
                self._armed.remove(armed)
        return True


def retry_after_value(seconds: int, form: RetryAfterForm, now: int) -> str:
    """Both forms of RFC 9110 section 10.2.3: a number of seconds, or the date that they lead to."""
    return str(seconds) if form == "seconds" else email.utils.formatdate(now + seconds, usegmt=True)
