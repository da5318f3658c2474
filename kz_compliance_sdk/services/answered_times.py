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
    field = _FIELDS.get(type(answer), "")
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
    given = repr(at) if not isinstance(at, int) or abs(at) < 10**24 else f"{str(at)[:24]}..."
    return (
        f"{type(answer).__name__}.{field} is {given[:40]}: it must be a whole number of UTC seconds between "
        f"{instant_text(first)} and {instant_text(last)}, such as int(time.time())"
    )
