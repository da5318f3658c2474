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
_PROBLEMS: Final[Mapping[int, tuple[str, str, str | None]]] = {
    400: ("query_invalid", "The request cannot be read.", None),
    409: ("conflict", "Another message is recorded in its place.", None),
    422: ("schema_value", "The value is outside what the contract allows.", "items[0].outcome"),
    429: ("too_many_requests", "Too many requests.", None),
    500: ("internal_error", "An error occurred here.", None),
    503: ("unavailable", "The service is not available at the moment.", None),
}


def _unavailable(status: int, retry_after_s: int | None, form: RetryAfterForm, now: int) -> Reply:
    headers = () if retry_after_s is None else (("retry-after", retry_after_value(retry_after_s, form, now)),)
    code, detail, field = _PROBLEMS.get(status, (f"status_{status}", "The request was not done.", None))
    return problem_reply(Problem.of(code, status, detail, field=field), headers)
