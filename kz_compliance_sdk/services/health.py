"""What the health route and the doctor say: whether each part of the machinery still runs."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.ports import Health
from kz_compliance_sdk.services.deadlines import CLOCK, STEPPED

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
    last = {beat.part: beat.at for beat in health.heartbeats if not beat.part.startswith(HUNG)}
    feed_failed_at = last.pop(FEED_FAILS, None)
    fails = feed_failed_at is not None and last.get("poller", 0) < feed_failed_at >= now - SILENT_AFTER_S
    hung = {
        beat.part.removeprefix(HUNG): instant_text(beat.at)
        for beat in health.heartbeats
        if beat.part.startswith(HUNG) and now - beat.at <= SILENT_AFTER_S
    }
    watched_at = last.get("watcher")
    # One that ran in the future ran on a clock that was set back since, and has not run yet.
    silent = watched_at is None or abs(now - watched_at) > SILENT_AFTER_S
    last.pop(CLOCK, None)
    last.pop(STEPPED, None)
    stepped = next((b for b in health.heartbeats if b.part == STEPPED and now - b.at <= CLOCK_STEPPED_FOR_S), None)
    attention = [
        reason
        for reason, holds in (
            (health.fault, bool(health.fault)),
            ("watcher_silent", silent),
            (STEPPED, stepped is not None),
            ("overdue_cases", health.overdue > 0),
            ("parked_messages", health.parked > 0),
            ("endpoint_down", any(endpoint.open_until > now for endpoint in health.endpoints)),
            ("hung_calls", bool(hung)),
            (FEED_FAILS, fails),
        )
        if holds
    ]
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
