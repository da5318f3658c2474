"""The times that the platform's own code and an adapter give: each is looked at before anything is made of it."""

from __future__ import annotations

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.ports import Delivered, InForce, Pending, Resolved, RetryAt, Told

SKEW_S = 600
"""By how much the platform's clock may differ from this one's, in seconds. An hour is no skew but a local time."""

LONGEST_PENDING_S = 30 * 86_400
"""How far ahead the platform may ask to be asked again, in seconds."""

_2020, _2100 = 1_577_836_800, 4_102_444_800
_FIELDS = {
    InForce: "effective_at",
    Pending: "check_at",
    Told: "told_at",
    Delivered: "recorded_at",
    Resolved: "at",
    RetryAt: "at",
}


def wrong_time(answer: object, decided_at: int, now: int) -> str:
    """What is wrong with the time in an answer, and what to do: empty if nothing is. `decided_at` is when what was
    asked for was decided, UTC seconds."""
    name, field = next(
        ((kind.__name__, found) for kind, found in _FIELDS.items() if isinstance(answer, kind)), ("", "")
    )
    at = getattr(answer, field, None)
    if not field or (isinstance(answer, RetryAt) and at is None):
        return ""
    first = min(decided_at, now) - SKEW_S
    match answer:
        case InForce() | Told():
            last = now + SKEW_S
        case Pending():
            last = now + LONGEST_PENDING_S
        case _:
            # Another's clock, or a cache: it need not agree with ours. It need be a time.
            first, last = _2020, _2100
    if type(at) is int and (first <= at <= last or isinstance(answer, RetryAt)):
        return ""
    return (
        f"{name}.{field} is {_shown(at)}: it must be a whole number of UTC seconds between "
        f"{instant_text(first)} and {instant_text(last)}, such as int(time.time())"
    )


def _shown(at: object) -> str:
    """The value, unless it is no number: that may be a text about somebody."""
    if isinstance(at, int) and abs(at) >= 10**30:
        return "of more than 30 digits"
    return str(at) if at is None or isinstance(at, int | float) else f"of the type {type(at).__name__}"
