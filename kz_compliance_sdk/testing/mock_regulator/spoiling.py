"""What faults make of a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kz_compliance_sdk.testing.mock_regulator.exchange import Ending, Reply, problem_reply
from kz_compliance_sdk.testing.mock_regulator.faults import Fault, Outage, RetryAfterForm, retry_after_value
from kz_compliance_sdk.wire.problem import Problem

__all__ = ["down", "failing", "spoilt"]


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
