"""Faults on command: what they hit, how often, and what they make of a reply.

A fault decides and never acts: what becomes of a connection is the server's business, and when a push leaves the
regulator's."""

from __future__ import annotations

import email.utils
import fnmatch
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from pydantic import ConfigDict

from kz_compliance_sdk.testing.mock_regulator.exchange import Ending, Reply, problem_reply
from kz_compliance_sdk.wire.v1 import Problem
from kz_compliance_sdk.wire.values import Instant

Route = Literal[
    "feed", "notice", "acknowledgement", "clarification_request", "report", "report_look_up", "registration",
    "sanctions",
]  # fmt: skip
FaultKind = Literal[
    "status", "latency", "reset_before", "hang_before", "reset_after", "hang_after", "truncated", "dripping", "garbage",
    "wrong_digest", "wrong_subject", "unsigned", "bad_signature", "slow_accept", "push_duplicated", "push_delayed",
    "push_reordered", "push_lost",
]  # fmt: skip
RetryAfterForm = Literal["seconds", "date"]
OutageKind = Literal["unavailable", "unreachable"]

BEFORE: Final = frozenset({"status", "latency", "reset_before", "hang_before"})
"""The kinds that strike before anything was processed."""
ENDINGS: Final = frozenset({"reset_after", "hang_after", "truncated", "dripping", "garbage"})
"""The kinds that strike any reply, after the request was processed."""
PUSHES: Final = frozenset({"push_duplicated", "push_delayed", "push_reordered", "push_lost"})
"""The kinds that strike a message on its way to the platform."""

READ_WHOLE: Final = ConfigDict(extra="forbid")
"""How pydantic reads a dataclass of the mock from JSON: a field that it does not have is a mistake."""

