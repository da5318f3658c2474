"""What the health route and the doctor say: whether each part of the machinery still runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kz_compliance_sdk.domain import metrics
from kz_compliance_sdk.domain.change import Heartbeat, count_in
from kz_compliance_sdk.domain.metrics import Metric, Reading
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.ports import Health
from kz_compliance_sdk.services.deadlines import CLOCK, STEPPED, WATCHER
from kz_compliance_sdk.services.sweep import SWEEPER

SILENT_AFTER_S = 300
"""How long a part may be silent before it is called so, in seconds."""

FEED_FAILS = "feed_unreadable"
"""The part whose heartbeat says that the feed could not be read."""

CLOCK_STEPPED_FOR_S = 86_400
"""How long it is told that the host's clock was set, in seconds."""

HUNG = "hung:"
"""Before an endpoint's name: the part whose heartbeat says that calls to it hang, not that it runs."""


def health_document(health: Health, now: int) -> dict[str, Any]:
    """A document for monitoring: counts, times and names of parts; no case, no content, nobody's name.

    `status` is `attention` when the watcher is silent, a case is overdue, a message is parked, an endpoint does not
    answer, calls to one have hung or the feed could not be read within the last SILENT_AFTER_S seconds, the host's
    clock was set within the last day, or the store itself has a fault.
    """
    last, hung, stepped = _last(health), _hung(health, now), _stepped(health, now)
    attention, watched_at = _attention(health, now), last.get(WATCHER)
    return {
        "status": "attention" if attention else "ok",
        "attention": attention,
        "now": instant_text(now),
        "watcher_last_ran": instant_text(watched_at) if watched_at is not None else None,
        "parts": {part: instant_text(at) for part, at in sorted(last.items())},
        "open_cases": dict(sorted(health.by_state.items())),
        "overdue": health.overdue,
        "suspended": health.suspended,
        "withheld": health.withheld,
        "oldest_due_at": instant_text(health.oldest_due_at) if health.oldest_due_at is not None else None,
        "undelivered": health.undelivered,
        "users_not_told": health.untold,
        "parked": health.parked,
        "hung_calls": hung,
        "clock_stepped": {"at": instant_text(stepped.at), "by": stepped.detail} if stepped is not None else None,
        "endpoints": {
            endpoint.endpoint: {
                "failures": endpoint.failures,
                "open_until": instant_text(endpoint.open_until) if endpoint.open_until > now else None,
            }
            for endpoint in health.endpoints
        },
    }


def readings(health: Health, now: int) -> list[Reading]:
    """The same as metrics: what stands, whichever process tells it."""
    found: dict[tuple[str, tuple[str, ...]], Reading] = {}
    for metric, labels, figure in _figures(health, now):
        values = metric.closed(labels)
        # What nobody listed has one name together, and is told once: of two the one that stands out.
        _, _, before = found.get((metric.name, values), (metric, values, figure))
        found[metric.name, values] = metric, values, max(figure, before)
    return [*found.values()]


def _figures(health: Health, now: int) -> Iterator[tuple[Metric, dict[str, str], float]]:
    for metric, figure in (
        (metrics.OVERDUE, health.overdue),
        (metrics.SUSPENDED, health.suspended),
        (metrics.WITHHELD, health.withheld),
        (metrics.UNDELIVERED, health.undelivered),
        (metrics.PARKED, health.parked),
        (metrics.NOT_TOLD, health.untold),
    ):
        yield metric, {}, figure
    if health.oldest_due_at is not None:
        yield metrics.OLDEST_DUE, {}, health.oldest_due_at
    for state, count in health.by_state.items():
        yield metrics.OPEN, {"state": state}, count
    for part, at in _last(health).items():
        yield metrics.LAST_RUN, {"part": part}, at
    for endpoint in health.endpoints:
        yield metrics.ENDPOINT_FAILURES, {"endpoint": endpoint.endpoint}, endpoint.failures
    holds = _attention(health, now)
    for reason in sorted({*metrics.ATTENTION.labels["reason"], *holds}):
        yield metrics.ATTENTION, {"reason": reason}, reason in holds
    for code, count in refusals_by_reason(health).items():
        yield metrics.REFUSALS, {"code": code}, count
    swept = next((beat for beat in health.heartbeats if beat.part == SWEEPER), None)
    yield metrics.MENDED, {}, count_in(swept.detail) if swept is not None else 0


def refusals_by_reason(health: Health) -> Counter[str]:
    """How many messages were not authentic, by the reason. For this side alone: whoever sends one may ask for the
    health document."""
    refused = Counter[str]()
    for one in health.refusals:
        refused[one.code] += one.count
    return refused


def _attention(health: Health, now: int) -> list[str]:
    """Why somebody must look."""
    runs = {beat.part: beat.at for beat in health.heartbeats}
    watched_at, feed_failed_at = runs.get(WATCHER), runs.get(FEED_FAILS)
    # One that ran in the future ran on a clock that was set back since, and has not run yet.
    silent = watched_at is None or abs(now - watched_at) > SILENT_AFTER_S
    fails = feed_failed_at is not None and runs.get("poller", 0) < feed_failed_at >= now - SILENT_AFTER_S
    return [
        reason
        for reason, holds in (
            (health.fault, bool(health.fault)),
            ("watcher_silent", silent),
            (STEPPED, _stepped(health, now) is not None),
            ("overdue_cases", health.overdue > 0),
            ("parked_messages", health.parked > 0),
            ("endpoint_down", any(endpoint.open_until > now for endpoint in health.endpoints)),
            ("hung_calls", bool(_hung(health, now))),
            (FEED_FAILS, fails),
        )
        if holds
    ]


def _last(health: Health) -> dict[str, int]:
    """When each part last ran."""
    beats = (beat for beat in health.heartbeats if not beat.part.startswith(HUNG))
    return {beat.part: beat.at for beat in beats if beat.part not in (FEED_FAILS, CLOCK, STEPPED)}


def _hung(health: Health, now: int) -> dict[str, str]:
    return {
        beat.part.removeprefix(HUNG): instant_text(beat.at)
        for beat in health.heartbeats
        if beat.part.startswith(HUNG) and now - beat.at <= SILENT_AFTER_S
    }


def _stepped(health: Health, now: int) -> Heartbeat | None:
    """When the clock was last set, within CLOCK_STEPPED_FOR_S."""
    return next((b for b in health.heartbeats if b.part == STEPPED and now - b.at <= CLOCK_STEPPED_FOR_S), None)