_ON_RECEIPTS: Final = frozenset({"wrong_digest", "wrong_subject"})
_NO_REQUEST: Final = PUSHES | {"slow_accept"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Without `on` and `path` it hits every request of the interface.

    Before anything is processed: `status` answers with `status`, a problem like a real one, and `retry_after_s` in the
    form `retry_after_form` if it is given. `latency` waits `latency_ms`, then goes on. `reset_before` resets the
    connection. `hang_before` never answers.

    Processed and recorded, and then: `reset_after` resets the connection, `hang_after` never answers, `truncated` ends
    in the middle of the body, `dripping` sends the body at `bytes_per_s`, `garbage` sends what is no HTTP.
    `wrong_digest`, `wrong_subject`: a receipt, rightly signed, that names other bytes or another message. `unsigned`,
    `bad_signature`: the right answer, not proved.

    To a connection: `slow_accept` leaves it waiting for `latency_ms` before anything is read.

    To a push: `push_duplicated` sends it twice, `push_delayed` sends it `delay_s` seconds later, `push_reordered` after
    the next one to the same platform or `delay_s` seconds later, `push_lost` never.

    `path` is a shell pattern over the request's path. `skip` lets that many matching requests through first; `times`
    None means for ever: with 5 and status 500 it is a burst.
    """

    __pydantic_config__ = READ_WHOLE

    kind: FaultKind
    on: Route | None = None
    path: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int = 503
    retry_after_s: int | None = None
    retry_after_form: RetryAfterForm = "seconds"
    latency_ms: int = 0
    bytes_per_s: int = 100
    delay_s: int = 60

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"a fault is one of {', '.join(get_args(FaultKind))}")
        if not 400 <= self.status <= 599:
            raise ValueError("a fault answers with a status from 400 to 599")
        if min(self.skip, self.latency_ms, self.retry_after_s or 0, self.times or 0) < 0 or self.times == 0:
            raise ValueError("times is 1 or more, or None; skip, latency_ms and retry_after_s are not negative")
        if self.bytes_per_s < 1 or self.delay_s < 1:
            raise ValueError("a fault has bytes_per_s and delay_s of 1 or more")
        if self.kind in _NO_REQUEST and (self.on or self.path):
            raise ValueError(f"the fault {self.kind} hits no request: it takes neither on nor path")

    def hits(self, route: Route | None, path: str) -> bool:
        """Whether it is about such a request."""
        return (
            self.kind not in _NO_REQUEST
            and (self.on is None or self.on == route)
            and (self.path is None or fnmatch.fnmatchcase(path, self.path))
        )


@dataclass(frozen=True, slots=True)
class Outage:
    """The regulator is down: `unavailable` answers 503, `unreachable` resets each connection. It ends at `until`
    (UTC seconds; None: when it is told to)."""

    __pydantic_config__ = READ_WHOLE

    how: OutageKind = "unavailable"
    retry_after_s: int | None = None
    until: Instant | None = None


@dataclass(slots=True)
class _Armed:
    name: int
    fault: Fault
    skip: int
    left: int | None


class FaultPlan:
    """The faults that are still to come, in the order in which they were added.

    `struck` counts how often each kind has struck; an outage counts under `unavailable` or `unreachable`.
    """

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._count = 0
        self.outage: Outage | None = None
        self.struck: Counter[str] = Counter()

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
        struck: list[Fault] = []
        for fault in self._struck_by(lambda fault: fault.kind in BEFORE and fault.hits(route, path)):
            struck.append(fault)
            if fault.kind != "latency":
                break
        return struck

    def after(self, route: Route | None, path: str, *, receipt: bool, proved: bool) -> list[Fault]:
        """Spend what strikes the reply. `receipt`: it carries one. `proved`: it carries a signature."""
        return [
            *self._struck_by(
                lambda fault: (
                    fault.kind not in BEFORE
                    and fault.hits(route, path)
                    and (receipt or fault.kind not in _ON_RECEIPTS)
                    and (proved or fault.kind in ENDINGS)
                )
            )
        ]

    def of_push(self) -> list[Fault]:
        """Spend what strikes one push."""
        return [*self._struck_by(lambda fault: fault.kind in PUSHES)]

    def of_connection(self) -> int:
        """Spend what strikes a new connection: for how many milliseconds nothing is read from it."""
        return sum(fault.latency_ms for fault in self._struck_by(lambda fault: fault.kind == "slow_accept"))

    def _struck_by(self, is_meant: Callable[[Fault], bool]) -> Iterator[Fault]:
        for armed in tuple(self._armed):
            if is_meant(armed.fault) and self._spend(armed):
                yield armed.fault

    def _spend(self, armed: _Armed) -> bool:
        if armed.skip:
            armed.skip -= 1
            return False
        self.struck[armed.fault.kind] += 1
        if armed.left is not None:
            armed.left -= 1
            if armed.left == 0:
                self._armed.remove(armed)
        return True


def retry_after_value(seconds: int, form: RetryAfterForm, now: int) -> str:
    """Both forms of RFC 9110 section 10.2.3: a number of seconds, or the date that they lead to."""
    return str(seconds) if form == "seconds" else email.utils.formatdate(now + seconds, usegmt=True)


def down(outage: Outage, now: int) -> Reply:
    """What an outage answers."""
    if outage.how == "unreachable":
        return Reply(503, ending="reset")
    return _unavailable(503, outage.retry_after_s, "seconds", now)


def failing(fault: Fault, now: int) -> Reply:
    """What a fault answers that strikes before anything is processed. `now` is UTC seconds."""
    if fault.kind == "status":
        return _unavailable(fault.status, fault.retry_after_s, fault.retry_after_form, now)
    return Reply(503, ending="reset" if fault.kind == "reset_before" else "hang")


_ENDINGS: Final[Mapping[str, Ending]] = {
    "reset_after": "reset",
    "hang_after": "hang",
    "garbage": "garbage",
    "truncated": "truncated",
}


def spoilt(reply: Reply, late: list[Fault]) -> Reply:
    """The reply as the network lets it through; of several endings the first is its end."""
    ending = next((_ENDINGS[fault.kind] for fault in late if fault.kind in _ENDINGS), reply.ending)
    rate = next((fault.bytes_per_s for fault in late if fault.kind == "dripping"), 0)
    return replace(reply, ending=ending, bytes_per_s=rate)


# What a real one would say: whoever reads these must not be able to tell that somebody asked for them.
_PROBLEMS: Final[Mapping[int, Problem]] = {
    409: Problem.of("conflict", 409, "Another message is recorded in its place."),
    422: Problem.of("schema_value", 422, "The value is outside what the contract allows.", field="items[0].outcome"),
    429: Problem.of("too_many_requests", 429, "Too many requests."),
    503: Problem.of("unavailable", 503, "The service is not available at the moment."),
}


def _problem(status: int) -> Problem:
    if status in _PROBLEMS:
        return _PROBLEMS[status]
    if status >= 500:
        return Problem.of("internal_error", status, "An error occurred here.")
    return Problem.of("query_invalid", status, "The request cannot be read.")


def _unavailable(status: int, retry_after_s: int | None, form: RetryAfterForm, now: int) -> Reply:
    headers = () if retry_after_s is None else (("retry-after", retry_after_value(retry_after_s, form, now)),)
    return problem_reply(_problem(status), headers)
